//! [`Kept`]: an attached client between two images of the program, with what its bridge knew of it.
//!
//! A session with `destroy-unattached` ends with its last client, and tmux tells programs and hooks of
//! every client that comes and goes. So a restart does not attach anew where it can be avoided.

use crate::bridge::policy::sizing::Plan;
use crate::tmux::{Creation, SessionId, Transfer};

/// An attached client and its session. Dropping this ends the client.
#[derive(Debug)]
pub struct Kept {
    /// Its session.
    pub session: SessionId,
    /// Another tmux server numbers its sessions from 0 again.
    pub created: Creation,
    /// The session's name.
    pub name: String,
    /// The client's size, and whether it counts for the window's.
    pub plan: Plan,
    /// The client.
    pub transfer: Transfer,
    /// What its terminal showed, as [`Terminal::snapshot`](crate::terminal::Terminal::snapshot) has it.
    pub screen: Vec<u8>,
}
