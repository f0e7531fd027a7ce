// Sessions, windows and titles that are called what a page must not take for anything but text.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, open, PROMPT, see, stage } from './support.mjs';

const on = stage();

const NAMES = [
  '<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "'-alert(1)-'", '</title><svg onload=alert(1)>', 'javascript:alert(1)',
  '{{7*7}}', '${alert(1)}', '&lt;b&gt;', '%3Cb%3E', '../../api/sessions', '//evil.example', '?role=view', 'a#t=b', '__proto__', 'constructor',
  '#(touch executed)', '$(touch executed)', '`touch executed`', '\u202egnp.exe', 'a\u200bb', '\ufeffmain', '👩‍👩‍👧‍👦', 'e\u0301\u0301\u0301', '\x1b]0;x\x07', 'a\nb', '=main', '@1', '-x', ' ', 'x'.repeat(2_000),
];

test('the list and the page of each show names as text', async () => {
  for (const [index, name] of NAMES.entries()) {
    on.tmux.start(`n${index}`);
    // tmux expands new names; what is in them must be escaped.
    const escaped = name.replaceAll('#', '##');
    on.tmux.run('rename-session', '-t', `=n${index}`, '--', escaped);
    on.tmux.run('rename-window', '-t', ':^', '--', escaped);
    on.tmux.run('select-pane', '-t', ':^', '-T', escaped);
  }
  const listed = on.tmux.run('list-sessions', '-F', '#{session_id}\t#{session_name}').split('\n').filter(Boolean).map((line) => line.split('\t'));
  assert.equal(listed.length, NAMES.length);
  const page = await open(on.browser, on.muxview.url);
  page.on('dialog', () => assert.fail('something ran'));
  const links = page.locator('.session a[href^="s/"]');
  await page.waitForFunction((count) => new Set([...document.querySelectorAll('.session a[href^="s/"]')].map(({ href }) => href)).size === count, listed.length);
  const shown = await links.evaluateAll((links) => links.map((link) => [link.getAttribute('href'), link.textContent]));
  for (const [id, name] of listed) {
    const here = shown.filter(([, text]) => text.includes(name));
    assert.ok(here.length > 0, `${id} ${JSON.stringify(name)}`);
    const plain = /^[\w@.-]+$/.test(name) && encodeURIComponent(name);
    assert.ok(here.some(([href]) => href === `s/${encodeURIComponent(id)}` || href === `s/${plain}`), `${name}: ${JSON.stringify(here)}`);
  }
  assert.equal(await page.locator('svg[onload], img[src="x"], b, script:not([src])').count(), 0);
  for (const [id, name] of listed.filter((_, index) => index % 4 === 0)) {
    await page.goto(on.muxview.page(id));
    await see(page, PROMPT);
    assert.equal(await page.locator('#session').textContent(), name);
    assert.equal(await page.locator('svg[onload], img[src="x"], script:not([src])').count(), 0);
  }
  await close(page);
});
