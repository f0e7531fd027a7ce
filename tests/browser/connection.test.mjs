// The connection without a browser: a fake socket and a fake clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection, delay } from '../../static/connection.js';
import { isFinal, parse, spread } from '../../static/wire.js';

/** A connection whose world stands still until the test moves it. */
function world({ random = 0.5 } = {}) {
  const sockets = [];
  const log = [];
  let now = 0;
  let timer = null;
  class FakeSocket {
    readyState = 0;
    sent = [];
    constructor(url) {
      this.url = url;
      sockets.push(this);
    }
    send(data) {
      this.sent.push(data);
    }
    close() {
      this.abandoned = true;
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
    drop(code = 1006, reason = '') {
      this.onclose({ code, reason });
    }
  }
  const connection = new Connection({
    url: (resume) => (resume ? 'resume' : 'first'),
    protocols: () => ['muxview.v1'],
    onState: (state, detail) => log.push(detail?.code ? `${state} ${detail.code}` : state),
    onText: (message) => log.push(message.type),
    onBytes: (bytes, parsed) => log.push({ length: bytes.length, parsed }),
  }, {
    WebSocket: FakeSocket,
    setTimeout: (run, ms) => (timer = { run, at: now + ms }),
    clearTimeout: () => { timer = null; },
    random: () => random,
    now: () => now,
  });
  return {
    connection, sockets, log,
    get last() { return sockets.at(-1); },
    get wait() { return timer && timer.at - now; },
    pass(ms) { now += ms; },
    elapse() {
      const { run, at } = timer;
      [now, timer] = [at, null];
      run();
    },
  };
}

test('is open with the hello, not with the socket', () => {
  const w = world();
  w.connection.open();
  assert.equal(w.connection.send('early'), false);
  w.last.hello();
  assert.deepEqual(w.log, ['connecting', 'open', 'hello']);
  assert.equal(w.connection.send('typed'), true);
  assert.deepEqual(w.last.sent, ['typed']);
});

test('comes back by itself, later each time, and says that it resumes', () => {
  const w = world({ random: 1 });
  w.connection.open();
  w.last.hello();
  w.last.drop();
  const waits = [];
  for (let n = 0; n < 8; n++) {
    waits.push(w.wait);
    w.elapse();
    w.last.drop();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
  assert.equal(w.last.url, 'resume');
  assert.deepEqual(w.log.slice(3), ['reconnecting 1006']);
});

test('a good while open starts the waits anew; a flapping server does not', () => {
  const w = world({ random: 1 });
  w.connection.open();
  for (const expected of [500, 1000, 2000]) {
    w.last.hello();
    w.last.drop();
    assert.equal(w.wait, expected);
    w.elapse();
  }
  w.last.hello();
  w.pass(5_000);
  w.last.drop();
  assert.equal(w.wait, 500);
});

test('nothing typed while away is kept for later', () => {
  const w = world();
  w.connection.open();
  w.last.hello();
  w.last.drop();
  assert.equal(w.connection.send('lost'), false);
  w.elapse();
  w.last.hello();
  assert.deepEqual(w.last.sent, []);
});

test('4400–4499 end it, every other code is retried', () => {
  for (const code of [1000, 1001, 1005, 1006, 1012, 1013, 3000, 4399, 4500, 4508, 4999]) {
    const w = world();
    w.connection.open();
    w.last.drop(code);
    assert.equal(w.connection.state, 'reconnecting', String(code));
    assert.ok(w.wait >= 0);
  }
  for (const code of [4400, 4401, 4404, 4410, 4477, 4499]) {
    const w = world();
    w.connection.open();
    w.last.drop(code, 'why');
    assert.deepEqual(w.log, ['connecting', `closed ${code}`]);
    assert.equal(w.wait, null);
  }
});

test('a restart asks for a spread, a busy server for patience', () => {
  const w = world({ random: 0.25 });
  w.connection.open();
  w.last.drop(1012, 'spread=2000');
  assert.equal(w.wait, 500);
  w.elapse();
  w.last.drop(1013);
  assert.equal(w.wait, 500); // 0.25 of 2000
});

test('silence is a drop, and a socket left behind changes nothing', () => {
  const w = world();
  w.connection.open();
  w.last.hello();
  assert.equal(w.wait, 37_500);
  w.pass(30_000);
  w.last.text({ type: 'tick' });
  assert.equal(w.wait, 37_500);
  const old = w.last;
  w.elapse();
  assert.equal(w.connection.state, 'reconnecting');
  assert.ok(old.abandoned);
  const before = w.log.length;
  old.drop();
  old.text({ type: 'tick' });
  assert.equal(w.log.length, before);
  w.elapse();
  assert.equal(w.sockets.length, 2);
});

test('the person can end the wait, and end it all', () => {
  const w = world();
  w.connection.open();
  w.last.drop();
  w.connection.retryNow();
  w.connection.retryNow();
  assert.equal(w.sockets.length, 2);
  w.connection.close();
  assert.equal(w.connection.state, 'closed');
  assert.equal(w.wait, null);
  w.last.drop();
  assert.equal(w.connection.state, 'closed');
});

test('acks give the total of this socket, once for all that was parsed together', async () => {
  const w = world();
  w.connection.open();
  w.last.hello();
  w.last.bytes(100);
  w.last.bytes(20);
  const [first, second] = w.log.slice(-2);
  first.parsed();
  second.parsed();
  await null;
  assert.deepEqual(w.last.sent, ['{"type":"ack","bytes":120}']);

  w.last.bytes(5);
  const late = w.log.at(-1);
  w.last.drop();
  w.elapse();
  w.last.hello();
  late.parsed(); // of the old socket
  w.last.bytes(7);
  w.log.at(-1).parsed();
  await null;
  assert.deepEqual(w.last.sent, ['{"type":"ack","bytes":7}']);
});

test('delays are drawn from the whole range and never below 100 ms', () => {
  assert.equal(delay(0, () => 0), 100);
  assert.equal(delay(3, () => 0.5), 2000);
  assert.equal(delay(60, () => 1), 15_000);
});

test('what this page does not understand is nothing', () => {
  for (const text of ['', 'x', '1', 'null', '[]', '{}', '{"type":5}']) assert.equal(parse(text), null, text);
  assert.deepEqual(parse('{"type":"new","x":1}'), { type: 'new', x: 1 });
  assert.equal(spread('spread=300'), 300);
  assert.equal(spread('restart'), null);
  assert.equal(spread(undefined), null);
  assert.equal(isFinal(4450), true);
});
