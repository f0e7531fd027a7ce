//! A private tmux server per test: its own socket, no configuration, gone at the end.

#![allow(unreachable_pub, dead_code)] // each test file is a crate of its own and uses a part

use muxview::tmux::{Attach, Server, Socket, Status};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long anything here may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub struct Tmux {
    pub name: String,
    /// Kept as the place for files; removed at the end.
    pub dir: tempfile::TempDir,
}

impl Tmux {
    /// No server yet.
    pub fn none() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("muxview-test-{}-{count}", std::process::id()),
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// A server with one session, `a`, 80x24, that runs `cat`.
    pub fn started() -> Self {
        let tmux = Self::none();
        tmux.must(&[
            "new-session",
            "-d",
            "-s",
            "a",
            "-x",
            "80",
            "-y",
            "24",
            "cat",
        ]);
        tmux
    }

    pub fn socket(&self) -> Socket {
        Socket::Name(self.name.clone())
    }

    pub fn command(&self, args: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-u", "-L", &self.name, "-f", "/dev/null"])
            .args(args)
            .env("LC_ALL", "C.UTF-8")
            .env_remove("TMUX")
            .stdin(Stdio::null())
            .output()
            .expect("tmux runs")
    }

    /// Runs a command that must succeed, and gives what it printed.
    pub fn must(&self, args: &[&str]) -> String {
        let output = self.command(args);
        assert!(
            output.status.success(),
            "tmux {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    pub fn server_pid(&self) -> String {
        self.must(&["display-message", "-p", "#{pid}"])
    }

    pub async fn ready(&self) -> Server {
        let server = Server::new(self.socket());
        let mut status = server.status();
        tokio::time::timeout(
            PATIENCE,
            status.wait_for(|s| matches!(s, Status::Ready { .. })),
        )
        .await
        .expect("ready in time")
        .expect("the server lives");
        server
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // A client that nobody reads any more holds the server up, so it is not only asked to end.
        let pid = self.command(&["display-message", "-p", "#{pid}"]);
        self.command(&["kill-server"]);
        let pid = String::from_utf8_lossy(&pid.stdout).trim().to_owned();
        if pid.parse::<u32>().is_ok() {
            let _ = Command::new("kill")
                .args(["-KILL", &pid])
                .stderr(Stdio::null())
                .status();
        }
        let _ = std::fs::remove_file(self.socket().path());
    }
}

pub fn signal(pid: &str, signal: &str) {
    let status = Command::new("kill")
        .args([signal, pid])
        .status()
        .expect("kill runs");
    assert!(status.success());
}

/// Waits until something holds that only asking can tell.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{what}"));
}

/// Reads until tmux has drawn: the end of a synchronised update, as 3.4 and newer or older ones mark it.
pub async fn read_a_redraw(attach: &Attach) -> String {
    read_until_any(attach, &["\x1b[?2026l", "\x1bP=2s"]).await
}

/// Reads until `text` has come, and gives all that was read.
pub async fn read_until(attach: &Attach, text: &str) -> String {
    read_until_any(attach, &[text]).await
}

async fn read_until_any(attach: &Attach, texts: &[&str]) -> String {
    let mut seen = vec![];
    let mut buf = [0; 4096];
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            let n = attach.read(&mut buf).await.expect("the pty reads");
            assert!(n > 0, "ended: {}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&buf[..n]);
            let seen = String::from_utf8_lossy(&seen);
            if texts.iter().any(|text| seen.contains(text)) {
                return;
            }
        }
    })
    .await;
    assert!(
        found.is_ok(),
        "{texts:?} not in {:?}",
        String::from_utf8_lossy(&seen)
    );
    String::from_utf8_lossy(&seen).into_owned()
}

/// Reads to the end, and gives all that was read.
pub async fn read_to_end(attach: &Attach) -> String {
    let mut seen = vec![];
    let mut buf = [0; 4096];
    tokio::time::timeout(PATIENCE, async {
        loop {
            match attach.read(&mut buf).await.expect("the pty reads") {
                0 => return,
                n => seen.extend_from_slice(&buf[..n]),
            }
        }
    })
    .await
    .expect("it ends");
    String::from_utf8_lossy(&seen).into_owned()
}

pub async fn write_all(attach: &Attach, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let n = attach.write(bytes).await.expect("the pty writes");
        bytes = &bytes[n..];
    }
}
