//! Scenarios whose outcome can depend on the tmux version. They run against the tmux found first in
//! `PATH`, and its version is the first part of every test's name: `3.7c::lock::holds_for_every_viewer`.
//!
//! - `cargo test --test matrix` runs them on the installed tmux.
//! - `make test-matrix` runs them on every version it finds (`.ci/test-matrix`) and prints a table.
//! - `MUXVIEW_MATRIX=short|normal|full` says how much: `make test-matrix` is `full`, `.ci/run` is
//!   `short` on the versions that are not installed, `cargo test` alone is `normal`.
//!
//! To add a scenario, write an `async fn` without arguments in the file of its topic and name it in
//! that file's `scenarios![…]` list. It fails by panicking, and owns every server and process it
//! uses. Marks may follow the name:
//!
//! - `name.normal()` or `name.full()`: left out of shorter runs, where it takes too long.
//! - `name.alone()`: nothing else runs meanwhile. For measurements of time.
//!
//! To make a scenario do more in longer runs, ask [`harness::by_depth`]. To put a figure into the
//! table, call [`figures::count`] or [`figures::measured`]. To add a topic, add its file, its `mod`
//! and its line in [`all`].

#![allow(clippy::unwrap_used)] // a failed step is a failed test

#[macro_use]
mod harness;

mod attach;
mod capabilities;
mod clipboard;
mod colour;
mod configurations;
mod destroy_unattached;
mod escape;
mod fidelity;
mod figures;
mod focus;
mod input;
mod keys;
mod latency;
mod lock;
mod neutrality;
mod pane_input;
mod reattach;
mod relaunch;
mod restart;
mod size;
mod stray;
mod upgrade;
mod widths;
mod window_size;
mod windows;

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tmux_server.rs"]
mod tmux;
#[path = "../support/watcher.rs"]
mod watcher;

use harness::Scenario;
use std::process::ExitCode;

fn all() -> Vec<Scenario> {
    [
        attach::scenarios(),
        capabilities::scenarios(),
        clipboard::scenarios(),
        colour::scenarios(),
        configurations::scenarios(),
        destroy_unattached::scenarios(),
        escape::scenarios(),
        fidelity::scenarios(),
        focus::scenarios(),
        input::scenarios(),
        keys::scenarios(),
        latency::scenarios(),
        lock::scenarios(),
        neutrality::scenarios(),
        reattach::scenarios(),
        relaunch::scenarios(),
        restart::scenarios(),
        size::scenarios(),
        stray::scenarios(),
        upgrade::scenarios(),
        widths::scenarios(),
        window_size::scenarios(),
        windows::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    harness::run(all())
}
