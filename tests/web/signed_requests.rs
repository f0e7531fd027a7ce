//! What a page signs is good once, in its time, for its request: with the real binary, over replays,
//! restarts and handoffs. A credential that is bound to a key is worth nothing alone.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{PATIENCE, Service, Tmux, process, until};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// An answer: its status, the time it told, and its body.
#[derive(Debug)]
struct Answer {
    status: u16,
    time: Option<String>,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Asks with this in `Authorization: Bearer`; reads no further than the head of what does not end.
async fn ask(port: u16, line: &str, shown: Option<&str>, body: Option<Value>) -> Answer {
    let bearer = shown.map(|shown| format!("Authorization: Bearer {shown}\r\n"));
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let typed = if body.is_empty() {
        String::new()
    } else {
        format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        )
    };
    let request = format!(
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{}{typed}\r\n{body}",
        bearer.unwrap_or_default()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = vec![];
    let streams = line.contains("/api/events");
    let whole = async {
        while stream.read_buf(&mut read).await.unwrap() > 0 {
            if streams && read.windows(4).any(|four| four == b"\r\n\r\n") {
                break;
            }
        }
    };
    timeout(PATIENCE, whole).await.expect("an answer in time");
    let text = String::from_utf8_lossy(&read);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let time = head
        .lines()
        .find_map(|line| line.strip_prefix("muxview-time: "));
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        time: time.map(str::to_owned),
        body: body.to_owned(),
    }
}

enum Key {
    Pair(Box<SigningKey>),
    Secret(Vec<u8>),
}

/// A page that is signed in.
struct Page {
    port: u16,
    key: Key,
    credential: String,
    clock: Vec<u8>,
    origin: String,
}

