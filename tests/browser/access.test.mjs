// Signing in with the printed link.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch, Muxview, open, PROMPT, see, Tmux } from './support.mjs';

let browser, muxview;
const tmux = new Tmux();
const unauthorized = /status of 401/;

before(async () => {
  tmux.start('main');
  [browser, muxview] = await Promise.all([launch(), Muxview.start(tmux, { auth: 'token' })]);
});
after(async () => {
  await browser?.close();
  await muxview?.end();
  tmux.end();
});

test('the link signs this browser in, and leaves no secret in the address bar', async () => {
  assert.match(muxview.url, /#t=[\w-]{20,}$/);
  const page = await open(browser, muxview.url);
  await page.getByRole('link', { name: 'main' }).click();
  await page.waitForURL('**/s/main');
  await page.goto(muxview.page('main'));
  await see(page, PROMPT);
  await page.goto(muxview.url);
  await page.getByRole('link', { name: 'main' }).waitFor();
  assert.ok(!page.url().includes('#'), page.url());
  await close(page);
});

test('the link of a session page signs in as well', async () => {
  const page = await open(browser, muxview.page('main', new URL(muxview.url).hash));
  await see(page, PROMPT);
  assert.ok(!page.url().includes('#'), page.url());
  await close(page);
});

test('without it both pages ask for it, show nothing, and go on when they have it', async () => {
  for (const [url, proof] of [
    [new URL('/', muxview.url).href, (page) => page.getByRole('link', { name: 'main' }).waitFor()],
    [muxview.page('main'), (page) => see(page, PROMPT)],
  ]) {
    const page = await open(browser, url, { expected: unauthorized });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.getByRole('link', { name: 'main' }).count(), 0);
    await page.getByLabel('Link or secret').fill('two words');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText('neither a link').waitFor();
    await page.getByLabel('Link or secret').fill('wrong-secret-wrong-secret');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByLabel('Link or secret').and(page.locator(':not([value])')).waitFor();
    await page.waitForFunction(() => document.querySelector('dialog input')?.value === '');
    await page.getByLabel('Link or secret').fill(muxview.url);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await proof(page);
    await close(page);
  }
});
