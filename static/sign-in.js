// Signing in: the secret of a link (`#t=…`, which no server and no log ever sees) is exchanged for a
// credential, bound to a key of this browser. In: links, and the time. Out: what access.js keeps, renewed
// while a page is open. Loaded when there is time.

import { Refused, byLink, forgetUnsigned, hasAnother, keep, read, request, who } from './access.js';
import { forgetKey, newKey } from './new-key.js';
import { delay } from './reconnect.js';

/** What leads the secret of a link to watch one session, as in src/access/share.rs. */
const SHARE = 'share.';
/** A credential is renewed when less than this is left of it, looked at this often; in ms. */
const RENEW = { left: 4 * 86_400_000, every: 6 * 3_600_000 };

/** What is kept of an answer that signs in, with the key that was offered for it. */
function signing(answer, { name }) {
  const { clock, time, secret, ...signedIn } = answer;
  if (!clock) return signedIn; // a service that knows no keys
  // Its time is of a moment ago, so by this page's count it is never later than it is there: nothing is
  // signed for a time to come.
  return { ...signedIn, clock, key: name ? { name } : { secret }, offset: time - Date.now() };
}

/** What stands behind the `#t=` of a link, or alone; null if there is nothing that could be it. */
function secretIn(text) {
  const t = text.includes('#') ? new URLSearchParams(text.split('#')[1]).get('t') : text.trim();
  return t && !/\s/.test(t) ? t : null;
}

/** Signs in with a link or what stands behind its `#t=`. Throws a sentence if it is no good. */
export async function signIn(text) {
  const t = secretIn(text);
  if (t === null) throw new Error('That is neither a link with “#t=…” nor the part behind it.');
  const key = await newKey();
  const before = read()?.key?.name;
  const answer = await request('api/sign-in', { method: 'POST', body: { t, key: key.offer } });
  keep(null); // what was there, also for pages that do not sign
  keep(signing(await answer.json(), key));
  if (before) forgetKey(before);
}

/** Has the credential of a page that did not sign bound to a key. That of pages which are still open stays as it is. */
async function bind() {
  const { credential, clock } = read() ?? {};
  if (clock) forgetUnsigned();
  if (!credential || clock) return;
  try {
    const key = await newKey();
    const answer = await request('api/sign-in/key', { method: 'POST', body: { key: key.offer } });
    const bound = signing(await answer.json(), key);
    // Another tab may have signed out, or somebody else in, meanwhile.
    if (bound.clock && read()?.credential === credential) keep(bound);
  } catch {
    // signed out, or away, or a service that knows no keys
  }
}

/** Signs this browser out, or everybody. */
export async function signOut(everywhere = false) {
  try {
    await request('api/sign-out', { method: 'POST', body: { everywhere } });
  } catch (error) {
    // Signed out already, which was wanted.
    if (error.status !== 401) throw error;
  }
  const { name } = read()?.key ?? {};
  keep(null);
  if (name) forgetKey(name);
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
  if (!byLink()) return false;
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
  await bind();
  const { expires = Infinity } = read() ?? {};
  if (expires * 1000 - Date.now() < RENEW.left) {
    try {
      const answer = await request('api/sign-in/renew', { method: 'POST' });
      const renewed = answer.status === 200 && await answer.json();
      // Another tab may have signed out, or somebody else in, meanwhile.
      if (renewed && !hasAnother() && who()) keep({ ...read(), ...renewed });
    } catch {
      // signed out, or away: whoever needs the credential says so
    }
  }
  setTimeout(stayIn, RENEW.every);
}
