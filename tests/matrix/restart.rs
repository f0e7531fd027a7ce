//! muxview keeps nothing that a restart would miss.

use crate::support::raw::{Got, Target, ping, say};
use crate::support::{Event, Join, Raw, Scene, Service, Tmux, Viewer, Xterm, process, until};
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

scenarios![
    killed_and_started_again,
    ended_by_sigterm,
    started_before_any_session,
    killed_it_leaves_no_client_behind,
    a_new_image_shows_the_same_picture_and_modes,
    what_is_printed_meanwhile_is_shown,
    a_new_image_measures_no_widths_again,
];

async fn killed_and_started_again() {
    let mut scene = Scene::open(80, 24).await;
    scene
        .run("clear; printf '\\033[44mstays 漢\\033[K\\033[m\\n'; echo READY")
        .await;
    let meant = scene.same("before", |p| p.contains("READY\n")).await;
    scene.service.kill();
    let (code, _) = scene.live.closed().await;
    assert_eq!(code, 1006, "the connection just ends");
    until("our clients to leave tmux", async || {
        let clients = scene.tmux.clients();
        if clients.len() == 1 {
            Ok(())
        } else {
            Err(format!("{clients:?}"))
        }
    })
    .await;
    scene.service.restart(&scene.tmux);
    let again = Viewer::join(
        &scene.service,
        &scene.xterm,
        "main",
        Join {
            resume: true,
            ..Join::driver(80, 24)
        },
    )
    .await;
    again.opened().await;
    again.shows("the same picture", |p| *p == meant).await;
    scene.live = again;
    scene.run("echo GOES ON").await;
    scene.same("after", |p| p.contains("GOES ON\n")).await;
}

async fn ended_by_sigterm() {
    let mut scene = Scene::open(80, 24).await;
    let spectator = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    spectator.opened().await;
    scene.live.input("echo LAST WORDS > words\r".as_bytes());
    scene
        .live
        .say(&serde_json::json!({"type": "ping", "id": 1}));
    scene.live.text("pong").await; // so it has been received
    let began = Instant::now();
    let code = scene.service.terminate().await;
    assert_eq!(code, Some(0), "{}", scene.service.log());
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    for viewer in [&scene.live, &spectator] {
        let (code, reason) = viewer.closed().await;
        assert_eq!(code, 1012, "{reason}");
        let spread = reason
            .split_whitespace()
            .find_map(|part| part.strip_prefix("spread="))
            .map(str::parse::<u64>);
        assert!(matches!(spread, Some(Ok(_))), "{reason:?}");
    }
    until("the last input to arrive", async || {
        let words = std::fs::read_to_string(scene.tmux.dir().join("words")).unwrap_or_default();
        if words == "LAST WORDS\n" {
            Ok(())
        } else {
            Err(words)
        }
    })
    .await;
    scene.service.restart(&scene.tmux);
    let again = Viewer::join(&scene.service, &scene.xterm, "main", Join::driver(80, 24)).await;
    again.opened().await;
    let meant = scene.referee.picture().await;
    again.shows("the same picture", |p| *p == meant).await;
}

async fn started_before_any_session() {
    let tmux = Tmux::without_server();
    let service = Service::start(&tmux);
    let xterm = Xterm::start();
    let nobody = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    assert_eq!(nobody.closed().await.0, 4404);
    tmux.session("main", 80, 24);
    until("the session to be found", async || {
        let viewer = Viewer::join(&service, &xterm, "main", Join::driver(80, 24)).await;
        let event = viewer.wait("a picture or a close", |events| {
            events.iter().find_map(|(_, event)| match event {
                Event::Binary(_) => Some(Ok(())),
                Event::Closed(code, reason) => Some(Err(format!("{code} {reason}"))),
                Event::Text(_) => None,
            })
        });
        event.await
    })
    .await;
}

async fn killed_it_leaves_no_client_behind() {
    let tmux = Tmux::start(80, 24);
    tmux.session("other", 80, 24);
    let xterm = Xterm::start();
    let mut service = Service::start(&tmux);
    for _ in 0..10 {
        for session in ["main", "other"] {
            let viewer = Viewer::join(&service, &xterm, session, Join::driver(80, 24)).await;
            viewer.opened().await;
        }
        service.kill();
        until("every client to leave tmux", async || {
            let clients = tmux.cmd(&["list-clients", "-F", "#{client_pid}"]);
            if clients.is_empty() {
                Ok(())
            } else {
                Err(clients)
            }
        })
        .await;
        service.restart(&tmux);
    }
}

