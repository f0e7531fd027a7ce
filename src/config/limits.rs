//! Every bound on something that grows, with its unit and its reason. Nothing here reads anything.
//! A leaf: every module may import it.

use std::time::Duration;

// ── sizes ────────────────────────────────────────────────────────────────────────────────────

/// Columns a viewer may ask for. tmux refuses over 10,000; a screen costs memory per cell.
pub const COLS: std::ops::RangeInclusive<u16> = 2..=1000;
/// Rows a viewer may ask for.
pub const ROWS: std::ops::RangeInclusive<u16> = 2..=500;
/// Cells of one grid: a repaint of more would outgrow what a browser parses in a frame.
pub const CELLS: u32 = 100_000;

// ── terminal ─────────────────────────────────────────────────────────────────────────────────

/// Bytes of one control sequence; tmux writes under 100.
pub const CSI_BYTES: usize = 256;
/// Bytes of one string sequence (OSC, DCS) that does not set the clipboard: a title or a link.
pub const STRING_BYTES: usize = 8 * 1024;
/// Characters of a title shown to people.
pub const TITLE_CHARS: usize = 256;
/// Bytes of text tmux may put on a viewer's clipboard.
pub const CLIPBOARD_BYTES: usize = 1024 * 1024;
/// Bytes of the sequence that sets the clipboard: base64 of [`CLIPBOARD_BYTES`] and the numbers before it.
pub const CLIPBOARD_SEQUENCE_BYTES: usize = CLIPBOARD_BYTES.div_ceil(3) * 4 + 64;
/// Bytes of a hyperlink's URI (tmux's own limit since 2026).
pub const LINK_BYTES: usize = 1024;
/// Pens the parser may hold before it is rebuilt from the screen: a true-colour animation makes
/// 20,000 a frame.
pub const PENS: usize = 65_536;
/// Clusters of either width a terminal may hold before those no longer shown are dropped: a screen has
/// 100,000 cells at most, nearly all of them plain.
pub const STAND_INS: usize = 32_768;

// ── viewers ──────────────────────────────────────────────────────────────────────────────────

