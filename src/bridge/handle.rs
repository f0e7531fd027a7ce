//! How others reach a bridge: [`Seat`] for a viewer, [`Driver`] for one who may type.
//!
//! Owns the roster of viewers. In: joins, leaves, visibility, sizes, input. Out: a place to read the
//! [`State`] from, and for drivers the input queue. Presence and sizes are kept as they are now, not
//! as a queue of changes, so a storm of them costs nothing but its last word. It must not know the
//! attach, the terminal or HTTP.

mod driver;

use super::fanout::{Fanout, Outlet};
use super::handover::Kept;
use super::sizing::Sizing;
use crate::config::SizePolicy;
use crate::config::limits::{INPUT_BYTES, INPUT_QUEUE, VIEWERS_PER_SESSION, WINDOW_ACTS};
use crate::terminal::Size;
use crate::tmux::{Theme, WindowAct};
use bytes::Bytes;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard};
use std::time::Instant;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, watch};

pub use driver::Driver;

pub use crate::viewer::{Addressed, End, Label, Picture, State, ViewerId};

/// How a viewer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// May type, and counts for the size.
    pub drive: bool,
    /// Its size, if it says one.
    pub size: Option<Size>,
    /// Whether its page is shown.
    pub visible: bool,
    /// It was here before: claims a size only if nobody else does.
    pub resume: bool,
    /// Somebody outside decided the size when it was here: no driver claims one until one acts.
    pub outvoted: bool,
    /// May not see anything of other sessions.
    pub confined: bool,
}

/// Where a driver stands among the others, for whoever seats it next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The size it asks for.
    pub size: Option<Size>,
    /// When it acted last, counted in acts; 0: it did not.
    pub acted: u64,
    /// Somebody outside decides the size.
    pub outvoted: bool,
    /// Its colours, if they are what programs are told.
    pub theme: Option<Theme>,
}

/// The bridge is over; nothing more is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is no longer watched; connect again")]
pub struct Closed;

/// Why a bridge takes no viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many as may be are here.
    Full,
    /// It has stopped: start another.
    Stopped,
}

/// What a driver wants, in the order it wants it: what is typed after a switch is for the other window.
#[derive(Debug)]
pub(super) enum Order {
    Type(Input),
    Window {
        from: ViewerId,
        act: WindowAct,
        /// It is not done once this has ended.
        lease: Option<Arc<dyn Lease>>,
        /// Its share of [`WINDOW_ACTS`], given back when it is done.
        room: OwnedSemaphorePermit,
    },
}

/// The right by which somebody is here, which can end at any moment.
pub trait Lease: fmt::Debug + Send + Sync {
    /// Whether it has not ended. Never waits.
    fn holds(&self) -> bool;

    /// Keeps its end from being acknowledged until this is dropped: for one effect that does not wait.
    /// `None`: it has ended.
    fn hold(&self) -> Option<Hold<'_>>;
}

/// A lease that is held for a moment. Not to be taken twice by one thread.
#[derive(Debug)]
pub struct Hold<'a> {
    _barrier: Option<RwLockReadGuard<'a, ()>>,
}

impl<'a> Hold<'a> {
    /// While this is read.
    #[must_use]
    pub const fn new(barrier: Option<RwLockReadGuard<'a, ()>>) -> Self {
        Self { _barrier: barrier }
    }
}

/// One message of input on its way to the pty.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) from: ViewerId,
    pub(super) bytes: Bytes,
    /// It is not written once this has ended.
    pub(super) lease: Option<Arc<dyn Lease>>,
    /// Its share of [`INPUT_BYTES`], given back when it is written. None for the few bytes that were
    /// held back of another message.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Input {
    /// Whether it may be written.
    pub(super) fn may_be_written(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.holds())
    }

    /// Holds the right to write it for the moment of writing; `None` if that has ended.
    pub(super) fn hold(&self) -> Option<Hold<'_>> {
        match &self.lease {
            Some(lease) => lease.hold(),
            None => Some(Hold::new(None)),
        }
    }
}

/// Who is here, as it is now.
#[derive(Debug)]
pub(super) struct Roster {
    next: u64,
    pub(super) sizing: Sizing,
    pub(super) drive: u32,
    pub(super) view: u32,
    /// Viewers of both kinds whose page is shown.
    visible: u32,
    /// Lists that show a miniature: they count for nothing but that somebody is here.
    glances: u32,
    /// Viewers and lists that may not see other sessions.
    confined: u32,
    /// Since when nobody is here.
    pub(super) empty_since: Option<Instant>,
    /// Set by the bridge when it takes nobody any more.
    closed: bool,
    /// Set by the hub: deliver what was received, then end.
    pub(super) stop: bool,
    /// Where the attached client goes then.
    pub(super) keep: Option<mpsc::UnboundedSender<Kept>>,
}

