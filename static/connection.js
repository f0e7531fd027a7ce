// One viewer's WebSocket, kept alive: reconnect.js decides, this file carries it out with a
// WebSocket, one timer, fetch and the page's events, all of which can be replaced. In: the page's
// wish to be connected. Out: `onState`, `onChange`, `onText`, `onBytes`. It must not know the DOM nor
// what messages mean, except those that tell life (`hello`, `tick`, `pong`) and `ack` (it alone knows
// how many bytes this socket has brought). Types: connection.d.ts.

import { initial, step } from './reconnect.js';
import { inflater, inflates } from './inflate.js';
import { Close, DEFLATE, parse, say } from './wire.js';

/** @typedef {import('./connection.js').Environment} Environment */
/** @typedef {import('./connection.js').Hooks} Hooks */
/** @typedef {import('./connection.js').Connection} Public */

/** Pings whose answers are still waited for; more are not remembered. */
const PINGS = 16;

/** What is parsed is told when it is so many bytes, or has waited so long (ms). */
const ACK = { bytes: 16 * 1024, wait: 200 };

/** @type {typeof import('./connection.js').pageEvents} */
export function pageEvents(tell) {
  const { document, navigator, addEventListener } = globalThis;
  if (!document) return;
  const visibility = () => tell(document.hidden ? 'hidden' : 'shown');
  document.addEventListener('visibilitychange', visibility);
  document.addEventListener('freeze', () => tell('freeze'));
  document.addEventListener('resume', () => tell('wake'));
  addEventListener('pagehide', ({ persisted }) => persisted && tell('freeze'));
  addEventListener('pageshow', ({ persisted }) => persisted && tell('wake'));
  addEventListener('online', () => tell('online'));
  addEventListener('offline', () => tell('offline'));
  if (document.hidden) tell('hidden');
  if (navigator.onLine === false) tell('offline');
}

/** @implements {Public} */
export class Connection {
  #machine = initial();
  /** @type {WebSocket | null} */
  #socket = null;
  #timer = /** @type {any} */ (null);
  #environment;
  #hooks;
  /** @type {import('./reconnect.js').Event[]} Events that came while one was handled. */
  #events = [];
  #busy = false;
  /** @type {AbortController | null} */
  #probing = null;
  /** @type {Map<number, number>} id → when it was sent */
  #pings = new Map();
  #pinged = 0;
  /** @type {number | null} */
  #roundTrip = null;
  /** @type {ReturnType<typeof inflater> | null} */
  #inflater = null;
  #plain = false; // a chunk was not inflated: they are not asked for again

  /** @param {Hooks} hooks @param {Partial<Environment>} [environment] */
  constructor(hooks, environment = {}) {
    this.#hooks = hooks;
    /** @type {Environment} */
    const own = {
      WebSocket: globalThis.WebSocket,
      DecompressionStream: globalThis.DecompressionStream,
      setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
      clearTimeout: (id) => globalThis.clearTimeout(id),
      random: Math.random,
      // The wall's clock: others stand still while the machine sleeps.
      now: () => Date.now(),
      fetch: (url, init) => globalThis.fetch(url, init),
      listen: pageEvents,
    };
    this.#environment = { ...own, ...environment };
    // What a page says of itself at once (hidden, offline) waits for what comes next: whoever makes us is
    // not ready for hooks yet.
    this.#busy = true;
    this.#environment.listen((type) => this.#tell({ type }));
    this.#busy = false;
  }

