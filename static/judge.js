// Whether pasted text may go to a program as it is. Pure: in: text and what is known of the program and
// the link; out: a verdict.

import { MESSAGE_BYTES } from './wire.js';

/** What bracketed paste puts around it, in bytes. */
const BRACKETS = 12;

/** `text` without control characters but tabs and line breaks: they could end a bracketed paste early (ESC [ 201 ~, also as C1),
    or act as keys, of which Enter is not the only one that runs a line. */
export const clean = (text) => text.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g, '');

/** `text` as one line that runs nothing. */
export const oneLine = (text) => text.trim().replace(/\s*[\r\n]+\s*/g, ' ');

/** The lines of `text`; a break at the end begins none. */
export const linesOf = (text) => text.replace(/(\r\n|\r|\n)$/, '').split(/\r\n|\r|\n/);

/**
 * What to do with `text`: `{ do: 'send', text, dropped }`, `{ do: 'ask', text, dropped, lines }` or
 * `{ do: 'refuse', why }`; `dropped`: how many control characters are left out.
 * @param {string} text
 * @param {{ bracketed: boolean, open: boolean, typing: boolean, kept: string }} state `bracketed`: the program
 *   tells pasted from typed; `typing`: this viewer may type; `kept`: the sentence on where the text still is
 */
export function judge(text, { bracketed, open, typing, kept }) {
  const refuse = (why) => ({ do: 'refuse', why: `${why} ${kept}`.trim() });
  if (!typing) return refuse('You are only watching: nothing was pasted.');
  if (!open) return refuse('Not connected: nothing was pasted.');
  const cleaned = clean(text);
  const dropped = text.length - cleaned.length;
  if (text.length > MESSAGE_BYTES || new TextEncoder().encode(cleaned).length + BRACKETS > MESSAGE_BYTES) return refuse('That is more than 4 MB: too much for one paste.');
  if (bracketed || !/[\r\n]/.test(cleaned)) return { do: 'send', text: cleaned, dropped };
  return { do: 'ask', text: cleaned, dropped, lines: linesOf(cleaned) };
}
