// The stream of events without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { events } from '../../static/events.js';

/** All that comes out of these pieces of a stream. */
async function read(...pieces) {
  const bytes = pieces.map((piece) => (typeof piece === 'string' ? new TextEncoder().encode(piece) : piece));
  let heard = 0;
  const found = [];
  const body = new ReadableStream({
    start(controller) {
      bytes.forEach((piece) => controller.enqueue(piece));
      controller.close();
    },
  });
  for await (const event of events(body, () => { heard += 1; })) found.push(event);
  return { found, heard };
}

test('events come whole, however the stream is cut, with either line ending', async () => {
  const { found, heard } = await read('event: a\nda', 'ta: [1]\n', '\n:\n\nevent:b\r\ndata:{"x":"y: z"}\r\n', '\r\n', 'event: c\nda');
  assert.deepEqual(found, [{ event: 'a', data: [1] }, { event: 'b', data: { x: 'y: z' } }]);
  assert.equal(heard, 5);
});

test('what JSON may hold as it is does not end a line', async () => {
  const session = { name: 'a:b', cwd: '/tmp/\u2028x\u2029', title: ' \u0085\v\f' };
  const text = `event: sessions\ndata: ${JSON.stringify([session])}\n\n`;
  assert.ok(text.includes('\u2028'));
  assert.deepEqual((await read(text)).found, [{ event: 'sessions', data: [session] }]);
  // Also cut in the middle of a character.
  const bytes = new TextEncoder().encode(text);
  const middle = bytes.indexOf(0xe2) + 1;
  assert.deepEqual((await read(bytes.slice(0, middle), bytes.slice(middle))).found, [{ event: 'sessions', data: [session] }]);
});
