//! A locked session is locked for every viewer.

use crate::figures::{self, Column};
use crate::harness::by_depth;
use crate::support::{Tmux, until};
use crate::watcher::{Bench, SPECTATOR, Watcher, driver};
use muxview::config::SizePolicy;
use std::time::Duration;

scenarios![
    holds_for_every_viewer.alone(),
    every_way_to_lock_locks,
    holds_when_everybody_has_left,
    a_lock_program_in_raw_mode_is_typed_to,
    a_suspended_client_is_revived,
    a_client_locked_as_it_attaches_is_locked_for_every_viewer,
    a_silent_lock_program_is_typed_to_from_the_start,
    a_client_suspended_as_it_attaches_is_revived,
];

/// A lock program that asks for a word and counts how often it was started.
fn lock_program(tmux: &Tmux) -> String {
    let starts = tmux.file("starts", "");
    let script = format!(
        "echo >> {starts}\nprintf 'LOCKED:'\nwhile read -r word; do [ \"$word\" = open ] && exit; printf 'STILL:'; done\n"
    );
    format!("sh {}", tmux.file("lock", script))
}

fn starts(tmux: &Tmux) -> usize {
    std::fs::read(tmux.dir().join("starts")).unwrap().len()
}

async fn locked(watcher: &mut Watcher) {
    watcher
        .follow("the lock", |watcher| {
            let text = watcher.text();
            text.contains("LOCKED:") && !text.contains("SECRET")
        })
        .await;
}

async fn unlocks(watcher: &mut Watcher) {
    watcher.types("open\r").await;
    watcher.shows("SECRET").await;
}

/// A session whose shell shows a secret.
async fn secret(tmux: &Tmux, bench: &Bench) -> Watcher {
    tmux.cmd(&["set-option", "-g", "lock-command", &lock_program(tmux)]);
    tmux.enter("main:", "clear; echo SEC''RET");
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("SECRET").await;
    watcher
}

async fn holds_for_every_viewer() {
    let rounds = by_depth(10, 20, 50);
    figures::count(Column::Locks, 0, rounds as u64);
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = secret(&tmux, &bench).await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    spectator.shows("SECRET").await;
    for round in 1..=rounds {
        tmux.cmd(&["lock-session", "-t", "main"]);
        locked(&mut watcher).await;
        locked(&mut spectator).await;
        // What is typed goes to the lock, and opens nothing.
        watcher.types("wrong\r").await;
        watcher.shows("STILL:").await;
        // Who comes now sees the lock, too.
        let mut late = bench.watch("main", SPECTATOR).await;
        late.shows("STILL:").await;
        assert!(!late.text().contains("SECRET"), "{}", late.text());
        assert_eq!(starts(&tmux), round, "one client, one lock program");
        unlocks(&mut watcher).await;
        spectator.shows("SECRET").await;
        figures::count(Column::Locks, 1, 0);
    }
}

async fn every_way_to_lock_locks() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = secret(&tmux, &bench).await;
    for command in [&["lock-server"][..], &["lock-session", "-t", "main"]] {
        tmux.cmd(command);
        locked(&mut watcher).await;
        unlocks(&mut watcher).await;
    }
    let client = tmux.clients().pop().expect("our client");
    tmux.cmd(&["lock-client", "-t", &client]);
    locked(&mut watcher).await;
    unlocks(&mut watcher).await;
    // The one after so many seconds without a key.
    tmux.cmd(&["set-option", "-g", "lock-after-time", "1"]);
    watcher.types(" ").await;
    locked(&mut watcher).await;
    tmux.cmd(&["set-option", "-g", "lock-after-time", "0"]);
    unlocks(&mut watcher).await;
}

async fn holds_when_everybody_has_left() {
    let tmux = Tmux::start(80, 24);
    let linger = Duration::from_millis(100);
    let bench = Bench::with(&tmux, SizePolicy::Latest, linger).await;
    let mut watcher = secret(&tmux, &bench).await;
    tmux.cmd(&["lock-session", "-t", "main"]);
    locked(&mut watcher).await;
    let left = std::time::Instant::now();
    drop(watcher);
    // A client that leaves unlocked does so within this time; how often it is asked is counted.
    until("many times of lingering", async || {
        let asked = tmux.clients().len();
        if left.elapsed() > 10 * linger {
            Ok(())
        } else {
            Err(format!("{asked} clients"))
        }
    })
    .await;
    let mut again = bench.watch("main", driver(80, 24)).await;
    locked(&mut again).await;
    assert_eq!(starts(&tmux), 1);
    unlocks(&mut again).await;
}

