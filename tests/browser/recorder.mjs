// A pane whose program notes every byte it gets, as it gets it.

import { readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PATIENCE } from './support.mjs';

export class Recorder {
  #file;

  /** A session called `name`; `says` is what its program prints first, as printf takes it: modes. */
  constructor(tmux, name, says = '') {
    this.name = name;
    this.#file = join(tmux.directory, `${name}.bytes`);
    writeFileSync(this.#file, '');
    tmux.start(name, `stty raw -echo; printf '${says}ready'; exec cat >> ${this.#file}`);
  }

  /** All that has come, as text. */
  get text() {
    return readFileSync(this.#file, 'utf8');
  }

  /** Waits until what has come ends with `last`; gives all of it and begins anew. */
  async until(last) {
    const come = () => this.text.endsWith(last);
    const watcher = watch(this.#file);
    try {
      if (!come()) {
        await new Promise((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error(`not within ${PATIENCE} ms: ${JSON.stringify(last)}, but ${JSON.stringify(this.text)}`)), PATIENCE);
          watcher.on('change', () => {
            if (!come()) return;
            clearTimeout(timer);
            resolve();
          });
        });
      }
    } finally {
      watcher.close();
    }
    const { text } = this;
    writeFileSync(this.#file, ''); // `cat` appends
    return text;
  }
}
