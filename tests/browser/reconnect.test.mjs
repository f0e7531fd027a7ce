// The machine itself: a state, an event, a time, a chance. No sockets, no clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay, initial, LIMITS, step } from '../../static/reconnect.js';

const PING = 15_000;

/** A machine in a world that stands still until the test moves it. */
class World {
  now = 0;
  done = []; // every effect but timers, in order, as text
  #random;

  constructor({ random = 0.5, limits, start = 0 } = {}) {
    this.now = start;
    this.#random = typeof random === 'function' ? random : () => random;
    this.state = initial(limits);
  }

  tell(type, more = {}) {
    const [state, effects] = step(this.state, { type, ...more }, this.now, this.#random);
    this.state = state;
    for (const effect of effects) {
      if (effect.type === 'timer') this.timer = effect.at;
      else this.done.push(effect.type === 'connect' ? `connect ${effect.generation}${effect.resume ? ' again' : ''}`
        : effect.type === 'abandon' ? `abandon ${effect.generation} ${effect.reason}` : effect.type);
    }
    return this;
  }

  /** An event of the present socket. */
  socket(type, more = {}) {
    return this.tell(type, { generation: this.state.generation, ...more });
  }

  greet(pingMs = PING) { return this.socket('greeted', { pingMs }); }
  show(pingMs = PING) { return this.greet(pingMs).socket('picture'); }
  drop(code = 1006, reason = '') { return this.socket('dropped', { code, reason }); }
  pass(ms) { this.now += ms; return this; }

  /** Lets the timer run when it is due, or `late` ms after. */
  elapse(late = 0) {
    this.now = Math.max(this.now, this.timer) + late;
    return this.tell('timer');
  }

  get wait() { return this.state.retryAt === null ? null : this.state.retryAt - this.now; }
  taken() { return this.done.splice(0); }
}

const opened = (options) => {
  const w = new World(options);
  w.tell('open').show();
  w.taken();
  return w;
};

/** A connection that was heard to tick long after it opened. */
const stable = (options) => {
  const w = opened(options).pass(PING).socket('heard', { alive: true });
  w.taken();
  return w;
};

test('open means the hello and the first picture, in any order of a hidden page', () => {
  const w = new World().tell('open');
  assert.deepEqual([w.state.phase, w.taken()], ['connecting', ['connect 1']]);
  assert.equal(w.greet().state.phase, 'connecting');
  assert.equal(w.socket('heard').state.phase, 'connecting');
  assert.equal(w.socket('picture').state.phase, 'open');
  // The server draws nothing for a page nobody sees.
  assert.equal(new World().tell('hidden').tell('open').greet().state.phase, 'open');
  assert.equal(new World().tell('open').greet().tell('hidden').state.phase, 'open');
});

test('a picture before any hello opens nothing', () => {
  assert.equal(new World().tell('open').socket('picture').state.phase, 'connecting');
});

// ── 33: backoff, flapping, stable, intentional close ─────────────────────────────────────────

test('33 waits double to the cap and go on for ever', () => {
  const w = opened({ random: 1 });
  const waits = [];
  for (let n = 0; n < 40; n++) {
    waits.push(w.drop().wait);
    w.elapse();
  }
  assert.deepEqual(waits.slice(0, 7), [500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  assert.equal(waits.at(-1), 15_000);
  assert.equal(w.taken().filter((effect) => effect.startsWith('connect')).at(-1), 'connect 41 again');
});

test('33 a flapping server escalates, a stable connection starts anew and is retried fast', () => {
  const w = opened({ random: 1 });
  for (const wait of [500, 1000, 2000, 4000, 8000, 15_000, 15_000]) {
    assert.equal(w.drop().wait, wait);
    w.elapse().show().pass(LIMITS.stable - 1).socket('heard');
  }
  w.pass(1).socket('heard');
  assert.equal(w.drop().wait, LIMITS.quick);
  assert.equal(w.elapse().drop().wait, 500);
});

test('33 time alone proves nothing where ticks were announced, and all where none were', () => {
  assert.equal(opened({ random: 1 }).pass(10_000).drop().wait, 500);
  const w = new World({ random: 1 }).tell('open').show(0).pass(LIMITS.stable).drop();
  assert.equal(w.wait, LIMITS.quick);
});

test('33 close() ends it in every phase; only open() revives it', () => {
  const phases = [
    (w) => w, (w) => w.tell('open'), (w) => w.tell('open').greet(), (w) => w.tell('open').show(),
    (w) => w.tell('open').show().drop(), (w) => w.tell('open').show().drop().elapse(), (w) => w.tell('open').show().tell('freeze'),
  ];
  for (const phase of phases) {
    const w = phase(new World()).tell('close');
    assert.deepEqual([w.state.phase, w.state.reason, w.timer ?? null], ['closed', 'user', null]);
    w.taken();
    for (const event of ['timer', 'retry', 'shown', 'online', 'wake', 'freeze', 'hidden', 'offline']) w.pass(60_000).tell(event);
    w.drop().greet().tell('probed', { probe: 0, status: 200 });
    assert.deepEqual([w.taken(), w.state.phase], [[], 'closed']);
    assert.equal(w.tell('open').state.phase, 'connecting');
  }
});

test('4400–4499 are final with their reason, every other code is retried', () => {
  for (const [code, reason] of [[4400, 'protocol'], [4401, 'sign-in'], [4403, 'forbidden'], [4404, 'no-session'],
    [4410, 'ended'], [4426, 'too-old'], [4477, 'refused'], [4499, 'refused']]) {
    const { state, timer } = opened().drop(code, 'why');
    assert.deepEqual([state.phase, state.reason, state.last, timer], ['closed', reason, { code, reason: 'why' }, null]);
  }
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 3000, 4000, 4399, 4500, 4508, 4529, 4999]) {
    const w = opened().drop(code);
    assert.equal(w.state.phase, 'reconnecting', String(code));
    assert.ok(w.wait > 0);
  }
});

test('a busy server gets more patience', () => {
  assert.equal(opened({ random: 1 }).drop(1013).wait, 2000);
  assert.equal(stable({ random: 1 }).drop(1013).wait, 2000);
});

// ── 34: silence ──────────────────────────────────────────────────────────────────────────────

test('34 silence while connecting is one replacement, at the deadline, after the wait', () => {
  const w = new World().tell('open');
  w.taken();
  assert.equal(w.timer, LIMITS.handshake);
  w.now = LIMITS.handshake - 1;
  assert.deepEqual(w.tell('timer').taken(), []);
  assert.deepEqual(w.elapse().taken(), ['abandon 1 nothing heard']);
  assert.equal(w.now, LIMITS.handshake);
  assert.equal(w.wait, 250);
  assert.deepEqual(w.elapse().taken(), ['connect 2']);
});

test('34 silence while open, or while the browser calls it closing, likewise; it is asked first', () => {
  const w = stable(); // a socket that is closing is one that says nothing
  const heard = w.now;
  assert.deepEqual([w.timer - heard, w.elapse().taken()], [LIMITS.ask * PING, ['ping']]);
  assert.deepEqual([w.timer - heard, w.elapse().taken()], [LIMITS.silence * PING, ['abandon 1 nothing heard']]);
  assert.equal(w.state.phase, 'reconnecting');
  assert.deepEqual(w.elapse().taken(), ['connect 2 again']);
  assert.deepEqual(w.elapse().taken(), ['abandon 2 nothing heard']);
});

test('34 a greeted socket that goes silent before its picture is replaced as well', () => {
  const w = new World().tell('open').greet();
  w.taken();
  assert.deepEqual(w.elapse().elapse().taken(), ['ping', 'abandon 1 nothing heard']);
});

test('35 what a superseded socket still says changes nothing', () => {
  const w = opened().drop().elapse().show();
  const before = w.state;
  w.taken();
  for (const [type, more] of [['greeted', { pingMs: 1 }], ['picture', {}], ['heard', { alive: true }],
    ['dropped', { code: 4410, reason: '' }]]) w.tell(type, { generation: 1, ...more });
  assert.deepEqual([w.state, w.taken()], [before, []]);
  // Nor does the present one's, once it is gone.
  w.drop().drop().drop(4410).show();
  assert.equal(w.state.phase, 'reconnecting');
  assert.equal(w.state.attempt, 2);
});

test('35 a quiet link whose server ticks is never disturbed', () => {
  const w = opened();
  for (let n = 0; n < 100; n++) {
    w.pass(PING).socket('heard', { alive: true });
    if (w.timer <= w.now) w.tell('timer');
  }
  assert.deepEqual([w.taken(), w.state.generation], [[], 1]);
});

test('a server that announces no ticks is never asked and never given up', () => {
  const w = new World().tell('open').show(0);
  w.taken();
  assert.equal(w.timer, null);
  for (const event of ['timer', 'shown', 'online', 'offline', 'wake', 'retry']) w.pass(3_600_000).tell(event);
  assert.deepEqual(w.taken(), []);
});

test('one that answers but does not tick is kept; one that does neither is left alone in the end', () => {
  const w = opened();
  for (let n = 0; n < 10; n++) w.elapse().pass(50).socket('heard', { alive: true });
  assert.equal(w.state.generation, 1);

  const mute = opened();
  for (let n = 0; n < LIMITS.mute; n++) mute.elapse().elapse().elapse().show();
  mute.taken();
  assert.equal(mute.timer, null);
  mute.pass(3_600_000).tell('shown').tell('online');
  assert.deepEqual([mute.taken(), mute.state.phase], [[], 'open']);
});

// ── 36, 37: clocks ───────────────────────────────────────────────────────────────────────────

test('36 after hours of sleep the server is asked once, and replaced once if it does not answer', () => {
  const w = stable();
  w.elapse(8 * 3_600_000);
  assert.deepEqual(w.taken(), ['ping']);
  w.tell('timer').tell('timer');
  assert.deepEqual(w.taken(), []);
  assert.equal(w.timer - w.now, LIMITS.answer);
  assert.deepEqual(w.elapse().taken(), ['abandon 1 nothing heard']);
  assert.deepEqual(w.elapse().taken(), ['connect 2 again']);

  const alive = stable().elapse(8 * 3_600_000).pass(20).socket('heard', { alive: true });
  alive.elapse();
  assert.deepEqual([alive.taken(), alive.state.phase], [['ping', 'ping'], 'open']);
});

test('36 a sleep while waiting is one try', () => {
  const w = opened().drop().elapse(8 * 3_600_000).tell('wake').tell('shown').tell('online');
  assert.deepEqual(w.taken(), ['connect 2 again']);
});

test('36 a page that is looked at after a sleep replaces its socket at once', () => {
  const w = stable().pass(3_600_000).tell('shown').tell('online').tell('timer');
  assert.deepEqual(w.taken(), ['abandon 1 nothing heard', 'connect 2 again']);
});

test('36 a clock that is put back moves no deadline', () => {
  const w = stable({ start: 1e9 }).pass(10_000).socket('heard').pass(-3_600_000).socket('heard');
  assert.equal(w.state.wakeAt - w.now, LIMITS.ask * PING);
  const waiting = opened({ start: 1e9 }).drop();
  const { wait } = waiting;
  waiting.pass(-1e8).tell('offline').tell('online');
  assert.ok(waiting.wait <= Math.max(wait, LIMITS.again), `${waiting.wait}`);
  const asleep = opened({ start: 1e9 }).drop().pass(-1e8).tell('timer');
  assert.equal(asleep.wait, wait);
});

test('37 timers that run once a minute neither kill a living link nor keep a dead one', () => {
  const w = stable();
  for (let minute = 0; minute < 30; minute++) {
    for (let n = 0; n < 4; n++) w.pass(PING).socket('heard', { alive: true }); // messages are not throttled
    w.tell('timer');
  }
  assert.equal(w.state.generation, 1);
  w.taken();
  w.pass(60_000).tell('timer').pass(60_000).tell('timer');
  assert.deepEqual(w.taken(), ['ping', 'abandon 1 nothing heard']);
  w.pass(60_000).tell('timer');
  assert.deepEqual(w.taken(), ['connect 2 again']);
});

// ── 38, 39: the page and the network ─────────────────────────────────────────────────────────

test('38 a flapping network causes at most one try a second', () => {
  const w = opened().drop();
  w.taken();
  for (let ms = 0; ms < 10_000; ms += 50) {
    w.pass(50);
    if (w.timer !== null && w.timer <= w.now) w.tell('timer');
    w.tell(ms % 100 ? 'offline' : 'online');
    if (w.state.socket === 'connecting') w.drop();
  }
  const tries = w.taken().filter((effect) => effect.startsWith('connect')).length;
  assert.ok(tries >= 5 && tries <= 11, String(tries));
});

test('38 going offline closes nothing, but the link is doubted', () => {
  const w = stable().tell('offline');
  assert.deepEqual([w.state.phase, w.taken(), w.timer - w.now], ['open', ['ping'], LIMITS.answer]);
  w.socket('heard', { alive: true }).tell('offline'); // a loopback goes on working
  assert.deepEqual([w.state.phase, w.taken()], ['open', []]);
});

test('38 offline tries are rare and not counted; coming online ends the wait', () => {
  const w = opened().tell('offline').drop();
  const { attempt } = w.state;
  for (let n = 0; n < 5; n++) {
    assert.ok(w.wait > 0 && w.wait <= LIMITS.offline);
    w.elapse().drop();
  }
  assert.equal(w.state.attempt, attempt);
  w.pass(LIMITS.again).taken();
  assert.deepEqual(w.tell('online').taken(), ['connect 7 again']);
});

test('39 a page that goes into the cache closes its socket and is back at once when restored', () => {
  const w = stable().tell('freeze');
  assert.deepEqual([w.taken(), w.timer, w.state.phase], [['abandon 1 frozen'], null, 'reconnecting']);
  w.drop(1006); // what some browsers report on return
  w.pass(3_600_000).tell('wake').tell('shown');
  assert.deepEqual(w.taken(), ['connect 2 again']);
  assert.equal(w.show().state.phase, 'open');
  // Also right after a try, when the once-a-second rule would make it wait.
  assert.deepEqual(opened().tell('freeze').tell('wake').taken(), ['abandon 1 frozen', 'connect 2 again']);
});

test('39 a closed page stays closed in the cache', () => {
  const w = opened().drop(4410).tell('freeze').tell('wake');
  assert.deepEqual([w.taken(), w.state.reason], [[], 'ended']);
});

test('while nobody looks, waits may grow longer; a look ends them', () => {
  const w = opened({ random: 1 }).tell('hidden');
  for (let n = 0; n < 12; n++) w.drop().elapse();
  assert.equal(w.drop().wait, LIMITS.longestHidden);
  w.pass(2_000).taken();
  assert.deepEqual(w.tell('shown').taken(), ['connect 14 again']);
  assert.equal(w.drop().wait, 500);
});

test('the person can end a wait and replace a try that hangs', () => {
  const w = opened().drop();
  assert.deepEqual(w.tell('retry').taken(), ['connect 2 again']);
  assert.deepEqual(w.tell('retry').taken(), []);
  assert.deepEqual(w.pass(LIMITS.again + 1).tell('retry').taken(), ['abandon 2 tried anew', 'connect 3 again']);
});

// ── 40: a restart ────────────────────────────────────────────────────────────────────────────

test('40 a thousand pages that are told to spread come back evenly', () => {
  let seed = 7;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const waits = Array.from({ length: 1_000 }, () => stable({ random }).drop(1012, 'spread=10000').wait);
  const histogram = Array.from({ length: 10 }, (_, n) => waits.filter((ms) => ms >= n * 1_000 && ms < (n + 1) * 1_000).length);
  assert.ok(histogram.every((count) => count > 60 && count < 140), String(histogram));
});

test('40 without a spread, and after a crash, they do not come in step either', () => {
  let seed = 11;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const worlds = Array.from({ length: 1_000 }, () => opened({ random }));
  for (let n = 0; n < 5; n++) for (const w of worlds) w.drop().elapse();
  const times = worlds.map((w) => w.now);
  const busiest = Math.max(...Array.from({ length: 200 }, (_, n) => times.filter((ms) => Math.floor(ms / 100) === n).length));
  assert.ok(busiest < 60, `${busiest} of 1,000 in the same 100 ms`);
});

test('40 a server that restarts again and again escalates', () => {
  const w = stable({ random: 1 }).drop(1012, 'spread=300');
  assert.equal(w.wait, 300);
  const waits = [];
  for (let n = 0; n < 6; n++) waits.push(w.elapse().show().drop(1012, 'spread=300').wait);
  assert.deepEqual(waits, [500, 1000, 2000, 4000, 8000, 15_000]);
  w.elapse().show().pass(PING).socket('heard', { alive: true });
  assert.equal(w.drop(1012, 'spread=300').wait, 300);
});

// ── the probe ────────────────────────────────────────────────────────────────────────────────

const refusedTimes = (times, options) => {
  const w = new World(options).tell('open');
  for (let n = 1; n < times; n++) w.drop().elapse();
  return w.drop();
};
const probes = (w) => w.taken().filter((effect) => effect === 'probe').length;

test('a probe follows the second refusal, then every third', () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 8].map((times) => probes(refusedTimes(times))), [0, 1, 1, 1, 2, 2, 2, 3]);
  assert.equal(probes(opened().drop().elapse().show().drop().elapse().show().drop()), 0);
  assert.equal(probes(new World().tell('open').drop(1013).elapse().drop(1013).elapse().drop(1013)), 0);
});

