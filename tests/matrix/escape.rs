//! A lone Escape reaches the program at once, whatever tmux waits for.

use crate::harness::by_depth;
use crate::pane_input::PaneInput;
use crate::support::{Tmux, until};
use crate::watcher::{Bench, Watcher, driver};
use std::time::{Duration, Instant};

scenarios![
    reaches_the_program_at_once.alone(),
    reaches_the_program_at_once_where_the_client_was_suspended_as_it_attached.alone(),
    is_not_taken_for_the_beginning_of_the_next_key,
];

/// How long Escape may take in the middle of all tries.
const AT_ONCE: Duration = Duration::from_millis(25);

/// Types Escape this often and gives how long it took each time.
async fn escapes(watcher: &Watcher, pane: &mut PaneInput, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    for _ in 0..times {
        let typed = Instant::now();
        watcher.types("\x1b").await;
        let (came, bytes) = pane.next().await;
        assert_eq!(bytes.escape_ascii().to_string(), "\\x1b");
        took.push(came - typed);
        watcher.types("x").await;
        assert_eq!(pane.next().await.1, b"x");
    }
    took
}

fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

async fn reaches_the_program_at_once() {
    let times = by_depth(9, 15, 31);
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut pane = PaneInput::of(&tmux, "main").await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("ready").await;
    let fresh = escapes(&watcher, &mut pane, times).await;
    assert!(middle(fresh.clone()) < AT_ONCE, "fresh: {fresh:?}");

    watcher.driver().resize(muxview::terminal::Size {
        cols: 100,
        rows: 30,
    });
    until("the new size", async || {
        let size = tmux.format("main:", "#{window_width}");
        if size == "100" { Ok(()) } else { Err(size) }
    })
    .await;
    let resized = escapes(&watcher, &mut pane, times).await;
    assert!(middle(resized.clone()) < AT_ONCE, "resized: {resized:?}");

    let before = watcher.published().expect("shown").generation.0;
    tmux.cmd(&["detach-client", "-s", "main"]);
    watcher
        .follow("the picture of a new client", |watcher| {
            watcher.published().expect("shown").generation.0 > before + 64
        })
        .await;
    let again = escapes(&watcher, &mut pane, times).await;
    assert!(middle(again.clone()) < AT_ONCE, "reattached: {again:?}");
}

/// What tmux asked for the first time was never answered.
async fn reaches_the_program_at_once_where_the_client_was_suspended_as_it_attached() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-hook", "-g", "client-attached", "suspend-client"]);
    let bench = Bench::new(&tmux).await;
    let mut pane = PaneInput::of(&tmux, "main").await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("ready").await;
    let took = escapes(&watcher, &mut pane, by_depth(5, 9, 31)).await;
    assert!(middle(took.clone()) < AT_ONCE, "{took:?}");
}

async fn is_not_taken_for_the_beginning_of_the_next_key() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut pane = PaneInput::of(&tmux, "main").await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("ready").await;
    // A key that came in two messages is one key.
    watcher.types("\x1b").await;
    watcher.types("[A").await;
    pane.reads(b"\x1b[A").await;
    watcher.types("\x1b[").await;
    watcher.types("B").await;
    pane.reads(b"\x1b[B").await;
    watcher.types("\x1bx").await;
    pane.reads(b"\x1bx").await;
}
