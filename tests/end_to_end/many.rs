//! Thirty viewers are one tmux client and see one picture; watching changes nothing in tmux.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{Join, Scene, Service, Tmux, Viewer, Xterm, process, soak, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_viewers_one_client() {
    let scene = Scene::open(80, 24).await;
    let mut viewers = Vec::new();
    for number in 0..30 {
        let join = if number % 3 == 0 {
            Join::driver(80, 24)
        } else {
            Join::spectator()
        };
        viewers.push(Viewer::join(&scene.service, &scene.xterm, "main", join).await);
    }
    for viewer in &viewers {
        viewer.opened().await;
    }
    assert_eq!(
        scene.tmux.clients().len(),
        2,
        "muxview's and the referee: {:?}",
        scene.tmux.clients()
    );
    let attached = process::children(scene.service.pid());
    let bridges = attached.iter().filter(|pid| {
        let line = process::command_line(**pid);
        line.contains("attach") && !line.contains("-C")
    });
    assert_eq!(
        bridges.count(),
        1,
        "{:?}",
        attached
            .iter()
            .map(|pid| process::command_line(*pid))
            .collect::<Vec<_>>()
    );

    let all = scene.live.text_where("viewers", |v| v["view"] == 20).await;
    assert_eq!(all["drive"], 11, "{all}");

    scene.run(&format!("i=0; while [ $i -lt {} ]; do i=$((i+1)); printf '\\033[3%dm%d \\033[m' $((i%8)) $i; done; echo ALL SEEN", soak(3000, 30000))).await;
    let meant = scene
        .same("the same for all", |p| p.contains("ALL SEEN\n"))
        .await;
    for (number, viewer) in viewers.iter().enumerate() {
        let seen = until("the same picture", async || {
            let seen = viewer.picture().await;
            if seen == meant {
                Ok(seen)
            } else {
                Err(format!("viewer {number}\n{}", seen.differences(&meant)))
            }
        })
        .await;
        assert_eq!(seen, meant);
    }
    drop(viewers);
    scene
        .live
        .text_where("viewers", |v| v["view"] == 0 && v["drive"] == 1)
        .await;
}

/// All of tmux's state that a person could notice.
fn state_of(tmux: &Tmux) -> String {
    let mut state = String::new();
    for command in [
        &["show-options", "-s"][..],
        &["show-options", "-g"],
        &["show-options", "-gw"],
        &["show-options", "-t", "main"],
        &["show-options", "-w", "-t", "main"],
        &["show-hooks", "-g"],
        &["show-environment", "-g"],
        &["show-environment", "-t", "main"],
        &[
            "list-sessions",
            "-F",
            "#{session_id} #{session_name} #{session_windows} #{session_group}",
        ],
        &[
            "list-windows",
            "-a",
            "-F",
            "#{session_id} #{window_id} #{window_width}x#{window_height} #{window_layout}",
        ],
        &[
            "list-panes",
            "-a",
            "-F",
            "#{pane_id} #{pane_pid} #{pane_current_command} #{pane_mode}",
        ],
        &["list-buffers"],
        &["list-keys"],
    ] {
        state += &format!("{command:?}\n{}\n", tmux.cmd(command));
    }
    state
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_changes_nothing() {
    let tmux = Tmux::start(97, 31);
    tmux.session("second", 120, 40);
    tmux.cmd(&["set-environment", "-t", "main", "SSH_AUTH_SOCK", "/kept"]);
    tmux.cmd(&["set-environment", "-t", "main", "DISPLAY", ":7"]);
    let before = state_of(&tmux);
    let xterm = Xterm::start();
    let mut service = Service::start(&tmux);
    {
        let mut viewers = Vec::new();
        for session in ["main", "second", "main"] {
            for join in [
                Join::spectator(),
                Join {
                    spectator: true,
                    ..Join::driver(40, 10)
                },
                Join {
                    hidden: true,
                    ..Join::spectator()
                },
            ] {
                viewers.push(Viewer::join(&service, &xterm, session, join).await);
            }
        }
        for viewer in viewers.iter().take(2) {
            viewer.opened().await;
            viewer.resize(33, 12);
            viewer.input(&b"echo typed by a spectator\r"[..]);
        }
        let size = viewers[0].text("size").await;
        assert_eq!(
            (&size["cols"], &size["rows"]),
            (
                &97.into(),
                &(tmux
                    .format("main:", "#{window_height}")
                    .parse::<u64>()
                    .unwrap()
                    + 1)
                .into()
            )
        );
        tmux.enter("main:", "echo READY");
        for viewer in viewers.iter().take(2) {
            viewer.shows("the shell", |p| p.contains("READY\n")).await;
        }
        assert_eq!(state_of(&tmux), before, "while watched");
        let text = viewers[0].picture().await.text();
        assert!(!text.contains("typed by a spectator"), "{text}");
    }
    service.terminate().await;
    until("our clients to leave", async || {
        let clients = tmux.cmd(&["list-clients"]);
        if clients.is_empty() {
            Ok(())
        } else {
            Err(clients)
        }
    })
    .await;
    assert_eq!(state_of(&tmux), before, "after the service has gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_with_its_last_client_is_not_lost() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.session("idle", 80, 24);
    scene
        .tmux
        .cmd(&["set-option", "-t", "main", "destroy-unattached", "on"]);
    let Scene {
        live,
        referee,
        xterm,
        service,
        tmux,
        ..
    } = scene;
    drop(referee);
    drop(live);
    // Others come and go on another session meanwhile.
    for _ in 0..3 {
        let other = Viewer::join(&service, &xterm, "idle", Join::driver(80, 24)).await;
        other.opened().await;
    }
    assert!(
        tmux.cmd(&["list-sessions", "-F", "#{session_name}"])
            .lines()
            .any(|name| name == "main")
    );
    let again = Viewer::join(&service, &xterm, "main", Join::driver(80, 24)).await;
    again.opened().await;
    tmux.enter("main:", "echo KEPT");
    again
        .shows("the session as it was", |p| p.contains("KEPT\n"))
        .await;
}
