//! The program as a process: commands, start, signals, handoff, audit log, and hostile input.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod audit;
mod commands;
mod deploy_identity;
mod handoff;
mod hostile;
#[path = "../support/http.rs"]
mod http;
mod metrics;
mod notify;
mod signals;
mod start;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
#[path = "../support/tmux_server.rs"]
mod tmux;
#[path = "../support/watcher.rs"]
mod watcher;
