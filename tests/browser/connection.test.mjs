// The connection without a browser: fake sockets and a fake clock, and at the end a real server.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Connection, pageEvents } from '../../static/connection.js';
import { isFinal, parse, spread } from '../../static/wire.js';

/** A connection whose world stands still until the test moves it. */
function world({ random = 0.5, url = (resume) => (resume ? 'resume' : 'first'), answer = () => ({ status: 200 }) } = {}) {
  const sockets = [];
  const log = [];
  const asked = [];
  let now = 0;
  let timer = null;
  let tell;
  class FakeSocket {
    readyState = 0;
    sent = [];
    constructor(url, protocols) {
      if (url === 'bad') throw new SyntaxError('bad URL');
      Object.assign(this, { url, protocols });
      sockets.push(this);
    }
    send(data) {
      this.sent.push(data);
    }
    close(code, reason) {
      this.closed = [code, reason];
      this.readyState = 2;
    }
    text(message) {
      this.readyState = 1;
      this.onmessage({ data: JSON.stringify(message) });
    }
    hello() {
      this.text({ type: 'hello', protocol: 1, ping_ms: 15_000 });
    }
    bytes(length) {
      this.onmessage({ data: new ArrayBuffer(length) });
    }
    show() {
      this.hello();
      this.bytes(1);
    }
    drop(code = 1006, reason = '') {
      this.onclose({ code, reason });
    }
  }
  const connection = new Connection({
    url,
    protocols: () => ['muxview.v1'],
    probe: () => ({ url: 'probe', headers: { Authorization: 'Bearer x' } }),
    onState: (state, { code, why }) => log.push([state, code || '', why ?? ''].join(' ').trim()),
    onText: (message) => log.push(message.type),
    onBytes: (bytes, parsed) => log.push({ length: bytes.length, parsed }),
  }, {
    WebSocket: FakeSocket,
    DecompressionStream: undefined,
    setTimeout: (run, ms) => (timer = { run, at: now + ms }),
    clearTimeout: (id) => { if (id === timer) timer = null; },
    random: () => random,
    now: () => now,
    fetch: async (url, init) => { asked.push([url, init]); return answer(); },
    listen: (hook) => { tell = hook; },
  });
  return {
    connection, sockets, log, asked,
    page: (event) => tell(event),
    get last() { return sockets.at(-1); },
    get wait() { return timer && timer.at - now; },
    get shown() { return log.filter((entry) => typeof entry === 'string'); },
    pass(ms) { now += ms; },
    elapse() {
      const { run, at } = timer;
      [now, timer] = [Math.max(now, at), null];
      run();
    },
  };
}

const opened = (options) => {
  const w = world(options);
  w.connection.open();
  w.last.show();
  return w;
};

test('is open with the first picture; messages go from the hello on, input only then', () => {
  const w = world();
  w.connection.open();
  assert.deepEqual([w.last.url, w.last.protocols, w.last.binaryType], ['first', ['muxview.v1'], 'arraybuffer']);
  assert.equal(w.connection.send('early'), false);
  w.last.hello();
  assert.equal(w.connection.state, 'connecting');
  assert.equal(w.connection.send('{"type":"visible"}'), true);
  assert.equal(w.connection.send(new Uint8Array(1)), false);
  w.last.bytes(3);
  assert.deepEqual(w.shown, ['connecting', 'hello', 'open']);
  assert.equal(w.connection.send(new Uint8Array([65])), true);
  assert.equal(w.last.sent.length, 2);
});

test('comes back by itself and says that it resumes', () => {
  const w = opened();
  w.last.drop();
  assert.equal(w.connection.retryAt, 250);
  w.elapse();
  assert.equal(w.last.url, 'resume');
  w.last.show();
  assert.deepEqual(w.shown, ['connecting', 'hello', 'open', 'reconnecting 1006', 'hello', 'open']);
});

test('nothing typed while away is kept for later', () => {
  const w = opened();
  w.last.drop();
  for (let n = 0; n < 2; n++) {
    assert.equal(w.connection.send(new Uint8Array([1])), false);
    if (n === 0) w.elapse();
  }
  w.last.show();
  assert.deepEqual(w.last.sent, []);
  // Nor what is typed into a socket that is closing.
  w.last.readyState = 2;
  assert.equal(w.connection.send(new Uint8Array([1])), false);
});

