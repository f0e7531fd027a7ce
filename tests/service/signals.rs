//! The end of the process: within five seconds of the first signal, at once at the second; and its
//! log is what the journal expects, where the journal reads it.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux::{Tmux, signal, until};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// From SIGTERM to exit, and some for a busy machine.
const END: Duration = Duration::from_secs(7);

struct Running {
    child: Child,
    log: PathBuf,
    socket: PathBuf,
}

impl Running {
    /// With its stderr in a file, which is the journal's if `journal`.
    async fn start(tmux: &Tmux, auth: &str, journal: bool) -> Self {
        let (log, socket) = (tmux.dir.path().join("log"), tmux.dir.path().join("http"));
        let stderr = File::create(&log).unwrap();
        let found = stderr.metadata().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
        command
            .args(["serve", "--auth", auth, "--tmux-socket-name", &tmux.name])
            .arg("--state-dir")
            .arg(tmux.dir.path().join("state"))
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .env_remove("TMUX")
            .env_remove("RUST_LOG")
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        if journal {
            command.env("JOURNAL_STREAM", format!("{}:{}", found.dev(), found.ino()));
        }
        let child = command.spawn().unwrap();
        let running = Self { child, log, socket };
        running.says("muxview: http").await;
        running
    }

    async fn says(&self, words: &str) {
        until(words, async || self.said().contains(words)).await;
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn signal(&self) {
        signal(&self.child.id().to_string(), "-TERM");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn one_signal_ends_it_in_time_and_a_second_at_once() {
    for second in [false, true] {
        let tmux = Tmux::started();
        let mut running = Running::start(&tmux, "none", false).await;
        // Half a request keeps its connection for a while, and a tmux that hangs whatever asks it.
        let mut half = UnixStream::connect(&running.socket).unwrap();
        half.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
        let server = tmux.server_pid();
        signal(&server, "-STOP");
        let began = Instant::now();
        running.signal();
        if second {
            running.says("a second signal stops at once").await;
            running.signal();
        }
        let code = running.child.wait().unwrap().code();
        signal(&server, "-CONT");
        assert_eq!(code, Some(i32::from(second)), "{}", running.said());
        assert!(began.elapsed() < END, "{:?}", began.elapsed());
        assert!(!running.socket.exists() || second);
        assert_eq!(running.said().contains("stopped at once"), second);
    }
}

#[tokio::test]
async fn the_journal_gets_levels_and_a_person_gets_lines() {
    for journal in [true, false] {
        let tmux = Tmux::none();
        let mut running = Running::start(&tmux, "none", journal).await;
        running.signal();
        assert!(running.child.wait().unwrap().success());
        let said = running.said();
        let lines = said.lines().filter(|line| !line.starts_with("muxview: "));
        for line in lines {
            let level = line.starts_with("<4>") || line.starts_with("<6>");
            assert_eq!(level, journal, "{line}");
        }
        assert_eq!(said.contains("<4>--auth none"), journal, "{said}");
        assert_eq!(said.contains(" WARN --auth none"), !journal, "{said}");
    }
}

#[tokio::test]
async fn the_journal_gets_no_link_that_signs_in() {
    for journal in [true, false] {
        let tmux = Tmux::none();
        let running = Running::start(&tmux, "token", journal).await;
        let said = running.said();
        assert_eq!(said.contains("#t="), !journal, "{said}");
        assert_eq!(said.contains("muxview url"), journal, "{said}");
    }
}
