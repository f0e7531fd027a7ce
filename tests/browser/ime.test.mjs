// What input methods compose arrives once and exact: a real browser's composition events, a real tmux.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { FarEnd } from './far-end.mjs';
import { Recorder } from './recorder.mjs';
import { close, open, see, stage, state } from './support.mjs';

const on = stage();
let pane;

before(() => {
  pane = new Recorder(on.tmux, 'main');
});

/** An input method at work in `page`, with the events a browser on Linux makes of one. */
class Method {
  #cdp;

  static async in(page) {
    const method = new Method();
    method.page = page;
    method.#cdp = await page.context().newCDPSession(page);
    return method;
  }

  #key(type) {
    return this.#cdp.send('Input.dispatchKeyEvent', { type, windowsVirtualKeyCode: 229, key: 'Process', code: 'KeyA' });
  }

  /** A key that the method takes and answers by composing `text`. */
  async compose(text) {
    await this.#key('rawKeyDown');
    await this.#cdp.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
    await this.#key('keyUp');
  }

  /** A key with which it gives up what it composed for `text`. */
  async commit(text) {
    await this.#key('rawKeyDown');
    await this.#cdp.send('Input.insertText', { text });
    await this.#key('keyUp');
  }

  /** As `commit`, without a key: a click on a candidate, a panel of emoji, a voice. */
  insert(text) {
    return this.#cdp.send('Input.insertText', { text });
  }

  async write(...steps) {
    for (const step of steps.slice(0, -1)) await this.compose(step);
    await this.commit(steps.at(-1));
  }
}

async function watch() {
  const page = await open(on.browser, on.muxview.page('main'));
  await state(page, 'open');
  await see(page, /ready/);
  return { page, method: await Method.in(page) };
}

const composed = (page) => page.evaluate(() => document.querySelector('.composition-view.active')?.textContent ?? null);

for (const [what, ...words] of [
  ['Chinese, by pinyin', ['n', 'ni', 'ni h', 'ni hao', '你好'], ['s', 'shi', 'shi j', '世界']],
  ['Japanese, by kana and conversion', ['k', 'か', 'かn', 'かん', 'かんじ', '漢字', '漢字'], ['を', 'を']],
  ['Korean, syllable by syllable', ['ㅎ', '하', '한', '한'], ['ㄱ', '그', '글', '글']],
  ['a dead key', ['´', 'é'], ['ˆ', 'ê']],
  ['Vietnamese, replaced as it grows', ['v', 'vi', 'vie', 'viê', 'việt', 'việt']],
  ['emoji', ['👩‍👩‍👧', '👩‍👩‍👧'], ['🇯🇵', '🇯🇵']],
]) {
  test(`${what}: each word once`, async () => {
    const { page, method } = await watch();
    for (const steps of words) await method.write(...steps);
    await page.keyboard.type('!');
    assert.equal(await pane.until('!'), `${words.map((steps) => steps.at(-1)).join('')}!`);
    await close(page);
  });
}

test('what is composed is shown at the cursor and not sent before it is committed', async () => {
  const { page, method } = await watch();
  await method.compose('かんじ');
  assert.equal(await composed(page), 'かんじ');
  await page.evaluate(() => document.activeElement.blur());
  await page.evaluate(() => window.muxview.screen.focus());
  await page.keyboard.type('!');
  const text = await pane.until('!');
  assert.ok(['!', 'かんじ!'].includes(text), JSON.stringify(text)); // a browser may commit when the focus goes
  await close(page);
});

test('a composition that is given up sends nothing', async () => {
  const { page, method } = await watch();
  await method.compose('ni');
  await method.compose('');
  assert.equal(await composed(page), null);
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), '!');
  await close(page);
});

test('a candidate chosen with the mouse, then taken up again and chosen anew', async () => {
  const { page, method } = await watch();
  for (const [first, second] of [['はし', '橋'], ['はし', '箸'], ['はし', '端']]) {
    await method.compose(first);
    await method.compose(second);
    await method.insert(second);
  }
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), '橋箸端!');
  await close(page);
});

test('full-width punctuation and panels of emoji, which compose nothing', async () => {
  const { page, method } = await watch();
  await method.commit('，');
  await method.commit('。');
  await method.insert('😀');
  await method.write('ni', '你');
  await method.commit('！');
  await method.insert('🎉');
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), '，。😀你！🎉!');
  await close(page);
});

test('between words, keys and Enter keep their place', async () => {
  const { page, method } = await watch();
  await page.keyboard.type('a');
  await method.write('ni', '你');
  await page.keyboard.type('b');
  await method.insert('😀');
  await page.keyboard.press('Enter');
  await method.write('hao', '好');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Control+a');
  await method.write('ma', '吗');
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), 'a你b😀\r好\x1b[D\x01吗!');
  await close(page);
});

