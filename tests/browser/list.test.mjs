// The list page.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { BROKEN, close, Muxview, open, PROMPT, see, stage, Tmux } from './support.mjs';

const on = stage([]);
const { tmux } = on;

const link = (page, name) => page.getByRole('link', { name, exact: true });
const card = (page, name) => page.locator('.session', { has: link(page, name) });
const button = (page, name) => page.getByRole('button', { name, exact: true });
const focused = (page) => page.evaluate(() => document.activeElement.textContent);
const names = (page) => page.locator('.session .name').allTextContents();
const sessions = () => {
  try {
    return tmux.run('list-sessions', '-F', '#{session_name}').trim().split('\n');
  } catch {
    return []; // no server
  }
};
/** Makes sure that these are there. */
function need(...wanted) {
  const there = sessions();
  for (const name of wanted) if (!there.includes(name)) tmux.start(name, `exec sh -c 'echo ${name}; exec cat'`);
}
/** Every pixel of a card's picture, as a number. */
const pixels = (page, name) => card(page, name).locator('canvas').evaluate((canvas) => {
  if (!canvas.width) return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let hash = 1;
  for (let at = 0; at < data.length; at++) hash = (hash * 31 + data[at]) | 0;
  return hash;
});
/** How many pixels of a picture have this colour. */
const ink = (page, name, [red, green, blue]) => card(page, name).locator('canvas').evaluate((canvas, [red, green, blue]) => {
  if (!canvas.width) return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += data[at] === red && data[at + 1] === green && data[at + 2] === blue;
  return count;
}, [red, green, blue]);
/** Waits until `look` gives something. */
async function until(look, what) {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert.ok(Date.now() < end, `${what} did not come about`);
    await new Promise((resolve) => { setImmediate(resolve); }); // the browser is served by this process too
  }
}

test('explains itself when nothing runs, and creates the first session', async () => {
  const page = await open(on.browser, on.muxview.url);
  await page.getByText('No session is running').waitFor();
  await page.getByText('No tmux server is running yet').waitFor();
  await button(page, 'Create the first session').click();
  const name = page.getByRole('textbox', { name: 'Name' });
  assert.equal(await name.inputValue(), 'main', 'a name is suggested');
  await page.keyboard.type('not a name'); // it was selected
  await page.keyboard.press('Enter');
  await page.getByText('A name has up to 64 letters').waitFor();
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  assert.ok(await name.evaluate((input) => input === document.activeElement));
  await name.fill('first');
  await button(page, 'Create').click();
  await page.waitForURL('**/s/first');
  await page.goto(on.muxview.page('first'));
  await see(page, PROMPT);
  await close(page);
});

test('says that nothing runs only when tmux was asked, and what to do about each state', async () => {
  const page = await open(on.browser, 'about:blank', { expected: /503/ });
  let answer = { status: 503, body: 'tmux has not been asked yet' };
  await page.route('**/api/events*', (route) => route.fulfill(answer)); // and is asked again
  const become = (state) => {
    const events = { tmux: { state, message: `it is ${state}` }, sessions: [] };
    const body = Object.entries(events).map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
    answer = { contentType: 'text/event-stream', body };
    return button(page, 'Try now').click();
  };
  const empty = page.locator('#empty');
  await page.goto(on.muxview.url);
  await page.getByText('Tmux has not been asked yet').waitFor();
  assert.equal(await empty.isVisible(), false);
  await become('starting');
  await page.getByText('This is how it was at').waitFor();
  assert.equal(await empty.isVisible(), false);
  await become('failed');
  await page.getByText('it is failed').waitFor();
  assert.equal(await empty.isVisible(), false);
  await become('ready');
  await page.getByText('A tmux server is running and has no session').waitFor();
  await become('missing');
  await page.getByRole('heading', { name: 'tmux is not installed' }).waitFor();
  await button(page, 'Look again').waitFor();
  await become('no-server');
  await page.getByText('the first session starts it').waitFor();
  await close(page);
});

test('a tmux that is not installed is told by the real thing, and found when it comes', async () => {
  const path = mkdtempSync(join(tmpdir(), 'muxview-path-'));
  const own = new Tmux();
  const muxview = await Muxview.start(own, { environment: { PATH: path } });
  const page = await open(on.browser, muxview.url);
  await page.getByRole('heading', { name: 'tmux is not installed' }).waitFor();
  const real = process.env.PATH.split(delimiter).map((folder) => join(folder, 'tmux')).find(existsSync);
  symlinkSync(real, join(path, 'tmux'));
  await page.getByText('No tmux server is running yet').waitFor();
  await close(page);
  await muxview.end();
  own.end();
  rmSync(path, { recursive: true });
});

