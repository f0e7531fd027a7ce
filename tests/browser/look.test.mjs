// What a person may choose, in a real browser: it holds at once, everywhere, and after a reload.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BROKEN, close, lines, open, PROMPT, see, stage, state } from './support.mjs';
import { THEMES } from '../../static/themes.js';

const on = stage(['main']);

async function watch(options, query = '') {
  const page = await open(on.browser, on.muxview.page('main') + query, options);
  await see(page, PROMPT);
  await state(page, 'open');
  return page;
}

const button = (page, name) => page.getByRole('button', { name, exact: true });

async function settings(page) {
  await button(page, 'Settings').click();
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  await dialog.waitFor();
  return dialog;
}

const colours = (page) => page.evaluate(() => {
  const style = getComputedStyle(document.documentElement);
  return { scheme: style.colorScheme, terminal: style.getPropertyValue('--terminal').trim(), xterm: window.muxview?.term.options.theme.background };
});
const themed = (page, name) => page.waitForFunction((ground) => getComputedStyle(document.documentElement).getPropertyValue('--terminal') === ground,
  THEMES[name].colours.background);

test('the system says light or dark until a theme is chosen; then page, terminal and other tabs have that', async () => {
  const page = await watch({ colorScheme: 'dark' });
  const list = await page.context().newPage();
  await list.goto(on.muxview.url);
  assert.deepEqual(await colours(page), { scheme: 'dark', terminal: '#14171c', xterm: '#14171c' });
  await page.emulateMedia({ colorScheme: 'light' });
  await themed(page, 'day');
  assert.deepEqual(await colours(page), { scheme: 'light', terminal: '#fdfdfb', xterm: '#fdfdfb' });

  const dialog = await settings(page);
  await dialog.getByLabel('Theme').selectOption({ label: 'Nord' });
  const { background } = THEMES.nord.colours;
  assert.deepEqual(await colours(page), { scheme: 'dark', terminal: background, xterm: background });
  await themed(list, 'nord');
  await page.reload();
  await see(page, PROMPT);
  assert.deepEqual(await colours(page), { scheme: 'dark', terminal: background, xterm: background });
  assert.equal(await page.locator('meta[name=theme-color]').getAttribute('content'), background);

  await (await settings(list)).getByRole('button', { name: 'Reset all' }).click();
  await themed(page, 'day');
  await close(page);
});

test('the whole dialog works with the keyboard, and gives the terminal its keys back', async () => {
  const page = await watch();
  await page.keyboard.press('Control+Shift+F6'); // the terminal keeps Tab for its programs
  assert.equal(await page.evaluate(() => document.activeElement.id), 'reader');
  for (let n = 0; n < 20 && await page.evaluate(() => document.activeElement.id) !== 'settings'; n++) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Settings' });
  await dialog.waitFor();
  // Every control has a name, is reached by Tab, and shows that it is.
  const controls = await dialog.locator('input, select, button').count();
  const reached = new Set();
  for (let n = 0; n < controls; n++) {
    reached.add(await page.evaluate(() => {
      const { activeElement: element } = document;
      const { outlineStyle, outlineWidth } = getComputedStyle(element);
      return `${element.labels?.[0]?.textContent ?? element.ariaLabel ?? element.textContent}|${outlineStyle !== 'none' && outlineWidth !== '0px'}`;
    }));
    await page.keyboard.press('Tab');
  }
  assert.equal(reached.size, controls, [...reached].join(', '));
  assert.deepEqual([...reached].filter((one) => !/^.+\|true$/.test(one)), []);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await page.keyboard.type('echo keys-$((1+1))\n');
  await see(page, /^keys-2$/);
  await close(page);
});