impl Roster {
    pub(super) const fn viewers(&self) -> usize {
        self.drive as usize + self.view as usize
    }

    const fn is_empty(&self) -> bool {
        self.viewers() == 0 && self.glances == 0
    }

    /// Takes nobody any more, unless somebody came.
    pub(super) const fn close_if_empty(&mut self) -> bool {
        self.closed |= self.is_empty();
        self.closed
    }

    /// Whether anybody looks at the picture.
    pub(super) const fn watched(&self) -> bool {
        self.visible > 0 || self.glances > 0
    }

    /// Whether somebody is here who may not see other sessions.
    pub(super) const fn confined(&self) -> bool {
        self.confined > 0
    }

    /// Takes nobody any more.
    pub(super) const fn close(&mut self) {
        self.closed = true;
    }
}

/// What seats, drivers and the bridge's task share.
#[derive(Debug)]
pub(super) struct Shared {
    /// A std mutex: held for a few assignments, never across an await.
    roster: Mutex<Roster>,
    /// Tells the task that the roster changed; many changes are one.
    pub(super) changed: Notify,
    /// Shared with those who carry states to the viewers.
    pub(super) fanout: Arc<Fanout>,
}

impl Shared {
    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        // Nothing in the critical sections can panic half way through a change.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> T {
        let result = change(&mut self.roster());
        self.changed.notify_one();
        result
    }
}

/// How much of what drivers want may wait.
#[derive(Debug, Clone)]
struct Room {
    /// In bytes.
    input: Arc<Semaphore>,
    acts: Arc<Semaphore>,
}

/// The hub's end of a bridge.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(super) shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    room: Room,
    state: watch::Receiver<Arc<State>>,
}

/// The task's end of a bridge.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) shared: Arc<Shared>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) state: watch::Sender<Arc<State>>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.shared.fanout.end();
    }
}

impl Handle {
    /// Both ends of a bridge that watches `session`.
    pub(super) fn open(session: Label, policy: SizePolicy, now: Instant) -> (Self, Ends) {
        let (orders, received) = mpsc::channel(INPUT_QUEUE);
        let (publish, state) = watch::channel(Arc::new(State::new(session)));
        let shared = Arc::new(Shared {
            roster: Mutex::new(Roster {
                next: 1,
                sizing: Sizing::new(policy),
                drive: 0,
                view: 0,
                visible: 0,
                glances: 0,
                confined: 0,
                empty_since: Some(now),
                closed: false,
                stop: false,
                keep: None,
            }),
            changed: Notify::new(),
            fanout: Arc::new(Fanout::new(state.clone())),
        });
        let ends = Ends {
            shared: Arc::clone(&shared),
            orders: received,
            state: publish,
        };
        let handle = Self {
            shared,
            orders,
            room: Room {
                input: Arc::new(Semaphore::new(INPUT_BYTES)),
                acts: Arc::new(Semaphore::new(WINDOW_ACTS)),
            },
            state,
        };
        (handle, ends)
    }

    /// A place for one more viewer.
    pub(crate) fn join(&self, join: Join) -> Result<Seat, Refused> {
        self.join_by(join, None)
    }

    /// The same, by a right that can end.
    pub(crate) fn join_by(
        &self,
        join: Join,
        lease: Option<Arc<dyn Lease>>,
    ) -> Result<Seat, Refused> {
        let id = self.shared.change(|roster| {
            if roster.closed || roster.stop {
                return Err(Refused::Stopped);
            }
            if roster.viewers() >= VIEWERS_PER_SESSION {
                return Err(Refused::Full);
            }
            let id = ViewerId(roster.next);
            roster.next += 1;
            roster.empty_since = None;
            roster.visible += u32::from(join.visible);
            roster.confined += u32::from(join.confined);
            if join.drive {
                roster.drive += 1;
                let Join {
                    size,
                    visible,
                    resume,
                    outvoted,
                    ..
                } = join;
                roster.sizing.joined(id, size, visible, resume);
                if outvoted {
                    roster.sizing.outvoted();
                }
            } else {
                roster.view += 1;
            }
            Ok(id)
        })?;
        let driver = join.drive.then(|| Driver {
            id,
            shared: Arc::clone(&self.shared),
            orders: self.orders.clone(),
            room: self.room.clone(),
            lease,
        });
        Ok(Seat {
            id,
            shared: Arc::clone(&self.shared),
            state: self.state.clone(),
            visible: AtomicBool::new(join.visible),
            confined: join.confined,
            driver,
        })
    }

