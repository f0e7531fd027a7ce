//! SIGTERM under a service manager that keeps descriptors: its next muxview goes on with everybody.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::raw::{Target, input, openings, ping};
use crate::support::typist::{Typists, listener, typed};
use crate::support::{Manager, Raw, Tmux, process, soak, until};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const REAL: &str = env!("CARGO_BIN_EXE_muxview");

async fn viewers(port: u16, session: &str, count: usize) -> Vec<Raw> {
    let mut viewers = vec![];
    for _ in 0..count {
        let viewer = Raw::join(&Target::Tcp(port), session, "cols=80&rows=24").await;
        viewer.opened(1).await;
        viewers.push(viewer);
    }
    viewers
}

fn script(tmux: &Tmux, text: &str) -> PathBuf {
    let path = tmux.dir().join("script");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_a_restart() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    let started = Instant::now();
    manager.serve(&tmux).await;
    let start_up = started.elapsed();
    let (count, times) = (soak(20, 200), soak(3, 10));
    let typists = Typists::begin(&[Target::Tcp(manager.port)], count).await;
    let watchers = viewers(manager.port, "main", 2).await;
    for time in 0..times {
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        // All viewers, and the session's client.
        let kept = (manager.kept("c"), manager.kept("state"));
        assert_eq!(kept, (count + 2 + 1, 1));
        manager.serve(&tmux).await;
        for watcher in &watchers {
            watcher.opened(time + 2).await;
        }
        assert_eq!((manager.kept("c"), manager.kept("state")), (0, 0));
    }
    let told = typists.end(&file, times + 1).await;
    println!(
        "{told} {:.1} times the start-up",
        told.in_units_of(start_up)
    );
    let descriptors = process::descriptors(manager.pid());
    drop(watchers);
    // Nobody claims a size then, which one more client of tmux guards, with two descriptors.
    until("closed sockets to be closed", async || {
        let now = process::descriptors(manager.pid());
        let clients = tmux.cmd(&["list-clients", "-F", "#{client_flags}"]);
        let guarded = clients.contains("control-mode");
        if guarded && now - 2 <= descriptors - 2 {
            Ok(())
        } else {
            Err(format!("{now} of {descriptors}; {clients}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_last_arrives() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let mut viewers = viewers(manager.port, "main", 1).await;
    let mut sent = vec![];
    for round in 0..soak(5, 50) {
        // More than tmux reads at once; the pong says that it is on its way.
        let lines: Vec<String> = (0..40)
            .map(|n| format!("{round} {n} {}", "x".repeat(1000)))
            .collect();
        for line in &lines {
            viewers[0]
                .write(&input(format!("{line}\n").as_bytes()))
                .await;
        }
        viewers[0].write(&ping(round)).await;
        viewers[0].ponged(round).await;
        sent.extend(lines);
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        assert_eq!(typed(&file, sent.len()).await, sent);
        manager.serve(&tmux).await;
        viewers[0].opened(round as usize + 2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_escape_typed_last_is_no_exception() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let mut viewers = viewers(manager.port, "main", 1).await;
    viewers[0]
        .write(&[input(b"a"), input(b"\x1b"), ping(1)].concat())
        .await;
    viewers[0].ponged(1).await;
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    manager.serve(&tmux).await;
    viewers[0].write(&input(b"b\n")).await;
    assert_eq!(typed(&file, 1).await, ["a\x1bb"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_does_not_start_leaves_them_to_one_that_does() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let mut viewers = viewers(manager.port, "main", 3).await;
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    let broken = script(&tmux, "exit 3");
    for _ in 0..2 {
        manager.start(&tmux, &broken, &[]);
        assert_eq!(manager.ended().await, Some(3));
    }
    // Nor does one that is told something it does not know.
    manager.start(&tmux, Path::new(REAL), &["--auth", "nobody"]);
    assert_eq!(manager.ended().await, Some(2), "{}", manager.log());
    manager.serve(&tmux).await;
    for (number, viewer) in viewers.iter_mut().enumerate() {
        viewer.opened(2).await;
        viewer.write(&input(format!("{number}\n").as_bytes())).await;
    }
    typed(&file, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_not_understood_sends_them_away() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let changes: [fn(&Manager); 4] = [
        |manager| manager.change_state(|state| state[19] = 99),
        |manager| manager.change_state(|state| state.truncate(state.len() - 1)),
        |manager| manager.change_state(Vec::clear),
        |manager| manager.drop_kept("state"),
    ];
    for change in changes {
        let viewers = viewers(manager.port, "main", 3).await;
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        change(&manager);
        manager.serve(&tmux).await;
        for viewer in &viewers {
            let (code, reason) = viewer.closed().await;
            assert_eq!(
                (code, reason.as_str()),
                (1012, "spread=200"),
                "{}",
                viewer.story()
            );
        }
        assert_eq!((manager.kept("c"), manager.kept("state")), (0, 0));
    }
    assert!(
        manager.log().contains("it has version 99"),
        "{}",
        manager.log()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changed_meanwhile_counts() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    listener(&tmux, "ends");
    listener(&tmux, "again");
    listener(&tmux, "renamed");
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let mut sessions = vec![];
    for session in ["main", "ends", "again", "renamed"] {
        sessions.push(viewers(manager.port, session, 1).await.remove(0));
    }
    let gone = viewers(manager.port, "main", 1).await;
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    drop(gone);
    tmux.cmd(&["kill-session", "-t", "ends"]);
    tmux.cmd(&["kill-session", "-t", "again"]);
    tmux.cmd(&["rename-session", "-t", "renamed", "other"]);
    let file = tmux.dir().join("again.again");
    tmux.session_running("again", 80, 24, &format!("exec cat > {}", file.display()));
    manager.serve(&tmux).await;
    for viewer in [&sessions[0], &sessions[2], &sessions[3]] {
        viewer.opened(2).await;
    }
    let (code, reason) = sessions[1].closed().await;
    assert_eq!(code, 4410, "{reason}");
    sessions[2].write(&input(b"to the new one\n")).await;
    typed(&file, 1).await;
    let hello = |viewer: &Raw| {
        viewer.log().into_iter().rev().find_map(|got| match got {
            crate::support::raw::Got::Text(text) if text["type"] == "hello" => {
                Some(text["session"]["name"].clone())
            }
            _ => None,
        })
    };
    assert_eq!(hello(&sessions[3]), Some("other".into()));
    // Who hung up is not there any more.
    until("four to be left", async || {
        let log = manager.log();
        if log.contains("viewers=5 refused=0") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
}

/// What a link gives to who opens it.
async fn sign_in(port: u16, link: &str) -> String {
    let body = format!(r#"{{"t":"{link}"}}"#);
    let request = format!(
        "POST /api/sign-in HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, rest) = answer.split_once("\"credential\":\"").expect(&answer);
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signed_in_with_another_secret_is_asked_again() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    manager.start(&tmux, Path::new(REAL), &["--auth", "token"]);
    manager.told("READY=1").await;
    let vault = muxview::state_dir::Vault::open(Some(manager.state_dir())).unwrap();
    let credential = sign_in(manager.port, &vault.link().unwrap()).await;
    let bearer = format!("Authorization: Bearer {credential}\r\n");
    let target = Target::Tcp(manager.port);
    let viewer = Raw::signed_in(&target, "main", "cols=80&rows=24", &bearer).await;
    viewer.opened(1).await;
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    manager.start(&tmux, Path::new(REAL), &["--auth", "token"]);
    manager.told("READY=1").await;
    viewer.opened(2).await;
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    std::fs::remove_file(manager.state_dir().join("keys")).unwrap();
    manager.start(&tmux, Path::new(REAL), &["--auth", "token"]);
    manager.told("READY=1").await;
    assert_eq!(viewer.closed().await.0, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_as_many_as_the_manager_keeps() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    for (room, kept, client) in [("0", 0, 0), ("1", 0, 0), ("3", 2, 0), ("4096", 5, 1)] {
        manager.variables = vec![("FDSTORE".to_owned(), room.to_owned())];
        manager.serve(&tmux).await;
        let mut viewers = viewers(manager.port, "main", 5).await;
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        assert_eq!(manager.kept("c"), kept + client);
        manager.serve(&tmux).await;
        let mut closed = 0;
        for viewer in &mut viewers {
            let went_on = viewer.wait("one or the other", |log| {
                let hellos = log.iter().filter(
                    |got| matches!(got, crate::support::raw::Got::Text(text) if text["type"] == "hello"),
                );
                let ended = log.iter().find_map(|got| match got {
                    crate::support::raw::Got::Closed(code, _) => Some(*code),
                    crate::support::raw::Got::End => Some(1006),
                    _ => None,
                });
                if hellos.count() == 2 {
                    Some(None)
                } else {
                    ended.map(Some)
                }
            });
            match went_on.await {
                None => {
                    viewer.opened(2).await;
                    viewer.write(&ping(1)).await;
                    viewer.ponged(1).await;
                    assert_eq!(openings(&viewer.log()).len(), 2);
                }
                Some(code) => {
                    assert_eq!(code, 1012, "{}", viewer.story());
                    closed += 1;
                }
            }
        }
        assert_eq!(closed, 5 - kept);
        drop(viewers);
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        manager.drop_kept("c");
        manager.drop_kept("state");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_outlives_its_client_that_is_killed_with_us() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    tmux.session("other", 80, 24);
    let mut manager = Manager::new(&tmux);
    manager.serve(&tmux).await;
    let mut viewers = viewers(manager.port, "main", 1).await;
    tmux.cmd(&["set-option", "-t", "main", "destroy-unattached", "on"]);
    let server = tmux.pid();
    // With its terminal kept, and without: as a manager does that watches what it keeps.
    for (round, kept) in [true, false].into_iter().enumerate() {
        let attached = || {
            let format = "#{client_control_mode} #{client_pid}";
            let clients = tmux.cmd(&["list-clients", "-t", "main", "-F", format]);
            let clients = clients.lines().filter_map(|line| line.strip_prefix("0 "));
            clients.collect::<String>()
        };
        let clients = attached();
        assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
        assert_eq!(attached(), clients, "it lives on");
        // What a manager does that ends all processes of the service.
        process::signal(clients.parse().unwrap(), "KILL");
        until("the client to be gone", async || {
            let now = attached();
            if now.is_empty() { Ok(()) } else { Err(now) }
        })
        .await;
        if !kept {
            manager.drop_terminals();
        }
        manager.serve(&tmux).await;
        viewers[0].opened(round + 2).await;
        let line = format!("{round}\n");
        viewers[0].write(&input(line.as_bytes())).await;
        typed(&file, round + 1).await;
        assert_eq!(tmux.pid(), server);
    }
}
