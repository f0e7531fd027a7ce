// When to connect, when to give a socket up, and when to try again: the rules of a connection that
// never needs a page reload, as one pure function. In: a state, an event, the time and a source of
// chance. Out: the next state and what is to be done (`Effect`s). It must not know sockets, timers,
// the DOM or what messages mean; connection.js carries out what it says. Types: reconnect.d.ts.
//
//   connecting ──hello and first picture──▶ open ──drop──▶ reconnecting ──hello and first picture──▶ open
//        └───────────drop──────────────────────────────────────▲   any of them ──final code, close()──▶ closed
//
// The rules, each with its reason:
// - Waits are drawn from the whole of [0, ceiling], and the ceiling doubles up to a cap, for ever: a
//   thousand pages must not come back at once, and none may stay away.
// - Only a connection that was heard from well after it opened starts the count anew: a server that
//   accepts and drops would otherwise be hammered.
// - Every socket has a generation, and a superseded one can change nothing. There is one timer.
// - Silence is judged by the time of the last byte, whatever the browser calls the socket's state:
//   one that hangs while it connects or closes is as dead as one that hangs open. A timer that comes
//   late tells that nobody ran, not that nobody spoke: then the other side is asked first.
// - Silence counts only against a server that announced ticks in its hello. One that announced them
//   but was never heard to tick or to answer is left alone after two tries.
// - The clock may jump: back, and all times move with it; forward is what a sleep looks like.

import { Close, isFinal, spread } from './wire.js';

/** @typedef {import('./reconnect.js').State} State */
/** @typedef {import('./reconnect.js').Effect} Effect */
/** @typedef {import('./reconnect.js').Reason} Reason */
/** @typedef {{ s: State, now: number, random: () => number, effects: Effect[] }} Turn */

/** @type {typeof import('./reconnect.js').LIMITS} */
export const LIMITS = Object.freeze({
  first: 500,
  longest: 15_000,
  longestHidden: 60_000,
  least: 100,
  quick: 250,
  handshake: 15_000,
  stable: 5_000,
  ask: 1.5,
  silence: 2.5,
  answer: 3_000,
  late: 1_000,
  again: 1_000,
  offline: 30_000,
  mute: 2,
});

/** What a final code means. @type {Record<number, Reason>} */
const REASONS = {
  [Close.PROTOCOL]: 'protocol',
  [Close.SIGN_IN]: 'sign-in',
  [Close.FORBIDDEN]: 'forbidden',
  [Close.NO_SESSION]: 'no-session',
  [Close.ENDED]: 'ended',
  [Close.TOO_OLD]: 'too-old',
};

/** @type {typeof import('./reconnect.js').initial} */
export const initial = (limits = {}) => ({
  limits: { ...LIMITS, ...limits },
  phase: 'closed', reason: 'user', last: null,
  generation: 0, socket: 'none', resumes: false,
  attempt: 0, rested: false, spreadOnce: false, retryAt: null,
  startedAt: -Infinity, openedAt: 0, heardAt: 0,
  pingMs: 0, pingedAt: -Infinity, answerBy: null, proven: false, mute: 0,
  refusals: 0, probe: 0, reachable: 0, missing: 0, advice: null,
  hidden: false, offline: false, parked: false,
  wakeAt: null, clock: -Infinity,
});

/** @type {typeof import('./reconnect.js').delay} */
export function delay(attempt, random, { first, longest, least } = LIMITS) {
  return Math.max(least, random() * Math.min(longest, first * 2 ** attempt));
}

/** @type {typeof import('./reconnect.js').step} */
export function step(state, event, now, random) {
  /** @type {Turn} */
  const turn = { s: moved(state, now), now, random, effects: [] };
  // Events of a socket that is no longer ours change nothing.
  const stale = 'generation' in event && (event.generation !== turn.s.generation || turn.s.socket === 'none');
  if (!stale) handle(turn, event);
  schedule(turn, event.type === 'timer');
  return [turn.s, turn.effects];
}

/** A copy of the state whose times fit a clock that may have been put back. @param {State} state @param {number} now */
function moved(state, now) {
  const s = { ...state, clock: now };
  const back = state.clock - now;
  if (!(back > 0 && back < Infinity)) return s;
  for (const time of /** @type {const} */ (['startedAt', 'openedAt', 'heardAt', 'pingedAt'])) s[time] -= back;
  for (const time of /** @type {const} */ (['retryAt', 'answerBy', 'wakeAt'])) {
    const at = s[time];
    if (at !== null) s[time] = at - back;
  }
  return s;
}

