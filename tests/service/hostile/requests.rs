//! Requests that are no requests: lengths that lie, paths that climb, credentials that were changed.
//! There is no tmux server behind it.

use crate::http::{Answer, PATIENCE, Site};
use muxview::access::Credential;
use muxview::config::Auth;
use muxview::config::limits::THROTTLE_WINDOW;
use muxview::state_dir;
use muxview::state_dir::Vault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// All that is answered to these bytes.
async fn answers(site: &Site, bytes: &[u8]) -> String {
    let mut stream = site.connect().await;
    // Who is refused may be answered before all is sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut read = vec![];
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read))
        .await
        .expect("an end");
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn nothing_hides_behind_a_length_or_a_line_that_lies() {
    let site = Site::open(Auth::None).await;
    let hidden = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for lines in [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3, 4",
        "Content-Length: +3",
        "Content-Length: 0x3",
        "Content-Length: -3",
        "Content-Length: 3 4",
        "Content-Length: 18446744073709551616",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 3",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Content-Length : 3",
        "X: a\r\n b: folded",
        " X: first line",
        "X: a\0b",
        "X: a\rb",
        "X\u{b}: a",
        "(X): a",
        ": nothing",
        "no colon",
    ] {
        let body = "0\r\n\r\n";
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{lines}\r\n\r\n{body}{hidden}"
        );
        let came = answers(&site, request.as_bytes()).await;
        assert!(came.starts_with("HTTP/1.1 400 "), "{lines:?}: {came}");
        assert_eq!(came.matches("HTTP/1.1 ").count(), 1, "{lines:?}: {came}");
    }
    for chunks in [
        "fffffffffffffffff\r\n",
        "-1\r\n",
        "+3\r\nabc\r\n",
        "3\nabc\r\n",
        "3\r\nabcd\r\n",
        "zz\r\n",
    ] {
        let request = format!(
            "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n{hidden}"
        );
        let came = answers(&site, request.as_bytes()).await;
        assert!(
            !came.contains("ok\n") && !came.contains("HTTP/1.1 2"),
            "{chunks:?}: {came}"
        );
    }
    site.service.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_none_and_no_path_leads_elsewhere() {
    let site = Site::open(Auth::None).await;
    for bytes in [
        &b"GET /\r\n\r\n"[..],
        b"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET / a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"G\0T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\r\n\r\n\r\n\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let came = answers(&site, bytes).await;
        let nothing = came.is_empty()
            || came.starts_with("HTTP/1.1 400 ")
            || came.starts_with("HTTP/1.1 505 ");
        assert!(nothing, "{}: {came}", bytes.escape_ascii());
    }
    let long = format!("GET /{}", "a/".repeat(4000));
    let deep = format!("GET /s/{}", "%2e%2e%2f".repeat(800));
    for (line, statuses) in [
        ("GET /../../etc/passwd", &[404][..]),
        ("GET /assets/..%2f..%2fCargo.toml", &[404]),
        ("GET /assets/..%5c..%5cCargo.toml", &[404]),
        ("GET /assets//etc/passwd", &[404]),
        ("GET /assets/", &[404]),
        ("GET //evil.example/%2f..", &[404]),
        ("GET /\\evil.example", &[400, 404]),
        ("GET /%5cevil.example", &[404]),
        ("GET /.//evil.example", &[404]),
        ("GET /;/api/sessions", &[404]),
        ("GET /api/sessions/", &[404, 405]),
        ("GET /API/SESSIONS", &[404]),
        ("GET /api%2fsessions", &[404]),
        ("GET /s/a/ws/", &[404]),
        ("GET /%00", &[404]),
        ("GET /?next=//evil.example", &[200]),
        ("GET /?\u{1}", &[400]),
        ("GET *", &[400, 404]),
        ("OPTIONS *", &[404, 405]),
        ("TRACE /", &[405]),
        ("get /", &[405]),
        ("PROPFIND /api/sessions", &[405]),
        (&long, &[404]),
        (&deep, &[200]),
    ] {
        let answer = site.ask(line, &["Connection: close"], "").await;
        assert!(statuses.contains(&answer.status), "{line:.80}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{line:.80}");
        assert!(!answer.body.contains("root:"), "{line:.80}");
    }
    site.service.stop().await;
}

