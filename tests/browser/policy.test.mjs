// The content security policy: strict, on every answer, and nothing the pages do is against it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN, close, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);

test('every page says what it may load, and no more than that', async () => {
  for (const path of ['', 's/main', 's/none', 'nothing/here', 'api/sessions']) {
    const answer = await fetch(new URL(path, on.muxview.url));
    const policy = Object.fromEntries(answer.headers.get('content-security-policy').split(';').map((part) => {
      const [name, ...sources] = part.trim().split(/\s+/);
      return [name, sources.join(' ')];
    }));
    const { 'default-src': all, 'script-src': scripts, 'connect-src': connect, 'img-src': images, 'style-src': styles } = policy;
    // Styles: xterm.js draws with style elements and attributes of its own.
    assert.deepEqual([all, scripts, connect, images, styles], ["'none'", "'self'", "'self'", "'self' data:", "'self' 'unsafe-inline'"], path);
    assert.equal(policy['require-trusted-types-for'], "'script'");
    for (const never of ['base-uri', 'form-action', 'frame-ancestors']) assert.equal(policy[never], "'none'", `${path}: ${never}`);
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
  }
});

/** A page that keeps what its policy refused, over reloads. */
async function watched(url, options) {
  const page = await open(on.browser, 'about:blank', options);
  page.refused = [];
  await page.exposeFunction('refused', (what) => page.refused.push(what));
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation',
    ({ violatedDirective, blockedURI, sourceFile, lineNumber }) => window.refused(`${violatedDirective} ${blockedURI} at ${sourceFile}:${lineNumber}`)));
  await page.goto(url);
  return page;
}

async function blameless(page) {
  await page.evaluate(() => new Promise((resolve) => { setTimeout(resolve); })); // reports come as tasks
  assert.deepEqual(page.refused, []);
  await close(page);
}

test('a violation is seen', async () => {
  const page = await watched(on.muxview.url, { expected: /Content Security Policy/ });
  await page.evaluate(() => new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', resolve, { once: true });
    new Image().src = 'https://example.org/';
  }));
  assert.match(page.refused[0], /^img-src/);
  await close(page);
});

test('list: pictures, create, rename, end, filter, keys, settings', async () => {
  const page = await watched(on.muxview.url);
  const button = (name) => page.getByRole('button', { name, exact: true });
  await button('New session').click();
  await page.getByRole('textbox', { name: 'Name' }).fill('made');
  await button('Create').click();
  await page.waitForURL('**/s/made');
  await page.goto(on.muxview.url);
  await page.waitForFunction(() => [...document.querySelectorAll('.session canvas')].some(({ width }) => width > 0));
  await button('Rename made').click();
  await page.getByLabel('New name').fill('named');
  await page.keyboard.press('Enter');
  await button('End named').click();
  await button('End session').click();
  await page.getByRole('link', { name: 'named', exact: true }).waitFor({ state: 'detached' });
  await page.getByLabel('Filter').fill('nothing like it');
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor();
  await button('Keys').click();
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.press('Escape');
  await button('Settings').click();
  await page.getByLabel('Theme').selectOption('gruvbox');
  await button('Done').click();
  await blameless(page);
});

for (const [kind, options] of [['desk', {}], ['phone', { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true }]]) {
  test(`a session on a ${kind}: colours, links, every setting, the lost link, the end`, async () => {
    on.tmux.start(kind);
    on.tmux.run('new-window', '-d', '-t', `=${kind}:`);
    const page = await watched(on.muxview.page(kind), { ...options, expected: BROKEN, permissions: ['clipboard-read', 'clipboard-write'] });
    await see(page, PROMPT);
    await state(page, 'open');
    on.tmux.run('send-keys', '-t', `=${kind}:`, 'clear; printf "\\033[1;3;4;9;38;2;1;200;100;48;5;17mcolours\\033[m \\033[7;5mmore\\033[m https://example.org/ 漢 \\a\\n"; tmux set-buffer -w copied', 'Enter');
    await see(page, /^colours more/);
    const row = await page.evaluate(() => {
      const { left, top } = document.querySelector('.xterm-screen').getBoundingClientRect();
      return { x: left + 5, y: top + 5 };
    });
    await page.mouse.move(row.x, row.y);
    await page.mouse.down();
    await page.mouse.move(row.x + 100, row.y, { steps: 3 });
    await page.mouse.up();
    await page.getByRole('button', { name: 'Settings' }).click();
    const dialog = page.getByRole('dialog', { name: 'Settings' });
    await dialog.waitFor();
    for (const select of await dialog.locator('select').all()) {
      for (const value of await select.locator('option').evaluateAll((options) => options.map((option) => option.value))) await select.selectOption(value);
    }
    await page.waitForFunction(() => document.querySelector('.xterm-screen canvas'));
    for (const box of await dialog.getByRole('checkbox').all()) await box.click();
    for (const box of await dialog.getByRole('checkbox').all()) await box.click();
    await dialog.getByLabel('Font', { exact: true }).fill('Hack');
    await dialog.getByRole('button', { name: 'Reset all' }).click();
    await dialog.getByRole('button', { name: 'Done' }).click();
    for (const tab of await page.locator('nav button:visible').all()) {
      await tab.click();
      await page.keyboard.press('Escape');
    }
    await page.getByRole('button', { name: 'Keys', exact: true }).click();
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.evaluate(() => { window.muxview.screen.paste('one\ntwo\nthree'); });
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog[open]').waitFor({ state: 'hidden' });
    const { address } = on.muxview;
    await on.muxview.end('SIGKILL');
    await page.getByRole('button', { name: 'Try now' }).waitFor(); // the icon is drawn as data:
    on.muxview = await Muxview.start(on.tmux, { listen: address });
    await state(page, 'open');
    on.tmux.run('kill-session', '-t', `=${kind}`);
    await page.getByRole('button', { name: 'Start it again' }).click();
    await state(page, 'open');
    await blameless(page);
  });
}
