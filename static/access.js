// Who this browser is: a credential, which it keeps and shows with every request, signed for that
// request only: whoever has our port while muxview is down learns nothing that is of use later. (How it
// comes by one is in sign-in.js.) Requests are made here too.

import { random, seal, sign } from './page-key.js';
import { direct } from './workers.js';

/** What all URLs are relative to: this module is served at `assets/…` below it. */
export const root = new URL('../', import.meta.url);

// By base path: two services behind one origin have two credentials.
const KEY = `muxview.signed-in:${root.pathname}`;
/** Where pages kept it that did not sign, some of which may be open. It is worth something to whoever reads it. */
const UNSIGNED = `muxview.credential:${root.pathname}`;
/** What comes with the service's time when a signature was refused for its time only. */
const TIME = /^sign in; time=(\S+)$/;

let kept = null; // where storage is refused: then every visit needs a link
let used = null; // the credential that was shown last

/** What is kept of a sign-in, or null. */
export function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? localStorage.getItem(UNSIGNED)) ?? kept;
  } catch {
    return kept;
  }
}

/** Forgets what pages that did not sign have kept, once none of them can have renewed it. */
export function forgetUnsigned() {
  try {
    const { expires } = JSON.parse(localStorage.getItem(UNSIGNED)) ?? {};
    if (expires * 1000 < Date.now()) localStorage.removeItem(UNSIGNED);
  } catch {
    // nothing is kept
  }
}

/** Keeps a sign-in; null forgets all there are. */
export function keep(signedIn) {
  kept = null;
  try {
    if (!signedIn?.clock) localStorage.removeItem(KEY);
    if (!signedIn) localStorage.removeItem(UNSIGNED);
    else localStorage.setItem(signedIn.clock ? KEY : UNSIGNED, JSON.stringify(signedIn));
  } catch {
    kept = signedIn; // then it is good for this page
  }
}

/** The credential of this browser, or null. */
export function credential() {
  used = read()?.credential ?? null;
  return used;
}

/**
 * What shows who asks for `method` at `url`, good for this once: `shown` is the text; null for nobody.
 * It is no secret of value to who answers, except for a page that signed in before pages had keys.
 */
export async function proof(method, url) {
  const { credential = null, key, clock, offset } = read() ?? {};
  used = credential;
  if (!clock) return credential && { shown: credential };
  const path = decodeURIComponent(new URL(url).pathname.slice(root.pathname.length - 1));
  const [sent, nonce] = [Date.now(), random()];
  const time = Math.floor(sent + offset);
  const signature = await sign(key, ['muxview-request-1', root.origin, method, path, time, nonce, credential].join('\n'));
  if (signature === null) {
    if (read()?.credential === credential) keep(null); // the browser has lost the key
    return null;
  }
  return { shown: [credential, time, nonce, signature].join('~'), credential, clock, nonce, sent };
}

/**
 * Takes in what time the service says it is. True if it was the service that said so, to this page and
 * now: anybody else could have the page sign for a later time.
 */
async function takeTime(text, { credential, clock, nonce, sent } = {}) {
  const [time, its] = text?.split('.') ?? [];
  if (!its || !clock) return false;
  // What is between here and there lies between these. The least of it signs for no time to come.
  const [least, most] = [Number(time) - Date.now(), Number(time) - sent];
  const whole = await seal(clock, `muxview-clock-1\n${nonce}\n${time}`);
  if (its.length < 22 || !whole.startsWith(its.slice(0, 21))) return false;
  const now = read();
  const wrong = now?.credential === credential && !(now.offset >= least && now.offset <= most);
  if (wrong) keep({ ...now, offset: least });
  return true;
}

/** Whether a socket that was closed with this reason, and had shown this, is to be opened again at once. */
export async function signsAgain(reason, proof) {
  return takeTime(TIME.exec(reason)?.[1], proof ?? undefined);
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

/** Whether this page was opened by a link that signs in. */
export const byLink = () => new URLSearchParams(location.hash.slice(1)).has('t');

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
  await direct;
  const url = new URL(path, root);
  const ask = async () => {
    const headers = new Headers();
    const known = await proof(options.method ?? 'GET', url);
    if (known) headers.set('Authorization', `Bearer ${known.shown}`);
    if (body !== undefined) headers.set('Content-Type', 'application/json');
    const answer = await fetch(url, {
      ...options,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      redirect: 'manual', // nothing here leads elsewhere: it is a sign-in in front of muxview
    });
    const told = await takeTime(answer.headers.get('Muxview-Time'), known ?? undefined);
    return { answer, again: told && answer.status === 401 };
  };
  let { answer, again } = await ask();
  // Signed at a wrong time; or the browser sent it twice, as it may when a connection breaks.
  if (again) ({ answer } = await ask());
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
