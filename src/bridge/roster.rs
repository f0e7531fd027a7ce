//! [`Roster`]: the viewers of a bridge as they are now. Presence and sizes are kept as a state, not as a
//! queue of changes, so that a storm of changes costs no more than the last one.

use super::broadcast::Broadcast;
use super::handover::Kept;
use crate::bridge::policy::sizing::Sizing;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, mpsc};

/// Who is here, as it is now.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) next: u64,
    pub(super) sizing: Sizing,
    pub(super) drive: u32,
    pub(super) view: u32,
    /// Viewers of both kinds whose page is shown.
    pub(super) visible: u32,
    /// Lists that show a miniature: they count for nothing but that somebody is here.
    pub(super) glances: u32,
    /// Viewers and lists that may not see other sessions.
    pub(super) confined: u32,
    /// Since when nobody is here.
    pub(super) empty_since: Option<Instant>,
    /// Set by the bridge when it takes nobody any more.
    pub(super) closed: bool,
    /// Set by the hub: deliver what was received, then end.
    pub(super) stop: bool,
    /// Where the attached client goes then.
    pub(super) keep: Option<mpsc::UnboundedSender<Kept>>,
}

impl Roster {
    pub(super) const fn viewers(&self) -> usize {
        self.drive as usize + self.view as usize
    }

    pub(super) const fn is_empty(&self) -> bool {
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
    pub(super) roster: Mutex<Roster>,
    /// Tells the task that the roster changed; many changes are one.
    pub(super) changed: Notify,
    /// Shared with those who carry states to the viewers.
    pub(super) broadcast: Arc<Broadcast>,
}

impl Shared {
    pub(super) fn roster(&self) -> MutexGuard<'_, Roster> {
        // Nothing in the critical sections can panic half way through a change.
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> T {
        let result = change(&mut self.roster());
        self.changed.notify_one();
        result
    }
}