fn pair(seed: u8) -> (SigningKey, String) {
    let key = SigningKey::from_slice(&[seed; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let offer = format!("p256.{}", base64url(point.as_bytes()));
    (key, offer)
}

impl Page {
    /// Signs in with a link; `seed` for a key pair, or with a secret of the service's.
    async fn sign_in(port: u16, link: &str, seed: Option<u8>) -> Self {
        let pair = seed.map(pair);
        let offer = pair.as_ref().map_or("hmac", |(_, offer)| offer);
        let body = json!({ "t": link, "key": offer });
        let answer = ask(port, "POST /api/sign-in", None, Some(body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::of(port, &answer.json(), pair.map(|(key, _)| key))
    }

    fn of(port: u16, answer: &Value, pair: Option<SigningKey>) -> Self {
        let bytes = |name: &str| {
            let text = answer[name].as_str().unwrap_or_else(|| panic!("{answer}"));
            BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
        };
        assert!(answer["time"].as_u64().unwrap().abs_diff(now()) < 5000);
        assert_eq!(answer["secret"].is_string(), pair.is_none());
        Self {
            port,
            key: pair.map_or_else(
                || Key::Secret(bytes("secret")),
                |pair| Key::Pair(pair.into()),
            ),
            credential: answer["credential"].as_str().unwrap().to_owned(),
            clock: bytes("clock"),
            origin: format!("http://127.0.0.1:{port}"),
        }
    }

    /// What it shows for this request at that time, and the random number of it.
    fn signs_at(&self, time: u64, method: &str, path: &str) -> (String, String) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = u128::from(NUMBER.fetch_add(1, Ordering::Relaxed));
        let nonce = base64url(number.to_be_bytes());
        let (origin, credential) = (&self.origin, &self.credential);
        let text =
            format!("muxview-request-1\n{origin}\n{method}\n{path}\n{time}\n{nonce}\n{credential}");
        let signature = match &self.key {
            Key::Pair(key) => {
                let signature: Signature = key.sign(text.as_bytes());
                signature.to_bytes().to_vec()
            }
            Key::Secret(secret) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
                mac.chain_update(text).finalize().into_bytes().to_vec()
            }
        };
        let shown = format!("{credential}~{time}~{nonce}~{}", base64url(signature));
        (shown, nonce)
    }

    fn signs(&self, method: &str, path: &str) -> String {
        self.signs_at(now(), method, path).0
    }

    async fn shows(&self, line: &str, shown: &str) -> u16 {
        ask(self.port, line, Some(shown), None).await.status
    }

    /// Asks for the sessions as it should.
    async fn lists(&self) -> u16 {
        let shown = self.signs("GET", "/api/sessions");
        self.shows("GET /api/sessions", &shown).await
    }

    /// The time it is told, if that is said to this page for what it showed.
    fn believes(&self, time: &str, nonce: &str) -> Option<u64> {
        let (time, seal) = time.split_once('.')?;
        let mac = Hmac::<Sha256>::new_from_slice(&self.clock).unwrap();
        let text = format!("muxview-clock-1\n{nonce}\n{time}");
        let whole = mac.chain_update(text).finalize().into_bytes();
        (seal == base64url(&whole[..16])).then(|| time.parse().unwrap())
    }

    /// Opens a socket and shows this there: `hello`, or the close that comes instead.
    async fn opens(&self, shown: &str) -> Result<(), (u16, String)> {
        let url = format!("ws://127.0.0.1:{}/s/main/ws?cols=80&rows=24", self.port);
        let mut request = url.into_client_request().unwrap();
        let protocols = format!("muxview.v1, muxview.key.{shown}");
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
        headers.insert("Origin", self.origin.parse().unwrap());
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        match timeout(PATIENCE, socket.next()).await.expect("in time") {
            Some(Ok(Message::Text(_))) => Ok(()),
            Some(Ok(Message::Close(Some(close)))) => {
                Err((close.code.into(), close.reason.to_string()))
            }
            other => panic!("{other:?}"),
        }
    }
}

const SOCKET: (&str, &str) = ("GET", "/s/main/ws");

fn start(tmux: &Tmux, more: &[&str]) -> Service {
    tmux.session_running("main", 80, 24, "cat");
    Service::start_with(tmux, &[&["--auth", "token"], more].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_is_good_once_for_its_request_and_the_credential_is_not() {
    let tmux = Tmux::without_server();
    let service = start(&tmux, &[]);
    let link = service.secret.clone().unwrap();
    let owner = Page::sign_in(service.port, &link, Some(3)).await;
    assert_eq!(owner.lists().await, 200);
    let body = json!({ "session": "main" });
    let shown = owner.signs("POST", "/api/shares");
    let shared = ask(service.port, "POST /api/shares", Some(&shown), Some(body)).await;
    assert_eq!(shared.status, 201, "{shared:?}");
    let link = shared.json()["link"].as_str().unwrap().to_owned();
    let (_, link) = link.split_once("#t=").unwrap();
    // A guest's page that browsers give no key.
    let guest = Page::sign_in(service.port, link, None).await;

    for page in [&owner, &guest] {
        for (method, path) in [("GET", "/api/sessions"), ("GET", "/api/events")] {
            let line = format!("{method} {path}");
            // Alone it is nothing, in any form.
            let alone = &page.credential;
            for shown in [alone.clone(), format!("{alone}~"), format!("{alone}~~~")] {
                assert_eq!(page.shows(&line, &shown).await, 401, "{line}");
            }
            let shown = page.signs(method, path);
            assert_eq!(page.shows(&line, &shown).await, 200, "{line}");
            for line in [&line, "GET /api/sessions", "GET /api/events"] {
                assert_eq!(page.shows(line, &shown).await, 401, "{line}, once more");
            }
            let used = page.opens(&shown).await;
            assert_eq!(used, Err((4401, "sign in".to_owned())));
            // Of another request.
            for (other, elsewhere) in [("POST", path), (method, "/api/shares"), SOCKET] {
                let shown = page.signs(other, elsewhere);
                assert_eq!(page.shows(&line, &shown).await, 401, "{other} {elsewhere}");
            }
        }
        let shown = page.signs(SOCKET.0, SOCKET.1);
        assert_eq!(page.opens(&shown).await, Ok(()));
        let (code, reason) = page.opens(&shown).await.unwrap_err();
        assert_eq!(code, 4401);
        assert!(reason.starts_with("sign in; time="), "{reason}");
        let alone = page.opens(&page.credential).await;
        assert_eq!(alone, Err((4401, "sign in".to_owned())));
    }
    // Another's key, and another page's origin.
    let stolen = Page {
        key: Key::Pair(Box::new(pair(4).0)),
        credential: owner.credential.clone(),
        clock: owner.clock.clone(),
        origin: owner.origin.clone(),
        port: owner.port,
    };
    assert_eq!(stolen.lists().await, 401);
    let foreign = Page {
        key: Key::Pair(Box::new(pair(3).0)),
        origin: "http://127.0.0.1:1".to_owned(),
        ..stolen
    };
    assert_eq!(foreign.lists().await, 401);
    assert_eq!(owner.lists().await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_at_a_wrong_time_is_told_the_time_and_only_they_believe_it() {
    let tmux = Tmux::without_server();
    let service = start(&tmux, &[]);
    let link = service.secret.clone().unwrap();
    let page = Page::sign_in(service.port, &link, Some(3)).await;
    for wrong in [now() - 3_600_000, now() + 3_600_000, 0, u64::MAX] {
        let (shown, nonce) = page.signs_at(wrong, "GET", "/api/sessions");
        let answer = ask(service.port, "GET /api/sessions", Some(&shown), None).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        let told = answer.time.expect("the time");
        let time = page.believes(&told, &nonce).expect("sealed for it");
        assert!(time.abs_diff(now()) < 5000);
        // Not for what it shows next, and not another time.
        assert_eq!(page.believes(&told, &base64url([0; 16])), None);
        let later = told.replacen(&time.to_string(), &(time + 60_000).to_string(), 1);
        assert_eq!(page.believes(&later, &nonce), None);
        let (shown, _) = page.signs_at(time, "GET", "/api/sessions");
        assert_eq!(page.shows("GET /api/sessions", &shown).await, 200);

        let (shown, nonce) = page.signs_at(wrong, SOCKET.0, SOCKET.1);
        let (code, reason) = page.opens(&shown).await.unwrap_err();
        let told = reason.strip_prefix("sign in; time=").expect("the time");
        assert!(code == 4401 && page.believes(told, &nonce).is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_signed_before_the_start_is_good_after_it() {
    let tmux = Tmux::without_server();
    let mut service = start(&tmux, &[]);
    let link = service.secret.clone().unwrap();
    let page = Page::sign_in(service.port, &link, Some(3)).await;
    assert_eq!(page.lists().await, 200);
    service.kill();
    // Whoever has the port now is shown these.
    let request = page.signs("GET", "/api/sessions");
    let stream = page.signs("GET", "/api/events");
    let socket = page.signs(SOCKET.0, SOCKET.1);
    service.restart(&tmux);
    assert_eq!(page.shows("GET /api/sessions", &request).await, 401);
    assert_eq!(page.shows("GET /api/events", &stream).await, 401);
    let (code, _) = page.opens(&socket).await.unwrap_err();
    assert_eq!(code, 4401);
    assert_eq!(page.lists().await, 200);
    assert_eq!(page.opens(&page.signs(SOCKET.0, SOCKET.1)).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handoff_forgets_no_signature_and_refuses_none() {
    let tmux = Tmux::without_server();
    let service = start(&tmux, &[]);
    let link = service.secret.clone().unwrap();
    let page = Page::sign_in(service.port, &link, Some(3)).await;
    let used = page.signs("GET", "/api/sessions");
    assert_eq!(page.shows("GET /api/sessions", &used).await, 200);
    let ready = |log: &str| log.matches("muxview: http").count();
    for times in 2..5 {
        let fresh = page.signs("GET", "/api/sessions");
        process::signal(service.pid(), "HUP");
        until("the next image", async || {
            let log = service.log();
            (ready(&log) >= times).then_some(()).ok_or(log)
        })
        .await;
        assert_eq!(page.shows("GET /api/sessions", &used).await, 401);
        // Signed before, and not shown until now: the port was ours all the time.
        assert_eq!(page.shows("GET /api/sessions", &fresh).await, 200);
        assert_eq!(page.shows("GET /api/sessions", &fresh).await, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_a_prefix_that_a_proxy_strips_or_leaves_it_is_the_same() {
    let tmux = Tmux::without_server();
    let public = ["--base-path", "/mux", "--public-origin", "https://a.test"];
    let service = start(&tmux, &public);
    let link = service.secret.clone().unwrap();
    let mut page = Page::sign_in(service.port, &link, Some(3)).await;
    for origin in [page.origin.clone(), "https://a.test".to_owned()] {
        page.origin = origin;
        for path in ["/api/sessions", "/mux/api/sessions"] {
            let shown = page.signs("GET", "/api/sessions");
            let status = page.shows(&format!("GET {path}"), &shown).await;
            assert_eq!(status, 200, "{} {path}", page.origin);
        }
        // Some write a path in another way.
        for path in ["/api/sessions/$9", "/mux/api/sessions/%249"] {
            let shown = page.signs("DELETE", "/api/sessions/$9");
            let status = page.shows(&format!("DELETE {path}"), &shown).await;
            assert_eq!(status, 404, "{} {path}", page.origin);
        }
    }
    page.origin = "http://a.test".to_owned();
    assert_eq!(page.lists().await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_without_a_key_is_a_bearers_until_it_is_bound_and_ends_with_it() {
    let tmux = Tmux::without_server();
    let service = start(&tmux, &[]);
    let port = service.port;
    let link = service.secret.clone().unwrap();
    let wrong = json!({ "t": link, "key": "p256.AAAA" });
    let refused = ask(port, "POST /api/sign-in", None, Some(wrong)).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    assert_eq!(refused.json()["field"], "key");
    // That used up nothing.
    let body = json!({ "t": link });
    let signed_in = ask(port, "POST /api/sign-in", None, Some(body))
        .await
        .json();
    assert!(signed_in.get("clock").is_none() && signed_in.get("secret").is_none());
    let bearer = signed_in["credential"].as_str().unwrap();
    let lists = async |shown: &str| {
        ask(port, "GET /api/sessions", Some(shown), None)
            .await
            .status
    };
    assert_eq!(lists(bearer).await, 200);

    let (key, offer) = pair(3);
    let bind = "POST /api/sign-in/key";
    let body = || Some(json!({ "key": offer }));
    assert_eq!(ask(port, bind, None, body()).await.status, 401);
    let bound = ask(port, bind, Some(bearer), body()).await;
    assert_eq!(bound.status, 200, "{bound:?}");
    let page = Page::of(port, &bound.json(), Some(key));
    assert_eq!((page.lists().await, lists(bearer).await), (200, 200));
    assert_eq!(lists(&page.credential).await, 401);
    let again = page.signs("POST", "/api/sign-in/key");
    assert_eq!(ask(port, bind, Some(&again), body()).await.status, 409);

    let shown = page.signs("POST", "/api/sign-out");
    let out = ask(port, "POST /api/sign-out", Some(&shown), Some(json!({}))).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_eq!((page.lists().await, lists(bearer).await), (401, 401));
}