  get state() { return this.#machine.phase; }
  get reason() { return this.#machine.reason; }
  get retryAt() { return this.#machine.retryAt; }
  get advice() { return this.#machine.advice; }
  get offline() { return this.#machine.offline; }
  get greeted() { return this.#machine.socket === 'greeted' || this.#machine.socket === 'open'; }
  get now() { return this.#environment.now(); }

  open() { this.#tell({ type: 'open' }); }
  close() { this.#tell({ type: 'close' }); }
  retryNow() { this.#tell({ type: 'retry' }); }

  /** @param {string | BufferSource} data */
  send(data) {
    const may = typeof data === 'string' ? this.greeted : this.#machine.socket === 'open';
    if (!may || this.#socket?.readyState !== 1) return false;
    this.#socket.send(data);
    return true;
  }

  ping() {
    const id = (this.#pinged += 1);
    if (!this.send(say.ping(id))) return false;
    if (this.#pings.size < PINGS) this.#pings.set(id, this.now);
    return true;
  }

  get lag() {
    const [oldest] = this.#pings.values();
    return { roundTrip: this.#roundTrip, waiting: oldest === undefined ? 0 : Math.max(0, this.now - oldest) };
  }

  // ── the machine ────────────────────────────────────────────────────────────────────────────

  /** One event at a time: what an effect or a hook causes comes after it. @param {import('./reconnect.js').Event} event */
  #tell(event) {
    this.#events.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next; (next = this.#events.shift());) this.#turn(next);
    } finally {
      this.#busy = false;
    }
  }

  /** @param {import('./reconnect.js').Event} event */
  #turn(event) {
    const before = this.#machine;
    const [after, effects] = step(before, event, this.now, this.#environment.random);
    this.#machine = after;
    for (const effect of effects) this.#carryOut(effect);
    if (after.phase !== before.phase) {
      this.#hooks.onState?.(after.phase, { code: 0, reason: '', ...after.last, why: after.reason });
    }
    const seen = /** @type {const} */ (['phase', 'retryAt', 'advice', 'offline', 'socket']);
    if (seen.some((name) => after[name] !== before[name])) this.#hooks.onChange?.();
  }

  /** @param {import('./reconnect.js').Effect} effect */
  #carryOut(effect) {
    const { setTimeout, clearTimeout } = this.#environment;
    switch (effect.type) {
      case 'connect':
        return this.#connect(effect.generation, effect.resume);
      case 'abandon':
        return this.#drop(effect.code, effect.reason);
      case 'timer':
        clearTimeout(this.#timer);
        this.#timer = effect.at === null ? null
          : setTimeout(() => this.#tell({ type: 'timer' }), Math.max(0, effect.at - this.now));
        return;
      case 'ping':
        this.ping();
        return;
      case 'probe':
        this.#probe(effect.probe);
    }
  }

  // ── the socket ─────────────────────────────────────────────────────────────────────────────

  /** @param {number} generation */
  #isWanted(generation) {
    return generation === this.#machine.generation && this.#machine.socket !== 'none';
  }

  /** `again`: this try is the second one of its kind, with something else to show.
      @param {number} generation @param {boolean} resume @param {boolean} [again] */
  async #connect(generation, resume, again = false) {
    this.#pings.clear();
    this.#roundTrip = null;
    try {
      let url = this.#hooks.url(resume);
      if (typeof url !== 'string') url = await url;
      let protocols = this.#hooks.protocols?.(url) ?? [];
      if (!Array.isArray(protocols)) protocols = await protocols;
      if (this.#isWanted(generation)) this.#attach(url, protocols, generation, again ? null : () => this.#connect(generation, resume, true));
    } catch (error) {
      this.#tell({ type: 'dropped', generation, code: 1006, reason: String(error) });
    }
  }

  /** @param {string} url @param {string[]} protocols @param {number} generation
      @param {(() => void) | null} again what tries it once more, unless that was done */
  #attach(url, protocols, generation, again) {
    const { WebSocket, DecompressionStream } = this.#environment;
    const deflate = !this.#plain && inflates(DecompressionStream);
    if (deflate) protocols.push(DEFLATE);
    const socket = new WebSocket(url, protocols);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    const current = () => socket === this.#socket;
    const received = acknowledger((total) => { if (current()) this.send(say.ack(total)); });
    const inflating = inflater(deflate ? DecompressionStream : null, () => {
      if (!current()) return;
      this.#drop(1000, 'cannot inflate');
      this.#tell({ type: 'dropped', generation, code: 1006, reason: '' });
    });
    this.#inflater = inflating;
    let pictured = false;
    const take = (/** @type {string | Uint8Array} */ data) => {
      if (!current()) return;
      if (typeof data === 'string') return this.#text(data, generation);
      this.#tell(pictured ? { type: 'heard', generation } : { type: 'picture', generation });
      pictured = true;
      this.#hooks.onBytes?.(data, received(data.length));
    };
    socket.onmessage = ({ data }) => inflating.pass(typeof data === 'string' ? data : new Uint8Array(data), take);
    socket.onclose = (close) => inflating.pass(close, async ({ code, reason }) => {
      if (!current()) return;
      this.#socket = null;
      // Nothing was wrong but what it showed, and the page has something else now.
      const asked = again && code === Close.SIGN_IN && this.#hooks.again?.({ code, reason });
      if (asked && await asked && this.#isWanted(generation) && !this.#socket) return again();
      this.#tell({ type: 'dropped', generation, code, reason });
    });
  }

  /** @param {string} data @param {number} generation */
  #text(data, generation) {
    const message = parse(data);
    const type = message?.type;
    if (type === 'hello') {
      this.#pings.clear(); // another process answers from here on, and not what was asked before
      this.#tell({ type: 'greeted', generation, pingMs: Number(message.ping_ms) || 0 });
    } else this.#tell({ type: 'heard', generation, alive: type === 'tick' || type === 'pong' });
    if (type === 'pong') this.#pong(message.id);
    if (message) this.#hooks.onText?.(message);
  }

  /** @param {unknown} id */
  #pong(id) {
    const sent = this.#pings.get(/** @type {number} */ (id));
    if (sent === undefined) return;
    for (const earlier of this.#pings.keys()) if (earlier <= Number(id)) this.#pings.delete(earlier);
    this.#roundTrip = Math.max(0, this.now - sent);
  }

  /** @param {number} code @param {string} reason */
  #drop(code, reason) {
    const socket = this.#socket;
    this.#socket = null;
    this.#plain ||= !!this.#inflater?.busy; // the browser keeps bytes back, or they are broken
    this.#inflater = null;
    socket?.close(code, reason);
  }

  // ── what a browser does not tell of a refused WebSocket ──────────────────────────────────────

  /** @param {number} probe */
  async #probe(probe) {
    this.#probing?.abort();
    this.#probing = new AbortController();
    const { signal } = this.#probing;
    let asked = this.#hooks.probe?.();
    if (asked && 'then' in asked) asked = await asked;
    if (!asked || signal.aborted) return;
    /** @type {import('./reconnect.js').ProbeResult} */
    let status = 'unreachable';
    try {
      const answer = await this.#environment.fetch(asked.url, {
        headers: asked.headers, cache: 'no-store', redirect: 'manual', signal,
      });
      status = answer.type === 'opaqueredirect' || (answer.status >= 300 && answer.status < 400) ? 'redirect' : answer.status;
      answer.body?.cancel().catch(() => {});
    } catch {
      // no answer is an answer
    }
    this.#tell({ type: 'probed', probe, status });
  }
}

/** Counts what the terminal has parsed, and says so now and then: an ack for every frame is half the work of
    showing it, and the server lets sixteen times as much be on its way. @param {(total: number) => void} send */
function acknowledger(send) {
  let total = 0;
  let told = 0;
  let timer = 0;
  const tell = () => {
    clearTimeout(timer);
    timer = 0;
    send(told = total);
  };
  return (/** @type {number} */ bytes) => () => {
    total += bytes;
    if (!told || total - told >= ACK.bytes) tell();
    else timer ||= /** @type {any} */ (setTimeout(tell, ACK.wait));
  };
}
