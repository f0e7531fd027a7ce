// The tabs of a session's windows, and tmux's status line left out of the picture: a real browser, a
// real server and a real tmux.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, lines, open, PROMPT, see, stage } from './support.mjs';

const on = stage(['main']);

const PHONE = { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** A session with windows of these names, the first being current; each says its name. */
function start(session, ...names) {
  const says = (name) => `echo in-${name}; exec sh`;
  on.tmux.start(session, says(names[0]));
  on.tmux.run('set-option', '-t', `=${session}:`, 'automatic-rename', 'off');
  on.tmux.run('rename-window', '-t', `=${session}:`, names[0]);
  for (const name of names.slice(1)) on.tmux.run('new-window', '-d', '-t', `=${session}:`, '-n', name, says(name));
}

const current = (session) => on.tmux.run('display-message', '-p', '-t', `=${session}:`, '#{window_name}').trim();
const tab = (page, name) => page.locator('#windows .tab', { hasText: name });
const tabs = (page) => page.locator('#windows .tab bdi').allTextContents();
const button = (page, kind) => page.locator(`#windows .${kind}`);
/** Waits until the tab of this name is the current one. */
const isCurrent = (page, name) => page.locator('#windows .tab[aria-current=true]', { hasText: name }).waitFor();
const inTerminal = (page) => page.waitForFunction(() => document.activeElement?.matches('.xterm-helper-textarea'));

test('a finger switches windows, opens one, and closes one after it was asked', async () => {
  start('finger', 'one', 'two');
  const page = await open(on.browser, on.muxview.page('finger'), PHONE);
  await see(page, /^in-one$/);
  await isCurrent(page, 'one');
  for (const box of await page.locator('#windows button:visible').all()) {
    const { width, height } = await box.boundingBox();
    assert.ok(width >= 44 && height >= 44, `${await box.textContent()}: ${width} × ${height}`);
  }
  const [header, nav] = await Promise.all(['header', '#windows'].map((name) => page.locator(name).boundingBox()));
  assert.ok(nav.y >= header.y + header.height, 'they have a row of their own');

  await tab(page, 'two').tap();
  await see(page, /^in-two$/);
  await isCurrent(page, 'two');
  assert.equal(current('finger'), 'two', 'for everybody: it is tmux that switched');
  assert.equal(await page.evaluate(() => document.activeElement.matches('textarea')), false, 'and no keyboard opens');

  await button(page, 'new').tap();
  await page.waitForFunction(() => document.querySelectorAll('#windows .tab').length === 3);
  await see(page, PROMPT);

  await tab(page, 'one').tap();
  await isCurrent(page, 'one');
  await button(page, 'close').tap();
  const panel = page.getByRole('dialog');
  await panel.getByText('Close window 0 “one”?').waitFor();
  await panel.getByRole('button', { name: 'Keep it' }).tap();
  await panel.waitFor({ state: 'hidden' });
  assert.equal((await tabs(page)).length, 3);
  await button(page, 'close').tap();
  await panel.getByRole('button', { name: 'Close window' }).tap();
  await page.waitForFunction(() => document.querySelectorAll('#windows .tab').length === 2);
  assert.ok(!(await tabs(page)).includes('one'));
  await close(page);
});

test('with a mouse or the keyboard the focus is in the terminal afterwards, and what is typed goes to the new window', async () => {
  start('keyboard', 'one', 'two');
  const page = await open(on.browser, on.muxview.page('keyboard'));
  await see(page, /^in-one$/);
  await tab(page, 'two').click();
  await page.keyboard.type('echo typed-$((1+1))\n');
  await see(page, /^in-two$/);
  await see(page, /^typed-2$/);
  await inTerminal(page);
  await isCurrent(page, 'two');
  assert.match(on.tmux.run('capture-pane', '-p', '-t', '=keyboard:two'), /^typed-2$/m);

  assert.equal(await page.getByRole('button', { name: '0 one', exact: true }).count(), 1);
  await page.getByRole('button', { name: '0 one', exact: true }).focus();
  await page.keyboard.press('Enter');
  await isCurrent(page, 'one');
  await inTerminal(page);

  await button(page, 'close').focus();
  await page.keyboard.press('Enter');
  // Enter again is no consent: the button that keeps it has the focus.
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await inTerminal(page);
  assert.deepEqual(await tabs(page), ['one', 'two']);
  await close(page);
});

test('tabs follow tmux: names as text, marks that are said, zoom, and none for one window', async () => {
  start('marks', 'one');
  const page = await open(on.browser, on.muxview.page('marks'));
  await see(page, /^in-one$/);
  await button(page, 'new').waitFor();
  assert.deepEqual(await page.locator('#windows button:visible').count(), 1, 'only a new one can be opened');

  on.tmux.run('split-window', '-t', '=marks:0', 'exec sh');
  await button(page, 'zoom').click();
  await page.locator('#windows .zoom[aria-pressed=true]').waitFor();
  assert.equal(on.tmux.run('display-message', '-p', '-t', '=marks:0', '#{window_zoomed_flag}').trim(), '1');
  await button(page, 'zoom').click();
  await page.locator('#windows .zoom[aria-pressed=false]').waitFor();
  on.tmux.run('kill-pane', '-t', '=marks:0.1');
  await button(page, 'zoom').waitFor({ state: 'hidden' });

  on.tmux.run('new-window', '-d', '-t', '=marks:', '-n', '<img src=x onerror=alert(1)>', 'exec sh');
  await tab(page, '<img src=x').waitFor();
  assert.equal(await page.locator('#windows img').count(), 0);
  on.tmux.run('send-keys', '-t', '=marks:1', "printf '\\a'", 'Enter');
  await page.getByRole('button', { name: '1 <img src=x onerror=alert(1)> (bell)', exact: true }).waitFor();
  assert.equal(await page.locator('#windows .signs', { hasText: '!' }).count(), 1);
  await tab(page, '<img').click();
  await page.waitForFunction(() => ![...document.querySelectorAll('#windows .signs')].some((signs) => signs.textContent.includes('!')));
  await close(page);
});

test('who only watches sees the tabs and cannot use them', async () => {
  start('watched', 'one', 'two');
  const page = await open(on.browser, `${on.muxview.page('watched')}&role=view`);
  await see(page, /^in-one$/);
  await isCurrent(page, 'one');
  assert.deepEqual(await page.locator('#windows button:visible').evaluateAll((all) => all.map((one) => one.disabled)), [true, true]);
  on.tmux.run('select-window', '-t', '=watched:two');
  await isCurrent(page, 'two');
  await close(page);
});

test('the current tab is in view, also among many, also 320 px wide', async () => {
  start('many', 'w0', ...Array.from({ length: 25 }, (_, n) => `window-${n + 1}`));
  for (const options of [{ viewport: { width: 320, height: 500 } }, { viewport: { width: 900, height: 600 } }]) {
    const page = await open(on.browser, on.muxview.page('many'), options);
    await see(page, /^in-/);
    for (const name of ['window-25', 'w0', 'window-13']) {
      on.tmux.run('select-window', '-t', `=many:${name}`);
      await page.waitForFunction((name) => {
        const tab = document.querySelector('#windows .tab[aria-current]');
        const [seen, place] = [document.querySelector('#windows .tabs').getBoundingClientRect(), tab?.getBoundingClientRect()];
        return tab?.querySelector('bdi').textContent === name && place.left >= seen.left - 1 && place.right <= seen.right + 1;
      }, name);
    }
    const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(width[0] <= width[1], 'the page itself is not wider than the window');
    await close(page);
  }
});

// ── the status line ─────────────────────────────────────────────────────────────────────────

const KEY = 'muxview.settings';

/** The rows of the grid that are seen: from the first to the one after the last. */
const seen = (page) => page.evaluate(() => {
  const [outer, grid] = ['.xterm', '.xterm-screen'].map((name) => document.querySelector(name).getBoundingClientRect());
  const box = document.querySelector('#screen').getBoundingClientRect();
  const { rows } = window.muxview.term;
  const row = grid.height / rows;
  const [top, bottom] = [Math.max(outer.top, box.top), Math.min(outer.bottom, box.bottom)];
  return [Math.round((top - grid.top) / row), Math.round((bottom - grid.top) / row), rows];
});

/** Waits until exactly these rows of the grid are seen; -1 counts from its end. */
async function rowsSeen(page, first, last) {
  await page.waitForFunction(([first, last]) => {
    const [outer, grid] = ['.xterm', '.xterm-screen'].map((name) => document.querySelector(name).getBoundingClientRect());
    const { rows } = window.muxview.term;
    const row = grid.height / rows;
    return Math.round((outer.top - grid.top) / row) === first && Math.round((grid.bottom - outer.bottom) / row) === last;
  }, [first, last]).catch(async (error) => {
    throw new Error(`${error.message.split('\n')[0]}: wanted ${first} and ${last} left out, seen ${await seen(page)}\n${(await lines(page)).join('\n')}`);
  });
}

/** A program that shows where it was clicked. */
const MOUSE = `process.stdout.write('\\x1b[?1000h\\x1b[?1006h\\x1b[H\\x1b[2Jready');
  process.stdin.setRawMode(true).on('data', (bytes) => {
    const found = /<0;(\\d+);(\\d+)M/.exec(bytes.toString());
    if (found) process.stdout.write('\\x1b[H\\x1b[2Jclicked ' + found[1] + ',' + found[2] + ' of ' + process.stdout.rows);
  });`;

/** Clicks into the middle of what is drawn as this cell of the grid; both count from 0. */
async function click(page, col, row) {
  const at = await page.evaluate(([col, row]) => {
    const line = document.querySelectorAll('.xterm-rows > div')[row].getBoundingClientRect();
    const width = document.querySelector('.xterm-screen').getBoundingClientRect().width / window.muxview.term.cols;
    return { x: line.left + (col + 0.5) * width, y: line.top + line.height / 2 };
  }, [col, row]);
  await page.mouse.click(at.x, at.y);
}

for (const position of ['bottom', 'top']) {
  test(`a status line at the ${position} can be left out here, and a click still hits its cell`, async () => {
    const name = `crop-${position}`;
    on.tmux.start(name, process.execPath, '-e', MOUSE);
    on.tmux.run('set-option', '-t', `=${name}:`, 'mouse', 'on');
    on.tmux.run('set-option', '-t', `=${name}:`, 'status-position', position);
    const top = position === 'top';
    const page = await open(on.browser, on.muxview.page(name));
    await see(page, /^ready/);
    await rowsSeen(page, 0, 0);
    const whole = await page.evaluate(() => window.muxview.term.rows);

    // Chosen in another tab.
    const other = await page.context().newPage();
    await other.goto(new URL('/healthz', on.muxview.url).href);
    const choose = (value) => other.evaluate(([key, value]) => localStorage.setItem(key, value), [KEY, JSON.stringify(value)]);
    await choose({ statusLine: false });
    await page.waitForFunction((rows) => window.muxview.term.rows === rows, whole + 1);
    await rowsSeen(page, top ? 1 : 0, top ? 0 : 1);
    assert.equal(on.tmux.run('show-options', '-t', `=${name}:`, '-v', 'status').trim(), '', 'no option of tmux was set');

    const lines = top ? 1 : 0; // of the status line above the pane
    for (const [col, row] of [[0, 0], [7, 11], [20, whole - 1]]) {
      await click(page, col, row + lines);
      await see(page, new RegExp(`^clicked ${col + 1},${row + 1} of ${whole}$`));
    }

    // Where tmux asks, the line is seen; what is typed there is what is asked for.
    await page.keyboard.press('Control+b');
    await page.keyboard.type(':');
    await rowsSeen(page, top ? 0 : 1, top ? 1 : 0);
    await page.keyboard.type('rename-window asked\n');
    await rowsSeen(page, top ? 1 : 0, top ? 0 : 1);
    await see(page, /asked/);

    // More rows, none, and one again.
    on.tmux.run('set-option', '-t', `=${name}:`, 'status', '3');
    await rowsSeen(page, top ? 3 : 0, top ? 0 : 3);
    await page.waitForFunction((rows) => window.muxview.term.rows === rows, whole + 3);
    await click(page, 3, 4 + (top ? 3 : 0));
    await see(page, new RegExp(`^clicked 4,5 of ${whole}$`));
    on.tmux.run('set-option', '-t', `=${name}:`, 'status', 'off');
    await rowsSeen(page, 0, 0);
    await page.waitForFunction((rows) => window.muxview.term.rows === rows, whole);
    on.tmux.run('set-option', '-t', `=${name}:`, 'status', 'on');
    await rowsSeen(page, top ? 1 : 0, top ? 0 : 1);

    await choose({});
    await rowsSeen(page, 0, 0);
    await page.waitForFunction((rows) => window.muxview.term.rows === rows, whole);
    await other.close();
    await close(page);
  });
}

test('without the status line a smaller window shows all other rows of a larger grid', async () => {
  const large = await open(on.browser, on.muxview.page('main'), { viewport: { width: 1200, height: 800 } });
  await see(large, PROMPT);
  const context = { viewport: { width: 500, height: 300 } };
  const small = await open(on.browser, 'about:blank', context);
  await small.addInitScript(([key]) => localStorage.setItem(key, '{"statusLine":false}'), [KEY]);
  await small.goto(`${on.muxview.page('main')}&role=view`);
  await see(small, PROMPT);
  await rowsSeen(small, 0, 1);
  const fits = await small.evaluate(() => {
    const [box, picture] = ['#screen', '.xterm'].map((name) => document.querySelector(name).getBoundingClientRect());
    const { scrollHeight, clientHeight } = document.querySelector('#screen');
    return picture.top >= box.top - 1 && picture.bottom <= box.bottom + 1 && scrollHeight <= clientHeight;
  });
  assert.ok(fits, 'nothing else is cut off and nothing scrolls');
  await Promise.all([close(large), close(small)]);
});
