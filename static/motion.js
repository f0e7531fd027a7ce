// How a picture moves under fingers: on after they have left, in whole steps where only steps can be
// sent, and no further than what must be seen. In: px and the time. No DOM, no clock.

/** How long a glide takes to lose most (1 - 1/e) of its speed, in ms, and the speed at which it is over, in px a ms. */
const SLOWING = 325;
const REST = 0.03;

/** A movement that goes on after the finger has left, ever slower. */
export class Glide {
  #speed;
  #at;

  constructor(speed, now) {
    this.#speed = speed;
    this.#at = now;
  }

  /** How far it went since it was last asked, in px; null when it has come to rest. */
  step(now) {
    if (Math.abs(this.#speed) < REST) return null;
    const left = Math.exp(-Math.max(0, now - this.#at) / SLOWING);
    const moved = this.#speed * SLOWING * (1 - left);
    this.#speed *= left;
    this.#at = now;
    return moved;
  }
}

/** Turns movement into whole steps and keeps the rest; turning round loses it. */
export class Steps {
  #rest = 0;

  /** The steps of `size` px that `moved` px make, towards where they went. */
  take(moved, size) {
    if (moved * this.#rest < 0) this.#rest = 0;
    this.#rest += moved;
    const steps = Math.trunc(this.#rest / size) + 0; // no -0
    this.#rest -= steps * size;
    return steps;
  }
}

/** How far something `size` long must be scrolled so that `from`..`to` in it is seen in a window `seen`
    long that stands at `at` now; `around` is kept free beside it where there is room. */
export function reveal({ from, to, around = 0 }, { at, seen, size }) {
  const room = Math.max(0, Math.min(around, (seen - (to - from)) / 2));
  const wanted = to + room > at + seen ? to + room - seen : from - room < at ? from - room : at;
  return Math.max(0, Math.min(wanted, size - seen));
}