test('font and size: the grid follows at once, what cannot be a size is not taken, a press beside closes', async () => {
  const page = await watch();
  const cols = () => page.evaluate(() => window.muxview.term.cols);
  const before = await cols();
  const dialog = await settings(page);
  const size = dialog.getByLabel('Font size');
  await size.fill('21');
  await page.waitForFunction((before) => window.muxview.term.cols < before * 0.8, before);
  await button(dialog, 'Smaller').click();
  assert.equal(await size.inputValue(), '20');
  await size.fill('999');
  assert.equal(await size.getAttribute('aria-invalid'), 'true');
  await size.blur();
  assert.equal(await size.inputValue(), '20');
  await dialog.getByLabel('Font', { exact: true }).fill('No Such Font, "DejaVu Sans Mono"');
  assert.match(await page.evaluate(() => window.muxview.term.options.fontFamily), /^"No Such Font", "DejaVu Sans Mono", ui-monospace/);
  await page.mouse.click(20, 580);
  await dialog.waitFor({ state: 'detached' });
  await page.reload();
  await see(page, PROMPT);
  assert.equal(await page.evaluate(() => window.muxview.term.options.fontSize), 20);
  await (await settings(page)).getByRole('button', { name: 'Reset all' }).click();
  await page.waitForFunction((before) => window.muxview.term.cols === before, before);
  await close(page);
});

// ── what draws ───────────────────────────────────────────────────────────────────────────────

const drawnByCanvas = (page, yes) => page.waitForFunction((yes) => Boolean(document.querySelector('.xterm-screen canvas')) === yes
  && Boolean(document.querySelector('.xterm-rows > div')) !== yes, yes);
const remark = (page, text) => page.locator('#caption', { hasText: text }).waitFor();

test('WebGL draws when it is wanted, and the page when the browser takes it away', async () => {
  const page = await watch();
  const fetched = [];
  page.on('request', (request) => fetched.push(request.url()));
  await drawnByCanvas(page, false);
  const dialog = await settings(page);
  await dialog.getByLabel('Drawn by').selectOption('webgl');
  await drawnByCanvas(page, true);
  assert.ok(fetched.some((url) => /addon-webgl/.test(url)), 'it is loaded only now');
  await button(dialog, 'Done').click();
  await page.keyboard.type('clear; echo by-$((1+1))\n');
  await see(page, /^by-2$/);

  await page.evaluate(() => {
    for (const canvas of document.querySelectorAll('.xterm-screen canvas')) canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context').loseContext();
  });
  await remark(page, 'drawn without it');
  await drawnByCanvas(page, false);
  await page.waitForFunction(() => document.querySelector('.xterm-rows').textContent.includes('by-2'));
  await page.keyboard.type('echo on-$((2+2))\n');
  await page.waitForFunction(() => document.querySelector('.xterm-rows').textContent.includes('on-4'));

  // Chosen for good: the next page tries again, and back again is a choice as well.
  await page.reload();
  await see(page, /^on-4$/);
  await drawnByCanvas(page, true);
  await (await settings(page)).getByLabel('Drawn by').selectOption('dom');
  await drawnByCanvas(page, false);
  await close(page);
});

test('where WebGL cannot begin, a sentence says so and the page draws', async () => {
  const page = await watch();
  await page.evaluate(() => {
    const { getContext } = HTMLCanvasElement.prototype;
    HTMLCanvasElement.prototype.getContext = function (kind, ...more) {
      return kind.startsWith('webgl') ? null : getContext.call(this, kind, ...more);
    };
  });
  await (await settings(page)).getByLabel('Drawn by').selectOption('webgl');
  await remark(page, 'WebGL does not work here');
  await drawnByCanvas(page, false);
  await close(page);
});

// ── without eyes, without motion, without room ───────────────────────────────────────────────

test('screen reader mode is the first thing Tab finds, and what is on the screen becomes text', async () => {
  const page = await watch();
  await page.keyboard.press('Control+Shift+F6');
  const reader = page.getByRole('button', { name: 'Screen reader mode' });
  assert.ok((await reader.boundingBox()).height > 20, 'it is seen when it has the focus');
  await page.keyboard.press('Enter');
  await page.locator('.xterm-accessibility').waitFor({ state: 'attached' });
  assert.equal(await reader.getAttribute('aria-pressed'), 'true');
  await page.evaluate(() => window.muxview.screen.focus());
  assert.ok((await reader.boundingBox()).height <= 1);
  await page.keyboard.type('clear; echo read-$((1+1))\n');
  await page.waitForFunction(() => [...document.querySelectorAll('.xterm-accessibility [role=listitem]')].some(({ textContent }) => textContent.trim() === 'read-2'));
  await page.reload();
  await page.locator('.xterm-accessibility').waitFor({ state: 'attached' });
  await page.keyboard.press('Control+Shift+F6');
  await page.keyboard.press('Enter');
  await page.locator('.xterm-accessibility').waitFor({ state: 'detached' });
  await close(page);
});

