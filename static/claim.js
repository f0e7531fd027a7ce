// Which size this page asks for. In: what kind of device it is, and the sizes its window would like.
// Out: the size the server is told, if any. No DOM.
//
// A desk's window asks for its own size, always. A phone asks for none until its person says so:
// it joins a session that others work in, and turning it must not rearrange their screens. A tablet
// asks as a desk does, but not for the rows its on-screen keyboard leaves over.

export class Claim {
  /** What the server is to be told on joining: `{ cols, rows }`, or null for no claim. */
  size = null;
  #device;

  /** @param {'desk' | 'tablet' | 'phone'} device */
  constructor(device) {
    this.#device = device;
  }

  /** The window would like this size, or shows nothing (null). `covered`: an on-screen keyboard is there. True if
      the claim has become another. */
  wants(size, covered = false) {
    if (this.#device === 'phone') return false;
    const rowsOnly = size?.cols === this.size?.cols && size?.rows < this.size?.rows;
    return !(covered && rowsOnly) && this.#become(size);
  }

  /** The person says: the size of this window. */
  take(size) {
    this.#become(size);
  }

  #become(size) {
    const other = size?.cols !== this.size?.cols || size?.rows !== this.size?.rows;
    if (other) this.size = size;
    return other;
  }
}
