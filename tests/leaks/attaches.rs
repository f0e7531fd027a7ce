//! Promise: attaching and leaving again leaves no descriptor and no process behind. It counts those of
//! its own process, so no other test may share it.

#![allow(missing_docs, clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux::{Tmux, read_a_redraw, read_until, until};
use muxview::terminal::Size;
use muxview::tmux::SessionId;
use std::time::Duration;

const SIZE: Size = Size { cols: 80, rows: 25 };

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Children of this process, zombies included.
fn children() -> usize {
    let me = std::process::id().to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter(|stat| {
            stat.rsplit(") ")
                .next()
                .and_then(|rest| rest.split(' ').nth(1))
                == Some(&me)
        })
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attaching_and_dropping_leaves_nothing_behind() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let first = server.attach(SessionId(0), SIZE, false).await.unwrap();
    read_a_redraw(&first).await;
    drop(first);
    until("it has ended", || async { children() == 0 }).await;
    let before = (descriptors(), children());
    for round in 0..200 {
        let attach = server
            .attach(SessionId(0), SIZE, round % 2 == 0)
            .await
            .unwrap();
        if round % 3 == 0 {
            read_until(&attach, "\x1b[?1049h").await;
        }
        drop(attach);
    }
    let settled = tokio::time::timeout(Duration::from_secs(10), async {
        while (descriptors(), children()) != before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(
        settled.is_ok(),
        "before {before:?}, after {:?}",
        (descriptors(), children())
    );
    until("tmux has let them go", || async {
        tmux.must(&["list-clients"]).is_empty()
    })
    .await;
}
