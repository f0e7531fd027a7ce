// What fingers mean: touches and the time → gestures. No DOM, no clock, no timers; whoever feeds it
// wakes it at `wakeAt`. It must not know what a gesture does.
//
//   tap { x, y }               one finger, short and in its place
//   press { x, y }             it stayed: what follows is press-move { x, y } and press-end { x, y }
//   drag { dx, dy, x, y }      it moved, along the axis it began with
//   fling { vx, vy, x, y }     it left while moving, in px a ms
//   pinch { scale, x, y, dx, dy }  two fingers: their distance against the first one, and their middle
//   pinch-end, stop            `stop`: a finger came down; what still glides must not

/** How far a finger may move and still be in its place, in px. */
const SLOP = 10;
/** How long a finger stays for a press, in ms. */
const HOLD = 500;
/** The last movements from which a fling takes its speed, in ms, and the least speed, in px a ms. */
const RECENT = 80;
const FLING = 0.15;

export class Gestures {
  #phase = 'idle'; // down, drag, press, pinch; over: done with until all fingers are gone
  #start = null; // { x, y, at }
  #last = null; // { x, y }
  #axis = null; // 'x' or 'y'
  #trail = []; // { d, at }: the movements along the axis
  #apart = 0;
  #stopped = false;

  /** When `wake` must be called, or null. */
  get wakeAt() {
    return this.#phase === 'down' ? this.#start.at + HOLD : null;
  }

  /** `touches`: all that are down now, [{ x, y }]. `gliding`: the touch that begins stops a glide, so it is no tap. */
  feed(touches, now, gliding = false) {
    const late = this.wake(now);
    if (touches.length === 0) return [...late, ...this.#end(now)];
    if (touches.length > 1) return [...late, ...this.#two(touches)];
    const [touch] = touches;
    if (this.#phase === 'idle') return this.#begin(touch, now, gliding);
    return [...late, ...this.#move(touch, now)];
  }

  /** The time has come, or something is fed. */
  wake(now) {
    if (this.#phase !== 'down' || now < this.#start.at + HOLD) return [];
    this.#phase = 'press';
    return [{ type: 'press', x: this.#start.x, y: this.#start.y }];
  }

  /** The system took the touch away. */
  cancel() {
    const ended = this.#phase === 'pinch' ? [{ type: 'pinch-end' }]
      : this.#phase === 'press' ? [{ type: 'press-end', ...this.#last }] : [];
    this.#phase = 'idle';
    return ended;
  }

  #begin({ x, y }, now, gliding) {
    this.#phase = 'down';
    this.#start = { x, y, at: now };
    this.#last = { x, y };
    this.#stopped = gliding;
    this.#trail = [];
    return [{ type: 'stop' }];
  }

  #move({ x, y }, now) {
    if (this.#phase === 'pinch') {
      const ended = this.cancel();
      this.#phase = 'over'; // the finger that stays is on its way out
      return ended;
    }
    if (this.#phase === 'down') {
      const [dx, dy] = [x - this.#start.x, y - this.#start.y];
      if (Math.hypot(dx, dy) <= SLOP) return [];
      this.#phase = 'drag';
      this.#axis = Math.abs(dx) > Math.abs(dy) ? 'x' : 'y';
    }
    const moved = { dx: x - this.#last.x, dy: y - this.#last.y };
    this.#last = { x, y };
    if (this.#phase === 'press') return [{ type: 'press-move', x, y }];
    if (this.#phase !== 'drag') return [];
    const d = this.#axis === 'x' ? moved.dx : moved.dy;
    this.#trail = [...this.#trail.filter(({ at }) => now - at < RECENT), { d, at: now }];
    return [{ type: 'drag', dx: this.#axis === 'x' ? d : 0, dy: this.#axis === 'y' ? d : 0, x, y }];
  }

  #two([a, b]) {
    const apart = Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    if (this.#phase === 'over') return [];
    if (this.#phase !== 'pinch') {
      const before = this.cancel();
      this.#phase = 'pinch';
      this.#apart = apart;
      this.#last = middle;
      return [...before, { type: 'stop' }];
    }
    const [dx, dy] = [middle.x - this.#last.x, middle.y - this.#last.y];
    this.#last = middle;
    return [{ type: 'pinch', scale: apart / this.#apart, ...middle, dx, dy }];
  }

  #end(now) {
    const phase = this.#phase;
    if (phase === 'pinch' || phase === 'press') return this.cancel();
    this.#phase = 'idle';
    if (phase === 'down') return this.#stopped ? [] : [{ type: 'tap', x: this.#start.x, y: this.#start.y }];
    if (phase !== 'drag') return [];
    const recent = this.#trail.filter(({ at }) => now - at < RECENT);
    const time = recent.length > 1 ? now - recent[0].at : 0;
    // The first movement was made before its time: it does not count.
    const speed = time > 0 ? recent.slice(1).reduce((sum, { d }) => sum + d, 0) / time : 0;
    if (Math.abs(speed) < FLING) return [];
    return [{ type: 'fling', vx: this.#axis === 'x' ? speed : 0, vy: this.#axis === 'y' ? speed : 0, ...this.#last }];
  }
}
