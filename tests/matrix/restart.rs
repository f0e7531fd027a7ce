//! muxview keeps nothing that a restart would miss.

use crate::support;
use crate::support::{Join, Scene, Viewer, until};
use std::time::{Duration, Instant};

scenarios![
    killed_and_started_again,
    ended_by_sigterm,
    started_before_any_session,
    killed_it_leaves_no_client_behind,
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
    let tmux = support::Tmux::without_server();
    let service = support::Service::start(&tmux);
    let xterm = support::Xterm::start();
    let nobody = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    assert_eq!(nobody.closed().await.0, 4404);
    tmux.session("main", 80, 24);
    until("the session to be found", async || {
        let viewer = Viewer::join(&service, &xterm, "main", Join::driver(80, 24)).await;
        let event = viewer.wait("a picture or a close", |events| {
            events.iter().find_map(|(_, event)| match event {
                support::Event::Binary(_) => Some(Ok(())),
                support::Event::Closed(code, reason) => Some(Err(format!("{code} {reason}"))),
                support::Event::Text(_) => None,
            })
        });
        event.await
    })
    .await;
}

async fn killed_it_leaves_no_client_behind() {
    let tmux = support::Tmux::start(80, 24);
    tmux.session("other", 80, 24);
    let xterm = support::Xterm::start();
    let mut service = support::Service::start(&tmux);
    for _ in 0..10 {
        for session in ["main", "other"] {
            let viewer = Viewer::join(&service, &xterm, session, Join::driver(80, 24)).await;
            viewer.opened().await;
        }
        service.kill();
        until("every client to leave tmux", async || {
            let clients = tmux.cmd(&["list-clients", "-F", "#{client_pid} #{client_control_mode}"]);
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
