//! The promise: whatever is sent, named or taken away, nobody gets in, nothing runs, and who does
//! nothing wrong notices nothing.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

#[path = "support/http.rs"]
mod http;
#[path = "hostile/names.rs"]
mod names;
mod support;
