//! The task of a bridge: attaches, stays until that attach is over, and attaches again, until the session
//! ends, muxview stops, or nobody has watched for a while.

use super::clock::{jitter, now};
use super::handle::{Ends, Handle};
use super::handover::Kept;
use super::roster::Shared;
use crate::bridge::pending_query::Slot;
use crate::bridge::policy::input_pacing::Typing;
use crate::bridge::policy::reattach::Alive;
use crate::bridge::policy::reattach::Loss;
use crate::bridge::policy::reattach::Reattach;
use crate::bridge::policy::reattach::Step;
use crate::bridge::policy::sizing::Plan;
use crate::bridge::policy::viewer_counts::Presence;
use crate::config::SizePolicy;
use crate::config::limits::{DELIVERY, GENERATIONS_BEHIND, TMUX_TIMEOUT};
use crate::heartbeat::Beat;
use crate::terminal::{Generation, Size};
use crate::tmux::{self, Attach, Creation, Event, Server, SessionId, Status, Theme};
use crate::viewer::{Checker, End, Label, Mismatch, Squeezer, State};

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout, timeout_at};

/// What is alike for all bridges.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Who decides the size.
    pub policy: SizePolicy,
    /// How long it outlives its last viewer.
    pub linger: Duration,
    /// Whether every frame is applied to a terminal before it is sent.
    pub check_frames: bool,
}

/// Why one attach is over.
#[derive(Debug)]
pub(super) enum Lost {
    /// The client ended, for whatever reason.
    Ended,
    /// tmux detached it.
    Detached,
    /// It shows another session, or did (which, if it is known), or tmux does not know it.
    Strayed(Option<SessionId>),
    /// Somebody else's terminal came to the session, and its colours are to count.
    SteppedBehind,
    /// The terminal could not take what tmux wrote.
    Panicked,
    /// Nobody has watched for a while.
    Idle,
    /// muxview stops; what was received is delivered.
    Stopped,
}

/// The task's state.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) server: Server,
    pub(super) linger: Duration,
    pub(super) beat: Beat,
    pub(super) ends: Ends,
    pub(super) events: broadcast::Receiver<Event>,
    pub(super) status: watch::Receiver<Status>,
    /// What was published last, or is about to be.
    pub(super) state: State,
    /// Tells our session from one of another tmux server.
    pub(super) created: Creation,
    pub(super) changed: bool,
    pub(super) squeezer: Arc<Squeezer>,
    pub(super) presence: Presence,
    pub(super) reattach: Reattach,
    pub(super) typing: Typing,
    /// The colours programs were told last.
    pub(super) theme: Option<Theme>,
    /// When a frame was published last; outlives attaches, so that frames keep their distance.
    pub(super) framed: Option<Instant>,
    /// Where our client was taken, until its viewers are told.
    pub(super) strayed: Option<SessionId>,
    /// The window's size and the clients attached, as tmux told last.
    pub(super) company: Option<(Size, usize)>,
    /// [`SessionState::marks`](crate::tmux::SessionState::marks) of our session, as told last.
    pub(super) marks: Option<String>,
    /// Our session's name, asked for when events may have been missed.
    pub(super) name: Slot<Option<String>>,
    /// Why tmux could not be attached to, for the notice.
    pub(super) cause: Option<String>,
    /// A client to go on with instead of a new one.
    pub(super) kept: Option<Kept>,
    /// muxview stops, and input waits for an attach until then.
    pub(super) stop_by: Option<Instant>,
}

/// Starts a bridge that watches `session`, through the client that was `kept` if there is one: the
/// handle to it, and the task to spawn. It ends when the session does, when told to stop, or when nobody
/// has been here for a while.
pub(crate) fn open(
    server: Server,
    manner: Manner,
    beat: Beat,
    session: Label,
    created: Creation,
    kept: Option<Kept>,
) -> (Handle, impl Future<Output = ()> + Send + 'static) {
    let (handle, ends) = Handle::open(session.clone(), manner.policy, now());
    let squeezer = Arc::new(if manner.check_frames {
        Squeezer::checked(Checker::new(wrong_frame))
    } else {
        Squeezer::default()
    });
    let bridge = Bridge {
        // Subscribed before the first question, so that no event falls between.
        events: server.events(),
        status: server.status(),
        server,
        linger: manner.linger,
        beat,
        ends,
        state: State::new(session),
        created,
        changed: false,
        squeezer,
        presence: Presence::default(),
        reattach: Reattach::new(),
        typing: Typing::default(),
        theme: None,
        framed: None,
        strayed: None,
        company: None,
        marks: None,
        name: Slot::default(),
        cause: None,
        kept,
        stop_by: None,
    };
    (handle, bridge.run())
}

/// The next event. Without anybody to send one, never.
pub(super) async fn event(events: &mut broadcast::Receiver<Event>) -> Result<Event, RecvError> {
    match events.recv().await {
        Err(RecvError::Closed) => std::future::pending().await,
        event => event,
    }
}

