// Text to the person's clipboard. In: text. Out: whether the browser took it, and a word about it. Reading
// the clipboard is the person's own doing (a paste): the page never asks for that.

/** Copies `text`; rejects if the browser does not let it. */
export async function copy(text) {
  try {
    if (navigator.clipboard) return await navigator.clipboard.writeText(text);
  } catch {
    // No permission, or no click nor key lately: perhaps the old way works.
  }
  if (!copied(text)) throw new Error('the browser does not let this page copy');
}

/** Copies and says `done`; a browser that wants a click first gets one, by a button of the caption: keys go on
    to the terminal meanwhile. `back()` gives them back to it after the click. */
export async function give(text, done, mention, back) {
  try {
    await copy(text);
    mention(done);
  } catch {
    mention(`${text.length} characters for your clipboard: the browser wants a click first.`, 'Copy', () => {
      copy(text).then(() => mention(done), (error) => mention(`Not copied: ${error.message}.`));
      back();
    });
  }
}

/** The only way without https: a command, for which the person must have clicked or typed just now. */
function copied(text) {
  let put = false;
  const events = new AbortController();
  const { signal } = events;
  addEventListener('copy', (event) => {
    event.clipboardData.setData('text/plain', text);
    event.preventDefault();
    event.stopImmediatePropagation(); // the terminal has an answer of its own
    put = true;
  }, { capture: true, signal });
  // Says that there is something to copy, though nothing is selected.
  addEventListener('beforecopy', (event) => event.preventDefault(), { capture: true, signal });
  try {
    return document.execCommand('copy') && put;
  } finally {
    events.abort();
  }
}
