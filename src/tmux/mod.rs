//! EDGE: everything that talks to tmux.

pub mod attach;
pub mod control;
pub mod name;
pub mod session;

pub use name::{SessionId, SessionName, WindowId};
