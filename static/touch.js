// Fingers on the picture. In: touch events. Out: what they do: the picture moves, the program scrolls,
// the font grows, text is selected, a tap is a click. What a gesture is, gesture.js knows.
//
// xterm.js 6 does nothing with a finger that moves (xtermjs/xterm.js issue 5489). All that a mouse could
// do goes through its own mouse handling, as events made here, so reports are those of a mouse.

import { Gestures } from './gesture.js';
import { Glide, Steps } from './motion.js';
import { el } from './panel.js';

/** Font sizes that fingers can choose, in px. */
const FONT = { least: 7, most: 40 };
/** So near the usual font it is meant, in px. */
const SNAP = 0.75;
/** How many rows a finger moves for one notch of a wheel: programs scroll by three to five rows for one. */
const NOTCH = 3;
/** The most notches or keys sent for one movement, so that a fast finger does not flood a slow link. */
const BURST = 12;

export class Touch {
  #box;
  #screen;
  #term;
  #pan;
  #hooks;
  #gestures = new Gestures();
  #timer = null;
  #glide = null; // { glide, x, y, axis }
  #steps = new Steps();
  #zoom = null; // { from, size, x, y }: font sizes and the middle of the fingers, in px
  #anchor = null; // the cells that a press selected
  #copy;