test('the keys that leave the terminal reach no program', async () => {
  const page = await watch();
  await page.keyboard.type('clear; cat -v\n');
  await page.keyboard.press('Control+Shift+F6');
  await page.evaluate(() => window.muxview.screen.focus());
  await page.keyboard.type('end\n');
  await see(page, /^end$/);
  assert.ok(!(await lines(page)).some((line) => line.includes('^[')));
  await page.keyboard.press('Control+c');
  await close(page);
});

test('the bell shows only where it may', async () => {
  const page = await watch();
  const rings = () => page.evaluate(() => document.documentElement.classList.contains('rings'));
  const dialog = await settings(page);
  await dialog.getByLabel('Show the bell').uncheck();
  await button(dialog, 'Done').click();
  await page.keyboard.type("clear; printf '\\a'; echo rung-$((1+1))\n");
  await see(page, /^rung-2$/);
  const seen = page.waitForFunction(() => document.documentElement.classList.contains('rings'));
  assert.equal(await rings(), false);
  const again = await settings(page);
  await again.getByLabel('Show the bell').check();
  await button(again, 'Done').click();
  await page.keyboard.type("clear; printf '\\a'\n");
  await seen;
  await close(page);
});

test('who wants no motion gets none', async () => {
  const page = await watch({ reducedMotion: 'reduce' });
  const moving = await page.evaluate(() => {
    document.documentElement.classList.add('rings');
    document.querySelector('#caption').classList.add('refuses');
    return [...document.querySelectorAll('*')].filter((element) => {
      const { animationName, transitionDuration } = getComputedStyle(element);
      return animationName !== 'none' || transitionDuration.split(', ').some((time) => parseFloat(time) > 0);
    }).map((element) => element.outerHTML.slice(0, 80));
  });
  assert.deepEqual(moving, []);
  await close(page);
});

test('320 px: the header holds long names, tabs and every mark, and nothing sticks out', async () => {
  const name = 'a-name-as-long-as-one-may-be-and-then-some-more-of-it-0123456789';
  on.tmux.start(name);
  for (let n = 0; n < 6; n++) on.tmux.run('new-window', '-d', '-t', `=${name}:`, '-n', `window-number-${n}-with-a-name`);
  const [one, two] = await Promise.all([0, 1].map(() => open(on.browser, on.muxview.page(name), { viewport: { width: 320, height: 600 }, expected: BROKEN })));
  await Promise.all([see(one, PROMPT), see(two, PROMPT)]);
  await one.locator('#viewers', { hasText: '2 here' }).waitFor({ state: 'attached' });
  const sticksOut = (role) => one.evaluate((role) => {
    document.querySelector('#role').hidden = role !== 'view';
    document.querySelector('#fit').hidden = role === 'view'; // only who types may take the size
    const out = [...document.querySelectorAll('body > header > :not([hidden]), #caption, #now')].filter((element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 1 && (left < -0.5 || right > innerWidth + 0.5);
    }).map((element) => `${element.id || element.className} ${JSON.stringify(element.getBoundingClientRect())}`);
    if (document.documentElement.scrollWidth > innerWidth) out.push(`the page is ${document.documentElement.scrollWidth} px wide`);
    return out;
  }, role);
  for (const role of ['drive', 'view']) assert.deepEqual(await sticksOut(role), []);
  await on.muxview.end('SIGKILL');
  await one.locator('#caption', { hasText: 'Reconnecting' }).waitFor();
  assert.deepEqual(await sticksOut('drive'), []);
  assert.equal(await one.getByRole('button', { name: 'Settings' }).isVisible(), true);
  await Promise.all([close(one), close(two)]);
});
