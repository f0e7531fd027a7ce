//! Once "sign out everywhere" is answered, nothing goes in or out by what it ended: whatever was under way,
//! and wherever between judging and acting it was held up. A thousand random schedules of the real service
//! and a real tmux; what is held up, and for how long, is drawn anew each time.

#![cfg(debug_assertions)] // a release build has no points to hold anything up at
#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::{http, signed};

use crate::http::Site;
use crate::signed::{get, link, post, send, sign_in, site, watch};
use crate::tmux::Tmux;
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::interleave;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;

/// The default suite draws fewer.
const SCHEDULES: (u64, u64) = (300, 1000);
/// The longest that anything is held up at a point.
const HELD_MS: u64 = 12;

/// Typed into a socket, one after the other.
const WORDS: u64 = 60;

/// How often each point was come to.
static POINTS: Mutex<BTreeMap<&str, u64>> = Mutex::new(BTreeMap::new());
static STATE: AtomicU64 = AtomicU64::new(0);

/// The next of a sequence that a seed gives (splitmix64).
fn draw() -> u64 {
    let mut z = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn held(point: &'static str) -> Duration {
    *POINTS.lock().unwrap().entry(point).or_default() += 1;
    // Two in three pass at once, so that every order comes about.
    let drawn = draw();
    if drawn.is_multiple_of(3) {
        Duration::from_millis((drawn >> 8) % HELD_MS)
    } else {
        Duration::ZERO
    }
}

/// What is under way when everybody is signed out.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Create,
    Rename,
    End,
    Share,
    Socket,
    OpenSocket,
    Events,
}

const DEEDS: [Deed; 7] = [
    Deed::Create,
    Deed::Rename,
    Deed::End,
    Deed::Share,
    Deed::Socket,
    Deed::OpenSocket,
    Deed::Events,
];

fn sessions(tmux: &Tmux) -> String {
    tmux.must(&["list-sessions", "-F", "#{session_id} #{session_name}"])
}

async fn everybody_out(site: &Site, credential: &str) {
    sleep(Duration::from_millis(draw() % (2 * HELD_MS))).await;
    let everywhere = json!({"everywhere": true});
    let out = post(site, "/api/sign-out", Some(credential), everywhere).await;
    assert_eq!(out.status, 204, "{out:?}");
}

/// Reads a socket to its end; gives all text of it and whether `hello` came.
async fn rest(socket: &mut signed::Socket) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(Some(Ok(message))) = timeout(http::PATIENCE, socket.next()).await {
        match message {
            Message::Binary(bytes) => all.extend_from_slice(&bytes),
            Message::Text(text) => all.extend_from_slice(text.as_bytes()),
            Message::Close(_) => break,
            _ => {}
        }
    }
    all
}

