// The list's stream of changes, over losses, sleep and restarts of muxview. In: what to ask for. Out:
// its events, and a state: connecting | open | reconnecting | closed (until it is opened again). A lost
// stream is tried again for ever, as `delay` of reconnect.js says. No DOM.

import { events } from './events.js';
import { delay } from './reconnect.js';

/** A stream without a byte for this long is dead: the server sends at least a comment every 15 s; in ms. */
export const SILENCE = 40_000;
/** How often that is looked at, in ms. */
const LOOK = 5_000;
/** After a sleep, or back from another page, it is doubted sooner; in ms. */
const DOUBT = 20_000;
/** A stream that lives this long has come to stay, and the next loss is a first one; in ms. */
const STABLE = 10_000;

export class ListStream {
  state = 'connecting';
  /** Why it is not open: an error. */
  reason = null;
  /** When it is tried again, by `now`; null while it is not waiting. */
  retryAt = null;
  #options;
  #present = null; // the AbortController of the request under way: anything of another one is of the past
  #timer = null;
  #watch = null;
  #attempt = 0;
  #heardAt = 0;
  #openedAt = null;

  /**
   * `path()` is asked anew for each request, `request` is that of access.js, `onEvent` gets `{ event, data }`,
   * `onState` is called after each change. The rest is for tests.
   */
  constructor({ path, request, onEvent, onState, now = () => performance.now(), random = Math.random, setTimeout = globalThis.setTimeout, clearTimeout = globalThis.clearTimeout }) {
    // As properties of an object of ours they would be called with it, which browsers refuse.
    const timers = { setTimeout: (...args) => setTimeout(...args), clearTimeout: (id) => clearTimeout(id) };
    this.#options = { path, request, onEvent, onState, now, random, ...timers };
  }

  /** Asks now: for the first time, again, or for something else. An open stream stays so meanwhile. */
  open() {
    this.#stop();
    this.#watch ??= this.#options.setTimeout(this.#look, LOOK);
    if (this.state === 'closed') this.#become('connecting');
    else this.#options.onState(); // it waits no more
    this.#follow();
  }

  /** Stays quiet until `open`. */
  close(reason = null) {
    this.#stop();
    this.#options.clearTimeout(this.#watch);
    this.#watch = null;
    this.reason = reason;
    this.#become('closed');
  }

  /** Something may have happened to the link: the page is shown again, the network is back. */
  doubt() {
    if (this.state === 'reconnecting') this.open();
    else if (this.state !== 'closed' && this.#options.now() - this.#heardAt > DOUBT) this.#lose(new Error('nothing was heard'));
  }

  async #follow() {
    const present = this.#present = new AbortController();
    this.#heardAt = this.#options.now();
    this.#openedAt = null;
    const heard = () => {
      if (present === this.#present) this.#heardAt = this.#options.now();
    };
    try {
      const answer = await this.#options.request(this.#options.path(), { signal: present.signal });
      for await (const event of events(answer.body, heard)) {
        if (present !== this.#present) return;
        // With the list it is whole.
        if (event.event === 'sessions' && this.#openedAt === null) this.#opened();
        this.#options.onEvent(event);
      }
      throw new Error('the stream ended');
    } catch (error) {
      if (present !== this.#present) return;
      if (error.status === 401) this.close(error);
      else this.#lose(error);
    }
  }

  #opened() {
    this.#openedAt = this.#options.now();
    this.reason = null;
    this.#become('open');
  }

  #lose(error) {
    this.#stop();
    const now = this.#options.now();
    if (this.#openedAt !== null && now - this.#openedAt >= STABLE) this.#attempt = 0;
    this.#openedAt = null;
    const wait = delay(this.#attempt, this.#options.random);
    this.#attempt += 1;
    this.#timer = this.#options.setTimeout(() => this.open(), wait);
    this.retryAt = now + wait;
    this.reason = error;
    this.#become('reconnecting');
  }

  #look = () => {
    this.#watch = this.#options.setTimeout(this.#look, LOOK);
    if (this.#present && this.#options.now() - this.#heardAt > SILENCE) this.#lose(new Error('nothing was heard'));
  };

  #stop() {
    this.#present?.abort();
    this.#present = null;
    this.#options.clearTimeout(this.#timer);
    this.#timer = null;
    this.retryAt = null;
  }

  #become(state) {
    this.state = state;
    this.#options.onState();
  }
}
