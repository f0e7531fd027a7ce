// The pointer: links and where they lead, and selecting while a program has the mouse.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FarEnd } from './far-end.mjs';
import { close, open, see, stage, state } from './support.mjs';

const on = stage();

async function watch(options) {
  const page = await open(on.browser, 'about:blank', options);
  await page.context().route(/\.test/, (route) => route.fulfill({ contentType: 'text/html', body: '<title>elsewhere</title>' }));
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
const cell = (page, x, y) => page.evaluate(([x, y]) => {
  const { term } = window.muxview;
  const box = term.element.querySelector('.xterm-screen').getBoundingClientRect();
  return [box.left + (x + 0.2) * (box.width / term.cols), box.top + (y + 0.5) * (box.height / term.rows)];
}, [x, y]);
const tip = (page) => page.locator('#link:not([hidden])');

async function drag(page, from, to) {
  await page.mouse.move(...await cell(page, ...from));
  await page.mouse.down();
  await page.mouse.move(...await cell(page, ...to), { steps: 4 });
  await page.mouse.up();
}

async function click(page, at, modifier) {
  await page.mouse.move(...at);
  if (modifier) await page.keyboard.down(modifier);
  await page.mouse.down();
  await page.mouse.up();
  if (modifier) await page.keyboard.up(modifier);
}

for (const [what, drawn, host] of [
  ['in the text', 'https://docs.test/a?b=c#d.', 'docs.test'],
  ['with a name in front', 'http://bank.test@evil.test:81/x', 'evil.test:81'],
  ['given by a program', '\x1b]8;;https://evil.test/y\x1b\\https://bank.test/\x1b]8;;\x1b\\', 'evil.test'],
  ['in another script', 'https://xn--80ak6aa92e.test/', 'xn--80ak6aa92e.test'],
]) {
  test(`a link ${what} shows its real host, and opens with Ctrl only`, async () => {
    const { page, far } = await watch();
    far.draw(`\r\n  ${drawn}`);
    await see(page, /test/);
    const at = await cell(page, 6, 1);
    await page.mouse.move(...at, { steps: 2 });
    await tip(page).waitFor();
    assert.equal(await tip(page).locator('b').textContent(), host);
    assert.match(await tip(page).textContent(), /Ctrl-click opens/);
    const opened = [];
    page.context().on('page', (page) => opened.push(page));
    await click(page, at);
    const [other] = await Promise.all([page.context().waitForEvent('page'), click(page, at, 'Control')]);
    await other.waitForLoadState();
    assert.equal(new URL(other.url()).host, host);
    assert.equal(await other.evaluate(() => `${window.opener} ${document.referrer}`), 'null ');
    assert.deepEqual(opened, [other], 'once');
    assert.equal(await page.evaluate(() => window.muxview.term.hasSelection()), false);
    await page.mouse.move(...await cell(page, 40, 5));
    await tip(page).waitFor({ state: 'detached' });
    assert.equal(typed(far), '');
    await close(page);
  });
}

test('a link that tmux has broken at the edge leads to its end, from each of its rows', async () => {
  const { page, far } = await watch();
  const url = `https://docs.test/${'0123456789'.repeat(12)}?q=${'x'.repeat(10)}`; // in rows of 60
  const rows = url.match(/.{1,60}/g);
  assert.equal(rows.length, 3);
  far.draw(`${rows.map((row, y) => `\x1b[${y + 1};1H${row}`).join('')}\x1b[4;1Hno more of it\x1b[6;1Hhttps://short.test/x\x1b[7;1Hy`);
  await see(page, /no more/);
  for (const [x, y, href] of [[30, 0, url], [30, 1, url], [10, 2, url], [5, 5, 'https://short.test/x']]) {
    await page.mouse.move(...await cell(page, x, y), { steps: 2 });
    await tip(page).waitFor();
    assert.ok((await tip(page).textContent()).endsWith(href), `${y}: ${await tip(page).textContent()}`);
    await page.mouse.move(...await cell(page, 50, 8));
    await tip(page).waitFor({ state: 'detached' });
  }
  await close(page);
});

test('what is not the web is no link', async () => {
  const { page, far } = await watch();
  far.draw('\x1b]8;;javascript:alert(1)\x1b\\script\x1b]8;;\x1b\\ \x1b]8;;file:///etc/passwd\x1b\\file\x1b]8;;\x1b\\ ftp://x.test/ \x1b]8;;https://x.test/\x1b\\web\x1b]8;;\x1b\\');
  await see(page, /script file/);
  page.context().on('page', () => assert.fail('nothing opens'));
  for (const x of [2, 8, 15]) {
    await page.mouse.move(...await cell(page, x, 0), { steps: 2 });
    await click(page, await cell(page, x, 0), 'Control');
    assert.equal(await tip(page).count(), 0);
  }
  await page.mouse.move(...await cell(page, 28, 0), { steps: 2 });
  await tip(page).waitFor(); // so links were looked for
  await close(page);
});

test('a program that has the mouse gets every click but that on a link with Ctrl', async () => {
  const { page, far } = await watch();
  far.draw('\x1b[?1000h\x1b[?1006h\r\n  https://docs.test/');
  await see(page, /docs/);
  const at = await cell(page, 6, 1);
  await page.mouse.move(...at, { steps: 2 });
  await tip(page).waitFor();
  await click(page, at);
  await far.until((far) => typed(far) === '\x1b[<0;7;2M\x1b[<0;7;2m');
  await Promise.all([page.context().waitForEvent('page'), click(page, at, 'Control')]);
  await click(page, await cell(page, 30, 4), 'Control'); // no link there
  await far.until((far) => typed(far).endsWith('\x1b[<16;31;5M\x1b[<16;31;5m'));
  assert.equal(typed(far), '\x1b[<0;7;2M\x1b[<0;7;2m\x1b[<16;31;5M\x1b[<16;31;5m');
  await close(page);
});

test('on a Mac it is Cmd', async () => {
  const { page, far } = await watch();
  await page.addInitScript(() => Object.defineProperty(navigator, 'platform', { get: () => 'MacIntel' }));
  await page.reload();
  await far.until(() => far.sockets.length === 2);
  far.hello();
  far.draw('https://docs.test/');
  await see(page, /docs/);
  const at = await cell(page, 6, 0);
  await page.mouse.move(...at, { steps: 2 });
  await tip(page).getByText('⌘-click opens').waitFor();
  await Promise.all([page.context().waitForEvent('page'), click(page, at, 'Meta')]);
  await close(page);
});

test('a drag that a program gets is followed by how to select, once', async () => {
  const { page, far } = await watch();
  far.draw('\x1b[?1002h\x1b[?1006hpick me');
  await see(page, /pick me/);
  await click(page, await cell(page, 3, 0)); // no drag, no hint
  await drag(page, [0, 0], [7, 0]);
  await page.getByText('A program has the mouse: hold Shift while you drag to select.').waitFor();
  assert.ok(typed(far).includes('\x1b[<32;'), 'the program had it');
  await page.evaluate(() => { document.querySelector('#caption').textContent = ''; });
  far.heard.length = 0;
  await drag(page, [0, 0], [7, 0]);
  assert.equal(await page.locator('#caption').textContent(), '');

  await far.until((far) => typed(far).endsWith('m'));
  far.heard.length = 0;
  await page.keyboard.down('Shift');
  await drag(page, [0, 0], [7, 0]);
  await page.keyboard.up('Shift');
  assert.equal(await page.evaluate(() => window.muxview.term.getSelection()), 'pick me');
  far.last.send(Buffer.from('\x1b[5;1Hmore'));
  await see(page, /more/);
  assert.equal(await page.evaluate(() => window.muxview.term.getSelection()), 'pick me');
  await page.keyboard.type('!');
  await far.until((far) => typed(far).endsWith('!'));
  assert.equal(typed(far), '!', 'the program heard nothing of it');
  await close(page);
});

test('the browser’s menu leaves the right button to a program that has the mouse', async () => {
  const { page, far } = await watch();
  const menu = (shiftKey = false) => page.evaluate((shiftKey) => document.querySelector('.xterm-screen').dispatchEvent(
    new PointerEvent('contextmenu', { bubbles: true, cancelable: true, shiftKey, pointerType: 'mouse' })), shiftKey);
  assert.equal(await menu(), true);
  far.draw('\x1b[?1000h\x1b[?1006hmouse');
  await see(page, /mouse/);
  assert.equal(await menu(), false);
  assert.equal(await menu(true), true);
  await page.keyboard.down('Shift');
  await drag(page, [0, 0], [5, 0]);
  await page.keyboard.up('Shift');
  assert.equal(await menu(), true, 'there is something to copy');
  await close(page);
});

test('a finger on a link is asked first', async () => {
  const { page, far } = await watch({ hasTouch: true });
  far.draw('\r\n  https://docs.test/');
  await see(page, /docs/);
  await page.touchscreen.tap(...await cell(page, 6, 1));
  await page.getByText('A link to docs.test').waitFor();
  const [other] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('button', { name: 'Open' }).click()]);
  assert.equal(new URL(other.url()).host, 'docs.test');
  await close(page);
});
