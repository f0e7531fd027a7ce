// One viewer's WebSocket, kept alive: it reconnects by itself until a final close code or
// `close()`. In: the page's wish to be connected. Out: `onState`, `onText`, `onBytes`.
// It must not know the DOM nor what the messages mean, except `hello` (the socket is `open`
// with it, not before) and `ack` (it alone knows how many bytes this socket has brought).

import { isFinal, parse, say, spread, Close } from './wire.js';

/** First and longest mean wait between tries, in ms. */
const RETRY = { first: 500, longest: 15_000 };
/** A socket that lived this long was good: the next drop starts counting from zero, in ms. */
const STABLE = 5_000;
/** How long a handshake may take until its `hello`, in ms. */
const HANDSHAKE = 15_000;

/** Full jitter under a doubling cap: a thousand pages must not come back at once. */
export function delay(attempt, random) {
  return Math.max(100, random() * Math.min(RETRY.longest, RETRY.first * 2 ** attempt));
}

export class Connection {
  /** `connecting`, `open`, `reconnecting` or `closed`. */
  state = 'closed';

  #socket = null;
  #timer = null; // the one timer: the next try while waiting, silence while a socket is there
  #attempt = 0;
  #silence = HANDSHAKE;
  #openedAt = 0;
  #resumes = false;
  #environment;
  #hooks;

  /**
   * `url(resume)` and `protocols()` are asked at every try, so that size and secret are those
   * of the moment. `environment` replaces the browser's own in tests.
   */
  constructor({ url, protocols, onState, onText, onBytes }, environment = {}) {
    this.#hooks = { url, protocols, onState, onText, onBytes };
    this.#environment = {
      WebSocket: globalThis.WebSocket,
      setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
      clearTimeout: (id) => globalThis.clearTimeout(id),
      random: Math.random,
      now: () => performance.now(),
      ...environment,
    };
  }

  /** Connects, from any state. */
  open() {
    this.#drop();
    this.#attempt = 0;
    this.#resumes = false;
    this.#become('connecting');
    this.#connect();
  }

  /** Ends it; only `open()` revives it. */
  close() {
    this.#drop();
    this.#become('closed', { code: 1000, reason: '' });
  }

  /** The network or the person is back: does not wait for the timer. */
  retryNow() {
    if (this.state !== 'reconnecting' || this.#socket) return;
    this.#attempt = 0;
    this.#connect();
  }

  /** Sends text or bytes; false (and nothing kept for later) while not open. */
  send(data) {
    if (this.state !== 'open' || this.#socket.readyState !== 1) return false;
    this.#socket.send(data);
    return true;
  }

  #connect() {
    const { WebSocket } = this.#environment;
    const socket = new WebSocket(this.#hooks.url(this.#resumes), this.#hooks.protocols());
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#silence = HANDSHAKE;
    this.#watch();

    // Events of a socket that is no longer ours change nothing.
    const current = () => socket === this.#socket;
    const received = acknowledger((total) => current() && this.send(say.ack(total)));
    socket.onmessage = ({ data }) => {
      if (!current()) return;
      this.#watch();
      if (typeof data !== 'string') {
        this.#hooks.onBytes(new Uint8Array(data), received(data.byteLength));
        return;
      }
      const message = parse(data);
      if (message?.type === 'hello') this.#hello(message);
      if (message) this.#hooks.onText(message);
    };
    socket.onclose = ({ code, reason }) => current() && this.#closed(code, reason);
  }

  #hello({ ping_ms: ping }) {
    if (ping > 0) this.#silence = 2.5 * ping;
    this.#watch();
    if (this.state === 'open') return; // the server was replaced under this very socket
    this.#openedAt = this.#environment.now();
    this.#resumes = true;
    this.#become('open');
  }

  /** A link that brings nothing any more never says so: it is left, not closed and waited for. */
  #watch() {
    this.#later(this.#silence, () => this.#closed(1006, 'nothing heard'));
  }

  #closed(code, reason) {
    const lived = this.state === 'open' ? this.#environment.now() - this.#openedAt : 0;
    this.#drop();
    if (isFinal(code)) return this.#become('closed', { code, reason });
    if (lived >= STABLE) this.#attempt = 0;
    if (code === Close.BUSY) this.#attempt += 2;
    const { random } = this.#environment;
    const asked = code === Close.RESTART ? spread(reason) : null;
    const wait = asked === null ? delay(this.#attempt++, random) : random() * asked;
    this.#become('reconnecting', { code, reason });
    this.#later(wait, () => this.#connect());
  }

  #drop() {
    this.#environment.clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #later(ms, run) {
    this.#environment.clearTimeout(this.#timer);
    this.#timer = this.#environment.setTimeout(run, ms);
  }

  #become(state, detail) {
    if (this.state === state) return;
    this.state = state;
    this.#hooks.onState(state, detail);
  }
}

/** Counts what the terminal has parsed; one ack for everything parsed in one task. */
function acknowledger(send) {
  let total = 0;
  let waiting = false;
  return (bytes) => () => {
    total += bytes;
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => {
      waiting = false;
      send(total);
    });
  };
}
