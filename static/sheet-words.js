// What the sheet of all keys says. Pure: in: the machine, and whether fingers touch it; out: titles, and the keys and words below them.

import { CHORDS } from './keyboard.js';

/** What each chord of the page does. */
export const WORDS = {
  copy: 'Copy what is selected',
  paste: 'Paste',
  sheet: 'This sheet',
  leave: 'Leave the terminal, for the buttons above it; Escape leads back',
};

const SYMBOLS = { Cmd: '⌘', Shift: '⇧', Ctrl: '⌃', Alt: '⌥' };

/** The keys of a chord as they are called on this machine. */
export const keysOf = (chord, mac) => chord.split('+').map((key) => (mac ? SYMBOLS[key] ?? key : key));

/** Everything on the sheet: titles, and in each the rows of keys and what they do. */
export function sections({ mac, touched = false }) {
  const alt = mac ? '⌥' : 'Alt';
  return [
    ['This page', CHORDS.map(({ does, chords }) =>
      [chords.filter((chord) => mac || !chord.includes('Cmd')).map((chord) => keysOf(chord, mac)), WORDS[does]])],
    ['In the terminal', [
      [[['Ctrl', 'C']], 'Interrupt, always: it never copies'],
      [[['Ctrl', 'V']], 'Goes to the program, as all other keys the browser lets the page have'],
      mac ? [[['⌥', 'key']], 'Meta; where it gives an ASCII character (@, [, |…), that. Settings can turn Meta off']
        : [[['Alt', 'key']], 'Meta; with AltGr the character of your layout'],
      [[['Shift', 'PageUp'], ['Shift', 'PageDown']], 'Go to tmux, which can have them bound to its history'],
    ]],
    ['Pointer', [
      [[['Drag']], 'Select; double-click a word, triple-click a line'],
      [[[mac ? '⌥' : 'Shift', 'drag']], 'Select while a program has the mouse'],
      ...(mac ? [] : [[[[alt, 'drag']], 'Select a block']]),
      [[[mac ? '⌘' : 'Ctrl', 'click']], 'Open a link; its host is shown in the corner'],
      [[['Middle button']], 'Paste the selection (X11)'],
      [[['Drop']], 'Paste text dragged here from elsewhere'],
    ]],
    ...(touched ? [['Fingers', [
      [[['Tap']], 'A click; brings the keyboard; on a link, an offer to open it'],
      [[['Drag']], 'Scroll; move a picture larger than the window'],
      [[['Pinch']], 'The size of the letters'],
      [[['Hold']], 'Select a word, and more when the finger moves; then Copy'],
      [[['Ctrl'], ['Alt'], ['Shift']], 'In the row of keys: for the next key; tapped twice, until tapped again'],
      [[['Text']], 'Write, dictate or correct a text before any of it is sent'],
    ]]] : []),
    ['tmux, after its prefix (Ctrl-b unless you chose another)', [
      [[['c']], 'New window'], [[['n'], ['p'], ['0…9']], 'Next, previous, numbered window'],
      [[['%'], ['"']], 'Split: side by side, one above the other'], [[['o'], ['arrows']], 'To another pane'],
      [[['z']], 'Zoom the pane, and back'], [[['[']], 'Read back (q leaves)'], [[[']']], 'Insert what was copied there'],
      [[['s'], ['w']], 'Choose a session, a window'], [[['d']], 'Detach: here the page stays attached'],
      [[['?']], 'All keys of tmux'],
    ]],
  ];
}
