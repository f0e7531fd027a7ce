// Copying and the clipboard of tmux: what gets there, who is told, and what never may.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { FarEnd } from './far-end.mjs';
import { close, open, PROMPT, see, stage, state } from './support.mjs';

const on = stage(['main']);
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };

before(() => {
  on.tmux.run('set-option', '-g', 'set-clipboard', 'on');
});

/** A page with the test in the server's place. */
async function watch(options = CLIPBOARD, prepare = () => {}) {
  const page = await open(on.browser, 'about:blank', options);
  await prepare(page);
  const far = new FarEnd();
  await page.routeWebSocket('**/ws?*', (socket) => far.accept(socket));
  await page.goto(on.muxview.page('main'));
  await far.until(() => far.sockets.length === 1);
  far.hello();
  await see(page, /first picture/);
  await state(page, 'open');
  return { page, far };
}

const typed = (far) => Buffer.concat(far.heard.filter(Buffer.isBuffer)).toString();
const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Where the cell is, in px. */
const cell = (page, x, y) => page.evaluate(([x, y]) => {
  const { term } = window.muxview;
  const box = term.element.querySelector('.xterm-screen').getBoundingClientRect();
  return [box.left + (x + 0.2) * (box.width / term.cols), box.top + (y + 0.5) * (box.height / term.rows)];
}, [x, y]);

/** Drags from one cell to the left edge of another. */
async function drag(page, from, to) {
  await page.mouse.move(...await cell(page, ...from));
  await page.mouse.down();
  await page.mouse.move(...await cell(page, ...to), { steps: 4 });
  await page.mouse.up();
}

for (const chord of ['Control+Shift+C', 'Control+Insert']) {
  test(`${chord} copies what is selected and nothing else, and no key reaches the terminal`, async () => {
    const { page, far } = await watch();
    far.draw('one   \r\n  two ü漢😀\r\nthree');
    await see(page, /three/);
    await page.keyboard.press(chord);
    await page.getByText('Nothing is selected.').waitFor();
    await drag(page, [0, 0], [5, 2]);
    await page.keyboard.press(chord);
    await page.getByText('Copied.').waitFor();
    assert.equal(await clipboard(page), 'one   \n  two ü漢😀\nthree');
    assert.equal(await page.evaluate(() => window.muxview.term.getSelection()), 'one   \n  two ü漢😀\nthree', 'it stays selected');
    await page.keyboard.type('!');
    await far.until(() => typed(far).endsWith('!'));
    assert.equal(typed(far), '!');
    await close(page);
  });
}

test('Ctrl-C is the interrupt, also with a selection', async () => {
  const { page, far } = await watch();
  await page.evaluate(() => navigator.clipboard.writeText('before'));
  await drag(page, [0, 0], [5, 0]);
  assert.equal(await page.evaluate(() => window.muxview.term.getSelection()), 'first');
  await page.keyboard.press('Control+c');
  await far.until(() => typed(far) !== '');
  assert.equal(typed(far), '\x03');
  assert.equal(await clipboard(page), 'before');
  await close(page);
});

test('by setting, what is selected is copied when the button is let go', async () => {
  const { page } = await watch();
  await page.evaluate(() => navigator.clipboard.writeText('before'));
  await drag(page, [0, 0], [5, 0]);
  assert.equal(await clipboard(page), 'before');
  await page.evaluate(() => localStorage.setItem('muxview.settings', JSON.stringify({ copyOnSelect: true })));
  await page.reload();
  await close(page);

  const again = await watch(CLIPBOARD, (page) => page.addInitScript(() => localStorage.setItem('muxview.settings', JSON.stringify({ copyOnSelect: true }))));
  await drag(again.page, [6, 0], [13, 0]);
  await again.page.getByText('Copied.').waitFor();
  assert.equal(await clipboard(again.page), 'picture');
  await again.page.evaluate(() => navigator.clipboard.writeText('before'));
  await again.page.mouse.click(...await cell(again.page, 3, 3)); // which selects nothing
  await again.page.mouse.dblclick(...await cell(again.page, 1, 0));
  await again.page.waitForFunction(async () => (await navigator.clipboard.readText()) === 'first');
  await close(again.page);
});

test('without https the browser’s old command copies, and the focus stays', async () => {
  const { page, far } = await watch(CLIPBOARD, (page) => page.addInitScript(() => {
    window.real = navigator.clipboard; // to look with
    Object.defineProperty(navigator, 'clipboard', { value: undefined });
  }));
  await drag(page, [0, 0], [5, 0]);
  far.draw('\x1b[?1004hfirst picture'); // a program that wants to know where the focus is
  await page.keyboard.press('Control+Shift+C');
  await page.getByText('Copied.').waitFor();
  assert.equal(await page.evaluate(() => window.real.readText()), 'first');
  far.heard.length = 0;
  far.say({ type: 'clipboard', text: 'from tmux' });
  await page.getByText('tmux copied 9 characters to your clipboard.').waitFor();
  assert.equal(await page.evaluate(() => window.real.readText()), 'from tmux');
  await page.keyboard.type('!');
  await far.until(() => typed(far).endsWith('!'));
  assert.equal(typed(far), '!', 'no report of a lost focus either');
  await close(page);
});

