//! Upgrades in place from earlier releases (`tests/releases.tsv`): a running muxview of that commit hands
//! over to this build on SIGHUP, and those who type meanwhile lose nothing.
//!
//! `.ci/releases` builds the releases; `make test-matrix` and `make soak` run it first.

use crate::support::raw::Target;
use crate::support::typist::{Typists, listener};
use crate::support::{Raw, Service, Tmux, process, until};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

scenarios![every_release_hands_over_to_this_build.full()];

async fn every_release_hands_over_to_this_build() {
    let releases = include_str!("../releases.tsv").lines().skip(1);
    let mut tried = 0;
    for line in releases {
        let commit = line.split('\t').next().expect("a line has a first column");
        upgrade_from(commit).await;
        tried += 1;
    }
    assert!(tried > 0, "tests/releases.tsv lists nothing");
}

async fn upgrade_from(commit: &str) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .ancestors()
        .find(|folder| folder.ends_with("target"))
        .map_or_else(|| PathBuf::from("target"), Path::to_owned);
    let old = target.join("releases").join(commit).join("muxview");
    assert!(
        old.exists(),
        "{} is missing; build it with .ci/releases",
        old.display()
    );
    let new = Path::new(env!("CARGO_BIN_EXE_muxview"));

    let tmux = Tmux::without_server();
    let file = listener(&tmux, "main");
    let program = tmux.dir().join("muxview");
    symlink(&old, &program).unwrap();
    let mut service = Service::start_at(&tmux, &program, &[]);
    let targets = [Target::Tcp(service.port)];
    let typists = Typists::begin(&targets, 5).await;
    let watcher = Raw::join(&targets[0], "main", "role=view").await;
    watcher.opened(1).await;

    let next = tmux.dir().join("next");
    symlink(new, &next).unwrap();
    std::fs::rename(&next, &program).unwrap();
    process::signal(service.pid(), "HUP");
    watcher.opened(2).await;
    until("this build to run", async || {
        let runs = std::fs::read_link(format!("/proc/{}/exe", service.pid())).unwrap();
        if runs == new.canonicalize().unwrap() {
            Ok(())
        } else {
            Err(format!("{} runs\n{}", runs.display(), service.log()))
        }
    })
    .await;
    // And once more, with what the new one takes over from itself.
    process::signal(service.pid(), "HUP");
    watcher.opened(3).await;
    assert!(service.alive());
    let told = typists.end(&file, 3).await;
    println!(
        "from {commit}: {told} with tmux {}",
        crate::harness::version()
    );
}
