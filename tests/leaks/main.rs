//! What is left behind: nothing. Alone in its process, whose children and descriptors it counts.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod attaches;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tmux_server.rs"]
mod tmux;
mod viewers;
