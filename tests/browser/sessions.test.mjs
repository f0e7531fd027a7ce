// What the list shows and in which order, without a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CREATABLE } from '../../static/address.js';
import { whyEmpty } from '../../static/list-empty.js';
import { actionOf, LIST_KEYS } from '../../static/list-keys.js';
import { changes } from '../../static/list-news.js';
import { css, legible } from '../../static/miniature.js';
import { about, ago, company, held, matches, neighbour, running, sorted, suggestion, titlesOf, whatEnds, wish } from '../../static/sessions.js';
import { THEMES } from '../../static/themes.js';

const session = (name, more = {}) => ({ id: `$${name}`, name, command: 'sh', title: 'host', cwd: '/home/me', activity: 0, windows: 1, drive: 0, view: 0, attached: 0, ...more });
const names = (sessions) => sessions.map(({ name }) => name);

test('every word of the filter is somewhere in what a person sees of a session', () => {
  const one = session('work', { command: 'vim', title: 'Notes – draft', cwd: '/srv/Site' });
  for (const [text, found] of [['work', true], ['WOR', true], ['vim draft', true], ['/srv/site', true], ['vim emacs', false], ['', true], ['  ', true], ['rkvim', false]]) {
    assert.equal(matches(one, text), found, text);
  }
});

test('by name as people count, or by activity with the latest first', () => {
  const all = [session('b10', { activity: 5 }), session('b2', { activity: 9 }), session('A', { activity: 5 })];
  assert.deepEqual(names(sorted(all, 'name')), ['A', 'b2', 'b10']);
  assert.deepEqual(names(sorted(all, 'activity')), ['b2', 'A', 'b10']);
});

test('while somebody is about to click nothing moves', () => {
  assert.deepEqual(held(['a', 'b', 'c'], ['c', 'new', 'a']), ['a', 'b', 'c', 'new']);
  assert.deepEqual(held([], ['b', 'a']), ['b', 'a']);
});

test('who watches, what runs and since when are said in words', () => {
  assert.equal(company(session('a')), '');
  assert.equal(company(session('a', { drive: 2, view: 1, attached: 1 })), '2 here, 1 watching, 1 in a terminal');
  assert.equal(running(session('a', { windows: 3 })), 'sh · 3 windows');
  for (const [seconds, words] of [[0, 'just now'], [59, 'just now'], [60, '1 minute ago'], [7_300, '2 hours ago'], [86_400, '1 day ago']]) {
    assert.equal(ago(seconds), words);
  }
  const all = [session('a'), session('b'), session('c', { title: 'vim: notes' }), session('d', { title: 'd' })];
  assert.deepEqual(all.map((one) => about(one, titlesOf(all))), ['/home/me', '/home/me', 'vim: notes', '/home/me']);
});

test('a suggested name is free and can be given', () => {
  for (const [taken, about, name] of [
    [[], {}, 'main'],
    [['main'], {}, 'work'],
    [['main', 'work', 'shell'], {}, 'main-2'],
    [[], { command: '/usr/bin/htop -d 5' }, 'htop'],
    [['htop'], { command: 'htop' }, 'htop-2'],
    [['vim'], { command: 'vim x', cwd: '/srv/my site/' }, 'my-site'],
    [[], { cwd: '/' }, 'main'],
    [[], { command: '; -x', cwd: '/srv/äöü' }, 'main'],
    [[], { command: 'x'.repeat(80) }, 'main'],
  ]) {
    const found = suggestion(taken, about);
    assert.equal(found, name);
    assert.match(found, CREATABLE);
  }
});

test('arrows go from card to card as they stand, and never off the list', () => {
  for (const [from, direction, to] of [
    [-1, 'next', 0], [-1, 'down', 0], [-1, 'last', 7], [0, 'previous', 0], [0, 'next', 1], [0, 'down', 3], [4, 'up', 1], [1, 'up', 1],
    [5, 'down', 7], [6, 'down', 6], [7, 'next', 7], [3, 'first', 0], [3, 'last', 7],
  ]) assert.equal(neighbour(from, direction, 3, 8), to, `${from} ${direction}`);
  assert.equal(neighbour(-1, 'next', 3, 0), -1);
});

