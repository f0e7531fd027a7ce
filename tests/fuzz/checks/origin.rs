//! Heads of requests, as anyone may send them, through the rules of the edge. An oracle that knows
//! nothing of how they are written says the same with lists of strings: a Host is let in if, in lower
//! case, it is one of the listener's names or a published one, with the default port or without; an
//! Origin if it is the request's own or a published one. What needs a credential or a proxy's word is
//! let in only with it.
//!
//! The first byte says which listener and which way to sign in. Then come lines: `METHOD URI` and
//! headers, in which `SECRET` stands for a credential of ours.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request};
use muxview::access::Credential;
use muxview::config::Origin;
use muxview::config::limits::BODY_BYTES;
use muxview::net::Peer;
use muxview::state_dir;
use muxview::state_dir::Vault;
use muxview::web::auth::caller::Access;
use muxview::web::auth::caller::Caller;
use muxview::web::auth::caller::SignIn;
use muxview::web::auth::refusal::Refusal;
use muxview::web::auth::trusted_proxy::Proxy;
use muxview::web::auth::trusted_proxy::USER_HEADER;
use std::net::SocketAddr;
use std::sync::LazyLock;

const PUBLISHED: [&str; 3] = [
    "https://term.example",
    "http://plain.example:8080",
    "https://[2001:db8::2]:8443",
];
const PROXY_UID: u32 = 33;
const PROXY_SECRET: &str = "what-only-the-proxy-knows";

static VAULT: LazyLock<(Vault, String)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a directory");
    // It lives in memory from here on.
    let vault = Vault::open(Some(dir.path())).expect("an empty directory");
    let state = vault.state();
    let page = Credential::page([9; 12], &state.ledger, None, state_dir::now());
    (vault, page.sealed(&state.keys))
});

/// The names a listener has of its own, and the port it is reached at; `None`: at any.
struct Names {
    door: Peer,
    own: &'static [&'static str],
    port: Option<u16>,
}

fn names(which: u8) -> Names {
    let tcp = |local: &str| Peer::Tcp {
        local: local.parse().expect("an address"),
        peer: SocketAddr::from(([127, 0, 0, 1], 40_000)),
    };
    let unix = |uid| Peer::Unix { uid };
    const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];
    let (door, own, port) = match which % 7 {
        0 => (tcp("127.0.0.1:7681"), LOOPBACK, None),
        1 => (tcp("[::1]:7681"), LOOPBACK, None),
        2 => (tcp("[::ffff:127.0.0.1]:7681"), LOOPBACK, None),
        3 => (tcp("10.1.2.3:80"), &["10.1.2.3"][..], Some(80)),
        4 => (
            tcp("[2001:db8::1]:8080"),
            &["[2001:db8::1]"][..],
            Some(8080),
        ),
        5 => (unix(Some(PROXY_UID)), &["localhost"][..], None),
        _ => (unix(None), &["localhost"][..], None),
    };
    Names { door, own, port }
}

/// In lower case and without the port that goes without saying.
fn plain(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let default = if origin.starts_with("https:") {
        ":443"
    } else {
        ":80"
    };
    origin.strip_suffix(default).unwrap_or(&origin).to_owned()
}

/// The origins a page may have that asks `host`; `None`: that is none of our names.
fn origins(names: &Names, host: &str) -> Option<Vec<String>> {
    let host = host.to_ascii_lowercase();
    let mut allowed: Vec<String> = Vec::new();
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| port.parse::<u16>().is_ok_and(|n| n.to_string() == *port));
    let own = names.own.iter().any(|name| match (names.port, port) {
        (None, None) => host == *name,
        (None, Some(port)) => host == format!("{name}:{port}"),
        (Some(80), None) => host == *name,
        (Some(wanted), _) => host == format!("{name}:{wanted}"),
    });
    if own {
        allowed.push(plain(&format!("http://{host}")));
    }
    let published = PUBLISHED.iter().any(|origin| {
        let scheme = &origin[..origin.find("//").expect("a scheme") + 2];
        plain(&format!("{scheme}{host}")) == *origin
    });
    if own || published {
        allowed.extend(PUBLISHED.map(str::to_owned));
        return Some(allowed);
    }
    None
}

