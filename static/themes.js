// The terminal's colours, dark and light. No DOM.

const dark = {
  background: '#14171c', foreground: '#d6dae2', cursor: '#7fd1c4', cursorAccent: '#14171c',
  selectionBackground: '#38506b',
  black: '#2a2f38', red: '#f0787a', green: '#8fcb80', yellow: '#e3c06e',
  blue: '#7db2f0', magenta: '#cf97e3', cyan: '#6fcbcb', white: '#d6dae2',
  brightBlack: '#727b8a', brightRed: '#ff9a98', brightGreen: '#aee39f', brightYellow: '#f6d98d',
  brightBlue: '#a2caff', brightMagenta: '#e3b5f4', brightCyan: '#93e3e1', brightWhite: '#ffffff',
};

const light = {
  background: '#fdfdfb', foreground: '#262b33', cursor: '#0e7568', cursorAccent: '#fdfdfb',
  selectionBackground: '#bcd9f0',
  black: '#262b33', red: '#b92c2f', green: '#2f7a28', yellow: '#8b6508',
  blue: '#215fae', magenta: '#8a3aa3', cyan: '#117578', white: '#c9cdd4',
  brightBlack: '#6a7280', brightRed: '#cf4244', brightGreen: '#3f8f37', brightYellow: '#a0780f',
  brightBlue: '#3374cb', brightMagenta: '#a152bb', brightCyan: '#218c8f', brightWhite: '#eceef1',
};

/** xterm.js options for a light or a dark window. */
export const themes = (isLight) => ({
  theme: isLight ? light : dark,
  // Programs choose colours for dark windows; on a light one they must still be read.
  minimumContrastRatio: isLight ? 4.5 : 1,
});
