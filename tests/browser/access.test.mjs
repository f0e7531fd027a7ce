// Signing in with the printed link.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { close, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main'], { muxview: { auth: 'token' } });

const unauthorized = /status of 401/;

test('the link signs this browser in, and leaves no secret in the address bar', async () => {
  assert.match(on.muxview.url, /#t=[\w.-]{20,}$/);
  const page = await open(on.browser, on.muxview.url, { expected: unauthorized });
  await page.getByRole('link', { name: 'main' }).click();
  await page.waitForURL('**/s/main');
  await page.goto(on.muxview.page('main'));
  await see(page, PROMPT);
  // The link is used up; this browser is signed in all the same.
  await page.goto(on.muxview.url);
  await page.getByRole('link', { name: 'main' }).waitFor();
  assert.ok(!page.url().includes('#'), page.url());
  await close(page);
});

test('a link that was opened signs in nobody else', async () => {
  const page = await open(on.browser, on.muxview.url, { expected: unauthorized });
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'main' }).count(), 0);
  await close(page);
});

test('the link of a session page signs in as well', async () => {
  const page = await open(on.browser, on.muxview.page('main', new URL(on.muxview.link()).hash));
  await see(page, PROMPT);
  assert.ok(!page.url().includes('#'), page.url());
  await close(page);
});

test('without it both pages ask for it, show nothing, and go on when they have it', async () => {
  for (const [url, proof] of [
    [new URL('/', on.muxview.url).href, (page) => page.getByRole('link', { name: 'main' }).waitFor()],
    [on.muxview.page('main'), (page) => see(page, PROMPT)],
  ]) {
    const page = await open(on.browser, url, { expected: unauthorized });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'main' }).count(), 0);
    await page.getByLabel('Link').fill('two words');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('neither a link').waitFor();
    await page.getByLabel('Link').fill('wrong-link-wrong-link');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('no good any more').waitFor();
    await page.getByLabel('Link').fill(on.muxview.link());
    await page.getByRole('button', { name: 'Sign in' }).click();
    await proof(page);
    await close(page);
  }
});

test('a link that is opened in another tab signs in the one that asked as well', async () => {
  for (const [url, proof] of [
    [new URL('/', on.muxview.url).href, (page) => page.getByRole('link', { name: 'main' }).waitFor()],
    [on.muxview.page('main'), (page) => see(page, PROMPT)],
  ]) {
    const page = await open(on.browser, url, { expected: unauthorized });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    const other = await page.context().newPage();
    await other.goto(on.muxview.link());
    await proof(page);
    assert.equal(await page.getByRole('heading', { name: 'Sign in' }).isVisible(), false);
    await close(page);
  }
});

test('a page whose sign-in does not hold any more says so, and goes on with the new one', async () => {
  const page = await open(on.browser, on.muxview.page('main', new URL(on.muxview.link()).hash), { expected: /status of 401|WebSocket connection/ });
  await see(page, PROMPT);
  await page.evaluate(() => { window.sameDocument = true; });
  const { address } = on.muxview;
  await on.muxview.end();
  rmSync(join(on.tmux.directory, 'state'), { recursive: true }); // there the keys were
  on.muxview = await Muxview.start(on.tmux, { auth: 'token', listen: address });
  await page.getByText('You were signed out.').waitFor();
  assert.equal(await page.evaluate(() => window.muxview.connection.reason), 'sign-in');
  await page.getByLabel('Link').fill(on.muxview.link());
  await page.getByRole('button', { name: 'Sign in' }).click();
  await state(page, 'open');
  await page.keyboard.type('echo in-$((1+1))\n'); // the keys go to the terminal again
  await see(page, /^in-2$/);
  assert.ok(await page.evaluate(() => window.sameDocument));
  await close(page);
});
