//! The service manager is told when requests are answered, how things stand, that the work goes on,
//! and that it ends; and a service that is stuck says nothing.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{PATIENCE, Tmux, process};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long the manager waits for a sign of life.
const WATCHDOG: Duration = Duration::from_millis(800);

/// A service manager's end, and the service it watches.
struct Managed {
    socket: UnixDatagram,
    child: Child,
}

impl Managed {
    fn start(tmux: &Tmux) -> Self {
        let path = tmux.dir().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
        tmux.clean(&mut command);
        command
            .args(["serve", "--auth", "none", "--tmux-socket-path"])
            .arg(tmux.socket())
            .arg("--listen")
            .arg(format!("unix:{}", tmux.dir().join("http").display()))
            .arg("--state-dir")
            .arg(tmux.dir().join("state"))
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let _guard = process::SPAWN.lock().unwrap_or_else(|p| p.into_inner());
        let child = command.spawn().unwrap();
        Self { socket, child }
    }

    /// The next thing told, within a time.
    fn next(&self, within: Duration) -> Option<String> {
        let mut buffer = [0; 4096];
        self.socket
            .set_read_timeout(Some(within.max(Duration::from_millis(1))))
            .unwrap();
        let read = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..read].to_vec()).unwrap())
    }

    /// Waits for something to be told. Gives all that was until then.
    fn told(&self, what: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = vec![];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(message) = self.next(left) else {
                panic!("{what} was not told, but {heard:?}");
            };
            let found = message.lines().any(|line| line == what);
            heard.push(message);
            if found {
                return heard;
            }
        }
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn readiness_status_life_and_the_end_are_told_in_order() {
    let tmux = Tmux::start(80, 24);
    let mut managed = Managed::start(&tmux);
    let before = managed.told("READY=1");
    assert!(
        !before.iter().any(|message| message.contains("WATCHDOG=1")),
        "nothing is promised before it is ready: {before:?}"
    );
    let version = tmux.cmd(&["display-message", "-p", "#{version}"]);
    managed.told(&format!("STATUS=no viewers; tmux {}", version.trim()));
    for _ in 0..3 {
        let waited = Instant::now();
        managed.told("WATCHDOG=1");
        assert!(
            waited.elapsed() < WATCHDOG,
            "a sign of life came late: {:?}",
            waited.elapsed()
        );
    }
    tmux.cmd(&["kill-server"]);
    managed.told("STATUS=no viewers; no tmux server yet");
    managed.told("WATCHDOG=1");
    process::signal(managed.child.id(), "TERM");
    managed.told("STOPPING=1");
    assert!(managed.child.wait().unwrap().success());
}

#[test]
fn a_stopped_process_shows_no_life() {
    let tmux = Tmux::start(80, 24);
    let managed = Managed::start(&tmux);
    managed.told("READY=1");
    managed.told("WATCHDOG=1");
    process::signal(managed.child.id(), "STOP");
    // What was on its way, and then nothing for as long as a manager would wait.
    while managed.next(WATCHDOG).is_some() {}
    process::signal(managed.child.id(), "CONT");
    managed.told("WATCHDOG=1");
}
