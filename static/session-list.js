// The list page: wires the stream of changes, the cards, the filter, keys and dialogs. What is shown, and
// in which order, is decided in sessions.js; a card knows how it looks.

import { request, said, signInByAddress, stayIn, who } from './access.js';
import { addressOf, CREATABLE } from './address.js';
import { Card } from './card.js';
import { onTheme, theme } from './colours.js';
import { fontFamily } from './fonts.js';
import { actionOf, MOVES } from './list-keys.js';
import { ListStream } from './list-stream.js';
import { askToSignIn, el, hidePanel, showPanel } from './panel.js';
import { company, held, matches, neighbour, sorted, titlesOf, wish } from './sessions.js';
import * as settings from './settings.js';
import { settingsButtons } from './settings-buttons.js';

/** How often “3 minutes ago” is written anew, in ms. */
const REWRITE = 20_000;
/** Miniatures on one stream, as in src/config/limits.rs. */
const MINIATURES = 24;
/** How far from view a card gets its picture. */
const NEAR = '300px';
/** After scrolling, the pause before other miniatures are asked for, in ms. */
const SCROLLED = 300;
/** After a key, so long no card changes its place, in ms. */
const KEYED = 10_000;
/** What happened is told to screen readers together, at most once in this time, in ms. */
const TELLING = 2_000;

const [list, empty, trouble, caption, lost, countdown, filter, sort, pictures, summary] =
  ['sessions', 'empty', 'trouble', 'caption', 'lost', 'countdown', 'filter', 'sort', 'miniatures', 'summary']
    .map((id) => document.getElementById(id));
const count = document.querySelector('#tools h2').appendChild(el('span', { id: 'count' }));
const page = document.documentElement;

let sessions = null; // as told last; null before the first time
let tmux = { state: 'starting', message: '' };
let order = []; // ids of the cards, as they stand
const cards = new Map(); // session id → its card, so that a change keeps focus and hover
const inView = new Set();
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const seconds = () => Date.now() / 1000;

// ── what is shown ───────────────────────────────────────────────────────────────────────────

/** What the events of the stream change. */
const hear = {
  sessions(now) {
    tellChanges(sessions, now);
    sessions = now;
    render();
    chooseMiniatures();
  },
  tmux(now) {
    tmux = now;
    render();
  },
  miniature(told) {
    const card = cards.get(told.id);
    // What is out of view and not wanted any more may still be on its way.
    if (card && settings.get('miniatures')) card.picture(told, look());
  },
};

const look = () => ({ colours: theme().colours, fontFamily: fontFamily(settings.get('font')) });

/** Whether somebody may be about to click a card, or goes from one to the next. */
let pointed = false;
let keyedAt = -Infinity;
const inHand = () => pointed || (list.contains(document.activeElement) && performance.now() - keyedAt < KEYED);

function render() {
  const all = sessions ?? [];
  const text = filter.value.trim();
  const shown = sorted(all.filter((session) => !text || matches(session, text)), settings.get('listSort'));
  const now = seconds();
  const titles = titlesOf(all);
  const there = new Set(shown.map(({ id }) => id));
  for (const session of shown) {
    if (!cards.has(session.id)) addCard(session.id);
    cards.get(session.id).show(session, now, titles);
  }
  const ids = shown.map(({ id }) => id);
  const holds = inHand();
  const next = holds ? held(order, ids) : ids;
  const alive = new Set(all.map(({ id }) => id));
  for (const [id, card] of [...cards]) {
    if (there.has(id)) continue;
    // A card that goes under the pointer would put another one there.
    if (!holds || !order.includes(id)) removeCard(id, card, alive.has(id));
    else if (!alive.has(id)) card.gone();
  }
  order = next.filter((id) => there.has(id) || (holds && cards.has(id)));
  place();
  list.hidden = order.length === 0;
  showCount(shown.length, all.length);
  showEmpty(shown.length, all.length, text);
  trouble.textContent = tmux.state === 'failed' ? tmux.message : '';
}

/** Moves as few cards as possible, and never the one that has the focus. */
function place() {
  const focused = document.activeElement?.closest('.session');
  order.forEach((id, index) => {
    const { element } = cards.get(id);
    const there = list.children[index];
    if (there === element) return;
    if (there && there === focused) {
      // It moves by all others moving around it.
      list.insertBefore(element, there);
    } else if (element === focused) {
      while (list.children[index] && list.children[index] !== element) list.append(list.children[index]);
    } else {
      list.insertBefore(element, there ?? null);
    }
  });
}