  /** `hooks`: `fullScreen()`: whether a program has the whole pane; `history(lines)`: scroll tmux's, back if
      negative; `copy(text)`; `zoomed(size)`: the font the person chose, null for the usual one. */
  constructor(box, screen, pan, hooks) {
    [this.#box, this.#screen, this.#term, this.#pan, this.#hooks] = [box, screen, screen.term, pan, hooks];
    this.#copy = el('button', { type: 'button', className: 'copy', hidden: true, onclick: () => this.#copies() }, 'Copy');
    for (const type of ['pointerdown', 'mousedown']) this.#copy.addEventListener(type, (event) => event.preventDefault());
    document.body.append(this.#copy);
    this.#term.onSelectionChange(() => {
      if (!this.#term.hasSelection()) this.#copy.hidden = true;
    });

    const feed = (event) => {
      // Neither clicks nor menus nor a zoom of the browser's own.
      if (event.cancelable) event.preventDefault();
      const touches = [...event.touches].map(({ clientX: x, clientY: y }) => ({ x, y }));
      const gestures = event.type === 'touchcancel' ? this.#gestures.cancel()
        : this.#gestures.feed(touches, event.timeStamp, this.#glide !== null);
      this.#do(gestures);
    };
    for (const type of ['touchstart', 'touchmove', 'touchend', 'touchcancel']) box.addEventListener(type, feed, { passive: false });
    box.addEventListener('contextmenu', (event) => {
      if (event.pointerType === 'touch') event.preventDefault();
    });
  }

  #do(gestures) {
    for (const gesture of gestures) this.#acts[gesture.type]?.call(this, gesture);
    clearTimeout(this.#timer);
    const { wakeAt } = this.#gestures;
    if (wakeAt !== null) {
      this.#timer = setTimeout(() => this.#do(this.#gestures.wake(performance.now())), Math.max(0, wakeAt - performance.now()) + 1);
    }
  }

  #acts = {
    stop() {
      this.#glide = null;
    },
    tap(at) {
      this.#term.clearSelection();
      this.#click(at);
    },
    drag({ dx, dy, x, y }) {
      this.#move(dx, dy, { x, y });
    },
    fling({ vx, vy, x, y }) {
      const mine = { glide: new Glide(vx || vy, performance.now()), axis: vx ? 'x' : 'y' };
      this.#glide = mine;
      const step = () => {
        const moved = this.#glide === mine ? mine.glide.step(performance.now()) : null;
        if (moved === null) {
          if (this.#glide === mine) this.#glide = null;
          return;
        }
        this.#move(mine.axis === 'x' ? moved : 0, mine.axis === 'y' ? moved : 0, { x, y });
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    },
    pinch({ scale, x, y, dx, dy }) {
      const { options } = this.#term;
      this.#zoom ??= { from: options.fontSize };
      const size = Math.max(FONT.least, Math.min(FONT.most, Math.round(this.#zoom.from * scale * 2) / 2));
      this.#zoom = { ...this.#zoom, size, x, y };
      this.#pan.by(dx, dy);
      // Not yet the screen's: what the window would like is told once, at the end.
      if (size !== options.fontSize) this.#pan.around({ x, y }, () => { options.fontSize = size; });
    },
    'pinch-end'() {
      const zoom = this.#zoom;
      this.#zoom = null;
      if (!zoom) return;
      this.#pan.around(zoom, () => {
        this.#screen.zoom = null;
        const usual = this.#term.options.fontSize;
        const chosen = Math.abs(zoom.size - usual) < SNAP ? null : zoom.size;
        this.#screen.zoom = chosen;
        this.#hooks.zoomed(chosen);
      });
    },
    press({ x, y }) {
      navigator.vibrate?.(10);
      this.#anchor = this.#word(this.#cell(x, y));
      this.#screen.hold(true);
      this.#select(this.#anchor);
    },
    'press-move'({ x, y }) {
      const { col, row } = this.#cell(x, y);
      const at = row * this.#term.cols + col;
      this.#select({ from: Math.min(this.#anchor.from, at), to: Math.max(this.#anchor.to, at + 1) });
    },
    'press-end'({ x, y }) {
      this.#screen.hold(false);
      this.#offer(x, y);
    },
  };

  // ── moving ────────────────────────────────────────────────────────────────────────────────

  /** The picture goes with the finger; beyond its edge the program scrolls. */
  #move(dx, dy, at) {
    const [, rest] = this.#pan.by(dx, dy);
    if (rest && this.#screen.typing) this.#scroll(rest, at);
  }

  /** As a wheel would: for who has the mouse a wheel, for a program that has the pane arrow keys, as xterm
      makes them of a wheel; else tmux's history. */
  #scroll(dy, { x, y }) {
    const { height } = this.#cellSize;
    const mouse = !['none', 'x10'].includes(this.#term.modes.mouseTrackingMode);
    const steps = this.#steps.take(dy, mouse ? NOTCH * height : height);
    if (!mouse && !this.#hooks.fullScreen()) return steps && this.#hooks.history(-steps);
    const wheel = { deltaY: -Math.sign(steps), deltaMode: WheelEvent.DOM_DELTA_LINE, clientX: x, clientY: y, bubbles: true, cancelable: true };
    for (let left = Math.min(Math.abs(steps), BURST); left > 0; left--) this.#grid.dispatchEvent(new WheelEvent('wheel', wheel));
  }

  /** A click where the finger was: xterm reports it, follows a link, or takes the focus. */
  #click({ x, y }) {
    const { left, right, top, bottom } = this.#grid.getBoundingClientRect();
    // Beside the grid is no cell; xterm would take the nearest.
    if (x < left || x >= right || y < top || y >= bottom) return this.#term.focus();
    const there = { clientX: x, clientY: y, bubbles: true, cancelable: true, view: window, detail: 1 };
    for (const [type, buttons] of [['mousemove', 0], ['mousedown', 1], ['mouseup', 0], ['click', 0]]) {
      this.#grid.dispatchEvent(new MouseEvent(type, { ...there, buttons }));
    }
  }

  // ── selecting ─────────────────────────────────────────────────────────────────────────────

  get #grid() {
    return this.#term.element.querySelector('.xterm-screen');
  }

  get #cellSize() {
    const { width, height } = this.#grid.getBoundingClientRect();
    return { width: width / this.#term.cols, height: height / this.#term.rows };
  }

  #cell(x, y) {
    const { left, top } = this.#grid.getBoundingClientRect();
    const { width, height } = this.#cellSize;
    const within = (value, most) => Math.max(0, Math.min(most - 1, Math.floor(value)));
    return { col: within((x - left) / width, this.#term.cols), row: within((y - top) / height, this.#term.rows) };
  }

  /** The cells of the word there, as numbers counted through all rows. */
  #word({ col, row }) {
    const { cols, buffer: { active }, options } = this.#term;
    const line = active.getLine(active.viewportY + row);
    const inWord = (x) => {
      const cell = x >= 0 && x < cols ? line?.getCell(x) : null;
      // The second half of a wide character is empty and belongs to it.
      return cell ? cell.getWidth() === 0 || (cell.getChars().trim() !== '' && !options.wordSeparator.includes(cell.getChars())) : false;
    };
    let [from, to] = [col, col + 1];
    if (inWord(col)) {
      while (inWord(from - 1)) from -= 1;
      while (inWord(to)) to += 1;
    }
    return { from: row * cols + from, to: row * cols + to };
  }

  #select({ from, to }) {
    const { cols, buffer } = this.#term;
    this.#term.select(from % cols, buffer.active.viewportY + Math.floor(from / cols), to - from);
  }

  #offer(x, y) {
    if (!this.#term.getSelection().trim()) return this.#term.clearSelection();
    this.#copy.hidden = false;
    const { width, height } = this.#copy.getBoundingClientRect();
    const box = this.#box.getBoundingClientRect();
    this.#copy.style.left = `${Math.max(box.left, Math.min(x - width / 2, box.right - width))}px`;
    this.#copy.style.top = `${Math.max(box.top, y - 2 * height)}px`; // above the finger
  }

  #copies() {
    this.#copy.hidden = true;
    this.#hooks.copy(this.#term.getSelection());
    this.#term.clearSelection();
  }
}
