//! Who may watch, type and manage: Host, Origin, sign-in and roles, decided only here. In: a
//! request's head and the door it came through. Out: a [`Caller`] with its [`Rights`], or a
//! [`Refusal`]. It must not know what is asked for, except whether it changes something.

use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::answer;
use super::stream::Door;
use super::wire::KEY_PREFIX;
use crate::config::Origin;
use crate::config::limits::BODY_BYTES;

/// The secret of `--auth token`: 32 random bytes in base64url. Its Debug form tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Bytes before encoding.
    const BYTES: usize = 32;

    /// A new one.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64_URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// One that was written down, if it is whole.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.to_owned()))
    }

    /// For the URL a person opens, and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    fn stamp(&self) -> Stamp {
        Stamp(Sha256::digest(&self.0).into())
    }

    fn matches(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a viewer signed in with, in a form that is good only to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stamp([u8; 32]);

/// What someone may do. A drive right on one session is one on the whole tmux server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Watch.
    pub view: bool,
    /// Type and count for the size.
    pub drive: bool,
    /// Create, rename and end sessions.
    pub manage: bool,
}

impl Rights {
    const ALL: Self = Self {
        view: true,
        drive: true,
        manage: true,
    };
}

/// Who asks, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// `None`: not signed in.
    pub rights: Option<Rights>,
    /// A page of ours, or no page at all: may open a socket.
    pub may_upgrade: bool,
    /// What the rights rest on.
    pub stamp: Stamp,
}

/// The rules of this service.
#[derive(Debug)]
pub struct Access {
    /// `None` is `--auth none`.
    secret: Option<Secret>,
    public_origins: Vec<Origin>,
}

impl Access {
    /// With a secret, whoever knows it may do everything; without one, everyone may.
    #[must_use]
    pub fn new(secret: Option<Secret>, public_origins: Vec<Origin>) -> Self {
        Self {
            secret,
            public_origins,
        }
    }

    /// Judges a request before anything looks at what it asks for.
    pub fn admit(&self, door: &Door, head: &Parts) -> Result<Caller, Refusal> {
        let own = self.host(door, head)?;
        let from_page = self.origin(&own, &head.headers)?;
        let changes = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes || head.uri.path().starts_with("/api/") {
            same_site(&head.headers)?;
        }
        let credentials: Vec<&str> = credentials(&head.headers).collect();
        let rights = match &self.secret {
            None => Some(Rights::ALL),
            Some(secret) => credentials
                .iter()
                .any(|given| secret.matches(given))
                .then_some(Rights::ALL),
        };
        // Who has not signed in is told so, whatever the body is: nobody reads it.
        if changes && rights.is_some() {
            body(&head.headers)?;
        }
        // A page cannot hide its Origin, so without one it is no page. Its credential is judged
        // after the upgrade, where it can be told.
        let may_upgrade = from_page || self.secret.is_none() || !credentials.is_empty();
        Ok(Caller {
            rights,
            may_upgrade,
            stamp: self.stamp(),
        })
    }

    /// Judges one who was let in by a process before this one.
    #[must_use]
    pub fn readmit(&self, stamp: Stamp) -> Caller {
        let good = self.secret.is_none() || stamp == self.stamp();
        Caller {
            rights: good.then_some(Rights::ALL),
            may_upgrade: true,
            stamp,
        }
    }

    /// With one secret for all, whoever has rights has them by it.
    fn stamp(&self) -> Stamp {
        self.secret.as_ref().map(Secret::stamp).unwrap_or_default()
    }