/// At most one frame per session in this time; the first goes at once.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(16);
/// How long a burst outside a synchronised update may go on growing before it is published.
pub const BURST_LINGER: Duration = Duration::from_millis(2);
/// A burst of one read of at most this many bytes is an echo and published at once; a redraw that
/// is not wrapped in a synchronised update is longer.
pub const ECHO_BYTES: usize = 256;
/// Silence after which an attach that never ended a synchronised update is shown all the same: the
/// user's `terminal-overrides` may forbid tmux to synchronise.
pub const OPENING: Duration = Duration::from_millis(500);
/// Pictures of a session nobody looks at are taken for a new title or a bell only, at most one in this
/// time.
pub const UNWATCHED_INTERVAL: Duration = Duration::from_secs(1);
/// How long who comes to look waits for the picture that was not taken meanwhile, before the old one
/// is shown.
pub const CATCH_UP: Duration = Duration::from_millis(300);
/// Bytes read from the pty in one turn, so that a flood does not keep viewers waiting for answers.
pub const TURN_BYTES: usize = 128 * 1024;
/// Turns of a session's task for anything else before the pty is read first: tmux buffers without
/// limit for a client that does not read.
pub const UNREAD_TURNS: u32 = 16;
/// How long tmux may stay inside a synchronised update: a blocked client can skip the end.
pub const SYNC_TIMEOUT: Duration = Duration::from_millis(100);
/// How long a picture waits for tmux's next whole redraw once tmux has thrown bytes away: it draws
/// anew every 100 ms then.
pub const TORN_TIMEOUT: Duration = Duration::from_millis(250);
/// How long after tmux threw bytes away it is taken to go on: it says so every 100 ms.
pub const STARVED: Duration = Duration::from_millis(150);
/// While tmux throws bytes away it is asked to draw anew once in this time. Each costs it what a frame
/// of 80x24 does, a fraction of a millisecond.
pub const REDRAW_INTERVAL: Duration = FRAME_INTERVAL;
/// How often tmux is asked whether a prompt, a menu or a popup is still open while somebody watches who
/// may not see it: tmux does not tell when it is closed, but draws then, which has it asked as well.
pub const OVERLAY_POLL: Duration = Duration::from_millis(250);
/// Bytes sent to a viewer that acks and not yet acked; a single larger frame may go alone.
pub const UNACKED_BYTES: u64 = 256 * 1024;
/// Bytes under way that go however late an ack is: what typing makes appear waits for nobody.
pub const HASTY_BYTES: u64 = 1024;
/// What a viewer may at most have made usual for an ack: a far one that acks rarely needs one second.
pub const ACK_PATIENCE: Duration = Duration::from_secs(2);
/// An ack that does not come holds frames back for this long at most, then one more goes: it may have
/// been learned wrongly how the viewer acks. Less than half of [`SILENCE`].
pub const ACK_LAPSE: Duration = Duration::from_secs(20);
/// Generations a viewer may be behind before it gets a repaint and its old screen is dropped.
pub const GENERATIONS_BEHIND: u64 = 64;
/// A frame of fewer bytes goes as it is: what deflate would save is less than what a packet costs.
pub const DEFLATE_FROM_BYTES: u64 = 64;
/// How hard deflate tries, 1 to 9, once for all viewers of a session: full frames of words become 0.24
/// of what they are in 66 us, at level 1 0.38 in 5 us.
pub const DEFLATE_LEVEL: u32 = 6;
/// Bytes to a multiple of which a chunk is padded: its length tells less of what it holds. Most chunks are
/// a few hundred bytes long.
pub const DEFLATE_PAD_BYTES: usize = 64;
/// How far back deflate looks, as a power of two: eight full frames of 80x24. Once a session it takes
/// some 256 KiB, half of them for this.
pub const DEFLATE_WINDOW_BITS: u8 = 14;
/// The compressed stream of a session begins afresh for those who stand outside at most once in this
/// time: what it forgets by that costs all its viewers.
pub const ENTRY_INTERVAL: Duration = Duration::from_secs(1);
/// Frames that go as they are after one that deflate made hardly shorter.
pub const DEFLATE_REST: u32 = 16;
/// A viewer's own `repaint` requests: at most one in this time (10 a second).
pub const REPAINT_INTERVAL: Duration = Duration::from_millis(100);
/// Bells told to a viewer: at most one in this time.
pub const BELL_INTERVAL: Duration = Duration::from_secs(1);
/// Viewers of one session.
pub const VIEWERS_PER_SESSION: usize = 10_000;
/// Viewers of a session that the task that read the pty writes to itself: that many writes cost less
/// than waking another thread.
pub const INLINE_VIEWERS: usize = 8;
/// Viewers written to between two looks at everything else, 7 µs each: who types meanwhile waits no
/// longer.
pub const CARRY_STEP: usize = 16;
/// Viewers for whom one more thread is woken to write.
pub const CARRIER_VIEWERS: usize = 256;
/// How long a bridge outlives its last viewer, so that a page reload finds it running.
pub const LINGER: Duration = Duration::from_secs(30);
/// Chunks of input waiting for the pty, per session; a full queue holds the socket back.
pub const INPUT_QUEUE: usize = 256;

/// Bytes of input waiting for the pty, per session: a few of the largest messages.
pub const INPUT_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of input remembered that were written to a tmux client and that it may not have read: should
/// it end, the next one is given them. A pty holds up to 68 KiB; what is not remembered of a long paste
/// is lost with the client.
pub const UNREAD_BYTES: usize = 16 * 1024;
/// Messages remembered so.
pub const UNREAD_MESSAGES: usize = 1024;
/// Distance between a key tmux may be bound to and its neighbours: closer together tmux takes keys for pasted text
/// (`assume-paste-time`, 1 ms) and passes its prefix on to the program. Measured: 2 ms fails at times.
pub const INPUT_SPACING: Duration = Duration::from_millis(3);
/// How long a client must have been attached before tmux is told that nobody looks at its terminal.
/// tmux crashes when a focus report of a client meets the end of its session, and one that has just been
/// attached to may be ending.
pub const FOCUS_SETTLE: Duration = Duration::from_millis(500);
/// How long tmux holds an escape that nothing follows (its `escape-time`, 500 ms by default), and a
/// moment more.
pub const ESCAPE_TIME: Duration = Duration::from_millis(520);
/// How long a message that is a lone ESC is held back, as it may be the beginning of a key whose rest
/// comes with the next message: the `escape-time` that tmux has by default since 3.5.
pub const ESCAPE_WAIT: Duration = Duration::from_millis(10);
/// How long the beginning of a UTF-8 character is held back for the rest of it. tmux itself waits no
/// longer than its `escape-time`, and a network may take longer than that.
pub const CHARACTER_WAIT: Duration = Duration::from_secs(2);
/// How long input already received may take to reach tmux when a bridge stops.
pub const DELIVERY: Duration = Duration::from_secs(1);
/// A session's windows are asked for at most once in this time: a status line may change with every
/// second, titles with every line.
pub const WINDOWS_INTERVAL: Duration = Duration::from_millis(100);
/// They are also asked for this long after the last time, if several rows of the picture changed since:
/// whether a program brackets pastes tends to change with its output, and tmux tells of that by itself
/// to nobody.
pub const PANE_MODES_INTERVAL: Duration = Duration::from_millis(500);
/// What drivers do with the windows of a session: at most one thing in this time, the first at once.
pub const WINDOW_ACT_INTERVAL: Duration = Duration::from_millis(50);
/// Such things waiting, per session; more is dropped. What is typed after them waits with them, so
/// these are few.
pub const WINDOW_ACTS: usize = 8;
/// Presence is told at most once in this time: in a storm of joins each would wake all the others.
pub const PRESENCE_INTERVAL: Duration = Duration::from_millis(250);

