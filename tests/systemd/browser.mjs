// A real browser that a Rust test leads: one JSON command a line in, one answer a line out.

import { createInterface } from 'node:readline';
import { launch, lines, open, see, state } from '../browser/support.mjs';

// Whatever a host is called, it is the machine whose network we are in.
const browser = await launch({ args: ['--host-resolver-rules=MAP *.example.org 127.0.0.1, MAP example.org 127.0.0.1'] });
const pages = new Map();

/** Notes every WebSocket of the page: how it ended, or that it has not. */
const witness = () => {
  window.sockets = [];
  window.heard = 0;
  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      const at = window.sockets.push('open') - 1;
      this.addEventListener('message', () => { window.heard += 1; });
      this.addEventListener('close', ({ code }) => { window.sockets[at] = code; });
    }
  };
};

const commands = {
  async open(name, { url }) {
    const page = await open(browser, 'about:blank', { ignoreHTTPSErrors: true });
    await page.addInitScript(witness);
    await page.goto(url);
    pages.set(name, page);
  },
  see: (name, { pattern }) => see(pages.get(name), new RegExp(pattern)),
  type: (name, { text }) => pages.get(name).keyboard.type(text),
  state: (name, { wanted }) => state(pages.get(name), wanted),
  // A connection that is really open answers.
  live: (name) => pages.get(name).waitForFunction(() => {
    const { connection } = window.muxview;
    window.before ??= window.heard;
    if (connection.state === 'open') connection.ping();
    return connection.state === 'open' && window.heard > window.before;
  }).then(() => pages.get(name).evaluate(() => { delete window.before; })),
  text: (name, { text }) => pages.get(name).getByText(text).first().waitFor(),
  link: (name, { text }) => pages.get(name).getByRole('link', { name: text }).first().waitFor(),
  lines: (name) => lines(pages.get(name)),
  sockets: (name) => pages.get(name).evaluate(() => window.sockets),
  url: (name) => pages.get(name).url(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { does, page, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { good: (await commands[does](page, rest)) ?? null };
  } catch (error) {
    const shown = await pages.get(page)?.evaluate(() => document.body.innerText).catch(String);
    answer = { bad: `${does}: ${error.stack}\n${pages.get(page)?.errors.join('\n')}\n${shown}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
