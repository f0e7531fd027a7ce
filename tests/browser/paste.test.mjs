// Pasting: what arrives in the program, byte for byte; the question before many lines; what is refused.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { FarEnd } from './far-end.mjs';
import { Recorder } from './recorder.mjs';
import { close, open, see, stage, state } from './support.mjs';
import { MESSAGE_BYTES } from '../../static/wire.js';

const on = stage();
let plain, bracketing;
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };

before(() => {
  plain = new Recorder(on.tmux, 'plain');
  bracketing = new Recorder(on.tmux, 'bracketing', '\\033[?2004h');
});

async function watch(session) {
  const page = await open(on.browser, on.muxview.page(session.name), CLIPBOARD);
  await see(page, /ready/);
  await state(page, 'open');
  return page;
}

/** Puts text on the clipboard and pastes it with the keys a person would use. */
async function paste(page, text, keys = 'Control+Shift+V') {
  await page.evaluate((text) => navigator.clipboard.writeText(text), text);
  await page.keyboard.press(keys);
}

/** All that arrived until now: what is typed after it is the end. */
async function arrived(page, session) {
  await page.keyboard.type('!');
  return (await session.until('!')).slice(0, -1);
}

const dialog = (page, name) => page.getByRole('dialog', { name });
const gone = (page) => page.locator('dialog[open]').waitFor({ state: 'detached' });
const inTerminal = (page) => page.evaluate(() => document.activeElement === window.muxview.term.textarea);

for (const keys of ['Control+Shift+V', 'Shift+Insert']) {
  test(`${keys}: a word goes as it is, lines go to a program that brackets them`, async () => {
    let page = await watch(plain);
    await paste(page, '  größer\t漢😀 ', keys);
    assert.equal(await arrived(page, plain), '  größer\t漢😀 ');
    await close(page);
    page = await watch(bracketing);
    await page.waitForFunction(() => window.muxview.term.modes.bracketedPasteMode);
    await paste(page, 'one\r\ntwo\nthree\n', keys);
    assert.equal(await arrived(page, bracketing), '\x1b[200~one\rtwo\rthree\r\x1b[201~');
    await close(page);
  });
}

test('no text ends the bracket it stands in', async () => {
  const page = await watch(bracketing);
  await page.waitForFunction(() => window.muxview.term.modes.bracketedPasteMode);
  await paste(page, 'a\x1b[201~\nrm -rf x\n\x1b[20\x1b[201~1~\x9b201~z');
  await page.getByText('Pasted, but for 4 control characters.').waitFor();
  assert.equal(await arrived(page, bracketing), '\x1b[200~a[201~\rrm -rf x\r[20[201~1~201~z\x1b[201~');
  await close(page);
});

test('before lines go to a program that does not bracket, they are shown: cancel', async () => {
  const page = await watch(plain);
  await paste(page, Array.from({ length: 10 }, (_, n) => `line ${n + 1} ${n ? '' : 'x'.repeat(500)}`).join('\n'));
  const asked = dialog(page, 'Paste 10 lines?');
  await asked.waitFor();
  const shown = await asked.locator('pre').textContent();
  assert.match(shown, /^line 1 x+…\nline 2 \n/);
  assert.match(shown, /\nline 6 \n… and 4 more$/);
  assert.ok(shown.length < 400, 'not all of a long line');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel');
  await page.keyboard.press('Enter'); // as people do after a paste
  await gone(page);
  assert.ok(await inTerminal(page));
  await paste(page, 'a\nb');
  await dialog(page, 'Paste 2 lines?').waitFor();
  await page.keyboard.press('Escape');
  await gone(page);
  assert.ok(await inTerminal(page));
  assert.equal(await arrived(page, plain), '');
  await close(page);
});

test('… pasted as they are, by keyboard', async () => {
  const page = await watch(plain);
  await paste(page, 'one\ntwo\n');
  await dialog(page, 'Paste 2 lines?').waitFor();
  for (const name of ['Paste as one line', 'Paste']) {
    await page.keyboard.press('Shift+Tab');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), name);
  }
  await page.keyboard.press('Enter');
  await gone(page);
  assert.ok(await inTerminal(page));
  assert.equal(await arrived(page, plain), 'one\rtwo\r');
  await close(page);
});

test('… or as one line, which runs nothing', async () => {
  const page = await watch(plain);
  await paste(page, 'make \\\n   all\n\n  install\n');
  await dialog(page, 'Paste 4 lines?').getByRole('button', { name: 'Paste as one line' }).click();
  await gone(page);
  assert.ok(await inTerminal(page));
  assert.equal(await arrived(page, plain), 'make \\ all install');
  await paste(page, 'reboot\n');
  await dialog(page, 'Paste a line that runs at once?').getByRole('button', { name: 'Paste without the break' }).click();
  await gone(page);
  assert.equal(await arrived(page, plain), 'reboot');
  await close(page);
});