test('creates with command and directory, and says at the field what is wrong', async () => {
  need('first');
  const page = await open(on.browser, on.muxview.url, { expected: /409|422/ });
  await link(page, 'first').waitFor();
  await page.keyboard.press('n');
  const dialog = page.getByRole('dialog', { name: 'New session' });
  const [name, command, directory] = ['Name', 'Command', 'Directory'].map((label) => dialog.getByLabel(label));
  await command.fill('/usr/bin/env printf "%s\\n" "a  b" $((6*7)); pwd; exec cat');
  assert.equal(await name.inputValue(), 'env', 'named after its command');
  await name.fill('first');
  await page.keyboard.press('Enter');
  await dialog.getByText('A session called first exists already').waitFor();
  // Another one may take the name meanwhile: then the server says so.
  await page.route('**/api/sessions', (route) => route.fulfill({ status: 409, contentType: 'application/json', body: JSON.stringify({ error: 'It is taken.', field: 'name' }) }), { times: 1 });
  await name.fill('commanded');
  await page.keyboard.press('Enter');
  await dialog.getByText('It is taken.').waitFor();
  assert.equal(await name.getAttribute('aria-invalid'), 'true');
  await directory.fill('/nowhere/at all');
  await page.keyboard.press('Enter');
  await dialog.getByText('it does not exist').waitFor();
  assert.equal(await directory.getAttribute('aria-invalid'), 'true');
  assert.equal(await name.getAttribute('aria-invalid'), null);
  assert.ok(await directory.evaluate((input) => input === document.activeElement));
  await directory.fill(tmux.directory);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/s/commanded');
  await page.goto(on.muxview.page('commanded'));
  await see(page, /^a {2}b$/);
  await see(page, /^42$/);
  await see(page, new RegExp(`^${tmux.directory}$`));
  await close(page);
});

test('the dialog is gone when the browser leads back to the list', async () => {
  need('first');
  const page = await open(on.browser, on.muxview.url);
  await link(page, 'first').waitFor();
  await page.route('**/s/come-back', (route) => route.fulfill({ status: 204 })); // the page stays, as it would be kept
  await page.keyboard.press('n');
  await page.getByRole('dialog', { name: 'New session' }).getByLabel('Name').fill('come-back');
  await page.keyboard.press('Enter');
  await link(page, 'come-back').waitFor();
  await page.getByRole('dialog', { name: 'New session' }).waitFor({ state: 'detached' });
  await close(page);
  tmux.run('kill-session', '-t', '=come-back');
});

test('what was answered late leaves a later question alone', async () => {
  need('first');
  const page = await open(on.browser, on.muxview.url, { expected: /status of 401/ });
  await link(page, 'first').waitFor();
  let answer;
  const asked = new Promise((resolve) => {
    page.route('**/api/sessions/*', (route) => {
      answer = () => route.fulfill({ status: 204 });
      resolve();
    });
  });
  await page.getByRole('button', { name: 'End first' }).click();
  await button(page, 'End session').click();
  await asked;
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'End first' }).click();
  const answered = page.waitForEvent('requestfinished', (request) => request.method() === 'DELETE');
  answer();
  await answered;
  await page.evaluate(() => new Promise(requestAnimationFrame));
  assert.equal(await button(page, 'End session').isVisible(), true);
  await page.keyboard.press('Escape');
  await close(page);
});

