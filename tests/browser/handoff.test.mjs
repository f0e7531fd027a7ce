// Another image of the program takes over under open pages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, lines, open, PATIENCE, PROMPT, see, stage } from './support.mjs';

const on = stage(['main']);

/** A page, and what its sockets did: greetings that came, resizes that went, closes. */
async function watched(options) {
  const seen = { hellos: [], resizes: 0, sockets: 0, closed: 0 };
  const page = await open(on.browser, 'about:blank', options);
  page.on('websocket', (socket) => {
    seen.sockets += 1;
    socket.on('close', () => { seen.closed += 1; });
    socket.on('framereceived', ({ payload }) => {
      if (typeof payload === 'string' && payload.includes('"hello"')) seen.hellos.push(JSON.parse(payload).instance);
    });
    socket.on('framesent', ({ payload }) => {
      if (typeof payload === 'string' && payload.includes('"resize"')) seen.resizes += 1;
    });
  });
  await page.goto(on.muxview.page('main'));
  await see(page, PROMPT);
  return [page, seen];
}

async function greeted(seen, times) {
  const end = Date.now() + PATIENCE;
  while (seen.hellos.length < times) {
    assert.ok(Date.now() < end, `greeted ${seen.hellos.length} times`);
    await new Promise((resolve) => { setTimeout(resolve, 15); });
  }
}

const size = () => on.tmux.run('display-message', '-p', '-t', '=main:', '#{window_width}x#{window_height}').trim();

test('a page does not notice, and takes the size from nobody', async () => {
  const [other, theirs] = await watched();
  const [page, ours] = await watched();
  // The other page changes its size and acts; then this one does, and keeps it.
  await other.setViewportSize({ width: 700, height: 400 });
  await page.keyboard.type('echo one-$((1+1))\n');
  await see(other, /^one-2$/);
  await see(page, /^one-2$/);
  const before = { size: size(), resizes: theirs.resizes };
  for (const time of [2, 3]) {
    on.muxview.signal('SIGHUP');
    const typed = page.keyboard.type(`echo while-$((${time}*7))\n`);
    await Promise.all([greeted(ours, time), greeted(theirs, time), typed]);
    await see(page, new RegExp(`^while-${time * 7}$`));
    await see(other, new RegExp(`^while-${time * 7}$`));
  }
  assert.equal(new Set(ours.hellos).size, 3, 'each time another process image');
  for (const seen of [ours, theirs]) assert.deepEqual([seen.sockets, seen.closed], [1, 0]);
  assert.deepEqual({ size: size(), resizes: theirs.resizes }, before);
  assert.deepEqual((await lines(page)).filter((line) => /^while-/.test(line)), ['while-14', 'while-21']);
  await Promise.all([close(page), close(other)]);
});
