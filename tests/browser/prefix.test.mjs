// Behind a proxy that serves muxview below a path and strips it: all URLs of the pages are relative.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { close, open, PROMPT, see, stage } from './support.mjs';

const PREFIX = '/some/where';
const on = stage(['main'], { muxview: { auth: 'token' } });

/** A proxy that knows nothing but the prefix. */
function stripping(port) {
  const strip = (url) => (url.startsWith(`${PREFIX}/`) ? url.slice(PREFIX.length) : null);
  const server = createServer((asked, answer) => {
    const path = strip(asked.url);
    if (path === null) return answer.writeHead(404).end('outside the prefix');
    const onward = request({ port, path, method: asked.method, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
  });
  server.on('upgrade', (asked, socket) => {
    const onward = connect(port, '127.0.0.1', () => {
      const headers = asked.rawHeaders.map((text, i) => (i % 2 ? `${text}\r\n` : `${text}: `)).join('');
      onward.write(`GET ${strip(asked.url) ?? '/'} HTTP/1.1\r\n${headers}\r\n`);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on('error', () => { onward.destroy(); socket.destroy(); });
  });
  return server;
}

test('signs in, lists, shows, types and creates below the prefix', async (t) => {
  const proxy = stripping(new URL(on.muxview.url).port);
  await new Promise((resolve) => { proxy.listen(0, '127.0.0.1', resolve); });
  t.after(() => proxy.close());
  const root = `http://127.0.0.1:${proxy.address().port}${PREFIX}/`;
  const page = await open(on.browser, root + new URL(on.muxview.url).hash);
  await page.getByRole('link', { name: 'main' }).click();
  await page.waitForURL(`${root}s/main`);
  await page.goto(`${root}s/main?test`);
  await see(page, PROMPT);
  await page.keyboard.type('echo through-$((1+1))\n');
  await see(page, /^through-2$/);
  await page.getByRole('link', { name: 'All sessions' }).click();
  await page.waitForURL(root);
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByRole('textbox', { name: 'Name' }).fill('made');
  await page.getByRole('button', { name: 'Create', exact: true }).click();
  await page.waitForURL(`${root}s/made`);
  assert.match(on.tmux.run('list-sessions', '-F', '#{session_name}'), /^made$/m);
  await close(page);
});
