// What a page shows to sign in is good once: over reloads, restarts and on names browsers do not trust;
// and whoever has our port meanwhile gets nothing of use.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { BROKEN, close, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const NAME = 'term.test';
const on = stage(['main'], {
  browser: { args: [`--host-resolver-rules=MAP ${NAME} 127.0.0.1`] },
  muxview: { auth: 'token' },
});
/** Links that are broken on purpose, refusals, and what Chromium says of names it does not trust. */
const EXPECTED = new RegExp(`${BROKEN.source}|status of 401|Cross-Origin-Opener-Policy`);

const hash = () => new URL(on.muxview.link()).hash;
const sessionPage = (fragment = hash()) => open(on.browser, on.muxview.page('main', fragment), { expected: EXPECTED });

/** Signs in as a program does. */
async function bearer(muxview = on.muxview) {
  const t = new URL(muxview.link()).hash.slice('#t='.length);
  const answer = await fetch(`http://${muxview.address}/api/sign-in`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ t }) });
  return answer.json();
}

async function status(token, muxview = on.muxview) {
  const answer = await fetch(`http://${muxview.address}/api/sessions`, { headers: { Authorization: `Bearer ${token}` } });
  await answer.body?.cancel();
  return answer.status;
}

/** Everything this page shows from now on. */
function shownBy(page) {
  const all = [];
  page.on('request', (request) => {
    const { authorization } = request.headers();
    if (authorization) all.push(authorization.replace('Bearer ', ''));
  });
  return all;
}

/** What the page keeps. */
const kept = (page) => page.evaluate(() => Object.fromEntries(Object.keys(localStorage)
  .filter((key) => /^muxview\.(signed-in|credential):/.test(key)).map((key) => [key.split(':')[0], JSON.parse(localStorage.getItem(key))])));

/** Sends the bytes of one request; the status of its answer, and the close code if that was a socket. */
function replay(address, bytes) {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect(Number(port), host, () => socket.write(bytes));
    let got = Buffer.alloc(0);
    const done = () => {
      const text = got.toString('latin1');
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
      const [opcode, , ...payload] = got.subarray(text.indexOf('\r\n\r\n') + 4);
      socket.destroy();
      resolve(status === 101 ? { status, opcode: opcode & 15, code: payload[0] * 256 + payload[1] } : { status });
    };
    socket.on('data', (data) => {
      got = Buffer.concat([got, data]);
      const text = got.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      if (end >= 0 && (!text.startsWith('HTTP/1.1 101') || got.length > end + 8)) done();
    });
    socket.on('error', done);
    socket.on('close', done);
  });
}

test('what a page keeps and shows is good for nobody else, and not twice', async () => {
  const page = await open(on.browser, new URL('/', on.muxview.url).href + hash(), { expected: EXPECTED });
  await page.getByRole('link', { name: 'main' }).waitFor();
  const all = shownBy(page);
  await page.reload();
  await page.getByRole('link', { name: 'main' }).waitFor();
  const { 'muxview.signed-in': { credential, key, secret } } = await kept(page);
  assert.equal(secret ?? key.secret, undefined);
  assert.ok(all.length);
  for (const shown of all) {
    assert.match(shown, /^[\w.-]+~\d{13}~[\w-]{22}~[\w-]{86}$/);
    assert.equal(await status(shown), 401);
  }
  assert.equal(await status(credential), 401);
  // The key itself stays where it is.
  const exported = await page.evaluate(() => new Promise((resolve, reject) => {
    const opening = indexedDB.open('muxview:/');
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction('keys').objectStore('keys').getAll();
      reading.onsuccess = () => Promise.all(reading.result.map((key) => crypto.subtle.exportKey('pkcs8', key).then(() => 'exported', ({ name }) => name))).then(resolve);
    };
  }));
  assert.deepEqual(exported, ['InvalidAccessError']);
  await close(page);
});

