//! The task while it is attached: one `select!` over the pty, its viewers, tmux's answers and time.
//!
//! Each turn first does all that can be done now, then waits. The pty is read whatever else waits:
//! tmux buffers without limit for a client that does not read.

mod confine;

mod input;
mod resize;
mod wake;
mod windows;

use crate::bridge::attached::wake::Acted;
use crate::bridge::attached::wake::Sized;
use crate::bridge::attached::wake::Wake;
use crate::bridge::clock::now;
use crate::bridge::handover::Kept;
use crate::bridge::pending_query::Slot;
use crate::bridge::policy::confined::Confined;
use crate::bridge::policy::input_pacing::Typing;
use crate::bridge::policy::resize_steps::Resize;
use crate::bridge::policy::sizing::Plan;
use crate::bridge::policy::window_changes::Wonder;
use crate::bridge::publisher::Canvas;
use crate::bridge::publisher::Shot;
use crate::bridge::publisher::Stray;
use crate::bridge::task::Bridge;
use crate::bridge::task::Lost;
use crate::bridge::task::event;
use crate::bridge::task::status;
use crate::config::limits::{DELIVERY, FRAME_INTERVAL, RETRY, TURN_BYTES, UNREAD_TURNS};
use crate::interleave;
use crate::terminal::Widths;
use crate::tmux::{self, Attach, Ended, Event, Follower, Overlay, Whereabouts, Windows};
use crate::viewer::{Label, Picture};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, sleep_until, timeout};

/// Bytes of one read: tmux writes up to 4095 at a time, the kernel may join some.
const READ_BYTES: usize = 16 * 1024;
/// Reads of what a client wrote before it is given away.
const LAST_READS: usize = 64;

/// One attach and what belongs to it.
struct Live<'a> {
    bridge: &'a mut Bridge,
    attach: Attach,
    canvas: Canvas,
    /// What viewers may see who may not see other sessions.
    confined: Confined<Arc<Picture>>,
    /// What tmux itself shows on our client.
    overlay: Slot<Result<Option<Overlay>, tmux::Error>>,
    resize: Resize,
    /// While our client only follows the window's size.
    follower: Option<Follower>,
    /// Which session our client shows.
    session: Slot<Option<Whereabouts>>,
    /// [`Resize::rest`] when that was asked.
    asked_at_rest: Option<u64>,
    sized: Slot<Sized>,
    /// That everything is drawn anew.
    redraw: Slot<Result<(), tmux::Error>>,
    /// Whether the session would die without us.
    needed: Slot<bool>,
    /// The session's windows.
    windows: Slot<Result<Windows, tmux::Error>>,
    /// What is being done with them.
    acted: Slot<Acted>,
    act_at: Option<Instant>,
    wonder: Wonder,
    /// Not before then is it asked again whether we may leave.
    leave_at: Option<Instant>,
    /// muxview stops; input is delivered until then.
    stop_at: Option<Instant>,
    /// Turns since the pty was read.
    unread: u32,
    buffer: Box<[u8]>,
}

impl Bridge {
    /// Stays with `attach`, opened as planned, until it is over. One that was `kept` comes with what its
    /// terminal showed.
    pub(super) async fn live(
        &mut self,
        attach: Attach,
        plan: Plan,
        widths: Arc<Widths>,
        kept: Option<(&[u8], Instant)>,
    ) -> Lost {
        let mut canvas = Canvas::new(
            (self.state.session.id, self.created),
            plan.size,
            widths,
            self.generation(),
            self.framed,
        );
        let mut resize = Resize::new(plan);
        let adopted = kept.is_some();
        if let Some((screen, now)) = kept {
            if let Err(lost) = careful(|| canvas.restore(screen, now)) {
                return lost;
            }
            resize.wonder();
            attach.redraw();
        }
        self.typing.attached();
        let mut live = Live {
            bridge: self,
            attach,
            canvas,
            confined: Confined::new(),
            overlay: Slot::default(),
            resize,
            follower: None,
            session: Slot::default(),
            asked_at_rest: None,
            sized: Slot::default(),
            redraw: Slot::default(),
            needed: Slot::default(),
            windows: Slot::default(),
            acted: Slot::default(),
            act_at: None,
            wonder: Wonder::new(),
            leave_at: None,
            stop_at: None,
            unread: 0,
            buffer: vec![0; READ_BYTES].into(),
        };
        // Before the first read, so that tmux learns no others first.
        live.mirror_theme();
        if adopted {
            // What was open before is not known.
            live.confined.changed();
        }
        live.run().await
    }
}

