// The secret of a signed-in browser and requests made with it. The secret arrives in the
// fragment of a link (`#t=…`), which no server and no log ever sees, and stays in this browser.

/** What all URLs are relative to: this module is served at `assets/…` below it. */
export const root = new URL('../', import.meta.url);

// By base path: two services behind one origin have two secrets.
const KEY = `muxview.secret:${root.pathname}`;
// What a WebSocket subprotocol and a header can carry.
const USABLE = /^[\w.~+-]{1,512}$/;

/** The secret known to this browser, or null. */
export function secret() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage may be refused to us; then every visit needs the link
  }
}

/** Keeps a pasted link or secret; false if it is neither. */
export function keep(text) {
  const found = text.includes('#') ? new URLSearchParams(text.split('#')[1]).get('t') : text.trim();
  if (!found || !USABLE.test(found)) return false;
  try {
    localStorage.setItem(KEY, found);
  } catch {
    return false;
  }
  return true;
}

/** Takes the secret out of the address bar; true if there was one. */
export function takeFromFragment() {
  if (!keep(location.hash || '#')) return false;
  history.replaceState(history.state, '', location.pathname + location.search);
  return true;
}

/** A request that was answered with an error: its status, and a sentence in `message`. */
export class Refused extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

/** Asks the server; `body` goes as JSON. Throws `Refused`, or what fetch throws. */
export async function request(path, { body, ...options } = {}) {
  const headers = new Headers();
  const known = secret();
  if (known) headers.set('Authorization', `Bearer ${known}`);
  if (body !== undefined) headers.set('Content-Type', 'application/json');
  const answer = await fetch(new URL(path, root), {
    ...options,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: 'no-store',
  });
  if (!answer.ok) throw new Refused(answer.status, sentence(answer, await answer.text()));
  return answer;
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
