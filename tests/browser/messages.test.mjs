// What the session page makes of each message and close code: the socket's far end is the test.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FarEnd } from './far-end.mjs';
import { QUESTIONS } from './questions.mjs';
import { close, lines, open, see, stage, state } from './support.mjs';
import { MESSAGE_BYTES } from '../../static/wire.js';

const on = stage();

/** The page of `main` with a far end of ours. */
async function watch(options) {
  const page = await open(on.browser, 'about:blank', options);
  const far = new FarEnd();
  await page.routeWebSocket('**/ws?*', (socket) => far.accept(socket));
  await page.goto(on.muxview.page('main'));
  await far.until(() => far.sockets.length === 1);
  return { page, far };
}

async function watchOpen(options) {
  const { page, far } = await watch(options);
  far.hello();
  await see(page, /first picture/);
  return { page, far };
}

const grid = (page) => page.evaluate(() => [window.muxview.term.cols, window.muxview.term.rows]);
const bytes = (far) => Buffer.concat(far.heard.filter(Buffer.isBuffer)).toString('latin1');

test('the first picture comes at the size the URL asked for', async () => {
  const { page, far } = await watch();
  const query = new URL(far.last.url()).searchParams;
  assert.ok(query.get('cols') > 80 && query.get('rows') > 20, far.last.url());
  assert.equal(query.get('resume'), null);
  assert.equal(await page.locator('#caption').textContent(), 'Connecting…');
  far.hello();
  await see(page, /first picture/);
  assert.equal(await page.locator('#caption').textContent(), '');
  await close(page);
});

test('a size waits for its picture, and both are painted together', async () => {
  const { page, far } = await watchOpen();
  assert.deepEqual(await grid(page), [60, 10]);
  await page.evaluate(() => {
    const { term } = window.muxview;
    const resize = term.resize.bind(term);
    term.resize = (...size) => { // as long as a busy machine may take
      resize(...size);
      for (const start = performance.now(); performance.now() - start < 50;);
    };
    window.painted = new Set();
    term.onRender(() => {
      const { cols, buffer } = term;
      window.painted.add(`${cols}:${buffer.active.getLine(0).translateToString(true)}`);
    });
  });
  far.say({ type: 'size', cols: 90, rows: 20 });
  far.say({ type: 'title', text: 'in between' });
  await page.waitForFunction(() => document.title.startsWith('in between'));
  assert.deepEqual(await grid(page), [60, 10]);
  far.draw('second picture');
  await see(page, /second picture/);
  assert.deepEqual(await grid(page), [90, 20]);
  await page.waitForFunction(() => window.painted.has('90:second picture'));
  assert.deepEqual(await page.evaluate(() => [...window.painted].filter((x) => x !== '60:first picture')), ['90:second picture']);
  await close(page);
});

