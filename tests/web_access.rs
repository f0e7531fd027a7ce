//! Who gets in: every combination of Host, Origin, credential and subprotocol that means something
//! else, asked over real TCP. There is no tmux server, so who gets in hears 4404.

#[path = "support/http.rs"]
mod http;

use http::{Outcome, Site, ask_unix};
use muxview::config::{Auth, Listen, UnixListen};

const WS: &str = "/s/main/ws";
const OWN: &str = "Origin: http://localhost:PORT";
const V1: &str = "Sec-WebSocket-Protocol: muxview.v1";
const V1_KEY: &str = "Sec-WebSocket-Protocol: muxview.v1, muxview.key.SECRET";
const BEARER: &str = "Authorization: Bearer SECRET";

fn closed(code: u16) -> Outcome {
    Outcome::Closed(code, Some("muxview.v1".to_owned()))
}

fn bare(code: u16) -> Outcome {
    Outcome::Closed(code, None)
}

async fn sockets(site: &Site, table: Vec<(&[&str], Outcome)>) {
    for (headers, wanted) in table {
        let outcome = site.upgrade(WS, headers).await.outcome().await;
        assert_eq!(outcome, wanted, "{headers:?}");
    }
}

#[tokio::test]
async fn sockets_with_a_secret() {
    let site = Site::open_with(Auth::Token, |config| {
        config.public_origins = vec!["https://term.example".parse().unwrap()];
    })
    .await;
    let public = "Origin: https://term.example";
    sockets(
        &site,
        vec![
            // A page of ours.
            (&[OWN, V1_KEY], closed(4404)),
            (
                &[OWN, V1, "Sec-WebSocket-Protocol: muxview.key.SECRET"],
                closed(4404),
            ),
            (
                &[OWN, "Sec-WebSocket-Protocol: muxview.key.SECRET,muxview.v1"],
                closed(4404),
            ),
            (&[OWN, V1, BEARER], closed(4404)),
            (&[OWN, V1], closed(4401)),
            (
                &[OWN, "Sec-WebSocket-Protocol: muxview.v1, muxview.key."],
                closed(4401),
            ),
            (
                &[
                    OWN,
                    "Sec-WebSocket-Protocol: muxview.v1, muxview.key.SECRETx",
                ],
                closed(4401),
            ),
            (
                &[OWN, "Sec-WebSocket-Protocol: muxview.v1, muxview.key.wrong"],
                closed(4401),
            ),
            (&[OWN, V1, "Authorization: Basic SECRET"], closed(4401)),
            (&[OWN, V1, "Authorization: SECRET"], closed(4401)),
            (&[OWN, V1, "Cookie: muxview=SECRET; t=SECRET"], closed(4401)),
            // The other names of a loopback listener, at any port: port forwards change it.
            (
                &[
                    "Host: 127.0.0.1:PORT",
                    "Origin: http://127.0.0.1:PORT",
                    V1_KEY,
                ],
                closed(4404),
            ),
            (
                &["Host: [::1]:9", "Origin: http://[::1]:9", V1_KEY],
                closed(4404),
            ),
            (
                &["Host: localhost", "Origin: http://localhost", V1_KEY],
                closed(4404),
            ),
            (
                &["Host: LOCALHOST:80", "Origin: http://localhost", V1_KEY],
                closed(4404),
            ),
            // Published.
            (&["Host: term.example", public, V1_KEY], closed(4404)),
            (&["Host: term.example:443", public, V1_KEY], closed(4404)),
            (&[public, V1_KEY], closed(4404)),
            (&["Host: term.example", public, V1], closed(4401)),
            // Pages of others, whatever they know.
            (
                &["Origin: http://localhost:1", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: https://localhost:PORT", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: http://127.0.0.1:PORT", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: http://localhost.evil.example:PORT", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: http://evil.example", V1_KEY, BEARER],
                Outcome::Status(403),
            ),
            (
                &["Origin: http://term.example", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: https://term.example.evil.example", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: https://evil-term.example", V1_KEY],
                Outcome::Status(403),
            ),
            (
                &["Origin: https://term.example:8443", V1_KEY],
                Outcome::Status(403),
            ),
            (&["Origin: null", V1_KEY], Outcome::Status(403)),
            (&["Origin:", V1_KEY], Outcome::Status(403)),
            (
                &["Origin: http://localhost:PORT/", V1_KEY],
                Outcome::Status(403),
            ),
            (&[OWN, OWN, V1_KEY], Outcome::Status(403)),
            (
                &["Origin: http://localhost:PORT http://evil.example", V1_KEY],
                Outcome::Status(403),
            ),
            // No page.
            (&[V1, BEARER], closed(4404)),
            (&[V1, "Authorization: bearer SECRET"], closed(4404)),
            (&[V1_KEY], closed(4404)),
            (&[V1, "Authorization: Bearer wrong"], closed(4401)),
            (&[V1], Outcome::Status(403)),
            (&[], Outcome::Status(403)),
            (&[BEARER], bare(4404)),
            // Other names than ours.
            (
                &["Host: evil.example", "Origin: http://evil.example", V1_KEY],
                Outcome::Status(421),
            ),
            (
                &["Host: localhost.evil.example", V1_KEY],
                Outcome::Status(421),
            ),
            (
                &["Host: term.example:8443", public, V1_KEY],
                Outcome::Status(421),
            ),
            (&["Host: 10.0.0.1", V1_KEY], Outcome::Status(421)),
            (&["no Host", V1_KEY], Outcome::Status(400)),
            (&["Host:", V1_KEY], Outcome::Status(400)),
            (
                &["Host: localhost", "Host: localhost", V1_KEY],
                Outcome::Status(400),
            ),
            (&["Host: user@localhost", V1_KEY], Outcome::Status(400)),
            (&["Host: localhost:x", V1_KEY], Outcome::Status(400)),
            // What is spoken.
            (
                &[
                    OWN,
                    "Sec-WebSocket-Protocol: muxview.v2, muxview.key.SECRET",
                ],
                bare(4426),
            ),
            (
                &[
                    OWN,
                    "Sec-WebSocket-Protocol: muxview.v2, muxview.v1, muxview.key.SECRET",
                ],
                closed(4404),
            ),
            (
                &[OWN, "Sec-WebSocket-Protocol: tty, muxview.key.SECRET"],
                bare(4404),
            ),
            (
                &[OWN, "Sec-WebSocket-Protocol: muxview.key.SECRET"],
                bare(4404),
            ),
        ],
    )
    .await;
    site.service.stop().await;
}

#[tokio::test]
async fn sockets_without_a_secret() {
    let site = Site::open(Auth::None).await;
    sockets(
        &site,
        vec![
            (&[OWN, V1], closed(4404)),
            (&[V1], closed(4404)),
            (&[], bare(4404)),
            (&["Origin: http://evil.example", V1], Outcome::Status(403)),
            (&["Origin: null"], Outcome::Status(403)),
            (&["Origin: http://localhost:1"], Outcome::Status(403)),
            (&["Host: evil.example"], Outcome::Status(421)),
        ],
    )
    .await;
    for path in [
        "/s/%241/ws",
        "/s/a%2Fb/ws?cols=80&rows=24",
        "/s/%ff/ws",
        "/s/-/ws?role=x",
    ] {
        let outcome = site.upgrade(path, &[V1]).await.outcome().await;
        assert_eq!(outcome, closed(4404), "{path}");
    }
    site.service.stop().await;
}

#[tokio::test]
async fn what_is_no_handshake_is_not_upgraded() {
    let site = Site::open(Auth::None).await;
    let (connection, upgrade) = ("Connection: keep-alive, Upgrade", "Upgrade: websocket");
    let (version, key) = (
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    for (headers, status) in [
        (&[connection, upgrade, version, key][..], 101),
        (&[connection, "Upgrade: h2c, WebSocket", version, key], 101),
        (&[upgrade, version, key], 426),
        (&[connection, version, key], 426),
        (&[connection, "Upgrade: h2c", version, key], 426),
        (&[connection, upgrade, key], 426),
        (&[connection, upgrade, "Sec-WebSocket-Version: 8", key], 426),
        (&[connection, upgrade, version], 400),
        (&[connection, upgrade, version, key, key], 400),
        (
            &[connection, upgrade, version, "Sec-WebSocket-Key: short"],
            400,
        ),
        (&[], 426),
    ] {
        let answer = site.ask(&format!("GET {WS}"), headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == 426 {
            assert_eq!(answer.header("upgrade").as_deref(), Some("websocket"));
        }
    }
    let post = site
        .ask(
            &format!("POST {WS}"),
            &[connection, upgrade, version, key],
            "",
        )
        .await;
    assert_eq!(post.status, 405);
    site.service.stop().await;
}

#[tokio::test]
async fn requests_with_a_secret() {
    let site = Site::open(Auth::Token).await;
    let json = "Content-Type: application/json";
    let length = "Content-Length: 12";
    let body = r#"{"name":"x"}"#;
    for (line, headers, body, status) in [
        // The shells have nothing in them; what they show is behind the secret.
        ("GET /", &[][..], "", 200),
        ("GET /s/anything", &[], "", 200),
        ("GET /healthz", &[], "", 200),
        ("GET /api/sessions", &[], "", 401),
        (
            "GET /api/sessions",
            &["Authorization: Bearer wrong"],
            "",
            401,
        ),
        ("GET /api/sessions?t=SECRET", &[], "", 401),
        ("GET /api/sessions", &["Cookie: t=SECRET"], "", 401),
        ("GET /api/sessions", &[BEARER], "", 200),
        ("GET /api/sessions", &[BEARER, OWN], "", 200),
        (
            "GET /api/sessions",
            &[BEARER, "Origin: http://evil.example"],
            "",
            403,
        ),
        (
            "GET /api/sessions",
            &[BEARER, "Sec-Fetch-Site: cross-site"],
            "",
            403,
        ),
        (
            "GET /api/sessions",
            &[BEARER, "Sec-Fetch-Site: same-origin"],
            "",
            200,
        ),
        ("GET /api/events", &[], "", 401),
        ("GET /metrics", &[], "", 401),
        ("GET /metrics", &[BEARER], "", 200),
        ("GET /", &["Host: evil.example"], "", 421),
        ("GET /healthz", &["Host: evil.example"], "", 421),
        ("GET /assets/none.js", &["Host: evil.example"], "", 421),
        ("GET /", &["Origin: http://evil.example"], "", 403),
        ("GET http://evil.example/", &[], "", 400),
        ("POST /api/sessions", &[json, length], body, 401),
        (
            "POST /api/sessions",
            &[json, length, BEARER, "Sec-Fetch-Site: cross-site"],
            body,
            403,
        ),
        (
            "POST /api/sessions",
            &[json, length, BEARER, "Sec-Fetch-Site: same-site"],
            body,
            403,
        ),
        (
            "POST /api/sessions",
            &[json, length, BEARER, "Origin: http://evil.example"],
            body,
            403,
        ),
        (
            "POST /api/sessions",
            &["Content-Type: text/plain", length, BEARER],
            body,
            415,
        ),
        ("POST /api/sessions", &[length, BEARER], body, 415),
        ("POST /api/sessions", &[length], body, 401),
        ("DELETE /api/sessions/x", &[], "", 401),
        ("DELETE /api/sessions/x", &[BEARER], "", 404),
        (
            "DELETE /api/sessions/x",
            &[BEARER, "Sec-Fetch-Site: cross-site"],
            "",
            403,
        ),
        ("PATCH /api/sessions/x", &[json, length, BEARER], body, 404),
    ] {
        let answer = site.ask(line, headers, body).await;
        assert_eq!(answer.status, status, "{line} {headers:?}: {answer:?}");
        assert_protected(&answer, line);
    }
    site.service.stop().await;
}

#[tokio::test]
async fn a_unix_socket_answers_to_localhost() {
    let mut path = None;
    let site = Site::open_with(Auth::None, |config| {
        let Some(muxview::config::Tmux::Path(tmux)) = Some(config.tmux.clone()) else {
            unreachable!("the site sets it")
        };
        let socket = tmux.with_file_name("web");
        config.listen = vec![Listen::Unix(UnixListen::private(&socket))];
        config.public_origins = vec!["https://term.example".parse().unwrap()];
        path = Some(socket);
    })
    .await;
    let path = path.unwrap();
    for (host, status) in [
        ("localhost", 200),
        ("localhost:8080", 200),
        ("term.example", 200),
        ("127.0.0.1", 421),
        ("evil.example", 421),
    ] {
        let answer = ask_unix(&path, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{host}");
    }
    site.service.stop().await;
    assert!(!path.exists(), "the socket file goes with the service");
}

/// What a browser must be told with every answer.
fn assert_protected(answer: &http::Answer, what: &str) {
    for (name, part) in [
        (
            "content-security-policy",
            "default-src 'none'; script-src 'self'",
        ),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=()"),
        ("cache-control", ""),
    ] {
        let value = answer.header(name);
        assert!(
            value.as_ref().is_some_and(|value| value.contains(part)),
            "{what}: {name} {value:?}"
        );
    }
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("set-cookie"), None);
}