// ── tmux ─────────────────────────────────────────────────────────────────────────────────────

/// The oldest tmux we know to work: (major, minor).
pub const TMUX_OLDEST: (u32, u32) = (3, 2);
/// Windows of a session people are told of: more tabs are of no use, and each viewer gets all of them
/// with every change. tmux itself takes any number.
pub const WINDOWS: usize = 256;
/// Characters of a window's name in its tab.
pub const WINDOW_NAME_CHARS: usize = 64;
/// A tmux command or query that takes longer is reported as "not answering".
pub const TMUX_TIMEOUT: Duration = Duration::from_secs(5);
/// How long tmux may take to answer before it is reported to hang, and before something is changed: with
/// [`TMUX_POLL`] a tmux that is stopped is known within 3 s. It answers in less than a millisecond.
pub const TMUX_SLOW: Duration = Duration::from_millis(1500);
/// How often tmux is asked how all sessions are: sizes, commands and titles change without a
/// notification. tmux answers in about a tenth of a millisecond.
pub const TMUX_POLL: Duration = Duration::from_secs(1);
/// Windows that are not as they were known are asked for once more after this time: what changed and
/// changed back between two polls is no change to the second poll.
pub const WINDOWS_RECHECK: Duration = Duration::from_millis(1500);
/// tmux processes (other than attached clients) running at once: a hanging server must not pile them up.
pub const TMUX_SPAWNS: usize = 8;
/// Questions waiting to be asked; more wait with their askers.
pub const TMUX_QUERIES: usize = 64;
/// Questions asked on one connection before it is replaced. tmux takes at most 1,000 words, and keeps
/// a hundred bytes for each question that was not asked when muxview is killed.
pub const TMUX_QUESTIONS: usize = 64;
/// Bytes of one answer of tmux; a list of 10,000 sessions fits.
pub const TMUX_REPLY_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one notification of tmux; a longer one stands for any change.
pub const NOTIFICATION_BYTES: usize = 256 * 1024;
/// Events a slow listener may be behind before it is told that anything may have changed.
pub const TMUX_EVENTS: usize = 256;
/// The longest pause before tmux is looked for again while there is no server: one `connect` each.
pub const SERVER_POLL: Duration = Duration::from_secs(1);
/// The list of sessions is asked for at most once in this time, however events storm.
pub const LISTING_INTERVAL: Duration = Duration::from_millis(50);
/// How long after an event that is: tmux answers one after the other, the whole list takes it
/// milliseconds, and who joins has questions at that moment that a picture waits for.
pub const LISTING_LINGER: Duration = Duration::from_millis(10);
/// How long an answer to a change waits for the list of sessions to show it.
pub const SHOWN: Duration = Duration::from_secs(1);
/// How long a client of ours that has left its screen may take to end before it is taken to be
/// suspended (`prefix C-z`) and revived.
pub const SUSPEND_WAIT: Duration = Duration::from_millis(50);
/// How long a client of ours may take to attach before it is looked at whether it was locked or suspended
/// as it did, and how often it is looked at again. Attaching takes 6 to 31 ms.
pub const START_WAIT: Duration = Duration::from_millis(500);
/// Clients of ours that are remembered after their end: what they sent before may be read after.
pub const LEFT_CLIENTS: usize = 32;
/// How long tmux may take to let a client go that was asked to end, before it is made to.
pub const LEAVE_WAIT: Duration = Duration::from_millis(250);
/// How long an ended client may take to leave before it is killed.
pub const REAP_WAIT: Duration = Duration::from_secs(1);
/// The width probe, whole; past it the built-in widths are used until the next attach. It takes a third
/// of a second where nothing else runs.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// First and last wait between attempts to reattach or to reach tmux again.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How long a resize waits for tmux to confirm it before the picture is published anyway.
pub const RESIZE_TIMEOUT: Duration = Duration::from_millis(100);
/// Size changes of one session: at most one in this time, the newest wins. Each makes every program
/// of the window redraw.
pub const RESIZE_INTERVAL: Duration = Duration::from_millis(100);
/// How long an attach lives before the ones before it that did not are forgotten.
pub const LASTING: Duration = Duration::from_secs(5);
/// Attaches in a row that may live shorter and are replaced at once: a swarm of kills goes unnoticed.
pub const SHORT_LIVES: u32 = 64;
/// The longest wait after more of them: somebody would have to kill each one.
pub const SHORT_LIVES_RETRY: Duration = Duration::from_millis(500);
/// The same for attaches that tmux detaches: a hook that throws every client out is backed off from
/// within a few seconds, and as far as from anything else that fails.
pub const DETACHES: u32 = 8;
/// Failed attempts to attach in a row before people are told.
pub const FAILURES_TOLD: u32 = 3;

