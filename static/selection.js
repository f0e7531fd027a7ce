// A person's selection and a picture that changes under it. In: an xterm.js terminal. Out: when
// something is being selected, and the selection again after a repaint. It must not know frames.

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
    // With the mouse in a program's hands only Shift (Option on a Mac) selects.
    const own = term.modes.mouseTrackingMode === 'none' || event.shiftKey || event.altKey;
    if (event.button !== 0 || event.pointerType === 'touch' || !own) return;
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
