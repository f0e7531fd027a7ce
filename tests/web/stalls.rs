//! A tmux that is stopped: it is known at once, and what was refused meanwhile does not happen later.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::signed::{link, post, send, sign_in, site, watch};
use crate::tmux::{Tmux, until};
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::tmux::{Error, NewSession, Server, SessionId};
use serde_json::json;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message;

/// How soon it must be known.
const KNOWN: Duration = Duration::from_secs(3);

fn signal(pid: &str, name: &str) {
    let sent = std::process::Command::new("kill")
        .args([name, pid])
        .status();
    assert!(sent.unwrap().success());
}

fn windows(tmux: &Tmux) -> String {
    tmux.must(&[
        "list-windows",
        "-a",
        "-F",
        "#{session_name} #{window_id} #{window_active}",
    ])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_tmux_is_known_and_does_later_nothing_that_was_refused() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    tmux.must(&["new-window", "-t", "a:", "cat"]);
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let ready = async || site.ask("GET /readyz", &[], "").await.status;
    until("tmux to answer", async || ready().await == 200).await;
    let mut driver = watch(&site, "a", &owner).await;
    while !matches!(driver.next().await, Some(Ok(Message::Binary(_)))) {}
    let before = windows(&tmux);
    let pid = tmux.must(&["display-message", "-p", "#{pid}"]);

    for _ in 0..3 {
        signal(&pid, "-STOP");
        let stopped = Instant::now();
        let new = Message::text(json!({"type": "window", "do": "new"}).to_string());
        driver.send(new).await.unwrap();
        let bearer = Some(&*owner);
        let (known, created, renamed, ended) = tokio::join!(
            async {
                until("it to be known", async || ready().await == 503).await;
                stopped.elapsed()
            },
            post(&site, "/api/sessions", bearer, json!({"name": "late"})),
            send(
                &site,
                "PATCH",
                "/api/sessions/a",
                bearer,
                json!({"name": "late"})
            ),
            send(&site, "DELETE", "/api/sessions/b", bearer, json!({})),
        );
        assert!(known < KNOWN, "{known:?}");
        for answer in [created, renamed, ended] {
            assert_eq!(answer.status, 503, "{answer:?}");
            assert!(!answer.body.contains("may still"), "{answer:?}");
        }
        loop {
            let Some(Ok(message)) = driver.next().await else {
                panic!("closed");
            };
            if message
                .to_text()
                .is_ok_and(|text| text.contains("\"passing\":true"))
            {
                break;
            }
        }
        signal(&pid, "-CONT");
        until("tmux to answer again", async || ready().await == 200).await;
        // Answered after all that was sent before.
        assert_eq!(windows(&tmux), before);
    }
    site.service.stop().await;
}

#[tokio::test]
async fn a_tmux_that_stops_between_answer_and_change_may_still_do_it() {
    let tmux = Tmux::started();
    let pid = tmux.must(&["display-message", "-p", "#{pid}"]);
    let program = tmux.dir.path().join("stops");
    let script =
        format!("#!/bin/sh\ncase \"$*\" in *late*) kill -STOP {pid};; esac\nexec tmux \"$@\"\n");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::with_program(program, tmux.socket());
    until("tmux to answer", async || server.sessions().await.is_ok()).await;
    let new = NewSession {
        name: "late".parse().unwrap(),
        command: None,
        cwd: None,
        size: None,
    };
    let created = server.create(new).await;
    assert!(matches!(created, Err(Error::Unsure { .. })), "{created:?}");
    signal(&pid, "-CONT");
    until("it to happen", async || {
        tmux.must(&["list-sessions", "-F", "#{session_name}"])
            .contains("late")
    })
    .await;
    let renamed = server.rename(SessionId(0), &"later".parse().unwrap()).await;
    let said = renamed.unwrap_err().to_string();
    assert!(
        said.contains("rename the session") && said.contains("may still"),
        "{said}"
    );
    signal(&pid, "-CONT");
}