/// Waits until tmux is in another state. Without anybody to tell, for ever.
pub(super) async fn status(status: &mut watch::Receiver<Status>) {
    if status.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Waits for tmux, unless muxview stops first: a tmux that hangs must not hold that up.
pub(super) async fn unless_stopped<T>(
    shared: &Shared,
    beat: &mut Beat,
    answer: impl Future<Output = T>,
) -> Result<T, Lost> {
    tokio::pin!(answer);
    loop {
        if shared.roster().stop {
            return Err(Lost::Stopped);
        }
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer),
            // Who waits next looks at the roster first, so no change of it is lost.
            () = shared.changed.notified() => {}
            () = beat.called() => {}
        }
    }
}

/// The same on the way to an attach. Input that was received waits for it, and is delivered before
/// muxview stops if the attach comes within [`DELIVERY`].
pub(super) async fn unless_stopped_idle<T>(
    ends: &Ends,
    stop_by: &mut Option<Instant>,
    beat: &mut Beat,
    answer: impl Future<Output = T>,
) -> Result<T, Lost> {
    tokio::pin!(answer);
    let stopped = unless_stopped(&ends.shared, beat, &mut answer).await;
    let Err(lost) = stopped else {
        return stopped;
    };
    if ends.orders.is_empty() {
        return Err(lost);
    }
    let by = *stop_by.get_or_insert_with(|| now() + DELIVERY);
    timeout_at(by.into(), answer).await.map_err(|_| lost)
}

impl Bridge {
    async fn run(mut self) {
        metrics::gauge!("muxview_bridges").increment(1.0);
        // It may have been renamed after it was listed and before we listened.
        self.ask_name();
        loop {
            self.tell_trouble();
            let now = now();
            self.publish(now);
            match self.reattach.step(now) {
                Step::Attach => match self.attach(now).await {
                    Lost::Idle => break self.end(None),
                    Lost::Stopped => break self.end(Some(End::ShuttingDown)),
                    Lost::Ended => self.lost(Loss::Other),
                    Lost::Detached => self.lost(Loss::SentAway),
                    Lost::Strayed(session) => {
                        self.strayed = session;
                        self.lost(session.map_or(Loss::Other, |_| Loss::SentAway));
                    }
                    Lost::SteppedBehind => {
                        tracing::debug!(session = %self.state.session.name, "attaching anew, behind another terminal");
                        self.lost(Loss::Other);
                    }
                    Lost::Panicked => {
                        tracing::error!(session = %self.state.session.name, "the terminal failed on what tmux wrote; attaching anew");
                        self.lost(Loss::Other);
                    }
                },
                Step::Ask => {
                    let shared = Arc::clone(&self.ends.shared);
                    let mut beat = self.beat.clone();
                    let asked = unless_stopped(&shared, &mut beat, self.ask()).await;
                    if asked.is_err() {
                        break self.end(Some(End::ShuttingDown));
                    }
                }
                Step::Wait(until) => match self.wait(until).await {
                    Some(Lost::Idle) => break self.end(None),
                    Some(_) => break self.end(Some(End::ShuttingDown)),
                    None => {}
                },
                Step::Over(end) => break self.end(Some(end)),
                // Only an attach that is under way is stayed with, and that is awaited above.
                Step::Stay => self.lost(Loss::Other),
            }
        }
    }

    fn lost(&mut self, loss: Loss) {
        metrics::counter!("muxview_reattaches_total").increment(1);
        self.reattach.ended(loss, now(), jitter());
    }

    /// Attaches and stays until that is over.
    async fn attach(&mut self, now: Instant) -> Lost {
        self.reattach.started(now);
        // Our own client coming and going is no company.
        self.company = None;
        // What was said of the client before is not about the next one, which may get its name.
        while let Some(event) = self.next_event() {
            self.heard(event);
        }
        if let Some(kept) = self.kept.take() {
            return self.adopt(kept, now).await;
        }
        let mismatch = match &*self.status.borrow() {
            Status::Failed(error @ tmux::Error::Mismatch { .. }) => Some(error.clone()),
            _ => None,
        };
        if let Some(error) = mismatch {
            // A client of the installed program would wait for ever.
            return self.failed(&error);
        }
        let id = self.state.session.id;
        let (wish, plan) = {
            let sizing = &self.ends.shared.roster().sizing;
            (sizing.wish(), sizing.plan())
        };
        if wish.is_none() || plan.is_none() {
            let size = self.server.window_size(id);
            let (ends, beat) = (&self.ends, &mut self.beat);
            match unless_stopped_idle(ends, &mut self.stop_by, beat, size).await {
                Ok(Ok(size)) => self.ends.shared.roster().sizing.window(size),
                Ok(Err(error)) => return self.failed(&error),
                Err(lost) => return lost,
            }
        }
        let plan = self.ends.shared.roster().sizing.plan();
        let Some(Plan { size, claim }) = plan else {
            // A driver left between the two looks; the next attempt follows the window.
            return Lost::Ended;
        };
        // The user's options about widths may have changed since the last attach.
        let server = self.server.clone();
        let attach = async move { tokio::join!(server.attach(id, size, claim), server.widths()) };
        let (ends, beat) = (&self.ends, &mut self.beat);
        match unless_stopped_idle(ends, &mut self.stop_by, beat, attach).await {
            Ok((Ok(attach), widths)) => {
                let plan = Plan { size, claim };
                self.ends.shared.roster().sizing.applied(plan);
                self.live(attach, plan, widths, None).await
            }
            Ok((Err(error), _)) => self.failed(&error),
            Err(lost) => lost,
        }
    }