/** @param {Turn} turn @param {import('./reconnect.js').Event} event */
function handle(turn, event) {
  const { s, now } = turn;
  switch (event.type) {
    case 'open':
      abandon(turn, 1000, 'opened anew');
      Object.assign(s, {
        phase: 'connecting', reason: null, last: null, resumes: false, attempt: 0, rested: false,
        spreadOnce: false, refusals: 0, reachable: 0, missing: 0, advice: null, parked: false,
      });
      return connect(turn);
    case 'close':
      return finish(turn, 'user', { code: 1000, reason: '' });
    case 'retry':
      if (s.phase === 'closed') return;
      if (s.socket === 'connecting' && now - s.startedAt > s.limits.again) abandon(turn, 1000, 'tried anew');
      if (s.socket !== 'none') return doubt(turn);
      s.attempt = 0;
      return connect(turn);

    case 'greeted':
      s.heardAt = now;
      s.answerBy = null;
      s.pingMs = event.pingMs > 0 ? event.pingMs : 0;
      Object.assign(s, { refusals: 0, reachable: 0, missing: 0, advice: null, resumes: true });
      if (s.socket === 'connecting') s.socket = 'greeted';
      return s.hidden ? opened(turn) : undefined; // hidden viewers get no picture
    case 'picture':
      s.heardAt = now;
      s.answerBy = null;
      return opened(turn);
    case 'heard':
      s.heardAt = now;
      s.answerBy = null;
      if (event.alive) Object.assign(s, { proven: true, mute: 0 });
      return;
    case 'dropped':
      return fall(turn, event.code, event.reason);

    case 'timer':
      return due(turn);
    case 'probed':
      return probed(turn, event.probe, event.status);

    case 'hidden':
      s.hidden = true;
      return opened(turn);
    case 'offline':
      s.offline = true;
      if (s.retryAt !== null) s.retryAt = Math.max(s.retryAt, now + wait(turn, 1006, ''));
      return doubt(turn); // a loopback or a VPN may go on working
    case 'shown':
      s.hidden = false;
      return wake(turn);
    case 'online':
      s.offline = false;
      return wake(turn);
    case 'wake':
      return wake(turn);
    case 'freeze':
      if (s.phase === 'closed') return;
      abandon(turn, 1000, 'frozen');
      Object.assign(s, { phase: 'reconnecting', parked: true, retryAt: null });
  }
}

// ── a connection's life ──────────────────────────────────────────────────────────────────────

/** @param {Turn} turn */
function connect({ s, now, effects }) {
  s.generation += 1;
  Object.assign(s, { socket: 'connecting', startedAt: now, heardAt: now, retryAt: null, answerBy: null, parked: false, pingMs: 0 });
  effects.push({ type: 'connect', generation: s.generation, resume: s.resumes });
}

/** @param {Turn} turn */
function opened({ s, now }) {
  if (s.socket !== 'greeted') return;
  Object.assign(s, { socket: 'open', phase: 'open', openedAt: now, last: null });
}

/** Leaves a socket without waiting for it: a dead one would not even close. @param {Turn} turn @param {number} code @param {string} reason */
function abandon({ s, effects }, code, reason) {
  if (s.socket === 'none') return;
  effects.push({ type: 'abandon', generation: s.generation, code, reason });
  s.socket = 'none';
  s.answerBy = null;
}

/** The present socket is gone. @param {Turn} turn @param {number} code @param {string} reason */
function fall(turn, code, reason) {
  const { s, now } = turn;
  const { socket, limits } = s;
  s.socket = 'none';
  s.answerBy = null;
  if (isFinal(code)) return finish(turn, REASONS[code] ?? 'refused', { code, reason });
  const proof = (s.pingMs > 0 ? s.heardAt : now) - s.openedAt;
  if (socket === 'open' && proof >= limits.stable) Object.assign(s, { attempt: 0, rested: true, spreadOnce: false });
  // All a browser tells of a refused upgrade is 1006.
  s.refusals = socket === 'connecting' && code === 1006 ? s.refusals + 1 : 0;
  Object.assign(s, { phase: 'reconnecting', last: { code, reason } });
  s.retryAt = now + wait(turn, code, reason);
  if (s.refusals >= 2 && s.refusals % 3 === 2 && !s.offline) {
    s.probe += 1;
    turn.effects.push({ type: 'probe', probe: s.probe });
  }
}

/** How long until the next try. @param {Turn} turn @param {number} code @param {string} reason */
function wait({ s, random }, code, reason) {
  const { limits } = s;
  if (s.offline) return limits.offline * (0.5 + random() / 2);
  const asked = code === Close.RESTART ? spread(reason) : null;
  if (asked !== null && !s.spreadOnce) {
    s.spreadOnce = true;
    return random() * asked;
  }
  if (code === Close.BUSY) {
    s.attempt += 2;
    s.rested = false;
  }
  if (s.rested && asked === null) {
    s.rested = false;
    return random() * limits.quick;
  }
  const longest = s.hidden ? limits.longestHidden : limits.longest;
  const drawn = delay(s.attempt, random, { ...limits, longest });
  s.attempt += 1;
  return Math.max(drawn, asked === null ? 0 : random() * asked);
}

