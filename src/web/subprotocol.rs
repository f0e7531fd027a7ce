//! [`Subprotocol`]: what a WebSocket client offered to speak (RFC 6455, 1.9).

use axum::http::HeaderMap;

use super::access::protocols;
use super::wire::{PROTOCOL, PROTOCOL_FAMILY};

/// What a client offered to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subprotocol {
    /// `muxview.v1`.
    Ours,
    /// Nothing of ours: terminal bytes and nothing else.
    Raw,
    /// Only versions of ours we do not know.
    TooNew,
}

impl Subprotocol {
    pub(super) fn offered(headers: &HeaderMap) -> Self {
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
