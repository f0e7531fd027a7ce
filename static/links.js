// Links on the screen, found in the text or given by a program (OSC 8): only http and https, and where
// one leads is shown before it is followed. In: an xterm.js terminal. Out: a new tab. Nothing of this
// page goes along with it.

import { WebLinksAddon } from './addon-web-links.mjs';
import { platform } from './keyboard.js';

/** The most of an address that is shown, in characters. */
const SHOWN = 300;

/** Where `uri` leads, or null if that is not the web. */
export function target(uri) {
  try {
    const url = new URL(uri);
    return /^https?:$/.test(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

const follow = (url) => window.open(url.href, '_blank', 'noopener,noreferrer');

/** `term` as the addon reads it: a row goes on in the next one if it is full to its edge and the next begins
    with no blank. Frames draw row by row, so xterm.js never knows; without this a link that tmux has broken
    at the edge would lead to its first half. */
function joined(term) {
  const { active } = term.buffer;
  const getLine = (y) => {
    const line = active.getLine(y);
    const before = active.getLine(y - 1);
    const edge = before?.getCell(before.length - 1);
    const goesOn = /\S/.test(edge?.getChars() ?? '') && /^\S/.test(line?.getCell(0)?.getChars() ?? '');
    return line && { length: line.length, isWrapped: goesOn, getCell: (...x) => line.getCell(...x), translateToString: (...x) => line.translateToString(...x) };
  };
  return {
    buffer: { active: { getLine, getNullCell: () => active.getNullCell() } },
    registerLinkProvider: (provider) => term.registerLinkProvider(provider),
  };
}

/** Makes links of `term`, which is in `box`. `offer(text, label, act)`: a finger has tapped one, which is not yet a wish to leave. */
export function followLinks(box, term, offer) {
  const { mac } = platform();
  const tip = document.createElement('p');
  const host = document.createElement('b');
  tip.id = 'link';
  tip.hidden = true;
  box.after(tip);
  let over = null; // what the pointer is on
  let pressed = null;
  let finger = false;

  const handler = {
    hover(event, uri) {
      over = target(uri);
      if (!over || finger) return;
      host.textContent = over.host;
      tip.replaceChildren(host, ` · ${mac ? '⌘' : 'Ctrl'}-click opens `, over.href.slice(0, SHOWN));
      tip.classList.toggle('right', event.clientX < innerWidth / 2);
      tip.hidden = false;
    },
    leave() {
      over = null;
      tip.hidden = true;
    },
    activate(_, uri) {
      const url = target(uri);
      if (url && finger) offer(`A link to ${url.host}`, 'Open', () => follow(url));
    },
  };
  term.options.linkHandler = handler;
  new WebLinksAddon(handler.activate, handler).activate(joined(term));

  box.addEventListener('pointerdown', ({ pointerType }) => { finger = pointerType === 'touch'; }, { capture: true });
  // Before xterm.js: a program that has the mouse hears of neither press nor release, and nothing is selected.
  box.addEventListener('mousedown', (event) => {
    pressed = over && event.button === 0 && (mac ? event.metaKey : event.ctrlKey) ? over : null;
    if (pressed) swallow(event);
  }, { capture: true });
  addEventListener('mouseup', (event) => {
    if (!pressed) return;
    swallow(event);
    if (pressed.href === over?.href) follow(pressed);
    pressed = null;
  }, { capture: true });
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}
