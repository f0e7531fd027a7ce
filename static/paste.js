// Pasted and dropped text on its way to the terminal. In: the browser's events, and what is known of
// the program. Out: text to send, or a question, or why not. It must not know the connection nor xterm.js.

import { judge, oneLine } from './judge.js';
import { el, showPanel } from './panel.js';

/** How much of the text is shown before it is pasted: lines, and characters in each. */
const SHOWN = { lines: 6, chars: 200 };
/** Where text comes from, and where it still is if it is not pasted. */
export const KEPT = { paste: 'It is still in your clipboard.', drop: '', box: 'It is still in the box.' };

/** Takes text in, asks where that is due, and has it sent. */
export class Pasting {
  #state;
  #send;
  #say;

  /** `state()` as for `judge`; `send(text)` pastes; `say(sentence)` tells the person. */
  constructor({ state, send, say }) {
    this.#state = state;
    this.#send = send;
    this.#say = say;
  }

  /** Whether `text` was sent, or a promise of that. */
  offer(text, from = 'paste') {
    if (!text) return false;
    const verdict = this.#judge(text, from);
    if (verdict.do === 'ask') return this.#ask(verdict, from);
    if (verdict.do === 'refuse') this.#say(verdict.why);
    else this.#deliver(verdict);
    return verdict.do === 'send';
  }

  #judge(text, from) {
    return judge(text, { ...this.#state(), kept: KEPT[from] });
  }

  #deliver({ text, dropped }) {
    this.#send(text);
    if (dropped) this.#say(dropped === 1 ? 'Pasted, but for a control character.' : `Pasted, but for ${dropped} control characters.`);
  }

  #ask({ text, lines, dropped }, from) {
    let tell;
    const answer = new Promise((resolve) => { tell = resolve; });
    const paste = (chosen) => () => {
      // Judged anew: the link may be gone.
      const verdict = this.#judge(chosen, from);
      if (verdict.do === 'refuse') throw new Error(verdict.why);
      this.#deliver({ text: verdict.text, dropped });
      tell(true);
    };
    const more = lines.length - SHOWN.lines;
    const shown = lines.slice(0, SHOWN.lines).map((line) => (line.length > SHOWN.chars ? `${line.slice(0, SHOWN.chars)}…` : line));
    if (more > 0) shown.push(`… and ${more} more`);
    showPanel({
      title: lines.length === 1 ? 'Paste a line that runs at once?' : `Paste ${lines.length} lines?`,
      text: lines.length === 1
        ? 'It ends with a line break, and what runs here takes pasted text for typed.'
        : 'What runs here takes pasted text for typed: each line takes effect as if you had pressed Enter after it.',
      fields: [el('pre', { className: 'pasted', tabIndex: 0 }, shown.join('\n'))],
      choices: [
        { label: 'Paste', act: paste(text) },
        { label: lines.length === 1 ? 'Paste without the break' : 'Paste as one line', act: paste(oneLine(text)) },
        // Enter often follows a paste; here it must run nothing.
        { label: 'Cancel', first: true },
      ],
      modal: true,
      left: () => tell(false),
    });
    return answer;
  }
}

/** Tells `offer(text, from)` of all that is pasted or dropped on `box`, before xterm.js hears of it; `mute()`:
    a program has the mouse, so the middle button is its own. `say` tells why something is no text. */
export function takePastes(box, { offer, mute, say }) {
  let middle = false;
  const take = (data, from) => {
    const text = data?.getData('text/plain') ?? '';
    if (text) offer(text, from);
    else if (data?.files.length) say('Only text can be pasted here.');
  };
  const stop = (event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  // X11 pastes with the middle button, and some browsers do so whatever the page does with the click.
  addEventListener('pointerdown', ({ button, shiftKey }) => { middle = button === 1 && !shiftKey; }, { capture: true });
  addEventListener('keydown', () => { middle = false; }, { capture: true });
  box.addEventListener('paste', (event) => {
    stop(event);
    if (!(middle && mute())) take(event.clipboardData, 'paste');
  }, { capture: true });
  box.addEventListener('dragover', (event) => {
    stop(event);
    event.dataTransfer.dropEffect = 'copy';
  }, { capture: true });
  // Not handled, a dropped link or file would take the page away.
  box.addEventListener('drop', (event) => {
    stop(event);
    take(event.dataTransfer, 'drop');
  }, { capture: true });
}
