//! [`Directory`]: the known sessions. One task lists them whenever tmux says that something changed;
//! everyone else reads the latest list without waiting. Knows nothing of HTTP.

use crate::config::limits::{LISTING_INTERVAL, LISTING_LINGER, RETRY, SERVER_POLL, SHOWN};
use crate::heartbeat::Beat;
use crate::heartbeat::Pulse;
use crate::heartbeat::careful;
use crate::tmux::{self, Event, Session, SessionId, Status};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::{Instant, timeout};

/// How a URL names a session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// `$3`: this very session.
    Id(SessionId),
    /// Whatever session has this name now.
    Name(String),
}

impl Address {
    /// Reads `$3` as an id and everything else as a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Self::Name(text.to_owned()), Self::Id)
    }

    /// Whether it is this session's.
    #[must_use]
    pub fn is(&self, session: &Session) -> bool {
        match self {
            Self::Id(id) => session.id == *id,
            Self::Name(name) => session.name == *name,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The sessions at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// All of them, by name.
    pub sessions: Vec<Session>,
    /// Whether tmux can be used.
    pub status: Status,
}

impl Listing {
    /// The session at this address.
    #[must_use]
    pub fn find(&self, address: &Address) -> Option<&Session> {
        self.sessions.iter().find(|session| address.is(session))
    }
}

/// The known sessions. Cheap to clone; the task ends with the last clone.
#[derive(Debug, Clone)]
pub struct Directory {
    server: tmux::Server,
    listing: watch::Receiver<Arc<Listing>>,
    look: Arc<Notify>,
}

impl Directory {
    /// Begins to list. Needs a tokio runtime.
    #[must_use]
    pub fn start(server: tmux::Server, pulse: &Pulse) -> Self {
        let (sender, listing) = watch::channel(Arc::new(Listing {
            sessions: vec![],
            status: Status::Starting,
        }));
        let look = Arc::new(Notify::new());
        let (asked, hint, mut beat) = (server.clone(), Arc::clone(&look), pulse.beat("the list"));
        tokio::spawn(async move {
            while careful(keep_current(&asked, &sender, &hint, &mut beat))
                .await
                .is_none()
            {
                tokio::time::sleep(SERVER_POLL).await;
            }
        });
        Self {
            server,
            listing,
            look,
        }
    }

    /// The latest listing, and every later one.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Listing>> {
        self.listing.clone()
    }

    /// The session at this address. tmux is asked only when the listing does not know it: it may have
    /// been created a moment ago.
    ///
    /// # Errors
    /// When tmux cannot say. No server is no error: then there is no such session.
    pub async fn find(&self, address: &Address) -> Result<Option<Session>, tmux::Error> {
        if let Some(session) = self.listing.borrow().find(address) {
            return Ok(Some(session.clone()));
        }
        self.ask(address).await
    }

    /// The session at this address as tmux has it now: for what would do harm to another one that the
    /// listing, which lags a little behind, still has there.
    ///
    /// # Errors
    /// As [`Directory::find`].
    pub async fn ask(&self, address: &Address) -> Result<Option<Session>, tmux::Error> {
        match self.server.sessions().await {
            Ok(sessions) => Ok(sessions.into_iter().find(|session| address.is(session))),
            Err(tmux::Error::NoServer) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until the listing shows a change that was just made, so that who made it finds it there;
    /// not for long, since somebody else may have undone it.
    pub async fn shows(&self, shown: impl Fn(&Listing) -> bool) {
        self.look.notify_one();
        let mut listing = self.listing.clone();
        let _ = timeout(SHOWN, listing.wait_for(|listing| shown(listing))).await;
    }
}

async fn keep_current(
    server: &tmux::Server,
    listing: &watch::Sender<Arc<Listing>>,
    look: &Notify,
    beat: &mut Beat,
) {
    // Subscribed before the first look, so that no change falls between.
    let mut events = server.events();
    let mut status = server.status();
    let asked = async {
        tokio::select! {
            () = listing.closed() => false,
            asked = status.wait_for(|status| *status != Status::Starting) => asked.is_ok(),
        }
    };
    if !beat.during(asked).await {
        return;
    }
    loop {
        let began = Instant::now();
        let now = status.borrow_and_update().clone();
        let sessions = match &now {
            Status::Starting | Status::NoServer => Ok(vec![]),
            Status::Ready { .. } | Status::Failed(_) => beat.during(server.sessions()).await,
        };
        // A failed look is repeated, since no event may come to announce that tmux is well again.
        let mut again = None;
        let next = match sessions {
            Ok(mut sessions) => {
                sessions.sort_by(|a, b| a.name.cmp(&b.name).then(a.id.cmp(&b.id)));
                Listing {
                    sessions,
                    status: now,
                }
            }
            Err(tmux::Error::NoServer) => Listing {
                sessions: vec![],
                status: Status::NoServer,
            },
            Err(error) => {
                again = Some(began + RETRY.1.min(SERVER_POLL));
                Listing {
                    // What is not known to be gone stays listed.
                    sessions: listing.borrow().sessions.clone(),
                    status: Status::Failed(error),
                }
            }
        };
        listing.send_if_modified(|shown| {
            let changed = **shown != next;
            if changed {
                *shown = Arc::new(next);
            }
            changed
        });
        // Events that arrive meanwhile wait in their channel and make for one more look.
        tokio::time::sleep_until(began + LISTING_INTERVAL).await;
        let news = async {
            tokio::select! {
                () = listing.closed() => false,
                changed = status.changed() => changed.is_ok(),
                told = told(&mut events, look) => told,
                () = look.notified() => true,
                () = tokio::time::sleep_until(again.unwrap_or(began)), if again.is_some() => true,
            }
        };
        if !beat.during(news).await {
            return;
        }
    }
}

/// Waits for an event, any of which may change the list, and a moment more unless somebody wants it now; takes
/// all that wait with it. False when there will be none any more.
async fn told(events: &mut broadcast::Receiver<Event>, look: &Notify) -> bool {
    if let Err(broadcast::error::RecvError::Closed) = events.recv().await {
        return false;
    }
    let _ = timeout(LISTING_LINGER, look.notified()).await;
    loop {
        match events.try_recv() {
            Err(broadcast::error::TryRecvError::Empty) => return true,
            Err(broadcast::error::TryRecvError::Closed) => return false,
            Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_id_or_a_name() {
        assert_eq!(Address::parse("$3"), Address::Id(SessionId(3)));
        for name in ["a", "3", "$", "$x", "@1", ""] {
            assert_eq!(Address::parse(name), Address::Name(name.into()));
        }
    }
}