test('a probe tells sign-in, gone, and a proxy without WebSockets apart', () => {
  const answered = (w, status) => w.tell('probed', { probe: w.state.probe, status });
  for (const status of [401, 403, 'redirect']) {
    const { state, timer } = answered(refusedTimes(2), status);
    assert.deepEqual([state.phase, state.reason, timer], ['closed', 'sign-in', null]);
  }
  for (const status of [404, 410]) {
    const w = answered(refusedTimes(2), status);
    assert.equal(w.state.phase, 'reconnecting', 'once may be a proxy that starts');
    for (let n = 0; n < 3; n++) w.elapse().drop();
    assert.equal(answered(w, status).state.reason, 'gone');
  }
  const w = answered(refusedTimes(2), 200);
  assert.equal(w.state.advice, null);
  for (let n = 0; n < 3; n++) w.elapse().drop();
  answered(w, 200);
  assert.deepEqual([w.state.phase, w.state.advice], ['reconnecting', 'no-websockets']);
  assert.ok(w.timer !== null, 'and goes on trying');
  w.elapse().show();
  assert.equal(w.state.advice, null);
  for (const status of [500, 502, 503, 'unreachable']) {
    const { state } = answered(refusedTimes(2), status);
    assert.deepEqual([state.phase, state.advice], ['reconnecting', null]);
  }
});

