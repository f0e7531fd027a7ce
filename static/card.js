// One session's card: its picture, what is known of it, and its buttons. In: a session, a miniature,
// what to do. Out: an element. It must not know the list nor the server.

import { addressOf, CREATABLE } from './address.js';
import { draw } from './miniature.js';
import { el } from './panel.js';
import { nodes } from './sentences.js';
import { about, ago, company, running } from './sessions.js';

/** The pause between two pictures for who wants little motion, in ms. */
const CALM = 10_000;

const PENCIL = 'M4 20l1-4L16 5l3 3L8 19z';
const CROSS = 'M6 6l12 12M18 6L6 18';
/** A button's drawing; made by hand, for the page's policy lets no string become HTML. */
function sign(path) {
  const make = (tag, attributes) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const svg = make('svg', { viewBox: '0 0 24 24', width: 16, height: 16, 'aria-hidden': true });
  svg.append(make('path', { d: path }));
  return svg;
}

/** What a name may be, for who chose another. */
export const NAME_RULE = 'A name has up to 64 letters, digits, “_” and “-”, and does not begin with “-”.';

/** Writes only what is another: two hundred cards are written often, and seldom changed. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export class Card {
  session;
  #canvas = el('canvas', { ariaHidden: 'true' });
  #note = el('p', { className: 'note' });
  #link = el('a', { className: 'name' });
  #bell = el('span', { className: 'bell', hidden: true }, 'bell');
  #running = el('span');
  #active = el('span');
  #about = el('p', { className: 'about line' });
  #company = el('p', { className: 'about company' });
  #picture = null;
  #look = null;
  #calm;
  #drawnAt = -Infinity;
  #later = null;

  /** `onRename` and `onEnd` are called with this; `calm()` says whether pictures shall change seldom. */
  constructor(id, { onRename, onEnd, calm }) {
    this.#calm = calm;
    const details = `details-${id.slice(1)}`;
    this.#link.setAttribute('aria-describedby', details);
    this.rename = el('button', { type: 'button', className: 'sign', onclick: () => onRename(this) }, sign(PENCIL));
    this.end = el('button', { type: 'button', className: 'sign', onclick: () => onEnd(this) }, sign(CROSS));
    this.head = el('div', { className: 'head' }, this.#link, this.#bell, this.rename, this.end);
    this.element = el('li', { className: 'session' },
      el('div', { className: 'thumb' }, this.#canvas, this.#note),
      el('div', { className: 'what' }, this.head,
        el('div', { id: details }, el('p', { className: 'about' }, this.#running, this.#active), this.#about, this.#company)));
    this.element.card = this;
  }

  get id() {
    return this.session.id;
  }

  /** Whether it may be renamed and ended from here. */
  get managed() {
    return this.session.role === 'manage';
  }

  focus() {
    this.#link.focus();
  }

  /** Shows what is known; `now` in seconds since 1970, `titles` as sessions.js counts them. */
  show(session, now, titles) {
    if (this.session !== session) {
      this.session = session;
      write(this.#link, session.name);
      const href = `s/${encodeURIComponent(addressOf(session))}`;
      if (this.#link.getAttribute('href') !== href) this.#link.href = href;
      for (const [verb, button] of [['Rename', this.rename], ['End', this.end]]) {
        if (button.hidden === this.managed && !this.element.querySelector('.editor')) button.hidden = !this.managed;
        const label = `${verb} ${session.name}`;
        if (button.title !== label) button.title = button.ariaLabel = label;
      }
      if (this.#bell.hidden === session.bell) {
        this.#bell.hidden = !session.bell;
        this.element.classList.toggle('rings', session.bell);
      }
      write(this.#running, running(session));
      write(this.#company, company(session));
    }
    if (this.element.classList.contains('ended')) this.element.classList.remove('ended');
    if (titles) write(this.#about, about(session, titles));
    const active = session.activity > 0 ? `active ${ago(now - session.activity)}` : '';
    write(this.#active, active && this.#running.textContent ? ` · ${active}` : active);
  }

  /** The session is gone, and the card stays until nobody is about to click. */
  gone() {
    this.element.classList.add('ended');
    write(this.#active, ' · ended');
    write(this.#company, '');
  }

  /** A miniature or, with none, why there is none. */
  picture({ miniature = null, trouble = '' }, look) {
    write(this.#note, trouble);
    this.#picture = miniature ?? this.#picture;
    this.#look = look;
    clearTimeout(this.#later);
    const wait = this.#calm() ? this.#drawnAt + CALM - performance.now() : 0;
    if (wait > 0) this.#later = setTimeout(() => this.draw(), wait);
    else this.draw();
  }

  /** Draws the latest picture in this look. */
  draw(look = this.#look) {
    if (!this.#picture || !look) return;
    this.#look = look;
    this.#drawnAt = performance.now();
    draw(this.#canvas, this.#picture, look);
  }

  /** It came into view: what was drawn while it had no size is drawn. */
  appear() {
    if (!this.#canvas.width) this.draw();
  }

  /** Forgets the picture, and what it costs. */
  clear() {
    clearTimeout(this.#later);
    this.#picture = null;
    this.#drawnAt = -Infinity;
    write(this.#note, '');
    if (this.#canvas.width) this.#canvas.width = 0;
  }

  /** Puts a field in the place of the name; `save(name)` may throw what is then shown. */
  edit(save) {
    if (this.element.querySelector('.editor')) return;
    const failure = el('p', { className: 'failure', id: `failure-${this.id.slice(1)}`, role: 'alert' });
    const input = el('input', { value: this.session.name, required: true, maxLength: 64, autocomplete: 'off', autocapitalize: 'none', spellcheck: false, ariaLabel: 'New name' });
    input.setAttribute('aria-describedby', failure.id);
    const back = () => {
      form.replaceWith(this.#link);
      this.rename.hidden = this.end.hidden = false;
      this.focus();
    };
    const form = el('form', { className: 'editor', noValidate: true }, input,
      el('button', { className: 'main' }, 'Save'), el('button', { type: 'button', onclick: back }, 'Cancel'), failure);
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (input.value === this.session.name) return back();
      failure.textContent = CREATABLE.test(input.value) ? '' : NAME_RULE;
      try {
        if (!failure.textContent && (await save(input.value)) !== false) return back();
      } catch (error) {
        failure.replaceChildren(...nodes(error.message));
      }
      input.ariaInvalid = String(failure.textContent !== '');
      input.focus();
    };
    form.onkeydown = (event) => {
      if (event.key !== 'Escape') return;
      event.stopPropagation();
      back();
    };
    this.rename.hidden = this.end.hidden = true;
    this.#link.replaceWith(form);
    input.select();
  }
}