test('follows what happens in tmux, and renames and ends sessions', async () => {
  const page = await open(on.browser, on.muxview.url);
  tmux.start('from outside', 'exec cat');
  await link(page, 'from outside').waitFor();
  const id = tmux.run('list-sessions', '-F', '#{session_id}', '-f', '#{m:from*,#{session_name}}').trim();
  assert.equal(await link(page, 'from outside').getAttribute('href'), `s/${encodeURIComponent(id)}`);

  await button(page, 'Rename from outside').click();
  const field = page.getByLabel('New name');
  await field.fill('no name');
  await page.keyboard.press('Enter');
  await page.getByText('A name has up to 64 letters').waitFor();
  await page.keyboard.press('Escape');
  await link(page, 'from outside').waitFor();
  await button(page, 'Rename from outside').click();
  await field.fill('renamed');
  await page.keyboard.press('Enter');
  await link(page, 'renamed').waitFor();
  assert.ok(sessions().includes('renamed'));

  tmux.run('new-window', '-d', '-t', '=renamed:', 'exec cat');
  await card(page, 'renamed').getByText('2 windows').waitFor();
  await button(page, 'End renamed').click();
  await page.getByText('The programs in its 2 windows are ended, cat among them.').waitFor();
  await button(page, 'Cancel').click();
  await page.mouse.move(0, 0); // while the pointer is on the list, a card that has ended stays
  await link(page, 'renamed').focus();
  await page.keyboard.press('x');
  await button(page, 'End session').click();
  await page.mouse.move(0, 0);
  await link(page, 'renamed').waitFor({ state: 'detached' });
  assert.ok(!sessions().includes('renamed'));
  await close(page);
});

test('a name that is taken is refused with a sentence, in the card', async () => {
  need('first', 'commanded');
  const page = await open(on.browser, on.muxview.url, { expected: /409/ });
  await button(page, 'Rename commanded').click();
  await page.getByLabel('New name').fill('first');
  await button(page, 'Save').click();
  await page.locator('.editor').getByText('a session called first exists already').waitFor();
  await button(page, 'Cancel').click();
  assert.equal(await focused(page), 'commanded');
  await close(page);
});

test('everything works by the keyboard', async () => {
  for (const name of ['kilo', 'lima', 'mike']) tmux.start(name, `exec sh -c 'echo ${name}; exec cat'`);
  const page = await open(on.browser, on.muxview.url, { viewport: { width: 760, height: 600 } });
  for (const name of ['commanded', 'first', 'kilo', 'lima', 'mike']) await link(page, name).waitFor();
  const press = async (key, then) => {
    await page.keyboard.press(key);
    assert.equal(await focused(page), then, key);
  };
  // Two columns.
  await press('j', 'commanded');
  await press('ArrowRight', 'first');
  await press('ArrowDown', 'lima');
  await press('ArrowUp', 'first');
  await press('k', 'commanded');
  await press('End', 'mike');
  await press('Home', 'commanded');

  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).getByText('From session to session').waitFor();
  await page.getByLabel('Letters and signs are commands').uncheck();
  await page.keyboard.press('Escape');
  await link(page, 'first').focus();
  await press('k', 'first');
  await press('ArrowLeft', 'commanded');
  await button(page, 'Keys').click();
  await page.getByLabel('Letters and signs are commands').check();
  await page.keyboard.press('Escape');

  await page.keyboard.press('/');
  await page.keyboard.type('KIL');
  await link(page, 'lima').waitFor({ state: 'detached' });
  assert.deepEqual(await names(page), ['kilo']);
  assert.equal(await page.locator('#count').textContent(), '1 of 5');
  await page.keyboard.press('Escape');
  await link(page, 'lima').waitFor();
  await page.keyboard.type('no such thing');
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
  await button(page, 'Clear the filter').click();
  await page.keyboard.type('papa');
  await button(page, 'Create “papa”').click();
  assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), 'papa');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('lim');
  await page.keyboard.press('ArrowDown');
  assert.equal(await focused(page), 'lima');
  await page.keyboard.press('r');
  await page.keyboard.type('limb');
  await page.keyboard.press('Enter');
  await link(page, 'limb').waitFor();
  assert.equal(await focused(page), 'limb');
  await page.keyboard.press('Delete');
  await page.getByRole('heading', { name: 'End “limb”?' }).waitFor();
  assert.equal(await focused(page), 'Cancel', 'Enter on what just appeared ends nothing');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await until(() => !sessions().includes('limb'), 'the end');
  await page.keyboard.press('/');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('mike');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/s/mike');
  await close(page);
});

