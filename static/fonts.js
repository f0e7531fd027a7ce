// The font of a terminal: what a person wrote, made safe for CSS, before those that every system has.
// No DOM.

const USUAL = 'ui-monospace, "SF Mono", SFMono-Regular, Menlo, "Cascadia Mono", "DejaVu Sans Mono", '
  + '"Liberation Mono", Consolas, monospace';

/** What the settings suggest; which of them are there, no browser tells. */
export const SUGGESTIONS = ['Cascadia Code', 'DejaVu Sans Mono', 'Fira Code', 'Hack', 'IBM Plex Mono', 'Iosevka',
  'JetBrains Mono', 'Menlo', 'Source Code Pro', 'Ubuntu Mono'];

/** A CSS font-family for the names in `text`, apart by commas; one that is missing falls back to the usual ones. */
export function fontFamily(text) {
  const names = text.split(',').map((name) => name.replace(/[^\p{L}\p{N} _.+-]/gu, '').trim()).filter(Boolean);
  return [...names.map((name) => `"${name}"`), USUAL].join(', ');
}
