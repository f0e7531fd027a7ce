// Keys, from a real browser through muxview and tmux to a program: the bytes it gets are compared.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Recorder } from './recorder.mjs';
import { close, open, see, stage, state } from './support.mjs';

const on = stage();
let pane;

before(() => {
  pane = new Recorder(on.tmux, 'main');
  on.tmux.run('set-option', '-g', 'escape-time', '0'); // an Escape is one at once
});

/** A page on the machine that calls itself `platform`. */
async function watch(platform = 'Linux x86_64') {
  const page = await open(on.browser, 'about:blank');
  await page.addInitScript((platform) => Object.defineProperty(navigator, 'platform', { get: () => platform }), platform);
  await page.goto(on.muxview.page('main'));
  await see(page, /ready/);
  await state(page, 'open');
  const cdp = await page.context().newCDPSession(page);
  /** A key as the system tells it; `text`: what it writes if nothing prevents it. */
  page.strike = async ({ key, code, keyCode, alt = 0, ctrl = 0, meta = 0, shift = 0, text }) => {
    const modifiers = alt | (ctrl << 1) | (meta << 2) | (shift << 3);
    const event = { key, code, windowsVirtualKeyCode: keyCode, modifiers };
    await cdp.send('Input.dispatchKeyEvent', { type: text ? 'keyDown' : 'rawKeyDown', text, ...event });
    await cdp.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  };
  return page;
}

/** All that arrived until now: what is typed after it is the end. */
async function arrived(page) {
  await page.keyboard.type('!');
  return (await pane.until('!')).slice(0, -1);
}

test('every key arrives as its bytes', async () => {
  const page = await watch();
  for (const [key, bytes] of [
    ['a', 'a'], ['Shift+A', 'A'], ['Enter', '\r'], ['Tab', '\t'], ['Shift+Tab', '\x1b[Z'], ['Escape', '\x1b'], ['Backspace', '\x7f'],
    ['Control+c', '\x03'], ['Control+v', '\x16'], ['Control+Space', '\0'], ['Control+2', '\0'], ['Control+/', '\x1f'], ['Control+[', '\x1b'],
    ['Control+]', '\x1d'], ['Control+\\', '\x1c'], ['Control+w', '\x17'], ['Control+t', '\x14'], ['Control+n', '\x0e'], ['Control+p', '\x10'],
    ['Alt+x', '\x1bx'], ['Alt+Shift+X', '\x1bX'], ['Alt+.', '\x1b.'], ['Alt+Backspace', '\x1b\x7f'], ['Alt+Enter', '\x1b\r'],
    ['ArrowUp', '\x1b[A'], ['Control+ArrowLeft', '\x1b[1;5D'], ['Shift+ArrowRight', '\x1b[1;2C'], ['Alt+ArrowDown', '\x1b[1;3B'],
    ['Home', '\x1b[1~'], ['End', '\x1b[4~'], ['Insert', '\x1b[2~'], ['Delete', '\x1b[3~'], ['Control+Delete', '\x1b[3;5~'],
    ['PageUp', '\x1b[5~'], ['Shift+PageUp', '\x1b[5;2~'], ['Alt+PageDown', '\x1b[6;3~'],
    ['F1', '\x1bOP'], ['F5', '\x1b[15~'], ['F11', '\x1b[23~'], ['F12', '\x1b[24~'], ['Shift+F5', '\x1b[15;2~'],
  ]) {
    await page.keyboard.press(key);
    assert.equal(JSON.stringify(await arrived(page)), JSON.stringify(bytes), key);
  }
  await close(page);
});

test('no chord of the page reaches the program', async () => {
  const page = await watch();
  await page.keyboard.press('Control+Shift+C');
  await page.keyboard.press('Control+Insert');
  await page.keyboard.press('Control+Shift+?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await page.keyboard.type('lost');
  await page.keyboard.press('Escape');
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+Shift+F6');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape'); // back
  assert.equal(await arrived(page), '');
  await close(page);
});

test('dead keys: the character once, and a key that ends one is not lost', async () => {
  const page = await watch();
  const dead = { key: 'Dead', code: 'Quote', keyCode: 222 };
  await page.strike(dead);
  await page.strike({ key: 'é', code: 'KeyE', keyCode: 69, text: 'é' });
  await page.strike(dead);
  await page.keyboard.press('ArrowLeft');
  await page.strike(dead);
  await page.keyboard.press('Escape');
  await page.strike(dead);
  await page.keyboard.press('Backspace');
  await page.strike(dead);
  await page.keyboard.press('Shift');
  await page.strike({ key: 'É', code: 'KeyE', keyCode: 69, shift: 1, text: 'É' });
  await page.keyboard.press('F1');
  assert.equal(await arrived(page), 'é\x1b[D\x1b\x7fÉ\x1bOP');
  await close(page);
});

