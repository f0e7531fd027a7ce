//! [`JoinRequest`]: what the URL and the headers of a socket ask for.

use std::sync::Arc;

use crate::bridge::Join;
use crate::net::Peer;
use crate::tmux::Theme;
use crate::web::socket::subprotocol::Subprotocol;

/// What a socket's URL and headers wished.
#[derive(Debug)]
pub(in crate::web) struct JoinRequest {
    /// The session, by name or id.
    pub(in crate::web) name: String,
    pub(in crate::web) join: Join,
    /// The colours of its page.
    pub(in crate::web) theme: Option<Theme>,
    pub(in crate::web) speech: Subprotocol,
    /// It takes chunks.
    pub(in crate::web) deflate: bool,
    /// For counting who is turned away.
    pub(in crate::web) door: Arc<Peer>,
}
