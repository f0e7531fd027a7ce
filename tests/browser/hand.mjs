// Chromium as a phone, fingers included, and a program that shows what reaches it.

import { open } from './support.mjs';

/** A phone in the hand, the browser's own bars taken off the height. */
export const PHONE = { viewport: { width: 390, height: 760 }, screen: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** A phone that shows this page of a session. */
export async function phone(browser, url, options = {}) {
  const page = await open(browser, url, { ...PHONE, ...options });
  await page.locator('#keybar').waitFor({ state: 'attached' });
  page.cdp = await page.context().newCDPSession(page);
  let clock = Date.now() / 1_000;
  /** Touches as the device reports them, 16 ms apart; none at all lifts the fingers. */
  page.touch = (type, points = [], after = 16) => {
    clock = Math.max(clock + after / 1_000, Date.now() / 1_000);
    return page.cdp.send('Input.dispatchTouchEvent', { type, timestamp: clock, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  };
  /** One finger from place to place; it rests before it leaves, unless it flings. */
  page.swipe = async (from, to, { fling = false } = {}) => {
    await page.touch('touchStart', [from]);
    for (let step = 1; step <= 8; step++) await page.touch('touchMove', [from.map((start, i) => start + ((to[i] - start) * step) / 8)]);
    await page.touch('touchEnd', [], fling ? 1 : 300);
  };
  page.key = (key) => page.locator(`#keybar [data-key="${key}"]`);
  return page;
}

/** A session whose program shows all bytes it ever got, in hexadecimal, below `ready`. `modes` it sets first. */
export function hexadecimal(tmux, name, modes = '') {
  const program = `let all = ''; process.stdout.write(${JSON.stringify(modes)} + '\\x1b[H\\x1b[2Jready');
    process.stdin.setRawMode(true).on('data', (bytes) => { all += bytes.toString('hex'); process.stdout.write('\\x1b[H\\x1b[2J' + all); })`;
  tmux.start(name, process.execPath, '-e', program);
  tmux.run('set-option', '-s', 'escape-time', '20');
}
export const hex = (text) => Buffer.from(text).toString('hex');
