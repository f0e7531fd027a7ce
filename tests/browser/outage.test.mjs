// What can happen to the link, in a real browser against the real service: each time the right state at
// once, the right picture after, and no reload.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN, close, lines, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main'], { browser: { ignoreDefaultArgs: ['--disable-back-forward-cache'] } });
const refused = new RegExp(`${BROKEN.source}|status of 401`);

async function watch() {
  const page = await open(on.browser, on.muxview.page('main'), { expected: refused });
  await see(page, PROMPT);
  await state(page, 'open');
  await page.evaluate(() => { window.sameDocument = true; });
  return page;
}

let turn = 0;

/** What is typed comes back, in the document it was. */
async function works(page) {
  turn += 1;
  await state(page, 'open');
  await page.keyboard.type(`clear; echo turn-$((${turn}+0))\n`);
  await see(page, new RegExp(`^turn-${turn}$`));
  assert.ok(await page.evaluate(() => window.sameDocument), 'nothing was reloaded');
}

const caption = (page, text) => page.locator('#caption', { hasText: text }).waitFor();

test('killed in the middle of a line: the picture stays dimmed, input is refused, “try now” tries', async () => {
  const page = await watch();
  await works(page);
  const shown = await lines(page);
  const { address } = on.muxview;
  await on.muxview.end('SIGKILL');
  await caption(page, 'Reconnecting…');
  assert.deepEqual(await lines(page), shown);
  await page.waitForFunction(() => getComputedStyle(document.querySelector('#screen .xterm')).opacity < 0.9);
  await page.waitForFunction(() => /^(in \d+ s|trying…)$/.test(document.querySelector('#countdown').textContent));
  await page.waitForFunction(() => document.title.startsWith('↻ '));
  await page.waitForFunction(() => document.querySelector('link[rel=icon]').href.startsWith('data:'));
  await page.keyboard.type('lost');
  await caption(page, 'what you type is not sent');
  on.muxview = await Muxview.start(on.tmux, { listen: address });
  // Another try may come first by itself; then there is nothing to press any more.
  await page.getByRole('button', { name: 'Try now' }).click({ timeout: 2_000 }).catch(() => {});
  await state(page, 'open');
  await page.evaluate(() => window.muxview.term.focus());
  await works(page);
  assert.ok(!(await lines(page)).join('\n').includes('lost'));
  assert.equal(await page.title(), 'main');
  assert.match(await page.locator('link[rel=icon]').getAttribute('href'), /icon/);
  await close(page);
});

test('a network that goes silently away is noticed, and found again', async () => {
  const page = await watch();
  await page.context().setOffline(true); // the socket stays and brings nothing
  await caption(page, 'This device is offline.');
  await page.keyboard.type('lost');
  await caption(page, 'what you type is not sent');
  await page.context().setOffline(false);
  await works(page);
  await close(page);
});

test('a server that hangs is told, and forgiven when it goes on', async () => {
  const page = await watch();
  await page.waitForFunction(() => window.muxview.connection.lag.roundTrip !== null);
  on.muxview.signal('SIGSTOP');
  try {
    await caption(page, 'No answer for');
  } finally {
    on.muxview.signal('SIGCONT');
  }
  await page.waitForFunction(() => document.querySelector('#caption').textContent === '');
  await works(page);
  await close(page);
});

test('one that hangs for a minute is replaced, once', { skip: !process.env.MUXVIEW_SOAK && 'a minute long: set MUXVIEW_SOAK' }, async () => {
  const page = await watch();
  on.muxview.signal('SIGSTOP');
  try {
    await page.waitForFunction(() => window.muxview.connection.state === 'reconnecting', null, { timeout: 60_000 });
  } finally {
    on.muxview.signal('SIGCONT');
  }
  await works(page);
  await close(page);
});

test('back from the back/forward cache the page goes on where it was', async () => {
  const page = await watch();
  await works(page);
  await page.evaluate(() => {
    addEventListener('pageshow', ({ persisted }) => { window.persisted = persisted; });
  });
  await page.goto(on.muxview.url);
  on.tmux.run('send-keys', '-t', '=main:', 'clear; echo meanwhile-$((2+2))', 'Enter');
  await page.goBack({ waitUntil: 'commit' }); // nothing is loaded
  await state(page, 'open');
  await see(page, /^meanwhile-4$/);
  assert.equal(await page.evaluate(() => window.persisted), true, 'the page came from the cache');
  await works(page);
  await close(page);
});

// By its events: Chromium without a window freezes nothing, though told to by Page.setWebLifecycleState.
test('a page that is frozen and resumed reconnects by itself', async () => {
  const page = await watch();
  await page.evaluate(() => document.dispatchEvent(new Event('freeze')));
  await state(page, 'reconnecting');
  on.tmux.run('send-keys', '-t', '=main:', 'clear; echo frozen-$((3+3))', 'Enter');
  await page.evaluate(() => document.dispatchEvent(new Event('resume')));
  await see(page, /^frozen-6$/);
  await works(page);
  await close(page);
});

test('a proxy that passes no WebSockets, and one that wants a sign-in, are named', async () => {
  const page = await watch();
  let answer = { status: 200, json: [] };
  await page.route('**/api/sessions', (route) => route.fulfill(answer));
  const { address } = on.muxview;
  await on.muxview.end('SIGKILL');
  const hurry = async (until) => {
    while (!await until()) await page.evaluate(() => window.muxview.connection.retryNow());
  };
  await hurry(() => page.locator('#caption', { hasText: 'lets no WebSockets through' }).count());
  await state(page, 'reconnecting');
  answer = { status: 401, json: { error: 'sign in' } };
  await hurry(() => page.getByRole('heading', { name: 'Sign in' }).count());
  await state(page, 'closed');
  on.muxview = await Muxview.start(on.tmux, { listen: address });
  await close(page);
});
