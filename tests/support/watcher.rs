//! [`Watcher`]: a viewer inside the process. What a bridge publishes goes through the viewer's own
//! pacing into a terminal, and every screen on the way is looked at.

#![allow(dead_code, unreachable_pub)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::Tmux;
use bytes::Bytes;
use muxview::bridge::Manner;
use muxview::bridge::{Driver, Join, Seat};
use muxview::config::SizePolicy;
use muxview::heartbeat::Pulse;
use muxview::hub::Hub;
use muxview::terminal::{Generation, Screen, Size, Terminal, Widths};
use muxview::tmux::{Server, Session, Socket, Status};
use muxview::viewer::State;
use muxview::viewer::{End, Frame, Output, Viewer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

/// How long something may take that takes milliseconds: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// muxview without the web: a hub on a test's tmux.
pub struct Bench {
    pub server: Server,
    pub hub: Hub,
}

impl Bench {
    pub async fn new(tmux: &Tmux) -> Self {
        Self::with(tmux, SizePolicy::Latest, Duration::from_secs(30)).await
    }

    pub async fn with(tmux: &Tmux, policy: SizePolicy, linger: Duration) -> Self {
        // `detach-client -P` sends the client's parent, which is this process, a SIGHUP.
        let mut hangups =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).unwrap();
        tokio::spawn(async move { while hangups.recv().await.is_some() {} });
        let server = Server::new(Socket::Path(tmux.socket()));
        let mut status = server.status();
        let ready = status.wait_for(|status| matches!(status, Status::Ready { .. }));
        timeout(PATIENCE, ready).await.unwrap().unwrap();
        let manner = Manner {
            policy,
            linger,
            check_frames: true,
        };
        let hub = Hub::with(server.clone(), manner, Pulse::default());
        Self { server, hub }
    }

    pub async fn session(&self, name: &str) -> Session {
        let sessions = self.server.sessions().await.unwrap();
        sessions
            .into_iter()
            .find(|session| session.name == name)
            .unwrap()
    }

    pub async fn watch(&self, name: &str, join: Join) -> Watcher {
        self.enter(&self.session(name).await, join).await
    }

    pub async fn enter(&self, session: &Session, join: Join) -> Watcher {
        Watcher::new(self.hub.join(session, join).await.unwrap(), join)
    }
}

/// A driver with this size.
pub const fn driver(cols: u16, rows: u16) -> Join {
    Join {
        drive: true,
        size: Some(Size { cols, rows }),
        visible: true,
        resume: false,
        outvoted: false,
        confined: false,
    }
}

pub const SPECTATOR: Join = Join {
    drive: false,
    size: None,
    visible: true,
    resume: false,
    outvoted: false,
    confined: false,
};

/// One viewer and its terminal.
pub struct Watcher {
    pub seat: Seat,
    pub viewer: Viewer,
    pub terminal: Terminal,
    size: Option<Size>,
    /// Everything it was sent, in order.
    pub outputs: Vec<Output>,
    /// Must never be on any screen or in any title.
    pub forbidden: Option<&'static str>,
}

impl Watcher {
    fn new(seat: Seat, join: Join) -> Self {
        let size = Size { cols: 80, rows: 24 };
        Self {
            viewer: Viewer::new(seat.viewer(), join.visible),
            seat,
            terminal: Terminal::new(size, Widths::of_viewers(), Generation(0)),
            size: None,
            outputs: Vec::new(),
            forbidden: None,
        }
    }

    pub fn driver(&self) -> Driver {
        self.seat.driver().expect("joined to drive")
    }

    pub async fn types(&self, text: &'static str) {
        self.driver()
            .input(Bytes::from_static(text.as_bytes()))
            .await
            .unwrap();
    }

    pub fn state(&mut self) -> Arc<State> {
        self.seat.state().borrow().clone()
    }

    /// The bridge's picture, if it has one.
    pub fn published(&mut self) -> Option<Arc<Screen>> {
        let state = self.state();
        state.picture.as_ref().map(|picture| picture.screen.clone())
    }

    /// Shows or hides its page.
    pub fn set_visible(&mut self, visible: bool) {
        self.viewer.set_visible(visible);
        self.seat.set_visible(visible);
    }

    /// What its terminal shows.
    pub fn text(&mut self) -> String {
        lines(&self.terminal.screen())
    }

    /// Follows until its terminal shows `text`.
    pub async fn shows(&mut self, text: &str) {
        self.follow(text, |watcher| watcher.text().contains(text))
            .await;
    }

    /// Follows until it was told the end.
    pub async fn ends(&mut self) -> End {
        self.follow("the end", |watcher| watcher.end().is_some())
            .await;
        self.end().expect("just seen")
    }

    fn end(&self) -> Option<End> {
        match self.outputs.last() {
            Some(Output::End(end)) => Some(*end),
            _ => None,
        }
    }

    /// Follows what is published until `enough`.
    pub async fn follow(&mut self, what: &str, enough: impl Fn(&mut Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.take();
            if enough(self) {
                return;
            }
            let text = self.text();
            assert!(
                Instant::now() < deadline && self.end().is_none(),
                "waited in vain for {what}; ended: {:?}; shown:\n{text}",
                self.end()
            );
            let wake = self.viewer.wake_at().unwrap_or(deadline).min(deadline);
            tokio::select! {
                changed = self.seat.state().changed() => changed.expect("a bridge ends with a word"),
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    /// Follows for a while.
    pub async fn idle(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until && self.end().is_none() {
            self.take();
            tokio::select! {
                _ = self.seat.state().changed() => {}
                () = sleep_until(until.into()) => {}
            }
        }
    }

    fn take(&mut self) {
        let state = self.seat.state().borrow_and_update().clone();
        if let Some(picture) = &state.picture {
            self.inspect(&picture.screen);
        }
        while let Some(output) = self.viewer.next(&state, Instant::now()) {
            match &output {
                Output::Size(size) => self.size = Some(*size),
                Output::Frame(frame) => self.draw(frame),
                _ => {}
            }
            self.outputs.push(output);
        }
    }

    fn inspect(&self, screen: &Screen) {
        if let Some(forbidden) = self.forbidden {
            let shown = lines(screen);
            assert!(
                !shown.contains(forbidden),
                "another session is shown:\n{shown}"
            );
            assert!(!screen.title.contains(forbidden), "its title is shown");
        }
    }

    fn draw(&mut self, frame: &Frame) {
        if let Some(size) = self.size.take() {
            self.terminal.resize(size);
        }
        let mut bytes = frame.payload();
        while !bytes.is_empty() {
            bytes = &bytes[self.terminal.feed(bytes)..];
        }
        let screen = self.terminal.screen();
        self.inspect(&screen);
    }

    /// How many frames it was sent.
    pub fn frames(&self) -> usize {
        let frame = |output: &&Output| matches!(output, Output::Frame(_));
        self.outputs.iter().filter(frame).count()
    }
}

pub fn lines(screen: &Screen) -> String {
    let rows: Vec<String> = screen.rows.iter().map(|row| row.text()).collect();
    rows.join("\n")
}
