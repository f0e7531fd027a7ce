// Messages in the order they came, chunks inflated: what `muxview.deflate` of src/web/socket/protocol.rs means to
// a page. In: messages. Out: the same, but terminal bytes for every chunk. It must not know what else
// they mean. No DOM.

/** Whether this browser has what it takes. @param {typeof DecompressionStream | undefined} Inflate */
export function inflates(Inflate) {
  try {
    return !!new /** @type {any} */ (Inflate)('deflate-raw');
  } catch {
    return false;
  }
}

/** Gives messages to what takes them, one after the other; a chunk holds up those behind it until it is
    inflated. Without `Inflate` there are no chunks. `broken`: there will be no more.
    @param {typeof DecompressionStream | null} Inflate @param {() => void} broken */
export function inflater(Inflate, broken) {
  /** @type {[any, (message: any) => void][]} */
  const waiting = [];
  let busy = false;
  /** @type {WritableStreamDefaultWriter<any>} */
  let writer;
  /** @type {ReadableStreamDefaultReader<any>} */
  let reader;

  /** @param {Uint8Array} chunk */
  async function inflate(chunk) {
    if (!writer) {
      const stream = new /** @type {typeof DecompressionStream} */ (Inflate)('deflate-raw');
      writer = stream.writable.getWriter();
      reader = stream.readable.getReader();
    }
    let at = 1;
    let length = 0;
    for (let unit = 1, byte = 128; byte > 127; unit *= 128) length += ((byte = chunk[at++]) & 127) * unit;
    writer.write(chunk.subarray(at)).catch(() => {}); // reading fails too
    const bytes = new Uint8Array(length);
    for (let have = 0; have < length;) {
      const { value } = await reader.read();
      bytes.set(value, have); // throws if there is none or too much
      have += value.length;
    }
    return bytes;
  }

  /** @param {any} message @param {(message: any) => void} take */
  function pass(message, take) {
    if (!Inflate || message[0] !== 0) return take(message);
    busy = true;
    inflate(message).then((bytes) => {
      busy = false;
      try {
        take(bytes);
      } finally {
        next();
      }
    }, broken);
  }

  function next() {
    const first = !busy && waiting.shift();
    if (!first) return;
    try {
      pass(...first);
    } finally {
      next();
    }
  }

  return {
    /** Whether a chunk is not inflated yet. */
    get busy() { return busy; },
    /** @template T @param {T} message @param {(message: T) => void} take */
    pass(message, take) {
      if (busy) waiting.push([message, take]);
      else pass(message, take);
    },
  };
}
