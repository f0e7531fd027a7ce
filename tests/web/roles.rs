//! Users a proxy names: each may do what the rules say and finds no other session, whoever else
//! connects or writes the proxy's header is refused.

use crate::http::{Answer, Outcome, Site, Upgrade, ask_unix};
use crate::tmux::Tmux;
use muxview::config::{self, Auth, Config, Listen};
use std::os::unix::fs::PermissionsExt as _;
use tokio::net::UnixStream;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

struct Proxied {
    site: Site,
    path: std::path::PathBuf,
}

impl Proxied {
    async fn open(tmux: &Tmux, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("socket");
        let secret = dir.path().join("secret");
        std::fs::write(&secret, format!("{SECRET}\n")).expect("ours");
        let private = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(&secret, private).expect("ours");
        let listen = format!("unix:{}", path.display());
        let site = Site::open_with(Auth::Proxy, |config| {
            config.tmux = config::Tmux::Name(tmux.name.clone());
            config.listen = vec![listen.parse::<Listen>().expect("a path")];
            config.public_origins = vec!["https://term.example".parse().expect("an origin")];
            config.proxy_secret_file = Some(secret);
            let rules = ["ann=manage", "bob=view:open*", "eve=drive"];
            config.allow = rules.map(|rule| rule.parse().expect("a rule")).to_vec();
            change(config);
        })
        .await;
        let _ = dir.keep();
        Self { site, path }
    }

    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut head = format!("{line} HTTP/1.1\r\nHost: term.example\r\n");
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        if !body.is_empty() {
            let length = body.len();
            head.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {length}\r\n"
            ));
        }
        ask_unix(&self.path, &format!("{head}\r\n{body}")).await
    }

    /// As `user`, by the proxy.
    async fn by(&self, user: &str, line: &str, body: &str) -> Answer {
        let user = format!("X-Muxview-User: {user}");
        let secret = format!("X-Muxview-Proxy-Secret: {SECRET}");
        self.ask(line, &[&user, &secret], body).await
    }

    async fn watch(&self, user: &str, session: &str) -> Outcome {
        let head = format!(
            "GET /s/{session}/ws?cols=80&rows=24 HTTP/1.1\r\nHost: term.example\r\n\
             Origin: https://term.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: muxview.v1\r\nX-Muxview-User: {user}\r\n\
             X-Muxview-Proxy-Secret: {SECRET}\r\n\r\n"
        );
        let stream = UnixStream::connect(&self.path).await.expect("it listens");
        Upgrade::over(stream, &head).await.role().await
    }
}

fn seen(answer: &Answer) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let rows = answer.json();
    let rows = rows.as_array().expect("a list").iter();
    rows.map(|row| (text(&row["name"]), text(&row["role"])))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, role): &(&str, &str)| ((*name).to_owned(), (*role).to_owned());
    pairs.iter().map(owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_finds_what_the_rules_give() {
    let tmux = Tmux::none();
    for name in ["hidden", "open-1"] {
        tmux.must(&["new-session", "-d", "-s", name, "cat"]);
    }
    let proxied = Proxied::open(&tmux, |_| {}).await;
    for (user, wanted) in [
        ("ann", pairs(&[("hidden", "manage"), ("open-1", "manage")])),
        ("eve", pairs(&[("hidden", "drive"), ("open-1", "drive")])),
        ("bob", pairs(&[("open-1", "view")])),
        ("mallory", pairs(&[])),
    ] {
        let list = proxied.by(user, "GET /api/sessions", "").await;
        assert_eq!(seen(&list), wanted, "{user}");
    }
    for (user, session, wanted) in [
        ("ann", "hidden", Outcome::Role("drive".into())),
        ("eve", "open-1", Outcome::Role("drive".into())),
        ("bob", "open-1", Outcome::Role("view".into())),
        (
            "bob",
            "hidden",
            Outcome::Closed(4404, Some("muxview.v1".into())),
        ),
        (
            "bob",
            "nothing",
            Outcome::Closed(4404, Some("muxview.v1".into())),
        ),
        (
            "mallory",
            "open-1",
            Outcome::Closed(4404, Some("muxview.v1".into())),
        ),
    ] {
        assert_eq!(
            proxied.watch(user, session).await,
            wanted,
            "{user} {session}"
        );
    }
    for (user, line, body, status) in [
        ("eve", "POST /api/sessions", r#"{"name":"new"}"#, 403),
        ("bob", "POST /api/sessions", r#"{"name":"open-2"}"#, 403),
        ("bob", "DELETE /api/sessions/open-1", "", 403),
        ("bob", "DELETE /api/sessions/hidden", "", 404),
        ("bob", "DELETE /api/sessions/nothing", "", 404),
        ("eve", "PATCH /api/sessions/hidden", r#"{"name":"x"}"#, 403),
        ("bob", "GET /metrics", "", 403),
        ("ann", "GET /metrics", "", 200),
        ("ann", "POST /api/sign-in", r#"{"t":"x"}"#, 404),
        ("ann", "GET /api/shares", "", 404),
        (
            "ann",
            "POST /api/sessions",
            r#"{"name":"new","command":"cat"}"#,
            201,
        ),
    ] {
        let answer = proxied.by(user, line, body).await;
        assert_eq!(answer.status, status, "{user} {line} {answer:?}");
    }
    proxied.site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_proxy_names_anybody() {
    let tmux = Tmux::started();
    let user = "X-Muxview-User: ann";
    let secret = &format!("X-Muxview-Proxy-Secret: {SECRET}");
    let proxied = Proxied::open(&tmux, |_| {}).await;
    for (headers, status) in [
        (&[user, secret][..], 200),
        (&[secret], 401),
        (&[], 401),
        (&[user], 403),
        (
            &[
                user,
                "X-Muxview-Proxy-Secret: 0123456789abcdef0123456789abcdee",
            ],
            403,
        ),
        (&[user, user, secret], 400),
        (&[user, "X-Muxview-User: bob", secret], 400),
        (&["X-Muxview-User: ", secret], 400),
        (&["X-Muxview-User: a b", secret], 400),
        (&["X_Muxview_User: ann", secret], 401),
        (&["Authorization: Bearer ann", secret], 401),
    ] {
        let answer = proxied.ask("GET /api/sessions", headers, "").await;
        assert_eq!(answer.status, status, "{headers:?} {answer:?}");
    }
    // The shells are everybody's who passes the Host check, and so is liveness.
    assert_eq!(proxied.ask("GET /healthz", &[], "").await.status, 200);
    proxied.site.service.stop().await;

    let stranger = Proxied::open(&tmux, |config| config.proxy_peers = vec!["65534".into()]).await;
    let answer = stranger.ask("GET /api/sessions", &[user, secret], "").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("--proxy-peer"), "{answer:?}");
    stranger.site.service.stop().await;
}