test('typing, pasting and the mouse are sent as bytes; acks count what was parsed', async () => {
  const { page, far } = await watchOpen();
  await page.keyboard.type('a');
  await page.keyboard.press('Control+c');
  await page.keyboard.insertText('ü漢😀');
  await far.until(() => bytes(far).length >= 11);
  assert.equal(bytes(far), Buffer.from('a\x03ü漢😀').toString('latin1'));
  far.heard.length = 0;
  const before = await far.until(() => far.heard.find(({ type }) => type === 'ack') ?? (far.draw('x'), false));
  far.draw('12345');
  await far.until(() => far.heard.some(({ type, bytes }) => type === 'ack' && bytes > before.bytes));
  far.heard.length = 0;
  far.draw('\x1b[?1000h\x1b[?1006hmouse');
  await see(page, /mouse/);
  await page.mouse.click(450, 300);
  await far.until(() => /^\x1b\[<0;\d+;\d+M\x1b\[<0;\d+;\d+m$/.test(bytes(far)));
  await close(page);
});

test('a paste too long for one message is refused, and the connection lives', async () => {
  const limits = readFileSync(new URL('../../src/config/limits.rs', import.meta.url), 'utf8');
  assert.match(limits, /MESSAGE_BYTES: usize = 4 \* 1024 \* 1024;/);
  assert.equal(MESSAGE_BYTES, 4 * 1024 * 1024);
  const { page, far } = await watchOpen();
  const paste = (length) => page.evaluate((length) => window.muxview.term.paste('ü'.repeat(length / 2)), length);
  await paste(MESSAGE_BYTES + 2);
  await page.getByText('too much for one paste').waitFor();
  await paste(MESSAGE_BYTES);
  await far.until(() => far.heard.some(({ length }) => length === MESSAGE_BYTES));
  assert.equal(bytes(far).length, MESSAGE_BYTES);
  assert.equal(far.sockets.length, 1);
  await close(page);
});

test('nothing a program could ask is answered by the browser', async () => {
  const { page, far } = await watchOpen();
  for (const asked of QUESTIONS) far.draw(`${asked}asked`);
  // The C1 form of what begins with an escape, and all of them at once.
  far.draw(`${QUESTIONS.join('')}${QUESTIONS.join('').replace(/\x1b([[\]P\\])/g, (_, letter) => String.fromCharCode(letter.charCodeAt(0) + 0x40))}all asked`);
  await see(page, /all asked/);
  await page.keyboard.type('z');
  await far.until(() => bytes(far).length > 0);
  assert.equal(bytes(far), 'z');
  await close(page);
});

test('what keeps the first picture away is said in its place', async () => {
  const { page, far } = await watch();
  far.say({ type: 'hello', protocol: 1, session: { id: '$1', name: 'main' }, role: 'drive', ping_ms: 15_000 });
  await page.getByText('Waiting for the picture…').waitFor();
  far.say({ type: 'notice', text: 'Not connected to the session: tmux switches our client away.' });
  await page.getByText('tmux switches our client away.').waitFor();
  assert.equal(await page.locator('#caption').textContent(), 'Not connected to the session: tmux switches our client away.');
  far.say({ type: 'notice', text: '' });
  await page.getByText('Waiting for the picture…').waitFor();
  far.say({ type: 'size', cols: 60, rows: 10 });
  far.draw('first picture');
  await see(page, /first picture/);
  assert.equal(await page.locator('#caption').textContent(), '');
  await close(page);
});

/** Whether all of the caption's text can be read: it is cut nowhere, and nothing lies over it. */
const readable = (page) => page.evaluate(() => {
  const caption = document.getElementById('caption');
  const box = caption.getBoundingClientRect();
  const { scrollHeight, clientHeight, scrollWidth, clientWidth } = caption;
  const corners = [[box.left + 2, box.top + 2], [box.right - 2, box.bottom - 2], [box.left + 2, box.bottom - 2]];
  return scrollHeight <= clientHeight && scrollWidth <= clientWidth
    && corners.every(([x, y]) => document.elementFromPoint(x, y)?.closest('#caption'));
});

for (const [device, viewport] of [['a desktop', { width: 900, height: 600 }], ['a phone', { width: 360, height: 640 }]]) {
  test(`what keeps the first picture away can be read whole on ${device}`, async () => {
    const { page, far } = await watch({ viewport });
    far.say({ type: 'hello', protocol: 1, session: { id: '$1', name: 'main' }, role: 'drive', ping_ms: 15_000 });
    const text = 'Not connected to the session: tmux 3.8 is installed, but the running tmux server is still version 3.3a, and they cannot work '
      + 'together. Save your work, end the old server with `kill 4242`, and start your sessions again. <b>Trying</b> again.';
    far.say({ type: 'notice', text });
    const caption = page.locator('#caption');
    await caption.locator('code').waitFor();
    assert.equal(await caption.locator('code').textContent(), 'kill 4242');
    assert.equal(await caption.textContent(), text.replaceAll('`', ''));
    assert.ok(await readable(page));
    await page.getByRole('status').filter({ hasText: 'kill 4242' }).waitFor();
    // What is told again is not read out again.
    await caption.locator('code').evaluate((code) => { window.code = code; });
    far.say({ type: 'notice', text });
    far.say({ type: 'title', text: 'told' });
    await page.waitForFunction(() => document.title.startsWith('told'));
    assert.ok(await page.evaluate(() => window.code.isConnected));
    far.say({ type: 'notice', text: 'One ` is one.' });
    await page.getByText('One ` is one.').waitFor();
    await close(page);
  });
}

test('a notice does not outlast the connection it came by', async () => {
  const { page, far } = await watchOpen();
  far.say({ type: 'notice', text: 'tmux does not answer.' });
  await page.getByText('tmux does not answer.').waitFor();
  await far.last.close({ code: 1012 });
  await far.until(() => far.sockets.length === 2);
  far.hello();
  await state(page, 'open');
  assert.equal(await page.locator('#caption').textContent(), '');
  await close(page);
});

test('title, presence, notices and the bell are shown', async () => {
  const { page, far } = await watchOpen();
  far.say({ type: 'title', text: 'vim' });
  await page.waitForFunction(() => document.title === 'vim · main');
  far.say({ type: 'viewers', drive: 2, view: 1, you: 'drive' });
  await page.getByText('3 here, 1 only watching').waitFor();
  far.say({ type: 'viewers', drive: 1, view: 0, you: 'drive' });
  await page.waitForFunction(() => document.querySelector('#viewers').textContent === '');
  far.say({ type: 'notice', text: 'tmux does not answer.' });
  await page.getByText('tmux does not answer.').waitFor();
  far.say({ type: 'notice', text: '' });
  await page.waitForFunction(() => document.querySelector('#caption').textContent === '');
  await page.evaluate(() => Object.defineProperty(document, 'hidden', { value: true, configurable: true }));
  far.say({ type: 'bell' });
  await page.waitForFunction(() => document.title === '● vim · main');
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  assert.equal(await page.title(), 'vim · main');
  far.say({ type: 'something-new', x: 1 });
  far.last.send('not JSON');
  far.say({ type: 'toString' });
  await close(page);
});

test('a spectator types nothing and knows it', async () => {
  const { page, far } = await watch();
  far.hello({ role: 'view' });
  await page.getByText('view only').waitFor();
  await see(page, /first picture/);
  await page.keyboard.type('x');
  far.draw('later');
  await see(page, /later/);
  assert.equal(bytes(far), '');
  await close(page);
});

test('a switch to another session is followed to its own URL', async () => {
  const { page, far } = await watchOpen();
  far.say({ type: 'moved', session: { id: '$7', name: 'other' } });
  await page.waitForURL('**/s/other?test');
  await far.until(() => far.sockets.length === 2);
  far.hello({ session: { id: '$7', name: 'other' } });
  far.say({ type: 'moved', session: { id: '$8', name: 'with space' } });
  await page.waitForURL('**/s/%248?test');
  await close(page);
});

test('a hidden page says so, and joins as such', async () => {
  const { page, far } = await watchOpen();
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await hide(true);
  await far.until(() => far.heard.some((said) => said.type === 'visible' && said.visible === false));
  await far.last.close({ code: 1011 });
  await far.until(() => far.sockets.length === 2);
  const query = new URL(far.last.url()).searchParams;
  assert.equal(query.get('visible'), '0');
  assert.equal(query.get('resume'), '1');
  far.hello();
  await hide(false);
  await far.until(() => far.heard.some((said) => said.type === 'visible' && said.visible === true));
  await close(page);
});

test('a restart keeps the picture until the next one is there', async () => {
  const { page, far } = await watchOpen();
  await far.last.close({ code: 1012, reason: 'spread=1' });
  await far.until(() => far.sockets.length === 2);
  assert.ok((await lines(page)).includes('first picture'));
  far.hello();
  await state(page, 'open');
  await close(page);
});

test('final codes end it with what can be done', async () => {
  for (const [code, reason, heading, button] of [
    [4400, 'protocol', 'Disconnected', 'Try again'],
    [4401, 'sign in', 'Sign in', 'Sign in'],
    [4403, 'not allowed', 'Not allowed', 'Try again'],
    [4404, 'no such session', '“main” is not running', 'Start it'],
    [4410, 'the tmux server ended', '“main” has ended', 'Start it again'],
    [4477, 'something new', 'Disconnected', 'Try again'],
  ]) {
    const { page, far } = await watchOpen();
    await far.last.close({ code, reason });
    await page.getByRole('heading', { name: heading }).waitFor();
    assert.equal(await page.getByRole('button', { name: button }).count(), 1, heading);
    assert.equal(await page.evaluate(() => window.muxview.connection.state), 'closed');
    assert.ok((await lines(page)).includes('first picture'), 'the last picture stays');
    if (button === 'Try again') {
      await page.getByRole('button', { name: button }).click();
      await far.until(() => far.sockets.length === 2);
      far.hello();
      await state(page, 'open');
      await page.locator('dialog').waitFor({ state: 'hidden' });
    }
    await close(page);
  }
});

test('a page too old for the server reloads once', async () => {
  const { page, far } = await watchOpen();
  await far.last.close({ code: 4426, reason: 'page too old' });
  await far.until(() => far.sockets.length === 2);
  await far.last.close({ code: 4426, reason: 'page too old' });
  await page.getByRole('heading', { name: 'This page is too old' }).waitFor();
  assert.equal(far.sockets.length, 2);
  await close(page);
});

test('nothing is typed before the first picture is there', async () => {
  const { page, far } = await watch();
  far.say({ type: 'hello', protocol: 1, session: { id: '$1', name: 'main' }, role: 'drive', ping_ms: 15_000 });
  await page.getByText('Waiting for the picture…').waitFor();
  await page.keyboard.type('early');
  await page.getByText('what you type is not sent').waitFor();
  far.hello();
  await see(page, /first picture/);
  await page.keyboard.type('z');
  await far.until(() => bytes(far).length > 0);
  assert.equal(bytes(far), 'z');
  await close(page);
});

test('a slow link is told, with its round trip', async () => {
  const { page, far } = await watchOpen();
  const ping = await far.until(() => far.heard.find(({ type }) => type === 'ping'));
  await page.waitForFunction(() => window.muxview.connection.lag.waiting > 450);
  far.say({ type: 'pong', id: ping.id });
  await page.getByText(/Slow: \d{3,} ms/).waitFor();
  const next = await far.until(() => far.heard.find(({ type, id }) => type === 'ping' && id !== ping.id));
  far.say({ type: 'pong', id: next.id });
  await page.waitForFunction(() => document.querySelector('#caption').textContent === '');
  await close(page);
});

test('a final reason learnt after a page was shown can be tried again, and what is typed meanwhile is refused', async () => {
  const { page, far } = await watchOpen();
  await far.last.close({ code: 4403, reason: 'not allowed' });
  await page.getByRole('heading', { name: 'Not allowed' }).waitFor();
  await page.evaluate(() => window.muxview.term.focus());
  await page.keyboard.type('lost');
  await page.waitForFunction(() => document.querySelector('#caption').textContent.includes('not sent'));
  await page.getByRole('button', { name: 'Try again' }).click();
  await far.until(() => far.sockets.length === 2);
  far.hello();
  await see(page, /first picture/);
  await page.keyboard.type('z'); // the panel gave the keys back
  await far.until(() => bytes(far).length > 0);
  assert.equal(bytes(far), 'z');
  await close(page);
});

test('keys that were on their way when the link broke are mentioned', async () => {
  const { page, far } = await watchOpen();
  await page.keyboard.type('x');
  await far.until(() => bytes(far).length > 0);
  await far.last.close({ code: 1011 }); // and the next socket gets no hello
  await page.getByText('What you typed last may not have arrived.').waitFor();
  await close(page);
});

test('a driver’s page says its colours: with its URL, when it is greeted, and when they change', async () => {
  const { page, far } = await watchOpen({ colorScheme: 'dark' });
  const said = () => far.heard.filter(({ type }) => type === 'theme').map(({ foreground, background }) => [foreground, background].join(' '));
  const told = (...wanted) => far.until(() => said().join() === wanted.join());
  assert.match(far.last.url(), /[?&]theme=d6dae2-14171c(&|$)/);
  const [night, day] = ['#d6dae2 #14171c', '#262b33 #fdfdfb'];
  await told(night);
  await page.emulateMedia({ colorScheme: 'light' });
  await told(night, day);
  // Another muxview goes on with the socket: it knows nothing of colours.
  far.hello();
  await told(night, day, day);
  far.hello({ role: 'view' });
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction(() => window.muxview.term.options.theme.background === '#14171c');
  far.hello();
  await told(night, day, day, night);
  await close(page);
});