#[tokio::test]
async fn below_a_base_path_nothing_leads_elsewhere_either() {
    let site = Site::open_with(Auth::None, |config| {
        config.base_path = "/mux".parse().unwrap();
    })
    .await;
    for (line, status, location) in [
        ("GET /mux?//evil.example", 308, Some("mux/")),
        ("GET /mux//evil.example", 404, None),
        ("GET /mux/../..//evil.example", 404, None),
        ("GET /mux%2f%2fevil.example", 404, None),
        ("GET //mux", 404, None),
        ("GET http://localhost:PORT/mux", 308, Some("mux/")),
        ("GET http://evil.example/mux", 400, None),
    ] {
        let line = line.replace("PORT", &site.port.to_string());
        let answer = site.ask(&line, &["Connection: close"], "").await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.header("location").as_deref(), location, "{line}");
    }
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_was_changed_anywhere_opens_nothing() {
    let site = Site::open(Auth::Token).await;
    let vault = Vault::open(Some(&site.dir.path().join("state"))).unwrap();
    let state = vault.state();
    let now = state_dir::now();
    let page = |made| {
        let random = state_dir::random().unwrap();
        Credential::page(random, &state.ledger, None, made)
    };
    let good = page(now).sealed(&state.keys);
    let status = async |bearers: &[&str]| {
        let lines: Vec<_> = bearers
            .iter()
            .map(|bearer| format!("Authorization: Bearer {bearer}"))
            .collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let answer: Answer = site.ask("GET /api/sessions", &lines, "").await;
        assert_eq!(answer.header("set-cookie"), None);
        answer.status
    };
    assert_eq!(status(&[&good]).await, 200);
    for at in 0..good.len() {
        // Each letter another, the last one every other: what it ends with is not all of its bits.
        let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
        let most = if at + 1 == good.len() {
            letters.len()
        } else {
            2
        };
        for letter in letters
            .chars()
            .take(most)
            .filter(|letter| !good[at..].starts_with(*letter))
        {
            let changed = format!("{}{letter}{}", &good[..at], &good[at + 1..]);
            assert_eq!(status(&[&changed]).await, 401, "{at} {letter}");
        }
        assert_eq!(status(&[&good[..at]]).await, 401, "{at}");
    }
    let another = tempfile::tempdir().unwrap();
    let another = Vault::open(Some(another.path())).unwrap().state();
    let life = page(now).expires - now;
    let past_epoch = {
        let mut ledger = state.ledger.clone();
        ledger.end_all();
        Credential::page(state_dir::random().unwrap(), &ledger, None, now).sealed(&state.keys)
    };
    for (what, wrong) in [
        ("another key", page(now).sealed(&another.keys)),
        (
            "expired a second ago",
            page(now - life - 1).sealed(&state.keys),
        ),
        ("from tomorrow", page(now + 86_400).sealed(&state.keys)),
        ("another epoch", past_epoch),
        ("long", "x".repeat(4096)),
        ("longer", good.repeat(10)),
        ("twice", format!("{good}{good}")),
        ("with a comma", format!("{good},")),
        ("quoted", format!("\"{good}\"")),
        ("upper case", good.to_uppercase()),
    ] {
        assert_eq!(status(&[&wrong]).await, 401, "{what}");
    }
    assert_eq!(status(&["x"; 50]).await, 401);
    site.service.stop().await;
}

#[tokio::test]
async fn a_thousand_guesses_in_a_minute_are_told_to_wait_and_harm_nobody() {
    let site = Site::open(Auth::Token).await;
    let vault = Vault::open(Some(&site.dir.path().join("state"))).unwrap();
    let sign_in = async |secret: &str| {
        let body = format!(r#"{{"t":"{secret}"}}"#);
        let length = format!("Content-Length: {}", body.len());
        let headers = ["Content-Type: application/json", &length];
        site.ask("POST /api/sign-in", &headers, &body).await
    };
    let first = sign_in(&vault.link().unwrap()).await.json();
    let bearer = format!(
        "Authorization: Bearer {}",
        first["credential"].as_str().unwrap()
    );
    let mut waits = 0;
    for guess in 0..1000 {
        let answer = sign_in(&format!("1.{guess}.x")).await;
        if answer.status == 429 {
            let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!(seconds <= THROTTLE_WINDOW.as_secs());
            waits += 1;
        }
        if guess % 100 == 0 {
            assert_eq!(
                site.ask("GET /api/sessions", &[&bearer], "").await.status,
                200
            );
        }
    }
    assert!(waits >= 980, "{waits}");
    // Who knows need not wait, and when the minute is over a guess is one again.
    assert_eq!(sign_in(&vault.link().unwrap()).await.status, 200);
    tokio::time::pause();
    tokio::time::advance(THROTTLE_WINDOW).await;
    tokio::time::resume();
    assert_eq!(sign_in("1.again.x").await.status, 401);
    site.service.stop().await;
}
