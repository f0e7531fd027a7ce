//! No frame of another session is ever published, whatever takes our client there.

use crate::support;
use crate::support::Tmux;
use crate::watcher::{Bench, SPECTATOR, Watcher, driver};
use muxview::viewer::{End, Output};
use std::time::Duration;

scenarios![
    a_switched_client_comes_back_without_a_frame_of_where_it_was,
    there_and_back_shows_nothing_of_there,
    a_killed_session_ends_though_tmux_shows_another,
];

/// Sessions `main` and `secret`; the latter has the word on its screen, in its status and its title.
async fn two_sessions() -> (Tmux, Bench) {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-g", "set-titles", "on"]);
    tmux.cmd(&[
        "set-option",
        "-g",
        "set-titles-string",
        "#{session_name} #{pane_title}",
    ]);
    tmux.session_running(
        "SECRET",
        80,
        24,
        "while :; do echo SECRET; sleep 0.01; done",
    );
    let bench = Bench::new(&tmux).await;
    (tmux, bench)
}

async fn client(tmux: &Tmux) -> String {
    support::until("one client", async || {
        let clients = tmux.clients();
        match &clients[..] {
            [client] => Ok(client.clone()),
            _ => Err(clients.join(" ")),
        }
    })
    .await
}

fn forbid(watcher: &mut Watcher) {
    watcher.forbidden = Some("SECRET");
}

async fn a_switched_client_comes_back_without_a_frame_of_where_it_was() {
    let (tmux, bench) = two_sessions().await;
    let mut typist = bench.watch("main", driver(80, 24)).await;
    forbid(&mut typist);
    typist.shows("$").await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    forbid(&mut spectator);
    spectator.shows("$").await;
    typist.types("echo ty''ped\r").await;
    typist.shows("\ntyped").await;
    for round in 0..10 {
        let client = client(&tmux).await;
        let moved = typist
            .outputs
            .iter()
            .filter(|output| matches!(output, Output::Moved(_)))
            .count();
        tmux.cmd(&["switch-client", "-c", &client, "-t", "=SECRET:"]);
        typist
            .follow("the move", |watcher| {
                let moves = watcher.outputs.iter();
                moves
                    .filter(|output| matches!(output, Output::Moved(_)))
                    .count()
                    > moved
            })
            .await;
        tmux.enter("main", &format!("echo round{round}"));
        typist.shows(&format!("\nround{round}")).await;
        spectator.shows(&format!("\nround{round}")).await;
    }
    let label = typist.outputs.iter().find_map(|output| match output {
        Output::Moved(label) => Some(label.name.clone()),
        _ => None,
    });
    assert_eq!(label.as_deref(), Some("SECRET"));
    let moved = |output: &Output| matches!(output, Output::Moved(_));
    assert!(!spectator.outputs.iter().any(moved));
}

async fn there_and_back_shows_nothing_of_there() {
    let (tmux, bench) = two_sessions().await;
    tmux.enter(
        "main",
        "while [ ! -e stop ]; do echo mine; sleep 0.005; done",
    );
    let mut watcher = bench.watch("main", SPECTATOR).await;
    forbid(&mut watcher);
    watcher.shows("mine").await;
    for round in 0..support::soak(30, 500) {
        let Some(client) = tmux.clients().first().cloned() else {
            continue;
        };
        // Sometimes drawn there, sometimes not; the client may be gone by the second command.
        let there = ["switch-client", "-c", &client, "-t", "=SECRET:"];
        let back = ["switch-client", "-c", &client, "-t", "=main:"];
        let _ = tmux.try_cmd(&there);
        watcher.idle(Duration::from_millis(round % 4)).await;
        let _ = tmux.try_cmd(&back);
        watcher.idle(Duration::from_millis(round % 7)).await;
    }
    tmux.file("stop", "");
    tmux.enter("main", "echo st''ill");
    support::until("the echo in the pane", async || {
        let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main"]);
        if pane.contains("still") {
            Ok(())
        } else {
            Err(pane)
        }
    })
    .await;
    watcher.shows("still").await;
}

async fn a_killed_session_ends_though_tmux_shows_another() {
    let (tmux, bench) = two_sessions().await;
    tmux.cmd(&["set-option", "-g", "detach-on-destroy", "off"]);
    for round in 0..10 {
        let name = format!("victim{round}");
        tmux.session(&name, 80, 24);
        let mut watcher = bench.watch(&name, driver(80, 24)).await;
        forbid(&mut watcher);
        watcher.shows("$").await;
        let mut spectator = bench.watch(&name, SPECTATOR).await;
        forbid(&mut spectator);
        if round % 2 == 0 {
            tmux.cmd(&["kill-session", "-t", &name]);
        } else {
            watcher.types("exit\r").await;
        }
        assert_eq!(watcher.ends().await, End::SessionEnded);
        assert_eq!(spectator.ends().await, End::SessionEnded);
        let moved = |output: &Output| matches!(output, Output::Moved(_));
        assert!(
            !watcher.outputs.iter().any(moved),
            "it ended, it did not move"
        );
    }
}
