// What this tab remembers over a reload. A browser may refuse to keep anything: then nothing is
// remembered, and nothing breaks. No DOM.

import { root } from './access.js';

// By base path: two services may share an origin.
const name = (key) => `muxview.${key}:${root.pathname}`;

/** Keeps a value; `null` forgets it. */
export function remember(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(name(key));
    else sessionStorage.setItem(name(key), JSON.stringify(value));
  } catch {
    // refused, or full
  }
}

/** Forgets everything. */
export function forgetAll() {
  try {
    const own = Object.keys(sessionStorage).filter((entry) => entry.startsWith('muxview.') && entry.endsWith(`:${root.pathname}`));
    for (const entry of own) sessionStorage.removeItem(entry);
  } catch {
    // refused: then there is nothing
  }
}

/** What was kept, or null. */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(name(key)));
  } catch {
    return null;
  }
}
