// A phone: keys, fingers, the on-screen keyboard, and a size it does not claim. Chromium as a phone, with
// a real server and a real tmux.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hex, hexadecimal, phone as hold } from './hand.mjs';
import { close, open, PROMPT, see, stage } from './support.mjs';

const on = stage(['main']);
const phone = (name, options) => hold(on.browser, on.muxview.page(name), options);

test('the keys of the bar arrive as typed', async () => {
  hexadecimal(on.tmux, 'keys');
  const page = await phone('keys');
  await see(page, /^ready$/);
  const taps = [['Tab', '\t'], ['ArrowUp', '\x1b[A'], ['ArrowLeft', '\x1b[D'], ['PageDown', '\x1b[6~'], ['Home', '\x1b[1~'], ['~', '~'], ['|', '|'], ['Escape', '\x1b']];
  let all = '';
  for (const [key, sent] of taps) {
    await page.key(key).tap();
    all += hex(sent);
    await see(page, new RegExp(`^${all}$`));
  }
  await close(page);
});

test('Ctrl and Alt hold for the next key, of the bar or of the keyboard, and lock', async () => {
  hexadecimal(on.tmux, 'sticky');
  const page = await phone('sticky');
  await see(page, /^ready$/);
  const [ctrl, alt] = ['ctrl', 'alt'].map(page.key);
  const pressed = (button) => button.getAttribute('aria-pressed');
  await page.touchscreen.tap(200, 300);
  assert.equal(await pressed(ctrl), 'false');
  await ctrl.tap();
  assert.equal(await pressed(ctrl), 'true');
  await page.keyboard.type('ab');
  await see(page, /^0162$/);
  assert.equal(await pressed(ctrl), 'false');
  await ctrl.tap();
  await page.key('ArrowUp').tap();
  await see(page, /^01621b5b313b3541$/);
  await alt.tap();
  await page.cdp.send('Input.insertText', { text: 'x' });
  await see(page, /^01621b5b313b35411b78$/);
  await ctrl.tap();
  await ctrl.tap();
  await page.locator('#keybar [data-key=ctrl][data-locked]').waitFor();
  await page.keyboard.type('cd');
  await ctrl.tap();
  await page.keyboard.type('e');
  await see(page, /^01621b5b313b35411b78030465$/);
  await close(page);
});

test('the bar takes no focus, and with it no on-screen keyboard, away', async () => {
  const page = await phone('main');
  await see(page, PROMPT);
  const focused = () => page.evaluate(() => document.activeElement === window.muxview.term.textarea);
  assert.equal(await focused(), false, 'a phone that joins shows no keyboard');
  await page.touchscreen.tap(200, 300);
  assert.equal(await focused(), true);
  for (const key of ['Tab', 'ctrl', 'ArrowUp', 'ctrl']) await page.key(key).tap();
  assert.equal(await focused(), true);
  await page.key('keyboard').tap();
  assert.equal(await focused(), false);
  await page.key('keyboard').tap();
  assert.equal(await focused(), true);
  await close(page);
});

test('an arrow that is held repeats itself', async () => {
  hexadecimal(on.tmux, 'held');
  const page = await phone('held');
  await see(page, /^ready$/);
  const { x, y, width, height } = await page.key('ArrowDown').boundingBox();
  await page.touch('touchStart', [[x + width / 2, y + height / 2]]);
  await see(page, /^(1b5b42){4,}$/);
  await page.touch('touchEnd');
  const times = await page.evaluate(() => window.muxview.term.buffer.active.getLine(0).translateToString(true).length / 6);
  await page.key('|').tap();
  await see(page, /^(1b5b42)+7c$/);
  const after = await page.evaluate(() => (window.muxview.term.buffer.active.getLine(0).translateToString(true).length - 2) / 6);
  assert.ok(after <= times + 2, `${after - times} more after the finger had left`);
  await close(page);
});

