//! muxview shows tmux sessions live in the browser, one URL per session.
//!
//! The map, in the order data flows:
//!
//! ```text
//! data      tmux server ─pty─▶ tmux::attach ─bytes─▶ terminal ─screen─▶ frame ─▶ viewer ─▶ web ─▶ browser
//!           (one attach per session)          (pens, widths, vt100)  (repaint|delta) (pacing)  (one per viewer)
//! requests  browser ─▶ web ─▶ directory (what exists) ─▶ hub (what runs) ─▶ bridge (one task per watched session)
//! input     browser ─▶ web ─▶ bridge ─▶ tmux::attach
//! ```
//!
//! Each module uses only those above it in this table (`tests/architecture/main.rs` checks it):
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | the configuration and every limit |
//! | `interleave` | points at which tests delay production code |
//! | `sys` | descriptors and signals; the only unsafe code |
//! | [`heartbeat`] | whether the long-lived tasks still run |
//! | [`net`] | listening sockets and accepted connections |
//! | [`terminal`] | pty bytes → screen → repaint or delta; pure |
//! | [`tmux`] | everything that talks to tmux |
//! | [`viewer`] | which frame a viewer gets, and when; pure |
//! | [`access`] | credentials, shares, rules and rights; pure |
//! | [`audit`] | the audit log: who did what, and when |
//! | [`state_dir`] | the state directory: signing keys, revocations, shares |
//! | [`client`] | requests of the command line to a running service |
//! | [`doctor`] | common faults, and how to fix them |
//! | [`directory`] | the sessions that exist |
//! | [`bridge`] | one task per watched session, between its attached client and its viewers |
//! | [`hub`] | the running bridges |
//! | [`web`] | everything that talks to browsers |
//! | [`service`] | start, signals, restarts, shutdown |

pub mod access;
pub mod audit;
pub mod bridge;
pub mod client;
pub mod config;
pub mod directory;
pub mod doctor;
pub mod heartbeat;
pub mod hub;
#[doc(hidden)]
pub mod interleave;
pub mod net;
pub mod service;
pub mod state_dir;
mod sys;
pub mod terminal;
pub mod tmux;
pub mod viewer;
pub mod web;

pub use service::serve;
