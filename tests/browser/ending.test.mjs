// A session that ends, starts, moves and is renamed under its page.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN, close, lines, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);
const refused = new RegExp(`${BROKEN.source}|status of 422`);

/** The page of a session, with what starting it again takes. */
async function watch(name) {
  const page = await open(on.browser, on.muxview.page(name), { expected: refused });
  await state(page, 'open');
  await page.waitForFunction((name) => Object.keys(sessionStorage).some((key) => key.startsWith(`muxview.last ${name}:`)), name);
  return page;
}

const ended = (page, name) => page.getByRole('heading', { name: `“${name}” has ended` }).waitFor();

test('killed and started again from the panel: same command, same directory, and the keys go there', async () => {
  on.tmux.run('new-session', '-d', '-s', 'worker', '-c', '/usr', 'echo "begun  here"; exec cat');
  const page = await watch('worker');
  on.tmux.run('kill-session', '-t', '=worker');
  await ended(page, 'worker');
  await page.waitForFunction(() => document.title.startsWith('✕ '));
  assert.equal(await page.getByLabel('Command').inputValue(), 'echo "begun  here"; exec cat');
  assert.equal(await page.getByLabel('Directory').inputValue(), '/usr');
  const { top } = await page.locator('dialog').evaluate((dialog) => dialog.getBoundingClientRect());
  assert.equal(top, 0, 'the panel stands where the header was');
  await page.getByRole('button', { name: 'Start it again' }).click();
  await state(page, 'open');
  await page.locator('dialog').waitFor({ state: 'hidden' });
  await see(page, /^begun {2}here$/);
  await page.keyboard.type('typed\n');
  await see(page, /^typed$/);
  assert.equal(on.tmux.run('list-panes', '-t', '=worker:', '-F', '#{pane_current_command} #{pane_current_path}').trim(), 'cat /usr');
  await close(page);
});

test('a wrong directory is told in the panel, which stays', async () => {
  on.tmux.start('wrong');
  const page = await watch('wrong');
  on.tmux.run('kill-session', '-t', '=wrong');
  await ended(page, 'wrong');
  await page.getByLabel('Directory').fill('/nowhere/at/all');
  await page.getByRole('button', { name: 'Start it again' }).click();
  await page.locator('dialog .failure', { hasText: /\w+ \w+/ }).waitFor();
  await page.getByLabel('Directory').fill('');
  await page.getByRole('button', { name: 'Start it again' }).click();
  await see(page, PROMPT);
  await close(page);
});

test('started elsewhere, the page joins by itself', async () => {
  on.tmux.start('twice');
  const page = await watch('twice');
  on.tmux.run('kill-session', '-t', '=twice');
  await ended(page, 'twice');
  on.tmux.start('twice');
  await state(page, 'open');
  await page.locator('dialog').waitFor({ state: 'hidden' });
  await see(page, PROMPT);
  await page.keyboard.type('echo joined-$((1+1))\n');
  await see(page, /^joined-2$/);
  await close(page);
});

test('a page that came too early joins when the session starts', async () => {
  const page = await open(on.browser, on.muxview.page('soon'));
  await page.getByRole('heading', { name: '“soon” is not running' }).waitFor();
  on.tmux.start('soon');
  await see(page, PROMPT);
  await state(page, 'open');
  await close(page);
});

test('renamed while the page was away: it says so and goes there', async () => {
  on.tmux.start('old');
  const page = await watch('old');
  const { address } = on.muxview;
  await on.muxview.end('SIGKILL');
  await state(page, 'reconnecting');
  on.tmux.run('rename-session', '-t', '=old', 'new');
  on.muxview = await Muxview.start(on.tmux, { listen: address });
  await page.getByRole('heading', { name: '“old” is now “new”' }).waitFor();
  await page.getByRole('button', { name: 'Go there' }).click();
  await state(page, 'open');
  await page.waitForFunction(() => document.querySelector('#session').textContent === 'new');
  await close(page);
});

test('moved by tmux, the page follows and can go back', async () => {
  on.tmux.start('here');
  on.tmux.start('there');
  const page = await watch('here');
  await see(page, PROMPT);
  await page.keyboard.press('Control+b');
  await page.keyboard.type(':switch-client -t =there\n');
  await page.waitForURL('**/s/there?test');
  await page.locator('#caption', { hasText: 'from “here”' }).waitFor();
  await page.getByRole('button', { name: 'Go back' }).click();
  await page.waitForURL('**/s/here?test');
  await state(page, 'open');
  await close(page);
});

test('a driver takes the size of a larger window, and everyone sees it', async () => {
  on.tmux.start('sized');
  const large = await open(on.browser, on.muxview.page('sized'), { viewport: { width: 1200, height: 800 } });
  await see(large, PROMPT);
  const cols = () => large.evaluate(() => window.muxview.term.cols);
  const before = await cols();
  const small = await open(on.browser, on.muxview.page('sized'), { viewport: { width: 500, height: 400 } });
  await see(small, PROMPT);
  await large.waitForFunction((before) => window.muxview.term.cols < before, before);
  await large.getByText('2 here').waitFor();
  await large.getByRole('button', { name: 'Fit to me' }).click();
  await large.waitForFunction((before) => window.muxview.term.cols === before, before);
  await large.getByRole('button', { name: 'Fit to me' }).waitFor({ state: 'hidden' });
  await small.waitForFunction((before) => window.muxview.term.cols === before, before);
  await large.keyboard.type('echo focus\n');
  await see(small, /^focus$/);
  await Promise.all([close(large), close(small)]);
});

test('what is being selected stands still, and stays selected when the picture is drawn anew', async () => {
  on.tmux.start('chosen');
  const page = await open(on.browser, on.muxview.page('chosen'));
  await see(page, PROMPT);
  await page.keyboard.type('clear; echo select-this-word\n');
  await see(page, /^select-this-word$/);
  const cell = await page.evaluate(() => {
    const { left, top, width, height } = document.querySelector('.xterm-screen').getBoundingClientRect();
    const { cols, rows } = window.muxview.term;
    return { left, top, width: width / cols, height: height / rows };
  });
  const at = (column, row) => [cell.left + column * cell.width, cell.top + (row + 0.5) * cell.height];
  await page.mouse.move(...at(0.2, 0));
  await page.mouse.down();
  await page.mouse.move(...at(10.4, 0), { steps: 4 });
  on.tmux.run('send-keys', '-t', '=chosen:', 'echo more-$((1+1))', 'Enter');
  await page.waitForFunction(() => window.muxview.screen.holding > 0);
  await page.mouse.move(...at(16, 0), { steps: 4 });
  assert.ok(!(await lines(page)).includes('more-2'), 'nothing moves under the pointer');
  await page.mouse.up();
  await see(page, /^more-2$/);
  const selected = () => page.evaluate(() => window.muxview.term.getSelection());
  assert.equal(await selected(), 'select-this-word');
  await page.evaluate(() => {
    window.muxview.term.onWriteParsed(() => { window.drawn = true; });
    window.muxview.connection.send(JSON.stringify({ type: 'repaint' }));
  });
  await page.waitForFunction(() => window.drawn);
  await page.waitForFunction(() => window.muxview.term.getSelection() === 'select-this-word');
  await close(page);
});