    /// Goes on with a client that another image of the program attached.
    async fn adopt(&mut self, kept: Kept, now: Instant) -> Lost {
        let Kept {
            plan,
            transfer,
            screen,
            ..
        } = kept;
        match Attach::adopt(transfer) {
            Ok(attach) => {
                self.ends.shared.roster().sizing.applied(plan);
                let widths = self.server.widths().await;
                self.live(attach, plan, widths, Some((&screen, now))).await
            }
            Err(error) => {
                tracing::warn!(session = %self.state.session.name, %error, "the tmux client ended during the restart");
                Lost::Ended
            }
        }
    }

    /// An event that is here already.
    pub(super) fn next_event(&mut self) -> Option<Result<Event, RecvError>> {
        match self.events.try_recv() {
            Ok(event) => Some(Ok(event)),
            Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
            Err(TryRecvError::Empty | TryRecvError::Closed) => None,
        }
    }

    fn failed(&mut self, error: &tmux::Error) -> Lost {
        tracing::warn!(session = %self.state.session.name, %error, "cannot attach");
        self.cause = Some(error.to_string());
        Lost::Ended
    }

    /// Asks whether the session is still there, and where our client was taken if it is.
    async fn ask(&mut self) {
        let id = self.state.session.id;
        let there = self.server.is_still_there(id, self.created);
        let alive = match timeout(TMUX_TIMEOUT, there).await {
            Ok(Ok(true)) => Alive::Yes,
            Ok(Ok(false)) => Alive::No,
            Ok(Err(tmux::Error::NoServer)) => Alive::NoServer,
            Ok(Err(error)) => {
                self.cause = Some(error.to_string());
                Alive::Unknown
            }
            Err(_) => Alive::Unknown,
        };
        self.reattach.answered(alive, now(), jitter());
        if let (Alive::Yes, Some(strayed)) = (alive, self.strayed.take()) {
            self.tell_moved(strayed).await;
        }
    }

    /// Waits for the next attempt, or for a reason not to make it.
    async fn wait(&mut self, until: Instant) -> Option<Lost> {
        loop {
            let now = now();
            self.publish(now);
            let (empty, stop) = {
                let roster = self.ends.shared.roster();
                (
                    roster.empty_since.map(|since| since + self.linger),
                    roster.stop,
                )
            };
            if stop {
                return Some(Lost::Stopped);
            }
            if empty.is_some_and(|at| at <= now) && self.ends.shared.roster().close_if_empty() {
                return Some(Lost::Idle);
            }
            if until <= now {
                return None;
            }
            let wakes = [Some(until), empty, self.presence.wake_at()];
            let wake = wakes.into_iter().flatten().min().unwrap_or(until);
            tokio::select! {
                () = self.ends.shared.changed.notified() => {}
                event = event(&mut self.events) => { self.heard(event); }
                name = self.name.done() => self.renamed(name),
                () = status(&mut self.status) => self.tell_trouble(),
                () = self.beat.called() => {}
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    /// The generation new pictures come after: so far on that nobody's screen is near enough for a
    /// delta, and the first frame of a new attach is a repaint.
    pub(super) fn generation(&self) -> Generation {
        let picture = self.state.picture.as_ref();
        picture.map_or(Generation(0), |picture| {
            Generation(picture.screen.generation.0 + GENERATIONS_BEHIND)
        })
    }

    /// The last word.
    fn end(&mut self, end: Option<End>) {
        self.ends.shared.roster().close();
        if let Some(end) = end {
            self.state.ended = Some(end);
            self.changed = true;
            tracing::info!(session = %self.state.session.name, "{end}");
        }
        self.publish(now());
    }
}

impl Drop for Bridge {
    /// However the task ends, viewers are told to come again rather than left with a still picture.
    fn drop(&mut self) {
        metrics::gauge!("muxview_bridges").decrement(1.0);
        if self.state.ended.is_none() {
            self.end(Some(End::ShuttingDown));
        }
    }
}

/// Tells of a frame that does not give what it was made for; a repaint goes in its stead.
pub(super) fn wrong_frame(wrong: &Mismatch) {
    let Mismatch { wanted, got, frame } = wrong;
    tracing::error!(%wanted, %got, %frame, "a frame gives another picture than it should");
}
