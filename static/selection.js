// What a person selects with the pointer. In: an xterm.js terminal. Out: when something is being
// selected, and the selection again after a repaint. It must not know frames.

import { platform } from './keyboard.js';

/** How far the pointer goes before a click is a drag, in px. */
const DRAG = 12;

const { mac } = platform();

/** Whether the pointer is a program's: then only Shift (Option on a Mac) selects. */
const taken = (term, event) => term.modes.mouseTrackingMode !== 'none' && !(mac ? event.altKey : event.shiftKey);

/** Tells `selecting(true)` while the pointer selects in `box`, and `selecting(false)` when it has. */
export function whileSelecting(box, term, selecting) {
  let active = null;
  const stop = () => {
    if (!active) return;
    active.abort();
    active = null;
    selecting(false);
  };
  box.addEventListener('pointerdown', (event) => {
    if (event.button !== 0 || event.pointerType === 'touch' || taken(term, event)) return;
    stop();
    active = new AbortController();
    const { signal } = active;
    for (const type of ['pointerup', 'pointercancel', 'blur']) addEventListener(type, stop, { signal });
    // A release outside may be missed; the next movement shows it.
    addEventListener('pointermove', ({ buttons }) => (buttons & 1) === 0 && stop(), { signal });
    document.addEventListener('visibilitychange', stop, { signal });
    selecting(true);
  }, { capture: true });
}

/** Says once how to select, when somebody drags and a program gets it; and keeps the browser's menu from
    covering the program's own (with Shift, or on a selection, it comes all the same). */
export function yieldPointer(box, term, say) {
  let from = null;
  box.addEventListener('pointerdown', (event) => {
    from = event.button === 0 && event.pointerType === 'mouse' && taken(term, event) ? event : null;
  }, { capture: true });
  const told = new AbortController();
  addEventListener('pointerup', (event) => {
    if (!from || Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < DRAG) return;
    told.abort();
    say(`A program has the mouse: hold ${mac ? 'Option (⌥)' : 'Shift'} while you drag to select.`);
  }, { signal: told.signal });
  box.addEventListener('contextmenu', (event) => {
    if (event.pointerType === 'touch' || event.shiftKey || !taken(term, event) || term.hasSelection()) return;
    event.preventDefault();
    event.stopPropagation();
  }, { capture: true });
}

/** Remembers what is selected; the function it gives selects it again if a repaint has undone
    that and the same text still stands there. */
export function keepSelection(term) {
  const range = term.hasSelection() && term.getSelectionPosition();
  if (!range) return () => {};
  const text = term.getSelection();
  const { cols } = term;
  const { start, end } = range;
  return () => {
    if (term.hasSelection() || term.cols !== cols) return;
    term.select(start.x, start.y, (end.y - start.y) * cols + end.x - start.x);
    if (term.getSelection() !== text) term.clearSelection();
  };
}
