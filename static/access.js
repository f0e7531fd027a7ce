// Signing in: the secret of a link (`#t=…`, which no server and no log ever sees) is exchanged for a
// credential, which this browser keeps and shows with every request. Requests are made here too.

import { delay } from './reconnect.js';

/** What all URLs are relative to: this module is served at `assets/…` below it. */
export const root = new URL('../', import.meta.url);

// By base path: two services behind one origin have two credentials.
const KEY = `muxview.credential:${root.pathname}`;
/** What leads the secret of a link to watch one session, as in src/access/share.rs. */
const SHARE = 'share.';
/** A credential is renewed when less than this is left of it, looked at this often; in ms. */
const RENEW = { left: 4 * 86_400_000, every: 6 * 3_600_000 };

let kept = null; // where storage is refused: then every visit needs a link
let used = null; // the credential that was shown last

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? kept;
  } catch {
    return kept;
  }
}

function keep(signedIn) {
  kept = null;
  try {
    if (signedIn) localStorage.setItem(KEY, JSON.stringify(signedIn));
    else localStorage.removeItem(KEY);
  } catch {
    kept = signedIn; // then it is good for this page
  }
}

/** What stands behind the `#t=` of a link, or alone; null if there is nothing that could be it. */
function secretIn(text) {
  const t = text.includes('#') ? new URLSearchParams(text.split('#')[1]).get('t') : text.trim();
  return t && !/\s/.test(t) ? t : null;
}

/** The credential of this browser, or null. */
export function credential() {
  used = read()?.credential ?? null;
  return used;
}

/** Whether another one than was shown last is here: another tab signed in, or renewed it. */
export function hasAnother() {
  const now = read()?.credential ?? null;
  return now !== null && now !== used;
}

/** Who is signed in: `owner`, `guest` (of one session), or null. */
export function who() {
  return read()?.who ?? null;
}

/** Signs in with a link or what stands behind its `#t=`. Throws a sentence if it is no good. */
export async function signIn(text) {
  const t = secretIn(text);
  if (t === null) throw new Error('That is neither a link with “#t=…” nor the part behind it.');
  keep(await (await request('api/sign-in', { method: 'POST', body: { t } })).json());
}

/** Signs this browser out, or everybody. */
export async function signOut(everywhere = false) {
  try {
    await request('api/sign-out', { method: 'POST', body: { everywhere } });
  } catch (error) {
    // Signed out already, which was wanted.
    if (error.status !== 401) throw error;
  }
  keep(null);
}

/** Whether an owner has opened a link for others to watch, to see what they will: it would make a guest of this browser. */
async function isOwnShare(secret) {
  if (!secret.startsWith(SHARE) || who() !== 'owner') return false;
  try {
    await request('api/sessions');
  } catch (error) {
    return error.status !== 401; // else signed out: a guest is better than nobody
  }
  return true;
}

/**
 * Signs in with the link this page was opened by, if it was, and takes it out of the address bar.
 * True if it did; a link that is no good leaves what was there. Waits for a server that is away.
 */
export async function signInByAddress() {
  if (!new URLSearchParams(location.hash.slice(1)).has('t')) return false;
  const secret = secretIn(location.hash);
  if (secret === null || await isOwnShare(secret)) {
    clearAddress();
    return false;
  }
  for (let attempt = 0; ; attempt++) {
    try {
      await signIn(location.hash);
      clearAddress();
      return true;
    } catch (error) {
      // Opened before, expired, or nothing to sign in to: what asks for a credential says so.
      if (error instanceof Refused && error.status < 500 && error.status !== 429) {
        clearAddress();
        return false;
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, delay(attempt, Math.random)); });
  }
}

function clearAddress() {
  history.replaceState(history.state, '', location.pathname + location.search);
}

/** Renews the credential in time, as long as the page is open. */
export async function stayIn() {
  const { expires = Infinity } = read() ?? {};
  if (expires * 1000 - Date.now() < RENEW.left) {
    try {
      const answer = await request('api/sign-in/renew', { method: 'POST' });
      const renewed = answer.status === 200 && await answer.json();
      // Another tab may have signed out, or somebody else in, meanwhile.
      if (renewed && !hasAnother() && who()) keep(renewed);
    } catch {
      // signed out, or away: whoever needs the credential says so
    }
  }
  setTimeout(stayIn, RENEW.every);
}

/** A request that was answered with an error: its status, a sentence in `message`, and the field that is wrong. */
export class Refused extends Error {
  constructor(status, sentence, field) {
    super(sentence);
    this.status = status;
    this.field = field;
  }
}

/** Why a request failed, in a sentence. */
export const said = (error) => (error.status ? error.message : 'muxview does not answer. Is it running?');

/** Asks the server; `body` goes as JSON. Throws `Refused`, or what fetch throws. */
export async function request(path, { body, ...options } = {}) {
  const headers = new Headers();
  const known = credential();
  if (known) headers.set('Authorization', `Bearer ${known}`);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const answer = await fetch(new URL(path, root), {
    ...options,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
    redirect: 'manual', // nothing here leads elsewhere: it is a sign-in in front of muxview
  });
  if (answer.type === 'opaqueredirect') throw new Refused(302, 'The sign-in in front of muxview has run out: reload the page.');
  if (!answer.ok) {
    const text = await answer.text();
    throw new Refused(answer.status, sentence(answer, text), wrongField(text));
  }
  return answer;
}

function wrongField(text) {
  try {
    return JSON.parse(text).field;
  } catch {
    return undefined;
  }
}

function sentence(answer, text) {
  try {
    const { error, message } = JSON.parse(text);
    const said = error?.message ?? error ?? message;
    if (typeof said === 'string' && said) return said;
  } catch {
    // not JSON: the text itself is the sentence
  }
  const short = text.trim().startsWith('<') ? '' : text.trim().slice(0, 300);
  return short || `The server answered ${answer.status} ${answer.statusText}.`;
}