test('a screen reader’s text area keeps what keys write, and nothing is sent twice', async () => {
  const { page, method } = await watch();
  await page.evaluate(() => { window.muxview.term.options.screenReaderMode = true; });
  await page.keyboard.type('ab');
  assert.equal(await page.evaluate(() => window.muxview.term.textarea.value), 'ab');
  await method.write('ni', '你');
  await page.keyboard.type('cD');
  await method.commit('。');
  await method.insert('😀');
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), 'ab你cD。😀!');
  await close(page);
});

test('a hundred words in a row', async () => {
  const { page, method } = await watch();
  const words = Array.from({ length: 100 }, (_, n) => String.fromCodePoint(0x4e00 + n));
  for (const word of words) await method.write('x', word);
  await page.keyboard.type('!');
  assert.equal(await pane.until('!'), `${words.join('')}!`);
  await close(page);
});

test('after text was selected with the mouse or by the context menu, the first word is not lost', async () => {
  const { page, method } = await watch();
  const box = await page.locator('#screen .xterm-rows > div').first().boundingBox();
  const y = box.y + box.height / 2;
  const drag = async () => {
    await page.mouse.move(box.x + 2, y);
    await page.mouse.down();
    await page.mouse.move(box.x + 60, y, { steps: 4 });
    await page.mouse.up();
  };
  const menu = async () => {
    await drag();
    await page.mouse.click(box.x + 10, y, { button: 'right' });
  };
  for (const select of [drag, menu]) {
    await select();
    assert.notEqual(await page.evaluate(() => window.muxview.term.textarea.value), '', 'xterm.js puts it there');
    await method.write('ni', 'ni hao', '你好');
    await page.keyboard.type('!');
    assert.equal(await pane.until('!'), '你好!');
  }
  await close(page);
});

test('frames that come meanwhile disturb nothing, a repaint neither', async () => {
  const { page, far, method } = await farWatch();
  await method.compose('か');
  far.draw('another picture');
  await see(page, /another picture/);
  assert.equal(await composed(page), 'か');
  await method.compose('かん');
  far.say({ type: 'size', cols: 70, rows: 12 });
  far.draw('a larger one');
  await see(page, /a larger one/);
  far.last.send(Buffer.from('\x1b[3;1Hand a delta'));
  await see(page, /and a delta/);
  assert.equal(await composed(page), 'かん');
  await method.commit('缶');
  await page.keyboard.type('!');
  await far.until(() => typed(far).endsWith('!'));
  assert.equal(typed(far), '缶!');
  await close(page);
});

test('what is committed while the link is down is refused visibly and never sent', async () => {
  const { page, far, method } = await farWatch();
  await method.compose('に');
  await far.last.close({ code: 1011 });
  await far.until(() => far.sockets.length === 2); // and it gets no hello
  await method.compose('にほん');
  assert.equal(await composed(page), 'にほん');
  await method.commit('日本');
  await page.getByText('what you type is not sent').waitFor();
  far.hello();
  await state(page, 'open');
  await method.write('go', '語');
  await page.keyboard.type('!');
  await far.until(() => typed(far).endsWith('!'));
  assert.equal(typed(far), '語!');
  await close(page);
});

test('a composition that is begun without a link and ended with one is sent once', async () => {
  const { page, far, method } = await farWatch();
  await far.last.close({ code: 1011 });
  await far.until(() => far.sockets.length === 2);
  await method.compose('に');
  far.hello();
  await state(page, 'open');
  await method.commit('二');
  await page.keyboard.type('!');
  await far.until(() => typed(far).endsWith('!'));
  assert.equal(typed(far), '二!');
  await close(page);
});

test('composing at the right edge moves nothing', async () => {
  const { page, far, method } = await farWatch();
  far.draw(`\x1b[1;${await page.evaluate(() => window.muxview.term.cols)}H`);
  await page.waitForFunction(() => window.muxview.term.buffer.active.cursorX === window.muxview.term.cols - 1);
  await method.compose('とてもながいぶんしょう');
  assert.equal(await composed(page), 'とてもながいぶんしょう');
  const scrolled = await page.evaluate(() => {
    const moved = [];
    for (let at = document.querySelector('.composition-view'); at; at = at.parentElement) if (at.scrollLeft || at.scrollTop) moved.push(at.id || at.className);
    return moved;
  });
  assert.deepEqual(scrolled, []);
  await close(page);
});

/** As `watch`, with the test in the server's place. */
async function farWatch() {
  const page = await open(on.browser, 'about:blank');
  const far = new FarEnd();
  await page.routeWebSocket('**/ws?*', (socket) => far.accept(socket));
  await page.goto(on.muxview.page('main'));
  await far.until(() => far.sockets.length === 1);
  far.hello();
  await see(page, /first picture/);
  await state(page, 'open');
  return { page, far, method: await Method.in(page) };
}

const typed = (far) => Buffer.concat(far.heard.filter(Buffer.isBuffer)).toString();
