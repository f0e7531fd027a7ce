// What a key sends, as xterm encodes it. In: the key, the modifiers held with it and the terminal's
// modes. Out: text for the terminal's input. No DOM, no state.

const ESC = '\x1b';
/** Keys of the form CSI 1;m X, and SS3 X where a program wants application cursor keys. */
const CURSOR = { ArrowUp: 'A', ArrowDown: 'B', ArrowRight: 'C', ArrowLeft: 'D', End: 'F', Home: 'H' };
/** Keys of the form CSI n;m ~. */
const EDITING = { Insert: 2, Delete: 3, PageUp: 5, PageDown: 6 };
/** What Ctrl makes of the characters that are no letters, as every terminal has it. */
const CONTROL = { ' ': 0, '@': 0, 2: 0, '[': 27, 3: 27, '\\': 28, 4: 28, ']': 29, 5: 29, '^': 30, 6: 30, _: 31, '/': 31, 7: 31, '?': 127, 8: 127 };
const NAMED = { Escape: ESC, Tab: '\t', Enter: '\r', Backspace: '\x7f' };
const NAMES = Object.fromEntries(Object.entries(NAMED).map(([name, text]) => [text, name]));
const byValue = (table) => Object.fromEntries(Object.entries(table).map(([name, code]) => [code, name]));
const [CURSOR_NAMES, EDITING_NAMES] = [byValue(CURSOR), byValue(EDITING)];

/**
 * What `key` sends: a name as in KeyboardEvent.key, or one character. `held`: { shift, alt, ctrl };
 * `modes`: { applicationCursorKeysMode }, as xterm.js gives them.
 */
export function encode(key, held = {}, modes = {}) {
  const modifier = 1 + (held.shift ? 1 : 0) + (held.alt ? 2 : 0) + (held.ctrl ? 4 : 0);
  if (Object.hasOwn(CURSOR, key)) {
    if (modifier > 1) return `${ESC}[1;${modifier}${CURSOR[key]}`;
    return ESC + (modes.applicationCursorKeysMode ? 'O' : '[') + CURSOR[key];
  }
  if (Object.hasOwn(EDITING, key)) return `${ESC}[${EDITING[key]}${modifier > 1 ? `;${modifier}` : ''}~`;
  if (key === 'Tab' && held.shift) return `${held.alt ? ESC : ''}${ESC}[Z`;
  let text = key;
  if (key === 'Backspace' && held.ctrl) text = '\b';
  else if (Object.hasOwn(NAMED, key)) text = NAMED[key];
  else {
    if (held.shift) text = text.toUpperCase();
    if (held.ctrl) text = control(text);
  }
  return (held.alt ? ESC : '') + text;
}

function control(character) {
  if (/^[a-z]$/i.test(character)) return String.fromCharCode(character.charCodeAt(0) & 31);
  return Object.hasOwn(CONTROL, character) ? String.fromCharCode(CONTROL[character]) : character;
}

/**
 * What was typed on a keyboard without these modifiers, as if they had been held; null if it is not one
 * key (a word of a swiping keyboard, a paste), to which modifiers cannot belong.
 */
export function modify(text, held, modes) {
  const [, cursor, editing] = /^\x1b(?:[[O]([A-FH])|\[([2356])~)$/.exec(text) ?? [];
  const key = CURSOR_NAMES[cursor] ?? EDITING_NAMES[editing] ?? NAMES[text] ?? text;
  return key !== text || [...text].length === 1 ? encode(key, held, modes) : null;
}
