//! [`Proxy`]: users as a proxy names them (`--auth proxy`). In: the peer of a unix socket and a
//! request's headers. Out: one user, or a [`Refusal`]. A header counts only from a peer that may
//! connect for others and that knows the proxy's secret: a proxy that forgets to set its own header
//! passes on whatever a client wrote there. It must not know what the user asks for.

use axum::http::{HeaderMap, HeaderName};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

use crate::access::{Grant, Rule};
use crate::config::limits::USER_BYTES;
use crate::net::Peer;
use crate::web::auth::refusal::Refusal;

/// The header with the user, unless the configuration names another.
pub const USER_HEADER: &str = "x-muxview-user";
/// The header with the secret.
const SECRET_HEADER: HeaderName = HeaderName::from_static("x-muxview-proxy-secret");

/// A proxy's word, and when it counts.
#[derive(Clone)]
pub struct Proxy {
    /// Who may connect for others.
    pub peers: Vec<u32>,
    /// Where the user stands.
    pub header: HeaderName,
    /// What else only the proxy knows.
    pub secret: String,
    /// What users may do.
    pub rules: Arc<[Rule]>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { peers, header, .. } = self;
        write!(f, "Proxy({peers:?}, {header})")
    }
}

impl Proxy {
    /// What the rules give this user.
    pub(in crate::web) fn grant(&self, name: &str) -> Grant {
        Grant::User {
            name: name.to_owned(),
            rules: Arc::clone(&self.rules),
        }
    }

    /// Whom the proxy names; `None` if it names nobody.
    pub(in crate::web) fn user(
        &self,
        door: &Peer,
        headers: &HeaderMap,
    ) -> Result<Option<String>, Refusal> {
        let uid = match door {
            Peer::Unix { uid } => *uid,
            Peer::Tcp { .. } => None,
        };
        if !uid.is_some_and(|uid| self.peers.contains(&uid)) {
            return Err(Refusal::Peer(uid));
        }
        let Some(user) = one(headers, &self.header)? else {
            return Ok(None);
        };
        let secret = one(headers, &SECRET_HEADER)?.unwrap_or_default();
        if !bool::from(secret.as_bytes().ct_eq(self.secret.as_bytes())) {
            return Err(Refusal::ProxySecret);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
        if user.is_empty() || user.len() > USER_BYTES || !user.bytes().all(plain) {
            return Err(Refusal::Proxy(
                "a user is 1 to 128 of A-Z a-z 0-9 . _ @ + -",
            ));
        }
        Ok(Some(user.to_owned()))
    }
}

/// The header's value, if it stands there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(Some(value)),
        (Err(_), _) => Err(Refusal::Proxy("its header is no plain text")),
        (_, Some(_)) => Err(Refusal::Proxy("its header came more than once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_a_known_peer_with_the_secret_names_one_user() {
        let proxy = Proxy {
            peers: vec![33],
            header: HeaderName::from_static(USER_HEADER),
            secret: "s3cret".to_owned(),
            rules: Arc::new([]),
        };
        let known = Peer::Unix { uid: Some(33) };
        let address = ([127, 0, 0, 1], 1).into();
        let tcp = Peer::Tcp {
            local: address,
            peer: address,
        };
        let user = |door: &Peer, given: &[(&'static str, &[u8])]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                let value = HeaderValue::from_bytes(value).expect("can be sent");
                headers.append(HeaderName::from_static(name), value);
            }
            proxy.user(door, &headers)
        };
        const SECRET: (&str, &[u8]) = ("x-muxview-proxy-secret", b"s3cret");
        let ann: (&str, &[u8]) = (USER_HEADER, b"ann@example.org");
        assert_eq!(
            user(&known, &[ann, SECRET]),
            Ok(Some("ann@example.org".to_owned()))
        );
        assert_eq!(user(&known, &[SECRET]), Ok(None));
        assert_eq!(user(&known, &[]), Ok(None));
        assert_eq!(user(&known, &[ann]), Err(Refusal::ProxySecret));
        assert_eq!(
            user(&known, &[ann, ("x-muxview-proxy-secret", b"s3cre")]),
            Err(Refusal::ProxySecret)
        );
        for door in [
            &tcp,
            &Peer::Unix { uid: None },
            &Peer::Unix { uid: Some(34) },
        ] {
            let refused = user(door, &[ann, SECRET]).expect_err("not the proxy");
            assert!(matches!(refused, Refusal::Peer(_)));
            assert!(!refused.to_string().contains("  "), "{refused}");
        }
        let long = [b'a'; USER_BYTES + 1];
        for hostile in [
            &b""[..],
            &long,
            b"a b",
            b"a,b",
            b"a\tb",
            "\u{202e}a".as_bytes(),
        ] {
            let refused = user(&known, &[(USER_HEADER, hostile), SECRET]);
            assert!(matches!(refused, Err(Refusal::Proxy(_))), "{hostile:?}");
        }
        for twice in [[ann, ann, SECRET], [ann, SECRET, SECRET]] {
            assert!(matches!(user(&known, &twice), Err(Refusal::Proxy(_))));
        }
    }
}
