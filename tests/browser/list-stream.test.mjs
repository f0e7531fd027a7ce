// The list's stream over losses, with a server and a clock of our own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListStream, SILENCE } from '../../static/list-stream.js';

/** A clock that is moved by hand. */
class Clock {
  time = 0;
  #timers = new Map();
  #next = 1;

  setTimeout = (run, wait) => {
    this.#timers.set(this.#next, { at: this.time + wait, run });
    return this.#next++;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  async pass(ms) {
    const until = this.time + ms;
    for (;;) {
      const [id, timer] = [...this.#timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!timer) break;
      this.#timers.delete(id);
      this.time = timer.at;
      timer.run();
      await settle();
    }
    this.time = until;
    await settle();
  }

  get waiting() {
    return this.#timers.size;
  }
}

/** Lets promises and streams run. */
const settle = async () => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => { setImmediate(resolve); });
};

function bench() {
  const clock = new Clock();
  const requests = [];
  const heard = [];
  const states = [];
  let path = 'api/events';
  const request = (path, { signal }) => new Promise((resolve, reject) => {
    const asked = { path, signal, refuse: reject };
    asked.answer = () => resolve({ body: new ReadableStream({ start(controller) {
      asked.say = (event, data) => controller.enqueue(new TextEncoder().encode(event ? `event: ${event}\ndata: ${JSON.stringify(data)}\n\n` : ':\n\n'));
      asked.end = () => controller.close();
    } }) });
    signal.addEventListener('abort', () => reject(new Error('aborted')));
    requests.push(asked);
  });
  const stream = new ListStream({
    path: () => path, request, onEvent: ({ event, data }) => heard.push([event, data]), onState: () => states.push(stream.state),
    now: () => clock.time, random: () => 1, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout,
  });
  return { clock, requests, heard, states, stream, ask: (to) => { path = to; }, last: () => requests.at(-1) };
}

async function opened(on) {
  on.last().answer();
  await settle();
  on.last().say('tmux', {});
  on.last().say('sessions', []);
  await settle();
}

test('it is open when the list is there', async () => {
  const on = bench();
  on.stream.open();
  on.last().answer();
  await settle();
  on.last().say('tmux', { state: 'ready' });
  await settle();
  assert.equal(on.stream.state, 'connecting');
  on.last().say('sessions', [1]);
  await settle();
  assert.equal(on.stream.state, 'open');
  assert.deepEqual(on.heard, [['tmux', { state: 'ready' }], ['sessions', [1]]]);
});

test('a loss is tried again for ever, ever more seldom, and the first thing heard ends it', async () => {
  const on = bench();
  on.stream.open();
  await opened(on);
  on.last().end();
  await settle();
  const waits = [];
  for (let round = 0; round < 8; round++) {
    assert.equal(on.stream.state, 'reconnecting');
    waits.push(on.stream.retryAt - on.clock.time);
    const asked = on.requests.length;
    await on.clock.pass(waits.at(-1));
    assert.equal(on.requests.length, asked + 1);
    assert.equal(on.stream.retryAt, null, 'it is being tried');
    on.last().refuse(new TypeError('Failed to fetch'));
    await settle();
  }
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  on.stream.open();
  await opened(on);
  assert.equal(on.stream.state, 'open');
  assert.equal(on.stream.reason, null);
});

test('a server that only flaps is not asked more often for it', async () => {
  const on = bench();
  on.stream.open();
  for (const wait of [500, 1000, 2000]) {
    await opened(on);
    on.last().end();
    await settle();
    assert.equal(on.stream.retryAt - on.clock.time, wait);
    await on.clock.pass(wait);
  }
  await opened(on);
  await on.clock.pass(11_000);
  on.last().end();
  await settle();
  assert.equal(on.stream.retryAt - on.clock.time, 500, 'it had come to stay');
});

test('silence is a loss, also before the first byte; a comment is life', async () => {
  for (const answers of [true, false]) {
    const on = bench();
    on.stream.open();
    if (answers) await opened(on);
    await on.clock.pass(SILENCE - 5_000);
    if (answers) {
      on.last().say();
      await settle();
      await on.clock.pass(SILENCE - 5_000);
      assert.equal(on.stream.state, 'open');
    }
    await on.clock.pass(15_000);
    assert.equal(on.stream.state === 'open', false);
    assert.ok(on.requests[0].signal.aborted);
  }
});

test('what is asked anew replaces the old request without a loss, and the old one says nothing more', async () => {
  const on = bench();
  on.stream.open();
  await opened(on);
  const [old] = on.requests;
  on.ask('api/events?miniatures=recent');
  on.stream.open();
  assert.equal(on.stream.state, 'open');
  assert.ok(old.signal.aborted);
  const before = on.heard.length;
  old.say('sessions', ['stale']);
  await settle();
  assert.equal(on.heard.length, before);
  assert.equal(on.last().path, 'api/events?miniatures=recent');
  await opened(on);
  assert.equal(on.stream.state, 'open');
  assert.ok(!on.states.includes('reconnecting'));
});

test('a sleep is doubted on waking, a short absence is not', async () => {
  const on = bench();
  on.stream.open();
  await opened(on);
  on.clock.time += 10_000;
  on.stream.doubt();
  assert.equal(on.stream.state, 'open');
  on.clock.time += 3_600_000;
  on.stream.doubt();
  assert.equal(on.stream.state, 'reconnecting');
  on.stream.doubt();
  assert.equal(on.requests.length, 2, 'tried at once');
});

test('signed out it stays quiet until it is opened again', async () => {
  const on = bench();
  on.stream.open();
  on.last().refuse(Object.assign(new Error('sign in'), { status: 401 }));
  await settle();
  assert.equal(on.stream.state, 'closed');
  assert.equal(on.stream.reason.status, 401);
  assert.equal(on.clock.waiting, 0);
  on.stream.doubt();
  assert.equal(on.requests.length, 1);
  on.stream.open();
  await opened(on);
  assert.equal(on.stream.state, 'open');
});
