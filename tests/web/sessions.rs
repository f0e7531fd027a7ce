//! Sessions by name while names change hands: who asks by a name means the session that has it now,
//! and who changes something finds it changed.

use crate::tmux;

use crate::http::{Answer, PATIENCE, Site, Upgrade};
use crate::tmux::Tmux;
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::config::limits::RESEAT;
use muxview::config::{self, Auth};
use serde_json::{Value, json};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// Often enough for a listing that lags to be met.
const ROUNDS: u32 = 10;

async fn site(tmux: &Tmux) -> Site {
    Site::open_with(Auth::None, |config| {
        config.tmux = config::Tmux::Name(tmux.name.clone());
    })
    .await
}

async fn change(site: &Site, line: &str, body: Value) -> Answer {
    let body = body.to_string();
    let length = format!("Content-Length: {}", body.len());
    site.ask(line, &["Content-Type: application/json", &length], &body)
        .await
}

async fn names(site: &Site) -> Vec<String> {
    let list = site.ask("GET /api/sessions", &[], "").await;
    assert_eq!(list.status, 200, "{list:?}");
    let list = list.json();
    let rows = list.as_array().expect("a list").iter();
    rows.map(|row| row["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changes_something_finds_it_changed() {
    let tmux = Tmux::none();
    let site = site(&tmux).await;
    for _ in 0..ROUNDS {
        // The first session starts the server, and the last one ends it.
        for (name, then) in [("one", vec!["one"]), ("two", vec!["one", "two"])] {
            let new = json!({"name": name, "command": "cat"});
            let made = change(&site, "POST /api/sessions", new).await;
            assert_eq!(made.status, 201, "{made:?}");
            assert_eq!(names(&site).await, then);
        }
        let renamed = change(&site, "PATCH /api/sessions/one", json!({"name": "three"})).await;
        assert_eq!(renamed.status, 200, "{renamed:?}");
        assert_eq!(names(&site).await, ["three", "two"]);
        for (name, then) in [("three", vec!["two"]), ("two", vec![])] {
            let ended = change(&site, &format!("DELETE /api/sessions/{name}"), json!({})).await;
            assert_eq!(ended.status, 204, "{ended:?}");
            assert_eq!(names(&site).await, then);
        }
    }
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_meets_only_the_session_that_has_the_name_now() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    for round in 0..ROUNDS {
        tmux.must(&["new-session", "-d", "-s", "old", "cat"]);
        tmux::until("the list to have it", async || {
            names(&site).await.contains(&"old".to_owned())
        })
        .await;
        let new = format!("new{round}");
        tmux.must(&["rename-session", "-t", "=old", &new]);
        let renamed = change(&site, "PATCH /api/sessions/old", json!({"name": "x"})).await;
        assert_eq!(renamed.status, 404, "{renamed:?}");
        tmux.must(&["rename-session", "-t", &format!("={new}"), "old"]);
        tmux::until("the list to have it again", async || {
            names(&site).await.contains(&"old".to_owned())
        })
        .await;
        tmux.must(&["rename-session", "-t", "=old", &new]);
        let ended = change(&site, "DELETE /api/sessions/old", json!({})).await;
        assert_eq!(ended.status, 404, "{ended:?}");
        tmux.must(&["kill-session", "-t", &format!("={new}")]);
    }
    site.service.stop().await;
}

type Socket = WebSocketStream<TcpStream>;

/// Opens a socket and waits for its first picture.
async fn joined(site: &Site) -> Socket {
    let path = "/s/b/ws?cols=80&rows=24";
    let upgrade = site.upgrade(path, &["Sec-WebSocket-Protocol: muxview.v1"]);
    let Upgrade::Open(_, mut socket) = upgrade.await else {
        panic!("an upgrade")
    };
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await;
        match message.expect("a message in time") {
            Some(Ok(Message::Binary(_))) => return socket,
            Some(Ok(Message::Text(_) | Message::Ping(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_started_again_under_its_name_is_found_at_once() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    for _ in 0..ROUNDS {
        tmux::until("the list to have it", async || {
            names(&site).await.contains(&"b".to_owned())
        })
        .await;
        tmux.must(&[
            "kill-session",
            "-t",
            "=b",
            ";",
            "new-session",
            "-d",
            "-s",
            "b",
            "cat",
        ]);
        // The bridge of the next round still runs, or has just ended.
        drop(joined(&site).await);
    }
    site.service.stop().await;
}

/// A session `b` made anew, and its id.
fn anew(tmux: &Tmux) -> String {
    let killed = ["kill-session", "-t", "=b", ";"];
    let made = ["new-session", "-d", "-s", "b", "-P", "-F", "#{session_id}"];
    tmux.must(&[&killed[..], &made[..], &["cat"]].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_of_a_session_made_anew_meanwhile_moves_on_to_it() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    // On a machine that is too slow for it, a round shows nothing.
    tmux::until("a round that was fast enough", async || {
        tmux::until("the list to have it", async || {
            names(&site).await.contains(&"b".to_owned())
        })
        .await;
        let began = Instant::now();
        let mut socket = joined(&site).await;
        let id = anew(&tmux);
        if began.elapsed() >= RESEAT / 2 {
            return false;
        }
        let mut hello = None;
        loop {
            let message = tokio::time::timeout(PATIENCE, socket.next()).await;
            match message.expect("a message in time") {
                Some(Ok(Message::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).expect("JSON");
                    if said["type"] == "hello" {
                        hello = Some(said["session"].clone());
                    }
                }
                Some(Ok(Message::Binary(frame))) if hello.is_some() => {
                    assert!(frame.starts_with(b"\x1bc"), "a repaint");
                    break;
                }
                Some(Ok(Message::Binary(_) | Message::Ping(_))) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(hello, Some(json!({"id": id, "name": "b"})));
        let typed = socket.send(Message::binary(&b"typed"[..])).await;
        typed.expect("sent");
        tmux::until("the keys to get there", async || {
            let said = tmux.must(&["capture-pane", "-p", "-t", "=b:"]);
            said.contains("typed")
        })
        .await;
        true
    })
    .await;
    site.service.stop().await;
}