const grid = (page) => page.evaluate(() => [window.muxview.term.cols, window.muxview.term.rows].join('x'));
/** Whether the cell the cursor is in lies inside of what is seen. */
const cursorSeen = (page) => page.waitForFunction(() => {
  const { term } = window.muxview;
  const [box, all] = ['#screen', '.xterm-screen'].map((name) => document.querySelector(name).getBoundingClientRect());
  const { cursorX, cursorY } = term.buffer.active;
  const [left, top] = [all.left + (cursorX * all.width) / term.cols, all.top + (cursorY * all.height) / term.rows];
  return left >= box.left && left + all.width / term.cols <= box.right && top >= box.top && top + all.height / term.rows <= box.bottom;
});

test('a phone joins, types, turns and shows its keyboard without claiming the size; “Fit to me” claims it', async () => {
  on.tmux.start('shared');
  const desk = await open(on.browser, on.muxview.page('shared'), { viewport: { width: 1400, height: 800 } });
  await see(desk, PROMPT);
  const large = await grid(desk);
  const page = await phone('shared');
  await see(page, PROMPT);
  assert.equal(await grid(page), large);
  await page.touchscreen.tap(200, 300);
  await page.keyboard.type('echo from the phone\n');
  await see(desk, /^from the phone$/);
  for (const viewport of [{ width: 390, height: 380 }, { width: 390, height: 760 }, { width: 844, height: 340 }, { width: 390, height: 760 }]) {
    await page.setViewportSize(viewport);
    await page.keyboard.type(`echo at-${viewport.height}-${viewport.width}\n`);
    await see(desk, new RegExp(`^at-${viewport.height}-${viewport.width}$`));
  }
  assert.equal(await grid(desk), large);

  await page.getByRole('button', { name: 'Fit to me' }).tap();
  await page.waitForFunction(() => window.muxview.screen.fits);
  const small = await grid(page);
  assert.notEqual(small, large);
  assert.equal(on.tmux.run('display-message', '-p', '-t', '=shared:', '#{window_width}').trim(), small.split('x')[0]);
  await page.touchscreen.tap(200, 300);
  await page.setViewportSize({ width: 390, height: 380 });
  await page.keyboard.type('clear; echo covered\n');
  await see(desk, /^covered$/);
  assert.equal(await grid(desk), small, 'nor does the keyboard change what it has claimed');
  await Promise.all([close(desk), close(page)]);
});

test('a large grid is shown in letters that can be read, and follows the cursor', async () => {
  on.tmux.start('wide');
  const desk = await open(on.browser, on.muxview.page('wide'), { viewport: { width: 1900, height: 1100 } });
  await see(desk, PROMPT);
  const page = await phone('wide');
  await see(page, PROMPT);
  assert.ok(await page.evaluate(() => window.muxview.term.options.fontSize >= 7));
  await cursorSeen(page);
  await page.touchscreen.tap(200, 300);
  await page.keyboard.type('x'.repeat(150));
  await page.waitForFunction(() => window.muxview.term.buffer.active.cursorX >= 150);
  await cursorSeen(page);
  assert.ok(await page.evaluate(() => document.getElementById('screen').scrollLeft > 200));
  await page.key('ctrl').tap();
  await page.keyboard.type('u');
  await page.waitForFunction(() => window.muxview.term.buffer.active.cursorX < 10);
  await cursorSeen(page);
  // A finger looks elsewhere, and what is typed is seen again.
  await page.swipe([350, 300], [20, 300]);
  assert.ok(await page.evaluate(() => document.getElementById('screen').scrollLeft > 250));
  await page.keyboard.type('y');
  await cursorSeen(page);
  await Promise.all([close(desk), close(page)]);
});

