//! [`PaneInput`]: a program in a pane that passes on what it reads, as it comes, to the test.

use crate::support::{PATIENCE, Tmux};
use std::io::Read as _;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) struct PaneInput {
    reads: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
    rest: Vec<u8>,
}

impl PaneInput {
    /// Starts it in place of the session's shell. It prints `before`, for example to ask for reports,
    /// and then `ready`.
    pub(crate) async fn after(tmux: &Tmux, session: &str, before: &str) -> Self {
        let fifo = tmux.dir().join(format!("input-of-{session}"));
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        let line = format!(
            "clear; stty raw -echo; printf '{before}ready'; exec cat > {}",
            fifo.display()
        );
        tmux.enter(&format!("{session}:"), &line);
        let (came, reads) = mpsc::unbounded_channel();
        let (opened, open) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            // Opens when `cat` has, with the terminal raw.
            let mut fifo = std::fs::File::open(fifo).unwrap();
            let _ = opened.send(());
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = fifo.read(&mut buffer) {
                if came
                    .send((Instant::now(), buffer[..count].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        timeout(PATIENCE, open).await.expect("cat runs").unwrap();
        Self {
            reads,
            rest: Vec::new(),
        }
    }

    pub(crate) async fn of(tmux: &Tmux, session: &str) -> Self {
        Self::after(tmux, session, "").await
    }

    /// What it reads next, and when.
    pub(crate) async fn next(&mut self) -> (Instant, Vec<u8>) {
        let next = timeout(PATIENCE, self.reads.recv()).await;
        next.expect("the program reads something").expect("it runs")
    }

    /// Gives what it reads up to this.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.rest.windows(end.len()).position(|some| some == end);
            if let Some(at) = found {
                let rest = self.rest.split_off(at + end.len());
                let mut seen = std::mem::replace(&mut self.rest, rest);
                seen.truncate(at);
                return seen;
            }
            let (_, bytes) = self.next().await;
            self.rest.extend(bytes);
        }
    }

    /// The next so many bytes it reads.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.rest.len() < count {
            let next = timeout(PATIENCE, self.reads.recv()).await;
            let Ok(Some((_, bytes))) = next else {
                panic!("only {:?} came", self.rest.escape_ascii().to_string());
            };
            self.rest.extend(bytes);
        }
        let rest = self.rest.split_off(count);
        std::mem::replace(&mut self.rest, rest)
    }

    /// Waits until it has read exactly this, and nothing else before.
    pub(crate) async fn reads(&mut self, expected: &[u8]) {
        while self.rest.len() < expected.len() {
            let next = timeout(PATIENCE, self.reads.recv()).await;
            let Ok(Some((_, bytes))) = next else {
                panic!(
                    "only {:?} came of {:?}",
                    self.rest.escape_ascii().to_string(),
                    expected.escape_ascii().to_string()
                );
            };
            self.rest.extend(bytes);
        }
        let rest = self.rest.split_off(expected.len());
        let seen = std::mem::replace(&mut self.rest, rest);
        assert_eq!(
            seen.escape_ascii().to_string(),
            expected.escape_ascii().to_string()
        );
    }
}
