// Types of reconnect.js. Times are milliseconds of one clock, whichever the caller uses.

/** Why a connection is closed for good. `user`: `close()`, or never opened. `gone` and a `sign-in`
 *  with code 0 were learnt by a probe. `refused`: a final code of a later version. */
export type Reason =
  | 'user' | 'sign-in' | 'forbidden' | 'no-session' | 'ended' | 'too-old' | 'protocol' | 'refused' | 'gone';

export type Phase = 'connecting' | 'open' | 'reconnecting' | 'closed';

/** The status of a plain request, `redirect` for any 3xx, `unreachable` if there was no answer. */
export type ProbeResult = number | 'redirect' | 'unreachable';

export interface Limits {
  /** Ceiling of the first wait, in ms; it doubles. */
  first: number;
  /** The highest ceiling, in ms. */
  longest: number;
  /** The highest ceiling while nobody looks, in ms. */
  longestHidden: number;
  /** The shortest wait, in ms. */
  least: number;
  /** Ceiling of the first wait after a stable connection, in ms: a restart should hardly be seen. */
  quick: number;
  /** From the first SYN to the hello, in ms. */
  handshake: number;
  /** Heard from this long after it opened, a connection was stable, in ms. */
  stable: number;
  /** A server silent for this many of its ticks is asked … */
  ask: number;
  /** … and for this many is given up. */
  silence: number;
  /** How long the answer to a doubt may take, in ms. */
  answer: number;
  /** A timer later than this was not late by chance, in ms. */
  late: number;
  /** Least time between two tries that events of the page cause, in ms. */
  again: number;
  /** Longest wait while the browser says it is offline, in ms; such tries are not counted. */
  offline: number;
  /** After so many silences of a server that was never heard to tick, silence means nothing. */
  mute: number;
}

export interface State {
  readonly limits: Limits;
  phase: Phase;
  /** Set while `closed`. */
  reason: Reason | null;
  /** How the last connection ended. */
  last: { code: number; reason: string } | null;
  /** Of the present or last socket; grows. */
  generation: number;
  /** What the present socket has brought: nothing, its hello, its first picture. */
  socket: 'none' | 'connecting' | 'greeted' | 'open';
  /** Whether the next socket continues an earlier one. */
  resumes: boolean;
  attempt: number;
  /** The last connection was stable: the next wait is short. */
  rested: boolean;
  /** A restart's spread was honoured once since the last stable connection. */
  spreadOnce: boolean;
  /** When the next try begins; null while one is under way, parked or not wanted. */
  retryAt: number | null;
  startedAt: number;
  openedAt: number;
  heardAt: number;
  /** Between two ticks, as announced; 0 if none are. */
  pingMs: number;
  pingedAt: number;
  /** A byte is demanded until then. */
  answerBy: number | null;
  /** This server was heard to tick or to answer. */
  proven: boolean;
  mute: number;
  /** Sockets refused in a row before any hello. */
  refusals: number;
  probe: number;
  reachable: number;
  missing: number;
  /** Requests get through, WebSockets do not. */
  advice: 'no-websockets' | null;
  hidden: boolean;
  offline: boolean;
  /** Frozen or in the back/forward cache: connects when it returns. */
  parked: boolean;
  /** When the one timer is due. */
  wakeAt: number | null;
  /** The time of the last event. */
  clock: number;
}

export type Event =
  /** The caller: connect; end it for good; do not wait. */
  | { type: 'open' } | { type: 'close' } | { type: 'retry' }
  /** The socket: its hello; the first binary message; any other message (`alive`: a tick or a
   *  pong); its end. */
  | { type: 'greeted'; generation: number; pingMs: number }
  | { type: 'picture'; generation: number }
  | { type: 'heard'; generation: number; alive?: boolean }
  | { type: 'dropped'; generation: number; code: number; reason: string }
  | { type: 'timer' }
  | { type: 'probed'; probe: number; status: ProbeResult }
  /** The page: seen or not; the network; put to sleep (freeze, pagehide into the cache); awake
   *  (resume, pageshow). */
  | { type: 'shown' } | { type: 'hidden' } | { type: 'online' } | { type: 'offline' }
  | { type: 'freeze' } | { type: 'wake' };

export type Effect =
  /** Make a socket; all its events carry this generation. */
  | { type: 'connect'; generation: number; resume: boolean }
  /** Close this socket and listen to it no more. */
  | { type: 'abandon'; generation: number; code: number; reason: string }
  /** Set the one timer, or clear it. */
  | { type: 'timer'; at: number | null }
  /** Send a ping on the present socket. */
  | { type: 'ping' }
  /** Make a plain request and report it as `probed`. */
  | { type: 'probe'; probe: number };

export const LIMITS: Readonly<Limits>;

/** A connection that was not opened yet. */
export function initial(limits?: Partial<Limits>): State;

/** Full jitter under a doubling ceiling: the wait before try number `attempt`, counted from 0. */
export function delay(
  attempt: number, random: () => number, limits?: Pick<Limits, 'first' | 'longest' | 'least'>,
): number;

/** The machine: changes nothing it is given. */
export function step(state: State, event: Event, now: number, random: () => number): [State, Effect[]];
