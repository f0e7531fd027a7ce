// The keys an on-screen keyboard lacks, in a row under the picture. In: taps, and what is typed
// elsewhere while a modifier is down. Out: text for the terminal, and wishes (paste, compose, keyboard).
// It must not know the terminal nor the connection.

import { encode, modify } from './keystroke.js';
import { Modifiers } from './modifiers.js';
import { el } from './panel.js';

/** Before a key that is held repeats itself, and between repeats, in ms. */
const HOLD = 450;
const REPEAT = 60;

/** [what it does, its label, its name where the label is none]; what scrolls out of sight first stands last. */
const KEYS = [
  ['Escape', 'Esc'], ['Tab', 'Tab'], ['ctrl', 'Ctrl'], ['alt', 'Alt'],
  ['ArrowLeft', '←', 'Left'], ['ArrowDown', '↓', 'Down'], ['ArrowUp', '↑', 'Up'], ['ArrowRight', '→', 'Right'],
  ['compose', 'Text', 'Write a text'], ['paste', 'Paste'], ['PageUp', 'PgUp'], ['PageDown', 'PgDn'],
  ['Home', 'Home'], ['End', 'End'], ['|', '|', 'Bar'], ['/', '/', 'Slash'], ['-', '-', 'Minus'], ['~', '~', 'Tilde'],
  ['shift', 'Shift'], ['keyboard', '⌨\ufe0e', 'Keyboard'],
];
const REPEATS = /^(Arrow|Page)/;

export class KeyBar {
  element;
  #modifiers = new Modifiers();
  #buttons = new Map();
  #type;
  #modes;
  #before;
  #repeat = null;
  #repeated = false;

  /** `type(text)` sends; `before()` comes before whatever a key does; `modes()` gives the terminal's; `wishes`:
      { compose, paste, keyboard }. */
  constructor({ type, before, modes, wishes }) {
    this.#type = type;
    this.#before = before;
    this.#modes = modes;
    const does = (key) => {
      if (Object.hasOwn(this.#modifiers.state, key)) return () => this.#tap(key);
      return Object.hasOwn(wishes, key) ? wishes[key] : () => this.#press(key);
    };
    for (const [key, label, name = label] of KEYS) this.#buttons.set(key, this.#button(key, label, name, does(key)));
    this.element = el('div', { id: 'keybar', className: 'keybar', role: 'group', ariaLabel: 'Keys' }, ...this.#buttons.values());
    this.#show();
  }

  /** What was typed, with the modifiers that are down. */
  rewrite(text) {
    const { held } = this.#modifiers;
    const modified = held && modify(text, held, this.#modes());
    if (modified === null) return text;
    this.#used();
    return modified;
  }

  /** Whether a modifier is down. */
  get armed() {
    return this.#modifiers.held !== null;
  }

  #button(key, label, name, act) {
    const button = el('button', { type: 'button', title: name, ariaLabel: name }, label);
    button.dataset.key = key;
    // The focus stays where it is, and with it the on-screen keyboard.
    for (const type of ['pointerdown', 'mousedown']) button.addEventListener(type, (event) => event.preventDefault());
    const run = () => {
      this.#before();
      act();
    };
    if (REPEATS.test(key)) {
      button.addEventListener('pointerdown', () => this.#hold(run));
      for (const type of ['pointerup', 'pointercancel', 'pointerleave', 'lostpointercapture']) button.addEventListener(type, () => this.#release());
      button.addEventListener('contextmenu', (event) => event.preventDefault()); // of a finger that stays
    }
    button.addEventListener('click', () => {
      if (!this.#repeated) run();
      this.#repeated = false;
    });
    return button;
  }

  #press(key) {
    const text = encode(key, this.#modifiers.held ?? {}, this.#modes());
    this.#used();
    this.#type(text);
  }

  #tap(name) {
    this.#modifiers.tap(name, performance.now());
    this.#show();
  }

  #used() {
    if (this.#modifiers.used()) this.#show();
  }

  #hold(act) {
    this.#release();
    this.#repeated = false;
    this.#repeat = setTimeout(() => {
      this.#repeated = true;
      act();
      this.#repeat = setInterval(act, REPEAT);
    }, HOLD);
  }

  #release() {
    clearInterval(this.#repeat); // clears timeouts as well
    this.#repeat = null;
  }

  #show() {
    for (const [name, state] of Object.entries(this.#modifiers.state)) {
      const button = this.#buttons.get(name);
      button.ariaPressed = String(state !== 'off');
      button.toggleAttribute('data-locked', state === 'locked');
      button.ariaLabel = button.title + (state === 'locked' ? ', locked' : '');
    }
  }
}