test('a browser that wants a click first gets one, and the keys stay with the terminal', async () => {
  const { page, far } = await watch(CLIPBOARD, (page) => page.addInitScript(() => {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    window.clicked = false;
    addEventListener('click', () => { window.clicked = true; }, { capture: true });
    navigator.clipboard.writeText = (text) => (window.clicked ? write(text) : Promise.reject(new Error('no')));
    document.execCommand = () => false;
  }));
  far.say({ type: 'clipboard', text: 'wants a click' });
  await page.getByText('13 characters for your clipboard: the browser wants a click first.').waitFor();
  await page.keyboard.type('a');
  await far.until(() => typed(far) === 'a');
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('tmux copied 13 characters to your clipboard.').waitFor();
  assert.equal(await clipboard(page), 'wants a click');
  await page.keyboard.type('b');
  await far.until(() => typed(far) === 'ab');
  await close(page);
});

test('what is said of a copy stands beside its button', async () => {
  const { page, far } = await watch(CLIPBOARD, (page) => page.addInitScript(() => {
    const write = navigator.clipboard.writeText.bind(navigator.clipboard);
    window.clicked = false;
    addEventListener('click', () => { window.clicked = true; }, { capture: true });
    navigator.clipboard.writeText = (text) => (window.clicked ? write(text) : Promise.reject(new Error('no')));
    document.execCommand = () => false;
  }));
  far.say({ type: 'clipboard', text: 'caf\ufffd' });
  far.say({ type: 'notice', text: 'Some of it is lost.', passing: true });
  await page.getByText('4 characters for your clipboard: the browser wants a click first. Some of it is lost.').waitFor();
  await page.getByRole('button', { name: 'Copy' }).click();
  await page.getByText('tmux copied 4 characters to your clipboard.').waitFor();
  assert.equal(await clipboard(page), 'caf\ufffd');
  far.say({ type: 'notice', text: 'There is no such window.', passing: true });
  await page.getByText(/^There is no such window\.$/).waitFor();
  await close(page);
});

test('no frame reads or writes the clipboard', async () => {
  const { page, far } = await watch();
  await page.evaluate(() => navigator.clipboard.writeText('mine'));
  const text = Buffer.from('theirs').toString('base64');
  far.draw(`\x1b]52;c;${text}\x07\x1b]52;c;?\x07\x1b]52;;${text}\x1b\\\x1b]52;p;?\x1b\\asked`);
  await see(page, /asked/);
  await page.keyboard.type('!');
  await far.until(() => typed(far).endsWith('!'));
  assert.equal(typed(far), '!');
  assert.equal(await clipboard(page), 'mine');
  await close(page);
});

test('what tmux copies reaches the one who typed last, told with its size, and nobody else', async () => {
  const [one, two] = await Promise.all([1, 2].map(() => open(on.browser, on.muxview.page('main'), CLIPBOARD)));
  await Promise.all([see(one, PROMPT), see(two, PROMPT)]);
  for (const page of [one, two]) {
    await page.evaluate(() => {
      window.got = [];
      navigator.clipboard.writeText = async (text) => { window.got.push(text); };
    });
  }
  const text = 'ü漢'.repeat(1_000);
  await two.keyboard.type(`printf '\\033]52;c;%s\\007' "$(printf '${'ü漢'}%.0s' $(seq 1000) | base64 -w0)"; echo sent-$((1+1))\n`);
  await see(two, /^sent-2$/);
  await two.getByText('tmux copied 2000 characters to your clipboard.').waitFor();
  await see(one, /^sent-2$/);
  assert.deepEqual(await two.evaluate(() => window.got), [text]);
  assert.deepEqual(await one.evaluate(() => window.got), []);
  // tmux itself takes a sequence of at most 1 MiB from a program; that is passed on whole.
  await two.keyboard.type(`clear; printf '\\033]52;c;%s\\007' "$(head -c 700000 /dev/zero | tr '\\0' x | base64 -w0)"; echo sent-$((1+2))\n`);
  await see(two, /sent-3$/);
  await two.getByText('tmux copied 700000 characters to your clipboard.').waitFor();
  await two.keyboard.type(`clear; printf '\\033]52;c;%s\\007' "$(printf 'caf\\351' | base64)"; echo sent-$((2+2))\n`);
  await see(two, /sent-4$/);
  await two.getByText('tmux copied 4 characters to your clipboard. Some of what tmux copied is not UTF-8: \ufffd stands for it.').waitFor();
  const long = join(on.tmux.directory, 'long');
  writeFileSync(long, 'x'.repeat(2 ** 20 + 1));
  const [client] = on.tmux.run('list-clients', '-F', '#{client_name} #{client_flags}').split('\n').filter((line) => !line.includes('control-mode'));
  on.tmux.run('load-buffer', '-w', '-t', client.split(' ')[0], long);
  await two.getByText('tmux copied more than 1 MiB: too much to pass on, so your clipboard is unchanged.').waitFor();
  assert.deepEqual(await two.evaluate(() => window.got.map((text) => text.slice(0, 4))), ['ü漢ü漢', 'xxxx', 'caf\ufffd']);
  assert.deepEqual(await one.evaluate(() => window.got), []);
  await Promise.all([close(one), close(two)]);
});
