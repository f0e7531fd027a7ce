// Whether the colours can be read: the contrast of every theme, computed as WCAG 2 does. No browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fontFamily } from '../../static/fonts.js';
import { terminalOptions, themeOf, THEMES } from '../../static/themes.js';

/** The least contrast of text, and of what marks something without being text (WCAG 1.4.3, 1.4.11). */
const [TEXT, MARK] = [4.5, 3];

const channels = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const luminance = (hex) => channels(hex).map((value) => value / 255)
  .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
  .reduce((sum, value, at) => sum + value * [0.2126, 0.7152, 0.0722][at], 0);
function contrast(a, b) {
  const [dark, bright] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dark + 0.05);
}
const readable = (what, text, ground, least = TEXT) => {
  const found = contrast(text, ground);
  assert.ok(found >= least, `${what}: ${text} on ${ground} is ${found.toFixed(2)}, wanted ${least}`);
};

// A colour for backgrounds: as text it is what the background nearly is, in every terminal's theme.
const GROUNDS = { dark: ['black'], light: ['white', 'brightWhite'] };
const ANSI = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const TEXTS = [...ANSI, ...ANSI.map((name) => `bright${name[0].toUpperCase()}${name.slice(1)}`)];

test('every colour of every theme can be read on its background, and selected text on the selection', () => {
  assert.ok(Object.keys(THEMES).length >= 6);
  for (const [name, { light, colours }] of Object.entries(THEMES)) {
    assert.deepEqual(Object.values(colours).filter((colour) => !/^#[0-9a-f]{6}$/.test(colour)), [], name);
    assert.equal(luminance(colours.background) > 0.5, light, name);
    const exempt = GROUNDS[light ? 'light' : 'dark'];
    for (const text of ['foreground', ...TEXTS.filter((text) => !exempt.includes(text))]) readable(`${name} ${text}`, colours[text], colours.background);
    readable(`${name} selected`, colours.foreground, colours.selectionBackground);
    readable(`${name} cursor`, colours.cursor, colours.background, MARK);
    readable(`${name} under the cursor`, colours.cursorAccent, colours.cursor);
    assert.notEqual(colours.selectionBackground, colours.background);
  }
});

test('an unknown theme is the system’s, and light ones lift what programs chose for dark windows', () => {
  assert.equal(themeOf('system', true), THEMES.day);
  for (const name of ['system', 'gone', 'constructor']) assert.equal(themeOf(name, false), THEMES.night);
  assert.equal(themeOf('nord', true), THEMES.nord);
  for (const theme of Object.values(THEMES)) assert.equal(terminalOptions(theme).minimumContrastRatio, theme.light ? TEXT : 1);
});

// ── the page around it: style.css mixes its colours from four of the theme's ───────────────────

const css = readFileSync(new URL('../../static/style.css', import.meta.url), 'utf8');
const root = /:root \{([^}]+)\}/.exec(css)[1];
const declared = Object.fromEntries([...root.matchAll(/--([\w-]+): ([^;]+);/g)].map(([, name, value]) => [name, value]));

/** Splits at the commas that are in no brackets. */
function parts(text) {
  const found = [''];
  let depth = 0;
  for (const char of text) {
    depth += { '(': 1, ')': -1 }[char] ?? 0;
    if (char === ',' && depth === 0) found.push('');
    else found[found.length - 1] += char;
  }
  return found.map((part) => part.trim());
}

/** The few functions style.css uses, and no more. */
function colour(text, known, light) {
  const [, call, inner] = /^([\w-]+)\((.*)\)$/.exec(text) ?? [];
  if (call === 'light-dark') return colour(parts(inner)[light ? 0 : 1], known, light);
  if (call === 'var') return colour(known[inner.slice(2)], known, light);
  if (call === 'color-mix') {
    const [space, first, second] = parts(inner);
    assert.equal(space, 'in srgb');
    const [, base, percent] = /^(.*) (\d+)%$/.exec(first);
    const [a, b] = [base, second].map((one) => channels(colour(one, known, light)));
    return `#${a.map((value, at) => Math.round(value * percent / 100 + b[at] * (1 - percent / 100)).toString(16).padStart(2, '0')).join('')}`;
  }
  return { white: '#ffffff', black: '#000000' }[text] ?? text;
}

test('the page’s text, hints, links and dangers can be read on all its grounds, in every theme', () => {
  for (const [name, { light, colours }] of Object.entries(THEMES)) {
    const known = { ...declared, terminal: colours.background, text: colours.foreground, accent: colours.cursor, danger: colours.red };
    const page = (name) => colour(`var(--${name})`, known, light);
    for (const ground of ['terminal', 'ground', 'surface']) {
      for (const text of ['text', 'quiet', 'accent', 'danger']) readable(`${name}: ${text} on ${ground}`, page(text), page(ground));
    }
    readable(`${name}: a main button`, page('on-accent'), page('accent'));
  }
});

test('before any script has run the page has the colours of Night or Day', () => {
  for (const [name, light] of [['night', false], ['day', true]]) {
    const { colours } = THEMES[name];
    const at = (name) => colour(`var(--${name})`, declared, light);
    assert.deepEqual([at('terminal'), at('text'), at('accent'), at('danger')], [colours.background, colours.foreground, colours.cursor, colours.red]);
  }
});

// ── the font ─────────────────────────────────────────────────────────────────────────────────

test('a font’s name cannot become anything but a font’s name', () => {
  const usual = fontFamily('');
  assert.match(usual, /^ui-monospace, .*, monospace$/);
  assert.equal(fontFamily(' '), usual);
  assert.equal(fontFamily('Fira Code'), `"Fira Code", ${usual}`);
  assert.equal(fontFamily('"Fira Code", \'Hack\','), `"Fira Code", "Hack", ${usual}`);
  assert.equal(fontFamily('x"; } body { display: none'), `"x  body  display none", ${usual}`);
  assert.equal(fontFamily('源ノ角ゴシック Code'), `"源ノ角ゴシック Code", ${usual}`);
});
