//! HTTP and WebSockets: who may come in, what they may do, and when that ends.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

mod access;
mod budgets;
mod events;
mod floods;
mod guests;
#[path = "../support/http.rs"]
mod http;
mod http_requests;
mod revoke;
mod revoke_model;
mod revoke_stopped;
mod roles;
mod routes;
mod sessions;
mod sign_in;
#[path = "../support/signed.rs"]
mod signed;
mod signed_requests;
mod socket;
mod stalls;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/tmux_server.rs"]
mod tmux;
