// A link that says nothing of its end: a proxy that holds bytes back, a server that is stopped. The page's
// clock is moved, so that a minute's silence takes a moment.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { HoldingProxy } from './holding-proxy.mjs';
import { BROKEN, close, lines, open, PATIENCE, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);
let proxy;

beforeEach(async () => { proxy = await HoldingProxy.before(on.muxview.address); });
afterEach(() => proxy.end());

/** The page by way of the proxy, with a clock that `page.clock` moves. */
async function watch() {
  const page = await open(on.browser, 'about:blank', { expected: BROKEN });
  await page.clock.install();
  await page.goto(on.muxview.page('main').replace(on.muxview.address, proxy.address));
  await see(page, PROMPT);
  await state(page, 'open');
  await page.evaluate(() => { window.sameDocument = true; });
  on.tmux.run('send-keys', '-t', '=main:', 'clear; echo before-$((1+1))', 'Enter');
  await see(page, /^before-2$/);
  await pass(page, 5);
  await page.waitForFunction(() => window.muxview.connection.lag.roundTrip !== null); // it is known to answer
  return page;
}

const caption = (page, text) => page.locator('#caption', { hasText: text }).waitFor();
/** Runs the page's timers over this many seconds. */
const pass = (page, seconds) => page.clock.runFor(seconds * 1_000);

/** What tmux itself has on its screen; waits until it is right. */
async function inTmux(found) {
  for (const start = Date.now(); ;) {
    const shown = on.tmux.run('capture-pane', '-p', '-t', '=main:');
    if (found(shown)) return shown;
    assert.ok(Date.now() - start < PATIENCE, shown);
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

/** It is open, in the document it was, with tmux's own picture, and what is typed comes back. */
async function whole(page, turn) {
  await state(page, 'open');
  assert.ok(await page.evaluate(() => window.sameDocument), 'nothing was reloaded');
  await page.keyboard.type(`echo ${turn}-$((2+2))\n`);
  await see(page, new RegExp(`^${turn}-4$`));
  const shown = await inTmux((text) => text.includes(`${turn}-4\n`));
  await page.waitForFunction(() => !('late' in document.documentElement.dataset));
  const rows = (text) => text.replace(/\s+$/, '').split('\n').map((line) => line.trimEnd());
  assert.deepEqual(rows((await lines(page)).join('\n')).slice(0, rows(shown).length), rows(shown));
}

test('bytes to the page are held: told in seconds, replaced within a minute, and the next picture has what was missed', async () => {
  const page = await watch();
  proxy.hold('down');
  await page.keyboard.type('echo unseen-$((3+3))\n');
  await inTmux((text) => text.includes('unseen-6\n'));
  assert.ok(!(await lines(page)).includes('unseen-6'));
  await pass(page, 4);
  await caption(page, 'No answer for');
  await state(page, 'open'); // a slow link is not a lost one
  await pass(page, 50);
  await state(page, 'reconnecting');
  await page.keyboard.type('lost');
  await caption(page, 'what you type is not sent');
  await pass(page, 1);
  await page.waitForFunction(() => 'late' in document.documentElement.dataset);
  assert.ok((await lines(page)).includes('before-2'), 'the old picture stays');
  proxy.release({ lose: true });
  await pass(page, 60);
  await see(page, /^unseen-6$/);
  await whole(page, 'down');
  const text = (await lines(page)).join('\n');
  assert.equal(text.match(/^unseen-6$/gm).length, 1, 'what was typed was typed once');
  assert.ok(!text.includes('lost'));
  await close(page);
});

test('bytes from the page are held: told in seconds, and all of it arrives when they go on', async () => {
  const page = await watch();
  proxy.hold('up');
  await page.keyboard.type('echo waits-$((4+4))\n');
  await pass(page, 4);
  await caption(page, 'No answer for');
  on.tmux.run('send-keys', '-t', '=main:', 'echo still-$((5+5))', 'Enter');
  await see(page, /^still-10$/); // the other direction is alive, and so is the picture
  proxy.release();
  await see(page, /^waits-8$/);
  await page.waitForFunction(() => document.querySelector('#caption').textContent === '');
  await whole(page, 'up');
  await close(page);
});

test('everything is held, the next tries as well: the page says so all the time and is whole when they end', async () => {
  const page = await watch();
  proxy.hold('up', 'down');
  for (let n = 0; n < 4; n++) {
    await pass(page, 60);
    assert.equal(await page.evaluate(() => window.muxview.connection.state), 'reconnecting');
    await caption(page, 'Reconnecting…');
  }
  on.tmux.run('send-keys', '-t', '=main:', 'clear; echo meanwhile-$((6+6))', 'Enter');
  proxy.release({ lose: true });
  await page.getByRole('button', { name: 'Try now' }).click();
  await see(page, /^meanwhile-12$/);
  await page.evaluate(() => window.muxview.screen.focus());
  await whole(page, 'both');
  await close(page);
});

test('a server stopped for a minute is told in seconds, given up within the minute, and found again', async () => {
  const page = await watch();
  on.muxview.signal('SIGSTOP');
  try {
    await pass(page, 10);
    await caption(page, 'No answer for');
    await pass(page, 50);
    await state(page, 'reconnecting');
    await page.keyboard.type('lost');
    await caption(page, 'what you type is not sent');
    on.tmux.run('send-keys', '-t', '=main:', 'clear; echo stopped-$((7+7))', 'Enter');
  } finally {
    on.muxview.signal('SIGCONT');
  }
  await pass(page, 60);
  await see(page, /^stopped-14$/);
  await whole(page, 'stop');
  assert.ok(!(await lines(page)).join('\n').includes('lost'));
  await close(page);
});

test('held from the page until the server gives up: it closes, and the page comes back', { skip: !process.env.MUXVIEW_SOAK && 'a minute long: set MUXVIEW_SOAK' }, async () => {
  const page = await watch();
  await page.clock.resume();
  proxy.hold('up');
  await page.waitForFunction(() => window.muxview.connection.state === 'reconnecting', null, { timeout: 90_000 });
  proxy.release({ lose: true });
  await whole(page, 'silent');
  await close(page);
});