// ── sign-in ──────────────────────────────────────────────────────────────────────────────────

/// How long a link that signs in is good, if nobody opens it.
pub const LINK_LIFE: Duration = Duration::from_secs(15 * 60);
/// How long a page that is not used stays signed in: a holiday's laptop must sign in again.
pub const CREDENTIAL_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a page in use is renewed before its person must sign in again.
pub const CREDENTIAL_RENEWABLE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Age at which a signing key is replaced.
pub const KEY_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// How often that age is looked at.
pub const KEY_CHECK: Duration = Duration::from_secs(24 * 3600);
/// How far clocks may differ, as after one was set.
pub const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// How long a page's signature is good: a request may wait for a connection.
pub const SIGNED_LIFE: Duration = Duration::from_secs(10);
/// How far a page's clock may be ahead of ours: it counts from a time we told, so only as far as
/// clocks drift apart.
pub const SIGNED_AHEAD: Duration = Duration::from_secs(2);
/// How long a credential is good that the command line makes for one request and one more try.
pub const SIGNER_LIFE: Duration = Duration::from_secs(30);
/// How long the command line waits for an answer of the service: longer than tmux has for one.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the command line waits before it asks a service again that is restarting.
pub const CLIENT_RETRY: Duration = Duration::from_millis(100);
/// Services that run with one state directory: each is asked whether it knows of a change.
pub const SERVICES: usize = 32;
/// Bytes of a service's address in its state directory: the longest path, as JSON, and a base path.
pub const ADDRESS_BYTES: u64 = 8 * 1024;
/// How late a change of the state directory counts where the system does not tell of it, or the
/// directory was moved. Three looks at files each time.
pub const STATE_CHECK: Duration = Duration::from_secs(1);
/// Bytes of an answer to the command line. A list of all shares is the longest.
pub const CLIENT_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a credential with its signature: [`CREDENTIAL_BYTES`], a time, a random number and 64 bytes.
pub const SIGNED_BYTES: usize = 768;
/// Signatures remembered, so that none is accepted twice while it is good; guests may use half. About
/// 100 bytes each.
pub const USED_SIGNATURES: usize = 65_536;
/// Of these, those of one credential: 340 requests a second.
pub const USED_OF_ONE: usize = 4096;
/// Bytes of a credential; ours have about 270, and about 350 with a page's key.
pub const CREDENTIAL_BYTES: usize = 512;
/// Owners' credentials ended before their time that are remembered; past it everyone is signed out.
/// Guests' are bounded by [`SHARES`] and [`SHARE_USES`].
pub const ENDED_CREDENTIALS: usize = 4096;
/// How late the end of a credential may close what is open, when the machine slept meanwhile.
pub const PERMIT_RECHECK: Duration = Duration::from_secs(60);
/// Failed sign-ins of one source in [`THROTTLE_WINDOW`] before it must wait; right ones never do.
pub const FAILED_SIGN_INS: u32 = 10;
/// See [`FAILED_SIGN_INS`].
pub const THROTTLE_WINDOW: Duration = Duration::from_secs(60);
/// Sources whose failed sign-ins are counted apart; those after them are one.
pub const THROTTLED_SOURCES: usize = 1024;
/// Bytes of a proxy's secret, at least and at most.
pub const PROXY_SECRET_BYTES: (usize, usize) = (16, 512);
/// Bytes read of the file it is in; what follows its first line is nothing.
pub const PROXY_SECRET_FILE_BYTES: u64 = 4096;
/// Bytes of a user's name, as a proxy says it.
pub const USER_BYTES: usize = 128;
/// Bytes read of a file in the state directory: all that [`ENDED_CREDENTIALS`] and [`SHARES`] fill.
pub const VAULT_BYTES: u64 = 1024 * 1024;
/// How long a link to one session is good unless something else is said, and at most.
pub const SHARE_LIFE: (Duration, Duration) = (
    Duration::from_secs(3600),
    Duration::from_secs(30 * 24 * 3600),
);
/// How often such a link may be opened unless something else is said, and at most.
pub const SHARE_USUAL_USES: u32 = 10;
/// See [`SHARE_USUAL_USES`].
pub const SHARE_USES: u32 = 1000;
/// The least time between two looks for shares that are over.
pub const SHARE_CHECK: Duration = Duration::from_secs(1);
/// Links to single sessions at one time.
pub const SHARES: usize = 256;

