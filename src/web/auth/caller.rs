//! The edge: Host, Origin and who asks, decided only here. In: a request's head and the door it came
//! through. Out: a [`Caller`], or a [`Refusal`]. What a caller may do is [`crate::access`]'s to say.
//! It must not know what is asked for, except whether it changes something.

use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use std::sync::Arc;

use crate::access::Id;
use crate::access::credential::Rejected;
use crate::access::signed::Request;
use crate::access::{Credential, Grant, Identity, Principal, Proof, Signed};
use crate::audit::{Text, Who};
use crate::config::Origin;
use crate::config::limits::{AUDIT_TEXT_CHARS, BODY_BYTES};
use crate::net::Peer;
use crate::state_dir;
use crate::state_dir::Vault;
use crate::web::auth::permit::Permit;
use crate::web::auth::refusal::Refusal;
pub use crate::web::auth::rules::SignIn;
use crate::web::auth::signatures;
use crate::web::auth::signatures::{Left, Signatures};
use crate::web::responses;
use crate::web::socket::protocol::KEY_PREFIX;

/// Who asks, and what that gives them.
#[derive(Debug, Clone)]
pub struct Pass {
    /// Who.
    pub identity: Identity,
    /// What they may do, as it was when they asked.
    pub grant: Grant,
    /// Whether that still holds.
    pub permit: Permit,
}

impl Pass {
    /// What a permit gives now; `None` if it has ended.
    pub(in crate::web) fn of(permit: &Permit) -> Option<Self> {
        Some(Self {
            identity: permit.identity().clone(),
            grant: permit.grant().ok()?,
            permit: permit.clone(),
        })
    }
}

/// Who asks, as far as we know.
#[derive(Debug, Clone)]
pub struct Caller {
    /// `None`: not signed in.
    pub pass: Option<Pass>,
    /// What they showed, which is nothing any more, or never was.
    pub rejected: Option<Rejected>,
    /// What time it is, for the page that signed this.
    pub time: Option<String>,
    /// A page of ours, or no page at all: may open a socket.
    pub may_upgrade: bool,
    /// Where they come from, for the logs.
    pub from: Arc<str>,
}

impl Caller {
    /// What they may do; `None`: not signed in.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.pass.as_ref().map(|pass| &pass.grant)
    }

    /// On whose account what they do is.
    #[must_use]
    pub fn principal(&self) -> Principal {
        match &self.pass {
            Some(Pass {
                identity, grant, ..
            }) => Principal::of(identity, grant),
            None => Principal::Anonymous,
        }
    }

    /// As the audit log names them.
    #[must_use]
    pub fn who(&self) -> Who<'_> {
        match &self.pass {
            Some(Pass {
                identity, grant, ..
            }) => who(identity, grant, &self.from),
            None => Who::at(&self.from),
        }
    }
}

/// As the audit log names somebody: by the public id of what was shown, never by that itself.
pub(in crate::web) fn who<'a>(identity: &'a Identity, grant: &'a Grant, from: &'a str) -> Who<'a> {
    let (name, credential) = match identity {
        Identity::Anyone => ("anyone", None),
        Identity::Signed(credential) => (grant.who(), Some(credential)),
        Identity::User(name) => (name.as_str(), None),
    };
    Who {
        who: Some(Text(name)),
        credential: credential.map(|credential| credential.id.as_str()),
        share: credential
            .and_then(|credential| credential.share.as_ref())
            .map(Id::as_str),
        from: Some(Text(from)),
    }
}

/// Where a request comes from, for the logs. What a proxy says of that is no more than its word.
pub(in crate::web) fn from(door: &Peer, headers: &HeaderMap) -> String {
    const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
    let plain = |text: &&str| {
        let address = |byte: u8| byte.is_ascii_hexdigit() || b".:, []".contains(&byte);
        (1..=AUDIT_TEXT_CHARS / 2).contains(&text.len()) && text.bytes().all(address)
    };
    let said = headers.get(FORWARDED).and_then(|said| said.to_str().ok());
    match said.filter(plain) {
        Some(said) => format!("{door}, for {said}"),
        None => door.to_string(),
    }
}

