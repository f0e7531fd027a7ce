//! [`Handle`]: how the hub reaches a bridge, and what the bridge's task has of it.

use super::broadcast::Broadcast;
use super::driver::{Driver, Room};
use super::handover::Kept;
use super::order::{Lease, Order};
use super::roster::{Roster, Shared};
use super::seat::{Glance, Seat};
use crate::bridge::policy::sizing::Sizing;
use crate::config::SizePolicy;
use crate::config::limits::{INPUT_BYTES, INPUT_QUEUE, VIEWERS_PER_SESSION, WINDOW_ACTS};
use crate::terminal::Size;
use crate::viewer::{Label, State, ViewerId};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

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

/// Why a bridge takes no viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// As many as may be are here.
    Full,
    /// It has stopped: start another.
    Stopped,
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
        self.shared.broadcast.end();
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
            broadcast: Arc::new(Broadcast::new(state.clone())),
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

#[cfg(test)]
mod tests;