test('a final code ends it with its reason', () => {
  const w = opened();
  w.last.drop(4410, 'the session ended');
  assert.deepEqual([w.shown.at(-1), w.connection.reason, w.wait], ['closed 4410 ended', 'ended', null]);
});

test('silence in CONNECTING, OPEN and CLOSING: the socket is left, not waited for', () => {
  const w = world();
  w.connection.open();
  w.elapse();
  assert.deepEqual(w.last.closed, [1000, 'nothing heard']);
  w.elapse();
  w.last.show();
  w.last.readyState = 2; // the browser has seen a close frame, but no end
  w.elapse();
  w.elapse();
  const left = w.last;
  assert.deepEqual(left.closed, [1000, 'nothing heard']);
  const { length } = w.log;
  left.drop();
  left.text({ type: 'tick' });
  left.bytes(1);
  assert.equal(w.log.length, length);
  w.elapse();
  assert.equal(w.sockets.length, 3);
});

test('a URL that is late comes to nothing once it is not wanted any more', async () => {
  let give;
  const w = world({ url: () => new Promise((resolve) => { give = resolve; }) });
  w.connection.open();
  const first = give;
  w.connection.open();
  first('old');
  await null;
  await null;
  assert.equal(w.sockets.length, 0);
  give('new');
  await null;
  await null;
  assert.deepEqual(w.sockets.map(({ url }) => url), ['new']);
});

test('a WebSocket that cannot even be made is a drop', () => {
  const w = world({ url: () => 'bad' });
  w.connection.open();
  assert.deepEqual(w.shown, ['connecting', 'reconnecting 1006']);
  assert.ok(w.wait > 0);
});

test('what a hook causes comes after what it was told', () => {
  const w = opened();
  const states = [];
  const connection = new Connection({
    url: () => 'x',
    onState(state) {
      states.push(state);
      if (state === 'connecting') connection.close();
    },
  }, { WebSocket: w.last.constructor, setTimeout: () => 1, clearTimeout: () => {}, listen: () => {} });
  connection.open();
  assert.deepEqual(states, ['connecting', 'closed']);
  assert.ok(w.last.closed);
});

test('a page that begins offline is told so once it is opened, not while it is made', () => {
  let told = 0;
  const connection = new Connection({ url: () => 'x', onChange: () => { told += 1; } },
    { WebSocket: class {}, setTimeout: () => 1, clearTimeout: () => {}, listen: (tell) => tell('offline') });
  assert.equal(told, 0);
  connection.open();
  assert.ok(told > 0 && connection.offline);
  assert.equal(connection.state, 'connecting');
});

test('the page leads it: frozen, awake, offline, online', () => {
  const w = opened();
  w.page('freeze');
  assert.deepEqual(w.last.closed, [1000, 'frozen']);
  assert.equal(w.wait, null);
  w.page('wake');
  assert.equal(w.sockets.length, 2);
  w.last.show();
  w.page('offline');
  assert.equal(w.connection.offline, true);
  assert.match(w.last.sent.at(-1), /"ping"/);
  w.elapse();
  assert.equal(w.connection.state, 'reconnecting');
  w.pass(1_000);
  w.page('online');
  assert.equal(w.sockets.length, 3);
});

test('outside a browser there is no page to listen to', () => {
  pageEvents(() => assert.fail('nothing to tell'));
});

