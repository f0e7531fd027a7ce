//! [`JoinRequest`]: what the URL and the headers of a socket ask for.

use std::sync::Arc;

use super::subprotocol::Subprotocol;
use crate::bridge::Join;
use crate::net::Peer;
use crate::tmux::Theme;

/// What a socket's URL and headers wished.
#[derive(Debug)]
pub(super) struct JoinRequest {
    /// The session, by name or id.
    pub(super) name: String,
    pub(super) join: Join,
    /// The colours of its page.
    pub(super) theme: Option<Theme>,
    pub(super) speech: Subprotocol,
    /// It takes chunks.
    pub(super) deflate: bool,
    /// For counting who is turned away.
    pub(super) door: Arc<Peer>,
}
