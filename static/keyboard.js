// What each key event is for, before xterm.js sees it: the one place that decides. In: the facts of an
// event. Out: an action, or null where xterm.js turns the key into bytes as it should. The sheet of all
// keys is made of the same table, so the two cannot disagree. It must not know who carries actions out.

/** The chords of the page; none of them ever reaches the terminal. `Cmd` is there on a Mac only. A letter
    is the one the layout gives; on a layout without Latin letters the one in its place on a US keyboard. */
export const CHORDS = [
  // Ctrl-C stays the interrupt, whether something is selected or not.
  { does: 'copy', chords: ['Cmd+C', 'Ctrl+Shift+C', 'Ctrl+Insert'] },
  // The browser pastes and says so with an event: no permission is needed, and it works without https.
  { does: 'paste', chords: ['Cmd+V', 'Ctrl+Shift+V', 'Shift+Insert'] },
  // No terminal has bytes for it (F1 has), and it is “?” on every layout.
  { does: 'sheet', chords: ['Ctrl+Shift+?'] },
  // Tab belongs to the terminal, so there must be another way out, to where the next Tab finds everything else.
  { does: 'leave', chords: ['Ctrl+Shift+F6'] },
];

const MODIFIERS = { Ctrl: 'ctrlKey', Shift: 'shiftKey', Alt: 'altKey', Cmd: 'metaKey' };

const PARSED = CHORDS.flatMap(({ does, chords }) => chords.map((chord) => {
  const held = chord.split('+');
  const key = held.pop();
  return { does, key, flags: Object.entries(MODIFIERS).map(([name, flag]) => [flag, held.includes(name)]), mac: held.includes('Cmd') };
}));

/** @typedef {{ mac: boolean, windows: boolean, optionIsMeta: boolean }} Platform */

/**
 * What to do about an event: `copy`, `sheet`, `leave`; `paste`, `compose`: leave it to the browser, to the
 * input method; `type` with `text`; `drop`: nobody gets it; null: xterm.js knows.
 * @param {KeyboardEvent} event @param {Platform} platform
 */
export function decide(event, { mac, windows, optionIsMeta }) {
  if (event.type !== 'keydown') return null;
  // What an input method is at work on is its own; save on a Mac, where a dead key with Option counts as
  // one and may be Meta.
  if (event.isComposing || (event.keyCode === 229 && !(mac && optionIsMeta && event.altKey))) return { do: 'compose' };
  // xterm.js takes it for a dead key and swallows the next arrow or Escape; it needs none for what AltGr gives.
  if (event.key === 'AltGraph') return { do: 'drop' };
  const chord = PARSED.find(({ key, flags, mac: onMac }) =>
    (mac || !onMac) && flags.every(([flag, held]) => event[flag] === held) && (event.key === key || latin(event) === key));
  if (chord) return { do: chord.does };
  const text = character(event, mac, windows, optionIsMeta) ?? sequence(event);
  return text === null ? null : { do: 'type', text };
}

/** The letter of a key, in upper case, or ''. */
function latin({ key, code }) {
  if (/^[a-z]$/i.test(key)) return key.toUpperCase();
  return /^[\0-\x7f]*$/.test(key) ? '' : /^Key([A-Z])$/.exec(code ?? '')?.[1] ?? '';
}

/** What the third level of a layout gives, where xterm.js would take its key for Meta or Ctrl. */
function character(event, mac, windows, optionIsMeta) {
  const { key, ctrlKey, altKey, metaKey } = event;
  if (metaKey || [...key].length !== 1) return null;
  if (mac) {
    // Option makes Meta of a key; but where it gives an ASCII character, as “@” on a German keyboard, that
    // one could not be typed otherwise. (No key of a US keyboard gives one, save those that ignore Option.)
    const meant = optionIsMeta && altKey && !ctrlKey && /^[!-~]$/.test(key) && !plain(event);
    return meant ? key : null;
  }
  const third = event.getModifierState('AltGraph');
  if (windows) {
    // Ctrl-Alt is AltGr there and xterm.js leaves it to the layout; but if that gives only the letter
    // itself, Ctrl and Alt were meant.
    return ctrlKey && altKey && !third && plain(event) && control(key) ? `\x1b${control(key)}` : null;
  }
  if (!third) return null;
  // Also Ctrl with what AltGr gives: Ctrl-[ is Escape wherever “[” is.
  if (ctrlKey) return control(key);
  return altKey ? key : null;
}

/** Whether a letter or a digit is what the key gives without Option or AltGr. */
const plain = ({ key, code }) => code === `Key${key.toUpperCase()}` || code === `Digit${key}`;

/** What Ctrl makes of a character, or null. */
const control = (key) => (/^[@-_a-z]$/.test(key) ? String.fromCharCode(key.toUpperCase().charCodeAt(0) & 0x1f) : null);

/** The bytes of keys that xterm.js has none for, or others than every terminal sends. */
function sequence({ key, code, ctrlKey, shiftKey, altKey, metaKey }) {
  const held = (shiftKey ? 1 : 0) | (altKey ? 2 : 0) | (ctrlKey ? 4 : 0) | (metaKey ? 8 : 0);
  // It keeps Shift for its own history, which is empty here, and drops Alt; tmux may have them bound.
  const page = { PageUp: 5, PageDown: 6 }[key];
  if (page && held) return `\x1b[${page};${held + 1}~`;
  if (held !== 4) return null;
  if (key === '/') return '\x1f';
  return code === 'Digit2' && key === '2' ? '\0' : null;
}

/** Whether this is a Mac, Windows: they differ in what Alt and Option are for. */
export function platform({ platform: name = '' } = globalThis.navigator ?? {}) {
  return { mac: /Mac|iPhone|iPad/.test(name), windows: /^Win/.test(name) };
}

/** Puts `decide` between the browser and `term`. `actions` has a function for each chord but `paste`. */
export function takeKeys(term, optionIsMeta, actions) {
  const here = platform();
  let dead = false;
  term.attachCustomKeyEventHandler((event) => {
    if (event.type !== 'keydown') return true;
    // xterm.js waits for the character a dead key makes. A key that makes none ends that, and must not be lost.
    if (dead && event.key.length > 1 && event.key !== 'Dead' && '_unprocessedDeadKey' in term._core) term._core._unprocessedDeadKey = false;
    if (!['Shift', 'Control', 'Alt', 'Meta', 'CapsLock'].includes(event.key)) dead = event.key === 'Dead';
    const action = decide(event, { ...here, optionIsMeta: optionIsMeta() });
    if (!action) return true;
    if (!['paste', 'compose'].includes(action.do)) event.preventDefault();
    if (action.do === 'type') term.input(action.text, true);
    else actions[action.do]?.();
    return false;
  });
}