test('text that is dropped is judged as text that is pasted, and a file takes the page nowhere', async () => {
  const page = await watch(plain);
  const drop = (kind, data) => page.evaluate(([kind, data]) => {
    const transfer = new DataTransfer();
    if (kind === 'file') transfer.items.add(new File([data], 'x.png', { type: 'image/png' }));
    else transfer.setData(kind, data);
    const target = document.querySelector('.xterm-screen');
    const at = target.getBoundingClientRect();
    const fire = (type) => target.dispatchEvent(new DragEvent(type, {
      bubbles: true, cancelable: true, clientX: at.left + 9, clientY: at.top + 9, dataTransfer: transfer }));
    return [fire('dragover'), fire('drop')];
  }, [kind, data]);
  assert.deepEqual(await drop('text/plain', 'dropped'), [false, false], 'the browser does nothing of its own');
  assert.equal(await arrived(page, plain), 'dropped');
  await drop('text/plain', 'two\nlines');
  await dialog(page, 'Paste 2 lines?').waitFor();
  await page.keyboard.press('Escape');
  await gone(page);
  await drop('file', 'x');
  await page.getByText('Only text can be pasted here.').waitFor();
  await page.evaluate(() => window.muxview.screen.focus());
  assert.equal(await arrived(page, plain), '');
  await close(page);
});

test('a program that has the mouse has its middle button: nothing is pasted along with it', async () => {
  const { page, far } = await farWatch();
  const middle = (shiftKey) => page.evaluate((shiftKey) => {
    const { textarea, element } = window.muxview.term;
    element.dispatchEvent(new PointerEvent('pointerdown', { bubbles: true, button: 1, buttons: 4, shiftKey, pointerType: 'mouse' }));
    const data = new DataTransfer();
    data.setData('text/plain', 'primary');
    textarea.dispatchEvent(new ClipboardEvent('paste', { bubbles: true, cancelable: true, clipboardData: data }));
  }, shiftKey);
  await middle(false);
  assert.equal(await far.until(typed), 'primary');
  far.draw('\x1b[?1000h\x1b[?1006hmouse');
  await see(page, /mouse/);
  await middle(false);
  await page.keyboard.type('!');
  await far.until((far) => typed(far).endsWith('!'));
  assert.equal(typed(far), 'primary!');
  await middle(true);
  await far.until((far) => typed(far) === 'primary!primary');
  await paste(page, ' key');
  await far.until((far) => typed(far) === 'primary!primary key');
  await close(page);
});

test('without a link a paste is refused, said so, and never sent', async () => {
  const { page, far } = await farWatch();
  await far.last.close({ code: 1011 });
  await far.until(() => far.sockets.length === 2); // and it gets no hello
  await paste(page, 'lost?');
  await page.getByText('Not connected: nothing was pasted. It is still in your clipboard.').waitFor();
  await paste(page, 'two\nlines');
  await page.getByText('Not connected: nothing was pasted.').waitFor();
  assert.equal(await page.locator('dialog[open]').count(), 0);
  far.hello();
  await state(page, 'open');
  await page.keyboard.type('!');
  await far.until((far) => typed(far).endsWith('!'));
  assert.equal(typed(far), '!');
  await close(page);
});

test('a link that drops while somebody is asked: the question stays, and so does what it is about', async () => {
  const { page, far } = await farWatch();
  await paste(page, 'two\nlines');
  const asked = dialog(page, 'Paste 2 lines?');
  await asked.waitFor();
  await far.last.close({ code: 1011 });
  await far.until(() => far.sockets.length === 2);
  await asked.getByRole('button', { name: 'Paste', exact: true }).click();
  await asked.getByText('Not connected: nothing was pasted.').waitFor();
  far.hello();
  await state(page, 'open');
  await asked.getByRole('button', { name: 'Paste', exact: true }).click();
  await gone(page);
  await page.keyboard.type('!');
  await far.until((far) => typed(far).endsWith('!'));
  assert.equal(typed(far), 'two\rlines!');
  await close(page);
});

test('a spectator pastes nothing and is told', async () => {
  const { page, far } = await farWatch({ role: 'view' });
  await page.evaluate(() => window.muxview.screen.paste('two\nlines'));
  await page.getByText('You are only watching: nothing was pasted.').waitFor();
  assert.equal(await page.locator('dialog[open]').count(), 0);
  assert.equal(typed(far), '');
  await close(page);
});

test('a paste too long for one message is refused, and the connection lives', async () => {
  const { page, far } = await farWatch();
  const length = MESSAGE_BYTES - 12; // what a bracket needs
  await page.evaluate((length) => window.muxview.screen.paste('ü'.repeat(length / 2 + 1)), length);
  await page.getByText('That is more than 4 MB: too much for one paste. It is still in your clipboard.').waitFor();
  await page.evaluate((length) => window.muxview.screen.paste('ü'.repeat(length / 2)), length);
  await far.until(() => far.heard.some((said) => said.length === length));
  assert.equal(typed(far).length, length / 2);
  assert.equal(far.sockets.length, 1);
  await close(page);
});

/** As `watch`, with the test in the server's place. */
async function farWatch(hello) {
  const page = await open(on.browser, 'about:blank', CLIPBOARD);
  const far = new FarEnd();
  await page.routeWebSocket('**/ws?*', (socket) => far.accept(socket));
  await page.goto(on.muxview.page('plain'));
  await far.until(() => far.sockets.length === 1);
  far.hello(hello);
  await see(page, /first picture/);
  await state(page, 'open');
  return { page, far };
}

const typed = (far) => Buffer.concat(far.heard.filter(Buffer.isBuffer)).toString();
