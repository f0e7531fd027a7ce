//! muxview shows tmux sessions live in the browser, one URL per session.
//!
//! The map, in the order data flows:
//!
//! ```text
//! data      tmux server ─pty─▶ tmux::attach ─bytes─▶ terminal ─screen─▶ frame ─▶ viewer ─▶ web::outlet ─▶ browser
//!           (one attach per session)          (pens, widths, vt100)  (repaint|delta) (pacing)  (one per viewer)
//! requests  browser ─▶ web ─▶ directory (what exists) ─▶ hub (what runs) ─▶ bridge (one task per watched session)
//! input     browser ─▶ web::viewing ─▶ bridge ─▶ tmux::attach
//! ```
//!
//! | module | owns | must not know |
//! |---|---|---|
//! | [`config`] | the configuration and every limit | anything else |
//! | [`access`] | who may do what, and what proves it; pure | HTTP, files, clocks |
//! | [`tmux`] | all that talks to tmux | browsers |
//! | [`terminal`] | pty bytes → screen → frame; pure | tokio, IO, clocks |
//! | [`viewer`] | which frame a viewer gets, and when; pure | tokio, IO, clocks |
//! | [`bridge`] | one task joining one attach to its viewers | HTTP |
//! | [`hub`] | the running bridges | HTTP |
//! | [`directory`] | the known sessions | HTTP |
//! | [`audit`] | who did what and when, in a file that only grows | HTTP |
//! | [`vault`] | the state directory: keys and ledger | HTTP |
//! | [`web`] | all that talks to browsers | pty bytes |
//! | [`pulse`] | whether the tasks that must go on do | what they do |
//! | [`doctor`] | what commonly breaks, and how it is mended | the running service |
//! | [`client`] | requests of the command line and of other services to a running service | what they are for |
//! | `interleave` | points at which tests hold up what is under way | everything |
//! | `os` | descriptors and signals, with all `unsafe` there is | what they are for |
//! | [`service`] | listeners, signals, life cycle | tmux |

pub mod access;
pub mod audit;
pub mod bridge;
pub mod client;
pub mod config;
pub mod directory;
pub mod doctor;
pub mod hub;
#[doc(hidden)]
pub mod interleave;
mod os;
pub mod pulse;
pub mod service;
pub mod terminal;
pub mod tmux;
pub mod vault;
pub mod viewer;
pub mod web;

pub use service::serve;