test('a socket that showed something outdated is made once more at once, and only once', async () => {
  const sockets = [];
  class Socket {
    constructor(url, protocols) {
      this.protocols = protocols;
      sockets.push(this);
    }
    close() {}
  }
  let number = 0;
  let allowed;
  const connection = new Connection({
    url: () => 'ws://x/',
    protocols: async (url) => [`${url} ${number += 1}`],
    again: ({ code, reason }) => code === 4401 && reason === 'later' && new Promise((resolve) => { allowed = resolve; }),
  }, { WebSocket: Socket, DecompressionStream: undefined, setTimeout: () => 1, clearTimeout: () => {}, listen: () => {} });
  const turn = () => new Promise(setImmediate);
  const drop = async (code, reason) => {
    sockets.at(-1).onclose({ code, reason });
    await turn();
  };
  connection.open();
  await turn();
  await drop(4401, 'later');
  allowed(true);
  await turn();
  assert.deepEqual(sockets.map(({ protocols }) => protocols[0]), ['ws://x/ 1', 'ws://x/ 2']);
  assert.equal(connection.state, 'connecting');
  await drop(4401, 'later');
  assert.deepEqual([connection.state, connection.reason, sockets.length], ['closed', 'sign-in', 2]);
  // What is not outdated is not tried again; nor is what nobody wants any more.
  connection.open();
  await turn();
  await drop(4401, 'sign in');
  assert.deepEqual([connection.state, sockets.length], ['closed', 3]);
  connection.open();
  await turn();
  await drop(4401, 'later');
  connection.close();
  allowed(true);
  await turn();
  assert.deepEqual([connection.state, sockets.length], ['closed', 4]);
});

test('after refusals a plain request tells why', async () => {
  for (const [answer, proof] of [
    [() => ({ status: 401 }), (w) => assert.equal(w.connection.reason, 'sign-in')],
    [() => ({ status: 0, type: 'opaqueredirect' }), (w) => assert.match(w.shown.at(-1), /^closed +sign-in$/)],
    [() => { throw new TypeError('failed'); }, (w) => assert.equal(w.connection.state, 'reconnecting')],
    [() => ({ status: 200 }), (w) => assert.equal(w.connection.state, 'reconnecting')],
  ]) {
    const w = world({ answer });
    w.connection.open();
    w.last.drop();
    w.elapse();
    w.last.drop();
    await new Promise(setImmediate);
    assert.equal(w.asked.length, 1);
    const [url, init] = w.asked[0];
    assert.deepEqual([url, init.cache, init.redirect, init.headers.Authorization], ['probe', 'no-store', 'manual', 'Bearer x']);
    proof(w);
  }
});

test('round trips are measured, and how long an answer is waited for', () => {
  const w = opened();
  assert.deepEqual(w.connection.lag, { roundTrip: null, waiting: 0 });
  w.connection.ping();
  w.pass(70);
  assert.deepEqual(w.connection.lag, { roundTrip: null, waiting: 70 });
  const { id } = JSON.parse(w.last.sent.at(-1));
  w.last.text({ type: 'pong', id: 'not ours' });
  w.last.text({ type: 'pong', id });
  assert.deepEqual(w.connection.lag, { roundTrip: 70, waiting: 0 });
});

test('a ping that a handoff swallowed is waited for no more', () => {
  const w = opened();
  w.connection.ping();
  w.pass(70);
  w.last.hello(); // of the process that goes on with this socket
  assert.deepEqual(w.connection.lag, { roundTrip: null, waiting: 0 });
});

test('acks give the total of this socket: the first at once, then for many bytes or after a while', async () => {
  const w = opened();
  w.last.bytes(100);
  w.last.bytes(20);
  for (const { parsed } of w.log.filter((entry) => entry.parsed)) parsed();
  assert.deepEqual(w.last.sent, ['{"type":"ack","bytes":1}']);
  await new Promise((resolve) => { setTimeout(resolve, 250); });
  assert.deepEqual(w.last.sent.splice(0), ['{"type":"ack","bytes":1}', '{"type":"ack","bytes":121}']);
  for (const length of [10_000, 10_000]) {
    w.last.bytes(length);
    w.log.at(-1).parsed();
  }
  assert.deepEqual(w.last.sent, ['{"type":"ack","bytes":20121}']);

  w.last.bytes(5);
  const late = w.log.at(-1);
  w.last.drop();
  w.elapse();
  w.last.hello();
  late.parsed(); // of the old socket
  w.last.bytes(7);
  w.log.find((entry) => entry.length === 7).parsed();
  assert.deepEqual(w.last.sent, ['{"type":"ack","bytes":7}']);
});

