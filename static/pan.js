// Which part of a grid larger than the window is seen. In: fingers that move it, and the cursor, which it
// follows until a finger has moved it and again when something is typed. It must not know touches.

import { reveal } from './motion.js';

/** What is kept free around the cursor, in cells. */
const AROUND = { cols: 4, rows: 1 };

export class Pan {
  #box;
  #term;
  #following = true;
  #cursorShown = true;
  #asked = false;

  constructor(box, term) {
    this.#box = box;
    this.#term = term;
    // xterm.js has no way to ask whether the cursor is shown.
    for (const [final, shown] of [['h', true], ['l', false]]) {
      term.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
        if (params.includes(25)) this.#cursorShown = shown;
        return false;
      });
    }
    const follow = () => this.#follow();
    for (const moved of [term.onCursorMove, term.onWriteParsed, term.onResize]) moved(follow);
    // The on-screen keyboard, and a font that is another.
    const sizes = new ResizeObserver(follow);
    sizes.observe(box);
    sizes.observe(this.#grid);
  }

  get #grid() {
    return this.#term.element.querySelector('.xterm-screen');
  }

  /** Moves the picture with a finger; gives what of it went beyond the edge. */
  by(dx, dy) {
    const box = this.#box;
    const [left, top] = [box.scrollLeft, box.scrollTop];
    box.scrollLeft -= dx;
    box.scrollTop -= dy;
    const moved = [left - box.scrollLeft, top - box.scrollTop];
    if (moved[0] || moved[1]) this.#following = false;
    // Scroll positions are whole pixels of the device: less than one is no edge.
    return [dx - moved[0], dy - moved[1]].map((rest) => (Math.abs(rest) < 1 ? 0 : rest));
  }

  /** Does `change`, which makes the picture larger or smaller, and leaves what is at `x`, `y` there. */
  around({ x, y }, change) {
    const place = () => this.#grid.getBoundingClientRect();
    const before = place();
    const [across, down] = [(x - before.left) / before.width, (y - before.top) / before.height];
    change();
    const after = place();
    this.by(x - (after.left + across * after.width), y - (after.top + down * after.height));
  }

  /** Something was typed: what is typed must be seen. */
  typed() {
    this.#following = true;
    this.#follow();
  }

  #follow() {
    if (!this.#following || !this.#cursorShown || this.#asked) return;
    this.#asked = true;
    // Once for all that a frame of the server changes, and after the picture has its new size.
    requestAnimationFrame(() => {
      this.#asked = false;
      const [box, grid, term] = [this.#box, this.#grid.getBoundingClientRect(), this.#term];
      const { left, top } = box.getBoundingClientRect();
      const { cursorX, cursorY } = term.buffer.active;
      const [width, height] = [grid.width / term.cols, grid.height / term.rows];
      const x = grid.left - left + box.scrollLeft + Math.min(cursorX, term.cols - 1) * width;
      const y = grid.top - top + box.scrollTop + cursorY * height;
      box.scrollLeft = reveal({ from: x, to: x + width, around: AROUND.cols * width }, { at: box.scrollLeft, seen: box.clientWidth, size: box.scrollWidth });
      box.scrollTop = reveal({ from: y, to: y + height, around: AROUND.rows * height }, { at: box.scrollTop, seen: box.clientHeight, size: box.scrollHeight });
    });
  }
}