async fn a_lock_program_in_raw_mode_is_typed_to() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = secret(&tmux, &bench).await;
    let script = tmux.file(
        "raw-lock",
        "old=$(stty -g)\nstty raw -echo\nprintf '\\033[H\\033[JLOCKED:'\nuntil [ \"$(dd bs=1 count=1 2>/dev/null)\" = q ]; do printf 'STILL:'; done\nstty \"$old\"\n",
    );
    let command = format!("sh {script}");
    tmux.cmd(&["set-option", "-g", "lock-command", &command]);
    tmux.cmd(&["lock-session", "-t", "main"]);
    locked(&mut watcher).await;
    watcher.types("x").await;
    watcher.shows("STILL:").await;
    watcher.types("q").await;
    watcher.shows("SECRET").await;
}

async fn a_suspended_client_is_revived() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let client = tmux.clients();
    for round in 0..by_depth(5, 10, 30) {
        // Keys typed from now on wait until it is back.
        tmux.cmd(&["suspend-client", "-t", &client[0]]);
        watcher.types("echo ali''ve\r").await;
        watcher.shows("\nalive").await;
        watcher.types("clear\r").await;
        watcher
            .follow("an empty screen", |watcher| {
                !watcher.text().contains("alive")
            })
            .await;
        assert_eq!(tmux.clients(), client, "the same client in round {round}");
    }
}

/// A session that showed a secret before anybody came, whose clients are treated so as they attach.
async fn hooked(command: &str) -> Tmux {
    let tmux = Tmux::start(80, 24);
    tmux.enter("main:", "clear; echo SEC''RET");
    until("the secret to be shown", async || {
        let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
        pane.starts_with("SECRET\n").then_some(()).ok_or(pane)
    })
    .await;
    tmux.cmd(&["set-hook", "-g", "client-attached", command]);
    tmux
}

/// tmux leaves canonical mode and enters it again before anything of the client can be read.
async fn a_client_locked_as_it_attaches_is_locked_for_every_viewer() {
    let tmux = hooked("lock-client").await;
    let bench = Bench::with(&tmux, SizePolicy::Latest, Duration::from_millis(100)).await;
    tmux.cmd(&["set-option", "-g", "lock-command", &lock_program(&tmux)]);
    for round in 1..=by_depth(2, 3, 10) {
        let mut watcher = bench.watch("main", driver(80, 24)).await;
        watcher.forbidden = Some("SECRET");
        locked(&mut watcher).await;
        watcher.types("wrong\r").await;
        watcher.shows("STILL:").await;
        let mut late = bench.watch("main", SPECTATOR).await;
        late.forbidden = Some("SECRET");
        late.shows("STILL:").await;
        assert_eq!(starts(&tmux), round, "one client, one lock program");
        let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
        assert!(!pane.contains("wrong"), "{pane}");
        watcher.forbidden = None;
        late.forbidden = None;
        unlocks(&mut watcher).await;
        late.shows("SECRET").await;
        // The next round attaches anew.
        drop((watcher, late));
        until("our client to leave", async || {
            let clients = tmux.clients().join(" ");
            clients.is_empty().then_some(()).ok_or(clients)
        })
        .await;
    }
}

async fn a_silent_lock_program_is_typed_to_from_the_start() {
    let tmux = hooked("lock-client").await;
    let script = tmux.file("silent-lock", "stty -echo\nread -r word\nstty echo\n");
    let command = format!("sh {script}");
    tmux.cmd(&["set-option", "-g", "lock-command", &command]);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    unlocks(&mut watcher).await;
    let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
    assert!(!pane.contains("open"), "{pane}");
}

async fn a_client_suspended_as_it_attaches_is_revived() {
    let tmux = hooked("suspend-client").await;
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("SECRET").await;
    let mut late = bench.watch("main", SPECTATOR).await;
    late.shows("SECRET").await;
    watcher.types("echo ali''ve\r").await;
    watcher.shows("\nalive").await;
    late.shows("\nalive").await;
}
