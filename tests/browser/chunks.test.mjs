// Two pages of one session, one of which takes chunks: both show the same.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, lines, open, see, stage, state } from './support.mjs';

const on = stage(['main']);

/** What the service says it has saved. */
const saved = async () => {
  const text = await (await fetch(new URL('/metrics', on.muxview.url))).text();
  return Number(/^muxview_deflate_saved_bytes_total (\d+)/m.exec(text)?.[1] ?? 0);
};

test('in a browser: typing, paging, a flood and a second page show what a page without chunks shows', async () => {
  const plain = await open(on.browser, 'about:blank');
  await plain.addInitScript(() => { delete globalThis.DecompressionStream; });
  const url = on.muxview.page('main');
  const page = await open(on.browser, url);
  await state(page, 'open');
  await plain.goto(url);
  await state(plain, 'open');
  const same = async (pattern) => {
    await see(page, pattern);
    await see(plain, pattern);
    await page.waitForFunction((wanted) => {
      const { buffer, rows } = window.muxview.term;
      const shown = Array.from({ length: rows }, (_, y) => buffer.active.getLine(buffer.active.viewportY + y)?.translateToString(true) ?? '');
      return JSON.stringify(shown) === wanted;
    }, JSON.stringify(await lines(plain)));
  };
  await page.bringToFront();
  await page.keyboard.type('echo ty""ped\n');
  await same(/^typed$/);
  const before = await saved();
  await page.keyboard.type('for i in 1 2 3 4 5 6 7 8; do clear; seq 1000$i 1030$i; sleep 0.1; done; echo pa""ged\n');
  await same(/^paged$/);
  assert.ok(await saved() > before, 'pages are compressed');
  await page.keyboard.type('seq 200000; echo flo""oded\n');
  await same(/^flooded$/);
  const late = await open(on.browser, url);
  await see(late, /^flooded$/);
  await page.keyboard.type('clear; seq 40; echo la""te\n');
  await same(/^late$/);
  await see(late, /^late$/);
  for (const each of [late, page, plain]) await close(each);
});
