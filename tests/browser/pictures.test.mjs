// The pictures of the README, made from the real thing. They land in tests/artifacts; `make pictures`
// replaces the ones that are shown.

import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { close, launch, Muxview, open, see, Tmux } from './support.mjs';

const folder = fileURLToPath(new URL(process.env.MUXVIEW_PICTURES ?? '../artifacts/', import.meta.url));
const project = fileURLToPath(new URL('../../', import.meta.url));

let browser, muxview;
const tmux = new Tmux();

before(async () => {
  mkdirSync(folder, { recursive: true });
  const shell = ['-c', project, 'env PS1="\\[\\033[1;32m\\]~/muxview\\[\\033[m\\] $ " bash --norc'];
  tmux.start('work', ...shell);
  tmux.run('set-option', '-g', 'status-right', '');
  tmux.run('split-window', '-h', '-l', '45%', '-t', '=work:', ...shell);
  tmux.run('split-window', '-v', '-t', '=work:', ...shell);
  tmux.run('select-pane', '-t', '=work:.0');
  tmux.start('logs', ...shell);
  tmux.start('notes', ...shell);
  [browser, muxview] = await Promise.all([launch(), Muxview.start(tmux)]);
});
after(async () => {
  await browser?.close();
  await muxview?.end();
  tmux.end();
});

test('a session', async () => {
  const page = await open(browser, muxview.page('work'), { viewport: { width: 1000, height: 560 }, colorScheme: 'dark', deviceScaleFactor: 2 });
  await see(page, /\$/);
  tmux.run('send-keys', '-t', '=work:.0', 'clear; grep --color=always -n "[a-z]" src/lib.rs | head -40', 'Enter');
  tmux.run('send-keys', '-t', '=work:.1', 'clear; ls --color=always -F', 'Enter');
  tmux.run('send-keys', '-t', '=work:.2', 'clear; tmux list-clients -F "#{session_name} #{client_width}x#{client_height}"', 'Enter');
  await see(page, /muxview shows tmux sessions/);
  await see(page, /Cargo\.toml/);
  await see(page, /work 1\d\dx\d\d/);
  await page.screenshot({ path: `${folder}/session.png` });
  await close(page);
});

test('the list', async () => {
  const page = await open(browser, muxview.url, { viewport: { width: 1000, height: 560 }, colorScheme: 'light', deviceScaleFactor: 2 });
  await page.getByRole('link', { name: 'work' }).waitFor();
  await page.screenshot({ path: `${folder}/list.png` });
  await close(page);
});