test('the on-screen keyboard never hides the cursor, nor changes the letters', async () => {
  on.tmux.start('low');
  const page = await phone('low');
  await see(page, PROMPT);
  await page.getByRole('button', { name: 'Fit to me' }).tap();
  await page.waitForFunction(() => window.muxview.screen.fits);
  await page.touchscreen.tap(200, 300);
  await page.keyboard.type('clear; seq 100\n');
  await see(page, /^100$/);
  const font = () => page.evaluate(() => window.muxview.term.options.fontSize);
  const before = [await font(), await grid(page)];
  await page.setViewportSize({ width: 390, height: 400 });
  await page.waitForFunction(() => document.getElementById('screen').clientHeight < 320);
  await cursorSeen(page);
  await page.keyboard.type('echo still-$((40+2))\n');
  await see(page, /^still-42$/);
  await cursorSeen(page);
  await page.setViewportSize({ width: 390, height: 760 });
  await page.waitForFunction(() => document.getElementById('screen').scrollTop === 0);
  assert.deepEqual([await font(), await grid(page)], before);
  await close(page);
});

test('where the browser does not resize the page for the keyboard, the page does', async () => {
  const page = await phone('main');
  await see(page, PROMPT);
  /** As Safari: the window stays as it is, a part of it is seen. */
  const cover = (height, offsetTop) => page.evaluate(([height, offsetTop]) => {
    Object.defineProperties(visualViewport, { height: { value: height, configurable: true }, offsetTop: { value: offsetTop, configurable: true } });
    visualViewport.dispatchEvent(new Event('resize'));
  }, [height, offsetTop]);
  const place = () => page.evaluate(() => {
    const { top, bottom } = document.body.getBoundingClientRect();
    return [top, bottom, document.getElementById('keybar').getBoundingClientRect().bottom];
  });
  await cover(400, 60);
  assert.deepEqual(await place(), [60, 460, 460]);
  await cursorSeen(page);
  await cover(760, 0);
  assert.deepEqual(await place(), [0, 760, 760]);
  await close(page);
});

test('no field is so small that a browser would zoom into it', async () => {
  const page = await phone('main');
  await page.key('compose').tap();
  const sizes = await page.evaluate(() => [...document.querySelectorAll('input, textarea')].map((field) => parseFloat(getComputedStyle(field).fontSize)));
  assert.ok(sizes.length >= 2 && sizes.every((size) => size >= 16), sizes.join());
  const helper = await page.evaluate(() => ['autocorrect', 'autocapitalize', 'spellcheck', 'autocomplete'].map((name) => window.muxview.term.textarea.getAttribute(name)));
  assert.deepEqual(helper, ['off', 'off', 'false', 'off']);
  const small = await page.evaluate(() => [...document.querySelectorAll('#keybar button, .compose button')]
    .map((button) => button.getBoundingClientRect()).filter(({ width, height }) => width < 44 || height < 44).length);
  assert.equal(small, 0, 'every button is large enough for a finger');
  await close(page);
});

test('a text is composed, kept over a reload, and sent whole when asked to', async () => {
  hexadecimal(on.tmux, 'composed');
  const page = await phone('composed');
  await see(page, /^ready$/);
  await page.key('compose').tap();
  const box = page.getByLabel('Text to send');
  assert.deepEqual(await box.evaluate((field) => [field.autocapitalize, field.getAttribute('autocorrect'), field.spellcheck]), ['none', 'off', false]);
  await box.fill('two words');
  await page.reload();
  await page.locator('#keybar').waitFor();
  await see(page, /^ready$/);
  assert.equal(await box.isVisible(), false);
  await page.key('compose').tap();
  assert.equal(await box.inputValue(), 'two words');
  await page.getByLabel('Autocorrect').check();
  assert.deepEqual(await box.evaluate((field) => [field.autocapitalize, field.getAttribute('autocorrect'), field.spellcheck]), ['sentences', 'on', true]);
  await page.getByRole('button', { name: 'Send' }).tap();
  await see(page, new RegExp(`^${hex('two words\r')}$`));
  assert.equal(await box.inputValue(), '');
  await page.getByLabel('then Enter').uncheck();
  await box.fill('more');
  await page.getByRole('button', { name: 'Send' }).tap();
  await see(page, new RegExp(`^${hex('two words\rmore')}$`));
  await page.getByRole('button', { name: 'Close' }).tap();
  assert.equal(await box.isVisible(), false);
  await close(page);
});

