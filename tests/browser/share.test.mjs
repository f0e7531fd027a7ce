// An owner lets others watch one session and ends that again; signing out, of one browser and of all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main', 'other'], { muxview: { auth: 'token' } });

/** What a browser's console says of requests that are refused on purpose. */
const REFUSED = /status of 40[13]/;

async function owner(name = 'main', options = {}) {
  const page = await open(on.browser, on.muxview.page(name, new URL(on.muxview.link()).hash), { expected: REFUSED, ...options });
  await see(page, PROMPT);
  return page;
}

const button = (page, name) => page.getByRole('button', { name, exact: true });
const menu = (page) => page.getByRole('dialog', { name: /^Let others watch/ });

/** Makes a link by the keyboard alone, and gives it. */
async function share(page) {
  await button(page, 'Share').focus();
  await page.keyboard.press('Enter');
  await menu(page).getByText('There is no link now.').waitFor();
  await menu(page).getByLabel('Good for').selectOption('1 hour');
  await menu(page).getByLabel('Opened at most').selectOption('once');
  await button(menu(page), 'Make a link').focus();
  await page.keyboard.press('Enter');
  await menu(page).getByRole('listitem').filter({ hasText: 'good once more' }).waitFor();
  return menu(page).getByRole('textbox', { name: 'The link' }).inputValue();
}

async function endLink(page, name) {
  await menu(page).getByRole('button', { name: `End the link to ${name}` }).click();
  await menu(page).getByText('There is no link now.').waitFor();
}

test('an owner shares a session: whoever opens the link watches, and is told when that ends', async () => {
  const page = await owner();
  const link = await share(page);
  assert.match(link, /\/s\/\$\d+#t=share\.[\w-]{20,}$/);

  const guest = await open(on.browser, link.replace('#', '?test#'), { expected: REFUSED });
  await see(guest, PROMPT);
  assert.ok(!guest.url().includes('#'), guest.url());
  await guest.getByText('view only').waitFor();
  assert.equal(await button(guest, 'Share').isVisible(), false);
  await guest.keyboard.type('echo guest-$((1+1))\n');
  await guest.getByText('You are only watching: what you type is not sent.').waitFor();
  await guest.evaluate(() => window.muxview.connection.send(new TextEncoder().encode('echo guest-$((2+2))\n')));

  await page.keyboard.press('Escape');
  await page.keyboard.type('echo owner-$((1+1))\n'); // the terminal has the keys again
  await see(page, /^owner-2$/);
  await see(guest, /^owner-2$/);
  assert.ok(!on.tmux.run('capture-pane', '-p', '-t', 'main').includes('guest-'));

  // The list of a guest has that session alone, and offers nothing else.
  const list = await guest.context().newPage();
  await list.goto(new URL('/', on.muxview.url).href);
  await list.getByRole('link', { name: 'main' }).waitFor();
  assert.equal(await list.getByRole('link', { name: 'other' }).count(), 0);
  await list.keyboard.press('n');
  await list.keyboard.press('?');
  await list.getByRole('dialog', { name: 'Keys' }).waitFor();
  assert.equal(await list.getByRole('dialog', { name: 'New session' }).count(), 0);
  await list.close();

  await button(page, 'Share').click();
  await menu(page).getByText('used up').waitFor();
  await endLink(page, 'main');
  await guest.getByText('The link you watched by was ended or has expired. Ask who sent it for another').waitFor();
  // Neither does a reload ask a guest to run what they cannot.
  await guest.reload();
  await guest.getByRole('heading', { name: 'Another link is needed' }).waitFor();
  await close(guest);
  await close(page);
});

test('an owner who opens a link of their own stays owner', async () => {
  const page = await owner();
  const link = await share(page);
  await page.goto('about:blank');
  await page.goto(link.replace('#', '?test#'));
  await see(page, PROMPT);
  await button(page, 'Share').waitFor();
  assert.equal(await page.evaluate(() => window.muxview.screen.typing), true);
  assert.ok(!page.url().includes('#'), page.url());
  await button(page, 'Share').click();
  await menu(page).getByText('good once more').waitFor(); // it was not used up
  await endLink(page, 'main');
  await close(page);
});

test('a session that a guest watched has ended: nothing is offered that a guest cannot do', async () => {
  on.tmux.start('brief');
  const page = await owner('brief');
  const link = await share(page);
  const guest = await open(on.browser, link.replace('#', '?test#'), { expected: REFUSED });
  await see(guest, PROMPT);
  on.tmux.run('kill-session', '-t', 'brief');
  await guest.getByText('“brief” has ended').waitFor();
  assert.equal(await guest.getByRole('button', { name: 'Start it again' }).count(), 0);
  await guest.getByRole('link', { name: 'Back to the list' }).click();
  await guest.getByRole('heading', { name: 'Nothing to watch' }).waitFor();
  assert.equal(await guest.getByRole('button', { name: /create|new session/i }).count(), 0);
  await close(guest);
  await endLink(page, 'brief');
  await page.getByText('“brief” has ended').waitFor();
  await close(page);
});

test('the dialog fits a window 320 px wide, and so does the header', async () => {
  const page = await owner('main', { viewport: { width: 320, height: 640 } });
  await share(page);
  const wide = await page.evaluate(() => ['dialog.share', 'header', 'html'].map((one) => {
    const { scrollWidth, clientWidth } = document.querySelector(one);
    return scrollWidth - clientWidth;
  }));
  assert.deepEqual(wide, [0, 0, 0]);
  const { width, height } = await menu(page).getByRole('button', { name: 'End the link to main' }).boundingBox();
  assert.ok(width > height, `${width} × ${height}`);
  await endLink(page, 'main');
  await close(page);
});

test('signing out: here, which leaves nothing on the screen, and everywhere', async () => {
  const [here, there] = [await owner(), await owner()];
  await here.waitForFunction(() => sessionStorage.length > 0); // what the session was started with
  const out = async (page, where) => {
    await button(page, 'Settings').click();
    await button(page, 'Sign out…').click();
    await Promise.all([page.waitForEvent('load'), button(page, where).click()]);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  };
  await out(here, 'Sign out here');
  assert.equal(await here.evaluate(() => document.documentElement.dataset.picture), undefined);
  assert.equal(await here.evaluate(() => localStorage.length + sessionStorage.length), 0);
  await state(there, 'open'); // the other browser is still in

  const third = await owner();
  await out(third, 'Sign out everywhere');
  await there.getByText('You were signed out.').waitFor();
  for (const page of [here, there, third]) await close(page);
});
