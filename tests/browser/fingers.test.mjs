// What fingers do to the picture, in Chromium as a phone, with a real server and a real tmux.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hexadecimal, phone as hold } from './hand.mjs';
import { close, lines, PROMPT, see, stage } from './support.mjs';

const on = stage(['main']);
const phone = (name, options) => hold(on.browser, on.muxview.page(name), options);
/** Where a cell is in the window. */
const place = (page, col, row) => page.evaluate(([col, row]) => {
  const { left, top, width, height } = document.querySelector('.xterm-screen').getBoundingClientRect();
  const { cols, rows } = window.muxview.term;
  return [left + ((col + 0.5) * width) / cols, top + ((row + 0.5) * height) / rows];
}, [col, row]);
const mouse = (state) => on.tmux.run('set-option', '-g', 'mouse', state ? 'on' : 'off');

test('a finger scrolls the history where tmux has the mouse, and back', async () => {
  mouse(true);
  on.tmux.start('history', 'sh', '-c', 'seq 1 300; exec cat');
  const page = await phone('history');
  await see(page, /^300$/);
  const [from, to] = [await place(page, 10, 3), await place(page, 10, 20)];
  await page.swipe(from, to);
  await see(page, /\[\d+\/\d+\]/);
  await see(page, /^270 *$/);
  for (let again = 0; again < 3; again++) await page.swipe(to, from);
  await page.waitForFunction(() => !/\[\d+\/\d+\]/.test(window.muxview.term.buffer.active.getLine(0).translateToString()));
  assert.match((await lines(page)).join('\n'), /\n300\n/);
  await close(page);
});