test('a composed text stays in its box while there is no connection', async () => {
  const page = await phone('composed', { expected: /WebSocket|ERR_/ });
  await see(page, /^[0-9a-f]+$/);
  const shown = await page.evaluate(() => window.muxview.term.buffer.active.getLine(0).translateToString(true));
  await page.key('compose').tap();
  const box = page.getByLabel('Text to send');
  await box.fill('later');
  await page.evaluate(() => window.muxview.connection.close());
  await page.getByRole('button', { name: 'Send' }).tap();
  await page.getByText('Not connected: what you type is not sent.').waitFor();
  assert.equal(await box.inputValue(), 'later');
  await page.evaluate(() => window.muxview.connection.open());
  await page.waitForFunction(() => window.muxview.connection.state === 'open');
  await page.getByLabel('then Enter').uncheck();
  await box.fill('now');
  await page.getByRole('button', { name: 'Send' }).tap();
  await see(page, new RegExp(`^${shown}${hex('now')}$`));
  await close(page);
});

/** What an on-screen keyboard of Android does: keys without a code, and words that it composes. */
function android(page) {
  const key = (type) => page.cdp.send('Input.dispatchKeyEvent', { type, windowsVirtualKeyCode: 229, key: 'Unidentified', code: '' });
  const with229 = async (act) => {
    await key('rawKeyDown');
    await act();
    await key('keyUp');
  };
  return {
    compose: (text) => with229(() => page.cdp.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length })),
    write: (text) => with229(() => page.cdp.send('Input.insertText', { text })),
  };
}

test('what Android’s keyboards compose, correct and delete arrives once', async () => {
  hexadecimal(on.tmux, 'android');
  const page = await phone('android');
  await see(page, /^ready$/);
  await page.touchscreen.tap(200, 300);
  const { compose, write } = android(page);
  let all = '';
  const came = (text) => {
    all += hex(text);
    return see(page, new RegExp(`^${all}$`));
  };
  // Letter by letter, faster than anything is answered.
  await Promise.all([...'fast'].map(write));
  await came('fast');
  // A word it composes, takes a letter of back, and corrects with the space that ends it.
  for (const text of ['t', 'te', 'teh', 'te', 'teh']) await compose(text);
  await write('the ');
  await came('the ');
  // A word out of one swipe; punctuation right after it; an emoji; a voice.
  await compose('swiped');
  await write('swiped');
  await write('.');
  await write('😀');
  await page.cdp.send('Input.insertText', { text: 'two words' });
  await came('swiped.😀two words');
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Enter');
  await came('\x7f\r');
  await close(page);
});

test('a key of the bar comes after the word that is being composed, a modifier before the next letter', async () => {
  hexadecimal(on.tmux, 'composing');
  const page = await phone('composing');
  await see(page, /^ready$/);
  await page.touchscreen.tap(200, 300);
  const { compose } = android(page);
  for (const text of ['l', 'ls']) await compose(text);
  await page.key('Tab').tap();
  await see(page, new RegExp(`^${hex('ls\t')}$`));
  for (const text of ['a', 'ab']) await compose(text);
  await page.key('ctrl').tap();
  await see(page, new RegExp(`^${hex('ls\tab')}$`));
  await compose('c');
  await see(page, new RegExp(`^${hex('ls\tab\x03')}$`));
  assert.equal(await page.evaluate(() => document.activeElement === window.muxview.term.textarea), true, 'the keyboard stays');
  await compose('d');
  await page.key('|').tap();
  await see(page, new RegExp(`^${hex('ls\tab\x03d|')}$`));
  await close(page);
});

