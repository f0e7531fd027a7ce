// What of a terminal's look a person may choose. In: settings and the theme. Out: xterm.js options, now
// and with every change, and what draws: the DOM, or WebGL where that was chosen and works. It must
// not know frames nor sizes.

import { onTheme, theme } from './colours.js';
import { fontFamily } from './fonts.js';
import * as settings from './settings.js';
import { terminalOptions } from './themes.js';

/** Each setting that is an option of xterm.js, and its value there. */
const OPTIONS = {
  font: (font) => ({ fontFamily: fontFamily(font) }),
  screenReader: (on) => ({ screenReaderMode: on }),
  optionIsMeta: (on) => ({ macOptionIsMeta: on }),
};

/** The options a terminal begins with; the font's size is its screen's. */
export const look = () => Object.assign(terminalOptions(theme()),
  ...Object.entries(OPTIONS).map(([key, option]) => option(settings.get(key))));

/** Keeps them as chosen. `refit` is called when a cell may have another size, `say` with what went wrong. */
export function keepLook(term, { refit, say }) {
  onTheme((theme) => Object.assign(term.options, terminalOptions(theme)));
  for (const [key, option] of Object.entries(OPTIONS)) {
    settings.on(key, (value) => {
      Object.assign(term.options, option(value));
      refit();
    });
  }
  settings.on('fontSize', refit);
  const renderer = new Renderer(term, refit, say);
  settings.on('renderer', (name) => renderer.use(name));
  renderer.use(settings.get('renderer'));
}

/** WebGL while it is wanted and works; without it xterm.js draws with the DOM. */
class Renderer {
  #term;
  #refit;
  #say;
  #webgl = null;
  #wanted = 'dom';

  constructor(term, refit, say) {
    this.#term = term;
    this.#refit = refit;
    this.#say = say;
  }

  async use(name) {
    this.#wanted = name;
    if (name !== 'webgl') return this.#drop();
    try {
      const { WebglAddon } = await import('./addon-webgl.mjs');
      if (this.#wanted !== 'webgl' || this.#webgl) return;
      const addon = new WebglAddon();
      this.#webgl = addon;
      // The addon has waited some seconds for the browser to give it back.
      addon.onContextLoss(() => this.#fail('The browser has taken WebGL away; the picture is drawn without it.'));
      this.#term.loadAddon(addon);
      this.#refit();
    } catch {
      this.#fail('WebGL does not work here; the picture is drawn without it.');
    }
  }

  #fail(why) {
    this.#drop();
    this.#say(why);
  }

  #drop() {
    const addon = this.#webgl;
    this.#webgl = null;
    if (!addon) return;
    addon.dispose();
    this.#term.refresh(0, this.#term.rows - 1);
    this.#refit();
  }

  get drawing() {
    return this.#webgl ? 'webgl' : 'dom';
  }
}
