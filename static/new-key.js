// Makes and ends what page-key.js signs with. In: nothing. Out: a key this browser keeps. No DOM.

import { ECDSA, base64url, held, inStore, random } from './page-key.js';

/** A new key: `offer` is for the service, `name` for `sign`; null, and the service gives a secret. */
export async function newKey() {
  try {
    const { privateKey, publicKey } = await crypto.subtle.generateKey(ECDSA, false, ['sign', 'verify']);
    const point = await crypto.subtle.exportKey('raw', publicKey);
    const name = random();
    await inStore('readwrite', (store) => store.put(privateKey, name));
    held.set(name, privateKey);
    return { offer: `p256.${base64url(new Uint8Array(point))}`, name };
  } catch {
    return { offer: 'hmac', name: null }; // no keys here, or nowhere to keep them
  }
}

/** Forgets one. */
export async function forgetKey(name) {
  held.delete(name);
  await inStore('readwrite', (store) => store.delete(name)).catch(() => {});
}