/// Who somebody is by what they show, and why some of that is nothing.
#[derive(Debug, Default)]
struct Found {
    identity: Option<Identity>,
    rejected: Option<Rejected>,
    time: Option<String>,
}

/// The rules of this service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Access {
    sign_in: SignIn,
    public_origins: Arc<[Origin]>,
    signatures: Signatures,
}

impl Access {
    /// The rules for those who sign in this way.
    #[must_use]
    pub fn new(sign_in: SignIn, public_origins: Vec<Origin>) -> Self {
        Self {
            sign_in,
            public_origins: public_origins.into(),
            signatures: Signatures::begin(),
        }
    }

    /// Goes on with the signatures a process before this one accepted.
    #[must_use]
    pub fn resuming(self, left: Option<Left>) -> Self {
        match left.map(Signatures::resume) {
            Some(signatures) => Self { signatures, ..self },
            None => self,
        }
    }

    /// Which signatures are accepted.
    #[must_use]
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// Where credentials are kept, where there are any.
    #[must_use]
    pub fn vault(&self) -> Option<&Vault> {
        self.sign_in.vault()
    }

    /// Who asks, by what they show; or why that is nothing.
    fn identity(&self, door: &Peer, head: &Parts, own: Option<&Origin>) -> Result<Found, Refusal> {
        match &self.sign_in {
            SignIn::None => Ok(Found {
                identity: Some(Identity::Anyone),
                ..Found::default()
            }),
            SignIn::Token(vault) => {
                let state = vault.state();
                let mut found = Found::default();
                for given in credentials(&head.headers) {
                    match self.open(given, &state, head, own, &mut found.time) {
                        Ok(credential) => {
                            found.identity = Some(Identity::Signed(credential));
                            break;
                        }
                        Err(why) => found.rejected = Some(why),
                    }
                }
                Ok(found)
            }
            SignIn::Proxy(proxy) => proxy.user(door, &head.headers).map(|user| Found {
                identity: user.map(Identity::User),
                ..Found::default()
            }),
        }
    }

    /// The credential in what was shown: as it is, or with a page's signature.
    fn open(
        &self,
        given: &str,
        state: &state_dir::State,
        head: &Parts,
        own: Option<&Origin>,
        time: &mut Option<String>,
    ) -> Result<Credential, Rejected> {
        let signed = if Signed::is_one(given) {
            Some(Signed::parse(given).ok_or(Rejected::Forged)?)
        } else {
            None
        };
        let sealed = signed.as_ref().map_or(given, |signed| signed.credential);
        let (keys, ledger) = (&state.keys, &state.ledger);
        let credential = Credential::open(sealed, keys, ledger, state_dir::now())?;
        let (key, signed) = match (&credential.key, &signed) {
            (None, None) => return Ok(credential),
            (None, Some(_)) => return Err(Rejected::Signature),
            (Some(_), None) => return Err(Rejected::Unsigned),
            (Some(key), Some(signed)) => (key, signed),
        };
        *time = self.signatures.time_for(&credential, key, keys, signed);
        let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
        let shown = signatures::Shown {
            signed,
            origins: &self.origins(own, &head.headers),
            request: Request {
                method: head.method.as_str(),
                path: &path,
            },
        };
        self.signatures.accept(&credential, key, keys, shown)?;
        Ok(credential)
    }

    /// The origins that the page of this request may have, as browsers write them.
    fn origins(&self, own: Option<&Origin>, headers: &HeaderMap) -> Vec<String> {
        // Already found to be one of these.
        let said = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        if let Some(said) = said.and_then(|said| said.parse::<Origin>().ok()) {
            return vec![said.to_string()];
        }
        let all = own.into_iter().chain(self.public_origins.iter());
        all.map(ToString::to_string).collect()
    }

