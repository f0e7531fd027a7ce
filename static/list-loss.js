// The box that says, loudly, that the list is not live: why, since when, and when the next try is. In: the
// stream, after each of its changes. Out: the wish to try now. It must not know sessions.

import { write } from './sentences.js';
import { sentence } from './sessions.js';

const page = document.documentElement;
const [caption, lost, countdown] = ['caption', 'lost', 'countdown'].map((id) => document.getElementById(id));

export class Loss {
  #stream;
  #counting = null;
  #lostAt = '';

  constructor(stream) {
    this.#stream = stream;
    lost.querySelector('button').onclick = () => stream.open();
  }

  /** The stream has changed; `known`: there is a list, as it was. */
  show(known) {
    const { state, reason, retryAt } = this.#stream;
    const late = state === 'reconnecting';
    page.dataset.state = state;
    page.toggleAttribute('data-late', late && known);
    if (!late) this.#lostAt = '';
    else this.#lostAt ||= new Date().toLocaleTimeString([], { timeStyle: 'short' });
    lost.hidden = !late;
    const why = reason?.status ? sentence(reason.message) : 'muxview does not answer.';
    const told = late ? `Not connected: ${why}${known ? ` This is how it was at ${this.#lostAt}.` : ''}` : '';
    const [said] = lost.children;
    write(said, told);
    caption.textContent = state === 'connecting' ? 'Connecting …' : '';
    clearInterval(this.#counting);
    if (retryAt !== null) this.#counting = setInterval(() => this.#count(), 250);
    this.#count();
  }

  #count() {
    const { state, retryAt } = this.#stream;
    const left = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
    countdown.textContent = state !== 'reconnecting' ? '' : retryAt === null ? 'Trying …' : `Next try in ${left} s`;
  }
}
