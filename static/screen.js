// The picture: xterm.js with the sizes under control. In: grid sizes and frames. Out: what the
// person types (bytes) and the size this window would like. It must not know the connection.

import { Terminal } from './xterm.mjs';
import { FitAddon } from './addon-fit.mjs';
import { Unicode11Addon } from './addon-unicode11.mjs';
import { takeCompositions } from './compose.js';
import { Crop } from './crop.js';
import { takeKeys } from './keyboard.js';
import { followLinks } from './links.js';
import { keepLook, look } from './look.js';
import { takePastes } from './paste.js';
import { keepSelection, whileSelecting, yieldPointer } from './selection.js';
import * as settings from './settings.js';

/** Font sizes in px: in a narrow window for whom none was chosen, and the least a large grid
    is shrunk to: all of it where there is a mouse (the person zooms in); where a finger moves
    the picture, only as long as it can be read: 80 columns on a phone 360 px wide. */
const FONT = { narrow: 12, least: 2, readable: 7 };
/** How long a window must keep its size before the font follows: the server's answer comes first, in ms. */
const SETTLE = 200;

export class Screen {
  /** The grid this window would show at the usual font size, or null while it shows nothing. */
  wanted = null;
  /** xterm.js itself. */
  term;

  #box;
  #crop;
  #fit = new FitAddon();
  #next = null; // the grid of the next frame
  #due = null; // the grid of the frame that is being parsed
  #settle = null;
  #held = null; // frames that wait until the pointer has selected
  #device;
  #zoomed = null;
  #rewrite = (text) => text;
  #onLayout = () => {};
  #onWanted = () => {};
  #onPaste;
  #onCopy;

