// The session's windows as tabs that work with a finger, beside tmux's own status line. In: `windows`
// messages. Out: what the person wants done with which. It must not know the connection.

import { el, hidePanel, showPanel } from './panel.js';
import { closing, furniture } from './tabs.js';

/** Where tabs get a row of their own below the header. */
const OWN_ROW = matchMedia('(max-width: 44rem), (pointer: coarse)');

export class Windows {
  #nav;
  #act;
  #done;
  #place; // in the header
  #told = { windows: [] };
  #drives = false;
  #buttons = new Map(); // by the window's id
  #shown = null; // the current window that was scrolled to
  #tabs = el('div', { className: 'tabs' });
  #more = el('span', { className: 'more', title: 'More windows: the prefix key and w list them all' });
  #new = this.#button('+', 'new', 'New window', () => this.#act('new'));
  #zoom = this.#button('⤢', 'zoom', 'Zoom the pane', ({ current }) => this.#act('zoom', current.id));
  #close = this.#button('×', 'close', 'Close the window', ({ current }) => this.#ask(current));

  /** `act(what, id)` has something done; `done()` gives the focus back. */
  constructor(nav, { act, done }) {
    [this.#nav, this.#act, this.#done] = [nav, act, done];
    nav.append(this.#tabs, this.#more, this.#new, this.#zoom, this.#close);
    this.#place = document.createComment('windows');
    nav.before(this.#place);
    // A click leaves the focus where it is: in the terminal, or, with a finger, where no keyboard opens.
    nav.addEventListener('mousedown', (event) => event.preventDefault());
    OWN_ROW.addEventListener('change', () => this.#draw());
    new ResizeObserver(() => this.#reveal()).observe(this.#tabs);
  }

  /** What the server says. */
  show(message) {
    this.#told = message;
    this.#draw();
  }

  /** Whether the person may change anything. */
  set drives(drives) {
    this.#drives = drives;
    this.#draw();
  }

  #button(sign, className, label, act) {
    const onclick = (event) => this.#use(event, () => act(furniture(this.#told, this.#drives)));
    const button = el('button', { type: 'button', className, title: label, onclick }, sign);
    button.setAttribute('aria-label', label);
    return button;
  }

  #use(event, act) {
    act();
    // What a finger did opens no keyboard.
    if (event.pointerType !== 'touch' && !document.querySelector('dialog:modal')) this.#done();
  }

  #ask(window) {
    const { title, text, label } = closing(window, this.#told.windows.length + (this.#told.more ?? 0) === 1);
    // The panel gives the focus to who had it: it goes before the focus does.
    const choose = (act) => () => {
      act();
      hidePanel();
      this.#done();
      return false;
    };
    const choices = [
      { label, danger: true, act: choose(() => this.#act('close', window.id)) },
      { label: 'Keep it', act: choose(() => {}) },
    ];
    showPanel({ title, text, choices, modal: true });
  }

  #draw() {
    const { tabs, more, create, zoom, zoomed, close, current } = furniture(this.#told, this.#drives);
    const ids = new Set(tabs.map(({ id }) => id));
    for (const [id, button] of this.#buttons) {
      if (ids.has(id)) continue;
      // Who stood on it with the keyboard is not left nowhere.
      if (button === document.activeElement) this.#done();
      button.remove();
      this.#buttons.delete(id);
    }
    tabs.forEach((tab, at) => {
      const button = this.#tab(tab);
      // Moving what is in its place would take the focus from it.
      if (this.#tabs.children[at] !== button) this.#tabs.insertBefore(button, this.#tabs.children[at] ?? null);
    });
    this.#more.textContent = more;
    this.#more.hidden = !more;
    this.#tabs.hidden = tabs.length === 0;
    this.#new.hidden = !create;
    this.#zoom.hidden = !zoom;
    this.#zoom.setAttribute('aria-pressed', String(zoomed));
    this.#close.hidden = !close;
    const nav = this.#nav;
    nav.hidden = tabs.length === 0 && !create;
    const below = OWN_ROW.matches && tabs.length > 0;
    const header = this.#place.parentElement;
    if (below !== (nav.parentElement !== header)) below ? header.after(nav) : this.#place.after(nav);
    if (current?.id !== this.#shown) {
      this.#shown = current?.id;
      this.#reveal();
    }
  }

  #tab({ id, index, name, signs, said, current, title }) {
    let button = this.#buttons.get(id);
    if (!button) {
      const act = () => this.#act('select', id);
      // The name stands by itself, whichever way it is written.
      button = el('button', { type: 'button', className: 'tab', onclick: (event) => this.#use(event, act) },
        el('span', { className: 'index' }), ' ', el('bdi', {}), el('span', { className: 'signs', ariaHidden: 'true' }), el('span', { className: 'said' }));
      this.#buttons.set(id, button);
    }
    const parts = [...button.children];
    [index, name, signs, said].forEach((text, at) => {
      if (parts[at].textContent !== text) parts[at].textContent = text;
    });
    button.title = title;
    button.disabled = !this.#drives;
    if (current) button.setAttribute('aria-current', 'true');
    else button.removeAttribute('aria-current');
    return button;
  }

  /** Brings the current window's tab into view, without moving anything but the tabs. */
  #reveal() {
    const tabs = this.#tabs;
    const { offsetLeft: from, offsetWidth: width } = this.#buttons.get(this.#shown) ?? {};
    if (from === undefined) return;
    if (from < tabs.scrollLeft) tabs.scrollLeft = from;
    else if (from + width > tabs.scrollLeft + tabs.clientWidth) tabs.scrollLeft = from + width - tabs.clientWidth;
  }
}
