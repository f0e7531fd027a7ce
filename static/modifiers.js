// Modifiers that stay down by themselves, for fingers that come one at a time. In: taps, keys as they
// are sent, the time. Out: what is held. No DOM, no clock.

/** Two taps within this time lock a modifier, in ms. */
const DOUBLE = 400;

export class Modifiers {
  /** 'off', 'once' (for the next key) or 'locked', by name. */
  state = { ctrl: 'off', alt: 'off', shift: 'off' };
  #tapped = {};

  /** A tap holds it for the next key, a second one at once locks it, and one later lets it go. */
  tap(name, now) {
    const twice = now - (this.#tapped[name] ?? -Infinity) <= DOUBLE;
    this.state[name] = this.state[name] === 'off' ? 'once' : this.state[name] === 'once' && twice ? 'locked' : 'off';
    this.#tapped[name] = now;
  }

  /** What is held: { ctrl, alt, shift }, or null if nothing is. */
  get held() {
    const held = Object.fromEntries(Object.entries(this.state).map(([name, state]) => [name, state !== 'off']));
    return Object.values(held).includes(true) ? held : null;
  }

  /** A key was sent with what was held. True if something is let go. */
  used() {
    const once = Object.keys(this.state).filter((name) => this.state[name] === 'once');
    for (const name of once) this.state[name] = 'off';
    return once.length > 0;
  }
}
