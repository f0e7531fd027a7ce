//! One `tmux attach` in a pty, from its start to the reason of its end, and the terminal it believes it has.

pub mod client;
pub(in crate::tmux) mod exit_status;
pub(in crate::tmux) mod master;
pub(in crate::tmux) mod output;
pub(in crate::tmux) mod process;
pub(in crate::tmux) mod pty;
pub(in crate::tmux) mod terminal_queries;
pub(in crate::tmux) mod terminal_replies;
