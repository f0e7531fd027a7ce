//! Bridges and connections to a real tmux server.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod bridge_hung;
mod bridge_watch;
mod connection;
mod sessions;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tmux_server.rs"]
mod tmux;
#[path = "../support/watcher.rs"]
mod watcher;