impl Live<'_> {
    async fn run(mut self) -> Lost {
        loop {
            let now = now();
            let wake = match self.turn(now) {
                Ok(wake) => wake,
                Err(lost) => return self.over(lost).await,
            };
            if self.stop_at.is_some() && self.all_delivered() {
                self.settle_delivery().await;
                return self.over(Lost::Stopped).await;
            }
            let woken = self.wait(wake).await;
            let read = matches!(woken, Wake::Read(_));
            self.unread = if read { 0 } else { self.unread + 1 };
            if let Err(lost) = self.take(woken) {
                return self.over(lost).await;
            }
        }
    }

    /// Does all that can be done now. Says when to do so again if nothing happens.
    fn turn(&mut self, now: Instant) -> Result<Option<Instant>, Lost> {
        let watched = self.bridge.ends.shared.roster().watched();
        self.canvas.watch(watched, now);
        self.look(now)?;
        self.bridge.behind(self.canvas.behind(now));
        let focus_at = self.attach.focus_report_at();
        if focus_at.is_some_and(|at| at <= now) {
            self.canvas.wonder();
        }
        // The question for it may have to wait for the next frame.
        let focus_at = focus_at.map(|at| at.max(now + FRAME_INTERVAL));
        self.question(now);
        self.confine(now);
        self.beg(now);
        let plan = self.size(now)?;
        self.follow_size();
        let empty = self.presence(now)?;
        self.mirror_focus();
        self.mirror_theme();
        self.bridge.typing.release(now);
        self.ask_windows(now);
        self.bridge.publish(now);
        let wakes = [
            self.canvas.wake_at(now),
            self.canvas.redraw_at(now).filter(|_| self.redraw.is_free()),
            self.resize.wake_at(plan, self.sized.is_free()),
            self.bridge.presence.wake_at(),
            self.wonder.wake_at(self.windows.is_free()),
            self.confined.wake_at().filter(|_| self.overlay.is_free()),
            focus_at,
            self.bridge.typing.wake_at(),
            empty,
            self.stop_at,
        ];
        Ok(wakes.into_iter().flatten().min())
    }

    async fn wait(&mut self, wake: Option<Instant>) -> Wake {
        let woken = self.wait_for(wake).await;
        if matches!(woken, Wake::Ordered(_)) {
            interleave::at("ordered").await;
        }
        woken
    }

    async fn wait_for(&mut self, wake: Option<Instant>) -> Wake {
        if self.unread >= UNREAD_TURNS {
            self.unread = 0;
            tokio::select! {
                biased;
                read = self.attach.read(&mut self.buffer) => return Wake::Read(read),
                () = std::future::ready(()) => {}
            }
        }
        let typing = &self.bridge.typing;
        let idle = typing.idle();
        let orders = &mut self.bridge.ends.orders;
        // One after the other: what is typed after a switch is for the other window.
        let next = idle && self.acted.is_free() && !(orders.is_closed() && orders.is_empty());
        tokio::select! {
            biased;
            () = self.bridge.beat.called() => Wake::Tick,
            session = self.session.done() => Wake::Session(session),
            overlay = self.overlay.done() => Wake::Overlay(overlay),
            event = event(&mut self.bridge.events) => Wake::Event(event),
            sized = self.sized.done() => Wake::Sized(sized),
            name = self.bridge.name.done() => Wake::Named(name),
            needed = self.needed.done() => Wake::Needed(needed),
            windows = self.windows.done() => Wake::Windows(windows),
            wrote = write(&self.attach, typing), if !idle => Wake::Wrote(wrote),
            acted = self.acted.done() => Wake::Acted(acted),
            redrawn = self.redraw.done() => Wake::Redrawn(redrawn),
            order = orders.recv(), if next => Wake::Ordered(order),
            read = self.attach.read(&mut self.buffer) => Wake::Read(read),
            () = status(&mut self.bridge.status) => Wake::Status,
            // Every turn looks at these anyway, so that nothing has to wait for them.
            () = self.bridge.ends.shared.changed.notified() => Wake::Roster,
            () = until(wake) => Wake::Tick,
        }
    }

    fn take(&mut self, woken: Wake) -> Result<(), Lost> {
        let now = now();
        match woken {
            // Looked at in the next turn anyway.
            Wake::Roster | Wake::Tick => Ok(()),
            Wake::Status => {
                self.bridge.tell_trouble();
                Ok(())
            }
            Wake::Session(session) => self.answered(session, now),
            Wake::Overlay(overlay) => self.covered(overlay, now),
            Wake::Sized(sized) => self.sized(sized, now),
            Wake::Named(name) => {
                self.bridge.renamed(name);
                Ok(())
            }
            Wake::Needed(needed) => self.may_leave(needed, now),
            Wake::Event(event) => self.heard(event),
            Wake::Wrote(Ok(0)) => {
                self.bridge.typing.forget_ended();
                Ok(())
            }
            Wake::Wrote(Ok(bytes)) => {
                self.bridge.typing.wrote(bytes, now);
                Ok(())
            }
            Wake::Ordered(order) => self.ordered(order, now),
            Wake::Windows(windows) => {
                self.windows_are(windows);
                Ok(())
            }
            Wake::Acted(acted) => {
                self.has_acted(acted);
                Ok(())
            }
            Wake::Redrawn(done) => {
                if let Err(error) = done {
                    tracing::debug!(%error, "tmux does not draw anew");
                }
                Ok(())
            }
            Wake::Read(Ok(bytes)) if bytes > 0 => {
                self.read(bytes, now)?;
                // Before all else a turn does: somebody may be waiting for the echo of a key.
                self.look(now)?;
                self.bridge.publish(now);
                Ok(())
            }
            Wake::Wrote(Err(_)) | Wake::Read(_) => Err(Lost::Ended),
        }
    }

    // ── pictures ─────────────────────────────────────────────────────────────────────────────

    /// Reads on until the pty is drained, within bounds, and publishes what is due in between.
    fn read(&mut self, mut bytes: usize, now: Instant) -> Result<(), Lost> {
        let mut total = 0;
        loop {
            self.feed(bytes, now)?;
            total += bytes;
            if total >= TURN_BYTES {
                return Ok(());
            }
            match self.attach.try_read(&mut self.buffer) {
                Ok(0) => return Err(Lost::Ended),
                Ok(more) => bytes = more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.canvas.drained();
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => bytes = 0,
                Err(_) => return Err(Lost::Ended),
            }
        }
    }

    fn feed(&mut self, bytes: usize, now: Instant) -> Result<(), Lost> {
        let mut fed = 0;
        if bytes > 0 {
            self.canvas.read(bytes, now);
        }
        while fed < bytes {
            let (canvas, rest) = (&mut self.canvas, &self.buffer[fed..bytes]);
            fed += careful(|| canvas.feed(rest, now))?;
            self.look(now)?;
        }
        Ok(())
    }

    fn look(&mut self, now: Instant) -> Result<(), Lost> {
        let canvas = &mut self.canvas;
        let shot = careful(|| canvas.look(now))?;
        self.show(shot, now);
        Ok(())
    }

    fn show(&mut self, shot: Option<Shot>, now: Instant) {
        if let Some(shot) = shot {
            self.compare_status(&shot.screen);
            self.bridge.show(shot, now);
            self.show_confined();
        }
    }

    // ── whose pictures they are ──────────────────────────────────────────────────────────────

    fn question(&mut self, now: Instant) {
        if self.session.is_free() && self.canvas.question(now) {
            self.asked_at_rest = self.resize.rest();
            let server = self.bridge.server.clone();
            let client = self.attach.client().to_owned();
            let home = self.bridge.state.session.id;
            self.session.ask(async move {
                loop {
                    match server.client_whereabouts(&client, home).await {
                        Ok(session) => return session,
                        // Not knowing, nothing is shown; an end of tmux is seen at the pty.
                        Err(error) => {
                            tracing::debug!(%error, "tmux does not say whose picture it is");
                            sleep(RETRY.0).await;
                        }
                    }
                }
            });
        }
    }

    /// Has tmux draw everything, if the picture waits for that.
    fn beg(&mut self, now: Instant) {
        if self.redraw.is_free() && self.canvas.beg(now) {
            self.draw_anew();
        }
    }

    fn draw_anew(&mut self) {
        let server = self.bridge.server.clone();
        let client = self.attach.client().to_owned();
        self.redraw
            .ask(async move { server.redraw_client(&client).await });
    }

    fn answered(&mut self, session: Option<Whereabouts>, now: Instant) -> Result<(), Lost> {
        // What they tell counts for this answer.
        while let Some(event) = self.bridge.next_event() {
            self.heard(event)?;
        }
        let shot = self.canvas.answered(session, now).map_err(strayed)?;
        self.show(shot, now);
        self.attach.report_focus();
        if session.is_some_and(|session| session.followed) && self.can_step_behind() {
            return Err(Lost::SteppedBehind);
        }
        // Whoever changes the window's size has our client redrawn, which has this asked: so it is
        // known at once, where the event comes within a second, or not at all if it is changed back.
        if let Some(Whereabouts { window, .. }) = session
            && self.asked_at_rest.is_some()
            && self.asked_at_rest == self.resize.rest()
        {
            self.bridge.ends.shared.roster().sizing.window(window);
        }
        Ok(())
    }

    /// Whether our client can be replaced by one that comes after somebody else's terminal. Programs
    /// are told the colours of the client that came first: a person's, unless a driver here has taken
    /// the size, too.
    fn can_step_behind(&self) -> bool {
        let idle = self.bridge.typing.idle() && !self.attach.has_unread();
        self.attach.tells_colours() && !self.resize.claims() && self.canvas.seen() && idle
    }

    fn heard(&mut self, event: Result<Event, RecvError>) -> Result<(), Lost> {
        match self.bridge.heard(event) {
            Some(Event::Reset) => {
                self.canvas.missed();
                self.confined.changed();
                self.resize.wonder();
                self.wonder.wonder();
                Ok(())
            }
            // tmux may have shown us a session that has ended, and forgotten that it did.
            Some(Event::SessionsChanged) => {
                self.canvas.missed();
                Ok(())
            }
            Some(Event::PaneMode) => {
                self.confined.changed();
                self.wonder.wonder();
                Ok(())
            }
            Some(Event::PanesChanged) => {
                self.wonder.wonder();
                Ok(())
            }
            Some(Event::SessionWindow { id, .. }) => {
                if id == self.bridge.state.session.id {
                    self.confined.changed();
                    self.wonder.wonder();
                }
                Ok(())
            }
            Some(Event::SessionState(states)) => {
                self.compare_marks(&states);
                // Before the first picture our own client may not be counted yet.
                if self.canvas.seen() && self.bridge.company(&states) {
                    self.resize.wonder();
                    self.canvas.wonder();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives the client away as it is, if somebody takes it.
    fn give_away(mut self) -> io::Result<()> {
        let Some(keep) = self.bridge.ends.shared.roster().keep.take() else {
            return Ok(());
        };
        let now = now();
        // A program that prints without end cannot hold this up.
        for _ in 0..LAST_READS {
            match self.attach.try_read(&mut self.buffer) {
                Ok(0) => return Ok(()),
                Ok(bytes) => {
                    let (canvas, read) = (&mut self.canvas, &self.buffer[..bytes]);
                    if careful(|| canvas.draw(read, now)).is_err() {
                        return Ok(());
                    }
                }
                Err(_) => break,
            }
        }
        let Label { id, name } = &self.bridge.state.session;
        let kept = Kept {
            session: *id,
            created: self.bridge.created,
            name: name.to_string(),
            plan: self.resize.applied(),
            screen: self.canvas.snapshot(),
            transfer: self.attach.hand_over()?,
        };
        // Nobody waits for it any more: it ends.
        let _ = keep.send(kept);
        Ok(())
    }

    /// Parts with the attach. How it ended decides nothing: tmux is asked.
    async fn over(self, lost: Lost) -> Lost {
        if matches!(lost, Lost::Stopped) {
            if let Err(error) = self.give_away() {
                tracing::debug!(%error, "a tmux client is not kept");
            }
            return lost;
        }
        if matches!(lost, Lost::Ended) {
            self.bridge.typing.left(&self.attach.unread());
            let ended = timeout(DELIVERY, self.attach.ended()).await;
            let ended = ended.unwrap_or_else(|_| Ended::Other("not in time".to_owned()));
            tracing::info!(session = %self.bridge.state.session.name, "{ended}");
            self.bridge.cause = Some(ended.to_string());
            if ended == Ended::Detached {
                return Lost::Detached;
            }
        }
        lost
    }
}

/// Runs what a byte sequence nobody thought of might make panic: it costs this terminal only.
fn careful<T>(it: impl FnOnce() -> T) -> Result<T, Lost> {
    // The terminal is given up after a panic, so nobody sees it half changed.
    catch_unwind(AssertUnwindSafe(it)).map_err(|_| Lost::Panicked)
}

const fn strayed(Stray(session): Stray) -> Lost {
    Lost::Strayed(session)
}

async fn until(wake: Option<Instant>) {
    match wake {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// Writes some of the message under way, not closer to the one before than tmux can bear.
async fn write(attach: &Attach, typing: &Typing) -> io::Result<usize> {
    let Some((bytes, wait)) = typing.next(now()) else {
        return std::future::pending().await;
    };
    if wait.is_some() {
        until(wait).await;
    }
    attach.write_while(bytes, || typing.hold()).await
}
