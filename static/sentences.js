// A sentence of the server's as pages show it: commands stand between backticks there, and in <code>
// here. In: the text. Out: nodes, never markup.

/** The nodes of `text`; a backtick without a second one stays as it is. */
export const nodes = (text) => text.split(/`([^`]+)`/).map((part, at) =>
  (at % 2 ? Object.assign(document.createElement('code'), { textContent: part }) : part));

/** Makes `element` say `text`. What it says already is not written again: it would be read out again. */
export function write(element, text) {
  const parts = nodes(text);
  if (element.textContent !== parts.map((part) => part.textContent ?? part).join('')) element.replaceChildren(...parts);
}
