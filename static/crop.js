// Leaves tmux's status line out of this window's picture: its rows are cut off at the edge, nothing
// is moved or scaled over anything else, so the cell under the mouse stays true. In: where the line is,
// and the setting. Out: how many rows are left out. Nothing in tmux changes.
//
// Where tmux asks something (its command prompt, a confirmation, a search) it puts the cursor into that
// line. As long as it is there the line is seen, and as many rows at the other edge are not. What tmux
// only says there (`display-message`) is not seen: nothing tells it from the line itself.

import * as settings from './settings.js';

/** What tmux has until the server says where its line is. */
const USUAL = { at: 'bottom', rows: 1 };

/** How many rows are cut off a grid of `rows`, at which edge. */
export function cut({ at, rows: lines }, hides, rows, cursor) {
  const none = { top: 0, bottom: 0 };
  // In a terminal this low tmux leaves the line out itself.
  if (!hides || at === 'off' || !(lines > 0) || rows <= lines) return none;
  const asks = at === 'top' ? cursor < lines : cursor >= rows - lines;
  return (at === 'top') !== asks ? { ...none, top: lines } : { ...none, bottom: lines };
}

export class Crop {
  #term;
  #grid;
  #changed;
  #status = USUAL;
  #hides = !settings.get('statusLine');

  /** `changed()`: another number of rows is left out. */
  constructor(term, changed) {
    this.#term = term;
    this.#changed = changed;
    this.#grid = term.element.querySelector('.xterm-screen');
    settings.on('statusLine', (shown) => this.#become(() => { this.#hides = !shown; }));
    term.onWriteParsed(() => this.#place());
    term.onResize(() => this.#place());
    // Another font.
    new ResizeObserver(() => this.#place()).observe(this.#grid);
  }

  /** Where tmux's status line is, as the server says. */
  set status(status) {
    this.#become(() => { this.#status = status ?? USUAL; });
  }

  /** How many rows a grid may have more than the window. */
  get rows() {
    return this.#hides && this.#status.at !== 'off' ? this.#status.rows : 0;
  }

  /** The part of the grid's height that is seen. */
  get share() {
    const { rows } = this.#term;
    const { top, bottom } = this.#cut();
    return (rows - top - bottom) / rows;
  }

  #become(change) {
    const before = this.rows;
    change();
    this.#place();
    if (this.rows !== before) this.#changed();
  }

  #cut() {
    const { rows, buffer } = this.#term;
    return cut(this.#status, this.#hides, rows, buffer.active.cursorY);
  }

  #place() {
    const { element, rows } = this.#term;
    const { top } = this.#cut();
    const { share } = this;
    const height = parseFloat(this.#grid.style.height) || 0;
    element.classList.toggle('cropped', share < 1);
    element.style.height = share < 1 ? `${height * share}px` : '';
    this.#grid.style.top = top ? `${-height * top / rows}px` : '';
  }
}