// ── budgets ──────────────────────────────────────────────────────────────────────────────────

/// What one principal may have of something at most, by its kind. A share is one principal, however many
/// people opened it; all who have not signed in are one. A token for programs gets a field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// All who have not signed in.
    pub anonymous: u64,
    /// One share.
    pub share: u64,
    /// One user of the proxy who may not do everything.
    pub user: u64,
    /// Those who may do everything.
    pub owner: u64,
}

/// Connections of one principal. A share may be opened [`SHARE_USES`] times, and a page keeps a socket and
/// a few idle connections. The owner may have all there are. Where fewer fit ([`SPARE_DESCRIPTORS`]), each
/// has its part of them: see [`PLACES_ANONYMOUS`], [`PLACES_GUEST`] and [`PLACES_GUESTS`].
pub const BUDGET_CONNECTIONS: Budget = Budget {
    anonymous: 1024,
    share: 4096,
    user: 4096,
    owner: CONNECTIONS as u64,
};
/// Requests in progress of those who have not signed in, and the sockets that are closed because of it: at
/// most one part in so many of all places. One more ends the oldest.
pub const PLACES_ANONYMOUS: usize = 8;
/// Connections of one share or one user: at most one part in so many of all places.
pub const PLACES_GUEST: usize = 4;
/// Connections of all shares and users together: at most one part in so many of all places. With
/// [`STRANGERS`] and [`PLACES_ANONYMOUS`] an eighth is left, which only the owner can take.
pub const PLACES_GUESTS: usize = 2;
/// Open WebSockets of one principal. Those of who has not signed in are closed at once, and are among
/// [`PLACES_ANONYMOUS`] meanwhile.
pub const BUDGET_SOCKETS: Budget = Budget {
    anonymous: 1024,
    share: SHARE_USES as u64,
    user: 4096,
    owner: CONNECTIONS as u64,
};
/// Open `/api/events` streams of one principal. A page that shows the list has one.
pub const BUDGET_EVENT_STREAMS: Budget = Budget {
    anonymous: 0,
    share: 64,
    user: 256,
    owner: 4096,
};
/// Bytes of messages and bodies that have not arrived whole, of one principal. A driver's paste has up to
/// [`MESSAGE_BYTES`], all else a few KiB: of who has not signed in, [`SIGN_IN_BYTES`] on each of
/// [`BUDGET_CONNECTIONS`].
pub const BUDGET_BUFFERED_BYTES: Budget = Budget {
    anonymous: 4 * 1024 * 1024,
    share: 4 * 1024 * 1024,
    user: 64 * 1024 * 1024,
    owner: 256 * 1024 * 1024,
};
/// Joins of one principal in [`VISITS_WINDOW`]. After a restart, everybody who opened a share may come
/// back at once.
pub const BUDGET_VISITS: Budget = Budget {
    anonymous: 0,
    share: 1_200,
    user: 2_400,
    owner: 120_000,
};
/// See [`BUDGET_VISITS`].
pub const VISITS_WINDOW: Duration = Duration::from_secs(60);
/// Requests of one principal in [`REQUESTS_WINDOW`], beside pages and their files, which are the same for
/// all. The owner's programs poll 50 times a second.
pub const BUDGET_REQUESTS: Budget = Budget {
    anonymous: 1_000,
    share: 200,
    user: 500,
    owner: 10_000,
};
/// See [`BUDGET_REQUESTS`].
pub const REQUESTS_WINDOW: Duration = Duration::from_secs(1);
/// Audit lines about one principal's visits in [`REFUSALS_WINDOW`]; visits after them are summed up. A line
/// has some 400 bytes. Of those who have not signed in [`REFUSALS_TOLD`] holds too.
pub const BUDGET_AUDIT_LINES: Budget = Budget {
    anonymous: REFUSALS_TOLD_ALL as u64,
    share: 100,
    user: 1_000,
    owner: 20_000,
};
/// How long somebody who has as much as they may is told to wait before trying again.
pub const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Principals counted at one time. All shares fit; behind a proxy the users after them are one.
pub const PRINCIPALS: usize = 1024;
/// Bytes of a message from a spectator: acks, pings and sizes. Longer ones are left out while they arrive, as
/// what spectators type is not for the session; those over [`MESSAGE_BYTES`] close the socket like a driver's.
pub const SPECTATOR_MESSAGE_BYTES: usize = CONTROL_BYTES;
/// Bytes of the body of a sign-in, which anybody may send: a link's secret and a public key.
pub const SIGN_IN_BYTES: usize = 4 * 1024;

