//! Whatever happens to the attached client, viewers stay (or are told that the session ended), and
//! never is one frame of another session sent.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{Join, Scene, Viewer, process, soak, until};
use bytes::Bytes;
use std::time::{Duration, Instant};

/// tmux's name of muxview's own client of `main`.
async fn own_client(scene: &Scene) -> String {
    let referee = scene.referee.tty();
    until("muxview's client", async || {
        let clients = scene.tmux.clients();
        clients
            .iter()
            .find(|tty| **tty != referee)
            .cloned()
            .ok_or_else(|| format!("{clients:?}"))
    })
    .await
}

fn client_pid(scene: &Scene, tty: &str) -> Option<u32> {
    let list = scene
        .tmux
        .cmd(&["list-clients", "-F", "#{client_tty} #{client_pid}"]);
    list.lines()
        .find_map(|line| line.strip_prefix(tty)?.trim().parse().ok())
}

/// Times this viewer was told that its client had been moved.
fn moves(viewer: &Viewer) -> usize {
    let events = viewer.events();
    events
        .iter()
        .filter(|(_, e)| matches!(e, crate::support::Event::Text(t) if t["type"] == "moved"))
        .count()
}

/// Whether any frame ever held this word.
fn told(viewer: &Viewer, word: &str) -> bool {
    viewer.binaries().iter().any(|frame: &Bytes| {
        frame
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    })
}

async fn still_live(scene: &Scene, what: &str) {
    scene.run(&format!("clear; echo '{what} survived'")).await;
    let marker = format!("{what} survived\n");
    scene
        .live
        .shows(&format!("the picture after {what}"), |p| {
            p.contains(&marker)
        })
        .await;
    assert!(
        scene.live.is_open(),
        "{what} closed the viewer: {}",
        scene.live.story()
    );
}

