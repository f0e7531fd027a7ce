// What becomes of pasted text, before anybody is asked: tables, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clean, judge, linesOf, oneLine } from '../../static/judge.js';
import { MESSAGE_BYTES } from '../../static/wire.js';

const PLAIN = { bracketed: false, open: true, typing: true, kept: 'Kept.' };
const send = (text, dropped = 0) => ({ do: 'send', text, dropped });

for (const [what, text, state, verdict] of [
  ['a word is sent', 'word', {}, send('word')],
  ['spaces and tabs stay', '  a\tb ', {}, send('  a\tb ')],
  ['lines are sent to a program that brackets', 'a\nb\n', { bracketed: true }, send('a\nb\n')],
  ['lines are asked about', 'a\nb', {}, { do: 'ask', text: 'a\nb', dropped: 0, lines: ['a', 'b'] }],
  ['so is a line that would run', 'a\n', {}, { do: 'ask', text: 'a\n', dropped: 0, lines: ['a'] }],
  ['… with a carriage return', 'a\r', {}, { do: 'ask', text: 'a\r', dropped: 0, lines: ['a'] }],
  ['… of Windows', 'a\r\nb\r\n', {}, { do: 'ask', text: 'a\r\nb\r\n', dropped: 0, lines: ['a', 'b'] }],
  ['the end of the bracket is broken up', 'a\x1b[201~\nrm -rf x\n', { bracketed: true }, send('a[201~\nrm -rf x\n', 1)],
  ['… also nested', '\x1b[20\x1b[201~1~b', { bracketed: true }, send('[20[201~1~b', 2)],
  ['… also as C1', 'a\x9b201~b', { bracketed: true }, send('a201~b', 1)],
  ['keys are left out', 'a\x03\x04\x0f\x00\x7fb', {}, send('ab', 5)],
  ['no link, no paste', 'a', { open: false }, { do: 'refuse', why: 'Not connected: nothing was pasted. Kept.' }],
  ['a spectator pastes nothing', 'a\nb', { typing: false }, { do: 'refuse', why: 'You are only watching: nothing was pasted. Kept.' }],
  ['as much as one message holds', 'ü'.repeat((MESSAGE_BYTES - 12) / 2), {}, send('ü'.repeat((MESSAGE_BYTES - 12) / 2))],
  ['not more', 'ü'.repeat((MESSAGE_BYTES - 10) / 2), {}, { do: 'refuse', why: 'That is more than 4 MB: too much for one paste. Kept.' }],
]) {
  test(what, () => assert.deepEqual(judge(text, { ...PLAIN, ...state }), verdict));
}

test('one line runs nothing and joins words by one space', () => {
  assert.equal(oneLine('  make \\\r\n    all\n\n  install\n'), 'make \\ all install');
  assert.equal(oneLine('ls\n'), 'ls');
});

test('what is cleaned has no control but tabs and breaks', () => {
  const all = Array.from({ length: 0x100 }, (_, code) => String.fromCharCode(code)).join('');
  // eslint-disable-next-line no-control-regex
  assert.match(clean(all), /^\t\n\r[ -~\xa0-\xff]*$/);
  assert.equal(clean('漢字 🇩🇪 e\u0301'), '漢字 🇩🇪 e\u0301');
});

test('lines are counted as a person counts them', () => {
  assert.deepEqual(linesOf('a\n\nb'), ['a', '', 'b']);
  assert.deepEqual(linesOf('\n'), ['']);
});