/// The request, and whether its lines can be one.
fn head(text: &[u8], secret: &str) -> Option<Parts> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let first = str::from_utf8(lines.next()?).ok()?;
    let (method, uri) = first.split_once(' ')?;
    let mut request = Request::builder().method(method).uri(uri);
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = String::from_utf8_lossy(&line[colon + 1..]).replace("SECRET", secret);
        let value = value.trim_matches([' ', '\t']);
        // hyper takes care of what would be two lines.
        request = request.header(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// The values of a header, as bytes.
fn values<'a>(head: &'a Parts, name: &str) -> Vec<&'a [u8]> {
    let values = head.headers.get_all(name).iter();
    values.map(HeaderValue::as_bytes).collect()
}

fn visible(value: &[u8]) -> Option<&str> {
    let plain = value.iter().all(|byte| matches!(byte, 0x20..=0x7e | b'\t'));
    plain.then(|| str::from_utf8(value).ok()).flatten()
}

/// What the oracle makes of Host and Origin.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    NoHostOfOurs,
    NoPageOfOurs,
    Page,
    NoPage,
}

fn expected(names: &Names, head: &Parts) -> Expected {
    let host = match values(head, "host")[..] {
        [host] => visible(host),
        _ => None,
    };
    let named = head
        .uri
        .authority()
        .map(|authority| authority.as_str().to_ascii_lowercase());
    let host = host.filter(|host| named.is_none_or(|named| named == host.to_ascii_lowercase()));
    let Some(allowed) = host.and_then(|host| origins(names, host)) else {
        return Expected::NoHostOfOurs;
    };
    match values(head, "origin")[..] {
        [] => Expected::NoPage,
        [origin] => match visible(origin) {
            Some(origin) if allowed.contains(&plain(origin)) => Expected::Page,
            _ => Expected::NoPageOfOurs,
        },
        _ => Expected::NoPageOfOurs,
    }
}

pub(crate) fn check(data: &[u8]) {
    let [which, text @ ..] = data else { return };
    let (vault, secret) = &*VAULT;
    let Some(head) = head(text, secret) else {
        return;
    };
    let names = names(which % 7);
    let sign_in = match which / 7 % 3 {
        0 => SignIn::None,
        1 => SignIn::Token(vault.clone()),
        _ => SignIn::Proxy(Proxy {
            peers: vec![PROXY_UID],
            header: HeaderName::from_static(USER_HEADER),
            secret: PROXY_SECRET.to_owned(),
            rules: [].into(),
        }),
    };
    let published = PUBLISHED.map(|origin| origin.parse::<Origin>().expect("an origin"));
    let access = Access::new(sign_in.clone(), published.into());
    let expected = expected(&names, &head);
    match access.admit(&names.door, &head) {
        Err(Refusal::NoHost | Refusal::Host(_)) => {
            assert_eq!(expected, Expected::NoHostOfOurs, "{head:?}");
        }
        Err(Refusal::Origin(_)) => assert_eq!(expected, Expected::NoPageOfOurs, "{head:?}"),
        Err(refusal) => {
            // Turned away for something else, and for a reason.
            assert!(
                matches!(expected, Expected::Page | Expected::NoPage),
                "{head:?}"
            );
            assert!(is_meant(&refusal, &sign_in, &head), "{refusal}: {head:?}");
        }
        Ok(caller) => {
            assert!(
                matches!(expected, Expected::Page | Expected::NoPage),
                "{head:?}"
            );
            admitted(&caller, &sign_in, &names, &head, expected == Expected::Page);
        }
    }
}

