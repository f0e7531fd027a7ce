// The themes: what each is called and its colours. Out: xterm.js options. The page takes its own
// colours from the same few (colours.js). No DOM.

/* As text: background, foreground, cursor (and accent of the page), selection, then the sixteen ANSI colours. Known
   palettes are lifted where a colour was too faint to read on the background (tests/browser/themes.test.mjs). */
const PALETTES = {
  night: ['Night', 'dark', '14171c d6dae2 7fd1c4 38506b '
    + '2a2f38 f0787a 8fcb80 e3c06e 7db2f0 cf97e3 6fcbcb d6dae2 7f8998 ff9a98 aee39f f6d98d a2caff e3b5f4 93e3e1 ffffff'],
  day: ['Day', 'light', 'fdfdfb 262b33 0e7568 bcd9f0 '
    + '262b33 b92c2f 2f7a28 85600a 215fae 8a3aa3 117578 c9cdd4 636b78 c23437 34792d 8a6409 2f6cc0 9546b0 1a7477 eceef1'],
  black: ['Black', 'dark', '000000 ffffff ffd75f 005a9e '
    + '303030 ff8080 80e080 ffe066 8fc1ff ff9cff 70e8e8 ffffff a8a8a8 ffa6a6 a6f0a6 fff0a0 b8d8ff ffc0ff a8ffff ffffff'],
  white: ['White', 'light', 'ffffff 000000 0b5394 b3d7ff '
    + '000000 a00000 00600a 6b4a00 003f9e 7a007a 005a5e d0d0d0 4d4d4d b00020 0a6614 714e00 0b4cb8 8a148a 006468 f0f0f0'],
  dracula: ['Dracula', 'dark', '282a36 f8f8f2 bd93f9 44475a '
    + '21222c ff6e6e 50fa7b f1fa8c bd93f9 ff79c6 8be9fd f8f8f2 929dc4 ff8080 69ff94 ffffa5 d6acff ff92df a4ffff ffffff'],
  gruvbox: ['Gruvbox dark', 'dark', '282828 ebdbb2 fabd2f 504945 '
    + '3c3836 fb6a58 b8bb26 fabd2f 8cb2a6 dd95ab 8ec07c ebdbb2 a89984 fc7d6d c5c843 fbc94f 9cc3b6 e5a6ba a3d091 fbf1c7'],
  'gruvbox-light': ['Gruvbox light', 'light', 'fbf1c7 3c3836 8f3f05 e3d3a0 '
    + '3c3836 9d0006 66610a 835608 076678 8f3f71 3a6849 d5c4a1 6b6056 b01010 6b650b 895a06 0b6c7e 97467a 3f6e4e f2e5bc'],
  nord: ['Nord', 'dark', '2e3440 d8dee9 88c0d0 4c566a '
    + '3b4252 e3979f a3be8c ebcb8b 8fb2d3 c9a0c2 88c0d0 e5e9f0 9aa6bb eaa0a7 b5ce9f f2d9a3 a3c4e2 d8b4d2 9fd3d1 eceff4'],
  solarized: ['Solarized dark', 'dark', '002b36 b1c0c2 2aa8bd 0d4654 '
    + '073642 f2756f a0b300 d4a52a 4ba3e3 ee7fb5 39b3a8 eee8d5 83979c f08a5c b0c235 e0b54c 70b7ea 9c9ef0 5cc7bc fdf6e3'],
  'solarized-light': ['Solarized light', 'light', 'fdf6e3 2d4048 1a6aa8 ded5b8 '
    + '073642 bd2a27 5a6800 7d5e00 1a6aa8 b32a70 17716a eee8d5 576b72 b2420f 606e0a 835f00 1f70ad 5a5fb8 1b7770 fdf6e3'],
};

const NAMES = ['background', 'foreground', 'cursor', 'selectionBackground',
  'black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white',
  'brightBlack', 'brightRed', 'brightGreen', 'brightYellow', 'brightBlue', 'brightMagenta', 'brightCyan', 'brightWhite'];

/** Every theme: name → { label, light, colours }; `system` is Night or Day and not among them. */
export const THEMES = Object.fromEntries(Object.entries(PALETTES).map(([name, [label, scheme, text]]) => {
  const hex = text.split(' ');
  const colours = Object.fromEntries(NAMES.map((colour, at) => [colour, `#${hex[at]}`]));
  return [name, { label, light: scheme === 'light', colours: { ...colours, cursorAccent: colours.background } }];
}));

/** The theme of this name; `system`, and a name nobody knows, follow the system. */
export const themeOf = (name, systemIsLight) => (Object.hasOwn(THEMES, name) ? THEMES[name] : THEMES[systemIsLight ? 'day' : 'night']);

/** xterm.js options for a theme. */
export const terminalOptions = ({ light, colours }) => ({
  theme: colours,
  // Programs choose colours for dark windows; on a light one they must still be read.
  minimumContrastRatio: light ? 4.5 : 1,
});
