// The list page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch, Muxview, open, PROMPT, see, Tmux } from './support.mjs';

let browser, muxview;
const tmux = new Tmux();

before(async () => {
  [browser, muxview] = await Promise.all([launch(), Muxview.start(tmux)]);
});
after(async () => {
  await browser?.close();
  await muxview?.end();
  tmux.end();
});

test('explains itself when nothing runs, and creates the first session', async () => {
  const page = await open(browser, muxview.url);
  await page.getByText('No session is running').waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('not a name');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('A name has up to 64 letters').waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('first');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.waitForURL('**/s/first');
  await page.goto(muxview.page('first'));
  await see(page, PROMPT);
  await close(page);
});

test('says that nothing runs only when tmux was asked', async () => {
  const page = await open(browser, 'about:blank', { expected: /503/ });
  let answer = { status: 503, body: 'tmux has not been asked yet' };
  await page.route('**/api/events', (route) => route.fulfill(answer)); // and is asked again
  const become = (state) => {
    const events = { tmux: { state, message: `It is ${state}.` }, sessions: [] };
    const body = Object.entries(events).map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
    answer = { contentType: 'text/event-stream', body };
  };
  const empty = page.getByText('No session is running');
  await page.goto(muxview.url);
  await page.getByText('tmux has not been asked yet').waitFor();
  assert.equal(await empty.isVisible(), false);
  become('starting');
  await page.waitForFunction(() => document.querySelector('#sessions').hidden
    && document.querySelector('#caption').textContent === 'Reconnecting…');
  assert.equal(await empty.isVisible(), false);
  become('failed');
  await page.getByText('It is failed.').waitFor();
  assert.equal(await empty.isVisible(), false);
  become('no-server');
  await empty.waitFor();
  await close(page);
});

test('runs the command asked for', async () => {
  const page = await open(browser, muxview.url);
  await page.getByRole('textbox', { name: 'Name' }).fill('commanded');
  await page.getByLabel('Command').fill('echo "a  b" $((6*7)); cat');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.waitForURL('**/s/commanded');
  await page.goto(muxview.page('commanded'));
  await see(page, /^a {2}b 42$/);
  await close(page);
});

test('a name that is taken is refused with a sentence', async () => {
  const page = await open(browser, muxview.url, { expected: /409/ });
  await page.getByRole('link', { name: 'first' }).waitFor();
  await page.getByRole('textbox', { name: 'Name' }).fill('first');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.locator('#create-failure', { hasText: /\w+ \w+/ }).waitFor();
  await close(page);
});

test('follows what happens in tmux, and renames and ends sessions', async () => {
  const page = await open(browser, muxview.url);
  tmux.start('from outside');
  const row = page.locator('.session', { hasText: 'from outside' });
  await row.waitFor();
  const id = tmux.run('list-sessions', '-F', '#{session_id}', '-f', '#{m:from*,#{session_name}}').trim();
  assert.equal(await row.getByRole('link').getAttribute('href'), `s/${encodeURIComponent(id)}`);

  await row.getByRole('button', { name: 'Rename' }).click();
  await page.getByLabel('New name').fill('renamed');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'renamed', exact: true }).waitFor();
  assert.match(tmux.run('list-sessions', '-F', '#{session_name}'), /^renamed$/m);

  await page.getByRole('button', { name: 'End renamed' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'End renamed' }).click();
  await page.getByRole('button', { name: 'End session' }).click();
  await page.getByRole('link', { name: 'renamed', exact: true }).waitFor({ state: 'detached' });
  assert.doesNotMatch(tmux.run('list-sessions', '-F', '#{session_name}'), /renamed/);
  await close(page);
});

test('can be used in a window 320 px wide and with the keyboard alone', async () => {
  const page = await open(browser, muxview.url, { viewport: { width: 320, height: 600 } });
  await page.getByRole('link', { name: 'first' }).waitFor();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing sticks out');
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.textContent === 'first')) break;
  }
  await page.keyboard.press('Enter');
  await page.waitForURL('**/s/first');
  await close(page);
});