async fn schedule(number: u64, tmux: &Tmux, site: &Site) {
    let deed = DEEDS[(number % DEEDS.len() as u64) as usize];
    let actor = sign_in(site, &link(site)).await;
    let other = sign_in(site, &link(site)).await;
    let name = format!("n{number}");
    let mark = format!("after-{number}-");
    match deed {
        Deed::Rename | Deed::End => {
            tmux.must(&["new-session", "-d", "-s", &name, "cat"]);
        }
        _ => {}
    }
    let sent = AtomicU64::new(0);
    let act = async {
        match deed {
            Deed::Create => {
                post(
                    site,
                    "/api/sessions",
                    Some(&actor),
                    json!({"name": name, "command": "cat"}),
                )
                .await;
            }
            Deed::Rename => {
                let to = json!({"name": format!("r{number}")});
                send(
                    site,
                    "PATCH",
                    &format!("/api/sessions/{name}"),
                    Some(&actor),
                    to,
                )
                .await;
            }
            Deed::End => {
                send(
                    site,
                    "DELETE",
                    &format!("/api/sessions/{name}"),
                    Some(&actor),
                    json!({}),
                )
                .await;
            }
            Deed::Share => {
                post(site, "/api/shares", Some(&actor), json!({"session": "a"})).await;
            }
            Deed::Socket | Deed::OpenSocket => {
                let mut socket = watch(site, "a", &actor).await;
                if matches!(deed, Deed::OpenSocket) {
                    let _ = socket.next().await;
                }
                // As fast as it goes, until it is closed.
                for word in 0..WORDS {
                    sent.store(word, Ordering::SeqCst);
                    let typed = format!("w{word}. ").into_bytes();
                    if socket.send(Message::Binary(typed.into())).await.is_err() {
                        break;
                    }
                    sleep(Duration::from_micros(200)).await;
                }
                let seen = rest(&mut socket).await;
                assert!(
                    !find(&seen, &mark),
                    "schedule {number}: it was shown what came after"
                );
            }
            Deed::Events => {
                let mut stream = site.connect().await;
                let bearer = format!("Authorization: Bearer {actor}");
                let head = site.head("GET /api/events", &[&bearer]);
                stream.write_all(head.as_bytes()).await.unwrap();
                let mut seen = Vec::new();
                // Its last chunk, or the connection's end.
                while !seen.ends_with(b"0\r\n\r\n") {
                    match timeout(http::PATIENCE, stream.read_buf(&mut seen)).await {
                        Ok(Ok(1..)) => {}
                        _ => break,
                    }
                }
                assert!(
                    !find(&seen, &mark),
                    "schedule {number}: it was told what came after"
                );
            }
        }
    };
    let revoke = async {
        everybody_out(site, &other).await;
        let then = (sessions(tmux), sent.load(Ordering::SeqCst));
        // What comes out from now on has a mark, and nothing may come in.
        tmux.must(&["set-option", "-t", "a", "status-left", &mark]);
        tmux.must(&["new-session", "-d", "-s", &mark, "cat"]);
        tmux.must(&["kill-session", "-t", &format!("={mark}")]);
        then
    };
    let ((), (before, last)) = tokio::join!(act, revoke);
    assert_eq!(
        sessions(tmux),
        before,
        "schedule {number}: {deed:?} acted afterwards"
    );
    // The word being sent in that moment may have come before; none later can have.
    let typed = tmux.must(&["capture-pane", "-p", "-J", "-t", "a:"]);
    for word in last + 1..WORDS {
        let late = typed.contains(&format!("w{word}."));
        assert!(
            !late,
            "schedule {number}: word {word} after {last}\n{typed}"
        );
    }
    let owner = sign_in(site, &link(site)).await;
    let shares = get(site, "/api/shares", &owner).await;
    assert_eq!(
        shares.body.trim(),
        "[]",
        "schedule {number}: a share came afterwards"
    );
    if matches!(deed, Deed::Create | Deed::Rename | Deed::End) {
        for name in [name, format!("r{number}")] {
            if sessions(tmux).contains(&name) {
                tmux.must(&["kill-session", "-t", &format!("={name}")]);
            }
        }
    }
    if matches!(deed, Deed::Socket | Deed::OpenSocket) {
        tmux.must(&["respawn-pane", "-k", "-t", "a:", "cat"]);
    }
}

fn find(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_happens_by_what_was_revoked_before() {
    let seed = std::env::var("MUXVIEW_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("MUXVIEW_SEED={seed}");
    STATE.store(seed, Ordering::Relaxed);
    interleave::install(held);
    let tmux = Tmux::started();
    tmux.must(&["respawn-pane", "-k", "-t", "a:", "cat"]);
    let site = site(&tmux).await;
    let mut took = BTreeMap::new();
    for number in 0..crate::support::soak(SCHEDULES.0, SCHEDULES.1) {
        let began = std::time::Instant::now();
        schedule(number, &tmux, &site).await;
        *took
            .entry(number % DEEDS.len() as u64)
            .or_insert(Duration::ZERO) += began.elapsed();
    }
    println!("{took:?}");
    let points = POINTS.lock().unwrap().clone();
    println!("{points:?}");
    for point in [
        "admitted",
        "read",
        "found",
        "change",
        "upgraded",
        "sought",
        "joined",
        "connected",
        "heard",
        "event",
        "ordered",
    ] {
        assert!(points.contains_key(point), "nothing was held up at {point}");
    }
    site.service.stop().await;
}
