// What each key event is for, and what becomes of pasted text: tables, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CHORDS, decide, platform } from '../../static/keyboard.js';
import { sections, WORDS } from '../../static/sheet-words.js';

const LINUX = { mac: false, windows: false, optionIsMeta: false };
const WINDOWS = { ...LINUX, windows: true };
const MAC = { ...LINUX, mac: true };
const META_MAC = { ...MAC, optionIsMeta: true };

/** `press('Ctrl+Shift', 'C', 'KeyC')`: the event, as browsers make it. */
function press(held, key, code = '', more = {}) {
  const has = (name) => held.split('+').includes(name);
  return {
    type: 'keydown', key, code, keyCode: 0, isComposing: false,
    ctrlKey: has('Ctrl'), shiftKey: has('Shift'), altKey: has('Alt'), metaKey: has('Cmd'),
    getModifierState: (name) => name === 'AltGraph' && has('AltGr'), ...more,
  };
}

const type = (text) => ({ do: 'type', text });

for (const [what, here, event, action] of [
  ['Ctrl-Shift-C copies', LINUX, press('Ctrl+Shift', 'C', 'KeyC'), { do: 'copy' }],
  ['… with caps lock', LINUX, press('Ctrl+Shift', 'c', 'KeyC'), { do: 'copy' }],
  ['… on a Mac as well', MAC, press('Ctrl+Shift', 'C', 'KeyC'), { do: 'copy' }],
  ['… where the layout has C (Dvorak)', LINUX, press('Ctrl+Shift', 'C', 'KeyI'), { do: 'copy' }],
  ['… not where a US keyboard has it', LINUX, press('Ctrl+Shift', 'J', 'KeyC'), null],
  ['… but there where the layout has no Latin letters', LINUX, press('Ctrl+Shift', 'С', 'KeyC'), { do: 'copy' }],
  ['Cmd-C copies on a Mac', MAC, press('Cmd', 'c', 'KeyC'), { do: 'copy' }],
  ['the Windows key does not', WINDOWS, press('Cmd', 'c', 'KeyC'), null],
  ['Ctrl-Insert copies', WINDOWS, press('Ctrl', 'Insert', 'Insert'), { do: 'copy' }],
  ['Ctrl-C interrupts', LINUX, press('Ctrl', 'c', 'KeyC'), null],
  ['Ctrl-V is the program’s', LINUX, press('Ctrl', 'v', 'KeyV'), null],
  ['Ctrl-Shift-V pastes', LINUX, press('Ctrl+Shift', 'V', 'KeyV'), { do: 'paste' }],
  ['Shift-Insert pastes', LINUX, press('Shift', 'Insert', 'Insert'), { do: 'paste' }],
  ['Cmd-V pastes on a Mac', MAC, press('Cmd', 'v', 'KeyV'), { do: 'paste' }],
  ['Ctrl-Alt-Shift-V is no chord', LINUX, press('Ctrl+Alt+Shift', 'V', 'KeyV'), null],
  ['a chord let go is none', LINUX, press('Ctrl+Shift', 'C', 'KeyC', { type: 'keyup' }), null],
  ['Ctrl-Shift-? is the sheet', LINUX, press('Ctrl+Shift', '?', 'Slash'), { do: 'sheet' }],
  ['… on a German keyboard', WINDOWS, press('Ctrl+Shift', '?', 'Minus'), { do: 'sheet' }],
  ['? alone is typed', LINUX, press('Shift', '?', 'Slash'), null],
  ['Ctrl-Shift-F6 leads out', LINUX, press('Ctrl+Shift', 'F6', 'F6'), { do: 'leave' }],
  ['F6 is the program’s', LINUX, press('', 'F6', 'F6'), null],

  ['an input method has its keys', LINUX, press('Ctrl+Shift', 'C', 'KeyC', { isComposing: true }), { do: 'compose' }],
  ['… known by their number, too', LINUX, press('Ctrl+Shift', 'Process', 'KeyC', { keyCode: 229 }), { do: 'compose' }],
  ['… but Option with a dead key of a Mac is Meta', META_MAC, press('Alt', 'Dead', 'KeyE', { keyCode: 229 }), null],
  ['… by setting', MAC, press('Alt', 'Dead', 'KeyE', { keyCode: 229 }), { do: 'compose' }],
  ['AltGr itself is kept from xterm.js', LINUX, press('AltGr', 'AltGraph', 'AltRight'), { do: 'drop' }],
  ['AltGr-Q is @', LINUX, press('AltGr', '@', 'KeyQ'), null], // no flag: plain text for xterm.js
  ['… though a browser says Alt as well', LINUX, press('AltGr+Alt', '@', 'KeyQ'), type('@')],
  ['… with a character beyond the BMP', LINUX, press('AltGr+Alt', '𝛼', 'KeyQ'), type('𝛼')],
  ['… on Windows left to the layout', WINDOWS, press('AltGr+Ctrl+Alt', '@', 'KeyQ'), null],
  ['Ctrl-AltGr-8 is Escape where that is [', LINUX, press('AltGr+Ctrl', '[', 'Digit8'), type('\x1b')],
  ['Alt-X is Meta', LINUX, press('Alt', 'x', 'KeyX'), null],
  ['Ctrl-Alt-X on Windows is Meta if the layout has nothing there', WINDOWS, press('Ctrl+Alt', 'x', 'KeyX'), type('\x1b\x18')],
  ['… and not if it has', WINDOWS, press('Ctrl+Alt', 'ą', 'KeyA'), null],
  ['a dead key is the browser’s', LINUX, press('', 'Dead', 'BracketLeft'), null],

  ['Option-X is Meta by setting', META_MAC, press('Alt', '≈', 'KeyX'), null],
  ['Option-L is @ where the layout says so', META_MAC, press('Alt', '@', 'KeyL'), type('@')],
  ['… with Shift as well', META_MAC, press('Alt+Shift', '\\', 'Digit7'), type('\\')],
  ['a layout that ignores Option leaves it Meta', META_MAC, press('Alt', 'x', 'KeyX'), null],
  ['… with digits', META_MAC, press('Alt', '5', 'Digit5'), null],
  ['without the setting Option is the layout’s', MAC, press('Alt', '@', 'KeyL'), null],
  ['Option with Ctrl is xterm.js’s', META_MAC, press('Alt+Ctrl', '@', 'KeyL'), null],

  ['Shift-PageUp goes to tmux', LINUX, press('Shift', 'PageUp', 'PageUp'), type('\x1b[5;2~')],
  ['Alt-PageDown keeps its Alt', LINUX, press('Alt', 'PageDown', 'PageDown'), type('\x1b[6;3~')],
  ['PageUp alone is xterm.js’s', LINUX, press('', 'PageUp', 'PageUp'), null],
  ['Ctrl-/ is ^_', LINUX, press('Ctrl', '/', 'Slash'), type('\x1f')],
  ['Ctrl-2 is NUL', LINUX, press('Ctrl', '2', 'Digit2'), type('\0')],
]) {
  test(what, () => assert.deepEqual(decide(event, here), action));
}

test('a Mac and Windows are known by their names', () => {
  assert.deepEqual(platform({ platform: 'MacIntel' }), { mac: true, windows: false });
  assert.deepEqual(platform({ platform: 'Win32' }), { mac: false, windows: true });
  assert.deepEqual(platform({ platform: 'Linux x86_64' }), { mac: false, windows: false });
  assert.deepEqual(platform(undefined), { mac: false, windows: false });
});

test('the sheet has every chord of the page, on every machine', () => {
  assert.deepEqual(CHORDS.map(({ does }) => does).sort(), Object.keys(WORDS).sort());
  for (const here of [LINUX, MAC]) {
    const [, rows] = sections(here)[0];
    assert.equal(rows.length, CHORDS.length);
    for (const [chords, what] of rows) {
      assert.ok(what && chords.length > 0, what);
      assert.equal(chords.flat().includes('Cmd'), false, 'it is ⌘, and on a Mac only');
    }
  }
  assert.deepEqual(sections(MAC)[0][1][0], [[['⌘', 'C'], ['⌃', '⇧', 'C'], ['⌃', 'Insert']], WORDS.copy]);
});