// ── audit ────────────────────────────────────────────────────────────────────────────────────

/// Characters of one text of an audit line that somebody else wrote; the rest is cut.
pub const AUDIT_TEXT_CHARS: usize = 128;
/// Audit lines waiting to be written: all connections may end in one moment. More are counted only.
pub const AUDIT_QUEUE: usize = CONNECTIONS;
/// Bytes of audit lines written at once.
pub const AUDIT_BATCH_BYTES: usize = 64 * 1024;
/// Bytes of the audit log before it is put aside: half a year of one busy person.
pub const AUDIT_BYTES: u64 = 64 * 1024 * 1024;
/// Full audit logs that are kept: `.1` is the newest, the one after the last is removed.
pub const AUDIT_GENERATIONS: u32 = 4;
/// Bytes read at a time to find where the last line of an audit log begins.
pub const AUDIT_TAIL_BYTES: u64 = 8 * 1024;
/// Sums of visits that were not told one by one, at most; what is beyond is one sum.
pub const AUDIT_SUMS: usize = PRINCIPALS;
/// How often lines that could not be written are tried again.
pub const AUDIT_RETRY: Duration = Duration::from_secs(1);
/// How long lines may take to reach the file when muxview ends, or a command of the terminal waits.
pub const AUDIT_SETTLE: Duration = Duration::from_millis(500);
/// Refused requests of one kind and source that are told one by one in [`REFUSALS_WINDOW`], in the log and in
/// the audit log; the rest is counted.
pub const REFUSALS_TOLD: u32 = 10;
/// The same of all sources together: a flood of strangers must push nothing out of a log.
pub const REFUSALS_TOLD_ALL: u32 = 100;
/// See [`REFUSALS_TOLD`]; after it, one line tells how many were not told.
pub const REFUSALS_WINDOW: Duration = Duration::from_secs(10 * 60);

// ── web ──────────────────────────────────────────────────────────────────────────────────────