test('a picture shows the session, follows what it prints, and can be turned off', async () => {
  need('kilo', 'mike');
  const red = [240, 120, 122]; // of the theme Night
  const page = await open(on.browser, on.muxview.url, { colorScheme: 'dark' });
  await until(() => pixels(page, 'mike'), 'a first picture');
  assert.equal(await ink(page, 'mike', red), 0);
  const before = await pixels(page, 'mike');
  tmux.run('respawn-pane', '-k', '-t', '=mike:', "printf '\\033[41m%60s\\033[m\\n' x; exec cat");
  await until(() => ink(page, 'mike', red), 'red');
  assert.notEqual(await pixels(page, 'mike'), before);
  const kilo = await pixels(page, 'kilo');
  await page.emulateMedia({ colorScheme: 'light' });
  await until(async () => await pixels(page, 'kilo') !== kilo, 'a picture in the colours of the day');

  await button(page, 'Pictures').click();
  await page.waitForFunction(() => document.querySelector('#miniatures').ariaPressed === 'false');
  assert.equal(await card(page, 'mike').locator('canvas').isVisible(), false);
  await page.reload();
  await link(page, 'mike').waitFor();
  assert.equal(await card(page, 'mike').locator('canvas').isVisible(), false, 'it is remembered');
  await button(page, 'Pictures').click();
  await until(() => pixels(page, 'mike'), 'a picture again');
  await close(page);
});

test('a hidden page asks for no pictures', async () => {
  need('mike');
  const page = await open(on.browser, on.muxview.url);
  await until(() => pixels(page, 'mike'), 'a first picture');
  const asks = (url) => page.waitForRequest((request) => request.url().endsWith(url));
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await Promise.all([asks('/api/events'), hide(true)]);
  await Promise.all([asks('/api/events?miniatures=recent'), hide(false)]);
  await close(page);
});

test('who prefers little motion gets a picture, and seldom another', async () => {
  need('kilo');
  const page = await open(on.browser, on.muxview.url, { reducedMotion: 'reduce' });
  const first = await until(() => pixels(page, 'kilo'), 'a first picture');
  tmux.run('send-keys', '-t', '=kilo:', 'some more', 'Enter');
  await page.evaluate(async () => {
    // Heard by a stream of the test's own, so it has come to the page as well.
    const answer = await fetch('api/events?miniatures=recent');
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ''; !text.includes('some more');) text += (await reader.read()).value;
    await reader.cancel();
  });
  assert.equal(await pixels(page, 'kilo'), first);
  await close(page);
});

test('a bell is marked until somebody looks, and who watches is told', async () => {
  need('kilo');
  const page = await open(on.browser, on.muxview.url);
  await until(() => pixels(page, 'kilo'), 'a first picture');
  tmux.run('respawn-pane', '-k', '-t', '=kilo:', "printf '\\a'; exec cat");
  await card(page, 'kilo').locator('.bell').waitFor();
  await page.waitForFunction(() => document.title.startsWith('🔔'));
  await page.locator('#summary', { hasText: 'kilo rings.' }).waitFor();
  const other = await open(on.browser, on.muxview.page('kilo'));
  await card(page, 'kilo').getByText('1 here').waitFor();
  await card(page, 'kilo').locator('.bell').waitFor({ state: 'hidden' });
  const watcher = await open(on.browser, `${on.muxview.page('kilo')}&role=view`);
  await card(page, 'kilo').getByText('1 here, 1 watching').waitFor();
  await button(page, 'End kilo').click();
  await page.getByText('Watched now: 1 here, 1 watching.').waitFor();
  await close(watcher);
  await close(other);
  await card(page, 'kilo').getByText('1 here').waitFor({ state: 'hidden' });
  await close(page);
});

test('sorts by activity, and no card moves under the pointer', async () => {
  need('kilo', 'mike');
  const page = await open(on.browser, on.muxview.url);
  await link(page, 'kilo').waitFor();
  await page.getByLabel('Order').selectOption('By activity');
  await page.reload();
  await link(page, 'kilo').waitFor();
  assert.equal(await page.getByLabel('Order').inputValue(), 'activity', 'it is remembered');
  await page.getByLabel('Order').selectOption('By name');
  const before = await names(page);
  await link(page, before[1]).hover();
  tmux.start('aaa-new', 'exec cat');
  await link(page, 'aaa-new').waitFor();
  assert.deepEqual(await names(page), [...before, 'aaa-new'], 'who is new comes last');
  tmux.run('kill-session', '-t', '=aaa-new');
  await page.locator('.session.ended', { hasText: 'aaa-new' }).waitFor();
  assert.deepEqual(await names(page), [...before, 'aaa-new'], 'who is gone keeps the place');
  await page.mouse.move(0, 0);
  await page.waitForFunction((count) => document.querySelectorAll('.session').length === count, before.length);
  assert.deepEqual(await names(page), before);
  await close(page);
});

