// What a browser keeps of a sign-in, over tabs, refused storage and links that are none. No browser.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
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
    return answer(asked.at(-1), options);
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

// A service that knows keys; node keeps none, so it gives secrets.
const SECRET = Buffer.alloc(32, 1).toString('base64url');
const CLOCK = Buffer.alloc(32, 2).toString('base64url');
const mac = (secret, text) => createHmac('sha256', Buffer.from(secret, 'base64url')).update(text).digest();
const keyed = (time) => json({ credential: '1.a.b', who: 'owner', expires: 1e12, session: null, secret: SECRET, clock: CLOCK, time });

/** The parts of what a request shows. */
function shown({ headers }) {
  const [credential, time, nonce, signature] = headers.get('Authorization').replace('Bearer ', '').split('~');
  return { credential, time: Number(time), nonce, signature };
}

const told = (time, nonce, secret = CLOCK) =>
  `${time}.${mac(secret, `muxview-clock-1\n${nonce}\n${time}`).subarray(0, 16).toString('base64url')}`;

test('what is shown is signed for one request, and the secret is not shown', async () => {
  answer = (what, options) => {
    assert.equal(JSON.parse(options.body).key, 'hmac');
    return keyed(Date.now());
  };
  await access.signIn('secret');
  assert.ok(!entries.has(KEY), 'where pages look that do not sign');
  const all = [];
  answer = (what, options) => {
    all.push(shown(options));
    return json([]);
  };
  await access.request('api/sessions?x=1');
  await access.request('api/sessions/%240', { method: 'DELETE' });
  for (const [index, [method, path]] of [['GET', '/api/sessions'], ['DELETE', '/api/sessions/$0']].entries()) {
    const { credential, time, nonce, signature } = all[index];
    const text = ['muxview-request-1', access.root.origin, method, path, time, nonce, credential].join('\n');
    assert.equal(signature, mac(SECRET, text).toString('base64url'));
  }
  assert.notEqual(all[0].nonce, all[1].nonce);
});

test('the time is believed only if the service says it to this request', async () => {
  answer = () => keyed(Date.now() - 3_600_000); // its clock is an hour behind
  await access.signIn('secret');
  const hour = 3_600_000;
  const near = (time, wanted) => assert.ok(Math.abs(time - wanted) < 5_000, `${time - wanted}`);
  const refusing = (time) => {
    const all = [];
    answer = (what, options) => {
      all.push(shown(options));
      return new Response('{}', { status: 401, headers: { 'Muxview-Time': time(all.at(-1).nonce) } });
    };
    return all;
  };
  // Others, who want signatures for later: it is not asked again, and nothing is learned.
  const later = Date.now() + hour;
  const lies = [() => '', () => `${later}`, () => `${later}.`, () => `${later}.${'A'.repeat(22)}`,
    (nonce) => told(later, nonce, SECRET), () => told(later, 'another'), (nonce) => told(1, nonce).replace('1.', `${later}.`),
    (nonce) => told(later, nonce).slice(0, -4)];
  for (const lie of lies) {
    const all = refusing(lie);
    await assert.rejects(access.request('api/sessions'), { status: 401 });
    assert.equal(all.length, 1);
    near(all[0].time, Date.now() - hour);
    assert.equal(await access.signsAgain(`sign in; time=${lie('x')}`, await access.proof('GET', new URL('s/a/ws', access.root))), false);
  }
  // The service, whose clock was set: once more, at its time, and not for ever.
  const all = refusing((nonce) => told(Date.now(), nonce));
  await assert.rejects(access.request('api/sessions'), { status: 401 });
  assert.equal(all.length, 2);
  near(all[0].time, Date.now() - hour);
  near(all[1].time, Date.now());
  const proof = await access.proof('GET', new URL('s/a/ws', access.root));
  assert.equal(await access.signsAgain(`sign in; time=${told(Date.now(), proof.nonce)}`, proof), true);
});

test('a page that signed in before pages had keys is bound to one, unless it is somebody else meanwhile', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const old = JSON.stringify({ credential: 'old', who: 'owner', expires: 1e12 });
  for (const meanwhile of [() => {}, () => entries.delete(KEY)]) {
    entries.clear();
    entries.set(KEY, old);
    asked = [];
    answer = (what, options) => {
      assert.equal(options.headers.get('Authorization'), 'Bearer old');
      meanwhile();
      return keyed(Date.now());
    };
    await access.stayIn();
    assert.deepEqual(asked, ['POST api/sign-in/key']);
    assert.equal(access.credential(), entries.has(KEY) ? '1.a.b' : null);
  }
});
