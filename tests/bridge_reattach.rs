//! Viewers belong to the session: whatever happens to the attached client, they stay.

mod support;
#[path = "support/watcher.rs"]
mod watcher;

use muxview::viewer::{End, Output};
use support::Tmux;
use watcher::{Bench, SPECTATOR, Watcher, driver};

/// Ends the bridge's client by `how`, types, and sees the echo on the picture after it.
async fn survives(tmux: &Tmux, watcher: &mut Watcher, how: &[&str], word: &'static str) {
    let client = support::until("one client", async || {
        let clients = tmux.clients();
        match &clients[..] {
            [client] => Ok(client.clone()),
            _ => Err(clients.join(" ")),
        }
    })
    .await;
    let how: Vec<&str> = how
        .iter()
        .map(|word| if *word == "TTY" { &client } else { *word })
        .collect();
    tmux.cmd(&how);
    watcher.types(word).await;
    watcher.shows(word.trim()).await;
    watcher.types("\x15").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_survive_every_end_of_the_client() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    survives(&tmux, &mut watcher, &["detach-client", "-t", "TTY"], "one").await;
    survives(
        &tmux,
        &mut watcher,
        &["detach-client", "-P", "-t", "TTY"],
        "two",
    )
    .await;
    survives(
        &tmux,
        &mut watcher,
        &["detach-client", "-s", "main"],
        "three",
    )
    .await;
    survives(
        &tmux,
        &mut watcher,
        &["suspend-client", "-t", "TTY"],
        "four",
    )
    .await;
    watcher.types("\x02d").await;
    watcher.types("five").await;
    watcher.shows("five").await;
    watcher.types("\x02\x1a").await;
    watcher.types("six").await;
    watcher.shows("six").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_are_fifty_repaints() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    for kill in 0..50 {
        let before = watcher.published().expect("shown").generation;
        let pid = tmux.cmd(&[
            "list-clients",
            "-f",
            "#{?client_control_mode,0,1}",
            "-F",
            "#{client_pid}",
        ]);
        let killed = std::process::Command::new("kill")
            .args(["-9", &pid])
            .status();
        assert!(killed.unwrap().success(), "kill {kill} of {pid:?}");
        watcher
            .follow("the picture after a kill", |watcher| {
                let now = watcher.published().expect("the old picture stays");
                now.generation.0 > before.0 + 64
            })
            .await;
    }
    watcher.types("echo ali''ve\r").await;
    watcher.shows("\nalive").await;
    spectator.shows("\nalive").await;
    let noticed = |output: &Output| matches!(output, Output::Notice(_));
    assert!(!watcher.outputs.iter().any(noticed), "nothing failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_session_is_the_end() {
    let tmux = Tmux::start(80, 24);
    tmux.session("other", 80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("other", driver(80, 24)).await;
    watcher.shows("$").await;
    watcher.types("exit\r").await;
    assert_eq!(watcher.ends().await, End::SessionEnded);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_is_told_as_such() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", SPECTATOR).await;
    watcher.shows("$").await;
    tmux.cmd(&["kill-server"]);
    assert_eq!(watcher.ends().await, End::ServerEnded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_thrown_out_again_and_again_is_noticed_but_not_hammered() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    tmux.cmd(&["set-hook", "-g", "client-attached", "detach-client"]);
    let mut watcher = bench.watch("main", SPECTATOR).await;
    watcher
        .follow("a notice or a picture", |watcher| {
            let told = |output: &Output| matches!(output, Output::Notice(_) | Output::Frame(_));
            watcher.outputs.iter().any(told)
        })
        .await;
    tmux.cmd(&["set-hook", "-gu", "client-attached"]);
    watcher.shows("$").await;
}
