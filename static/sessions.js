// What the list page shows of the sessions, and in which order. In: sessions as `/api/events` tells
// them. Out: those that match, sorted, and sentences about them. No DOM, no clock.

import { CREATABLE } from './address.js';

/** Whether every word of `text` is in the name, command, title or directory of a session. */
export function matches({ name, command, title, cwd }, text) {
  const said = [name, command, title, cwd].join('\n').toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}

const byName = new Intl.Collator('en', { numeric: true });

/** Sorted by `name`, or by `activity`, the latest first. */
export function sorted(sessions, by) {
  const name = (a, b) => byName.compare(a.name, b.name) || (a.id < b.id ? -1 : 1);
  return [...sessions].sort(by === 'activity' ? (a, b) => b.activity - a.activity || name(a, b) : name);
}

/**
 * The order of cards while somebody is about to click: nothing moves, who is new comes last, and who
 * is gone keeps the place. In and out: ids.
 */
export function held(before, now) {
  const known = new Set(before);
  return [...before, ...now.filter((id) => !known.has(id))];
}

/** Who watches, in words; '' for nobody. */
export function company({ drive, view, attached }) {
  return [
    drive > 0 && `${drive} here`,
    view > 0 && `${view} watching`,
    attached > 0 && `${attached} in a terminal`,
  ].filter(Boolean).join(', ');
}

/** What ends with a session, and who sees it, in sentences. */
export function whatEnds(session) {
  const { windows, cwd } = session;
  const command = session.command || 'a shell';
  const watching = company(session);
  return [
    windows > 1 ? `The programs in its ${windows} windows are ended, ${command} among them.` : `It runs ${command}${cwd ? ` in ${cwd}` : ''}, which is ended.`,
    watching && `Watched now: ${watching}.`,
  ].filter(Boolean).join(' ');
}

/** What runs, in words. */
export const running = ({ command, windows }) => [command, windows > 1 && `${windows} windows`].filter(Boolean).join(' · ');

/**
 * What tells a session from others: its title, if it is its own (most shells put the host there, which
 * says nothing), else its directory. `titles` counts how many sessions have each.
 */
export const about = ({ name, title, cwd }, titles) => (title && title !== name && titles.get(title) === 1 && titles.size > 1 ? title : cwd);

/** How many sessions have each title. */
export function titlesOf(sessions) {
  const titles = new Map();
  for (const { title } of sessions) titles.set(title, (titles.get(title) ?? 0) + 1);
  return titles;
}

/** What the server said, as a sentence. */
export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

const UNITS = [['day', 86_400], ['hour', 3_600], ['minute', 60]];
const relative = new Intl.RelativeTimeFormat('en');

/** “3 minutes ago”. */
export function ago(seconds) {
  const [unit, length] = UNITS.find(([, length]) => seconds >= length) ?? [];
  return unit ? relative.format(-Math.floor(seconds / length), unit) : 'just now';
}

const USUAL = ['main', 'work', 'shell'];

/** A free name for a session that runs `command` in `cwd`. */
export function suggestion(taken, { command = '', cwd = '' } = {}) {
  const program = /^\s*(?:\S*\/)?([\w-]+)/.exec(command)?.[1];
  const directory = /([^/]+)\/*$/.exec(cwd.trim())?.[1]?.replace(/[^\w-]+/g, '-').replace(/^-+|-+$/g, '');
  const wanted = [program, directory].filter((name) => name && CREATABLE.test(name)).map((name) => name.slice(0, 60));
  const names = wanted.length ? wanted : USUAL;
  const free = (name) => !taken.includes(name);
  for (let number = 2; ; number++) {
    const found = names.find(free);
    if (found) return found;
    const numbered = names.map((name) => `${name}-${number}`).find(free);
    if (numbered) return numbered;
  }
}

/** The index of the card a key leads to from `index` in rows of `columns`; -1 is no card yet. */
export function neighbour(index, direction, columns, count) {
  if (count === 0) return -1;
  const step = { next: 1, previous: -1, down: columns, up: -columns }[direction];
  if (direction === 'first' || (index < 0 && direction !== 'last')) return 0;
  if (direction === 'last') return count - 1;
  const to = index + step;
  // From the last full row down leads into a shorter one below.
  if (direction === 'down' && to >= count) return Math.floor(index / columns) < Math.floor((count - 1) / columns) ? count - 1 : index;
  return to < 0 || to >= count ? index : to;
}

/**
 * Which miniatures to ask for: `recent` where all can be had, else the ids of those in view; what is
 * asked for already stays if it covers them. `''` asks for none.
 */
export function wish({ ids, inView, asked, most }) {
  if (ids.length <= most) return 'recent';
  const view = ids.filter((id) => inView.has(id)).slice(0, most);
  const covered = asked === 'recent' ? [] : asked.split(',');
  return view.every((id) => covered.includes(id)) ? asked : view.join(',');
}
