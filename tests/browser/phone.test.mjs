// A phone: keys, fingers, the on-screen keyboard, and a size it does not claim. Chromium as a phone, with
// a real server and a real tmux.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch, Muxview, open, PROMPT, see, Tmux } from './support.mjs';

let browser, muxview;
const tmux = new Tmux();

before(async () => {
  tmux.start('main');
  [browser, muxview] = await Promise.all([launch(), Muxview.start(tmux)]);
});
after(async () => {
  await browser?.close();
  await muxview?.end();
  tmux.end();
});

const PHONE = { viewport: { width: 390, height: 760 }, screen: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** A phone that shows the session; `touch` is its only finger, or two. */
async function phone(name, options = {}) {
  const page = await open(browser, muxview.page(name), { ...PHONE, ...options });
  await page.locator('#keybar').waitFor({ state: 'attached' });
  page.cdp = await page.context().newCDPSession(page);
  page.touch = (type, ...points) => page.cdp.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  /** One finger from place to place, in steps as a screen reports them. */
  page.swipe = async (...places) => {
    await page.touch('touchStart', places[0]);
    for (let i = 1; i < places.length; i++) {
      const [[x0, y0], [x1, y1]] = [places[i - 1], places[i]];
      for (let step = 1; step <= 8; step++) await page.touch('touchMove', [x0 + ((x1 - x0) * step) / 8, y0 + ((y1 - y0) * step) / 8]);
    }
    await page.touch('touchEnd');
  };
  page.key = (key) => page.locator(`#keybar [data-key="${key}"]`);
  return page;
}

/** A session that shows all bytes its program ever got, in hexadecimal. */
function hexadecimal(name, start = '') {
  const program = `let all = ''; process.stdout.write(${JSON.stringify(start)} + '\\x1b[H\\x1b[2Jready');
    process.stdin.setRawMode(true).on('data', (bytes) => { all += bytes.toString('hex'); process.stdout.write('\\x1b[H\\x1b[2J' + all); })`;
  tmux.start(name, process.execPath, '-e', program);
  tmux.run('set-option', '-s', 'escape-time', '20');
}
const hex = (text) => Buffer.from(text).toString('hex');

test('the keys of the bar arrive as typed', async () => {
  hexadecimal('keys');
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
  hexadecimal('sticky');
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
  hexadecimal('held');
  const page = await phone('held');
  await see(page, /^ready$/);
  const { x, y, width, height } = await page.key('ArrowDown').boundingBox();
  await page.touch('touchStart', [x + width / 2, y + height / 2]);
  await see(page, /^(1b5b42){4,}$/);
  await page.touch('touchEnd');
  const times = await page.evaluate(() => window.muxview.term.buffer.active.getLine(0).translateToString(true).length / 6);
  await page.key('|').tap();
  await see(page, /^(1b5b42)+7c$/);
  const after = await page.evaluate(() => (window.muxview.term.buffer.active.getLine(0).translateToString(true).length - 2) / 6);
  assert.ok(after <= times + 2, `${after - times} more after the finger had left`);
  await close(page);
});
