// The server's part played by the test: what a page says is heard, and what it hears is said.

import { PATIENCE } from './support.mjs';

/** The server's end of the page's sockets. */
export class FarEnd {
  sockets = [];
  heard = [];
  #waiting = [];

  accept(socket) {
    this.sockets.push(socket);
    socket.onMessage((message) => {
      this.heard.push(typeof message === 'string' ? JSON.parse(message) : message);
      this.#waiting.forEach((look) => look());
    });
    this.#waiting.forEach((look) => look());
  }

  get last() {
    return this.sockets.at(-1);
  }

  say(message) {
    this.last.send(JSON.stringify(message));
  }

  draw(text) {
    this.last.send(Buffer.from(`\x1bc${text}`));
  }

  hello(more = {}) {
    this.say({ type: 'hello', protocol: 1, session: { id: '$1', name: 'main' }, role: 'drive', ping_ms: 15_000, ...more });
    this.say({ type: 'size', cols: 60, rows: 10 });
    this.draw('first picture');
  }

  /** Waits until `found()` gives something. */
  until(found) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within ${PATIENCE} ms: ${found}`)), PATIENCE);
      const look = () => {
        const value = found(this);
        if (!value) return;
        clearTimeout(timer);
        resolve(value);
      };
      this.#waiting.push(look);
      look();
    });
  }
}
