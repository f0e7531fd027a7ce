// Pages of others in the browser of somebody whose muxview asks nobody who they are: another port, another name
// of this machine, a foreign name, a foreign name that leads to muxview itself, no origin at all. The browser's own
// checks for local networks are off: what holds is muxview's.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { PATIENCE, PROMPT, open, see, stage } from './support.mjs';

const on = stage(['main'], { browser: { args: [
  '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP rebound.example 127.0.0.1',
  '--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets,BlockInsecurePrivateNetworkRequests',
] } });

/** Where the others have their pages. */
const others = createServer((_, answer) => {
  answer.setHeader('content-type', 'text/html');
  answer.end('<!doctype html><title>free prizes</title>');
});
before(() => new Promise((listening) => { others.listen(0, '127.0.0.1', listening); }));
after(() => new Promise((closed) => { others.closeAllConnections(); others.close(closed); }));

/** Tries everything a page can do to the service at `target`; gives what of it succeeded, and how much was tried. */
async function attack({ target, patience }) {
  const done = [];
  let tried = 0;
  const attempt = async (what, act) => {
    tried += 1;
    // A browser that says nothing at all has not done it either.
    const silence = new Promise((resolve) => { setTimeout(resolve, patience); });
    const outcome = await Promise.race([(async () => act())().catch(() => undefined), silence]);
    if (outcome) done.push(`${what}: ${outcome}`);
  };
  const insert = (name, properties) => new Promise((resolve) => {
    const element = Object.assign(document.createElement(name), properties);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve();
    document.documentElement.append(element);
  });
  const json = JSON.stringify({ name: 'broken-in', command: 'cat' });
  const form = new FormData();
  form.set('name', 'broken-in');
  const all = [];
  for (const [path, protocols] of [
    ['s/main/ws', []], ['s/main/ws?cols=33&rows=11', ['muxview.v1']], ['s/main/ws', ['muxview.v1', 'muxview.key.x']],
    ['s/%240/ws?role=view', ['muxview.v1']], ['s/main/ws', ['tty']],
  ]) {
    all.push(attempt(`WebSocket ${path} ${protocols}`, () => new Promise((resolve) => {
      const socket = new WebSocket(new URL(path, target.replace('http', 'ws')), protocols);
      socket.onopen = () => { socket.send(new TextEncoder().encode('typed\r')); };
      // Who is not let in to a socket may see it open and close; nothing comes before that.
      socket.onmessage = () => { resolve('it speaks'); };
      socket.onclose = () => { resolve(); };
    })));
  }
  for (const path of ['', 's/main', 'api/sessions', 'metrics', 'healthz', 'readyz']) {
    for (const mode of ['cors', 'no-cors']) {
      all.push(attempt(`read ${path} ${mode}`, async () => (await fetch(target + path, { mode, credentials: 'include' })).text()));
    }
  }
  for (const [method, path, mode, type, body] of [
    ['POST', 'api/sessions', 'cors', 'application/json', json],
    ['POST', 'api/sessions', 'cors', 'text/plain', json],
    ['POST', 'api/sessions', 'no-cors', 'application/json', json],
    ['POST', 'api/sessions', 'no-cors', 'text/plain', json],
    ['POST', 'api/sessions', 'no-cors', 'application/x-www-form-urlencoded', json],
    ['POST', 'api/sessions', 'no-cors', null, form],
    ['POST', 'api/sessions', 'cors', null, new Blob([json], { type: 'application/json' })],
    ['PATCH', 'api/sessions/main', 'cors', 'application/json', json],
    ['DELETE', 'api/sessions/main', 'cors', null, null],
    ['POST', 'api/shares', 'no-cors', 'text/plain', '{"session":"main"}'],
    ['POST', 'api/sign-in', 'no-cors', 'text/plain', '{"t":"x"}'],
    ['POST', 'api/sign-out', 'no-cors', 'text/plain', '{"everywhere":true}'],
  ]) {
    const headers = type ? { 'content-type': type } : {};
    all.push(attempt(`${method} ${path} ${mode} ${type}`, async () => {
      const answer = await fetch(target + path, { method, mode, headers, body, credentials: 'include' });
      return answer.type === 'opaque' ? undefined : `${answer.status} ${await answer.text()}`;
    }));
  }
  all.push(attempt('XMLHttpRequest', () => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('POST', `${target}api/sessions`);
    request.onloadend = () => resolve(request.responseText);
    request.send(json);
  })));
  navigator.sendBeacon(`${target}api/sessions`, new Blob([json], { type: 'text/plain' }));
  all.push(attempt('EventSource', () => new Promise((resolve) => {
    const events = new EventSource(`${target}api/events`, { withCredentials: true });
    events.onopen = () => resolve('it speaks');
    events.onerror = () => { events.close(); resolve(); };
  })));
  all.push(attempt('script', () => insert('script', { src: `${target}api/sessions` })));
  all.push(attempt('module', () => import(`${target}api/sessions`).then(() => 'loaded')));
  all.push(attempt('style', () => insert('link', { rel: 'stylesheet', href: `${target}api/sessions` })));
  all.push(attempt('picture', () => insert('img', { src: `${target}assets/none.svg` })));
  // A frame says that it has loaded, also when what it shows is the browser's refusal.
  for (const path of ['', 's/main', 'api/sessions']) all.push(attempt(`frame ${path}`, () => insert('iframe', { src: target + path }).then(() => {})));
  all.push(attempt('object', () => insert('object', { data: `${target}s/main` })));
  // What becomes of a form is seen by the browser only.
  for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const frame = Object.assign(document.createElement('iframe'), { name: enctype });
    const form = Object.assign(document.createElement('form'), { action: `${target}api/sessions`, method: 'post', enctype, target: enctype });
    form.append(Object.assign(document.createElement('input'), { name: json.slice(0, -1), value: '"}' }));
    document.documentElement.append(frame, form);
    form.submit();
  }
  await Promise.all(all);
  return { done, tried };
}