test('a server that is bounced mid-session is found again, and answers again', async () => {
  let server = await serve(0);
  const { port } = server.address();
  const states = waiter();
  const texts = waiter();
  const connection = new Connection({
    url: () => `ws://127.0.0.1:${port}`,
    protocols: () => ['muxview.v1'],
    onState: (state) => states.give(state),
    onBytes: (bytes) => texts.give(Buffer.from(bytes).toString()),
  }, { WebSocket: await nodeWebSocket() });
  connection.open();
  await states.until('open');
  assert.equal(connection.send(Buffer.from('one')), true);
  await texts.until('echo one');
  server.bounce();
  await states.until('reconnecting');
  assert.equal(connection.send(Buffer.from('lost')), false);
  server = await serve(port);
  await states.until('open');
  assert.equal(connection.send(Buffer.from('two')), true);
  await texts.until('echo two');
  assert.ok(!texts.all.includes('echo lost'));
  connection.close();
  server.bounce();
});

test('what this page does not understand is nothing', () => {
  for (const text of ['', 'x', '1', 'null', '[]', '{}', '{"type":5}']) assert.equal(parse(text), null, text);
  assert.deepEqual(parse('{"type":"new","x":1}'), { type: 'new', x: 1 });
  assert.equal(spread('spread=300'), 300);
  assert.equal(spread('restart'), null);
  assert.equal(spread(undefined), null);
  assert.equal(isFinal(4450), true);
});

// ── a real server of a few lines, and a WebSocket for node versions without one ────────────────

/** Values as they come; `until(value)` waits for the next that equals it. */
function waiter() {
  const all = [];
  let waiting = [];
  return {
    all,
    give(value) {
      all.push(value);
      waiting = waiting.filter(([wanted, resolve]) => wanted !== value || resolve());
    },
    until: (value) => new Promise((resolve) => { waiting.push([value, resolve]); }),
  };
}

/** Frames of less than 126 bytes, all that is needed here. */
function frames(stream, masked, onFrame) {
  let rest = Buffer.alloc(0);
  stream.on('data', (piece) => {
    rest = Buffer.concat([rest, piece]);
    const head = masked ? 6 : 2;
    while (rest.length >= head && rest.length >= head + (rest[1] & 127)) {
      const length = rest[1] & 127;
      const payload = Buffer.from(rest.subarray(head, head + length));
      if (masked) payload.forEach((byte, i) => { payload[i] = byte ^ rest[2 + (i % 4)]; });
      onFrame(rest[0] & 15, payload);
      rest = rest.subarray(head + length);
    }
  });
}

async function serve(port) {
  const sockets = new Set();
  const server = createServer();
  server.on('upgrade', (request, socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: muxview.v1\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    const send = (opcode, text) => socket.write(Buffer.concat([Buffer.from([0x80 | opcode, text.length]), Buffer.from(text)]));
    send(1, '{"type":"hello","ping_ms":15000}');
    send(2, 'picture');
    frames(socket, true, (opcode, payload) => opcode === 2 && send(2, `echo ${payload}`));
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  server.bounce = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return server;
}

async function nodeWebSocket() {
  if (globalThis.WebSocket) return globalThis.WebSocket;
  const { request } = await import('node:http');
  return class {
    readyState = 0;
    constructor(url, [protocol]) {
      const { hostname, port } = new URL(url);
      const asking = request({ hostname, port, headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13,
        'Sec-WebSocket-Key': Buffer.alloc(16, 1).toString('base64'), 'Sec-WebSocket-Protocol': protocol } });
      const end = () => {
        if (this.readyState === 3) return;
        this.readyState = 3;
        this.onclose?.({ code: 1006, reason: '' });
      };
      asking.on('error', end).on('upgrade', (_, stream, head) => {
        this.readyState = 1;
        this.stream = stream;
        stream.on('close', end).on('error', end);
        if (head.length) stream.unshift(head);
        frames(stream, false, (opcode, payload) => this.onmessage?.({ data: opcode === 1 ? String(payload) : new Uint8Array(payload).buffer }));
      }).end();
    }
    send(data) {
      const bytes = Buffer.from(data);
      // A mask of zeros changes nothing.
      this.stream.write(Buffer.concat([Buffer.from([0x80 | (typeof data === 'string' ? 1 : 2), 0x80 | bytes.length, 0, 0, 0, 0]), bytes]));
    }
    close() {
      this.stream?.destroy();
    }
  };
}