test('after a restart the first socket is the right one', async () => {
  const page = await sessionPage();
  await see(page, PROMPT);
  const { address } = on.muxview;
  await on.muxview.end();
  await state(page, 'reconnecting');
  on.muxview = await Muxview.start(on.tmux, { auth: 'token', listen: address });
  await state(page, 'open');
  const { credential } = await bearer();
  const metrics = await (await fetch(`http://${address}/metrics`, { headers: { Authorization: `Bearer ${credential}` } })).text();
  const counted = (line) => Number(new RegExp(`^${line} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0);
  assert.equal(counted('muxview_http_requests_total\\{status="101"\\}'), 1, metrics);
  assert.equal(counted('muxview_http_requests_total\\{status="401"\\}'), 0, metrics);
  assert.equal(counted('muxview_closes_total\\{code="4401"\\}'), 0, metrics);
  await page.keyboard.type('echo in-$((1+1))\n');
  await see(page, /^in-2$/);
  await close(page);
});

test('a page whose clock is wrong, or is set while it is open, is told the time', async () => {
  const page = await sessionPage();
  await see(page, PROMPT);
  for (const set of [3_600_000, -3_600_000]) {
    await page.evaluate((set) => {
      const { now } = Date;
      Date.now = () => now() + set;
    }, set);
    // The socket is made anew with a signature of another hour.
    await page.evaluate(() => { window.muxview.connection.close(); window.muxview.connection.open(); });
    await state(page, 'open');
  }
  await close(page);
});

test('a page that signed in before pages had keys is bound to one, and stays signed in', async () => {
  const signedIn = await bearer();
  const page = await open(on.browser, new URL('/', on.muxview.url).href, { expected: EXPECTED });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.evaluate((signedIn) => localStorage.setItem('muxview.credential:/', JSON.stringify(signedIn)), signedIn);
  await page.goto(on.muxview.page('main'));
  await see(page, PROMPT);
  await page.waitForFunction(() => localStorage.getItem('muxview.signed-in:/'));
  const all = shownBy(page);
  await page.goto(new URL('/', on.muxview.url).href);
  await page.getByRole('link', { name: 'main' }).waitFor();
  assert.ok(all.length && all.every((shown) => shown.includes('~')), all.join('\n'));
  // Pages that are open meanwhile and do not sign go on.
  assert.equal((await kept(page))['muxview.credential'].credential, signedIn.credential);
  assert.equal(await status(signedIn.credential), 200);
  // Both end together.
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign out here' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.deepEqual(await kept(page), {});
  assert.equal(await status(signedIn.credential), 401);
  await close(page);
});

test('on a name browsers do not trust, a secret that is never sent again signs', async () => {
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  const origin = `http://${NAME}:${port}`;
  let muxview = await Muxview.start(on.tmux, { auth: 'token', listen: `127.0.0.1:${port}`, args: ['--public-origin', origin] });
  try {
    const page = await open(on.browser, `${origin}/s/main?test${new URL(muxview.link()).hash}`, { expected: EXPECTED });
    const sent = [];
    page.on('request', (request) => sent.push(JSON.stringify(request.headers()), request.postData() ?? ''));
    const all = shownBy(page);
    await see(page, PROMPT);
    assert.equal(await page.evaluate(() => isSecureContext), false);
    await page.reload();
    await see(page, PROMPT);
    const { 'muxview.signed-in': { credential, key: { secret } } } = await kept(page);
    assert.match(secret, /^[\w-]{43}$/);
    assert.ok(!sent.some((text) => text.includes(secret)));
    assert.ok(all.length);
    for (const shown of [credential, ...all]) assert.equal(await status(shown, muxview), 401);
    const { address } = muxview;
    await muxview.end();
    await state(page, 'reconnecting');
    muxview = await Muxview.start(on.tmux, { auth: 'token', listen: address, args: ['--public-origin', origin] });
    await state(page, 'open');
    await close(page);
  } finally {
    await muxview.end();
  }
});

/** Somebody who has our port: keeps every byte, and lies about the time to have pages sign for later. */
class Impostor {
  requests = [];
  #server;
  #sockets = new Set();

  static async at(address) {
    const impostor = new Impostor();
    impostor.#server = createServer((socket) => impostor.#serve(socket));
    const [host, port] = address.split(':');
    await new Promise((resolve) => { impostor.#server.listen(Number(port), host, resolve); });
    return impostor;
  }

  #serve(socket) {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    const later = `${Date.now() + 60_000}.${'A'.repeat(22)}`;
    socket.on('data', (bytes) => {
      if (!/^[A-Z]+ \//.test(bytes.toString('latin1'))) return; // a page's answer to our close
      this.requests.push(bytes);
      const key = /sec-websocket-key: (\S+)/i.exec(bytes.toString('latin1'))?.[1];
      if (!key) {
        socket.end(`HTTP/1.1 401 Unauthorized\r\nMuxview-Time: ${later}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
        return;
      }
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      const reason = Buffer.from(`sign in; time=${later}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: muxview.v1\r\n\r\n`);
      // Every second one is asked to come again, as after a restart of ours.
      const code = this.requests.length % 2 ? 1012 : 4401;
      socket.end(Buffer.concat([Buffer.from([0x88, reason.length + 2, code >> 8, code & 255]), reason]));
    });
  }

  async end() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }
}

test('whoever had our port meanwhile gets nothing of what pages sent', async () => {
  const page = await sessionPage();
  await see(page, PROMPT);
  const list = await page.context().newPage();
  await list.goto(new URL('/', on.muxview.url).href);
  await list.getByRole('link', { name: 'main' }).waitFor();
  const { address } = on.muxview;
  await on.muxview.end();
  const impostor = await Impostor.at(address);
  // Both pages come, and are told to come again or to sign in.
  const has = (what) => impostor.requests.some((bytes) => bytes.toString('latin1').includes(what));
  const deadline = Date.now() + 20_000;
  while (!(has('/ws?') && has('GET /api/events'))) {
    assert.ok(Date.now() < deadline, impostor.requests.join('\n'));
    await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(resolve); }));
    await page.evaluate(() => window.muxview.connection.retryNow());
  }
  await impostor.end();
  on.muxview = await Muxview.start(on.tmux, { auth: 'token', listen: address });
  for (const bytes of impostor.requests) {
    const text = bytes.toString('latin1');
    const answer = await replay(address, bytes);
    if (text.includes('/ws?')) assert.deepEqual(answer, { status: 101, opcode: 8, code: 4401 }, text);
    else assert.equal(answer.status, 401, text);
    // As a program, with anything that was shown.
    for (const [shown] of text.matchAll(/\b\d+\.[\w-]+\.[\w-]{43}(~[\w-]+)*/g)) {
      assert.equal(await status(shown), 401);
      assert.equal(await status(shown.split('~')[0]), 401);
    }
  }
  // The pages are still signed in.
  for (const one of [page, list]) await one.reload();
  await see(page, PROMPT);
  await list.getByRole('link', { name: 'main' }).waitFor();
  await close(page);
});

test('a service worker that somebody left at our address is gone once a page is there', async () => {
  const { address } = on.muxview;
  await on.muxview.end();
  const worker = 'addEventListener("activate", (event) => event.waitUntil(clients.claim())); addEventListener("fetch", (event) => event.respondWith(fetch(event.request)));';
  const impostor = createHttpServer((request, answer) => {
    const script = request.url.endsWith('.js');
    answer.writeHead(200, { 'Content-Type': script ? 'text/javascript' : 'text/html' });
    answer.end(script ? worker : '<title>not muxview</title>');
  });
  await new Promise((resolve) => { impostor.listen(Number(address.split(':')[1]), '127.0.0.1', resolve); });
  const page = await open(on.browser, `http://${address}/`, { expected: EXPECTED });
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/worker.js');
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((resolve) => { navigator.serviceWorker.oncontrollerchange = resolve; });
  });
  impostor.closeAllConnections();
  await new Promise((resolve) => { impostor.close(resolve); });
  on.muxview = await Muxview.start(on.tmux, { auth: 'token', listen: address });
  await page.goto('about:blank'); // else only the fragment changes
  await page.goto(on.muxview.link());
  await page.getByRole('link', { name: 'main' }).waitFor();
  const left = await page.evaluate(async () => [navigator.serviceWorker.controller, (await navigator.serviceWorker.getRegistrations()).length]);
  assert.deepEqual(left, [null, 0]);
  await close(page);
});
