// What input methods write: compositions, full-width punctuation, emoji, dictation. In: the events of the
// terminal's text area. Out: text, in the order of the events and each once. It must not know keys.
//
// xterm.js 6.0 compares what its text area holds before and after a timeout of 0 ms. A browser may run that later
// than the next key (then that overtakes the text) or before the text is there (then it is lost): xterm.js issue
// 5887, pull request 6060. Here the text is taken when the browser says so; xterm.js shows the composition only.

/** Has `send(text)` get what input methods write into `term`, which is open. */
export function takeCompositions(term, send) {
  const { element, textarea } = term;
  let start = null; // where the composition is in the text area: { before, after }, in characters
  let byKey = false; // the key that is held has been sent: what it writes is for screen readers only

  const take = (text) => {
    textarea.value = ''; // what xterm.js will find after its timeout
    if (text) send(text.replace(/\r?\n/g, '\r'));
  };

  term.onKey(() => { byKey = true; });
  for (const type of ['keydown', 'keyup']) element.addEventListener(type, () => { byKey = false; }, { capture: true });
  element.addEventListener('compositionstart', () => {
    // The text area may hold what was selected with the mouse, still selected: a composition replaces it.
    start = { before: textarea.selectionStart, after: textarea.value.length - textarea.selectionEnd };
  }, { capture: true });
  // Not in the capture phase: xterm.js hides what it shows first.
  element.addEventListener('compositionend', () => {
    const { before, after } = start ?? { before: 0, after: 0 };
    start = null;
    take(textarea.value.slice(before, textarea.value.length - after));
  });
  element.addEventListener('input', (event) => {
    if (event.isComposing || start) return;
    event.stopPropagation(); // before xterm.js, which sends some of it
    const { inputType, data } = event;
    if (inputType === 'insertText') byKey || take(data);
    else if (inputType === 'insertLineBreak') take('\n');
    else if (inputType === 'deleteContentBackward') take('\x7f');
    else if (!inputType.startsWith('delete')) take(data ?? textarea.value);
  }, { capture: true });
}