test('miniatures are asked for again only when one in view is missing', () => {
  const ids = Array.from({ length: 30 }, (_, number) => `$${number}`);
  const view = (...numbers) => new Set(numbers.map((number) => `$${number}`));
  assert.equal(wish({ ids: ids.slice(0, 24), inView: view(1), asked: '', most: 24 }), 'recent');
  assert.equal(wish({ ids, inView: view(3, 1), asked: 'recent', most: 24 }), '$1,$3');
  assert.equal(wish({ ids, inView: view(3), asked: '$1,$3', most: 24 }), '$1,$3');
  assert.equal(wish({ ids, inView: view(3, 4), asked: '$1,$3', most: 24 }), '$3,$4');
  assert.equal(wish({ ids, inView: new Set(ids), asked: '', most: 24 }).split(',').length, 24);
});

test('keys are read as the sheet says, and not with modifiers', () => {
  for (const { keys } of LIST_KEYS) {
    for (const key of keys.filter((key) => key !== 'Enter')) { // the browser's own
      assert.ok(actionOf({ key }), key);
      assert.equal(actionOf({ key, ctrlKey: true }), undefined);
      assert.equal(actionOf({ key }, false) === undefined, key.length === 1, 'letters can be turned off');
    }
  }
  assert.equal(actionOf({ key: 'constructor' }), undefined);
});

test('colours are those of the theme and of the palette', () => {
  const { colours } = THEMES.night;
  for (const [colour, wanted] of [
    [null, '#own'], [0, colours.black], [9, colours.brightRed], [15, colours.brightWhite], [16, '#000000'], [21, '#0000ff'],
    [110, '#87afd7'], [231, '#ffffff'], [232, '#080808'], [255, '#eeeeee'], ['#010203', '#010203'],
  ]) assert.equal(css(colour, '#own', colours), wanted);
});

test('text that could not be read on a light theme is lifted, on a dark one it is the program’s', () => {
  const day = { foreground: '#262b33', background: '#fdfdfb' };
  assert.equal(legible('#262b33', '#2f7a28', day), day.background);
  assert.equal(legible('#ffff00', '#fdfdfb', day), day.foreground);
  assert.equal(legible('#b92c2f', '#fdfdfb', day), '#b92c2f');
  assert.equal(legible('#202020', '#14171c', { foreground: '#d6dae2', background: '#14171c' }), '#202020');
});

test('what happens is told in sentences', () => {
  const [one, two] = [{ id: '$1', name: 'one', bell: false }, { id: '$2', name: 'two', bell: false }];
  assert.deepEqual(changes(null, [one]), ['1 session.']);
  assert.deepEqual(changes(null, []), ['0 sessions.']);
  assert.deepEqual(changes([one], [{ ...one, bell: true }, two]), ['one rings.', 'two has started.']);
  assert.deepEqual(changes([one, two], [{ ...one, name: 'other' }]), ['two has ended.']);
  assert.deepEqual(changes([one], [one]), []);
});

test('why there is no card is said with what helps, and a guest is offered nothing that is refused', () => {
  const done = [];
  const acts = { create: (name) => done.push(`create ${name}`), look: () => done.push('look'), clear: () => done.push('clear') };
  const labels = (told) => whyEmpty({ all: 0, text: '', guest: false, creates: !told.guest, ...told }, acts)?.choices.map(({ label, act }) => (act(), label));
  assert.deepEqual(labels({ tmux: { state: 'no-server' } }), ['Create the first session']);
  assert.deepEqual(labels({ tmux: { state: 'ready' }, guest: true }), []);
  assert.deepEqual(labels({ tmux: { state: 'ready' }, creates: false }), []);
  assert.deepEqual(labels({ tmux: { state: 'missing', message: 'no tmux' } }), ['Look again']);
  assert.deepEqual(labels({ tmux: { state: 'ready' }, all: 2, text: 'x' }), ['Clear the filter', 'Create “x”']);
  assert.deepEqual(labels({ tmux: { state: 'ready' }, all: 2, text: 'x', guest: true }), ['Clear the filter']);
  assert.equal(labels({ tmux: { state: 'starting' } }), undefined);
  assert.equal(labels({ tmux: { state: 'failed' } }), undefined);
  assert.deepEqual(done, ['create ', 'look', 'clear', 'create x', 'clear']);
});

test('what ends with a session is said before it is ended', () => {
  assert.equal(whatEnds({ windows: 1, command: '', cwd: '' }), 'It runs a shell, which is ended.');
  assert.equal(whatEnds({ windows: 2, command: 'vim', cwd: '/', drive: 1 }), 'The programs in its 2 windows are ended, vim among them. Watched now: 1 here.');
});