/** @param {Turn} turn @param {Reason} reason @param {State['last']} last */
function finish(turn, reason, last) {
  abandon(turn, 1000, '');
  Object.assign(turn.s, { phase: 'closed', reason, last, retryAt: null, advice: null, parked: false });
}

// ── is it still there? ───────────────────────────────────────────────────────────────────────

/** Whether silence tells anything of this server. @param {State} s */
const ticks = (s) => s.pingMs > 0 && s.mute < s.limits.mute;

/** When the present socket is given up if nothing comes. @param {State} s */
function deadline(s) {
  if (s.socket === 'none') return null;
  if (s.socket === 'connecting') return s.startedAt + s.limits.handshake;
  return s.answerBy ?? (ticks(s) ? s.heardAt + s.limits.silence * s.pingMs : null);
}

/** When a silent server is asked whether it is there. @param {State} s */
function askAt(s) {
  const may = (s.socket === 'greeted' || s.socket === 'open') && ticks(s) && s.answerBy === null;
  return may && s.pingedAt <= s.heardAt ? s.heardAt + s.limits.ask * s.pingMs : null;
}

/** @param {Turn} turn */
function ask({ s, now, effects }) {
  s.pingedAt = now;
  effects.push({ type: 'ping' });
}

/** Something happened that may have cut the link: a byte is demanded soon. @param {Turn} turn */
function doubt(turn) {
  const { s, now } = turn;
  const { limits } = s;
  if (s.socket !== 'greeted' && s.socket !== 'open') return;
  if (!ticks(s) || s.answerBy !== null || now - s.pingedAt < limits.again) return;
  const end = s.heardAt + limits.silence * s.pingMs;
  s.answerBy = Math.min(now + limits.answer, end > now ? end : Infinity);
  ask(turn);
}

/** @param {Turn} turn */
function silent(turn) {
  const { s } = turn;
  if (s.socket !== 'connecting' && !s.proven) s.mute += 1;
  turn.effects.push({ type: 'abandon', generation: s.generation, code: 1000, reason: 'nothing heard' });
  fall(turn, 1006, 'nothing heard');
}

/** @param {Turn} turn */
function due(turn) {
  const { s, now } = turn;
  const late = s.wakeAt !== null && now - s.wakeAt > s.limits.late;
  const end = deadline(s);
  const asking = askAt(s);
  if (end !== null && now >= end) {
    if (!late || s.socket === 'connecting' || s.answerBy !== null) return silent(turn);
    s.pingedAt = -Infinity;
    return doubt(turn);
  }
  if (asking !== null && now >= asking) return ask(turn);
  if (s.socket === 'none' && s.retryAt !== null && now >= s.retryAt) connect(turn);
}

/** The person, the network or the machine is back. @param {Turn} turn */
function wake(turn) {
  const { s, now } = turn;
  if (s.phase === 'closed') return;
  const end = s.socket === 'connecting' ? deadline(s) : ticks(s) ? s.heardAt + s.limits.silence * s.pingMs : null;
  if (s.socket !== 'none') {
    if (end === null || now < end) return doubt(turn);
    silent(turn);
  }
  s.attempt = 0;
  const soonest = s.startedAt + s.limits.again;
  if (now >= soonest || s.parked) return connect(turn);
  s.retryAt = soonest;
}

/** What a plain request to the same server learnt after sockets were refused. @param {Turn} turn @param {number} probe @param {import('./reconnect.js').ProbeResult} status */
function probed(turn, probe, status) {
  const { s } = turn;
  if (probe !== s.probe || s.phase !== 'reconnecting' || s.refusals === 0) return;
  const is = (/** @type {number[]} */ ...codes) => codes.includes(Number(status));
  if (status === 'redirect' || is(401, 403)) return finish(turn, 'sign-in', { code: 0, reason: String(status) });
  // Once may be a proxy that has not found its server yet.
  s.missing = is(404, 410) ? s.missing + 1 : 0;
  s.reachable = Number(status) >= 200 && Number(status) < 300 ? s.reachable + 1 : 0;
  if (s.missing >= 2) return finish(turn, 'gone', { code: 0, reason: String(status) });
  s.advice = s.reachable >= 2 ? 'no-websockets' : null;
}

/** Sets the one timer to whatever comes first. @param {Turn} turn @param {boolean} spent */
function schedule({ s, effects }, spent) {
  const times = [deadline(s), askAt(s), s.socket === 'none' ? s.retryAt : null].filter((at) => at !== null);
  const at = times.length ? Math.min(...times) : null;
  if (at === s.wakeAt && !(spent && at !== null)) return;
  s.wakeAt = at;
  effects.push({ type: 'timer', at });
}
