// A program in a real tmux asks all a terminal can be asked, also past tmux: whoever answers, it is no browser.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { QUESTIONS } from './questions.mjs';
import { close, open, see, stage } from './support.mjs';

const on = stage();

/** Bytes of input muxview has taken from all browsers. */
async function typed() {
  const metrics = await (await fetch(new URL('/metrics', on.muxview.url))).text();
  return Number(/^muxview_input_bytes_total (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

test('no answer of a browser reaches tmux, nor the program that asked', async () => {
  const [asked, answers, script] = ['asked', 'answers', 'ask.sh'].map((name) => join(on.tmux.directory, name));
  const past = QUESTIONS.map((question) => `\x1bPtmux;${question.replaceAll('\x1b', '\x1b\x1b')}\x1b\\`);
  writeFileSync(asked, QUESTIONS.join('') + past.join(''), 'latin1');
  // It hears what is typed as it is, and nobody types but at the end.
  writeFileSync(script, `stty raw -echo; tmux wait-for go; cat ${asked}; printf '\\033c\\033\\\\asked'; cat >${answers}`);
  on.tmux.start('main', `sh ${script}`);
  on.tmux.run('set-option', '-g', 'allow-passthrough', 'on');
  on.tmux.run('set-option', '-g', 'set-clipboard', 'on');
  const page = await open(on.browser, on.muxview.page('main'), { permissions: ['clipboard-read', 'clipboard-write'] });
  await page.waitForFunction(() => window.muxview?.connection.state === 'open');
  await page.evaluate(() => navigator.clipboard.writeText('mine'));
  on.tmux.run('wait-for', '-S', 'go');
  await see(page, /asked/);
  await page.keyboard.type('!');
  await page.waitForFunction(async () => {
    const metrics = await (await fetch('/metrics')).text();
    return /^muxview_input_bytes_total [1-9]/m.test(metrics);
  });
  assert.equal(await typed(), 1);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'mine');
  // What tmux itself answers is tmux's: it names no browser, and no text of the program's.
  const heard = readFileSync(answers, 'latin1');
  assert.ok(!/gotcha|xterm\.js|mine|bWluZQ/.test(heard), heard);
  await close(page);
});