test('a text of many lines asks before each would run, and stays in the box if it may not', async () => {
  on.tmux.start('lines', 'cat');
  const page = await phone('lines');
  await page.waitForFunction(() => window.muxview.connection.state === 'open');
  await page.key('compose').tap();
  const box = page.getByLabel('Text to send');
  await box.fill('one\ntwo\nthree');
  await page.getByRole('button', { name: 'Send' }).tap();
  await page.getByRole('button', { name: 'Cancel' }).tap();
  assert.equal(await box.inputValue(), 'one\ntwo\nthree');
  await page.getByRole('button', { name: 'Send' }).tap();
  await page.getByRole('button', { name: 'Paste', exact: true }).and(page.locator('dialog button')).tap();
  await page.waitForFunction(() => /^one\none\ntwo\ntwo\nthree\nthree$|^one\ntwo\n.*three$/ms.test(Array.from({ length: 8 }, (_, y) => window.muxview.term.buffer.active.getLine(y).translateToString(true)).join('\n').trim()));
  assert.equal(await box.inputValue(), '');
  await close(page);
});

test('Paste pastes what the clipboard holds, or offers the box where the browser does not tell', async () => {
  hexadecimal(on.tmux, 'pasted');
  const page = await phone('pasted', { permissions: ['clipboard-read', 'clipboard-write'] });
  await see(page, /^ready$/);
  await page.evaluate(() => navigator.clipboard.writeText('from the clipboard'));
  await page.key('paste').tap();
  await see(page, new RegExp(`^${hex('from the clipboard')}$`));
  await page.evaluate(() => { navigator.clipboard.readText = () => Promise.reject(new Error('no')); });
  await page.key('paste').tap();
  await page.getByText('paste into this box').waitFor();
  assert.equal(await page.getByLabel('Text to send').evaluate((field) => field === document.activeElement), true);
  await close(page);
});

test('the bar is there for fingers, for who wants it, and not for who may only watch', async () => {
  const bar = (page) => page.locator('#keybar');
  const set = (page, value) => page.evaluate(async (value) => {
    // The page's own copy of the module, whatever its name is.
    const { name } = performance.getEntriesByType('resource').find(({ name }) => /\/settings\.[0-9a-f]+\.js$/.test(name));
    (await import(name)).set('keyBar', value);
  }, value);
  const desk = await open(on.browser, on.muxview.page('main'));
  await see(desk, PROMPT);
  assert.equal(await bar(desk).count(), 0);
  await set(desk, 'on');
  await bar(desk).waitFor();
  await desk.locator('#screen').click();
  await bar(desk).getByRole('button', { name: 'Ctrl', exact: true }).click();
  assert.equal(await desk.evaluate(() => document.activeElement === window.muxview.term.textarea), true);
  await set(desk, 'off');
  await bar(desk).waitFor({ state: 'hidden' });
  const tablet = await open(on.browser, on.muxview.page('main'), { viewport: { width: 820, height: 1100 }, screen: { width: 820, height: 1180 }, hasTouch: true, isMobile: true });
  await bar(tablet).waitFor();
  await tablet.waitForFunction(() => window.muxview.screen.fits);
  const watcher = await hold(on.browser, `${on.muxview.page('main')}&role=view`);
  await see(watcher, PROMPT);
  await bar(watcher).waitFor({ state: 'hidden' });
  await Promise.all([desk, tablet, watcher].map(close));
});

test('a tablet claims its size, but not what its keyboard leaves of it', async () => {
  on.tmux.start('tablet');
  const page = await open(on.browser, on.muxview.page('tablet'), { viewport: { width: 820, height: 1100 }, screen: { width: 820, height: 1180 }, hasTouch: true, isMobile: true });
  await see(page, PROMPT);
  await page.waitForFunction(() => window.muxview.screen.fits);
  const full = await grid(page);
  await page.touchscreen.tap(400, 500);
  await page.keyboard.type('clear; seq 100\n');
  await see(page, /^100$/);
  await page.setViewportSize({ width: 820, height: 600 });
  await cursorSeen(page);
  await page.keyboard.type('clear; stty size\n');
  await see(page, /^\d+ \d+$/);
  assert.equal(await grid(page), full);
  await page.setViewportSize({ width: 1100, height: 700 });
  await page.waitForFunction((full) => `${window.muxview.term.cols}x${window.muxview.term.rows}` !== full && window.muxview.screen.fits, full);
  await close(page);
});
