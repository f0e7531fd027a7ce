//! [`Presence`]: how many sockets are open and how many drivers and spectators each session has. In: guards taken
//! and dropped. Out: counts, and a signal when they change. It must not know what viewers see.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

use crate::tmux::SessionId;

/// Who watches a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewers {
    /// Who may type.
    pub drive: u32,
    /// Who only watches.
    pub view: u32,
}

impl Viewers {
    /// All of them.
    #[must_use]
    pub const fn all(self) -> u32 {
        self.drive + self.view
    }

    const fn of(&mut self, drives: bool) -> &mut u32 {
        if drives {
            &mut self.drive
        } else {
            &mut self.view
        }
    }
}

/// The counts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    // A std mutex: held for a few instructions and never across an await.
    viewers: Arc<Mutex<HashMap<SessionId, Viewers>>>,
    /// Open sockets; sent with every change of `viewers` too.
    open: Arc<watch::Sender<usize>>,
}

impl Presence {
    /// A socket opened.
    #[must_use]
    pub fn open(&self) -> Open {
        self.open.send_modify(|open| *open += 1);
        metrics::gauge!("muxview_sockets_open").increment(1.0);
        Open(self.clone())
    }

    /// A viewer joined a session, as a driver or as a spectator.
    #[must_use]
    pub fn join(&self, session: SessionId, drives: bool) -> Joined {
        self.change(session, |viewers| *viewers.of(drives) += 1);
        gauge(drives).increment(1.0);
        Joined {
            presence: self.clone(),
            session,
            drives,
        }
    }

    /// Viewers of a session.
    #[must_use]
    pub fn viewers(&self, session: SessionId) -> Viewers {
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        viewers.get(&session).copied().unwrap_or_default()
    }

    /// Viewers of all sessions, and how many sessions they watch.
    #[must_use]
    pub fn all(&self) -> (u32, usize) {
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        (
            viewers.values().map(|viewers| viewers.all()).sum(),
            viewers.len(),
        )
    }

    /// Open sockets, and a wake-up whenever any count changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    fn change(&self, session: SessionId, change: impl FnOnce(&mut Viewers)) {
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = viewers.entry(session).or_default();
        change(count);
        if count.all() == 0 {
            viewers.remove(&session);
        }
        drop(viewers);
        self.open.send_modify(|_| {});
    }
}

/// How many viewers there are of one kind.
fn gauge(drives: bool) -> metrics::Gauge {
    let role = if drives { "drive" } else { "view" };
    metrics::gauge!("muxview_viewers", "role" => role)
}

/// An open socket; dropping it closes the count.
#[derive(Debug)]
pub struct Open(Presence);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
        metrics::gauge!("muxview_sockets_open").decrement(1.0);
    }
}

/// A viewer of a session; dropping it leaves.
#[derive(Debug)]
pub struct Joined {
    presence: Presence,
    session: SessionId,
    drives: bool,
}

impl Drop for Joined {
    fn drop(&mut self) {
        let drives = self.drives;
        gauge(drives).decrement(1.0);
        self.presence
            .change(self.session, |viewers| *viewers.of(drives) -= 1);
    }
}
