// What is chosen, and what a broken or refused storage leaves of it. No browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Settings } from '../../static/settings.js';

const ENTRY = 'muxview.settings';

/** What the tabs of a browser share; `tab()` opens one. */
function browser(kept) {
  const entries = new Map(kept === undefined ? [] : [[ENTRY, kept]]);
  const tabs = [];
  return {
    entries,
    tab() {
      const events = new EventTarget();
      tabs.push(events);
      return new Settings(() => ({
        getItem: (key) => entries.get(key) ?? null,
        setItem(key, value) {
          entries.set(key, value);
          for (const other of tabs.filter((tab) => tab !== events)) other.dispatchEvent(Object.assign(new Event('storage'), { key }));
        },
      }), events);
    },
    clear() {
      entries.clear();
      for (const tab of tabs) tab.dispatchEvent(Object.assign(new Event('storage'), { key: null }));
    },
  };
}

test('a choice is kept, and told once, in every tab', () => {
  const shared = browser();
  const [one, two] = [shared.tab(), shared.tab()];
  const heard = [];
  one.on('theme', (value) => heard.push(['one', value]));
  const off = two.on('theme', (value) => heard.push(['two', value]));
  assert.equal(one.get('theme'), 'system');
  assert.equal(one.chosen('theme'), false);
  assert.equal(one.set('theme', 'paper'), true);
  assert.deepEqual(heard.sort(), [['one', 'paper'], ['two', 'paper']]);
  assert.equal(two.get('theme'), 'paper');
  assert.equal(two.chosen('theme'), true);
  one.set('theme', 'paper');
  one.set('fontSize', 20);
  assert.equal(heard.length, 2, 'nothing is told that did not change');
  off();
  two.set('theme', 'system');
  assert.deepEqual(heard.slice(2), [['one', 'system']]);
  assert.equal(shared.tab().get('fontSize'), 20);
});

test('what a setting cannot be is refused', () => {
  const settings = browser().tab();
  for (const [key, value] of [['fontSize', 5], ['fontSize', 41], ['fontSize', '14'], ['fontSize', NaN], ['renderer', 'canvas'],
    ['screenReader', 1], ['keyBar', true], ['theme', ''], ['theme', 'a b'], ['font', 'x'.repeat(201)], ['font', null]]) {
    const before = settings.get(key);
    assert.equal(settings.set(key, value), false, `${key} ${value}`);
    assert.equal(settings.get(key), before);
  }
  assert.throws(() => settings.get('fontsize'), /no setting/);
  assert.throws(() => settings.set('toString', true), /no setting/);
});

test('what storage holds and no setting can be is the default', () => {
  for (const broken of ['', '{', 'null', '7', '"x"', '[]', '{"fontSize":"big","theme":7,"renderer":"canvas","colour":"red","__proto__":{"bell":false}}']) {
    const settings = browser(broken).tab();
    assert.deepEqual(['fontSize', 'theme', 'renderer', 'bell'].map((key) => settings.get(key)), [14, 'system', 'dom', true], broken);
    assert.equal(settings.set('bell', false), true);
    assert.equal(settings.get('bell'), false);
  }
});

test('one broken value does not take the others with it', () => {
  const settings = browser('{"fontSize":1000,"theme":"paper"}').tab();
  assert.deepEqual([settings.get('fontSize'), settings.get('theme')], [14, 'paper']);
});

test('a browser that keeps nothing still has the choices while the page is open', () => {
  const refuse = () => {
    throw new DOMException('no', 'SecurityError');
  };
  const full = { getItem: () => null, setItem: refuse };
  for (const storage of [refuse, () => full, undefined]) {
    const settings = new Settings(storage, undefined);
    const heard = [];
    settings.on('bell', (value) => heard.push(value));
    assert.equal(settings.set('bell', false), true);
    assert.equal(settings.get('bell'), false);
    assert.deepEqual(heard, [false]);
  }
});

test('reset, and storage that was cleared, are told', () => {
  const shared = browser();
  const settings = shared.tab();
  const heard = [];
  for (const key of ['theme', 'fontSize']) settings.on(key, (value) => heard.push(value));
  settings.set('theme', 'paper');
  settings.set('fontSize', 10);
  settings.reset();
  assert.deepEqual(heard, ['paper', 10, 'system', 14]);
  assert.equal(settings.chosen('theme'), false);
  settings.set('fontSize', 11);
  shared.clear();
  assert.deepEqual(heard.slice(4), [11, 14]);
});
