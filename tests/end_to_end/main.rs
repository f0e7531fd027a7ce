//! The whole program under kills, floods, reopening and many viewers.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod bad_input;
mod first_message;
mod kills;
mod many;
mod reopen;
mod stall;
#[path = "../support/mod.rs"]
mod support;
mod survive;
