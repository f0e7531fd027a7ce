//! Viewers belong to the session: whatever happens to the attached client, they stay.

use crate::harness::at_least;
use crate::support;
use crate::support::Tmux;
use crate::watcher::{Bench, SPECTATOR, Watcher, driver};
use muxview::config::limits::DETACHES;
use muxview::viewer::{End, Output};

scenarios![
    viewers_survive_every_end_of_the_client,
    fifty_kills_are_fifty_repaints.normal(),
    the_end_of_the_session_is_the_end,
    the_end_of_the_server_is_told_as_such,
    a_client_that_is_thrown_out_again_and_again_is_noticed_but_not_hammered,
    a_client_that_is_detached_again_and_again_is_backed_off_from_soon,
    a_rename_before_the_bridge_listens_is_told,
    popups_and_menus_that_a_hook_opens_are_shown,
    a_hook_that_switches_every_client_ends_in_a_message,
];

/// Waits for the repaint of a new client.
async fn repainted(watcher: &mut Watcher, before: u64) {
    watcher
        .follow("the picture of a new client", |watcher| {
            let now = watcher.published().expect("the old picture stays");
            now.generation.0 > before + 64
        })
        .await;
}

/// Types a word, sees it, and wipes it out again.
async fn echoes(watcher: &mut Watcher, word: &'static str) {
    watcher.types(word).await;
    watcher.shows(word).await;
    watcher.types("\x15").await;
    watcher
        .follow("an empty line", |watcher| !watcher.text().contains(word))
        .await;
}

/// Ends the bridge's client by `how`, types, and sees the echo on the picture after it.
async fn survives(tmux: &Tmux, watcher: &mut Watcher, how: &[&str], word: &'static str) {
    let before = watcher.published().expect("shown").generation.0;
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
    if how[0] == "detach-client" {
        repainted(watcher, before).await;
    }
    echoes(watcher, word).await;
}

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
    let before = watcher.published().expect("shown").generation.0;
    watcher.types("\x02").await;
    watcher.types("d").await;
    repainted(&mut watcher, before).await;
    echoes(&mut watcher, "five").await;
    // tmux throws away what it has read of a client that it suspends.
    tmux.cmd(&["bind-key", "C-z", "suspend-client ; wait-for -S suspended"]);
    watcher.types("\x02").await;
    watcher.types("\x1a").await;
    tmux.wait_for("suspended").await;
    echoes(&mut watcher, "six").await;
}

async fn fifty_kills_are_fifty_repaints() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    for kill in 0..50 {
        let before = watcher.published().expect("shown").generation.0;
        let clients = tmux.cmd(&["list-clients", "-F", "#{client_pid}"]);
        let pid = clients.lines().next().expect("the bridge has a client");
        let killed = std::process::Command::new("kill")
            .args(["-9", pid])
            .status();
        assert!(killed.unwrap().success(), "kill {kill} of {pid:?}");
        repainted(&mut watcher, before).await;
    }
    watcher.types("echo ali''ve\r").await;
    watcher.shows("\nalive").await;
    spectator.shows("\nalive").await;
    let noticed = |output: &Output| matches!(output, Output::Notice(_));
    assert!(!watcher.outputs.iter().any(noticed), "nothing failed");
}

async fn the_end_of_the_session_is_the_end() {
    let tmux = Tmux::start(80, 24);
    tmux.session("other", 80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("other", driver(80, 24)).await;
    watcher.shows("$").await;
    watcher.types("exit\r").await;
    assert_eq!(watcher.ends().await, End::SessionEnded);
}

async fn the_end_of_the_server_is_told_as_such() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", SPECTATOR).await;
    watcher.shows("$").await;
    tmux.cmd(&["kill-server"]);
    assert_eq!(watcher.ends().await, End::ServerEnded);
}

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

async fn a_client_that_is_detached_again_and_again_is_backed_off_from_soon() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    // Long enough for a picture each time, which alone is no success.
    let attached = tmux.file("attached", "");
    let hook =
        format!("run-shell -b 'echo >> {attached}; sleep 0.15; tmux detach-client -s main || :'");
    tmux.cmd(&["set-hook", "-g", "client-attached", &hook]);
    tmux.cmd(&["detach-client", "-s", "main"]);
    watcher
        .follow("a notice", |watcher| {
            let told = |output: &Output| matches!(output, Output::Notice(text) if !text.is_empty());
            watcher.outputs.iter().any(told)
        })
        .await;
    let attaches = std::fs::read(&attached).expect("a file").len();
    assert!(
        (DETACHES as usize..3 * DETACHES as usize).contains(&attaches),
        "{attaches}"
    );
    tmux.cmd(&["set-hook", "-gu", "client-attached"]);
    watcher.types("echo ba''ck\r").await;
    watcher.shows("\nback").await;
}

async fn a_rename_before_the_bridge_listens_is_told() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    // After it was listed, before its bridge listens.
    let listed = bench.session("main").await;
    tmux.cmd(&["rename-session", "-t", "main", "second"]);
    bench.session("second").await;
    let mut watcher = bench.enter(&listed, SPECTATOR).await;
    let name = |watcher: &mut Watcher| watcher.state().session.name.clone();
    watcher
        .follow("its name", |watcher| *name(watcher) == *"second")
        .await;
}

async fn popups_and_menus_that_a_hook_opens_are_shown() {
    let popup = "display-popup -E 'echo POP''UP; exec cat'";
    let menu = "display-menu -T title first a '' second b ''";
    let later = "run-shell -b \"sleep 0.3; tmux display-menu -c '#{hook_client}' -T title first a '' \
                 second b '' >/dev/null 2>&1; :\"";
    let mut hooks = vec![(popup, "POPUP"), (later, "second")];
    // Before that the client says its size once more, which closes menus that are open.
    if at_least(3, 7) {
        hooks.push((menu, "second"));
    }
    for (hook, shown) in hooks {
        let tmux = Tmux::start(80, 24);
        let bench = Bench::new(&tmux).await;
        tmux.cmd(&["set-hook", "-g", "client-attached", hook]);
        let mut watcher = bench.watch("main", driver(100, 30)).await;
        watcher.shows(shown).await;
        // And by the client after it.
        let before = watcher.published().expect("shown").generation.0;
        tmux.cmd(&["detach-client", "-s", "main"]);
        repainted(&mut watcher, before).await;
        watcher.shows(shown).await;
        // It stays while nobody does anything.
        let client = tmux.clients().pop().expect("our client");
        tmux.cmd(&["refresh-client", "-t", &client]);
        watcher.types("x").await;
        watcher.shows(shown).await;
    }
}

async fn a_hook_that_switches_every_client_ends_in_a_message() {
    let tmux = Tmux::start(80, 24);
    tmux.session("other", 80, 24);
    let bench = Bench::new(&tmux).await;
    let hook = "switch-client -t other";
    tmux.cmd(&["set-hook", "-g", "client-attached", hook]);
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher
        .follow("a notice that says so", |watcher| {
            let told = |output: &Output| {
                matches!(output, Output::Notice(text) if text.contains("other") && text.contains("hook"))
            };
            watcher.outputs.iter().any(told)
        })
        .await;
    tmux.cmd(&["set-hook", "-gu", "client-attached"]);
    watcher.shows("$").await;
}
