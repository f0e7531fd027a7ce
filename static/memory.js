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

/** What was kept, or null. */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(name(key)));
  } catch {
    return null;
  }
}
