// What a browser keeps of a sign-in, over tabs, refused storage and links that are none. No browser.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

const root = new URL('../../', import.meta.url).pathname;
const KEY = `muxview.credential:${root}`;
const entries = new Map();
let asked = [];
let answer = () => new Response(null, { status: 204 });
let refuses = false;

Object.assign(globalThis, {
  localStorage: {
    getItem: (key) => entries.get(key) ?? null,
    setItem(key, value) {
      if (refuses) throw new Error('refused');
      entries.set(key, value);
    },
    removeItem: (key) => entries.delete(key),
  },
  location: { hash: '', pathname: '/', search: '' },
  history: { state: null, replaceState() { location.hash = ''; } },
  fetch: async (url, options) => {
    asked.push(`${options.method ?? 'GET'} ${new URL(url).pathname.slice(root.length)}`);
    return answer(asked.at(-1));
  },
});
const access = { ...await import('../../static/access.js'), ...await import('../../static/sign-in.js') };

const json = (value, status = 200) => Response.json(value, { status });
const signedIn = (who, credential = who) => json({ credential, who, expires: 1e12, session: null });

beforeEach(async () => {
  refuses = false;
  answer = () => new Response(null, { status: 204 });
  await access.signOut();
  entries.clear();
  asked = [];
});

test('a link whose secret is missing or cut is taken out of the address, and asks nobody', async () => {
  for (const hash of ['#t=', '#t=%20', '#t=a+b']) {
    location.hash = hash;
    assert.equal(await access.signInByAddress(), false);
    assert.equal(location.hash, '');
  }
  assert.deepEqual(asked, []);
});

test('another tab signs out: this one is too', async () => {
  answer = () => signedIn('owner');
  await access.signIn('secret');
  assert.equal(access.who(), 'owner');
  entries.delete(KEY);
  assert.equal(access.who(), null);
  assert.equal(access.credential(), null);
});

test('where nothing can be kept, a sign-in holds as long as the page', async () => {
  refuses = true;
  answer = () => signedIn('owner');
  await access.signIn('secret');
  assert.equal(access.credential(), 'owner');
});

test('who is signed out already can sign out', async () => {
  answer = () => signedIn('owner');
  await access.signIn('secret');
  answer = () => json({ error: 'sign in first' }, 401);
  await access.signOut();
  assert.equal(access.who(), null);
  answer = () => json({ error: 'the disk is full' }, 503);
  await assert.rejects(access.signOut(), /the disk is full/);
});

test('an owner who opens a link for others stays owner, unless signed out meanwhile', async () => {
  answer = () => signedIn('owner');
  await access.signIn('secret');
  asked = [];
  location.hash = '#t=share.abc';
  answer = () => json([]);
  assert.equal(await access.signInByAddress(), false);
  assert.deepEqual([asked, access.who(), location.hash], [['GET api/sessions'], 'owner', '']);

  location.hash = '#t=share.abc';
  answer = (what) => (what === 'GET api/sessions' ? json({ error: 'sign in first' }, 401) : signedIn('guest'));
  assert.equal(await access.signInByAddress(), true);
  assert.equal(access.who(), 'guest');
});

test('what is renewed for one tab does not undo what another did meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  for (const [meanwhile, left] of [[() => entries.delete(KEY), null], [() => entries.set(KEY, JSON.stringify({ credential: 'new', who: 'guest' })), 'new']]) {
    answer = () => json({ credential: 'old', who: 'owner', expires: 1 });
    await access.signIn('secret');
    answer = () => {
      meanwhile();
      return signedIn('owner', 'renewed');
    };
    await access.stayIn();
    assert.equal(access.credential(), left);
  }
  answer = () => json({ credential: 'old', who: 'owner', expires: 1 });
  await access.signIn('secret');
  answer = () => signedIn('owner', 'renewed');
  await access.stayIn();
  assert.equal(access.credential(), 'renewed');
});