  /** `onInput(bytes, typed)`: `typed` is false for reports of the mouse and of the focus.
      `onLayout`: the grid or what the window would like is another. `onPaste(text, from)`: text
      to be judged before it is inserted. `onCopy(text)`: for the clipboard; '' if nothing is selected.
      `onChord`: a function for each of the page's other chords. `say(sentence, label, act)`
      tells the person. On a `device` other
      than a desk what is larger than the window is moved by a finger. */
  constructor(box, { onInput, onWanted, onPaste, onCopy, onChord, say = () => {}, onLayout = () => {}, device = 'desk' }) {
    this.#box = box;
    this.#onPaste = onPaste;
    this.#onCopy = onCopy;
    this.#device = device;
    this.term = new Terminal({
      allowProposedApi: true, // the version of Unicode is one
      altClickMovesCursor: false, // by arrow keys, which would go to whatever pane is active
      cursorBlink: false,
      fontSize: this.#usualFont(),
      macOptionClickForcesSelection: true,
      macOptionIsMeta: settings.get('optionIsMeta'),
      scrollback: 0, // history is tmux's: the wheel goes there
      ...look(),
    });
    const { term } = this;

    term.loadAddon(this.#fit);
    term.loadAddon(new Unicode11Addon());
    term.unicode.activeVersion = '11';
    ignoreQueries(term.parser);
    term.parser.registerEscHandler({ final: 'c' }, () => {
      this.#resize();
      return false; // and reset
    });
    settings.on('optionIsMeta', (meta) => { term.options.macOptionIsMeta = meta; });
    takeKeys(term, () => settings.get('optionIsMeta'), { ...onChord, copy: () => this.copy() });
    term.open(box);
    takeCompositions(term, (text) => this.type(text));
    followLinks(box, term, say);
    takePastes(box, { offer: onPaste, mute: () => term.modes.mouseTrackingMode !== 'none', say });

    const encoder = new TextEncoder();
    // eslint-disable-next-line no-control-regex
    const report = /^\x1b\[(<|M|[IO]$)/;
    term.onData((text) => {
      if (!text) return; // a composition that is over
      const typed = !report.test(text);
      onInput(encoder.encode(typed ? this.#rewrite(text) : text), typed);
    });
    term.onBinary((text) => onInput(Uint8Array.from(text, (c) => c.charCodeAt(0)), false));

    whileSelecting(box, term, (selecting) => {
      this.hold(selecting);
      if (!selecting && settings.get('copyOnSelect') && term.hasSelection()) this.copy();
    });
    yieldPointer(box, term, say);
    this.#crop = new Crop(term, () => this.#arrange());
    this.#arrange();
    this.#onLayout = onLayout;
    this.#onWanted = onWanted;
    keepLook(term, { refit: () => this.#refit(), say });
    new ResizeObserver(() => {
      clearTimeout(this.#settle);
      // Not here but in a task: xterm repaints in the next frame what a new font has cleared.
      setTimeout(() => this.#measure());
      this.#settle = setTimeout(() => this.#arrange(), SETTLE);
    }).observe(box);
  }

  /** The grid of the next frame; kept until that comes. */
  size({ cols, rows }) {
    if (cols > 0 && rows > 0) this.#next = { cols, rows };
  }

  /** Shows a frame; `parsed` runs when the terminal has taken it in. */
  frame(bytes, parsed) {
    const next = this.#next;
    this.#next = null;
    // Held ones are not acknowledged, so the server soon sends no more.
    if (this.#held) this.#held.push([bytes, next, parsed]);
    else this.#write(bytes, next, parsed);
  }

  /** Frames wait while the person selects. */
  hold(selecting) {
    const held = this.#held ?? [];
    this.#held = selecting ? held : null;
    if (!selecting) for (const frame of held) this.#write(...frame);
  }

  #write(bytes, next, parsed) {
    const selected = keepSelection(this.term);
    if (!next) {
      return this.term.write(bytes, () => {
        selected();
        parsed();
      });
    }
    // Through the write queue, and there not before the reset with which the frame begins (the handler
    // of ESC c above). A `write('', resize)` before the frame, as other viewers may do it, would not
    // do: between two writes xterm may give way to the browser, which would paint the old picture in
    // the new grid. Should a frame begin otherwise, it is resized when it has been parsed.
    this.term.write('', () => {
      this.#due = next;
    });
    this.term.write(bytes, () => {
      this.#resize();
      this.#arrange();
      selected();
      parsed();
    });
  }

  #resize() {
    const due = this.#due;
    this.#due = null;
    if (due) this.term.resize(due.cols, due.rows);
  }

  /** Where tmux's status line is. */
  set status(status) {
    this.#crop.status = status;
  }

  /** Whether keys reach `onInput` at all. */
  set typing(may) {
    this.term.options.disableStdin = !may;
  }

  get typing() {
    return !this.term.options.disableStdin;
  }

  focus() {
    // On a phone the focus brings the keyboard, which covers half of what there is: a finger says when.
    if (this.#device !== 'phone') this.term.focus();
  }

  /** What is typed is sent as `rewrite` gives it: modifiers that were tapped before it. */
  set rewrite(rewrite) {
    this.#rewrite = rewrite;
  }

  /** The font size a person's fingers chose, in px; null: the usual one, or what shows the grid's width if that can be read. */
  set zoom(size) {
    this.#zoomed = size;
    this.#arrange();
  }

  /** Sends `text` as if it had been typed. */
  type(text) {
    this.term.input(text, true);
  }

  /** Pastes `text`, once it is judged; resolves to whether it was. `from`: as in paste.js. */
  async paste(text, from = 'paste') {
    return this.#onPaste(text, from);
  }

  /** Sends `text` as a paste that needs no more judging. */
  insert(text) {
    this.term.paste(text);
  }

  /** Copies what is selected. */
  copy() {
    this.#onCopy(this.term.getSelection());
  }

  /** How many frames wait until the pointer has selected. */
  get holding() {
    return this.#held?.length ?? 0;
  }

  /** Whether the grid is the one this window would like. */
  get fits() {
    return !this.wanted || (this.wanted.cols === this.term.cols && this.wanted.rows === this.term.rows);
  }

  /** A cell may have another size. */
  #refit() {
    this.#measure();
    this.#arrange();
  }

  #usualFont() {
    if (this.#zoomed) return this.#zoomed;
    return this.#box.clientWidth < 600 && !settings.chosen('fontSize') ? FONT.narrow : settings.get('fontSize');
  }

  /** What this window would like, at the usual font; told if it is another. */
  #measure() {
    const { options } = this.term;
    const shown = options.fontSize;
    options.fontSize = this.#usualFont();
    const { cols, rows: shownRows } = this.#fit.proposeDimensions() ?? {};
    const rows = shownRows + this.#crop.rows;
    options.fontSize = shown;
    if (!(cols > 0 && rows > 0 && this.#box.clientWidth > 0)) this.wanted = null;
    // The same object as long as it is the same size.
    else if (cols !== this.wanted?.cols || rows !== this.wanted.rows) {
      this.wanted = { cols, rows };
      // Told here: a frame may have it measured before the window's own event does.
      this.#onWanted(this.wanted);
    }
  }

  /** The usual font, or the largest at which the whole grid fits. Never a CSS transform: the
      cell under the mouse must stay true. */
  #arrange() {
    this.#measure();
    this.#onLayout();
    const { options } = this.term;
    options.fontSize = this.#usualFont();
    if (this.#zoomed) return;
    const shrink = this.#ratio();
    if (shrink >= 1) return;
    const least = this.#device === 'desk' ? FONT.least : FONT.readable;
    options.fontSize = Math.max(least, Math.floor(options.fontSize * shrink * 4) / 4);
    while (this.#ratio() < 1 && options.fontSize > least) options.fontSize -= 0.25;
  }

  /** How much of the grid's size the window has, in its tighter direction. A finger's in its width: the
      height comes and goes with the on-screen keyboard, and letters must not. */
  #ratio() {
    const grid = this.term.element.querySelector('.xterm-screen');
    const width = this.#box.clientWidth / grid.offsetWidth;
    return this.#device !== 'desk' ? width : Math.min(width, this.#box.clientHeight / (grid.offsetHeight * this.#crop.share));
  }
}

/** Frames ask nothing; should one, the browser's answer would be typed into the session. */
function ignoreQueries(parser) {
  const ignore = () => true;
  for (const id of [
    { final: 'c' }, { prefix: '>', final: 'c' }, { prefix: '=', final: 'c' },
    { final: 'n' }, { prefix: '?', final: 'n' }, { prefix: '>', final: 'q' }, { final: 't' },
    { intermediates: '$', final: 'p' }, { prefix: '?', intermediates: '$', final: 'p' },
  ]) parser.registerCsiHandler(id, ignore);
  parser.registerDcsHandler({ intermediates: '$', final: 'q' }, ignore);
  for (const colour of [4, 10, 11, 12]) {
    parser.registerOscHandler(colour, (text) => text.includes('?'));
  }
}
