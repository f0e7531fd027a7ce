// A box to write a text in before any of it is sent: swiped, dictated, corrected. In: what is written.
// Out: all of it, when the person says so and never by itself. It must not know the terminal.

import { recall, remember } from './memory.js';
import { el } from './panel.js';

const [TEXT, CORRECT] = ['compose', 'compose-correct'];
/** Kept over a reload, at most this many characters: the browser's storage is small. */
const KEPT = 100_000;

export class Composer {
  element;
  #text = el('textarea', { rows: 3, ariaLabel: 'Text to send', placeholder: 'Nothing is sent before you press Send.' });
  #enter = el('input', { type: 'checkbox', checked: true });
  #correct = el('input', { type: 'checkbox', checked: recall(CORRECT) === true });
  #remark = el('p', { role: 'status' });
  #onClose;

  /** `send(text, enter)` resolves to false if the text was not sent: it stays. */
  constructor({ send, onClose }) {
    this.#onClose = onClose;
    const label = (input, text) => el('label', {}, input, text);
    const close = el('button', { type: 'button', ariaLabel: 'Close', title: 'Close', onclick: () => this.close() }, '✕');
    this.element = el('form', { className: 'compose', hidden: true },
      this.#remark, this.#text,
      el('div', {}, label(this.#enter, 'then Enter'), label(this.#correct, 'Autocorrect'), el('span', {}, close, el('button', { className: 'main' }, 'Send'))));
    this.#text.value = recall(TEXT) ?? '';
    this.#text.oninput = () => this.#keep();
    this.#correct.onchange = () => {
      remember(CORRECT, this.#correct.checked);
      this.#help();
    };
    this.#help();
    this.element.onkeydown = (event) => {
      if (event.isComposing) return;
      if (event.key === 'Escape') this.close();
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    };
    this.element.onsubmit = async (event) => {
      event.preventDefault();
      const text = this.#text.value;
      if ((text || this.#enter.checked) && (await send(text, this.#enter.checked)) === false) return;
      // What was written while a question was open is another text.
      if (this.#text.value === text) this.#text.value = '';
      this.#keep();
      this.#text.focus();
    };
  }

  /** Opens it, perhaps with a sentence that says why. */
  open(remark = '') {
    this.#remark.textContent = remark;
    this.#remark.hidden = !remark;
    this.element.hidden = false;
    this.#text.focus();
  }

  close() {
    this.element.hidden = true;
    this.#onClose();
  }

  toggle() {
    if (this.element.hidden) this.open();
    else this.close();
  }

  /** Commands are not sentences: the keyboard corrects only where it is asked to. */
  #help() {
    const on = this.#correct.checked;
    this.#text.spellcheck = on;
    this.#text.setAttribute('autocorrect', on ? 'on' : 'off');
    this.#text.autocapitalize = on ? 'sentences' : 'off';
    this.#text.autocomplete = 'off';
  }

  #keep() {
    remember(TEXT, this.#text.value.slice(0, KEPT) || null);
  }
}
