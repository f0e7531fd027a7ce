// What can be done when the connection is closed for good: each reason has its own sentence and
// button. In: why it closed and what is known of the session. Out: the wish to connect, perhaps to
// another name. It must not know the socket.

import { CREATABLE } from './address.js';
import { Refused, credential, hasAnother, request, root, who } from './access.js';
import { events } from './events.js';
import { recall, remember } from './memory.js';
import { askToSignIn, el, hidePanel, showPanel } from './panel.js';
import { delay } from './reconnect.js';
import { nodes } from './sentences.js';

/** A stream without a byte for this long is dead: the server sends at least a comment every 15 s; in ms. */
const SILENCE = 40_000;
/** How far behind the list of sessions may be, in ms. */
const BEHIND = 1_000;
const RELOADED = 'reloaded';
const last = (name) => `last ${name}`;

const toList = { label: 'Back to the list', href: root.href };

export class Ending {
  #join;
  #watching = null;
  #joined = ''; // what was joined by itself last: not twice the same, should it be refused
  #known = null; // the session as the list had it while it lived
  #knowing = null;

  /** `join(address, remark)` connects, to this address if one is given. */
  constructor(join) {
    this.#join = join;
    addEventListener('pagehide', () => this.stop());
  }

  /** It is connected again. */
  connected() {
    remember(RELOADED, null);
    this.stop();
  }

  /** Waits for the session no more. */
  stop() {
    this.#watching?.abort();
    this.#watching = null;
  }

