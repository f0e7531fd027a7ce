// One session in windows of different sizes: everyone has the whole grid, and it is whose turn it is.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, lines, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['shared']);
const WINDOWS = {
  wide: [{ width: 1300, height: 500 }, ''],
  tall: [{ width: 560, height: 900 }, ''],
  watching: [{ width: 1400, height: 900 }, '&role=view'],
  small: [{ width: 400, height: 300 }, '&role=view'],
};

const grid = (page) => page.evaluate(() => [window.muxview.term.cols, window.muxview.term.rows].join('×'));

/** The whole grid is in the window, in the middle, in letters as large as fit and no larger than chosen. */
const letterboxed = (page) => page.evaluate(() => {
  const [box, grid] = ['#screen', '.xterm-screen'].map((name) => document.querySelector(name).getBoundingClientRect());
  const [left, right, above, below] = [grid.left - box.left, box.right - grid.right, grid.top - box.top, box.bottom - grid.bottom];
  const { fontSize } = window.muxview.term.options;
  const faults = [];
  if (Math.min(left, right, above, below) < -1) faults.push('something is cut off');
  if (Math.abs(left - right) > 20 || Math.abs(above - below) > 20) faults.push('it is not in the middle');
  if (fontSize > 14) faults.push('the letters are larger than chosen');
  if (fontSize < 14 && Math.min(left + right, above + below) > 40) faults.push('the letters could be larger');
  return faults.map((fault) => `${fault}: ${JSON.stringify({ left, right, above, below, fontSize })}`);
});

test('two who type and two who watch: one grid, one picture, nothing cut off; “Fit to me” takes the size', async () => {
  const pages = {};
  for (const [name, [viewport, query]] of Object.entries(WINDOWS)) {
    pages[name] = await open(on.browser, on.muxview.page('shared') + query, { viewport });
    await see(pages[name], PROMPT);
    await state(pages[name], 'open');
  }
  const { wide, tall } = pages;
  const everywhere = async (wanted, turn) => {
    on.tmux.run('send-keys', '-t', '=shared:', `clear; seq 1 5; stty size; echo turn-$((${turn}+0))`, 'Enter');
    for (const [name, page] of Object.entries(pages)) {
      await page.waitForFunction((wanted) => [window.muxview.term.cols, window.muxview.term.rows].join('×') === wanted, wanted);
      await see(page, new RegExp(`^turn-${turn}$`));
      assert.deepEqual(await lines(page), await lines(wide), name);
      await page.waitForFunction(() => !document.querySelector('#screen').getAnimations({ subtree: true }).length);
      assert.deepEqual(await letterboxed(page), [], `${name} at ${wanted}`);
    }
    const [cols, rows] = wanted.split('×').map(Number);
    assert.ok((await lines(wide)).some((line) => line === `${rows - 1} ${cols}`), 'the program was told');
  };
  const wanted = (page) => page.evaluate(() => Object.values(window.muxview.screen.wanted).join('×'));
  const [ofWide, ofTall] = [await wanted(wide), await wanted(tall)];
  assert.notEqual(ofWide, ofTall);

  // Who came last has it; then who asks for it; then who types.
  await everywhere(ofTall, 1);
  await wide.getByRole('button', { name: 'Fit to me' }).click();
  await everywhere(ofWide, 2);
  await wide.getByRole('button', { name: 'Fit to me' }).waitFor({ state: 'hidden' });
  await tall.keyboard.type('clear\n');
  await everywhere(ofTall, 3);
  for (const name of ['watching', 'small']) assert.equal(await pages[name].getByRole('button', { name: 'Fit to me' }).isVisible(), false, name);

  // Who has it goes: the other gets it without asking.
  await close(tall);
  delete pages.tall;
  await everywhere(ofWide, 4);

  // The cell under the mouse is the true one, also where the picture is shrunk and in the middle.
  on.tmux.run('set-option', '-t', '=shared:', 'mouse', 'off');
  await wide.setViewportSize({ width: 700, height: 800 });
  await wide.keyboard.type("clear; printf '\\033[?1000h\\033[?1006h'; cat -v\n");
  await wide.waitForFunction(() => window.muxview.term.modes.mouseTrackingMode !== 'none');
  const [x, y] = await wide.evaluate(() => {
    const { left, top, width, height } = document.querySelector('.xterm-screen').getBoundingClientRect();
    const { cols, rows } = window.muxview.term;
    return [left + (9.5 * width) / cols, top + (4.5 * height) / rows];
  });
  await wide.mouse.click(x, y);
  await see(wide, /\^\[\[<0;10;5M/);
  await wide.keyboard.press('Control+c');
  await Promise.all(Object.values(pages).map(close));
});
