//! [`Presence`]: how many sockets are open and how many viewers each session has. In: guards taken
//! and dropped. Out: counts, and a signal when they change. It must not know what viewers see.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

use crate::tmux::SessionId;

/// The counts; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Presence {
    // A std mutex: held for a few instructions and never across an await.
    viewers: Arc<Mutex<HashMap<SessionId, u32>>>,
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

    /// A viewer joined a session.
    #[must_use]
    pub fn join(&self, session: SessionId) -> Joined {
        self.change(session, |count| count + 1);
        Joined {
            presence: self.clone(),
            session,
        }
    }

    /// Viewers of a session.
    #[must_use]
    pub fn viewers(&self, session: SessionId) -> u32 {
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        viewers.get(&session).copied().unwrap_or_default()
    }

    /// Viewers of all sessions, and how many sessions they watch.
    #[must_use]
    pub fn all(&self) -> (u32, usize) {
        let viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        (viewers.values().sum(), viewers.len())
    }

    /// Open sockets, and a wake-up whenever any count changed.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<usize> {
        self.open.subscribe()
    }

    fn change(&self, session: SessionId, new: impl FnOnce(u32) -> u32) {
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        let count = viewers.entry(session).or_default();
        *count = new(*count);
        if *count == 0 {
            viewers.remove(&session);
        }
        drop(viewers);
        self.open.send_modify(|_| {});
    }
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
}

impl Drop for Joined {
    fn drop(&mut self) {
        self.presence
            .change(self.session, |count| count.saturating_sub(1));
    }
}