test('AltGr types what the layout gives, and takes no other key along', async () => {
  const page = await watch();
  const hold = (type, key, code, keyCode) => page.evaluate((event) => window.muxview.term.textarea.dispatchEvent(
    new KeyboardEvent(event.type, { ...event, bubbles: true, cancelable: true })), { type, key, code, keyCode, modifierAltGraph: true });
  for (const [key, code, keyCode] of [['@', 'KeyQ', 81], ['€', 'KeyE', 69], ['|', 'IntlBackslash', 226], ['{', 'Digit7', 55], ['ß', 'KeyS', 83]]) {
    await hold('keydown', 'AltGraph', 'AltRight', 225);
    await hold('keydown', key, code, keyCode);
    await hold('keyup', key, code, keyCode);
    await hold('keyup', 'AltGraph', 'AltRight', 225);
  }
  await hold('keydown', 'AltGraph', 'AltRight', 225);
  await hold('keyup', 'AltGraph', 'AltRight', 225);
  await page.keyboard.press('ArrowLeft');
  assert.equal(await arrived(page), '@€|{ß\x1b[D');
  await close(page);
});

test('Windows: AltGr is Ctrl-Alt', async () => {
  const page = await watch('Win32');
  await page.strike({ key: '@', code: 'KeyQ', keyCode: 81, ctrl: 1, alt: 1, text: '@' });
  await page.strike({ key: '{', code: 'Digit7', keyCode: 55, ctrl: 1, alt: 1, text: '{' });
  await page.strike({ key: 'ą', code: 'KeyA', keyCode: 65, ctrl: 1, alt: 1, text: 'ą' });
  await page.strike({ key: 'x', code: 'KeyX', keyCode: 88, ctrl: 1, alt: 1 }); // nothing there: Ctrl and Alt
  await page.strike({ key: 'x', code: 'KeyX', keyCode: 88, alt: 1 });
  assert.equal(await arrived(page), '@{ą\x1b\x18\x1bx');
  await close(page);
});

test('a Mac: Option is Meta by setting, but for what could not be typed without it', async () => {
  const page = await watch('MacIntel');
  const all = async () => {
    await page.strike({ key: '≈', code: 'KeyX', keyCode: 88, alt: 1, text: '≈' });
    await page.strike({ key: '@', code: 'KeyL', keyCode: 76, alt: 1, text: '@' });
    await page.strike({ key: '[', code: 'Digit5', keyCode: 53, alt: 1, text: '[' });
    await page.strike({ key: 'x', code: 'KeyX', keyCode: 88, ctrl: 1 });
    await page.strike({ key: 'a', code: 'KeyA', keyCode: 65, meta: 1 });
    return arrived(page);
  };
  assert.equal(await all(), '\x1bx@[\x18');
  await page.evaluate(() => {
    const kept = JSON.stringify({ optionIsMeta: false });
    localStorage.setItem('muxview.settings', kept);
    dispatchEvent(new StorageEvent('storage', { key: 'muxview.settings' }));
  });
  assert.equal(await all(), '≈@[\x18');
  await close(page);
});

test('the sheet tells of every chord, in the words of the machine, and gives the keys back', async () => {
  for (const [platform, copy, link] of [['Linux x86_64', 'Ctrl+Shift+C', 'Ctrl+click'], ['MacIntel', '⌘+C', '⌘+click']]) {
    const page = await watch(platform);
    await page.getByRole('button', { name: 'Keys' }).click();
    const sheet = page.getByRole('dialog', { name: 'Keys' });
    await sheet.getByText('This sheet').waitFor();
    const text = await sheet.evaluate((sheet) => sheet.innerText);
    for (const words of [copy, link, 'Copy what is selected', 'Interrupt', 'Select while a program has the mouse', 'New window']) {
      assert.ok(text.includes(words), `${words}: ${text}`);
    }
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Close');
    assert.equal(await sheet.evaluate((sheet) => sheet.scrollTop), 0);
    await page.keyboard.press('Control+Shift+?');
    await page.waitForFunction(() => document.querySelectorAll('dialog.sheet').length === 1);
    await page.keyboard.press('Enter');
    await sheet.waitFor({ state: 'detached' });
    assert.equal(await arrived(page), '');
    await close(page);
  }
});

test('the sheet leads to the whole screen', async () => {
  const page = await watch();
  await page.evaluate(() => {
    window.locked = 0;
    navigator.keyboard.lock = async () => { window.locked += 1; };
  });
  await page.keyboard.press('Control+Shift+?');
  await page.getByRole('button', { name: 'Full screen, with all keys' }).click();
  await page.waitForFunction(() => document.fullscreenElement && window.locked === 1);
  await page.locator('dialog[open]').waitFor({ state: 'detached' });
  assert.equal(await arrived(page), '');
  await close(page);
});
