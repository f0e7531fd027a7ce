//! What tmux is asked: sessions, windows, clients, and how wide it takes characters to be.

pub(in crate::tmux) mod client_info;
pub(in crate::tmux) mod fields;
pub(in crate::tmux) mod measured_widths;
pub(in crate::tmux) mod overlay;
pub(in crate::tmux) mod printed;
pub(in crate::tmux) mod session_state;
pub mod sessions;
pub(in crate::tmux) mod width_options;
pub(in crate::tmux) mod width_probe;
pub(in crate::tmux) mod windows;