test('an answer that comes too late, or to an earlier probe, is nothing', () => {
  const w = refusedTimes(2);
  const { probe } = w.state;
  w.elapse().show().tell('probed', { probe, status: 401 });
  assert.equal(w.state.phase, 'open');
  const later = refusedTimes(5).tell('probed', { probe: 1, status: 401 });
  assert.equal(later.state.phase, 'reconnecting');
  // The socket of a try under way is left when the probe has closed it all.
  const trying = refusedTimes(2).elapse();
  trying.taken();
  assert.deepEqual(trying.tell('probed', { probe: 1, status: 401 }).taken(), ['abandon 3 ']);
});

// ── whatever happens ─────────────────────────────────────────────────────────────────────────

test('in any order of events there is one socket, one timer, and a way on', () => {
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const pick = (list) => list[Math.floor(random() * list.length)];
  for (let run = 0; run < 300; run++) {
    const w = new World({ random, start: 1e9 }).tell('open');
    let live = null;
    const check = () => {
      for (const effect of w.taken()) {
        const [what, generation] = effect.split(' ');
        if (what === 'connect') { assert.equal(live, null, 'a second socket'); live = generation; }
        if (what === 'abandon') { assert.equal(live, generation); live = null; }
      }
      const { state } = w;
      if (state.socket === 'none') live = null;
      assert.equal(live !== null, state.socket !== 'none');
      if (state.phase === 'closed') assert.equal(w.timer ?? null, null);
      else if (!state.parked && state.socket === 'none') assert.ok(w.timer !== null && Number.isFinite(w.timer), JSON.stringify(state));
      assert.equal(state.phase === 'open', state.socket === 'open', JSON.stringify(state));
    };
    check();
    for (let n = 0; n < 60; n++) {
      w.pass(pick([0, 1, 100, 1_000, 20_000, 200_000, -5_000]));
      const act = pick(['timer', 'retry', 'shown', 'hidden', 'online', 'offline', 'freeze', 'wake', 'greeted', 'picture', 'heard', 'dropped', 'elapse', 'open']);
      if (act === 'elapse') { if (w.timer !== null && w.timer !== undefined) w.elapse(); }
      else if (act === 'greeted') w.greet(pick([0, PING]));
      else if (act === 'dropped') w.drop(pick([1006, 1012, 1013, 4410]), pick(['', 'spread=500']));
      else w.socket(act, { alive: random() < 0.5 });
      check();
    }
  }
});

test('a step changes nothing it is given', () => {
  const state = Object.freeze(initial());
  const [next] = step(state, { type: 'open' }, 0, () => 0);
  step(Object.freeze(next), { type: 'dropped', generation: 1, code: 1006, reason: '' }, 10, () => 0);
  assert.equal(state.generation, 0);
});

test('delays are drawn from the whole range and never below 100 ms', () => {
  assert.equal(delay(0, () => 0), 100);
  assert.equal(delay(3, () => 0.5), 2000);
  assert.equal(delay(5_000, () => 1), 15_000);
});
