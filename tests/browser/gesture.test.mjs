// What fingers mean, and how the picture moves under them: no browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gestures } from '../../static/gesture.js';
import { Glide, reveal, Steps } from '../../static/motion.js';

/** Plays `[at, x, y]` (one finger), `[at, [x, y], [x, y]]` (two), `[at]` (none) or `[at, 'wake']`. */
function play(moments, gestures = new Gestures()) {
  return moments.flatMap(([at, ...down]) => {
    if (down[0] === 'wake') return gestures.wake(at);
    if (down[0] === 'cancel') return gestures.cancel();
    const touches = (typeof down[0] === 'number' ? [down] : down).map(([x, y]) => ({ x, y }));
    return gestures.feed(touches, at);
  });
}
const types = (gestures) => gestures.map(({ type }) => type);
const all = (gestures, type) => gestures.filter((gesture) => gesture.type === type);

test('one finger: tap, press, drag', () => {
  for (const [name, moments, expected] of [
    ['a tap', [[0, 5, 5], [100]], ['stop', 'tap']],
    ['a tap that trembles', [[0, 5, 5], [50, 9, 11], [100]], ['stop', 'tap']],
    ['a press', [[0, 5, 5], [500, 'wake'], [600]], ['stop', 'press', 'press-end']],
    ['a press that is only noticed when the finger leaves', [[0, 5, 5], [700]], ['stop', 'press', 'press-end']],
    ['a press that selects', [[0, 5, 5], [500, 'wake'], [600, 40, 5], [700]], ['stop', 'press', 'press-move', 'press-end']],
    ['woken too early', [[0, 5, 5], [499, 'wake'], [499]], ['stop', 'tap']],
    ['a drag is no press, however long', [[0, 5, 5], [100, 5, 30], [900, 'wake'], [1_000]], ['stop', 'drag']],
    ['the system takes it away', [[0, 5, 5], [100, 'cancel'], [200, 8, 8], [210]], ['stop', 'stop', 'tap']],
    ['the system takes a press away', [[0, 5, 5], [500, 'wake'], [600, 'cancel']], ['stop', 'press', 'press-end']],
  ]) assert.deepEqual(types(play(moments)), expected, name);
});

test('a touch that stops a glide is no tap', () => {
  const gestures = new Gestures();
  assert.deepEqual(types([...gestures.feed([{ x: 1, y: 1 }], 0, true), ...gestures.feed([], 50)]), ['stop']);
});

test('a drag keeps to the axis it began with and loses nothing', () => {
  const down = all(play([[0, 100, 100], [20, 102, 130], [40, 150, 160], [60, 150, 90], [400]]), 'drag');
  assert.deepEqual(down.map(({ dx, dy }) => [dx, dy]), [[0, 30], [0, 30], [0, -70]]);
  assert.deepEqual([down[1].x, down[1].y], [150, 160], 'where the finger is');
  const across = all(play([[0, 100, 100], [20, 130, 120], [40, 160, 160]]), 'drag');
  assert.deepEqual(across.map(({ dx, dy }) => [dx, dy]), [[30, 0], [30, 0]]);
});

test('a finger that leaves while moving flings, one that rested does not', () => {
  const swipe = [[0, 0, 300], [16, 0, 280], [32, 0, 260], [48, 0, 240]];
  const [fling] = all(play([...swipe, [50]]), 'fling');
  assert.ok(Math.abs(fling.vy + 40 / 34) < 1e-9 && fling.vx === 0, `${fling.vy} px a ms`);
  assert.deepEqual(all(play([...swipe, [300]]), 'fling'), [], 'it rested');
  assert.deepEqual(all(play([[0, 0, 300], [16, 0, 280], [17]]), 'fling'), [], 'one movement has no speed');
});

test('two fingers pinch and move; the one that stays does nothing', () => {
  const seen = play([[0, 100, 100], [10, [100, 100], [200, 100]], [20, [50, 100], [250, 100]], [30, [60, 110], [260, 110]], [40, 60, 110], [50, 200, 300], [60]]);
  assert.deepEqual(types(seen), ['stop', 'stop', 'pinch', 'pinch', 'pinch-end']);
  assert.deepEqual(all(seen, 'pinch').map(({ scale, x, y, dx, dy }) => [scale, x, y, dx, dy]), [[2, 150, 100, 0, 0], [2, 160, 110, 10, 10]]);
  assert.deepEqual(types(play([[0, 1, 1], [500, 'wake'], [600, [1, 1], [9, 9]], [700]])), ['stop', 'press', 'press-end', 'stop', 'pinch-end']);
});

test('it says when it must be woken', () => {
  const gestures = new Gestures();
  assert.equal(gestures.wakeAt, null);
  gestures.feed([{ x: 0, y: 0 }], 1_000);
  assert.equal(gestures.wakeAt, 1_500);
  gestures.feed([{ x: 50, y: 0 }], 1_100);
  assert.equal(gestures.wakeAt, null);
});

test('a glide slows down, goes as far however often it is asked, and ends', () => {
  const far = (every) => {
    const glide = new Glide(2, 0);
    let sum = 0;
    for (let now = every; ; now += every) {
      const moved = glide.step(now);
      if (moved === null) return { sum, now };
      assert.ok(moved > 0);
      sum += moved;
    }
  };
  const [fine, coarse] = [far(8), far(50)];
  assert.ok(Math.abs(fine.sum - coarse.sum) < 5, `${fine.sum} and ${coarse.sum} px`);
  assert.ok(fine.sum > 600 && fine.sum < 650 && fine.now < 2_000, `${fine.sum} px in ${fine.now} ms`);
  assert.equal(new Glide(-0.01, 0).step(16), null);
  assert.ok(new Glide(-1, 0).step(16) < 0);
  assert.equal(new Glide(1, 100).step(50), 0, 'a clock that went back');
});

test('movement becomes whole steps; the rest is kept until it turns round', () => {
  const steps = new Steps();
  assert.deepEqual([10, 10, 10, 45].map((moved) => steps.take(moved, 30)), [0, 0, 1, 1]);
  assert.deepEqual([-10, -10, -10].map((moved) => steps.take(moved, 30)), [0, 0, -1], 'the 15 it had are lost');
});

test('what must be seen is scrolled into the window by no more than is needed', () => {
  for (const [what, window, scrolled] of [
    [{ from: 50, to: 60 }, { at: 0, seen: 100, size: 400 }, 0],
    [{ from: 150, to: 160 }, { at: 0, seen: 100, size: 400 }, 60],
    [{ from: 150, to: 160, around: 10 }, { at: 0, seen: 100, size: 400 }, 70],
    [{ from: 5, to: 15, around: 10 }, { at: 200, seen: 100, size: 400 }, 0],
    [{ from: 390, to: 400, around: 10 }, { at: 0, seen: 100, size: 400 }, 300],
    [{ from: 50, to: 60, around: 90 }, { at: 0, seen: 30, size: 400 }, 40],
    [{ from: 50, to: 60 }, { at: 0, seen: 500, size: 400 }, 0],
  ]) assert.equal(reveal(what, window), scrolled, JSON.stringify([what, window]));
});