    /// A look from outside; confined, if who looks may not see other sessions.
    pub(crate) fn glance(&self, confined: bool) -> Result<Glance, Refused> {
        self.shared.change(|roster| {
            if roster.closed || roster.stop {
                return Err(Refused::Stopped);
            }
            roster.glances += 1;
            roster.confined += u32::from(confined);
            roster.empty_since = None;
            Ok(())
        })?;
        Ok(Glance {
            shared: Arc::clone(&self.shared),
            confined,
            state: self.state.clone(),
        })
    }

    /// Asks the bridge to deliver what it has received, to give its attached client away and to end with
    /// [`End::ShuttingDown`].
    pub(crate) fn stop(&self, keep: mpsc::UnboundedSender<Kept>) {
        self.shared.change(|roster| {
            roster.stop = true;
            roster.keep = Some(keep);
        });
    }
}

/// One viewer's place at a bridge. Dropping it leaves.
#[derive(Debug)]
pub struct Seat {
    id: ViewerId,
    shared: Arc<Shared>,
    state: watch::Receiver<Arc<State>>,
    visible: AtomicBool,
    confined: bool,
    /// None for a spectator: it holds nothing that leads to the pty.
    driver: Option<Driver>,
}

impl Seat {
    /// Who sits here.
    #[must_use]
    pub const fn viewer(&self) -> ViewerId {
        self.id
    }

    /// Whether it may not see other sessions.
    #[must_use]
    pub const fn is_confined(&self) -> bool {
        self.confined
    }

    /// What to show. It ends (its sender is dropped) only after a state with `ended` set.
    pub const fn state(&mut self) -> &mut watch::Receiver<Arc<State>> {
        &mut self.state
    }

    /// What to show now.
    #[must_use]
    pub fn newest(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// From now on what is published is offered to `outlet`, until the seat is dropped. What was
    /// published before is to be fetched: see [`Seat::newest`].
    pub fn stand(&self, outlet: Arc<dyn Outlet>) {
        self.shared.fanout.stand(self.id, outlet);
    }

    /// Where it stands among the drivers.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.shared.roster().sizing.standing(self.id)
    }

    /// The way to type, if this viewer may.
    #[must_use]
    pub fn driver(&self) -> Option<Driver> {
        self.driver.clone()
    }

    /// The viewer's page was shown or hidden: hidden ones claim no size, and no pictures are taken
    /// for them.
    pub fn set_visible(&self, visible: bool) {
        if self.visible.swap(visible, Ordering::Relaxed) == visible {
            return;
        }
        let (id, drives) = (self.id, self.driver.is_some());
        self.shared.change(|roster| {
            if visible {
                roster.visible += 1;
            } else {
                roster.visible -= 1;
            }
            if drives {
                roster.sizing.showed(id, visible);
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let (id, drives) = (self.id, self.driver.is_some());
        self.shared.fanout.leave(id);
        let visible = *self.visible.get_mut();
        let confined = self.confined;
        self.shared.change(|roster| {
            roster.confined -= u32::from(confined);
            roster.visible -= u32::from(visible);
            if drives {
                roster.drive -= 1;
                roster.sizing.left(id);
            } else {
                roster.view -= 1;
            }
            if roster.is_empty() {
                roster.empty_since = Some(super::now());
            }
        });
    }
}

/// A look at a session from outside: its state, and nothing else. It counts neither as a viewer nor
/// for the size, and keeps the bridge running. Dropping it leaves.
#[derive(Debug)]
pub struct Glance {
    shared: Arc<Shared>,
    confined: bool,
    state: watch::Receiver<Arc<State>>,
}

impl Glance {
    /// As [`Seat::state`].
    pub const fn state(&mut self) -> &mut watch::Receiver<Arc<State>> {
        &mut self.state
    }
}

impl Drop for Glance {
    fn drop(&mut self) {
        let confined = self.confined;
        self.shared.change(|roster| {
            roster.confined -= u32::from(confined);
            roster.glances -= 1;
            if roster.is_empty() {
                roster.empty_since = Some(super::now());
            }
        });
    }
}

#[cfg(test)]
mod tests;
