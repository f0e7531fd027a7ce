// Which size a page asks for: no browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Claim } from '../../static/claim.js';

const [full, covered, turned] = [{ cols: 90, rows: 50 }, { cols: 90, rows: 20 }, { cols: 120, rows: 30 }];

test('a desk asks for what its window would like', () => {
  const claim = new Claim('desk');
  assert.equal(claim.size, null);
  assert.equal(claim.wants(full), true);
  assert.equal(claim.wants({ ...full }), false, 'the same is not told again');
  assert.equal(claim.wants(covered), true, 'a lower window is a lower window');
  assert.deepEqual(claim.size, covered);
  assert.equal(claim.wants(null), true);
  assert.equal(claim.size, null, 'a window that shows nothing asks for nothing');
});

test('a phone asks for nothing until its person says so', () => {
  const claim = new Claim('phone');
  for (const size of [full, covered, turned]) assert.equal(claim.wants(size), false);
  assert.equal(claim.size, null);
  claim.take(full);
  assert.deepEqual(claim.size, full, 'and keeps it for a reconnect');
  assert.equal(claim.wants(covered, true), false, 'the keyboard changes nothing');
  assert.equal(claim.wants(turned), false, 'nor does turning it');
  assert.deepEqual(claim.size, full);
});

test('a tablet asks as a desk does, but for what its keyboard covers', () => {
  const claim = new Claim('tablet');
  assert.equal(claim.wants(full), true);
  assert.equal(claim.wants(covered, true), false);
  assert.equal(claim.wants(full, true), false, 'the keyboard is gone: nothing has changed');
  assert.equal(claim.wants(turned, true), true);
  assert.equal(claim.wants(full), true);
  assert.equal(claim.wants(covered, false), true, 'without a keyboard it is the window');
});