/// Fills another session with a word that must never be seen.
fn fill_with_secrets(scene: &Scene) -> String {
    scene.tmux.session_running(
        "other",
        80,
        24,
        "sh -c 'while :; do echo SECRETSECRETSECRETSECRETSECRETSECRETSECRETSECRET; sleep 0.01; done'",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_killed_again_and_again() {
    let scene = Scene::open(80, 24).await;
    let pid = scene.service.pid();
    for round in 0..soak(50, 500) {
        let tty = own_client(&scene).await;
        let client = until("its process", async || {
            client_pid(&scene, &tty).ok_or_else(String::new)
        })
        .await;
        process::signal(client, ["KILL", "TERM", "HUP"][round % 3]);
        until("another client", async || {
            match scene
                .tmux
                .clients()
                .iter()
                .find(|tty| **tty != scene.referee.tty())
            {
                Some(now) if client_pid(&scene, now).is_some_and(|pid| pid != client) => Ok(()),
                other => Err(format!("round {round}: {other:?}")),
            }
        })
        .await;
        if round % 10 == 9 {
            still_live(&scene, &format!("kill {round}")).await;
        }
    }
    scene
        .same("after the kills", |p| p.contains("survived"))
        .await;
    assert_eq!(scene.service.pid(), pid);
    until("children to be reaped", async || {
        let children = process::children(pid);
        let zombies: Vec<_> = children
            .iter()
            .filter(|pid| process::command_line(**pid).is_empty())
            .collect();
        if zombies.is_empty() {
            Ok(())
        } else {
            Err(format!("{zombies:?} are not reaped"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn detached_in_every_way() {
    let scene = Scene::open(80, 24).await;
    for flags in [
        &["detach-client", "-t"][..],
        &["detach-client", "-P", "-t"],
        &["detach-client", "-E", "true", "-t"],
    ] {
        let tty = own_client(&scene).await;
        let client = client_pid(&scene, &tty).unwrap();
        let mut command = flags.to_vec();
        command.push(&tty);
        scene.tmux.cmd(&command);
        until("another client", async || {
            match scene
                .tmux
                .clients()
                .iter()
                .find(|tty| **tty != scene.referee.tty())
            {
                Some(now) if client_pid(&scene, now).is_some_and(|pid| pid != client) => Ok(()),
                other => Err(format!("{flags:?}: {other:?}")),
            }
        })
        .await;
        still_live(&scene, flags[1]).await;
    }
    // Typed by the viewer itself.
    scene.live.input(&b"\x02"[..]);
    scene.live.input(&b"d"[..]);
    still_live(&scene, "prefix d").await;
    scene
        .same("after prefix d", |p| p.contains("prefix d survived"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn suspended() {
    let scene = Scene::open(80, 24).await;
    let tty = own_client(&scene).await;
    scene.tmux.cmd(&["suspend-client", "-t", &tty]);
    still_live(&scene, "suspend-client").await;
    scene.live.input(&b"\x02"[..]);
    scene.live.input(&b"\x1a"[..]);
    still_live(&scene, "prefix C-z").await;
    scene
        .same("after suspensions", |p| p.contains("prefix C-z survived"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn switched_to_another_session() {
    let scene = Scene::open(80, 24).await;
    let other = fill_with_secrets(&scene);
    let spectator = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    spectator.opened().await;
    for round in 0..soak(10, 100) {
        let tty = own_client(&scene).await;
        let _ = scene
            .tmux
            .try_cmd(&["switch-client", "-c", &tty, "-t", &other]);
        if round % 2 == 0 {
            still_live(&scene, &format!("switch {round}")).await;
        }
    }
    // The same by keys: the driver is told, the bridge goes back.
    scene.live.input(&b":"[..]); // the driver typed last
    scene.live.input(&b"\x7f"[..]);
    scene.live.input(&b"\x02"[..]);
    scene.live.input(&b")"[..]);
    let moved = scene.live.text("moved").await;
    assert_eq!(moved["session"]["name"], "other", "{moved}");
    still_live(&scene, "prefix )").await;
    assert_eq!(moves(&spectator), 0, "only the driver who typed is told");
    // By choose-tree, without its previews: those would be tmux's own picture of the other session.
    scene.tmux.cmd(&["choose-tree", "-N", "-s", "-t", "main:"]);
    scene.live.shows("choose-tree", |p| p.contains("(1)")).await;
    scene.live.input(&b"\x0e"[..]); // C-n, the next line
    let marked = |p: &crate::support::Picture| {
        p.cells
            .iter()
            .any(|row| row[0].style.contains("bg=") && row[1].text == "1")
    };
    scene.live.shows("the other session chosen", marked).await;
    let before = moves(&scene.live);
    scene.live.input(&b"\r"[..]);
    until("to be told again", async || {
        if moves(&scene.live) > before {
            Ok(())
        } else {
            Err(scene.live.story())
        }
    })
    .await;
    still_live(&scene, "choose-tree").await;
    for (who, viewer) in [("driver", &scene.live), ("spectator", &spectator)] {
        assert!(!told(viewer, "SECRET"), "the {who} saw another session");
    }
    scene
        .same("at the end", |p| p.contains("choose-tree survived"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_clients_are_not_detached() {
    for off in ["off", "on"] {
        let scene = Scene::open(80, 24).await;
        scene
            .tmux
            .cmd(&["set-option", "-g", "detach-on-destroy", off]);
        fill_with_secrets(&scene);
        let late = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
        late.opened().await;
        let began = Instant::now();
        scene.tmux.cmd(&["kill-session", "-t", "main"]);
        for viewer in [&scene.live, &late] {
            let (code, reason) = viewer.closed().await;
            assert_eq!(code, 4410, "{reason}");
            assert!(!reason.is_empty());
            assert!(
                !told(viewer, "SECRET"),
                "a frame of another session (detach-on-destroy {off})"
            );
        }
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "told late: {:?}",
            began.elapsed()
        );
        // Its page says so to whoever comes now.
        let gone = Viewer::listen(&scene.service, "main", Join::driver(80, 24)).await;
        let (code, reason) = gone.closed().await;
        assert!([4404, 4410].contains(&code), "{code} {reason}");
        let there = Viewer::listen(&scene.service, "other", Join::driver(80, 24)).await;
        there.opened().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_session_or_the_server_ends() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.enter("main:", "exit");
    assert_eq!(scene.live.closed().await.0, 4410);

    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["kill-server"]);
    let (code, reason) = scene.live.closed().await;
    assert_eq!(code, 4410, "{reason}");
    // A new server, and all is well again.
    scene.tmux.session("main", 80, 24);
    until("the service to find the new server", async || {
        let viewer = Viewer::join(&scene.service, &scene.xterm, "main", Join::driver(80, 24)).await;
        let event = viewer.wait("a picture or a close", |events| {
            events.iter().find_map(|(_, event)| match event {
                crate::support::Event::Binary(_) => Some(Ok(())),
                crate::support::Event::Closed(code, reason) => {
                    Some(Err(format!("{code} {reason}")))
                }
                crate::support::Event::Text(_) => None,
            })
        });
        event.await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renamed_without_reconnecting() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["rename-session", "-t", "main", "fresh"]);
    let session = scene.live.text("session").await;
    assert_eq!(session["name"], "fresh");
    scene.tmux.enter("fresh:", "echo STILL HERE");
    scene
        .live
        .shows("more", |p| p.contains("STILL HERE\n"))
        .await;
    assert!(scene.live.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_another_server_is_another_one_though_it_has_the_same_id() {
    let scene = Scene::open(80, 24).await;
    let about = "#{session_id} #{session_created}";
    let before = scene.tmux.format("main:", about);
    // It hears of all of it at once, when the other server is long there.
    process::signal(scene.service.pid(), "STOP");
    // A server that ends by itself waits for its clients, and ours does not answer.
    process::signal(scene.tmux.pid(), "KILL");
    let after = until("a session made in another second", async || {
        let line = "printf 'of another server'; exec cat";
        scene
            .tmux
            .try_cmd(&["new-session", "-d", "-s", "other", "-x80", "-y24", line]);
        let output = scene.tmux.try_cmd(&["list-sessions", "-F", about]);
        let after = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if after.is_empty() || after == before {
            scene.tmux.try_cmd(&["kill-server"]);
            return Err(after);
        }
        Ok(after)
    })
    .await;
    let id = |about: &str| about.split(' ').next().unwrap().to_owned();
    assert_eq!(id(&after), id(&before));
    process::signal(scene.service.pid(), "CONT");
    let (code, reason) = scene.live.closed().await;
    assert_eq!(code, 4410, "{reason}");
    assert!(!told(&scene.live, "of another server"));
    let renamed = |event: &crate::support::Event| matches!(event, crate::support::Event::Text(text) if text["type"] == "session");
    assert!(!scene.live.events().iter().any(|(_, event)| renamed(event)));
}
