// What axe finds on every page and in every state, dark and light, wide and narrow: nothing serious.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { BROKEN, close, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main', 'other']);
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Nothing serious or critical may be found now; `where` says what was looked at. */
async function sound(page, where) {
  if (!await page.evaluate(() => 'axe' in window)) await page.evaluate(axe); // not a script of the page: its policy allows none
  // Half way through a change of colours nothing has the colours that are meant.
  await page.waitForFunction(() => document.getAnimations().every(({ playState, effect }) => playState !== 'running'
    || effect.getComputedTiming().iterations === Infinity));
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    resultTypes: ['violations'],
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  const found = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
    .flatMap(({ id, help, nodes }) => nodes.map(({ html, failureSummary }) => `${where}: ${id}: ${help}\n${html}\n${failureSummary}`));
  assert.deepEqual(found, []);
}

const LOOKS = {
  'light, wide': { colorScheme: 'light' },
  'dark, wide': { colorScheme: 'dark' },
  'light, phone': { colorScheme: 'light', viewport: { width: 320, height: 640 }, hasTouch: true },
  'dark, phone': { colorScheme: 'dark', viewport: { width: 320, height: 640 }, hasTouch: true },
};

test('axe finds what is wrong', async () => {
  const page = await open(on.browser, on.muxview.url);
  await page.getByRole('link', { name: 'main' }).waitFor();
  await page.evaluate(() => document.querySelector('main').append(Object.assign(document.createElement('button'), { className: 'main' })));
  await assert.rejects(sound(page, 'spoilt'), /button-name/);
  await close(page);
});

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the list, its questions and its settings: ${look}`, async () => {
    const page = await open(on.browser, on.muxview.url, { ...options, expected: /ERR_FAILED|ERR_INTERNET_DISCONNECTED/ });
    await page.getByRole('link', { name: 'main' }).waitFor();
    await sound(page, 'list');
    await page.getByRole('button', { name: 'End main' }).click();
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await sound(page, 'end a session');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await sound(page, 'settings of the list');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await sound(page, 'keys of the list');
    await page.keyboard.press('Escape');
    await page.keyboard.press('n');
    await page.getByRole('dialog', { name: 'New session' }).waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('-');
    await page.keyboard.press('Enter');
    await page.getByText('A name has up to 64 letters').waitFor();
    await sound(page, 'new session');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Rename main' }).click();
    await sound(page, 'rename');
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox').fill('nothing is called this');
    await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
    await sound(page, 'nothing matches');
    await page.getByRole('searchbox').fill('');
    await page.route('**/api/events*', (route) => route.abort());
    await page.evaluate(() => dispatchEvent(new Event('pagehide')));
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    await sound(page, 'list without a server');
    await close(page);
  });

  test(`a session, open, lost, ended, and its settings: ${look}`, async () => {
    const name = `axe-${look.replace(/\W+/g, '-')}`;
    on.tmux.start(name);
    on.tmux.run('new-window', '-d', '-t', `=${name}:`);
    const page = await open(on.browser, on.muxview.page(name), { ...options, expected: BROKEN });
    await see(page, PROMPT);
    await state(page, 'open');
    await page.locator('#windows .tab').first().waitFor();
    // Text in all its colours, as far as they are for text.
    const colours = options.colorScheme === 'dark' ? '31 32 33 34 35 36 37 90 91 92 93 94 95 96 97' : '30 31 32 33 34 35 36 90 91 92 93 94 95 96';
    on.tmux.run('send-keys', '-t', `=${name}:`, `clear; for c in ${colours}; do printf "\\033[\${c}mc$c "; done; echo; echo done-$((1+1))`, 'Enter');
    await see(page, /^done-2/);
    await sound(page, 'open');
    await page.getByRole('button', { name: 'Keys', exact: true }).click();
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await sound(page, 'keys');
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.evaluate(() => { window.muxview.screen.paste('two\nlines'); }); // which waits for the answer
    await page.getByRole('dialog', { name: 'Paste 2 lines?' }).waitFor();
    await sound(page, 'a question before lines are pasted');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await sound(page, 'settings');
    await page.getByLabel('Screen reader mode').check();
    await page.getByRole('button', { name: 'Done' }).click();
    await page.locator('.xterm-accessibility').waitFor({ state: 'attached' });
    await sound(page, 'screen reader mode');

    await page.getByRole('button', { name: 'Keys', exact: true }).click();
    await page.locator('dialog[open]').waitFor();
    await sound(page, 'keys');
    await page.keyboard.press('Escape');
    await page.evaluate(() => { window.muxview.screen.paste('one\ntwo\nthree'); });
    await page.locator('dialog[open]').waitFor();
    await sound(page, 'a paste of several lines');
    await page.keyboard.press('Escape');

    const { address } = on.muxview;
    await on.muxview.end('SIGKILL');
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    await sound(page, 'reconnecting');
    on.muxview = await Muxview.start(on.tmux, { listen: address });
    await state(page, 'open');
    on.tmux.run('kill-session', '-t', `=${name}`);
    await page.getByRole('heading', { name: 'has ended' }).waitFor();
    await sound(page, 'ended');
    await close(page);
  });

  test(`the keys and the box for fingers: ${look}`, async () => {
    const page = await open(on.browser, on.muxview.page('main'), { ...options, hasTouch: true, isMobile: true });
    await see(page, PROMPT);
    await page.locator('#keybar').getByRole('button', { name: 'Ctrl' }).tap();
    await page.getByRole('button', { name: 'Write a text' }).tap();
    await page.getByLabel('Text to send').fill('some words');
    await sound(page, 'keys and box');
    await close(page);
  });

  test(`signed out: ${look}`, async () => {
    const own = await Muxview.start(on.tmux, { auth: 'token' });
    const bare = Object.assign(own, { url: own.url.replace(/#.*/, '') });
    for (const [where, url] of [['list', bare.url], ['session', bare.page('main')]]) {
      const page = await open(on.browser, url, { ...options, expected: /status of 401|WebSocket/ });
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await sound(page, `signed out: ${where}`);
      await close(page);
    }
    await own.end();
  });
}
