//! The connection to the tmux server: two control clients, one that asks and one that listens.
//!
//! [`server_connection`] keeps both and the server's status; [`protocol`] and [`connection`] are tmux's client protocol,
//! [`parser`] reads control mode.

pub(in crate::tmux) mod connection;
pub(in crate::tmux) mod event;
pub(in crate::tmux) mod notifications;
pub mod parser;
pub(in crate::tmux) mod protocol;
pub(in crate::tmux) mod queries;
pub(in crate::tmux) mod server_connection;
pub(in crate::tmux) mod size_guard;
