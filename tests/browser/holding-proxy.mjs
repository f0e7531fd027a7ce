// A proxy on the way that stops passing bytes and says nothing of it, as some do when they sleep or
// forget: both its sockets stay open. In: where to go. Out: an address, and what is let through.

import { connect, createServer } from 'node:net';

export class HoldingProxy {
  address;
  #server;
  #pairs = new Set();
  #held = { up: false, down: false };

  /** A proxy in front of `HOST:PORT`. */
  static async before(target) {
    const proxy = new HoldingProxy();
    const [host, port] = target.split(':');
    proxy.#server = createServer((near) => {
      const far = connect(Number(port), host);
      proxy.#join(near, far);
    });
    await new Promise((resolve) => { proxy.#server.listen(0, '127.0.0.1', resolve); });
    proxy.address = `127.0.0.1:${proxy.#server.address().port}`;
    return proxy;
  }

  #join(near, far) {
    const pair = { near, far, kept: { up: [], down: [] } };
    this.#pairs.add(pair);
    const pass = (from, to, way) => {
      from.on('data', (bytes) => { if (this.#held[way]) pair.kept[way].push(bytes); else to.write(bytes); });
      from.on('error', () => {});
      // While it holds, it does not even pass on that a side has gone.
      from.on('close', () => { if (!this.#held[way]) to.destroy(); });
    };
    pass(near, far, 'up');
    pass(far, near, 'down');
  }

  /** Keeps what comes, in these directions (`up` is to the server), of old and of new connections. */
  hold(...ways) {
    for (const way of ways) this.#held[way] = true;
  }

  /** Passes again; what was kept goes first, or is lost for good. */
  release({ lose = false } = {}) {
    this.#held = { up: false, down: false };
    for (const { near, far, kept } of this.#pairs) {
      if (lose) {
        near.destroy();
        far.destroy();
        continue;
      }
      for (const bytes of kept.up.splice(0)) far.write(bytes);
      for (const bytes of kept.down.splice(0)) near.write(bytes);
      if (near.destroyed) far.destroy();
      if (far.destroyed) near.destroy();
    }
  }

  end() {
    this.#server.close();
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
  }
}