function addCard(id) {
  const card = new Card(id, { onRename: rename, onEnd: askToEnd, calm: () => calm.matches });
  cards.set(id, card);
  viewed.observe(card.element);
}

/** Takes a card off the list; one that only does not match is `kept`, since a filter is typed letter by letter. */
function removeCard(id, card, kept) {
  const had = card.element.contains(document.activeElement);
  const at = order.indexOf(id);
  card.element.remove();
  inView.delete(id);
  if (!kept) {
    viewed.unobserve(card.element);
    card.clear();
    cards.delete(id);
  }
  if (had) (cards.get(order[at + 1]) ?? cards.get(order[at - 1]))?.focus();
}

function showCount(shown, all) {
  count.textContent = sessions === null ? '' : shown === all ? String(all) : `${shown} of ${all}`;
  const rings = (sessions ?? []).some(({ bell }) => bell) && settings.get('bell');
  document.title = `${rings ? '🔔 ' : ''}muxview${all ? ` (${all})` : ''}`;
}

/** Why there is no card, and what can be done about it. What is not known yet is not said. */
function showEmpty(shown, all, text) {
  const guest = who() === 'guest';
  const create = { label: all ? 'New session' : 'Create the first session', act: () => createSession('') };
  const states = {
    missing: ['tmux is not installed', `${sentence(tmux.message)} muxview shows sessions of tmux, and looks for it again by itself.`, [{ label: 'Look again', act: () => stream.open() }]],
    'no-server': ['No session is running', 'No tmux server is running yet; the first session starts it. A session is a terminal that keeps running when nobody '
      + 'looks. Create one here, or start one in a terminal with “tmux new -s work”: it appears here by itself.', [create]],
    ready: ['No session is running', 'A tmux server is running and has no session. Create one here, or in a terminal with “tmux new -s work”: it appears here by itself.', [create]],
  };
  if (guest) states['no-server'] = states.ready = ['Nothing to watch', 'The session you may watch has ended.', []];
  const filtered = ['Nothing matches', `None of the ${all} sessions has “${text}” in its name, command, title or directory.`, [
    { label: 'Clear the filter', act: clearFilter },
    ...(CREATABLE.test(text) && !guest ? [{ label: `Create “${text}”`, act: () => createSession(text) }] : []),
  ]];
  const state = sessions === null || shown > 0 ? null : all > 0 ? filtered : states[tmux.state];
  empty.hidden = !state;
  // Written once: a button in it keeps the focus.
  const key = JSON.stringify(state ?? null);
  if (empty.dataset.key === key) return;
  empty.dataset.key = key;
  if (!state) return empty.replaceChildren();
  const [title, why, choices] = state;
  empty.replaceChildren(el('h3', {}, title), el('p', {}, why), el('div', { className: 'choices' }, ...choices.map(({ label, act }, index) =>
    el('button', { type: 'button', className: index ? '' : 'main', onclick: act }, label))));
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

setInterval(() => {
  const now = seconds();
  for (const id of order) {
    const card = cards.get(id);
    if (!card.element.classList.contains('ended')) card.show(card.session, now);
  }
}, REWRITE);

// ── what happened, for those who do not see it ──────────────────────────────────────────────

let news = new Set();
let telling = null;

function tell(sentence) {
  news.add(sentence);
  telling ??= setTimeout(() => {
    summary.textContent = [...news].slice(-3).join(' ');
    news = new Set();
    telling = null;
  }, TELLING);
}

function tellChanges(before, now) {
  if (before === null) return tell(now.length === 1 ? '1 session.' : `${now.length} sessions.`);
  const was = new Map(before.map((session) => [session.id, session]));
  for (const session of now) {
    if (!was.has(session.id)) tell(`${session.name} has started.`);
    else if (session.bell && !was.get(session.id).bell) tell(`${session.name} rings.`);
    was.delete(session.id);
  }
  for (const { name } of was.values()) tell(`${name} has ended.`);
}

// ── miniatures ──────────────────────────────────────────────────────────────────────────────

let asked = '';
let choosing = null;

const viewed = new IntersectionObserver((entries) => {
  for (const { target: { card }, isIntersecting } of entries) {
    if (isIntersecting) inView.add(card.id);
    else inView.delete(card.id);
    if (isIntersecting) card.appear();
  }
  clearTimeout(choosing);
  choosing = setTimeout(chooseMiniatures, SCROLLED);
}, { rootMargin: NEAR });

/** Asks for the miniatures of what is in view, if they are others than before. */
function chooseMiniatures() {
  const wanted = document.hidden || !settings.get('miniatures') || sessions === null
    ? '' : wish({ ids: order, inView, asked, most: MINIATURES });
  if (wanted === asked) return;
  asked = wanted;
  if (asked !== 'recent' && asked !== '') {
    // A picture that is not kept up would be taken for the present.
    const kept = new Set(asked.split(','));
    for (const [id, card] of cards) if (!kept.has(id) && !inView.has(id)) card.clear();
  }
  if (stream.state !== 'reconnecting' && stream.state !== 'closed') stream.open();
}

function showPictures(on) {
  pictures.ariaPressed = String(on);
  list.classList.toggle('plain', !on);
  if (!on) for (const card of cards.values()) card.clear();
}
pictures.onclick = () => settings.set('miniatures', !settings.get('miniatures'));
settings.on('miniatures', (on) => {
  showPictures(on);
  chooseMiniatures();
});
showPictures(settings.get('miniatures'));

const redraw = () => cards.forEach((card) => card.draw(look()));
onTheme(redraw);
settings.on('font', redraw);
let width = 0;
new ResizeObserver(() => {
  const now = list.querySelector('canvas')?.clientWidth ?? 0;
  if (now !== width) redraw();
  width = now;
}).observe(list);

// ── what can be done ────────────────────────────────────────────────────────────────────────

/** By id: the name may be anything, and may have changed meanwhile. */
async function change({ id }, options) {
  try {
    await request(`api/sessions/${encodeURIComponent(id)}`, options);
  } catch (error) {
    if (error.status === 401) return signIn(), false;
    throw new Error(said(error));
  }
  return true;
}

const rename = (card) => card.edit((name) => change(card.session, { method: 'PATCH', body: { name } }));

function askToEnd({ session }) {
  const watching = company(session);
  showPanel({
    title: `End “${session.name}”?`,
    text: [
      session.windows > 1 ? `The programs in its ${session.windows} windows are ended, ${session.command || 'a shell'} among them.`
        : `It runs ${session.command || 'a shell'}${session.cwd ? ` in ${session.cwd}` : ''}, which is ended.`,
      watching && `Watched now: ${watching}.`,
    ].filter(Boolean).join(' '),
    choices: [
      { label: 'End session', danger: true, act: () => change(session, { method: 'DELETE' }) },
      { label: 'Cancel' },
    ],
    modal: true,
  });
}

async function createSession(name) {
  if (who() === 'guest') return;
  try {
    const { askToCreate } = await import('./new-session.js');
    if (document.querySelector('dialog[open]')) return;
    const known = sessions ?? [];
    askToCreate({
      name,
      names: known.map((session) => session.name),
      directories: [...new Set(known.map(({ cwd }) => cwd).filter(Boolean))].sort(),
      onCreated: (created) => location.assign(`s/${encodeURIComponent(addressOf(created))}`),
      onSignIn: signIn,
    });
  } catch {
    caption.textContent = 'The dialog could not be loaded: muxview does not answer.';
  }
}
document.getElementById('create').onclick = () => createSession('');

async function help() {
  const { showKeys } = await import('./list-help.js');
  if (!document.querySelector('dialog[open]')) showKeys();
}
document.getElementById('keys').onclick = help;

function clearFilter() {
  filter.value = '';
  filtered();
  filter.focus();
}

function filtered() {
  keyedAt = -Infinity;
  render();
  if (filter.value.trim()) tell(`${order.length} of ${(sessions ?? []).length} sessions.`);
}
filter.oninput = filtered;
filter.onkeydown = (event) => {
  const to = { ArrowDown: 'first', Enter: 'open', Escape: 'clear' }[event.key];
  if (!to || event.isComposing) return;
  event.preventDefault();
  if (to === 'clear') return filter.value ? clearFilter() : filter.blur();
  const card = cards.get(order[0]);
  if (to === 'first') card?.focus();
  else card?.element.querySelector('.name')?.click();
};

sort.onchange = () => settings.set('listSort', sort.value);
settings.on('listSort', (by) => {
  sort.value = by;
  keyedAt = -Infinity;
  render();
});
sort.value = settings.get('listSort');

// ── keys and pointer ────────────────────────────────────────────────────────────────────────

/** Cards side by side. */
function columns() {
  const [first, ...others] = [...list.children];
  const top = first?.offsetTop;
  const next = others.findIndex((element) => element.offsetTop !== top);
  return next < 0 ? others.length + 1 : next + 1;
}

addEventListener('keydown', (event) => {
  const { target } = event;
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  if (target.matches?.('input, select, textarea')) return;
  const action = actionOf(event, settings.get('listKeys'));
  const card = target.closest?.('.session')?.card;
  const at = card ? order.indexOf(card.id) : -1;
  keyedAt = performance.now();
  if (MOVES.includes(action)) {
    const to = neighbour(at, action, columns(), order.length);
    if (to < 0) return;
    cards.get(order[to]).focus();
    cards.get(order[to]).element.scrollIntoView({ block: 'nearest' });
  } else if (action === 'filter') {
    filter.focus();
    filter.select();
  } else if (action === 'create') {
    createSession('');
  } else if (action === 'help') {
    help();
  } else if (card?.managed && (action === 'rename' || action === 'end')) {
    (action === 'rename' ? rename : askToEnd)(card);
  } else {
    return;
  }
  event.preventDefault();
});

// Not by `pointerenter`: a finger's comes with the tap itself.
list.addEventListener('pointermove', ({ pointerType }) => { pointed = pointerType !== 'touch'; });
list.addEventListener('pointerdown', () => { pointed = true; });
const released = () => {
  if (!pointed) return;
  pointed = false;
  render();
};
list.addEventListener('pointerleave', released);
addEventListener('pointerup', ({ pointerType }) => pointerType === 'touch' && setTimeout(released));
addEventListener('pointercancel', released);

// ── live ────────────────────────────────────────────────────────────────────────────────────

const stream = new ListStream({
  path: () => `api/events${asked && `?miniatures=${asked}`}`,
  request,
  onEvent: ({ event, data }) => hear[event]?.(data),
  onState: showState,
});

let counting = null;
let lostAt = '';

function showState() {
  const { state, reason, retryAt } = stream;
  const late = state === 'reconnecting';
  page.dataset.state = state;
  page.toggleAttribute('data-late', late && sessions !== null);
  if (!late) lostAt = '';
  else lostAt ||= new Date().toLocaleTimeString([], { timeStyle: 'short' });
  lost.hidden = !late;
  const why = reason?.status ? sentence(reason.message) : 'muxview does not answer.';
  const told = late ? `Not connected: ${why}${sessions === null ? '' : ` This is how it was at ${lostAt}.`}` : '';
  const [said] = lost.children;
  if (said.textContent !== told) said.textContent = told;
  caption.textContent = state === 'connecting' ? 'Connecting …' : '';
  clearInterval(counting);
  if (retryAt !== null) counting = setInterval(showCountdown, 250);
  showCountdown();
  if (state === 'closed' && reason?.status === 401) signIn();
}

function showCountdown() {
  const { state, retryAt } = stream;
  const left = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - performance.now()) / 1000));
  countdown.textContent = state !== 'reconnecting' ? '' : retryAt === null ? 'Trying …' : `Next try in ${left} s`;
}
lost.querySelector('button').onclick = () => stream.open();

function signIn() {
  if (stream.state !== 'closed') stream.close();
  askToSignIn(() => {
    showManaging();
    stream.open();
  });
}

/** A guest watches, and is offered nothing else. */
function showManaging() {
  page.toggleAttribute('data-guest', who() === 'guest');
}

addEventListener('online', () => stream.doubt());
document.addEventListener('visibilitychange', () => {
  chooseMiniatures();
  if (!document.hidden) stream.doubt();
});
addEventListener('pagehide', () => stream.close());
addEventListener('pageshow', ({ persisted }) => persisted && stream.open());

settingsButtons({ say: (sentence) => { caption.textContent = sentence; } });
addEventListener('hashchange', async () => {
  if (!await signInByAddress()) return;
  hidePanel();
  showManaging();
  stream.open();
});
await signInByAddress();
stayIn();
showManaging();
// With the first list come the miniatures, if they can all be had.
if (!document.hidden && settings.get('miniatures')) asked = 'recent';
stream.open();
