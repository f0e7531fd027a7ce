//! SIGHUP: another image of the program takes over in place, and nobody who watches notices.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::raw::{Got, Target, frame, input, openings, ping, say};
use crate::support::typist::{Typists, listener, typed};
use crate::support::{Raw, Service, Tmux, process, soak, until};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Instant;

/// Sends SIGHUP and waits until every one of them has been opened by yet another instance.
async fn reload(service: &Service, viewers: &[Raw], times: usize) {
    process::signal(service.pid(), "HUP");
    for viewer in viewers {
        viewer.opened(times).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_typed_is_lost_doubled_or_reordered() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let unix = tmux.dir().join("muxview");
    let listen = format!("unix:{}", unix.display());
    let started = Instant::now();
    let mut service = Service::start_with(&tmux, &["--listen", &listen]);
    let start_up = started.elapsed();
    let targets = [Target::Tcp(service.port), Target::Unix(unix)];
    let (viewers, times) = (soak(20, 200), soak(3, 10));
    let typists = Typists::begin(&targets, viewers).await;
    let mut watchers = vec![];
    for target in &targets {
        let watcher = Raw::join(target, "main", "role=view").await;
        watcher.opened(1).await;
        watchers.push(watcher);
    }
    for time in 0..times {
        reload(&service, &watchers, time + 2).await;
    }
    assert!(service.alive());
    let told = typists.end(&file, times + 1).await;
    println!(
        "{told} {:.1} times the start-up",
        told.in_units_of(start_up)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_be_cut_anywhere() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let service = Service::start(&tmux);
    let target = Target::Tcp(service.port);
    // The line in two fragments with a ping of each kind between, and a message right behind.
    let message = |name: usize| {
        let line = format!("{name:03} in two parts\n");
        let (one, two) = line.as_bytes().split_at(7);
        [
            frame(0x02, one),
            frame(0x89, b"between"),
            frame(0x80, two),
            input(format!("{name:03} behind\n").as_bytes()),
            ping(9),
        ]
        .concat()
    };
    let whole = message(0).len();
    let mut viewers = vec![];
    for _ in 0..whole {
        viewers.push(Raw::join(&target, "main", "").await);
    }
    for (at, viewer) in viewers.iter_mut().enumerate() {
        viewer.opened(1).await;
        // The pong says that what comes behind has been read with its ping: it was one write.
        viewer
            .write(&[&ping(1)[..], &message(at)[..at]].concat())
            .await;
        viewer.ponged(1).await;
    }
    reload(&service, &viewers, 2).await;
    for (at, viewer) in viewers.iter_mut().enumerate() {
        let further = (at + 5).min(whole);
        viewer.write(&message(at)[at..further]).await;
    }
    reload(&service, &viewers, 3).await;
    for (at, viewer) in viewers.iter_mut().enumerate() {
        let further = (at + 5).min(whole);
        viewer.write(&message(at)[further..]).await;
        viewer.ponged(9).await;
        let pongs = viewer.log().into_iter();
        let pongs = pongs
            .filter(|got| *got == Got::Pong(b"between".to_vec()))
            .count();
        assert_eq!(pongs, 1, "cut at {at}: {}", viewer.story());
    }
    let mut lines = typed(&file, 2 * whole).await;
    lines.sort();
    let wanted = (0..whole).flat_map(|name| {
        [
            format!("{name:03} behind"),
            format!("{name:03} in two parts"),
        ]
    });
    assert_eq!(lines, wanted.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_misses_nothing_of_a_frame() {
    let tmux = Tmux::without_server();
    // So many colours that one repaint is larger than what the kernel keeps for a client.
    let paint = "i=0; while [ $i -lt 40000 ]; do printf '\\033[38;5;%dm%d' $((i%256)) $((i%10)); i=$((i+1)); \
                 done; printf '\\033[m'; tmux wait-for -S painted; exec cat";
    tmux.session_running("main", 400, 101, paint);
    tmux.wait_for("painted").await;
    until("all of it to be painted", async || {
        let at = tmux.format("main", "#{cursor_y}");
        if at == "99" { Ok(()) } else { Err(at) }
    })
    .await;
    let unix = tmux.dir().join("muxview");
    let listen = format!("unix:{}", unix.display());
    let service = Service::start_with(&tmux, &["--listen", &listen]);
    let mut lazy = vec![];
    for target in [Target::Tcp(service.port), Target::Unix(unix)] {
        let mut raw = Raw::join(&target, "main", "role=view").await;
        raw.opened(1).await;
        raw.pause(true);
        for id in 0..4 {
            raw.write(&say(&serde_json::json!({"type": "repaint"})))
                .await;
            raw.write(&ping(id)).await;
        }
        lazy.push(raw);
    }
    let awake = Raw::join(&Target::Tcp(service.port), "main", "role=view").await;
    awake.opened(1).await;
    let largest = awake.log().into_iter().filter_map(|got| match got {
        Got::Binary(bytes) => Some(bytes.len()),
        _ => None,
    });
    assert!(largest.max() > Some(300_000), "{}", awake.story());
    let awake = [awake];
    reload(&service, &awake, 2).await;
    reload(&service, &awake, 3).await;
    let fresh = Raw::join(&Target::Tcp(service.port), "main", "role=view").await;
    fresh.opened(1).await;
    let picture = fresh.log().into_iter().find_map(|got| match got {
        Got::Binary(bytes) => Some(bytes),
        _ => None,
    });
    for raw in &mut lazy {
        raw.pause(false);
        raw.wait("what a fresh viewer sees", |log| {
            let hello = |got: &Got| matches!(got, Got::Text(text) if text["type"] == "hello");
            let last = log.iter().rposition(hello)?;
            let (hellos, opened) = (log.iter().filter(|got| hello(got)), openings(log).len());
            let mut after = log[last..].iter();
            let same = after
                .any(|got| matches!(got, Got::Binary(bytes) if Some(bytes) == picture.as_ref()));
            (hellos.count() == 3 && opened >= 2 && same).then_some(())
        })
        .await;
        raw.write(&ping(77)).await;
        raw.ponged(77).await;
    }
}

/// Puts a program where muxview is called by.
fn install(at: &Path, script: &str) {
    let new = at.with_extension("new");
    let _ = std::fs::remove_file(&new);
    if script.is_empty() {
        symlink(env!("CARGO_BIN_EXE_muxview"), &new).unwrap();
    } else {
        std::fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    std::fs::rename(&new, at).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_cannot_go_on_is_not_started() {
    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let program = tmux.dir().join("muxview");
    install(&program, "");
    let mut service = Service::start_at(&tmux, &program, &[]);
    let mut viewers = [Raw::join(&Target::Tcp(service.port), "main", "").await];
    viewers[0].opened(1).await;
    let said = async |service: &Service, what: &str| {
        until(what, async || {
            let log = service.log();
            if log.contains(what) { Ok(()) } else { Err(log) }
        })
        .await;
    };

    install(
        &program,
        "echo 'muxview: this option is no more' >&2; exit 2",
    );
    process::signal(service.pid(), "HUP");
    said(&service, "this option is no more").await;
    std::fs::remove_file(&program).unwrap();
    process::signal(service.pid(), "HUP");
    said(&service, "No such file").await;
    viewers[0].write(&input(b"goes on\n")).await;
    typed(&file, 1).await;
    assert_eq!(
        openings(&viewers[0].log()).len(),
        1,
        "{}",
        viewers[0].story()
    );

    // It checks well and cannot be executed: the old one goes on with its own viewers.
    let once = tmux.dir().join("once");
    install(
        &program,
        &format!("rm {}; touch {}; exit 0", program.display(), once.display()),
    );
    process::signal(service.pid(), "HUP");
    said(&service, "so this process goes on").await;
    assert!(once.exists());
    viewers[0]
        .write(&[input(b"goes on and on\n"), ping(5)].concat())
        .await;
    viewers[0].ponged(5).await;
    typed(&file, 2).await;
    assert!(service.alive());

    // The path counts, not the file this process was started from.
    let log = tmux.dir().join("starts");
    let real = env!("CARGO_BIN_EXE_muxview");
    install(
        &program,
        &format!("echo \"$1\" >> {}; exec {real} \"$@\"", log.display()),
    );
    process::signal(service.pid(), "HUP");
    viewers[0]
        .wait("another instance", |log| {
            let instance = |got: &Got| match got {
                Got::Text(text) if text["type"] == "hello" => Some(text["instance"].clone()),
                _ => None,
            };
            let mut instances: Vec<_> = log.iter().filter_map(instance).collect();
            instances.dedup();
            (instances.len() == 2).then_some(())
        })
        .await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "check\nserve\n");
    assert!(service.alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_piles_up() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    listener(&tmux, "other");
    let unix = tmux.dir().join("muxview");
    let listen = format!("unix:{}", unix.display());
    let service = Service::start_with(&tmux, &["--listen", &listen]);
    let target = Target::Tcp(service.port);
    let viewers = [
        Raw::join(&target, "main", "cols=80&rows=24").await,
        Raw::join(&Target::Unix(unix.clone()), "main", "role=view").await,
        Raw::join(&target, "other", "cols=80&rows=24").await,
    ];
    for viewer in &viewers {
        viewer.opened(1).await;
    }
    let pid = service.pid();
    // (descriptors, children, tmux clients)
    let now = || {
        (
            process::descriptors(pid),
            process::children(pid).len(),
            tmux.clients().len(),
        )
    };
    let mut first = None;
    for time in 0..soak(20, 100) {
        reload(&service, &viewers, time + 2).await;
        if time == 0 {
            first = Some(
                until("rest", async || {
                    let before = now();
                    tokio::time::sleep(10 * crate::support::LOOK_AGAIN).await;
                    // Two clients, one for each session; the control connection is no child.
                    if before == now() && before.1 == 2 {
                        Ok(before)
                    } else {
                        Err(format!("{before:?}"))
                    }
                })
                .await,
            );
        }
    }
    until("nothing more than after the first time", async || {
        if Some(now()) == first {
            Ok(())
        } else {
            Err(format!("{:?}, first {first:?}", now()))
        }
    })
    .await;
    // The socket's file is still there, and goes with the process.
    drop(Raw::join(&Target::Unix(unix.clone()), "main", "role=view").await);
    let mut service = service;
    assert_eq!(service.terminate().await, Some(0), "{}", service.log());
    assert!(!unix.exists());
    for viewer in &viewers {
        assert_eq!(viewer.closed().await.0, 1012);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_had_the_size_keeps_it() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let service = Service::start(&tmux);
    let target = Target::Tcp(service.port);
    let mut viewers = vec![];
    for query in ["cols=80&rows=24", "cols=100&rows=30", "cols=120&rows=40"] {
        let viewer = Raw::join(&target, "main", query).await;
        viewer.opened(1).await;
        viewers.push(viewer);
    }
    viewers[1].write(&input(b"mine\n")).await;
    let size = async |wanted: &str| {
        until(wanted, async || {
            let size = tmux.format("main", "#{window_width}x#{window_height}");
            if size == wanted { Ok(()) } else { Err(size) }
        })
        .await;
    };
    size("100x29").await;
    reload(&service, &viewers, 2).await;
    size("100x29").await;
    // Never another size in between: each viewer was told one size by each process since.
    for viewer in &viewers {
        let log = viewer.log();
        let hello = |got: &Got| matches!(got, Got::Text(text) if text["type"] == "hello");
        let last = log.iter().rposition(hello).unwrap();
        let sizes: Vec<_> = log[last..]
            .iter()
            .filter_map(|got| match got {
                Got::Text(text) if text["type"] == "size" => {
                    Some((text["cols"].clone(), text["rows"].clone()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(sizes, [(100.into(), 30.into())], "{}", viewer.story());
    }
    // Ack totals go on where they were: what was sent before counts.
    let total: usize = viewers[0]
        .log()
        .iter()
        .map(|got| match got {
            Got::Binary(bytes) => bytes.len(),
            _ => 0,
        })
        .sum();
    viewers[0]
        .write(&say(&serde_json::json!({"type": "ack", "bytes": total})))
        .await;
    viewers[0]
        .write(&say(&serde_json::json!({"type": "repaint"})))
        .await;
    viewers[0].write(&ping(3)).await;
    viewers[0].ponged(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_detached_client_asks_for_nothing() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let service = Service::start(&tmux);
    let viewers = [Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await];
    viewers[0].opened(1).await;
    let pids = || tmux.cmd(&["list-clients", "-F", "#{client_pid}"]);
    let before = pids();
    // tmux has it send a SIGHUP to its parent, which is muxview.
    tmux.cmd(&["detach-client", "-P", "-t", &tmux.clients()[0]]);
    until("the signal to be passed over", async || {
        let log = service.log();
        if log.contains("is passed over") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
    until("another client", async || {
        let after = pids();
        if after.lines().count() == before.lines().count() && after != before {
            Ok(())
        } else {
            Err(format!("{after}, before {before}"))
        }
    })
    .await;
    assert!(
        !service.log().contains("asked to reload"),
        "{}",
        service.log()
    );
    reload(&service, &viewers, 2).await;
}