  /** Remembers of a living session what starting it again takes. */
  know(id, soon = 0) {
    clearTimeout(this.#knowing);
    const mine = setTimeout(async () => {
      try {
        const list = await (await request('api/sessions')).json();
        const found = list.find((session) => session.id === id);
        // The list may be a moment behind.
        if (!found) return soon || this.#knowing !== mine ? undefined : this.know(id, BEHIND);
        this.#known = found;
        remember(last(found.name), found);
      } catch {
        // then starting it again starts a shell
      }
    }, soon);
    this.#knowing = mine;
  }

  /** Says why, and offers what helps. `session` is what the page knows, `lived` if it was shown. */
  explain({ why, code, reason }, { address, session, lived }) {
    clearTimeout(this.#knowing);
    this.#knowing = null;
    const again = { label: 'Try again', act: () => this.#join() };
    const name = session.name ?? address;
    switch (why) {
      case 'user':
        return;
      case 'sign-in':
        if (code === 0 && reason === 'redirect') {
          return showPanel({
            title: 'Sign in again',
            text: 'The sign-in in front of muxview has run out. This page comes back after it.',
            choices: [{ label: 'Sign in', act: () => location.reload() }],
          });
        }
        // Renewed or signed in by another tab: only this page did not know yet.
        if (hasAnother()) return this.#join();
        return askToSignIn(() => this.#join(), lived && credential() && who() !== 'guest' ? 'You were signed out.' : '');
      case 'no-session':
      case 'ended':
        return this.#over(name, address, session, why, reason);
      case 'forbidden':
        if (who() === 'guest' && lived) return askToSignIn(() => this.#join(), 'The link you watched by was ended or has expired.');
        return showPanel({ title: 'Not allowed', text: sentence(reason), choices: [again, toList] });
      case 'too-old':
        return reloadOnce(reason);
      case 'gone':
        return showPanel({
          title: 'muxview is not here any more',
          text: `Something answers at this address, but it does not know muxview (${reason}).`,
          choices: [again],
        });
      default:
        return showPanel({ title: 'Disconnected', text: sentence(reason), choices: [again, toList] });
    }
  }

  // ── over: start it again, or wait until somebody does ───────────────────────────────────────

  #over(name, address, session, why, reason) {
    if (!this.#known || (this.#known.id !== session.id && this.#known.name !== name)) this.#known = recall(last(name));
    this.#watch(name, address, session);
    const startable = CREATABLE.test(name) && who() !== 'guest';
    if (!startable) {
      return showPanel({
        title: why === 'ended' ? `“${name}” has ended` : `“${name}” is not running`,
        text: sentence(reason), choices: [toList],
      });
    }
    const known = this.#known;
    const field = (label, name, value, placeholder) => el('label', {}, label, el('input', {
      name, value, placeholder, autocomplete: 'off', spellcheck: false, autocapitalize: 'off',
    }));
    const fields = [field('Command', 'command', known?.start ?? '', 'your shell'), field('Directory', 'cwd', known?.cwd ?? '', 'home')];
    const act = () => {
      const [command, cwd] = fields.map((label) => label.querySelector('input').value.trim());
      return this.#start(name, { ...(command && { command }), ...(cwd && { cwd }) });
    };
    showPanel(why === 'ended'
      ? { title: `“${name}” has ended`, text: sentence(reason), fields, choices: [{ label: 'Start it again', act }, toList] }
      : {
        title: `“${name}” is not running`,
        text: 'There is no tmux session of this name now. When one starts, this page joins it by itself.',
        fields, choices: [{ label: 'Start it', act }, toList],
      });
  }

  async #start(name, how) {
    this.stop();
    try {
      await request('api/sessions', { method: 'POST', body: { name, ...how } });
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return askToSignIn(() => this.#join()), false;
      // 409: somebody was quicker
      if (!(error instanceof Refused && error.status === 409)) throw error;
    }
    this.#joined = '';
    hidePanel();
    this.#join(name);
    return false;
  }

  async #watch(name, address, session) {
    this.stop();
    const watching = new AbortController();
    this.#watching = watching;
    const id = session.id ?? this.#known?.id;
    const same = (one) => one.id === id && one.created === this.#known?.created;
    const key = (one) => `${one.id} ${one.created}`;
    const found = (list) => list.find((one) => (address.startsWith('$') && !session.id ? one.id === address : one.name === name)
      && !same(one) && key(one) !== this.#joined);
    let told = false;
    for await (const list of lists(watching.signal)) {
      const one = found(list);
      if (one) {
        this.#joined = key(one);
        this.stop();
        hidePanel();
        return this.#join(address.startsWith('$') ? one.id : name, `“${name}” was started again.`);
      }
      const renamed = list.find((one) => same(one) && one.name !== name);
      if (renamed && !told) {
        told = true;
        showPanel({
          title: `“${name}” is now “${renamed.name}”`,
          text: 'The session was renamed while this page was away.',
          choices: [{ label: 'Go there', act: () => this.#join(renamed.id) }, toList],
        });
      }
    }
  }
}

/** The list of sessions, now and with every change, until the signal. */
async function* lists(signal) {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const reading = new AbortController();
    const end = () => reading.abort();
    signal.addEventListener('abort', end, { once: true });
    let silence = setTimeout(end, SILENCE);
    try {
      const answer = await request('api/events', { signal: reading.signal });
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE);
      };
      for await (const { event, data } of events(answer.body, heard)) {
        attempt = 0;
        if (event === 'sessions') yield data;
      }
    } catch (error) {
      if (error instanceof Refused && error.status === 401) return;
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', end);
      reading.abort();
    }
    if (!signal.aborted) await new Promise((resolve) => { setTimeout(resolve, delay(attempt, Math.random)); });
  }
}

function sentence(reason) {
  const text = reason || 'The server closed the connection';
  return nodes(text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.'));
}

/** This page is older than the server: a reload brings the new one, unless it just did. */
function reloadOnce(reason) {
  if (recall(RELOADED)) {
    remember(RELOADED, null);
    const reload = { label: 'Reload', act: () => location.reload() };
    return showPanel({ title: 'This page is too old', text: sentence(reason), choices: [reload, toList] });
  }
  remember(RELOADED, true);
  location.reload();
}
