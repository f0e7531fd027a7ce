//! A tmux server that hangs: people are told, and nothing of ours hangs with it.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::Tmux;
use crate::watcher::{Bench, SPECTATOR, Watcher, driver};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// A server that stands still until this is dropped.
struct Stopped(String);

impl Stopped {
    fn new(tmux: &Tmux) -> Self {
        let pid = tmux.format("main", "#{pid}");
        signal("-STOP", &pid);
        Self(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(how: &str, pid: &str) {
    let sent = std::process::Command::new("kill").args([how, pid]).status();
    assert!(sent.unwrap().success(), "kill {how} {pid}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_told_and_untold() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", SPECTATOR).await;
    watcher.shows("$").await;
    let notice = |watcher: &mut Watcher| watcher.state().notice.clone();
    let stopped = Stopped::new(&tmux);
    // Whoever asks finds out.
    assert!(bench.server.sessions().await.is_err());
    watcher
        .follow("a notice", |watcher| {
            notice(watcher).is_some_and(|notice| notice.contains("did not answer"))
        })
        .await;
    drop(stopped);
    watcher
        .follow("all is well", |watcher| notice(watcher).is_none())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_server_that_hangs() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let session = bench.session("main").await;
    let _stopped = Stopped::new(&tmux);
    // Its bridge asks for the window's size and gets no answer.
    let _watcher = bench.enter(&session, SPECTATOR).await;
    let stop = tokio::time::timeout(Duration::from_secs(2), bench.hub.shutdown());
    assert!(stop.await.is_ok(), "it waits for tmux");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_sizes_holds_up_neither_keys_nor_pictures() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("$").await;
    let (flooder, size) = (watcher.driver(), watcher.terminal.size());
    let over = Arc::new(AtomicBool::new(false));
    let flood = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            while !over.load(Relaxed) {
                flooder.resize(size);
            }
        }
    });
    watcher.types("echo thr''ough\r").await;
    watcher.shows("\nthrough").await;
    over.store(true, Relaxed);
    flood.join().unwrap();
}
