// The list page: wires the stream of changes, the cards, the filter, keys and dialogs. What is shown, and
// in which order, is decided in sessions.js; a card knows how it looks.

import { request, said, who } from './access.js';
import { addressOf } from './address.js';
import { Card } from './card.js';
import { onTheme, theme } from './colours.js';
import { fontFamily } from './fonts.js';
import { whyEmpty } from './list-empty.js';
import { actionOf, MOVES } from './list-keys.js';
import { Loss } from './list-loss.js';
import { changes, News } from './list-news.js';
import { ListStream } from './list-stream.js';
import { askToSignIn, el, hidePanel, showPanel } from './panel.js';
import { nodes, write } from './sentences.js';
import { held, matches, neighbour, sorted, titlesOf, whatEnds, wish } from './sessions.js';
import * as settings from './settings.js';
import { settingsButtons } from './settings-buttons.js';
import { signInByAddress, stayIn } from './sign-in.js';

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

const [list, empty, trouble, caption, filter, sort, pictures, summary] =
  ['sessions', 'empty', 'trouble', 'caption', 'filter', 'sort', 'miniatures', 'summary']
    .map((id) => document.getElementById(id));
const count = document.querySelector('#tools h2').appendChild(el('span', { id: 'count' }));

let sessions = null; // as told last; null before the first time
let tmux = { state: 'starting', message: '' };
let order = []; // ids of the cards, as they stand
const news = new News((sentences) => { summary.textContent = sentences; });
const cards = new Map(); // session id → its card, so that a change keeps focus and hover
const inView = new Set();
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const seconds = () => Date.now() / 1000;

// ── what is shown ───────────────────────────────────────────────────────────────────────────

/** What the events of the stream change. */
const hear = {
  sessions(now) {
    news.tell(...changes(sessions, now));
    sessions = now;
    render();
    chooseMiniatures();
  },
  tmux(now) {
    tmux = now;
    showCreating();
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
let resting = null;
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
  // Nothing tells when keys have come to rest, nor that a dialog went away under a pointer that stands still.
  clearTimeout(resting);
  if (holds) resting = setTimeout(rest, KEYED);
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
  write(trouble, tmux.state === 'failed' ? tmux.message : '');
}

function rest() {
  if (!list.matches(':hover')) pointed = false;
  render();
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

/** Why there is no card, and what can be done about it. */
function showEmpty(shown, all, text) {
  const state = sessions === null || shown > 0 ? null : whyEmpty({ all, text, tmux, guest: who() === 'guest', creates: creates() },
    { create: createSession, look: () => stream.open(), clear: clearFilter });
  empty.hidden = !state;
  // Written once: a button in it keeps the focus.
  const key = JSON.stringify(state);
  if (empty.dataset.key === key) return;
  empty.dataset.key = key;
  if (!state) return empty.replaceChildren();
  const { title, why, choices } = state;
  empty.replaceChildren(el('h3', {}, title), el('p', {}, ...nodes(why)), el('div', { className: 'choices' }, ...choices.map(({ label, act }, index) =>
    el('button', { type: 'button', className: index ? '' : 'main', onclick: act }, label))));
}

setInterval(() => {
  const now = seconds();
  for (const id of order) {
    const card = cards.get(id);
    if (!card.element.classList.contains('ended')) card.show(card.session, now);
  }
}, REWRITE);

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
  showPanel({
    title: `End “${session.name}”?`,
    text: whatEnds(session),
    choices: [
      { label: 'End session', danger: true, act: () => change(session, { method: 'DELETE' }) },
      { label: 'Cancel' },
    ],
    modal: true,
  });
}

async function createSession(name) {
  if (!creates()) return;
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
  if (filter.value.trim()) news.tell(`${order.length} of ${(sessions ?? []).length} sessions.`);
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
  onState() {
    loss.show(sessions !== null);
    if (stream.state === 'closed' && stream.reason?.status === 401) signIn();
  },
});
const loss = new Loss(stream);

function signIn() {
  if (stream.state !== 'closed') stream.close();
  askToSignIn(() => {
    showCreating();
    stream.open();
  });
}

/** Whether sessions may be made here: a guest watches, and the server knows of everybody else. */
function creates() {
  return who() !== 'guest' && tmux.create !== false;
}

/** Who may not is not offered it. */
function showCreating() {
  document.documentElement.toggleAttribute('data-watches', !creates());
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
  showCreating();
  stream.open();
});
await signInByAddress();
stayIn();
showCreating();
// With the first list come the miniatures, if they can all be had.
if (!document.hidden && settings.get('miniatures')) asked = 'recent';
stream.open();
