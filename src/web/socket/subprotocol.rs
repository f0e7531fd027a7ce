//! [`Subprotocol`]: what a WebSocket client offered to speak (RFC 6455, 1.9).

use axum::http::HeaderMap;

use crate::web::auth::caller::protocols;
use crate::web::socket::protocol::{PROTOCOL, PROTOCOL_FAMILY};

/// What a client offered to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Subprotocol {
    /// `muxview.v1`.
    Ours,
    /// Nothing of ours: terminal bytes and nothing else.
    Raw,
    /// Only versions of ours we do not know.
    TooNew,
}

impl Subprotocol {
    pub(in crate::web) fn offered(headers: &HeaderMap) -> Self {
        let version = |protocol: &&str| protocol.starts_with(PROTOCOL_FAMILY);
        if protocols(headers).any(|protocol| protocol == PROTOCOL) {
            Self::Ours
        } else if protocols(headers).any(|protocol| version(&protocol)) {
            Self::TooNew
        } else {
            Self::Raw
        }
    }
}
