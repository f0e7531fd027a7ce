// What the keys of the bar send, and the modifiers that stay down: no browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, modify } from '../../static/keystroke.js';
import { Modifiers } from '../../static/modifiers.js';

const [none, ctrl, alt, shift, both] = [{}, { ctrl: true }, { alt: true }, { shift: true }, { ctrl: true, alt: true }];
const application = { applicationCursorKeysMode: true };

test('keys send what xterm sends', () => {
  for (const [key, held, modes, sent] of [
    ['Escape', none, {}, '\x1b'], ['Escape', alt, {}, '\x1b\x1b'],
    ['Tab', none, {}, '\t'], ['Tab', shift, {}, '\x1b[Z'], ['Tab', alt, {}, '\x1b\t'],
    ['Enter', none, {}, '\r'], ['Enter', alt, {}, '\x1b\r'],
    ['Backspace', none, {}, '\x7f'], ['Backspace', ctrl, {}, '\b'], ['Backspace', alt, {}, '\x1b\x7f'],
    ['ArrowUp', none, {}, '\x1b[A'], ['ArrowUp', none, application, '\x1bOA'],
    ['ArrowUp', ctrl, {}, '\x1b[1;5A'], ['ArrowUp', ctrl, application, '\x1b[1;5A'],
    ['ArrowLeft', shift, {}, '\x1b[1;2D'], ['ArrowRight', alt, {}, '\x1b[1;3C'], ['ArrowDown', both, {}, '\x1b[1;7B'],
    ['Home', none, {}, '\x1b[H'], ['Home', none, application, '\x1bOH'], ['End', ctrl, {}, '\x1b[1;5F'],
    ['PageUp', none, {}, '\x1b[5~'], ['PageUp', none, application, '\x1b[5~'], ['PageDown', ctrl, {}, '\x1b[6;5~'],
    ['Delete', none, {}, '\x1b[3~'], ['Insert', shift, {}, '\x1b[2;2~'],
    ['c', ctrl, {}, '\x03'], ['C', ctrl, {}, '\x03'], ['z', ctrl, {}, '\x1a'], [' ', ctrl, {}, '\0'], ['@', ctrl, {}, '\0'],
    ['[', ctrl, {}, '\x1b'], ['\\', ctrl, {}, '\x1c'], [']', ctrl, {}, '\x1d'], ['^', ctrl, {}, '\x1e'], ['_', ctrl, {}, '\x1f'],
    ['/', ctrl, {}, '\x1f'], ['?', ctrl, {}, '\x7f'], ['é', ctrl, {}, 'é'], ['-', ctrl, {}, '-'],
    ['x', alt, {}, '\x1bx'], ['x', both, {}, '\x1b\x18'], ['é', alt, {}, '\x1bé'], ['a', shift, {}, 'A'], ['|', none, {}, '|'],
  ]) assert.equal(encode(key, held, modes), sent, `${key} ${JSON.stringify(held)}`);
});

test('what was typed without a modifier is sent with it, if it is one key', () => {
  for (const [typed, held, sent] of [
    ['c', ctrl, '\x03'], ['x', alt, '\x1bx'], ['\r', alt, '\x1b\r'], ['\x7f', ctrl, '\b'], ['\t', shift, '\x1b[Z'], ['\x1b', alt, '\x1b\x1b'],
    ['\x1b[A', ctrl, '\x1b[1;5A'], ['\x1bOA', ctrl, '\x1b[1;5A'], ['\x1b[5~', ctrl, '\x1b[5;5~'], ['\x1b[H', shift, '\x1b[1;2H'],
    ['😀', alt, '\x1b😀'], ['漢', ctrl, '漢'],
    ['word', ctrl, null], ['\x1b[200~c\x1b[201~', ctrl, null], ['\x1b[1;2A', ctrl, null], ['', ctrl, null],
  ]) assert.equal(modify(typed, held, {}), sent, JSON.stringify(typed));
});

test('a modifier holds for one key, locks at a double tap and goes at another', () => {
  const modifiers = new Modifiers();
  assert.equal(modifiers.held, null);
  modifiers.tap('ctrl', 0);
  assert.deepEqual(modifiers.held, { ctrl: true, alt: false, shift: false });
  assert.equal(modifiers.used(), true);
  assert.equal(modifiers.held, null);
  assert.equal(modifiers.used(), false);

  modifiers.tap('ctrl', 1_000);
  modifiers.tap('alt', 1_200);
  assert.deepEqual(modifiers.held, { ctrl: true, alt: true, shift: false });
  modifiers.tap('ctrl', 2_000);
  assert.equal(modifiers.state.ctrl, 'off', 'a second tap later lets it go');

  modifiers.tap('ctrl', 3_000);
  modifiers.tap('ctrl', 3_400);
  assert.equal(modifiers.state.ctrl, 'locked');
  assert.equal(modifiers.used(), true, 'alt goes');
  assert.deepEqual(modifiers.held, { ctrl: true, alt: false, shift: false });
  modifiers.tap('ctrl', 3_500);
  assert.equal(modifiers.held, null);
  modifiers.tap('ctrl', 3_600);
  assert.equal(modifiers.state.ctrl, 'once', 'a third tap at once begins anew');
});
