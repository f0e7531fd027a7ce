// What the person sees besides the picture: the caption in the corner with its one button, the
// title and the icon of the tab. In: the connection, and facts as they come. Out: the button's
// click. It must not know sessions nor messages.

import { write } from './sentences.js';

/** How long a passing remark stays, and how long an outage may last before it is mentioned, in ms. */
const REMARK = 5_000;
const UNNOTICED = 400;
/** Between two measurements of the round trip, in ms. */
const MEASURE = 5_000;
/** Between two that what is typed calls for, in ms. */
const SOON = 1_000;
/** A round trip, and a wait for an answer, worth mentioning, in ms. */
const SLOW = 400;
const WAITING = 2_000;

const page = document.documentElement;
const [caption, countdown, button] = ['caption', 'countdown', 'now'].map((id) => document.getElementById(id));
const icon = document.querySelector('link[rel=icon]');
const COLOURS = { reconnecting: '#d3960f', closed: '#c83b3e', bell: '#d3960f' };
const MARKS = { reconnecting: '↻ ', closed: '✕ ' };

export class Caption {
  #connection;
  #remark = null; // { text, label, act }
  #remarkTimer = null;
  #lost = false;
  #late = false; // an outage has lasted long enough to be mentioned
  #lateTimer = null;
  #tick = null;
  #notice = '';
  #slow = '';
  #name = '';
  #rang = false;
  #plainIcon = icon.href;
  #drawing = null; // the icon's SVG, once it was needed
  #asked = 0; // when what was typed called for a measurement

  constructor(connection) {
    this.#connection = connection;
    button.onclick = () => {
      const act = this.#remark?.act ?? (() => connection.retryNow());
      if (this.#remark?.act) this.mention('');
      act();
    };
    setInterval(() => this.#measure(), 1_000);
  }

  /** The connection's state is another one. `lost`: the last keys may have been. */
  state(state, lost = false) {
    this.#lost = lost;
    page.dataset.state = state;
    clearTimeout(this.#lateTimer);
    this.#late = false;
    this.#slow = '';
    if (state === 'closed') page.dataset.late = '';
    if (state === 'reconnecting') {
      this.#lateTimer = setTimeout(() => {
        this.#late = true;
        page.dataset.late = '';
        this.show();
      }, UNNOTICED);
    }
    this.show();
  }

  /** Says something in passing, perhaps with a button. */
  mention(text, label = '', act = null) {
    this.#remark = text ? { text, label, act } : null;
    clearTimeout(this.#remarkTimer);
    this.#remarkTimer = setTimeout(() => this.mention(''), act ? 3 * REMARK : REMARK);
    this.show();
  }

  /** Says something more in passing: what is shown stays before it, with its button. */
  add(text) {
    const { text: before, label, act } = this.#remark ?? {};
    this.mention(before ? `${before} ${text}` : text, label, act);
  }

  /** What was typed goes nowhere. */
  refuse() {
    this.mention('Not connected: what you type is not sent.');
    caption.classList.remove('refuses');
    void caption.offsetWidth; // so that it starts again
    caption.classList.add('refuses');
  }

  /** Something is on its way: whether it gets an answer is asked now, not with the next measurement. */
  typed() {
    const { lag, now } = this.#connection;
    if (lag.waiting > 0 || Math.abs(now - this.#asked) < SOON) return;
    this.#asked = now;
    this.#connection.ping();
  }

  /** What the server wants known until it says otherwise. */
  notice(text) {
    this.#notice = text;
    this.show();
  }

  /** The tab's name. */
  name(text) {
    this.#name = text;
    this.#tab();
  }

  /** A bell that nobody has seen yet. */
  set rang(rang) {
    this.#rang = rang;
    this.#tab();
  }

  /** Writes all of it anew. */
  show() {
    const connection = this.#connection;
    const { state } = connection;
    const down = state === 'reconnecting' && this.#late;
    const texts = {
      // What keeps the picture away is worth more than that it does not come.
      connecting: connection.greeted ? this.#notice || 'Waiting for the picture…' : 'Connecting…',
      open: this.#slow,
      reconnecting: down ? `Reconnecting…${this.#because()}` : '',
      closed: 'Not connected',
    };
    const text = this.#remark?.text ?? (texts[state] || this.#notice);
    const notice = text !== '' && text === this.#notice;
    caption.classList.toggle('notice', notice);
    // Only a notice is the server's: a session's name may have backticks of its own.
    if (notice) write(caption, text);
    else if (caption.textContent !== text) caption.textContent = text;
    this.#count(down);
    button.textContent = this.#remark?.act ? this.#remark.label : 'Try now';
    button.hidden = !down && !this.#remark?.act;
    this.#tab();
  }

  #because() {
    const { advice, offline } = this.#connection;
    if (advice === 'no-websockets') return ' A proxy on the way lets no WebSockets through.';
    if (offline) return ' This device is offline.';
    return this.#lost ? ' What you typed last may not have arrived.' : '';
  }

  /** “in 3 s”, kept current. Apart from the caption, which is read out with each change. */
  #count(down) {
    clearTimeout(this.#tick);
    const { retryAt, now } = this.#connection;
    const left = retryAt === null ? 0 : retryAt - now;
    const text = !down ? '' : left > 0 ? `in ${Math.ceil(left / 1_000)} s` : 'trying…';
    if (countdown.textContent !== text) countdown.textContent = text;
    if (down && left > 0) this.#tick = setTimeout(() => this.#count(down), (left % 1_000) + 10);
  }

  #measure() {
    const connection = this.#connection;
    if (connection.state !== 'open' || document.hidden) return;
    this.#seconds = (this.#seconds + 1_000) % MEASURE;
    const { roundTrip, waiting } = connection.lag;
    if (this.#seconds === 0 && !waiting) connection.ping();
    // A server that never answered is not slow.
    const slow = roundTrip === null ? ''
      : waiting > WAITING ? `No answer for ${Math.round(waiting / 1_000)} s`
        : roundTrip > SLOW ? `Slow: ${roundTrip} ms there and back` : '';
    if (slow === this.#slow) return;
    this.#slow = slow;
    this.show();
  }

  #seconds = 0;

  #tab() {
    const state = this.#connection.state === 'reconnecting' && !this.#late ? 'open' : this.#connection.state;
    const title = (this.#rang ? '● ' : '') + (MARKS[state] ?? '') + this.#name;
    if (document.title !== title) document.title = title;
    this.#draw(COLOURS[state] ?? (this.#rang ? COLOURS.bell : null));
  }

  async #draw(colour) {
    if (icon.dataset.colour === (colour ?? undefined)) return;
    if (!colour) {
      delete icon.dataset.colour;
      icon.href = this.#plainIcon;
      return;
    }
    icon.dataset.colour = colour;
    this.#drawing ??= await fetch(this.#plainIcon).then((answer) => answer.text(), () => null);
    if (!this.#drawing || icon.dataset.colour !== colour) return;
    const dot = `<circle cx="24" cy="8" r="7" fill="${colour}"/></svg>`;
    icon.href = `data:image/svg+xml,${encodeURIComponent(this.#drawing.replace('</svg>', dot))}`;
  }
}
