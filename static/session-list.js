// The list page: the sessions as they come and go, and what can be done with them.

import { addressOf, CREATABLE } from './address.js';
import { Refused, request, signInByAddress, stayIn } from './access.js';
import { events } from './events.js';
import { askToSignIn, el, showPanel } from './panel.js';
import { delay } from './reconnect.js';
import { settingsButtons } from './settings-buttons.js';

/** How often “3 minutes ago” is written anew, in ms. */
const REWRITE = 20_000;
/** A stream without a byte for this long is dead: the server sends at least a comment every 15 s; in ms. */
const SILENCE = 40_000;

const [list, empty, trouble, caption, form, failure] =
  ['sessions', 'empty', 'trouble', 'caption', 'create', 'create-failure'].map((id) => document.getElementById(id));
let asked = false; // tmux has been, and answered
let shown = null; // how many sessions there are, once it is known
const rows = new Map(); // session id → its row, so that a change keeps focus and hover

// ── the list ────────────────────────────────────────────────────────────────────────────────

/** What the events of the stream change. */
const hear = {
  sessions(sessions) {
    show(sessions);
    document.title = sessions.length ? `muxview (${sessions.length})` : 'muxview';
  },
  tmux({ state, message }) {
    // Not started is no trouble: the first session starts it.
    trouble.textContent = state === 'failed' ? message : '';
    asked = state === 'ready' || state === 'no-server';
    showEmpty();
  },
};

function show(sessions) {
  const gone = new Set(rows.keys());
  sessions.forEach((session, index) => {
    gone.delete(session.id);
    if (!rows.has(session.id)) rows.set(session.id, new Row());
    const row = rows.get(session.id);
    row.show(session);
    if (list.children[index] !== row.element) list.insertBefore(row.element, list.children[index] ?? null);
  });
  for (const id of gone) {
    rows.get(id).element.remove();
    rows.delete(id);
  }
  list.hidden = sessions.length === 0;
  shown = sessions.length;
  showEmpty();
}

/** That nothing runs is known only once tmux was asked and the list is here. */
function showEmpty() {
  empty.hidden = !asked || shown !== 0;
}

class Row {
  element = el('li', { className: 'session' });
  #link = el('a', { className: 'name' });
  #about = el('p', { className: 'about' });
  #session;

  constructor() {
    const rename = el('button', { type: 'button', onclick: () => askToRename(this.#session) }, 'Rename');
    const end = el('button', { type: 'button', onclick: () => askToEnd(this.#session) }, 'End');
    this.element.append(el('div', { className: 'what' }, this.#link, this.#about), rename, end);
    this.buttons = { Rename: rename, End: end };
  }

  show(session) {
    this.#session = session;
    this.#link.textContent = session.name;
    this.#link.href = `s/${encodeURIComponent(addressOf(session))}`;
    for (const [verb, button] of Object.entries(this.buttons)) button.ariaLabel = `${verb} ${session.name}`;
    this.write();
  }

  write() {
    const { command, windows, viewers, activity } = this.#session;
    this.#about.textContent = [
      command,
      windows > 1 && `${windows} windows`,
      viewers > 0 && `${viewers} watching`,
      activity > 0 && `active ${ago(Date.now() / 1000 - activity)}`,
    ].filter(Boolean).join(' · ');
  }
}

function ago(seconds) {
  const units = [['day', 86_400], ['hour', 3_600], ['minute', 60]];
  const [unit, length] = units.find(([, length]) => seconds >= length) ?? [];
  if (!unit) return 'just now';
  return new Intl.RelativeTimeFormat('en').format(-Math.floor(seconds / length), unit);
}

setInterval(() => rows.forEach((row) => row.write()), REWRITE);

// ── what can be done ────────────────────────────────────────────────────────────────────────

const NAME_RULE = 'A name has up to 64 letters, digits, “_” and “-”, and does not begin with “-”.';

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const { name, command } = form.elements;
  failure.textContent = CREATABLE.test(name.value) ? '' : NAME_RULE;
  if (failure.textContent) return name.focus();
  try {
    const body = { name: name.value, ...(command.value.trim() && { command: command.value }) };
    const created = await (await request('api/sessions', { method: 'POST', body })).json();
    location.assign(`s/${encodeURIComponent(addressOf(created))}`);
  } catch (error) {
    failed(error, (text) => { failure.textContent = text; });
  }
});

function askToRename(session) {
  const input = el('input', { name: 'name', value: session.name, required: true, autocomplete: 'off', spellcheck: false });
  showPanel({
    title: `Rename “${session.name}”`,
    text: NAME_RULE,
    fields: [el('label', {}, 'New name', input)],
    choices: [
      { label: 'Rename', act: () => change(session, { method: 'PATCH', body: { name: input.value } }) },
      { label: 'Cancel' },
    ],
    modal: true,
  });
  input.select();
}

function askToEnd(session) {
  showPanel({
    title: `End “${session.name}”?`,
    text: session.windows > 1
      ? `The programs in its ${session.windows} windows are ended, for everyone who watches.`
      : 'The program in it is ended, for everyone who watches.',
    choices: [
      { label: 'End session', danger: true, act: () => change(session, { method: 'DELETE' }) },
      { label: 'Cancel' },
    ],
    modal: true,
  });
}

/** By id: the name may be anything, and may have changed meanwhile. */
async function change({ id }, options) {
  try {
    await request(`api/sessions/${encodeURIComponent(id)}`, options);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return signIn(), false;
    throw error;
  }
}

function failed(error, say) {
  if (error instanceof Refused && error.status === 401) signIn();
  else if (error instanceof Refused) say(error.message);
  else say('muxview does not answer. Is it running?');
}

// ── live ────────────────────────────────────────────────────────────────────────────────────

let following = null;
let heardAt = 0;

/** Follows the stream of changes until the page goes or a sign-in is needed. */
async function follow() {
  following?.abort();
  following = new AbortController();
  const { signal } = following;
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      const answer = await request('api/events', { signal });
      attempt = 0;
      heardAt = performance.now();
      caption.textContent = '';
      for await (const { event, data } of events(answer.body, () => { heardAt = performance.now(); })) hear[event]?.(data);
      throw new Error('the stream ended');
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 401) return signIn();
      caption.textContent = error instanceof Refused ? error.message : 'Reconnecting…';
      await new Promise((resolve) => {
        setTimeout(resolve, delay(attempt, Math.random));
        addEventListener('online', resolve, { once: true, signal });
      });
    }
  }
}

function signIn() {
  following?.abort();
  askToSignIn(follow);
}

/** After a sleep or a change of network a dead stream may not know it yet. */
function doubt() {
  if (!document.hidden && !following.signal.aborted && performance.now() - heardAt > SILENCE) follow();
}
document.addEventListener('visibilitychange', doubt);
setInterval(doubt, SILENCE);

settingsButtons({ say: (sentence) => { caption.textContent = sentence; } });
addEventListener('hashchange', async () => { if (await signInByAddress()) follow(); });
await signInByAddress();
stayIn();
follow();
