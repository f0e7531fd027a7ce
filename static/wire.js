// The messages and close codes of `muxview.v1`, as the page sees them: the mirror of
// src/web/socket/protocol.rs, and the only file that must change with it. No DOM.

/** The subprotocol this page speaks. */
export const PROTOCOL = 'muxview.v1';

/** Offered beside it, and never selected: the page takes chunks too (inflate.js). */
export const DEFLATE = 'muxview.deflate';

/** A second subprotocol carries the credential: a browser can set no header on a WebSocket. */
export const KEY_PREFIX = 'muxview.key.';

/** The most one message to the server may hold, in bytes: for more it drops the connection. */
export const MESSAGE_BYTES = 4 * 1024 * 1024;

/** Close codes the page treats by name. */
export const Close = Object.freeze({
  RESTART: 1012,
  BUSY: 1013,
  PROTOCOL: 4400,
  SIGN_IN: 4401,
  FORBIDDEN: 4403,
  NO_SESSION: 4404,
  ENDED: 4410,
  TOO_OLD: 4426,
});

/** One rule: 4400–4499 are final, every other code is retried. @param {number} code */
export const isFinal = (code) => code >= 4400 && code <= 4499;

/** Milliseconds over which the server asks its viewers to spread their first try, or null. @param {string | undefined} reason */
export function spread(reason) {
  const found = /^spread=(\d{1,6})$/.exec(reason ?? '');
  return found && Number(found[1]);
}

/** A server's text message, or null for anything this page does not understand. @param {string} text */
export function parse(text) {
  try {
    const message = JSON.parse(text);
    return typeof message?.type === 'string' ? message : null;
  } catch {
    return null;
  }
}

/** What a viewer says. */
export const say = Object.freeze({
  /** @param {{ cols: number, rows: number }} size */
  resize: ({ cols, rows }) => JSON.stringify({ type: 'resize', cols, rows }),
  /** @param {number} bytes */
  ack: (bytes) => JSON.stringify({ type: 'ack', bytes }),
  /** @param {boolean} visible */
  visible: (visible) => JSON.stringify({ type: 'visible', visible }),
  /** @param {'select' | 'new' | 'close' | 'zoom'} what @param {string} [id] of the window */
  window: (what, id) => JSON.stringify({ type: 'window', do: what, id }),
  /** @param {{ foreground: string, background: string }} colours as `#rrggbb` */
  theme: ({ foreground, background }) => JSON.stringify({ type: 'theme', foreground, background }),
  repaint: () => JSON.stringify({ type: 'repaint' }),
  /** Scrolls tmux's history; back if negative. @param {number} lines */
  scroll: (lines) => JSON.stringify({ type: 'window', do: 'scroll', lines }),
  /** @param {number} id */
  ping: (id) => JSON.stringify({ type: 'ping', id }),
});