/// What a program can set that is seen or felt in a viewer's terminal.
const MODES: &str = "printf '\\033]2;a title\\007\\033[5 q\\033]12;#123456\\007\\033[?1002h\\033[?1006h\\033[?2004h\\033[?1h\\033='; \
                     printf '\\033[1;31mred\\033[m \\033[4:3mcurly\\033[m 漢字\\033[5;10rin a region\\033[7;3H'; \
                     tmux wait-for -S drawn; exec cat";

/// The repaint that was sent last.
fn last_repaint(viewer: &Raw) -> Vec<u8> {
    let mut repaints = viewer.log().into_iter().filter_map(|got| match got {
        Got::Binary(bytes) if bytes.starts_with(b"\x1bc") => Some(bytes),
        _ => None,
    });
    repaints.next_back().unwrap()
}

async fn a_new_image_shows_the_same_picture_and_modes() {
    let tmux = Tmux::without_server();
    tmux.session("other", 80, 24);
    for (option, value) in [
        ("set-titles", "on"),
        ("set-titles-string", "#T"),
        ("mouse", "on"),
    ] {
        tmux.cmd(&["set-option", "-g", option, value]);
    }
    tmux.session_running("main", 80, 24, MODES);
    tmux.wait_for("drawn").await;
    let service = Service::start(&tmux);
    let mut viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
    viewer.opened(1).await;
    for time in 0..3 {
        let repaint = serde_json::json!({"type": "repaint"});
        viewer.write(&[say(&repaint), ping(time)].concat()).await;
        viewer.ponged(time).await;
        let before = last_repaint(&viewer);
        process::signal(service.pid(), "HUP");
        viewer.opened(time as usize + 2).await;
        let after = last_repaint(&viewer);
        assert_eq!(
            after.escape_ascii().to_string(),
            before.escape_ascii().to_string()
        );
    }
    assert!(
        last_repaint(&viewer)
            .windows(7)
            .any(|bytes| bytes == b"a title")
    );
}

/// Measuring takes a second, and a picture would wait for it.
async fn a_new_image_measures_no_widths_again() {
    let tmux = Tmux::start(80, 24);
    let probes = tmux.file("probes", "");
    let real = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|dir| dir.join("tmux"))
        .find(|path| path.is_file())
        .unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *muxview-probe-*) echo >> {probes} ;; esac\nexec {} \"$@\"\n",
        real.display()
    );
    let programs = tmux.dir().join("programs");
    std::fs::create_dir(&programs).unwrap();
    let start = format!(
        "#!/bin/sh\nPATH={}:$PATH exec {} \"$@\"\n",
        programs.display(),
        env!("CARGO_BIN_EXE_muxview")
    );
    for (name, script) in [("tmux", script), ("start", start)] {
        let path = tmux.file(&format!("programs/{name}"), script);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let service = Service::start_at(&tmux, &programs.join("start"), &[]);
    let viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
    viewer.opened(1).await;
    let counted = || std::fs::read(&probes).unwrap().len();
    let before = counted();
    assert!(before > 0, "the first image measures");
    for times in 2..4 {
        process::signal(service.pid(), "HUP");
        viewer.opened(times).await;
    }
    assert_eq!(counted(), before);
}

/// A program that prints coloured lines for a while, and draws within a scroll region.
const PRINTS: &str = "printf '\\033[3;20r\\033[3H'; i=0; while [ $i -lt 1500 ]; do i=$((i+1)); \
                      printf '\\033[%dmline %d\\033[m\\n' $((31+i%7)) $i; done; printf '\\033[r\\033[H'; echo DONE";

async fn what_is_printed_meanwhile_is_shown() {
    let scene = Scene::open(80, 24).await;
    for round in 0..3 {
        scene.run(&format!("clear; {PRINTS}{round}")).await;
        process::signal(scene.service.pid(), "HUP");
        let hellos = |events: &[(_, Event)]| {
            let hello = |(_, event): &&(_, Event)| matches!(event, Event::Text(text) if text["type"] == "hello");
            (events.iter().filter(hello).count() == round + 2).then_some(())
        };
        scene.live.wait("another image", hellos).await;
        let done = format!("DONE{round}\n");
        scene.same("after", |picture| picture.contains(&done)).await;
    }
}
