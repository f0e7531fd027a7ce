// Makes dist/: every file the browser loads, under a name with the hash of its content, plain and
// compressed, and a manifest of them for build.rs. No bundler: modules import each other as written
// here, only with the hashed names put in. Run by `make assets`.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const here = (path) => new URL(path, import.meta.url);
const xterm = (path) => here(`node_modules/@xterm/${path}`);
const ADDONS = Object.keys(JSON.parse(readFileSync(here('package.json'), 'utf8')).dependencies)
  .map((name) => name.replace('@xterm/', '')).filter((name) => name !== 'xterm');
const OWN = readdirSync(here('.')).filter((name) => /\.(js|css|svg)$/.test(name));
const TYPES = { js: 'text/javascript', mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', txt: 'text/plain', html: 'text/html' };

const sources = new Map(OWN.map((name) => [name, readFileSync(here(name), 'utf8')]));
sources.set('xterm.mjs', readFileSync(xterm('xterm/lib/xterm.mjs'), 'utf8'));
sources.set('xterm.css', readFileSync(xterm('xterm/css/xterm.css'), 'utf8'));
for (const addon of ADDONS) sources.set(`${addon}.mjs`, readFileSync(xterm(`${addon}/lib/${addon}.mjs`), 'utf8'));
sources.set('licences.txt', ['muxview: MIT OR Apache-2.0\n', ...['xterm', ...ADDONS].map((name) =>
  `@xterm/${name}\n\n${readFileSync(xterm(`${name}/LICENSE`), 'utf8')}`)].join(`\n${'-'.repeat(72)}\n\n`));

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

/** The hashed name of an asset; what it imports gets its name first, so a change changes all above it. */
const names = new Map();
function hashed(name) {
  if (names.get(name) === null) throw new Error(`${name} imports itself by way of others: its name cannot come from its content`);
  if (!names.has(name)) {
    if (!sources.has(name)) throw new Error(`${name} is asked for but there is no such file`);
    names.set(name, null);
    const [stem, ending] = [name.slice(0, name.lastIndexOf('.')), name.slice(name.lastIndexOf('.'))];
    const text = sources.get(name)
      .replace(/((?:from |(?<!\{|typeof )import\()'\.\/)([^']+)'/g, (_, start, imported) => `${start}${hashed(imported)}'`)
      .replace(/^\/\/# sourceMappingURL=.*$/m, '');
    names.set(name, write(`assets/${stem}.#${ending}`, text));
  }
  return names.get(name);
}

for (const page of ['index.html', 'session.html']) {
  write(page, readFileSync(here(page), 'utf8').replace(/(assets\/)([\w.-]+)/g, (_, start, name) => start + hashed(name)));
}
const unused = [...sources.keys()].filter((name) => !names.has(name));
if (unused.length) throw new Error(`no page uses ${unused.join(', ')}`);
writeFileSync(here('dist/manifest.tsv'), manifest.sort().map((line) => `${line}\n`).join(''));
