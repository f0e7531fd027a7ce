//! [`Refusal`]: why a request is refused before any route is looked for.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::config::Origin;
use crate::config::limits::BODY_BYTES;
use crate::web::responses;

/// Why a request is turned away before its route is looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No Host, several, or none that can be.
    #[error("this request names no host: it needs exactly one Host header")]
    NoHost,
    /// Not our name.
    #[error(
        "muxview does not answer to \"{0}\". If browsers shall reach it there, start it with \
         --public-origin https://{0} (or http://, as their address bar has it)"
    )]
    Host(String),
    /// A page of someone else.
    #[error("{}", origin_sentence(.0.as_ref()))]
    Origin(Option<Origin>),
    /// The browser says another site asks.
    #[error("requests made by other sites are refused")]
    CrossSite,
    /// A body that is no JSON.
    #[error("a body must come as Content-Type: application/json")]
    MediaType,
    /// A body over the limit.
    #[error("the body is larger than {BODY_BYTES} bytes")]
    TooLarge,
    /// The proxy does not say who it is, or says it more than once.
    #[error("the proxy must name one user, once: {0}")]
    Proxy(&'static str),
    /// Not the proxy.
    #[error(
        "{} may not say who asks: only the proxy's user may connect here. If it is the proxy's, \
         start muxview with --proxy-peer {}", peer(*.0), .0.unwrap_or_default()
    )]
    Peer(Option<u32>),
    /// Somebody behind the proxy who writes its header.
    #[error(
        "the request names a user without the proxy's secret: the proxy must set \
         X-Muxview-Proxy-Secret beside the user's header, and clear what clients send there"
    )]
    ProxySecret,
}

impl Refusal {
    /// In a word, for the count of refusals.
    pub(in crate::web) const fn reason(&self) -> &'static str {
        match self {
            Self::NoHost | Self::Host(_) => "host",
            Self::Origin(_) => "origin",
            Self::CrossSite => "cross_site",
            Self::MediaType => "media_type",
            Self::TooLarge => "too_large",
            Self::Proxy(_) | Self::Peer(_) | Self::ProxySecret => "proxy",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoHost | Self::Proxy(_) => StatusCode::BAD_REQUEST,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin(_) | Self::CrossSite | Self::Peer(_) | Self::ProxySecret => {
                StatusCode::FORBIDDEN
            }
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        };
        responses::error(status, &self.to_string())
    }
}

fn peer(uid: Option<u32>) -> String {
    uid.map_or_else(
        || "this peer".to_owned(),
        |uid| format!("the user with uid {uid}"),
    )
}

fn origin_sentence(origin: Option<&Origin>) -> String {
    match origin {
        Some(origin) => format!(
            "pages of {origin} may not use this muxview. If that is where it is published, \
             start it with --public-origin {origin}"
        ),
        None => "this request names no origin that can be one".to_owned(),
    }
}
