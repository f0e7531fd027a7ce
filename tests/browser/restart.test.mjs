// The server goes away and comes back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch, lines, Muxview, open, PROMPT, see, state, Tmux } from './support.mjs';

let browser, muxview;
const tmux = new Tmux();
const refused = /WebSocket connection|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET/;

before(async () => {
  tmux.start('main');
  [browser, muxview] = await Promise.all([launch(), Muxview.start(tmux)]);
});
after(async () => {
  await browser?.close();
  await muxview?.end();
  tmux.end();
});

test('a killed server that comes back finds its viewers, without a reload', async () => {
  const [page, list] = await Promise.all([muxview.page('main'), muxview.url].map((url) => open(browser, url, { expected: refused })));
  await see(page, PROMPT);
  await list.getByRole('link', { name: 'main' }).waitFor();
  await page.evaluate(() => { window.sameDocument = true; });
  await page.keyboard.type('echo before-$((1+1))\n');
  await see(page, /^before-2$/);
  const shown = await lines(page);

  const { address } = muxview;
  await muxview.end('SIGKILL');
  await state(page, 'reconnecting');
  await page.getByText('Reconnecting…').waitFor();
  assert.deepEqual(await lines(page), shown, 'the old picture stays');
  await page.keyboard.type('lost');
  await page.getByText('what you type is not sent').waitFor();

  tmux.run('send-keys', '-t', '=main:', 'clear; echo meanwhile-$((2+2))', 'Enter');
  muxview = await Muxview.start(tmux, { listen: address });
  await state(page, 'open');
  await see(page, /^meanwhile-4$/);
  assert.ok(await page.evaluate(() => window.sameDocument));
  await page.keyboard.type('echo after-$((3+3))\n');
  await see(page, /^after-6$/);
  assert.ok(!(await lines(page)).join('\n').includes('lost'), 'nothing typed meanwhile was kept');

  tmux.start('another');
  await list.getByRole('link', { name: 'another' }).waitFor();
  await Promise.all([close(page), close(list)]);
});
