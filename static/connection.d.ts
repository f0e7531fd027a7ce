// Types of connection.js.
//
//   const connection = new Connection({
//     url: (resume) => `wss://example.org/s/main/ws?cols=80&rows=24${resume ? '&resume=1' : ''}`,
//     protocols: () => ['muxview.v1'],
//     onBytes: (bytes, parsed) => terminal.write(bytes, parsed),
//     onState: (state) => { label.textContent = state; },
//   });
//   connection.open();

import type { Event, Phase, Reason, State } from './reconnect.js';

/** A text message of the server: JSON with a `type`. */
export interface Message {
  type: string;
  [field: string]: unknown;
}

/** How the last connection ended; `why` is set when it ended for good. */
export interface Ending {
  code: number;
  reason: string;
  why: Reason | null;
}

/** A request to find out by. */
export interface Probe {
  url: string | URL;
  headers?: HeadersInit;
}

export interface Hooks {
  /** The URL, asked at every try, so that size and role are those of the moment. `resume`: an
   *  earlier socket had been greeted. */
  url(resume: boolean): string | Promise<string>;
  /** The subprotocols for this URL, asked at every try. */
  protocols?(url: string): string[] | Promise<string[]>;
  /** A socket was closed with 4401: whether another try at once would show something else. Asked once
   *  a try. */
  again?(close: { code: number; reason: string }): boolean | Promise<boolean>;
  /** A plain same-origin request made after repeated refusals. Its 401, 403 or redirect is a wish
   *  for a sign-in, 404 or 410 twice in a row means the service is gone. */
  probe?(): Probe | null | Promise<Probe | null>;
  /** The state became another. */
  onState?(state: Phase, ending: Ending): void;
  /** `state`, `retryAt`, `advice` or `offline` may have become another. */
  onChange?(): void;
  /** A text message, `hello` first. */
  onText?(message: any): void;
  /** A frame. Call `parsed` when the terminal has taken it in: the server sends on then. */
  onBytes?(bytes: Uint8Array, parsed: () => void): void;
}

/** What it takes from the world. */
export interface Environment {
  WebSocket: new (url: string, protocols?: string[]) => WebSocket;
  /** Without one, or one that cannot do `deflate-raw`, chunks are not asked for. */
  DecompressionStream: typeof DecompressionStream;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(id: any): void;
  /** In [0, 1). */
  random(): number;
  /** Milliseconds; should go on while the machine sleeps. May jump. */
  now(): number;
  fetch(url: string | URL, init: RequestInit): Promise<Pick<Response, 'status' | 'type' | 'body'>>;
  /** Tells of the page's life as long as there is a page. */
  listen(tell: (event: PageEvent) => void): void;
}

export type PageEvent = 'shown' | 'hidden' | 'online' | 'offline' | 'freeze' | 'wake';

/** The events of a browser's page; nothing where there is none. */
export function pageEvents(tell: (event: PageEvent) => void): void;

export class Connection {
  constructor(hooks: Hooks, environment?: Partial<Environment>);
  /** `open` means: greeted, and the first whole picture is in. */
  get state(): Phase;
  /** Why it is closed. */
  get reason(): Reason | null;
  /** When the next try begins, by `now`; null while one is under way. */
  get retryAt(): State['retryAt'];
  get advice(): State['advice'];
  /** What the browser says; it may be wrong. */
  get offline(): boolean;
  /** The server's hello is in, its picture perhaps not yet. */
  get greeted(): boolean;
  get now(): number;
  /** Connects, from any state. */
  open(): void;
  /** Ends it for good; only `open()` revives it. */
  close(): void;
  /** The person does not want to wait. */
  retryNow(): void;
  /** Sends a message (text, once greeted) or input (bytes, only while open). False, and nothing is
   *  kept for later, when it cannot be sent now. */
  send(data: string | BufferSource): boolean;
  /** Measures the round trip. */
  ping(): boolean;
  /** The last round trip, and for how long an answer has been waited for; in ms. */
  get lag(): { roundTrip: number | null; waiting: number };
}
