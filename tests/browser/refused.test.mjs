// Why a session cannot be shown, as the page says it: real tmux servers that refuse each attach.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { close, launch, Muxview, open, Tmux } from './support.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** The page of `main` with a server of its own, which `prepare` makes refuse. */
async function refused(prepare, look) {
  const tmux = new Tmux();
  let muxview;
  try {
    tmux.start('main');
    muxview = await Muxview.start(tmux, { environment: prepare(tmux) ?? {} });
    const page = await open(browser, muxview.page('main'), { expected: /503/ });
    await look(page, tmux);
    assert.equal(await page.evaluate(() => 'picture' in document.documentElement.dataset), false);
    await close(page);
  } finally {
    await muxview?.end();
    tmux.end();
  }
}

const said = (page, text) => page.getByRole('status').filter({ hasText: text }).waitFor();

test('a hook that switches every client away is named', () => refused((tmux) => {
  tmux.start('other');
  tmux.run('set-hook', '-g', 'client-attached', 'switch-client -t other');
}, (page) => said(page, 'tmux switches our client to another session each time')));

test('a capability that the configuration takes away is named, with the option', () => refused((tmux) => {
  tmux.run('set-option', '-s', 'terminal-overrides', ',*:clear@');
}, async (page) => {
  await said(page, 'terminal-overrides takes it away');
  assert.deepEqual(await page.locator('#caption code').allTextContents(), ['clear', 'tmux show-options -s terminal-overrides']);
  assert.doesNotMatch(await page.locator('#caption').textContent(), /missing|could not attach.*could not/);
}));

test('a program of another version than its server is named, with what ends the server', () => refused((tmux) => {
  const version = tmux.run('display-message', '-p', '#{version}').trim();
  const other = /^3\.[0-5]/.test(version) ? '3.6' : '3.5a';
  const real = execFileSync('sh', ['-c', 'command -v tmux'], { encoding: 'utf8' }).trim();
  const folder = join(tmux.directory, 'bin');
  mkdirSync(folder);
  writeFileSync(join(folder, 'tmux'), `#!/bin/sh\n[ "$1" = -V ] && exec echo tmux ${other}\nexec '${real}' "$@"\n`, { mode: 0o755 });
  return { PATH: [folder, process.env.PATH].join(delimiter) };
}, async (page, tmux) => {
  await said(page, 'they cannot work together');
  assert.equal(await page.locator('#caption code').textContent(), `kill ${tmux.run('display-message', '-p', '#{pid}').trim()}`);
}));
