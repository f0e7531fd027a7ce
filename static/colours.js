// The colours of this page: the theme that was chosen, or the system's. In: settings and what the
// system says. Out: the page's own colours (style.css derives them from a few), and the theme for
// whoever draws a terminal. It must not know terminals.

import * as settings from './settings.js';
import { themeOf } from './themes.js';

const light = matchMedia('(prefers-color-scheme: light)');
const page = document.documentElement;
const listeners = new Set();

/** The theme now. */
export const theme = () => themeOf(settings.get('theme'), light.matches);

/** Calls `changed` with the theme whenever it is another; the function it gives ends that. */
export function onTheme(changed) {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

function paint() {
  const { light, colours } = theme();
  page.style.colorScheme = light ? 'light' : 'dark';
  for (const [name, colour] of Object.entries({
    terminal: colours.background, text: colours.foreground, accent: colours.cursor, danger: colours.red,
  })) page.style.setProperty(`--${name}`, colour);
  // What a phone draws around the page.
  document.querySelector('meta[name=theme-color]').content = colours.background;
}

function change() {
  paint();
  for (const changed of [...listeners]) changed(theme());
}

light.addEventListener('change', change);
settings.on('theme', change);
paint();