test('a sign-in in front of muxview that has run out is told, and what helps', async () => {
  need('kilo');
  const page = await open(on.browser, on.muxview.url, { expected: /Failed to load resource|CORS policy/ });
  await link(page, 'kilo').waitFor();
  await page.route('**/api/events*', (route) => route.fulfill({ status: 302, headers: { Location: 'https://login.invalid/' } }));
  await page.evaluate(() => dispatchEvent(new Event('pagehide')));
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await page.getByText('Not connected: The sign-in in front of muxview has run out: reload the page.').waitFor();
  await close(page);
});

test('a lost server is loud, the list stays, and it comes back by itself', async () => {
  need('kilo');
  const page = await open(on.browser, on.muxview.url, { expected: BROKEN });
  await until(() => pixels(page, 'kilo'), 'a first picture');
  await page.evaluate(() => { window.sameDocument = true; });
  const { address } = on.muxview;
  await on.muxview.end('SIGKILL');
  await page.getByText('Not connected: muxview does not answer. This is how it was at').waitFor();
  await page.getByText(/Next try in \d+ s|Trying …/).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.hasAttribute('data-late')));
  assert.ok(await link(page, 'kilo').isVisible());
  // What happens meanwhile is there afterwards.
  tmux.run('rename-session', '-t', '=kilo', 'kilogram');
  on.muxview = await Muxview.start(tmux, { listen: address });
  await button(page, 'Try now').click({ timeout: 1000 }).catch(() => {}); // it may be back already
  await link(page, 'kilogram').waitFor();
  await page.locator('#lost').waitFor({ state: 'hidden' });
  assert.ok(await page.evaluate(() => window.sameDocument && !document.documentElement.hasAttribute('data-late')));
  const before = await pixels(page, 'kilogram');
  tmux.run('send-keys', '-t', '=kilogram:', 'again', 'Enter');
  await until(async () => await pixels(page, 'kilogram') !== before, 'pictures again');
  await close(page);
});

test('can be used in a window 320 px wide', async () => {
  need('first');
  const page = await open(on.browser, on.muxview.url, { viewport: { width: 320, height: 600 }, hasTouch: true });
  await link(page, 'first').waitFor();
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert.ok(await fits(), 'nothing sticks out');
  await button(page, 'Rename first').tap();
  await page.getByLabel('New name').waitFor();
  assert.ok(await fits(), 'nor while renaming');
  await button(page, 'Cancel').tap();
  await button(page, 'New session').tap();
  await page.getByRole('dialog', { name: 'New session' }).waitFor();
  assert.ok(await fits(), 'nor while creating');
  await button(page, 'Cancel').tap();
  await link(page, 'first').tap();
  await page.waitForURL('**/s/first');
  await close(page);
});

test('two hundred sessions: only what changed is touched, and pictures are those in view', async (t) => {
  const own = new Tmux();
  t.after(() => own.end());
  own.start('s0', 'exec cat');
  for (let number = 1; number < 200; number++) own.run('new-session', '-d', '-s', `s${number}`, '-x', '80', '-y', '24', 'exec cat');
  const muxview = await Muxview.start(own);
  t.after(() => muxview.end());
  const page = await open(on.browser, muxview.url);
  await page.waitForFunction(() => document.querySelectorAll('.session').length === 200);
  await until(() => pixels(page, 's0'), 'a picture of the first');
  // Before it was known which are in view, those written to last were asked for: 24 at most.
  const drawn = (await Promise.all(Array.from({ length: 200 }, (_, number) => pixels(page, `s${number}`)))).filter(Boolean);
  assert.ok(drawn.length < 100, `${drawn.length} of 200 have a picture`);
  await page.evaluate(() => {
    window.touched = new Set();
    new MutationObserver((changes) => {
      for (const { target } of changes) {
        const card = (target.closest ? target : target.parentElement)?.closest('.session');
        // Pictures come by themselves.
        if (card && target.tagName !== 'CANVAS') window.touched.add(card);
      }
    }).observe(document.querySelector('#sessions'), { subtree: true, childList: true, characterData: true, attributes: true });
  });
  own.run('rename-session', '-t', '=s7', 's7x');
  await link(page, 's7x').waitFor();
  const touched = await page.evaluate(() => [...window.touched].map((card) => card.querySelector('.name').textContent));
  assert.deepEqual(touched, ['s7x']);
  await link(page, 's199').scrollIntoViewIfNeeded();
  await until(() => pixels(page, 's199'), 'a picture of the last');
  await close(page);
});