/** What muxview counts under this name, all labels together or those that match. */
async function count(name, label = '') {
  const metrics = await (await fetch(new URL('/metrics', on.muxview.url))).text();
  const rows = metrics.split('\n').filter((line) => line.startsWith(name) && line.includes(label));
  return rows.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const sockets = () => count('muxview_http_requests_total', 'status="101"');
const refusals = () => count('muxview_refusals_total');

/** All there is in tmux, and what it shows. */
const inside = () => on.tmux.run('list-windows', '-a', '-F', '#{session_id} #{session_name} #{window_id} #{window_width}x#{window_height}')
  + on.tmux.run('capture-pane', '-p', '-t', '=main:');

for (const [what, page] of [
  ['another port', (other) => `http://127.0.0.1:${other}/`],
  ['another name of this machine', (other) => `http://localhost:${other}/`],
  ['a foreign name', (other) => `http://evil.example:${other}/`],
  ['a foreign name that leads to muxview itself', (_, own) => `http://rebound.example:${own}/`],
  ['no origin', () => 'data:text/html,<title>free prizes</title>'],
]) {
  test(`a page of ${what} opens nothing, reads nothing, changes nothing and shows nothing`, async () => {
    const [before, refusedBefore] = [inside(), await refusals()];
    const own = new URL(on.muxview.url).port;
    const url = page(others.address().port, own);
    // A page that was rebound is of muxview's own origin, as far as the browser knows.
    const targets = url.includes('rebound') ? [url] : [`http://127.0.0.1:${own}/`, `http://localhost:${own}/`];
    const context = await on.browser.newContext({ bypassCSP: true });
    const tab = await context.newPage();
    let forms = 3 * targets.length;
    const sent = new Promise((resolve) => {
      // muxview ends the oldest of many connections that show no sign-in, also while a form is sent on one.
      const ended = (request) => {
        if (request.isNavigationRequest() && request.method() === 'POST' && --forms === 0) resolve();
      };
      tab.on('response', (answer) => { ended(answer.request()); });
      tab.on('requestfailed', ended);
    });
    await tab.goto(url);
    for (const target of targets) {
      const { done, tried } = await tab.evaluate(attack, { target, patience: PATIENCE });
      assert.ok(tried > 30);
      // Who is at our own origin reads that it has the wrong name, and no more than that.
      const more = done.filter((what) => !what.includes('muxview does not answer to'));
      assert.deepEqual(more, [], url);
      if (!url.includes('rebound')) assert.deepEqual(done, []);
    }
    await sent;
    const frames = tab.frames().slice(1);
    assert.ok(frames.length >= 6);
    for (const frame of frames) {
      const text = await frame.evaluate(() => document.documentElement?.innerText ?? '').catch(() => '');
      assert.ok(!/main|broken-in|sessions/i.test(text) || /does not answer to/.test(text), `${frame.url()}: ${text}`);
    }
    await context.close();
    assert.equal(inside(), before);
    assert.equal(await sockets(), 0);
    // It was muxview who refused, and not the browser that did not ask.
    assert.ok(await refusals() - refusedBefore >= 10);
  });
}

test('a window that another page opened is not in its hands', async () => {
  const context = await on.browser.newContext();
  const tab = await context.newPage();
  await tab.goto(`http://localhost:${others.address().port}/`);
  const opened = context.waitForEvent('page');
  await tab.evaluate((url) => { window.other = window.open(url); }, on.muxview.url);
  const list = await opened;
  await list.getByRole('link', { name: 'main' }).waitFor();
  assert.ok(await list.evaluate(() => window.opener === null));
  assert.ok(await tab.evaluate(() => window.other.closed));
  await context.close();
});

test('the same from a page of muxview’s own does what it says', async () => {
  const page = await open(on.browser, on.muxview.page('main'), { bypassCSP: true, expected: /./ });
  await see(page, PROMPT);
  const { done } = await page.evaluate(attack, { target: new URL('/', on.muxview.url).href, patience: PATIENCE });
  for (const wanted of ['WebSocket s/main/ws?cols', 'read api/sessions', 'POST api/sessions cors application/json', 'PATCH', 'EventSource']) {
    assert.ok(done.some((what) => what.startsWith(wanted)), `${wanted}: ${done.join('\n')}`);
  }
  assert.ok(await sockets() > 0);
  await page.context().close();
});
