//! A viewer that stops reading under a flood costs nothing but its own view: muxview and tmux do
//! not grow, the others see on, and when it reads again the current picture comes with one frame
//! after what was already under way.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{Join, Scene, Service, Viewer, process, soak, until};
use std::time::Instant;

/// More than this under way to a viewer that acks would break the contract.
const UNACKED: u64 = 256 * 1024;
/// What is printed while it does not read, in bytes.
const FLOOD: u64 = 15_000_000;
const FLOOD_SOAKING: u64 = 150_000_000;
/// One full frame of the flood and some.
const FRAME: u64 = 64 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_stops_reading() {
    let scene = Scene::open(120, 40).await;
    let acking = Viewer::join(
        &scene.service,
        &scene.xterm,
        "main",
        Join {
            keep: false,
            ..Join::spectator()
        },
    )
    .await;
    let silent = Join {
        acks: false,
        keep: false,
        ..Join::spectator()
    };
    let silent = Viewer::join(&scene.service, &scene.xterm, "main", silent).await;
    let watching = Viewer::join(
        &scene.service,
        &scene.xterm,
        "main",
        Join {
            keep: false,
            ..Join::spectator()
        },
    )
    .await;
    for viewer in [&acking, &silent, &watching] {
        until("its first picture", async || {
            if viewer.received().0 > 0 {
                Ok(())
            } else {
                Err(viewer.story())
            }
        })
        .await;
    }

    let flood = scene.tmux.file(
        "flood.sh",
        "n=0\nwhile [ ! -e stop ]; do n=$((n+1)); printf '\\033[3%dm%d the quick brown fox jumps over the lazy dog, again and again and again\\033[m\\n' $((n % 8)) $n; done\nclear; echo FLOOD OVER\n",
    );
    scene.tmux.enter("main:", &format!("sh {flood}"));
    until("the flood", async || {
        if watching.received().0 > 100 {
            Ok(())
        } else {
            Err(watching.story())
        }
    })
    .await;
    let (service, tmux) = (scene.service.pid(), scene.tmux.pid());
    let before = (process::rss_kib(service), process::rss_kib(tmux));
    acking.pause();
    silent.pause();
    let (frames, _) = watching.received();
    let stalled = Instant::now();
    let printed = process::bytes_read(tmux);
    for tenth in 1..=10 {
        until("the flood's tenth", async || {
            let more = process::bytes_read(tmux) - printed;
            if more >= tenth * soak(FLOOD, FLOOD_SOAKING) / 10 {
                Ok(())
            } else {
                Err(format!("{more} bytes"))
            }
        })
        .await;
    }
    let stalled = stalled.elapsed();
    let after = (process::rss_kib(service), process::rss_kib(tmux));
    let seen = watching.received().0 - frames;
    assert!(
        after.0 < before.0 + 2048,
        "muxview grew from {} to {} KiB",
        before.0,
        after.0
    );
    assert!(
        after.1 < before.1 + 2048,
        "tmux grew from {} to {} KiB",
        before.1,
        after.1
    );
    assert!(
        seen > 10 * stalled.as_secs(),
        "the others got {seen} frames in {stalled:?}"
    );

    scene.tmux.file("stop", "");
    let meant = scene
        .same("the end of the flood", |p| p.line(0) == "FLOOD OVER")
        .await;
    for (who, viewer, most) in [
        ("acking", &acking, UNACKED + FRAME),
        ("silent", &silent, 8 * 1024 * 1024),
    ] {
        let (_, bytes) = viewer.received();
        viewer.resume();
        until("the current picture", async || {
            let seen = viewer.picture().await;
            if seen == meant {
                Ok(())
            } else {
                Err(format!("{who}\n{}", seen.differences(&meant)))
            }
        })
        .await;
        let came = viewer.received().1 - bytes;
        assert!(came <= most, "{who}: {came} bytes came to catch up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_frame_brings_it_up_to_date() {
    let scene = Scene::open(80, 24).await;
    let stalled = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    stalled.opened().await;
    // Nothing under way: whatever happens now, one frame must do.
    scene.run("clear; echo BEFORE").await;
    scene.same("before", |p| p.contains("BEFORE\n")).await;
    stalled.shows("before", |p| p.contains("BEFORE\n")).await;
    stalled.pause();
    // Fill what may be under way, then much more.
    let big = "for i in 1 2 3 4 5 6 7 8 9 10; do seq 1 20000; done; clear; printf '\\033[35mAFTER\\033[m\\n'";
    scene.run(big).await;
    let meant = scene.same("after", |p| p.contains("AFTER\n")).await;
    let before = stalled.binaries().len();
    stalled.resume();
    stalled.shows("after", |p| *p == meant).await;
    let frames = stalled.binaries()[before..].to_vec();
    let under_way: usize = frames[..frames.len() - 1]
        .iter()
        .map(bytes::Bytes::len)
        .sum();
    assert!(
        under_way as u64 <= UNACKED + FRAME,
        "{under_way} bytes were under way"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hidden_viewers_get_no_frames() {
    let scene = Scene::open(80, 24).await;
    let hidden = Viewer::join(
        &scene.service,
        &scene.xterm,
        "main",
        Join {
            hidden: true,
            ..Join::spectator()
        },
    )
    .await;
    let hello = hidden.text("hello").await;
    assert_eq!(hello["role"], "view");
    scene.run("seq 1 500; echo SEEN BY OTHERS").await;
    let meant = scene
        .same("by others", |p| p.contains("SEEN BY OTHERS\n"))
        .await;
    assert_eq!(hidden.received().0, 0, "{}", hidden.story());
    hidden.say(&serde_json::json!({"type": "visible", "visible": true}));
    hidden
        .shows("the picture once visible", |p| *p == meant)
        .await;
    assert_eq!(hidden.received().0, 1, "one repaint: {}", hidden.story());
    hidden.say(&serde_json::json!({"type": "visible", "visible": false}));
    hidden.say(&serde_json::json!({"type": "ping", "id": 1}));
    hidden.text("pong").await;
    scene.run("echo NOT FOR THE HIDDEN").await;
    scene.same("hidden again", |p| p.contains("HIDDEN\n")).await;
    assert_eq!(hidden.received().0, 1, "{}", hidden.story());
}

/// Repaints are given when asked for, but not without end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repaints_on_request() {
    let scene = Scene::open(80, 24).await;
    let service: &Service = &scene.service;
    let viewer = Viewer::join(service, &scene.xterm, "main", Join::spectator()).await;
    viewer.opened().await;
    viewer
        .term
        .as_ref()
        .unwrap()
        .write(b"\x1b[2J\x1b[31mspoilt");
    viewer.say(&serde_json::json!({"type": "repaint"}));
    let meant = scene.referee.picture().await;
    viewer.shows("the repaint", |p| *p == meant).await;
    let before = viewer.received().0;
    for _ in 0..1000 {
        viewer.say(&serde_json::json!({"type": "repaint"}));
    }
    viewer.say(&serde_json::json!({"type": "ping", "id": "after"}));
    viewer.text("pong").await;
    let came = viewer.received().0 - before;
    assert!(came <= 30, "{came} repaints for 1000 requests at once");
}
