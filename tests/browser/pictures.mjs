// Takes the pictures of the README from the real thing: `make pictures`.

import { mkdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { close, launch, Muxview, open, see, Tmux } from './support.mjs';

const folder = fileURLToPath(new URL('screenshots/', import.meta.url));
const project = fileURLToPath(new URL('../../', import.meta.url));

let browser, muxview;
const tmux = new Tmux();

before(async () => {
  mkdirSync(folder, { recursive: true });
  const shell = ['-c', project, 'env PS1="\\[\\033[1;32m\\]~/muxview\\[\\033[m\\] $ " bash --norc'];
  tmux.start('work', ...shell);
  tmux.run('set-option', '-g', 'status-right', '');
  tmux.run('split-window', '-h', '-l', '37%', '-t', '=work:', ...shell);
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
  const type = (pane, command) => tmux.run('send-keys', '-t', `=work:.${pane}`, `clear; ${command}`, 'Enter');
  type(0, "grep --color=always -nE '[A-Z_]+: Duration' src/config/limits.rs | head -14");
  type(1, 'ls --color=always -F src static/*.js');
  type(2, 'for i in $(seq 16 51); do printf "\\033[48;5;${i}m \\033[m"; done; echo; echo "→ ✓ ─┬─ Ελληνικά"');
  await see(page, /: Duration = Duration::from_/);
  await see(page, /wire\.js/);
  await see(page, /→ ✓/);
  await page.screenshot({ path: `${folder}/session.png` });
  await close(page);
});

test('the list', async () => {
  const page = await open(browser, muxview.url, { viewport: { width: 1000, height: 560 }, colorScheme: 'light', deviceScaleFactor: 2 });
  await page.getByRole('link', { name: 'work' }).waitFor();
  await page.screenshot({ path: `${folder}/list.png` });
  await close(page);
});
