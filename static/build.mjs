// Makes dist/: every file the browser loads, under a name with the hash of its content, plain and
// compressed, and a manifest of them for build.rs. No bundler: modules import each other as written
// here, only with the hashed names put in. Run by `make assets`.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const here = (path) => new URL(path, import.meta.url);
const xterm = (path) => here(`node_modules/@xterm/${path}`);
const ADDONS = Object.keys(JSON.parse(readFileSync(here('package.json'), 'utf8')).dependencies)
  .filter((name) => name.startsWith('@xterm/addon-')).map((name) => name.replace('@xterm/', ''));
/** What a page signs with where browsers have no keys. */
const NOBLE = ['hmac', 'sha2', 'utils', '_md', '_u64'];
const OWN = readdirSync(here('.')).filter((name) => /\.(js|css|svg)$/.test(name));
/** What a page may make a browser fetch before it can be used, compressed, in bytes. */
const FIRST_LOAD = 150_000;
const TYPES = { js: 'text/javascript', mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', txt: 'text/plain', html: 'text/html' };

/** Our comments are for who reads the source: lines that are nothing else stay here. */
const bare = (text) => text.replace(/^[ \t]*\/\/.*\n/gm, '').replace(/^[ \t]*\/\*[^]*?\*\/[ \t]*\n/gm, '');
const own = (name) => (name.endsWith('.svg') ? (text) => text : bare)(readFileSync(here(name), 'utf8'));

const sources = new Map(OWN.map((name) => [name, own(name)]));
sources.set('xterm.mjs', readFileSync(xterm('xterm/lib/xterm.mjs'), 'utf8'));
sources.set('xterm.css', readFileSync(xterm('xterm/css/xterm.css'), 'utf8'));
for (const addon of ADDONS) sources.set(`${addon}.mjs`, readFileSync(xterm(`${addon}/lib/${addon}.mjs`), 'utf8'));
for (const name of NOBLE) {
  const text = readFileSync(here(`node_modules/@noble/hashes/${name}.js`), 'utf8');
  sources.set(`noble-${name}.js`, text.replace(/from "\.\/([\w-]+)\.js"/g, "from './noble-$1.js'"));
}
const LICENSED = ['@noble/hashes', ...['xterm', ...ADDONS].map((name) => `@xterm/${name}`)];
sources.set('licences.txt', ['muxview: MIT OR Apache-2.0\n', ...LICENSED.map((name) =>
  `${name}\n\n${readFileSync(here(`node_modules/${name}/LICENSE`), 'utf8')}`)].join(`\n${'-'.repeat(72)}\n\n`));

rmSync(here('dist'), { recursive: true, force: true });
mkdirSync(here('dist/assets'), { recursive: true });
const manifest = [];

function write(path, text) {
  const plain = Buffer.from(text);
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 16);
  const file = path.replace('#', hash);
  writeFileSync(here(`dist/${file}`), plain);
  writeFileSync(here(`dist/${file}.br`), brotliCompressSync(plain, { params: {
    [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }));
  writeFileSync(here(`dist/${file}.gz`), gzipSync(plain, { level: 9 }));
  manifest.push([file, `${TYPES[file.split('.').pop()]}; charset=utf-8`, hash].join('\t'));
  return file.split('/').pop();
}

/** What a file makes the browser load with it; what it imports by `import()` comes when it is wanted. */
const IMPORTS = /(from '\.\/)([^']+)'/g;
const LATER = /((?<!\{|typeof )import\('\.\/)([^']+)'/g;
const LINKS = /(assets\/)([\w.-]+)/g;

/** The hashed name of an asset; what it imports gets its name first, so a change changes all above it. */
const names = new Map();
function hashed(name) {
  if (names.get(name) === null) throw new Error(`${name} imports itself by way of others: its name cannot come from its content`);
  if (!names.has(name)) {
    if (!sources.has(name)) throw new Error(`${name} is asked for but there is no such file`);
    names.set(name, null);
    const [stem, ending] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.'))];
    const put = (_, start, imported) => `${start}${hashed(imported)}'`;
    const text = sources.get(name).replace(IMPORTS, put).replace(LATER, put)
      .replace(/^\/\/# sourceMappingURL=.*$/m, '');
    names.set(name, write(`assets/${stem}.#${ending}`, text));
  }
  return names.get(name);
}

/** What a page fetches at once, in compressed bytes. */
function firstLoad(page) {
  const files = new Set();
  const add = (name) => {
    if (files.has(name) || name === 'licences.txt') return; // a link to read, not to load
    files.add(name);
    for (const [, , imported] of sources.get(name).matchAll(IMPORTS)) add(imported);
  };
  for (const [, , name] of page.matchAll(LINKS)) add(name);
  const size = (text) => gzipSync(text, { level: 9 }).length;
  return [...files].reduce((sum, name) => sum + size(sources.get(name)), size(page));
}

for (const name of ['index.html', 'session.html']) {
  const page = readFileSync(here(name), 'utf8');
  write(name, page.replace(LINKS, (_, start, asset) => start + hashed(asset)));
  const bytes = firstLoad(page);
  console.log(`${name}: ${(bytes / 1000).toFixed(1)} of ${FIRST_LOAD / 1000} kB on first load`);
  if (bytes > FIRST_LOAD) throw new Error(`${name} makes a browser fetch ${bytes} bytes before it can be used; load what is rarely needed by import()`);
}
const unused = [...sources.keys()].filter((name) => !names.has(name));
if (unused.length) throw new Error(`no page uses ${unused.join(', ')}`);
writeFileSync(here('dist/manifest.tsv'), manifest.sort().map((line) => `${line}\n`).join(''));
