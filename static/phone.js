// What a hand has instead of a keyboard and a mouse: joins the key bar, the compose box, the fingers and
// the visible part of the window to the screen. In: the screen, and how to speak to the person. It must
// not know the connection.

import { Composer } from './composer.js';
import { KeyBar } from './keybar.js';
import { recall, remember } from './memory.js';
import { Pan } from './pan.js';
import * as settings from './settings.js';
import { Touch } from './touch.js';
import { followViewport } from './viewport.js';

const ZOOM = 'zoom';
/** Lines of history are asked for in bundles: a bundle in this time, in ms. */
const BUNDLE = 60;

/**
 * Equips the page. `mention(text, label, act)` says something in passing; `copy(text)` puts it on the
 * clipboard; `ready()`: whether what is typed arrives, saying so if not; `fullScreen()`: whether a program has
 * the whole pane; `scroll(lines)` scrolls tmux's history.
 */
export function equip(box, screen, { mention, copy, ready, fullScreen, scroll }) {
  const { term } = screen;
  const main = box.parentElement;
  const pan = new Pan(box, term);
  const keyboard = matchMedia('(pointer: coarse)');

  const composer = new Composer({
    async send(text, enter) {
      if (!ready()) return false;
      if (text && !(await screen.paste(text, 'box'))) return false;
      if (enter) screen.type('\r');
      return true;
    },
    onClose: () => screen.focus(),
  });
  // Android's keyboards keep a whole word to themselves until it ends; a key of the bar comes after it.
  const { textarea } = term;
  let composing = false;
  for (const type of ['compositionstart', 'compositionend']) textarea.addEventListener(type, () => { composing = type === 'compositionstart'; });
  const settle = () => {
    if (!composing) return;
    textarea.blur(); // which commits it
    term.focus();
  };
  const bar = new KeyBar({
    before: settle,
    type: (text) => screen.type(text),
    modes: () => term.modes,
    wishes: {
      compose: () => composer.toggle(),
      keyboard: () => (document.activeElement === textarea ? textarea.blur() : term.focus()),
      async paste() {
        try {
          screen.paste(await navigator.clipboard.readText());
        } catch {
          composer.open('The browser does not give its clipboard away here: paste into this box.');
        }
      },
    },
  });
  main.after(composer.element, bar.element);
  // Fewer of them do so where they may not suggest anything.
  textarea.setAttribute('autocomplete', 'off');
  // The letter for a modifier that is down does not wait for the rest of a word.
  textarea.addEventListener('input', ({ isComposing, data }) => isComposing && data && bar.armed && settle());

  screen.rewrite = (text) => {
    pan.typed();
    return bar.rewrite(text);
  };

  let lines = 0;
  let bundle = null;
  let told = false;
  new Touch(box, screen, pan, {
    fullScreen,
    history(more) {
      lines += more;
      bundle ??= setTimeout(() => {
        if (lines) scroll(lines);
        if (lines < 0 && !told) mention('This is tmux’s history: to type again, swipe back to its end or press q.');
        told ||= lines < 0;
        lines = 0;
        bundle = null;
      }, BUNDLE);
    },
    copy,
    zoomed: (size) => remember(ZOOM, size),
  });
  followViewport(document.body);

  const show = () => {
    const wanted = settings.get('keyBar');
    bar.element.hidden = wanted === 'off' || (wanted === 'auto' && !keyboard.matches) || !screen.typing;
  };
  settings.on('keyBar', show);
  keyboard.addEventListener('change', show);
  show();
  // Also when it is none: the screen is measured anew, with the bar below it.
  const zoom = recall(ZOOM);
  screen.zoom = zoom > 0 ? zoom : null;
  return { show };
}


