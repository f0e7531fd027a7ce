// What a page signs its requests with. Where browsers keep keys (pages that came over TLS or from this
// machine) that is a key pair whose private half never leaves the browser; elsewhere a secret of the
// service's, which only ever signs. In: text. Out: signatures. No DOM.

const root = new URL('../', import.meta.url);
// By base path: two services behind one origin have two sign-ins.
const DATABASE = `muxview:${root.pathname}`;
const STORE = 'keys';
export const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const HMAC = { name: 'HMAC', hash: 'SHA-256' };

/** Private keys by name: reading one for each request takes longer than signing. */
export const held = new Map();

/** Signs with the key of this `name`, or with the secret of a page that has none; null if the browser has lost the key. */
export async function sign({ name, secret }, text) {
  if (!name) return seal(secret, text);
  if (!held.has(name)) {
    const key = await inStore('readonly', (store) => store.get(name)).catch(() => null);
    if (!key) return null;
    held.set(name, key);
  }
  return base64url(new Uint8Array(await crypto.subtle.sign(ECDSA, held.get(name), bytes(text))));
}

/** HMAC-SHA256 of `text` by a secret in base64url. */
export async function seal(secret, text) {
  const key = fromBase64url(secret);
  if (crypto.subtle) {
    const known = await crypto.subtle.importKey('raw', key, HMAC, false, ['sign']);
    return base64url(new Uint8Array(await crypto.subtle.sign(HMAC, known, bytes(text))));
  }
  const [{ hmac }, { sha256 }] = await Promise.all([import('./noble-hmac.js'), import('./noble-sha2.js')]);
  return base64url(hmac(sha256, key, bytes(text)));
}

/** 16 random bytes. */
export const random = () => base64url(crypto.getRandomValues(new Uint8Array(16)));

const bytes = (text) => new TextEncoder().encode(text);

/** As text. */
export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
}

/** Runs one request in the store of keys. */
export async function inStore(mode, ask) {
  const database = await settled(indexedDB.open(DATABASE, 1), (opening) => {
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  });
  try {
    return await settled(ask(database.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    database.close();
  }
}

function settled(request, prepare = () => {}) {
  return new Promise((resolve, reject) => {
    prepare(request);
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error ?? new Error('blocked'));
  });
}
