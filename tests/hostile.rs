//! The promise: whatever is sent, named or taken away, nobody gets in, nothing runs, and who does
//! nothing wrong notices nothing. `tests/hostile/forty.rs` says what is answered to each, and where that
//! is tested.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

#[path = "hostile/forty.rs"]
mod forty;
#[path = "hostile/host.rs"]
mod host;
#[path = "support/http.rs"]
mod http;
#[path = "hostile/names.rs"]
mod names;
#[path = "hostile/output.rs"]
mod output;
#[path = "hostile/requests.rs"]
mod requests;
#[path = "hostile/sockets.rs"]
mod sockets;
mod support;
use support::Tmux;
#[path = "support/watcher.rs"]
mod watcher;
