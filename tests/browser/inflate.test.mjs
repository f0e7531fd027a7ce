// Chunks of the session's compressed stream: in order with all other messages, a broken one is the
// last. No browser: chunks.test.mjs has one.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { constants, createDeflateRaw } from 'node:zlib';
import { Connection } from '../../static/connection.js';
import { inflater, inflates } from '../../static/inflate.js';

const encode = (text) => new TextEncoder().encode(text);

/** A session's compressor: chunks that refer back to the ones before. */
function chain() {
  const deflate = createDeflateRaw({ level: 6 });
  return async (text) => {
    deflate.write(text);
    deflate.flush(constants.Z_SYNC_FLUSH);
    const parts = [];
    do {
      if (!deflate.readableLength) await once(deflate, 'readable');
      parts.push(deflate.read());
    } while (!Buffer.concat(parts).subarray(-4).equals(Buffer.from([0, 0, 255, 255])));
    const head = [0];
    let left = Buffer.byteLength(text);
    for (; left > 127; left >>= 7) head.push((left & 127) | 128);
    return Uint8Array.from([...head, left, ...Buffer.concat(parts)]);
  };
}

/** Words in no order, the same for the same `n`. */
function words(n) {
  let random = n;
  return Array.from({ length: 400 }, () => (random = (random * 48_271) % 0x7fff_ffff).toString(36)).join(' ');
}

/** All that `inflating` gives for these messages, as text. */
function given(messages, broken = assert.fail) {
  const got = [];
  const inflating = inflater(DecompressionStream, broken);
  return new Promise((resolve) => {
    for (const message of messages) {
      inflating.pass(message, (taken) => {
        got.push(typeof taken === 'string' ? taken : new TextDecoder().decode(taken));
        if (got.length === messages.length) resolve(got);
      });
    }
  });
}

test('a browser can or cannot', () => {
  assert.equal(inflates(DecompressionStream), true);
  assert.equal(inflates(undefined), false);
  assert.equal(inflates(class { constructor() { throw new TypeError('no such format'); } }), false);
});

test('plain messages are passed on at once, chunks and what is behind them in order', async () => {
  const chunk = chain();
  const texts = [words(3), words(5), 'x'.repeat(20_000), words(3)];
  const chunks = [];
  for (const text of texts) chunks.push(await chunk(text));
  assert.ok(chunks[3].length * 10 < chunks[0].length, 'it refers back');
  const messages = [encode('plain'), '{"type":"size"}', chunks[0], encode('e'), 'text', chunks[1], chunks[2], 'more', chunks[3], encode('end')];
  assert.deepEqual(await given(messages), ['plain', '{"type":"size"}', texts[0], 'e', 'text', texts[1], texts[2], 'more', texts[3], 'end']);
  let at = 0;
  inflater(DecompressionStream, assert.fail).pass(encode('now'), () => { at = 1; });
  assert.equal(at, 1);
});

test('what is no deflate is the end', async () => {
  for (const bad of [[0, 5, 255, 255, 255, 255], [0, 1, ...(await chain()('far more than one')).subarray(2)]]) {
    await new Promise((resolve) => {
      const inflating = inflater(DecompressionStream, () => {
        assert.equal(inflating.busy, true);
        resolve();
      });
      inflating.pass(Uint8Array.from(bad), assert.fail);
      inflating.pass('behind it', assert.fail);
    });
  }
});

/** A connection to a socket that the test plays. */
function played() {
  const sockets = [];
  const got = [];
  let timer;
  let now = 0;
  class FakeSocket {
    readyState = 1;
    sent = [];
    constructor(_, protocols) {
      this.protocols = protocols;
      sockets.push(this);
    }
    send(data) { this.sent.push(data); }
    close(...how) { this.closed = how; }
    gives(data) { this.onmessage({ data: typeof data === 'string' ? data : data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) }); }
  }
  const seen = [];
  const connection = new Connection({
    url: () => 'url',
    protocols: () => ['muxview.v1'],
    onState: (state) => seen.push(state),
    onText: ({ type }) => got.push(type),
    onBytes: (bytes, parsed) => { got.push(bytes.length); parsed(); },
  }, { WebSocket: FakeSocket, setTimeout: (run) => (timer = run), clearTimeout: () => {}, listen: () => {}, random: () => 0, now: () => now });
  connection.open();
  const until = async (done) => { while (!done()) await new Promise((resolve) => { setImmediate(resolve); }); };
  return { connection, sockets, got, seen, until, later: () => { now += 60_000; timer(); } };
}

const HELLO = '{"type":"hello","protocol":1,"ping_ms":15000}';

test('chunks are asked for, counted by what they hold, and no message overtakes them', async () => {
  const { sockets: [socket], got, until } = played();
  assert.deepEqual(socket.protocols, ['muxview.v1', 'muxview.deflate']);
  const chunk = chain();
  socket.gives(HELLO);
  socket.gives('{"type":"size"}');
  socket.gives(await chunk(words(7)));
  socket.gives('{"type":"title"}');
  socket.gives(encode('x'));
  socket.gives(await chunk(words(9)));
  socket.onclose({ code: 4410, reason: 'the session ended' });
  const [first, second] = [words(7).length, words(9).length];
  await until(() => got.length === 6);
  assert.deepEqual(got, ['hello', 'size', first, 'title', 1, second]);
  assert.equal(JSON.parse(socket.sent[0]).bytes, first);
});

test('after a chunk that cannot be inflated it comes back without them', async () => {
  const { sockets, seen, until, later } = played();
  sockets[0].gives(HELLO);
  sockets[0].gives(encode('picture'));
  sockets[0].gives(Uint8Array.from([0, 9, 255, 255, 255]));
  await until(() => seen.includes('reconnecting'));
  assert.deepEqual(seen, ['connecting', 'open', 'reconnecting']);
  later();
  assert.deepEqual(sockets[1].protocols, ['muxview.v1']);
  sockets[1].gives(HELLO);
  sockets[1].gives(encode('picture'));
  assert.equal(seen.at(-1), 'open');
});

test('after a chunk that never comes out it comes back without them', async () => {
  const { connection, sockets } = played();
  const whole = await chain()(words(3));
  sockets[0].gives(HELLO);
  sockets[0].gives(whole.subarray(0, whole.length - 40));
  connection.open();
  assert.deepEqual(sockets.at(-1).protocols, ['muxview.v1']);
});