    /// Judges a request before anything looks at what it asks for.
    pub fn admit(&self, door: &Peer, head: &Parts) -> Result<Caller, Refusal> {
        // Before anybody is judged: what is revoked from now on is seen by the permit.
        let version = self.sign_in.version();
        let own = self.host(door, head)?;
        let from_page = self.origin(own.as_ref(), &head.headers)?;
        let changes = !matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes || head.uri.path().starts_with("/api/") {
            same_site(&head.headers)?;
        }
        let signing_in = head.uri.path().ends_with("/api/sign-in");
        let Found {
            identity,
            rejected,
            time,
        } = self.identity(door, head, own.as_ref())?;
        let pass = identity.and_then(|identity| self.pass(version, identity));
        // Who has not signed in is told so, whatever the body is: nobody reads it.
        if changes && (pass.is_some() || signing_in) {
            body(&head.headers)?;
        }
        // A page cannot hide its Origin, so without one it is no page. Its credential is judged
        // after the upgrade, where it can be told.
        let programs =
            matches!(self.sign_in, SignIn::None) || credentials(&head.headers).next().is_some();
        Ok(Caller {
            rejected: rejected.filter(|_| pass.is_none()),
            pass,
            time,
            may_upgrade: from_page || programs,
            from: from(door, &head.headers).into(),
        })
    }

    /// Judges one who was let in by a process before this one.
    #[must_use]
    pub fn readmit(&self, proof: &Proof) -> Option<Pass> {
        let version = self.sign_in.version();
        let identity = match (&self.sign_in, proof) {
            (SignIn::Token(vault), Proof::Sealed(text)) => {
                let state = vault.state();
                let opened = Credential::open(text, &state.keys, &state.ledger, state_dir::now());
                Identity::Signed(opened.ok()?)
            }
            (SignIn::Token(_), _) => return None,
            (_, Proof::User(name)) => Identity::User(name.clone()),
            _ => Identity::Anyone,
        };
        self.pass(version, identity)
    }

    fn pass(&self, version: u64, identity: Identity) -> Option<Pass> {
        let permit = Permit::judge(&self.sign_in, version, identity).ok()?;
        Pass::of(&permit)
    }

    /// Whether the request is meant for us, and the origin pages of it have. Without this a
    /// foreign name that points here would make us part of a foreign site. `None`: it is meant for a
    /// public origin, which itself says what its pages have. Who sits on the way to `http://` of that
    /// name could make any page for it.
    fn host(&self, door: &Peer, head: &Parts) -> Result<Option<Origin>, Refusal> {
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
            Peer::Unix { .. } => own.host() == "localhost",
            Peer::Tcp { local, .. } => {
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
        let mut public = self.public_origins.iter();
        if known {
            Ok(Some(own))
        } else if public.any(|origin| origin.answers_to(host)) {
            Ok(None)
        } else {
            Err(Refusal::Host(host.to_ascii_lowercase()))
        }
    }

    /// Whether the request comes from a page of ours (`true`) or from no page (`false`).
    fn origin(&self, own: Option<&Origin>, headers: &HeaderMap) -> Result<bool, Refusal> {
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(false);
        };
        let origin: Origin = match (origin.to_str(), origins.next()) {
            (Ok(origin), None) => origin.parse().map_err(|_| Refusal::Origin(None))?,
            _ => return Err(Refusal::Origin(None)),
        };
        if own == Some(&origin) || self.public_origins.contains(&origin) {
            Ok(true)
        } else {
            Err(Refusal::Origin(Some(origin)))
        }
    }
}

/// What time it is, told to a page that signs.
pub(in crate::web) const TIME: HeaderName = HeaderName::from_static("muxview-time");

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
pub(in crate::web) fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
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

/// What the caller may do now. To be asked again after each wait, right before what it is asked for.
pub(in crate::web) fn granted(caller: &Caller) -> Result<Grant, Response> {
    let pass = caller.pass.as_ref().ok_or_else(responses::sign_in)?;
    pass.permit.grant().map_err(|_| responses::sign_in())
}