test('a program that has the mouse gets the wheel and the tap at the cell touched', async () => {
  mouse(true);
  hexadecimal(on.tmux, 'mouse', '\x1b[?1000h\x1b[?1006h');
  const page = await phone('mouse');
  await see(page, /^ready$/);
  const bytes = async () => Buffer.from((await lines(page)).join('').replace(/[^0-9a-f].*/, ''), 'hex').toString();
  const seen = (text) => page.waitForFunction((wanted) => {
    const { active } = window.muxview.term.buffer;
    const all = Array.from({ length: 20 }, (_, y) => active.getLine(y).translateToString(true)).join('');
    return all.startsWith(wanted);
  }, Buffer.from(text).toString('hex'));
  // Beside the grid is nothing to click; the keyboard comes all the same.
  await page.touchscreen.tap(200, 120);
  assert.equal(await page.evaluate(() => document.activeElement === window.muxview.term.textarea), true);
  const tapped = await place(page, 7, 11);
  await page.touchscreen.tap(...tapped);
  await seen('\x1b[<0;8;12M\x1b[<0;8;12m');
  const start = await place(page, 20, 10);
  await page.swipe(start, await place(page, 20, 4));
  await seen('\x1b[<0;8;12M\x1b[<0;8;12m\x1b[<65;');
  await page.swipe(start, await place(page, 20, 16));
  await page.key('|').tap();
  await page.waitForFunction(() => /7c/.test(window.muxview.term.buffer.active.getLine(1).translateToString(true) + window.muxview.term.buffer.active.getLine(2).translateToString(true)));
  const reports = (await bytes()).slice('\x1b[<0;8;12M\x1b[<0;8;12m'.length);
  // eslint-disable-next-line no-control-regex
  assert.match(reports, /^(\x1b\[<65;21;\d+M){2}(\x1b\[<64;21;\d+M){2}\|$/, JSON.stringify(reports));
  await close(page);
});

/** The number that stands in the first line. */
const first = (page, is) => page.waitForFunction((is) => {
  const number = parseInt(window.muxview.term.buffer.active.getLine(0).translateToString(true), 10);
  return number >= is[0] && number <= is[1];
}, is);

test('without a mouse a finger scrolls a pager by arrow keys', async () => {
  mouse(false);
  on.tmux.start('pager', 'sh', '-c', 'seq 1 300 | less');
  // From the first picture on the page knows that it has the pane.
  while (on.tmux.run('display-message', '-p', '-t', '=pager:', '#{alternate_on}').trim() !== '1');
  const page = await phone('pager');
  await see(page, /^1$/);
  const [low, high] = [await place(page, 10, 20), await place(page, 10, 5)];
  await page.swipe(low, high);
  await first(page, [14, 17]);
  await page.swipe(high, low);
  await first(page, [1, 3]);
  await close(page);
});

test('without a mouse a finger scrolls tmux’s history too, which ends where it began', async () => {
  mouse(false);
  on.tmux.start('past', 'sh', '-c', 'seq 1 300; exec cat -v');
  const page = await phone('past');
  await see(page, /^300$/);
  const [low, high] = [await place(page, 10, 20), await place(page, 10, 5)];
  await first(page, [278, 278]);
  await page.swipe(high, low);
  await first(page, [262, 265]);
  await page.getByText('This is tmux’s history').waitFor();
  for (let again = 0; again < 3; again++) await page.swipe(low, high);
  await first(page, [278, 278]);
  await page.touchscreen.tap(...low);
  await page.keyboard.type('typed\n');
  await page.waitForFunction(() => /\n300\ntyped\ntyped\n/.test(Array.from({ length: 24 }, (_, y) => window.muxview.term.buffer.active.getLine(y).translateToString(true)).join('\n')));
  await close(page);
});

test('a finger that flings lets go of a scroll that goes on until it is touched', async () => {
  mouse(true);
  hexadecimal(on.tmux, 'fling', '\x1b[?1000h\x1b[?1006h');
  const page = await phone('fling', {});
  await see(page, /^ready$/);
  await page.evaluate(() => {
    window.wheels = 0;
    document.querySelector('.xterm-screen').addEventListener('wheel', () => { window.wheels += 1; });
  });
  const low = [200, 650];
  await page.swipe(low, [200, 100], { fling: true });
  const left = await page.evaluate(() => window.wheels);
  await page.waitForFunction((left) => window.wheels > left + 2, left);
  // A finger that stops it is no click: the program hears of none.
  await page.touch('touchStart', [low]);
  const stopped = await page.evaluate(() => window.wheels);
  await page.touch('touchEnd');
  await page.key('|').tap();
  await page.waitForFunction(() => /7c$/.test(Array.from({ length: 20 }, (_, y) => window.muxview.term.buffer.active.getLine(y).translateToString(true)).join('')));
  assert.equal(await page.evaluate(() => window.wheels), stopped);
  const all = Buffer.from((await lines(page)).join('').replace(/[^0-9a-f].*/, ''), 'hex').toString();
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(all, /\x1b\[<0;/);
  await close(page);
});

test('two fingers choose the size of the letters, and what is between them stays there', async () => {
  const page = await phone('main');
  await see(page, PROMPT);
  const state = () => page.evaluate(() => ({ font: window.muxview.term.options.fontSize, cols: window.muxview.term.cols, zoom: visualViewport.scale }));
  const before = await state();
  const middle = await place(page, 40, 12);
  const fingers = (apart) => [[middle[0] - apart, middle[1]], [middle[0] + apart, middle[1]]];
  const pinch = async (...widths) => {
    await page.touch('touchStart', fingers(widths[0]));
    for (const width of widths) await page.touch('touchMove', fingers(width));
    await page.touch('touchEnd');
  };
  await pinch(40, 60, 80, 100);
  const large = await state();
  assert.ok(Math.abs(large.font - before.font * 2.5) <= 0.5, `${before.font} px became ${large.font}`);
  assert.deepEqual([large.cols, large.zoom], [before.cols, 1], 'neither the grid nor the page is another');
  const [x, y] = await place(page, 40, 12);
  assert.ok(Math.abs(x - middle[0]) < 3 && Math.abs(y - middle[1]) < 3, `the cell went from ${middle} to ${[x, y]}`);
  await page.reload();
  await see(page, PROMPT);
  await page.waitForFunction((font) => window.muxview.term.options.fontSize === font, large.font);
  await pinch(100, 80, 41);
  assert.equal((await state()).font, before.font, 'nearly as it was is as it was');
  await pinch(100, 10);
  assert.equal((await state()).font, 7, 'no smaller than can be read');
  await close(page);
});

test('a finger that stays selects the word there, more when it moves, and offers to copy', async () => {
  mouse(true);
  on.tmux.start('words', 'sh', '-c', 'printf "alpha beta-42 gamma\\n"; exec cat');
  const page = await phone('words', { permissions: ['clipboard-read', 'clipboard-write'] });
  await see(page, /^alpha/);
  const selection = () => page.evaluate(() => window.muxview.term.getSelection());
  const copy = page.getByRole('button', { name: 'Copy' });
  await page.touch('touchStart', [await place(page, 8, 0)]);
  await page.waitForFunction(() => window.muxview.term.hasSelection());
  assert.equal(await selection(), 'beta-42');
  assert.equal(await copy.isVisible(), false, 'while the finger is down it is in the way');
  await page.touch('touchMove', [await place(page, 16, 0)]);
  assert.equal(await selection(), 'beta-42 gam');
  await page.touch('touchEnd');
  // The picture changes below it; it stays.
  on.tmux.run('send-keys', '-t', '=words:', 'other', 'Enter');
  await see(page, /^other$/);
  assert.equal(await selection(), 'beta-42 gam');
  await copy.tap();
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'beta-42 gam');
  assert.equal(await selection(), '');
  assert.equal(await copy.isVisible(), false);
  await close(page);
});
