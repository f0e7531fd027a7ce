//! [`Scene`]: tmux, muxview, a driver who was there from the start and the referee, all of one
//! size; and the question of the whole suite: do they see the same?

use super::{
    BareAttach, Join, LOOK_AGAIN, PATIENCE, Picture, Service, Tmux, Viewer, Xterm, process,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often [`Scene::same`] was asked in this process, and how often the answer was yes.
pub static COMPARED: AtomicU64 = AtomicU64::new(0);
pub static SAME: AtomicU64 = AtomicU64::new(0);

pub struct Scene {
    pub live: Viewer,
    pub referee: BareAttach,
    pub xterm: Xterm,
    pub service: Service,
    pub tmux: Tmux,
    pub size: (u16, u16),
}

impl Scene {
    /// The session `main` with a shell, watched by both.
    pub async fn open(cols: u16, rows: u16) -> Self {
        let tmux = Tmux::start(cols, rows);
        Self::around(tmux, cols, rows).await
    }

    pub async fn around(tmux: Tmux, cols: u16, rows: u16) -> Self {
        let service = Service::start(&tmux);
        let xterm = Xterm::start();
        let live = Viewer::join(&service, &xterm, "main", Join::driver(cols, rows)).await;
        live.opened().await;
        let referee = BareAttach::watch(&tmux, &xterm, "main", cols, rows);
        let scene = Self {
            live,
            referee,
            xterm,
            service,
            tmux,
            size: (cols, rows),
        };
        scene.same("the start", |_| true).await;
        scene
    }

    /// Runs a line in the shell of `main` and waits until it has run.
    pub async fn run(&self, line: &str) {
        self.tmux
            .enter("main:", &format!("{line}; tmux wait-for -S ran"));
        self.tmux.wait_for("ran").await;
        self.shell().await;
    }

    /// Waits until the shell of `main` waits for a line: its prompt is out.
    pub async fn shell(&self) {
        let pid = self.tmux.format("main:", "#{pane_pid}").parse().unwrap();
        super::until("the shell", async || {
            if process::waits_in_front(pid) {
                Ok(())
            } else {
                Err(self.tmux.format("main:", "#{pane_current_command}"))
            }
        })
        .await;
    }

    /// Waits until the live viewer shows what the referee shows, and `arrived` says that this is
    /// the picture meant; then a viewer that joins now must get the same with its first message.
    pub async fn same(&self, what: &str, arrived: impl Fn(&Picture) -> bool) -> Picture {
        COMPARED.fetch_add(1, Ordering::Relaxed);
        let meant = self.live_same(what, arrived).await;
        self.late_same(what).await;
        SAME.fetch_add(1, Ordering::Relaxed);
        meant
    }

    pub async fn live_same(&self, what: &str, arrived: impl Fn(&Picture) -> bool) -> Picture {
        match self.agree(PATIENCE, arrived).await {
            Ok(picture) => picture,
            Err((seen, meant)) => {
                let (live, referee) = self.drawn_anew().await;
                panic!(
                    "{what}: the live viewer differs (or never got there)\n{}\
                     --- drawn anew by tmux, the viewer's picture changed by\n{}--- and the referee's by\n{}\
                     --- the referee shows\n{}--- came to the viewer\n{}",
                    seen.differences(&meant),
                    seen.differences(&live),
                    meant.differences(&referee),
                    meant.text(),
                    self.live.story()
                )
            }
        }
    }

    /// As [`Self::same`], but two clients of one tmux do not always get the same: with random
    /// programs, about one round in 500, what it writes step by step to one of them is not what it
    /// means, and a bare client fed with those bytes is as wrong. Then tmux is asked to draw anew,
    /// and both must show that. Gives whether that was needless.
    pub async fn same_or_drawn_anew(&self, what: &str, arrived: impl Fn(&Picture) -> bool) -> bool {
        let agreed = self.agree(PATIENCE / 10, arrived).await.is_ok();
        if !agreed {
            for client in self.tmux.clients() {
                let _ = self.tmux.try_cmd(&["refresh-client", "-t", &client]);
            }
        }
        self.same(what, |_| true).await;
        agreed
    }

    /// Polls until both are the same and at rest; else the last of both.
    async fn agree(
        &self,
        patience: Duration,
        arrived: impl Fn(&Picture) -> bool,
    ) -> Result<Picture, (Picture, Picture)> {
        let deadline = Instant::now() + patience;
        let mut before: Option<Picture> = None;
        loop {
            let meant = self.referee.picture().await;
            let seen = self.live.picture().await;
            if arrived(&meant) && seen == meant && before.as_ref() == Some(&meant) {
                return Ok(meant);
            }
            if Instant::now() > deadline {
                return Err((seen, meant));
            }
            before = Some(meant);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The viewer's picture and the referee's after tmux has drawn both from its grid.
    async fn drawn_anew(&self) -> (Picture, Picture) {
        for client in self.tmux.clients() {
            let _ = self.tmux.try_cmd(&["refresh-client", "-t", &client]);
        }
        // Nothing tells that a redraw is all there; they agree once it is.
        self.agree(PATIENCE / 10, |_| true)
            .await
            .map_or_else(|both| both, |one| (one.clone(), one))
    }

    /// Waits until this viewer, too, shows what the referee shows, and gives that.
    pub async fn seen_by(&self, viewer: &Viewer, what: &str) -> Picture {
        super::until(what, async || {
            let (seen, meant) = (viewer.picture().await, self.referee.picture().await);
            if seen == meant {
                Ok(meant)
            } else {
                Err(format!("{}{}", seen.differences(&meant), viewer.story()))
            }
        })
        .await
    }

    /// A viewer that joins now: its first message alone must be what the referee shows.
    pub async fn late_same(&self, what: &str) {
        let (cols, rows) = self.size;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let before = self.referee.picture().await;
            let mut join = Join::driver(cols, rows);
            join.spectator = true;
            let late = Viewer::listen(&self.service, "main", join).await;
            let first = late.opened().await;
            let term = self.xterm.terminal(cols, rows);
            term.write(&first);
            let seen = term.picture().await;
            term.dispose();
            let meant = self.referee.picture().await;
            // While the picture moves there is no one right answer; wait for it to rest.
            if before == meant || Instant::now() > deadline {
                assert!(
                    seen == meant,
                    "{what}: a late viewer's first picture differs\n{}--- the referee shows\n{}--- came\n{}",
                    seen.differences(&meant),
                    meant.text(),
                    late.story()
                );
                return;
            }
        }
    }

    /// Resizes all three to a new grid: the driver asks, the referee's pty follows.
    pub async fn resize(&mut self, cols: u16, rows: u16) {
        self.live.resize(cols, rows);
        self.referee.resize(cols, rows);
        self.size = (cols, rows);
    }
}
