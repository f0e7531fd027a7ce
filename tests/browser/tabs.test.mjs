// What tabs say and which buttons there are, and how much of the picture is left out: no browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cut } from '../../static/crop.js';
import { closing, furniture, tab } from '../../static/tabs.js';

const window = (more = {}) =>
  ({ id: '@1', index: 0, name: 'vim', active: false, bell: false, activity: false, zoomed: false, panes: 1, ...more });

test('a tab shows number, name and marks, and says them', () => {
  assert.deepEqual(tab(window({ active: true, zoomed: true, panes: 3 }), true),
    { id: '@1', index: '0', name: 'vim', current: true, signs: '⤢', said: '(zoomed)', title: 'Window 0 “vim”, 3 panes' });
  const marked = tab(window({ bell: true, activity: true }), true);
  assert.deepEqual([marked.signs, marked.said, marked.current], ['!#', '(bell, activity)', false]);
  assert.match(marked.title, /^Switch to window 0 “vim”, for everybody/);
  assert.match(tab(window(), false).title, /only who may type/);
  assert.match(tab(window({ name: '' }), true).title, /^Switch to window 0, /);
});

test('one window has no tab, and only what can be done with it is offered', () => {
  const active = window({ active: true });
  const shown = (windows, drives = true, more = 0) => {
    const { tabs, create, zoom, close } = furniture({ windows, more }, drives);
    return [tabs.length, create, zoom, close];
  };
  assert.deepEqual(shown([]), [0, false, false, false]);
  assert.deepEqual(shown([active]), [0, true, false, false]);
  assert.deepEqual(shown([window({ active: true, panes: 2 })]), [0, true, true, false]);
  assert.deepEqual(shown([active, window({ id: '@2' })]), [2, true, false, true]);
  assert.deepEqual(shown([active, window({ id: '@2', panes: 2 })]), [2, true, false, true], 'zoom is about the current one');
  assert.deepEqual(shown([active, window({ id: '@2' })], false), [2, false, false, false], 'who only watches');
  assert.deepEqual(shown([active], true, 5), [1, true, false, true]);
  assert.equal(furniture({ windows: [active], more: 5 }, true).more, '+5');
  assert.deepEqual(furniture({}, true).tabs, [], 'a message without windows');
});

test('closing says what ends', () => {
  assert.match(closing(window(), false).text, /What runs in it ends/);
  assert.match(closing(window({ panes: 4 }), false).text, /its 4 panes ends/);
  const last = closing(window(), true);
  assert.match(last.text, /the session ends/);
  assert.equal(last.label, 'End the session');
});

test('the status line is cut off at its edge, and is there while the cursor is in it', () => {
  const bottom = { at: 'bottom', rows: 1 };
  const top = { at: 'top', rows: 2 };
  for (const [status, hides, rows, cursor, wanted] of [
    [bottom, false, 24, 5, [0, 0]],
    [bottom, true, 24, 5, [0, 1]],
    [bottom, true, 24, 22, [0, 1]],
    [bottom, true, 24, 23, [1, 0]],
    [top, true, 24, 2, [2, 0]],
    [top, true, 24, 1, [0, 2]],
    [top, true, 24, 23, [2, 0]],
    [{ at: 'off', rows: 0 }, true, 24, 23, [0, 0]],
    [bottom, true, 1, 0, [0, 0]],
    [{ at: 'bottom', rows: 5 }, true, 5, 0, [0, 0]],
    [{ at: 'bottom' }, true, 24, 3, [0, 0]],
  ]) {
    const { top: above, bottom: below } = cut(status, hides, rows, cursor);
    assert.deepEqual([above, below], wanted, JSON.stringify([status, hides, rows, cursor]));
  }
});
