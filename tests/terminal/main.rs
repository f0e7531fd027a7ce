//! The terminal and its frames, judged by xterm.js, and what fuzzing has found.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod frames_in_xterm;
mod fuzz_corpus;
#[path = "../support/mod.rs"]
mod support;
mod terminal_in_xterm;
