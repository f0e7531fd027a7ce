// The server goes away and comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN, close, lines, Muxview, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);

test('a killed server that comes back finds its viewers, without a reload', async () => {
  const [page, list] = await Promise.all([on.muxview.page('main'), on.muxview.url].map((url) => open(on.browser, url, { expected: BROKEN })));
  await see(page, PROMPT);
  await list.getByRole('link', { name: 'main' }).waitFor();
  await page.evaluate(() => { window.sameDocument = true; });
  await page.keyboard.type('echo before-$((1+1))\n');
  await see(page, /^before-2$/);
  const shown = await lines(page);

  const { address } = on.muxview;
  await on.muxview.end('SIGKILL');
  await state(page, 'reconnecting');
  await page.getByText('Reconnecting…').waitFor();
  assert.deepEqual(await lines(page), shown, 'the old picture stays');
  await page.keyboard.type('lost');
  await page.getByText('what you type is not sent').waitFor();

  on.tmux.run('send-keys', '-t', '=main:', 'clear; echo meanwhile-$((2+2))', 'Enter');
  on.muxview = await Muxview.start(on.tmux, { listen: address });
  await state(page, 'open');
  await see(page, /^meanwhile-4$/);
  assert.ok(await page.evaluate(() => window.sameDocument));
  await page.keyboard.type('echo after-$((3+3))\n');
  await see(page, /^after-6$/);
  assert.ok(!(await lines(page)).join('\n').includes('lost'), 'nothing typed meanwhile was kept');

  on.tmux.start('another');
  await list.getByRole('link', { name: 'another' }).waitFor();
  await Promise.all([close(page), close(list)]);
});
