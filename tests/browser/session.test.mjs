// The page of one session, against a real server, a real tmux and a real browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, lines, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);

test('shows the prompt, and what is typed comes back', async () => {
  const page = await open(on.browser, on.muxview.page('main'));
  await see(page, PROMPT);
  assert.equal(await page.title(), 'main');
  await page.keyboard.type('echo "sum $((40+2))"\n');
  await see(page, /^sum 42$/);
  await close(page);
});

test('every viewer sees the same, live', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => open(on.browser, on.muxview.page('main'))));
  await Promise.all([see(one, PROMPT), see(two, PROMPT)]);
  await one.keyboard.type('clear; echo from-one\n');
  await see(two, /^from-one$/);
  await two.locator('#screen').click();
  await two.keyboard.type('echo from-two\n');
  await see(one, /^from-two$/);
  await one.locator('#viewers', { hasText: '2 here' }).waitFor();
  await Promise.all([close(one), close(two)]);
});

test('a reload gives the whole picture', async () => {
  const page = await open(on.browser, on.muxview.page('main'));
  await see(page, PROMPT);
  await page.keyboard.type('clear; printf "\\033[1;31mred\\033[m %s\\n" ─ü漢; for i in 1 2 3; do echo row-$i; done\n');
  await see(page, /^row-3$/);
  const shown = await lines(page);
  assert.ok(shown.includes('red ─ü漢'), shown.join('\n'));
  await page.reload();
  await see(page, /^row-3$/);
  assert.deepEqual(await lines(page), shown);
  await close(page);
});

test('the grid follows the window', async () => {
  const page = await open(on.browser, on.muxview.page('main'));
  await see(page, PROMPT);
  const columns = () => page.evaluate(() => window.muxview.term.cols);
  const wide = await columns();
  assert.ok(wide > 90, `${wide} columns in a window 900 px wide`);
  await page.setViewportSize({ width: 600, height: 400 });
  await page.waitForFunction((wide) => window.muxview.term.cols < wide, wide);
  await page.locator('#screen').click();
  await page.keyboard.type('clear; stty size\n');
  await see(page, new RegExp(` ${await columns()}$`));
  await close(page);
});

test('a window too small for the grid shows it whole in a smaller font', async () => {
  const large = await open(on.browser, on.muxview.page('main'), { viewport: { width: 1200, height: 800 } });
  await see(large, PROMPT);
  const small = await open(on.browser, `${on.muxview.page('main')}&role=view`, { viewport: { width: 320, height: 500 } });
  await see(small, PROMPT);
  const grid = (page) => page.evaluate(() => [window.muxview.term.cols, window.muxview.term.rows]);
  assert.deepEqual(await grid(small), await grid(large));
  const fits = await small.evaluate(() => {
    const [box, grid] = ['#screen', '.xterm-screen'].map((name) => document.querySelector(name).getBoundingClientRect());
    return grid.width > 0 && grid.left >= box.left && grid.right <= box.right && grid.bottom <= box.bottom;
  });
  assert.ok(fits, 'the whole grid is inside the window');
  assert.equal(await small.locator('#role').isVisible(), true);
  await Promise.all([close(large), close(small)]);
});

test('a rename is followed without a reconnect', async () => {
  on.tmux.start('before');
  const page = await open(on.browser, on.muxview.page('before'));
  await state(page, 'open');
  on.tmux.run('rename-session', '-t', '=before', 'after');
  await page.waitForURL('**/s/after?test');
  assert.equal(await page.locator('#session').textContent(), 'after');
  await page.reload();
  await state(page, 'open');
  on.tmux.run('kill-session', '-t', '=after');
  await page.locator('dialog').waitFor();
  await close(page);
});

test('a session that ends says so and can be started again at the same address', async () => {
  on.tmux.start('short');
  const page = await open(on.browser, on.muxview.page('short'));
  await see(page, PROMPT);
  await page.keyboard.type('exit\n');
  await page.getByRole('heading', { name: '“short” has ended' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'Back to the list' }).count(), 1);
  await page.getByRole('button', { name: 'Start it again' }).click();
  await state(page, 'open');
  await see(page, PROMPT);
  await page.keyboard.type('echo new-$((1+1))\n');
  await see(page, /^new-2$/);
  await close(page);
});

test('a session that does not run is offered to be started', async () => {
  const page = await open(on.browser, on.muxview.page('later'));
  await page.getByRole('heading', { name: '“later” is not running' }).waitFor();
  await page.getByRole('button', { name: 'Start it' }).click();
  await see(page, PROMPT);
  await close(page);
});

test('a session that cannot be in a URL is reached by its id', async () => {
  on.tmux.start('odd name ü/#?%');
  const id = on.tmux.run('list-sessions', '-F', '#{session_id}', '-f', '#{m:odd*,#{session_name}}').trim();
  const page = await open(on.browser, on.muxview.page(id));
  await see(page, PROMPT);
  assert.equal(await page.locator('#session').textContent(), 'odd name ü/#?%');
  await close(page);
});

test('what tmux does besides drawing reaches the page: title, bell, clipboard, another session', async () => {
  on.tmux.start('signals');
  on.tmux.start('elsewhere');
  on.tmux.run('set-option', '-t', '=signals:', 'set-titles', 'on');
  on.tmux.run('set-option', '-t', '=signals:', 'set-titles-string', 'title of #S');
  const page = await open(on.browser, on.muxview.page('signals'), { permissions: ['clipboard-read', 'clipboard-write'] });
  await see(page, PROMPT);
  await page.waitForFunction(() => document.title === 'title of signals · signals');

  await page.keyboard.type('tmux set-buffer -w "copied by tmux"\n');
  await page.getByText(/tmux copied \d+ characters to your clipboard/).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'copied by tmux');

  await page.evaluate(() => { document.hasFocus = () => false; });
  await page.keyboard.type("printf '\\a'\n");
  await page.waitForFunction(() => document.title === '● title of signals · signals');

  await page.keyboard.press('Control+b');
  await page.keyboard.type(':switch-client -t =elsewhere\n');
  await page.waitForURL('**/s/elsewhere?test');
  await see(page, PROMPT);
  assert.equal(await page.locator('#session').textContent(), 'elsewhere');
  await close(page);
});
