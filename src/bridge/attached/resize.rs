//! Sizes: brings pty and window to what is planned, and tells the sizing what became of it.

use crate::bridge::attached::Live;
use crate::bridge::attached::careful;
use crate::bridge::attached::wake::Sized;
use crate::bridge::policy::resize_steps::Do;
use crate::bridge::policy::sizing::Plan;
use crate::bridge::task::Lost;
use crate::tmux::{Error, Follower};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Pause before a question is asked again that tmux answered with "not yet".
const AGAIN: Duration = Duration::from_millis(1);
/// The same for a client that has just been started; each costs a process.
const CLAIM_AGAIN: Duration = Duration::from_millis(10);

impl Live<'_> {
    /// Brings pty and window to the size that is planned, step by step. Says the plan.
    pub(super) fn size(&mut self, now: Instant) -> Result<Option<Plan>, Lost> {
        if !self.canvas.seen() {
            return Ok(None);
        }
        loop {
            let plan = self.bridge.ends.shared.roster().sizing.plan();
            let (quiet, free) = (self.canvas.quiet(), self.sized.is_free());
            let server = self.bridge.server.clone();
            match self.resize.step(plan, quiet, free, now) {
                Do::Nothing => return Ok(plan),
                Do::Claim(claim) => {
                    self.claim(claim, Duration::ZERO);
                }
                Do::Apply(size) => {
                    if let Err(error) = self.attach.resize(size) {
                        tracing::debug!(%error, "the pty takes no size");
                        return Err(Lost::Ended);
                    }
                    let canvas = &mut self.canvas;
                    careful(|| canvas.resize(size))?;
                    self.confirm(Duration::ZERO);
                }
                Do::AskWindow => {
                    let id = self.bridge.state.session.id;
                    self.sized
                        .ask(async move { Sized::Window(server.window_size(id).await) });
                }
                Do::Finish(plan) => {
                    self.bridge.ends.shared.roster().sizing.applied(plan);
                    self.canvas.release(now);
                    self.look(now)?;
                }
            }
        }
    }

    /// Has sizes guarded against our client while it only follows.
    pub(super) fn follow_size(&mut self) {
        if self.resize.claims() || !self.canvas.seen() {
            self.follower = None;
            return;
        }
        let driven = self.bridge.ends.shared.roster().sizing.is_driven();
        if self.follower.as_ref().map(Follower::driven) != Some(driven) {
            let id = self.bridge.state.session.id;
            self.follower = Some(self.bridge.server.follow_size(id, driven));
        }
    }

    /// Tells tmux whether our client counts.
    fn claim(&mut self, claim: bool, after: Duration) {
        let server = self.bridge.server.clone();
        let client = self.attach.client().to_owned();
        self.sized.ask(async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            Sized::Claimed(claim, server.claim_size(&client, claim).await)
        });
    }

    /// Asks which size tmux believes our client has.
    fn confirm(&mut self, after: Duration) {
        let server = self.bridge.server.clone();
        let client = self.attach.client().to_owned();
        self.sized.ask(async move {
            if !after.is_zero() {
                sleep(after).await;
            }
            Sized::Client(server.client_size(&client).await)
        });
    }

    pub(super) fn sized(&mut self, sized: Sized, now: Instant) -> Result<(), Lost> {
        match sized {
            // It has not told tmux of itself yet; if it never does, its pty ends.
            Sized::Claimed(claim, Err(Error::NoSuchClient)) => self.claim(claim, CLAIM_AGAIN),
            Sized::Claimed(_, result) => {
                if let Err(error) = result {
                    tracing::warn!(%error, "tmux does not let the size be claimed");
                }
                self.resize.claimed();
            }
            Sized::Client(result) => {
                if self.resize.confirmed(result.ok().flatten()) {
                    self.confirm(AGAIN);
                } else {
                    // What tmux drew at the new size is in the pty by now, if not read yet.
                    self.read(0, now)?;
                }
            }
            Sized::Window(Ok(size)) => self.bridge.ends.shared.roster().sizing.window(size),
            Sized::Window(Err(error)) => tracing::debug!(%error, "the window's size is not known"),
        }
        Ok(())
    }
}
