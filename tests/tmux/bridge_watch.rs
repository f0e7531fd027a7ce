//! A bridge shows its session to whoever joins, and takes what drivers type.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::Tmux;
use crate::watcher::{Bench, SPECTATOR, Watcher, driver, lines};
use bytes::Bytes;
use muxview::bridge::Join;
use muxview::config::SizePolicy;
use muxview::terminal::Size;
use muxview::viewer::{End, Output};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_first_viewer_gets_the_picture_at_its_size_and_an_echo() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(100, 30)).await;
    watcher.shows("$").await;
    let size = Size {
        cols: 100,
        rows: 30,
    };
    assert_eq!(watcher.outputs[0], Output::Size(size));
    assert!(matches!(watcher.outputs[1], Output::Frame(_)));
    assert_eq!(
        tmux.format("main", "#{window_width}x#{window_height}"),
        "100x29"
    );
    watcher.types("echo he''llo\r").await;
    watcher.shows("\nhello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_at_the_same_screen_share_the_same_bytes() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut one = bench.watch("main", driver(80, 24)).await;
    one.shows("$").await;
    let mut two = bench.watch("main", SPECTATOR).await;
    two.shows("$").await;
    one.types("echo sha''red\r").await;
    one.shows("\nshared").await;
    two.shows("\nshared").await;
    // A viewer on a busy machine may skip a picture, but most they get at the same screens.
    let places = |outputs: &[Output]| -> Vec<*const u8> {
        let frames = outputs.iter().filter_map(|output| match output {
            Output::Frame(frame) => Some(frame.wire().as_ptr()),
            _ => None,
        });
        frames.collect()
    };
    let (one, two) = (places(&one.outputs), places(&two.outputs));
    assert!(one.iter().any(|place| two.contains(place)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_viewer_gets_all_of_it_in_one_frame() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut early = bench.watch("main", driver(80, 24)).await;
    early.types("seq 100; echo do''ne\r").await;
    early.shows("done").await;
    let mut late = bench.watch("main", SPECTATOR).await;
    late.shows("done").await;
    assert_eq!(late.frames(), 1);
    assert_eq!(late.text(), early.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_keys_still_reaches_the_prefix() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    for _ in 0..5 {
        // What a lagging network delivers at once: text, then prefix c. Written at once, not one of
        // them opens a window; how many do depends on how busy the machine is.
        for key in ["e", "c", "h", "o", "\x02", "c"] {
            watcher.types(key).await;
        }
    }
    watcher
        .follow("a second window", |watcher| watcher.text().contains(" 1:"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_paste_arrives_whole() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let out = tmux.dir().join("pasted");
    watcher
        .types("stty raw -echo; echo rea''dy; head -c 500000 > pasted; stty sane; echo do''ne\r")
        .await;
    watcher.shows("ready").await;
    let line = b"0123456789abcdefghijklmnopqrstuvwxyz#%".repeat(500_000 / 38 + 1);
    let paste = Bytes::from(line[..500_000].to_vec());
    watcher.driver().input(paste.clone()).await.unwrap();
    watcher.shows("done").await;
    assert!(std::fs::read(out).unwrap() == paste, "the paste differs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_is_told_and_nothing_breaks() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    tmux.cmd(&["rename-session", "-t", "main", "other"]);
    watcher
        .follow("the new name", |watcher| {
            let renamed =
                |output: &Output| matches!(output, Output::Session(label) if &*label.name == "other");
            watcher.outputs.iter().any(renamed)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bell_and_clipboard_reach_the_typist() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-s", "set-clipboard", "on"]);
    let bench = Bench::new(&tmux).await;
    let mut typist = bench.watch("main", driver(80, 24)).await;
    typist.shows("$").await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    spectator.shows("$").await;
    typist
        .types("printf '\\a\\033]52;c;aGVsbG8=\\007'; echo do''ne\r")
        .await;
    let text = Output::Clipboard("hello".into());
    let bell = |watcher: &mut Watcher| watcher.outputs.contains(&Output::Bell);
    typist.follow("the bell", bell).await;
    typist
        .follow("the clipboard", |watcher| watcher.outputs.contains(&text))
        .await;
    spectator.shows("done").await;
    spectator.follow("the bell", bell).await;
    assert!(!spectator.outputs.contains(&text));
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_keep_their_distance_in_a_flood_and_end_at_the_truth() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let before = watcher.frames();
    let began = std::time::Instant::now();
    watcher.types("seq 300000; echo do''ne\r").await;
    watcher.shows("done").await;
    let most = began.elapsed().as_millis() / 16 + 5;
    let frames = watcher.frames() - before;
    assert!(frames as u128 <= most, "{frames} frames, {most} allowed");
    watcher
        .follow("the prompt", |watcher| watcher.text().contains("done\n$"))
        .await;
    let published = watcher.published().map(|screen| lines(&screen));
    assert_eq!(Some(watcher.text()), published);
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_delivers_what_was_typed_first() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    for key in ["t", "o", "u", "c", "h", " ", "typed", "\r"] {
        watcher.types(key).await;
    }
    bench.hub.shutdown().await;
    assert_eq!(watcher.ends().await, End::ShuttingDown);
    let typed = tmux.dir().join("typed");
    crate::support::until("the typed command to run", async || {
        typed.exists().then_some(()).ok_or_else(String::new)
    })
    .await;
    let session = bench.session("main").await;
    assert!(bench.hub.join(&session, SPECTATOR).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_ends_a_while_after_its_last_viewer() {
    let tmux = Tmux::start(80, 24);
    let linger = Duration::from_millis(50);
    let bench = Bench::with(&tmux, SizePolicy::Latest, linger).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    drop(watcher);
    crate::support::until("the client to leave", async || {
        let clients = tmux.clients();
        clients.is_empty().then_some(()).ok_or(clients.join(" "))
    })
    .await;
    let mut again = bench.watch("main", SPECTATOR).await;
    again.shows("$").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_glance_sees_the_picture_and_is_nobody() {
    let tmux = Tmux::start(80, 24);
    let linger = Duration::from_millis(50);
    let bench = Bench::with(&tmux, SizePolicy::Latest, linger).await;
    let session = bench.session("main").await;
    let mut glance = bench.hub.glance(&session, false).await.unwrap();
    let pictured = glance.state().wait_for(|state| state.picture.is_some());
    pictured.await.unwrap();
    // It outlives the lingering of a bridge, and a viewer who comes and goes.
    let mut watcher = bench.watch("main", driver(60, 20)).await;
    watcher.shows("$").await;
    let resized = glance.state().wait_for(|state| {
        let picture = state.picture.as_ref();
        picture.is_some_and(|picture| picture.screen.size.cols == 60) && state.drive == 1
    });
    assert_eq!(resized.await.unwrap().view, 0);
    drop(watcher);
    let alone = glance.state().wait_for(|state| state.drive == 0);
    alone.await.unwrap();
    tmux.enter("main", "echo st''ill");
    let there = glance.state().wait_for(|state| {
        let rows = &state.picture.as_ref().unwrap().screen.rows;
        rows.iter().any(|row| row.text() == "still")
    });
    there.await.unwrap();
    assert_eq!(tmux.clients().len(), 1);
    drop(glance);
    crate::support::until("the client to leave", async || {
        let clients = tmux.clients();
        clients.is_empty().then_some(()).ok_or(clients.join(" "))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_would_die_without_us_is_not_left() {
    let tmux = Tmux::start(80, 24);
    tmux.session("doomed", 80, 24);
    let linger = Duration::from_millis(50);
    let bench = Bench::with(&tmux, SizePolicy::Latest, linger).await;
    let mut watcher = bench.watch("doomed", driver(80, 24)).await;
    watcher.shows("$").await;
    tmux.cmd(&["set-option", "-t", "doomed", "destroy-unattached", "on"]);
    drop(watcher);
    tokio::time::sleep(10 * linger).await;
    let mut back = bench
        .watch(
            "doomed",
            Join {
                resume: true,
                ..driver(80, 24)
            },
        )
        .await;
    back.shows("$").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_drawn_for_nobody_and_all_is_right_at_once_for_somebody() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-g", "set-titles", "on"]);
    tmux.cmd(&["set-option", "-g", "set-titles-string", "#T"]);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    watcher.shows("$").await;
    spectator.shows("$").await;
    watcher.set_visible(false);
    spectator.set_visible(false);
    let before = watcher.published().expect("shown").generation.0;
    // Seconds of output: watched, it would be a picture each 16 ms.
    watcher
        .types("clear; seq 400000; seq 400000; printf '\\033]2;do''ne\\007'\r")
        .await;
    let title = |output: &Output| matches!(output, Output::Title(title) if &**title == "done");
    watcher
        .follow("the title, hidden", |watcher| {
            watcher.outputs.iter().any(title)
        })
        .await;
    let built = watcher.published().expect("shown").generation.0 - before;
    assert!(built <= 3, "{built} pictures were taken for nobody");

    // What nobody saw and nothing told of: who comes back has it.
    let drawn = tmux.dir().join("drawn");
    watcher.types("clear; seq 12345; touch drawn\r").await;
    crate::support::until("the output", async || {
        if drawn.exists() {
            Ok(())
        } else {
            Err("it runs".to_owned())
        }
    })
    .await;
    // That no old picture comes first is the canvas's to prove: what tmux has not sent yet cannot be
    // waited for here.
    spectator.set_visible(true);
    spectator.shows("12345").await;
    // A bridge that outlives its last viewer takes none either.
    drop(watcher);
    drop(spectator);
    let mut late = bench.watch("main", SPECTATOR).await;
    late.shows("12345").await;
}