    /// Whether the request is meant for us, and the origin pages of it have. Without this a
    /// foreign name that points here would make us part of a foreign site.
    fn host(&self, door: &Door, head: &Parts) -> Result<Origin, Refusal> {
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::NoHost);
        };
        let host = host.to_str().map_err(|_| Refusal::NoHost)?;
        let own = Origin::of_host(host).ok_or(Refusal::NoHost)?;
        // A request line may name a host too, and then it is the one that counts.
        if head
            .uri
            .authority()
            .is_some_and(|target| !target.as_str().eq_ignore_ascii_case(host))
        {
            return Err(Refusal::NoHost);
        }
        let loopback = matches!(own.host(), "localhost" | "127.0.0.1" | "[::1]");
        let known = match door {
            Door::Unix { .. } => own.host() == "localhost",
            Door::Tcp { local, .. } => {
                let ip = local.ip().to_canonical();
                let name = if ip.is_ipv6() {
                    format!("[{ip}]")
                } else {
                    ip.to_string()
                };
                (loopback && ip.is_loopback())
                    || (own.host() == name && (ip.is_loopback() || own.port() == local.port()))
            }
        };
        if known
            || self
                .public_origins
                .iter()
                .any(|origin| origin.answers_to(host))
        {
            Ok(own)
        } else {
            Err(Refusal::Host(host.to_ascii_lowercase()))
        }
    }

    /// Whether the request comes from a page of ours (`true`) or from no page (`false`).
    fn origin(&self, own: &Origin, headers: &HeaderMap) -> Result<bool, Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(false);
        };
        let origin: Origin = match (origin.to_str(), origins.next()) {
            (Ok(origin), None) => origin.parse().map_err(|_| Refusal::Origin(None))?,
            _ => return Err(Refusal::Origin(None)),
        };
        if origin == *own || self.public_origins.contains(&origin) {
            Ok(true)
        } else {
            Err(Refusal::Origin(Some(origin)))
        }
    }
}

/// What a request shows to sign in: a bearer token, or the subprotocol of a socket. Nothing else:
/// cookies reach neighbours on the same host, and queries reach logs.
fn credentials(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let bearer = headers
        .get_all(AUTHORIZATION)
        .into_iter()
        .filter_map(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
    let keys = protocols(headers).filter_map(|protocol| protocol.strip_prefix(KEY_PREFIX));
    bearer.chain(keys)
}

/// The subprotocols a socket offers.
pub(super) fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(str::trim)
}

/// Fetch metadata: browsers say themselves that a request was made for another site.
fn same_site(headers: &HeaderMap) -> Result<(), Refusal> {
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if sites.all(|site| matches!(site.as_bytes(), b"same-origin" | b"none")) {
        Ok(())
    } else {
        Err(Refusal::CrossSite)
    }
}

/// A body is JSON, which no form of a foreign page can send, and small.
fn body(headers: &HeaderMap) -> Result<(), Refusal> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let has_body =
        length.is_some_and(|len: u64| len > 0) || headers.contains_key(TRANSFER_ENCODING);
    if length.is_some_and(|len| len > BODY_BYTES as u64) {
        return Err(Refusal::TooLarge);
    }
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let media_type = media_type.split(';').next().unwrap_or("").trim();
    if has_body && !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::MediaType);
    }
    Ok(())
}

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
}

impl Refusal {
    /// In a word, for the count of refusals.
    pub(super) const fn reason(&self) -> &'static str {
        match self {
            Self::NoHost | Self::Host(_) => "host",
            Self::Origin(_) => "origin",
            Self::CrossSite => "cross_site",
            Self::MediaType => "media_type",
            Self::TooLarge => "too_large",
        }
    }
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

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin(_) | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        };
        answer::error(status, &self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_32_bytes_and_keeps_itself() {
        let secret = Secret::random().expect("the system has randomness");
        assert_eq!(secret.reveal().len(), 43);
        assert_eq!(Secret::parse(secret.reveal()), Some(secret.clone()));
        assert!(secret.matches(secret.reveal()) && !secret.matches("") && !secret.matches("x"));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_eq!(Secret::parse("short"), None);
        assert_ne!(Secret::random().expect("randomness"), secret);
    }

    #[test]
    fn who_was_let_in_comes_back_until_the_secret_changes() {
        let secret = Secret::random().expect("the system has randomness");
        let before = Access::new(Some(secret.clone()), vec![]);
        let other = Access::new(Secret::random().ok(), vec![]);
        let open = Access::new(None, vec![]);
        let may = |access: &Access, stamp| access.readmit(stamp).rights.is_some();
        assert!(may(&Access::new(Some(secret), vec![]), before.stamp()));
        assert!(!may(&other, before.stamp()) && !may(&other, open.stamp()));
        assert!(may(&open, before.stamp()) && may(&open, open.stamp()));
    }
}