/// Connections waiting to be accepted: a storm must not meet the default of 128.
pub const BACKLOG: u32 = 4096;
/// Ports of the system's choice that are tried until one is free on `[::1]` as well.
pub const PORT_TRIES: usize = 16;
/// How long a unix socket's directory, or whoever listens there, is waited for at start.
pub const HOLD: Duration = Duration::from_secs(1);
/// Open connections of all kinds.
pub const CONNECTIONS: usize = 16_384;
/// How long after a viewer came by a name the end of its session may mean that the list, which lags
/// behind tmux by a fraction of this, had another one under it.
pub const RESEAT: Duration = Duration::from_secs(1);
/// Connections waiting for a request on which nobody has signed in yet; one more ends the one that has
/// waited longest. Who asks at once is never that one, unless thousands more connect meanwhile; a page has
/// six, a proxy one for each request on its way. Also at most one part in [`PLACES_STRANGERS`] of all.
pub const STRANGERS: usize = 1024;
/// See [`STRANGERS`].
pub const PLACES_STRANGERS: usize = 4;
/// How long a connection has at least for its first request before others may take its place. When so many
/// come that it would be less, they are accepted more slowly.
pub const STRANGER_GRACE: Duration = Duration::from_millis(100);
/// Connections that were told to end and may not have ended yet, before no more are accepted: a flood must
/// not take places faster than it is thrown out of them.
pub const ENDING_CONNECTIONS: usize = 16;
/// Time for a request's head to arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long someone who asked may take nothing of the answer.
pub const STALL: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Headers of a request.
pub const HEADERS: usize = 64;
/// Bytes of a request's body.
pub const BODY_BYTES: usize = 64 * 1024;
/// Bytes of one WebSocket message from a viewer: a paste arrives in one. The page's copy is in
/// `static/wire.js`, where a longer paste is refused with a remark.
pub const MESSAGE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a JSON text message; a longer one is ignored.
pub const CONTROL_BYTES: usize = 4 * 1024;
/// tungstenite's read buffer per connection, in bytes; its default is 128 KiB. Keys and acks have under
/// 100; a paste is read in more pieces, which costs less than the room for ten thousand viewers.
pub const READ_BUFFER_BYTES: usize = 1024;
/// Bytes of our own pongs and closes waiting for a viewer that does not read.
pub const ANSWER_BYTES: usize = 16 * 1024;
/// Bytes of input a socket takes in while the session takes none; then it stops reading, and the
/// viewer's own sending waits.
pub const INPUT_AHEAD_BYTES: usize = 256 * 1024;
/// Bytes kept of a message that is not whole yet, for a handoff: the largest one, and the headers of
/// its parts.
pub const TAPE_BYTES: usize = MESSAGE_BYTES + 256 * 1024;
/// A viewer's messages that are no input (acks, pings, pongs): one in this time on average; a page acks
/// at most 62 frames a second. A socket that says more is not read until it is made up for.
pub const CHATTER_INTERVAL: Duration = Duration::from_millis(1);
/// How far ahead of that it may be, as after a stall of the network.
pub const CHATTER_AHEAD: Duration = Duration::from_secs(1);
/// How long it may go on being more than that before the socket is closed: what has piled up in its
/// connection would keep it for minutes.
pub const CHATTER_LASTING: Duration = Duration::from_secs(10);
/// Answers to `ping` waiting for a viewer that does not read; older ones are dropped.
pub const PONGS: usize = 16;
/// How long a closed socket may take to say goodbye.
pub const FAREWELL: Duration = Duration::from_secs(1);
/// A socket that gives nothing for this long has given what its kernel held.
pub const QUIET: Duration = Duration::from_millis(20);
/// The least time between two events of one `/api/events` stream.
pub const EVENT_INTERVAL: Duration = Duration::from_millis(100);
/// A comment on an idle event stream, so that proxies keep it.
pub const EVENT_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Columns and rows of a miniature; of a larger screen the part around the cursor is shown. A card is
/// about 320 pixels wide.
pub const MINIATURE_COLS: u16 = 240;
/// As [`MINIATURE_COLS`].
pub const MINIATURE_ROWS: u16 = 80;
/// Bytes of one miniature; a longer one is made again with fewer colours. Text of 80x24 has 2 KiB.
pub const MINIATURE_BYTES: usize = 32 * 1024;
/// One session's miniatures: at most one in this time.
pub const MINIATURE_INTERVAL: Duration = Duration::from_secs(1);
/// Miniatures of one `/api/events` stream. The page's copy is in `static/session-list.js`.
pub const MINIATURES: usize = 24;
/// Sessions shown as miniatures on all streams together: each costs an attached client.
pub const MINIATURES_ALL: usize = 64;
/// How long a session waits for its miniature before it is tried again, when there was no room or it
/// could not be attached to.
pub const MINIATURE_RETRY: Duration = Duration::from_secs(5);
/// Descriptors kept free of connections: for tmux clients, pipes and files.
pub const SPARE_DESCRIPTORS: usize = 512;
/// Descriptors below which people are told at start that few can connect.
pub const FEW_DESCRIPTORS: usize = 1024;
/// Connections beyond all others: who comes then is answered 503 there, and a machine that watches
/// the service its `/healthz`, rather than left to wait. Also at most an eighth of the spare descriptors.
pub const STANDING: usize = 32;
/// How often the same complaint of an accept loop is logged.
pub const COMPLAINT_INTERVAL: Duration = Duration::from_secs(10);
/// A pause of the accept loop when descriptors have run out.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How viewers are spread over time after a restart: per viewer, at least, at most.
pub const SPREAD: (Duration, Duration, Duration) = (
    Duration::from_millis(20),
    Duration::from_millis(200),
    Duration::from_secs(10),
);
/// Protocol ping and `tick`.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// By how much that may be early, so that it is one moment for many.
pub const PING_TOGETHER: Duration = Duration::from_secs(1);
/// A viewer without a byte, pong or ack for this long is closed with 4508.
pub const SILENCE: Duration = Duration::from_secs(45);
/// Unsent bytes the kernel may hold for a viewer (`TCP_NOTSENT_LOWAT`).
pub const NOTSENT_BYTES: u32 = 64 * 1024;
/// Measurements are put into their buckets once in this time, whether anybody asks for them or not.
pub const METERS_INTERVAL: Duration = Duration::from_secs(5);
/// The status line of the service manager is told at most once in this time.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// Signs of life within the time the service manager allows: three may go missing.
pub const PULSES: u32 = 4;
/// Bytes carried for all viewers together in a handoff: what they have not taken yet, above all.
/// Past it, viewers are closed and come back by themselves.
pub const HANDOFF_BYTES: usize = 512 * 1024 * 1024;
/// Bytes carried for one viewer: what may be on its way to it and from it, each once.
pub const SEAT_BYTES: usize = 32 * 1024 * 1024;
/// How long requests in progress may take to end before viewers are handed over.
pub const REQUESTS_END: Duration = Duration::from_millis(1500);
/// How long viewers may take to be frozen, the delivery of their input included.
pub const FREEZE: Duration = Duration::from_millis(1200);
/// How long `muxview check` of the next image may take.
pub const CHECK: Duration = Duration::from_secs(10);
/// Bytes read of what that writes: a warning for each option fits many times.
pub const CHECK_BYTES: u64 = 64 * 1024;
/// How long the service manager may take to read what was sent to it.
pub const STORED: Duration = Duration::from_millis(400);
/// How long sessions may take to be given what was typed, when muxview ends.
pub const LAST_INPUT: Duration = Duration::from_millis(1400);
/// How long tmux may take to let all clients go, one after the other, when muxview ends: each takes it
/// a few milliseconds.
pub const CLIENTS_END: Duration = Duration::from_millis(500);
/// How long a tmux client of the process before is left alone when what was written of it cannot be
/// read: the viewers, told to come again, attach a new one meanwhile.
pub const STRANGER_WAIT: Duration = Duration::from_secs(15);
/// How long a session that would end with our client is held while muxview is away: long enough for a
/// program that does not start to be replaced by one that does.
pub const HOLD_TIME: Duration = Duration::from_secs(60);
/// How long all holders together may take to be there, before muxview goes without them; one takes up to
/// 30 ms.
pub const HOLD_WAIT: Duration = Duration::from_millis(400);
/// Pause before it is looked again whether a holder is there.
pub const HOLD_AGAIN: Duration = Duration::from_millis(5);
/// How long after a restart holders stay: by then the clients that follow them are settled.
pub const HOLD_AFTER: Duration = Duration::from_secs(2);
/// Descriptors in one message to the service manager; the kernel takes at most 253.
pub const DESCRIPTORS_PER_MESSAGE: usize = 200;
/// How long one who was let in just before a stop may take to ask: it cannot know, and would be refused.
pub const FIRST_REQUEST: Duration = Duration::from_millis(500);
/// From SIGTERM to exit.
pub const SHUTDOWN: Duration = Duration::from_secs(5);
