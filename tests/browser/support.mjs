// A real muxview on a private tmux server, and a real browser in front of it.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const BINARY = process.env.MUXVIEW_BIN ?? fileURLToPath(new URL('../../target/debug/muxview', import.meta.url));
/** With MUXVIEW_PAGES=1 the pages are those of `static/dist`, whatever the binary has embedded: no build of
    it is needed while they are worked on. */
const PAGES = process.env.MUXVIEW_PAGES && fileURLToPath(new URL('../../static/dist/', import.meta.url));
/** How long a condition may take on a busy machine, in ms. */
export const PATIENCE = 20_000;

/** A shell's prompt, also root's. */
export const PROMPT = /^[$#]/;

/** The programs a session of ours runs must look the same everywhere. */
const ENVIRONMENT = { ...process.env, LC_ALL: 'C.UTF-8', SHELL: '/bin/sh', PS1: '$ ', ENV: '', TERM: 'xterm-256color', COLORTERM: '' };
for (const name of Object.keys(ENVIRONMENT)) {
  if (/^(TMUX|MUXVIEW_)/.test(name)) delete ENVIRONMENT[name];
}

/** A private tmux server; it ends with the test. */
export class Tmux {
  directory = mkdtempSync(join(tmpdir(), 'muxview-'));
  socket = join(this.directory, 'tmux');

  /** Runs a tmux command and gives what it prints. */
  run(...args) {
    return execFileSync('tmux', ['-u', '-S', this.socket, '-f', '/dev/null', ...args],
      { env: ENVIRONMENT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Starts a session that nobody sees yet. */
  start(name, ...command) {
    this.run('new-session', '-d', '-s', name, '-x', '80', '-y', '24', ...command);
  }

  end() {
    try {
      this.run('kill-server');
    } catch {
      // it had ended by itself
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One muxview process. */
export class Muxview {
  /** The address it printed; under `token` with the fragment that signs in, once. */
  url;
  #process;
  #options;
  #said = '';

  static async start(tmux, { listen = '127.0.0.1:0', auth = 'none', environment = {}, args = [] } = {}) {
    const muxview = new Muxview();
    muxview.#options = ['--auth', auth, '--tmux-socket-path', tmux.socket, '--state-dir', join(tmux.directory, 'state'), ...args];
    const child = spawn(BINARY, ['--listen', listen, ...muxview.#options], { env: { ...ENVIRONMENT, ...environment }, stdio: ['ignore', 'ignore', 'pipe'] });
    muxview.#process = child;
    muxview.url = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`muxview ${why}:\n${muxview.#said}`));
      const timer = setTimeout(() => fail('printed no URL'), PATIENCE);
      child.on('error', (error) => fail(error.message));
      child.on('exit', (code) => fail(`ended with ${code}`));
      child.stderr.setEncoding('utf8').on('data', (text) => {
        muxview.#said += text;
        const found = /http:\/\/\S+/.exec(muxview.#said);
        if (!found || !muxview.#said.slice(found.index).includes('\n')) return;
        clearTimeout(timer);
        resolve(found[0]);
      });
    });
    return muxview;
  }

  /** Another link that signs in once, as `muxview url` prints it. */
  link(name) {
    const printed = execFileSync(BINARY, ['url', ...(name ? [name] : []), ...this.#options, '--listen', this.address], { env: ENVIRONMENT, encoding: 'utf8' });
    return printed.trim();
  }

  /** `HOST:PORT` */
  get address() {
    return new URL(this.url).host;
  }

  /** Where the session of this name is shown; tests look inside. */
  page(name, fragment = '') {
    return new URL(`s/${encodeURIComponent(name)}?test${fragment}`, new URL('/', this.url)).href;
  }

  /** SIGSTOP, SIGCONT. */
  signal(name) {
    this.#process.kill(name);
  }

  async end(signal = 'SIGKILL') {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => { this.#process.once('exit', resolve); });
    this.#process.kill(signal);
    await ended;
  }
}

/** CHROMIUM is a path or a name on PATH, as in .ci/tools. */
function browserPath() {
  const names = [process.env.CHROMIUM || [], 'chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'].flat();
  const places = (name) => (name.includes('/') ? [name] : process.env.PATH.split(delimiter).map((folder) => join(folder, name)));
  const found = names.flatMap(places).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  assert.ok(found, 'no Chromium on PATH; name one in CHROMIUM');
  return found;
}

/** One browser a test file; `--no-sandbox` because CI runs as root. */
export const launch = ({ args = [], ...options } = {}) => chromium.launch({
  ...options,
  executablePath: browserPath(),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', ...args,
    // Pages that were put in by a test count as foreign to loopback.
    ...(PAGES ? ['--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets'] : [])],
});

/**
 * A page that notes every error of its console, which includes what the content security policy
 * refuses. `expected` matches those a test provokes.
 */
export async function open(browser, url, { expected, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 900, height: 600 }, ...options });
  context.setDefaultTimeout(PATIENCE);
  if (PAGES) await context.route(/\/assets\/[^/]+$|\/(s\/[^/]+)?$|\/\?/, ownPages);
  const page = await context.newPage();
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected?.test(message.text())) page.errors.push(message.text());
  });
  await page.goto(url);
  return page;
}

async function ownPages(route) {
  const { pathname } = new URL(route.request().url());
  const asset = /\/(assets\/[^/]+)$/.exec(pathname)?.[1];
  if (asset) return route.fulfill({ path: PAGES + asset });
  const answer = await route.fetch().catch(() => null);
  if (!answer?.ok() || route.request().resourceType() !== 'document') return route.continue();
  return route.fulfill({ response: answer, body: readFileSync(PAGES + (/\/s\/[^/]+$/.test(pathname) ? 'session.html' : 'index.html'), 'utf8') });
}

/** Closes the page and its context; nothing may have gone wrong in it. */
export async function close(page) {
  await page.context().close();
  assert.deepEqual(page.errors, []);
}

/** The lines on the screen. */
export const lines = (page) => page.evaluate(() => {
  const { buffer, rows } = window.muxview.term;
  return Array.from({ length: rows }, (_, y) => buffer.active.getLine(buffer.active.viewportY + y)?.translateToString(true) ?? '');
});

/** Waits until a line matches; if none does, tells what there is instead. */
export async function see(page, pattern) {
  const match = ({ source, flags }) => {
    const term = window.muxview?.term;
    if (!term) return false;
    const { active } = term.buffer;
    const wanted = new RegExp(source, flags);
    for (let y = 0; y < term.rows; y++) {
      if (wanted.test(active.getLine(active.viewportY + y)?.translateToString(true) ?? '')) return true;
    }
    return false;
  };
  try {
    await page.waitForFunction(match, { source: pattern.source, flags: pattern.flags });
  } catch (error) {
    const around = await page.evaluate(() => `${window.muxview?.connection.state}; ${document.body.innerText}`);
    throw new Error(`${pattern} was not seen (${error.message.split('\n')[0]}), but: ${around}\n${(await lines(page)).join('\n').trim()}`);
  }
}

/** Waits until the connection is in this state. */
export const state = (page, wanted) =>
  page.waitForFunction((wanted) => window.muxview?.connection.state === wanted, wanted);

/**
 * What most files of tests stand on, there before their first test and gone after the last: `tmux` with
 * `sessions`, one `browser`, and a `muxview` (a test that ends it puts another in its place).
 */
export function stage(sessions = [], { browser = {}, muxview = {} } = {}) {
  const on = { tmux: new Tmux(), browser: null, muxview: null };
  before(async () => {
    for (const name of sessions) on.tmux.start(name);
    [on.browser, on.muxview] = await Promise.all([launch(browser), Muxview.start(on.tmux, muxview)]);
  });
  after(async () => {
    await on.browser?.close();
    await on.muxview?.end();
    on.tmux.end();
  });
  return on;
}

/** What a browser's console says of a link that was broken on purpose. */
export const BROKEN = /WebSocket connection|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED/;
