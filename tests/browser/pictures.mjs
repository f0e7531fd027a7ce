// Takes pictures of the real thing, to be looked at (`tests/artifacts/pictures`); two of them stand in the
// README: `make pictures`.

import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BROKEN, close, Muxview, open, see, stage } from './support.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const README = ['session', 'list'];
const on = stage();
// Where the shells are: no picture shows where this is built.
const project = join(on.tmux.directory, 'muxview');

const WIDE = { viewport: { width: 1240, height: 600 }, deviceScaleFactor: 2 };
const DESK = { viewport: { width: 1000, height: 560 }, deviceScaleFactor: 2 };
const PHONE = { viewport: { width: 390, height: 720 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };
const SCHEMES = ['dark', 'light'];

const shell = ['-c', project, 'env PS1="\\[\\033[1;32m\\]~/muxview\\[\\033[m\\] $ " HISTFILE= bash --norc'];
const type = (pane, command) => on.tmux.run('send-keys', '-t', `=${pane}`, `clear; ${command}`, 'Enter');

/** A session with something to see in it. */
function furnish(name) {
  on.tmux.start(name, ...shell);
  on.tmux.run('rename-window', '-t', `=${name}:`, 'edit');
  on.tmux.run('split-window', '-h', '-l', '37%', '-t', `=${name}:`, ...shell);
  on.tmux.run('split-window', '-v', '-t', `=${name}:`, ...shell);
  on.tmux.run('select-pane', '-t', `=${name}:.0`);
  on.tmux.run('new-window', '-d', '-n', 'tests', '-t', `=${name}:`, ...shell);
  on.tmux.run('new-window', '-d', '-n', 'logs', '-t', `=${name}:`, ...shell);
  type(`${name}:0.0`, "grep --color=always -nE '[A-Z_]+: Duration' src/config/limits.rs | head -14");
  type(`${name}:0.1`, 'ls --color=always -F src src/web');
  type(`${name}:0.2`, 'for i in $(seq 16 51); do printf "\\033[48;5;${i}m \\033[m"; done; echo; echo "→ ✓ ─┬─ Ελληνικά"');
}

before(() => {
  for (const folder of ['screenshots', '../artifacts/pictures']) mkdirSync(here(folder), { recursive: true });
  for (const part of ['src', 'README.md', 'CHANGELOG.md']) cpSync(here(`../../${part}`), join(project, part), { recursive: true });
  furnish('work');
  for (const [name, command] of [['build', 'head -20 CHANGELOG.md'], ['notes', 'head -30 README.md']]) {
    on.tmux.start(name, ...shell);
    type(`${name}:`, command);
  }
  on.tmux.run('set-option', '-g', 'status-right', '');
});

const take = (page, name) => page.screenshot({ path: here(`${README.includes(name) ? 'screenshots' : '../artifacts/pictures'}/${name}.png`) });
const session = async (name, options) => {
  const page = await open(on.browser, on.muxview.page(name), { ...options, expected: BROKEN });
  await see(page, /limits|: Duration|Ελληνικά/);
  return page;
};

for (const colorScheme of SCHEMES) {
  test(`a session and its settings, ${colorScheme}`, async () => {
    const page = await session('work', { ...DESK, colorScheme });
    await see(page, /→ ✓/);
    await take(page, colorScheme === 'dark' ? 'session' : 'session-light');
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await take(page, `settings-${colorScheme}`);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Keys' }).click();
    await page.locator('dialog[open]').waitFor();
    await take(page, `keys-${colorScheme}`);
    await close(page);
  });

  test(`the list, ${colorScheme}`, async () => {
    const page = await open(on.browser, on.muxview.url, { ...WIDE, colorScheme });
    await page.getByRole('link', { name: 'work', exact: true }).waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll('.session canvas')].filter(({ width }) => width > 0).length >= 3);
    await take(page, colorScheme === 'light' ? 'list' : 'list-dark');
    await close(page);
  });

  test(`a session that reconnects, and one that has ended, ${colorScheme}`, async () => {
    furnish('over');
    const page = await session('over', { ...DESK, colorScheme });
    await see(page, /→ ✓/);
    const { address } = on.muxview;
    await on.muxview.end('SIGKILL');
    await page.getByRole('button', { name: 'Try now' }).waitFor();
    await page.waitForFunction(() => !document.querySelector('#screen').getAnimations({ subtree: true }).length);
    await take(page, `reconnecting-${colorScheme}`);
    on.muxview = await Muxview.start(on.tmux, { listen: address });
    await page.waitForFunction(() => window.muxview.connection.state === 'open');
    on.tmux.run('kill-session', '-t', '=over');
    await page.getByRole('heading', { name: 'has ended' }).waitFor();
    await take(page, `ended-${colorScheme}`);
    await close(page);
  });

  test(`on a phone, ${colorScheme}`, async () => {
    const page = await session('work', { ...PHONE, colorScheme });
    await see(page, /→ ✓/);
    await take(page, `phone-${colorScheme}`);
    await page.goto(on.muxview.url);
    await page.getByRole('link', { name: 'work', exact: true }).waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll('.session canvas')].some(({ width }) => width > 0));
    await take(page, `phone-list-${colorScheme}`);
    await close(page);
  });
}