/// Whether there was a reason to refuse.
fn is_meant(refusal: &Refusal, sign_in: &SignIn, head: &Parts) -> bool {
    let proxied = matches!(sign_in, SignIn::Proxy(_));
    let sent = |name: &str| !values(head, name).is_empty();
    match refusal {
        Refusal::CrossSite => sent("sec-fetch-site"),
        Refusal::MediaType => sent("content-length") || sent("transfer-encoding"),
        Refusal::TooLarge => sent("content-length"),
        Refusal::Peer(uid) => proxied && *uid != Some(PROXY_UID),
        Refusal::Proxy(_) | Refusal::ProxySecret => proxied && sent(USER_HEADER),
        Refusal::NoHost | Refusal::Host(_) | Refusal::Origin(_) => false,
    }
}

/// What everyone who gets past the gate must have shown.
fn admitted(caller: &Caller, sign_in: &SignIn, names: &Names, head: &Parts, from_page: bool) {
    let changes = !["GET", "HEAD", "OPTIONS"].contains(&head.method.as_str());
    if changes || head.uri.path().starts_with("/api/") {
        for site in values(head, "sec-fetch-site") {
            assert!([&b"same-origin"[..], b"none"].contains(&site), "{head:?}");
        }
    }
    let shown = [
        values(head, "authorization"),
        values(head, "sec-websocket-protocol"),
    ]
    .concat();
    let shows = |what: &str| {
        let shown = shown
            .iter()
            .map(|value| String::from_utf8_lossy(value).to_lowercase());
        shown
            .into_iter()
            .any(|value| value.contains(&what.to_lowercase()))
    };
    match sign_in {
        SignIn::None => assert!(caller.pass.is_some() && caller.may_upgrade),
        SignIn::Token(_) => assert!(caller.pass.is_none() || shows(&VAULT.1), "{head:?}"),
        SignIn::Proxy(_) => {
            assert_eq!(
                names.door,
                Peer::Unix {
                    uid: Some(PROXY_UID)
                }
            );
            let user = values(head, USER_HEADER);
            let secret = values(head, "x-muxview-proxy-secret");
            match &caller.pass {
                None => assert!(user.is_empty(), "{head:?}"),
                Some(pass) => {
                    let [user] = user[..] else { panic!("{head:?}") };
                    assert_eq!(secret, [PROXY_SECRET.as_bytes()], "{head:?}");
                    assert_eq!(pass.grant.who().as_bytes(), user, "{head:?}");
                    assert!(user.len() <= 128 && !user.is_empty(), "{head:?}");
                    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"._@+-".contains(b);
                    assert!(user.iter().all(plain), "{head:?}");
                }
            }
        }
    }
    // Without an Origin only a program that shows something, where anything must be shown.
    let program = shows("bearer ") || shows("muxview.key.");
    let asks = !matches!(sign_in, SignIn::None);
    assert!(
        !caller.may_upgrade || from_page || program || !asks,
        "{head:?}"
    );
    assert!(caller.may_upgrade || !from_page, "{head:?}");
    if changes && caller.pass.is_some() {
        let length = values(head, "content-length").first().map(|value| {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let digits = digits.then(|| str::from_utf8(value).ok()).flatten();
            digits
                .and_then(|digits| digits.parse::<u64>().ok())
                .unwrap_or(0)
        });
        assert!(
            length.is_none_or(|length| length <= BODY_BYTES as u64),
            "{head:?}"
        );
        if length.is_some_and(|length| length > 0) || head.headers.contains_key("transfer-encoding")
        {
            let kind = values(head, "content-type")
                .first()
                .copied()
                .unwrap_or_default();
            let kind = String::from_utf8_lossy(kind).to_ascii_lowercase();
            let (kind, _) = kind.split_once(';').unwrap_or((&kind, ""));
            assert_eq!(kind.trim(), "application/json", "{head:?}");
        }
    }
}
