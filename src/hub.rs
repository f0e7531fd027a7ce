//! Session id → running bridge: started for the first viewer, gone a while after the last.
//!
//! Owns which bridges run. In: joins, the end of muxview. Out: seats. It must not know HTTP, nor
//! anything of what a bridge does.

use crate::bridge::{self, Glance, Handle, Join, Kept, Lease, Manner, Refused, Seat};
use crate::config::Config;
use crate::config::limits::{CLIENTS_END, LAST_INPUT, LINGER};
use crate::heartbeat::Pulse;
use crate::tmux::{Creation, Error, Server, Session, SessionId};
use crate::viewer::Label;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Why nobody more can watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// [`crate::config::limits::VIEWERS_PER_SESSION`] are here.
    #[error("this session has as many viewers as it can have; try again later")]
    TooManyViewers,
    /// The session is gone: whoever said it is there knew less than tmux.
    #[error("there is no such session any more")]
    NoSuchSession,
    /// muxview stops.
    #[error("muxview restarts; try again in a moment")]
    ShuttingDown,
}

/// The running bridges; cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    server: Server,
    manner: Manner,
    pulse: Pulse,
    /// A std mutex: held to look up and insert, never across an await.
    bridges: Mutex<Bridges>,
}

#[derive(Debug, Default)]
struct Bridges {
    running: HashMap<SessionId, Running>,
    /// Clients that another image of the program attached, and no bridge goes on with yet.
    kept: HashMap<SessionId, Kept>,
    /// Number of bridges ever started: tells one of a session from the next.
    started: u64,
    closing: bool,
}

/// What came of looking for a running bridge.
enum Entered<T> {
    /// There is one.
    Here(Result<T, JoinError>),
    /// There is one of another session with the same id: either that one's server is gone and it has not
    /// noticed yet, or the list of sessions is old.
    Other,
    /// There is none.
    Nobody,
}

#[derive(Debug)]
struct Running {
    number: u64,
    /// Another tmux server numbers its sessions from 0 again.
    created: Creation,
    handle: Handle,
    task: JoinHandle<()>,
}

impl Hub {
    /// No bridges yet.
    #[must_use]
    pub fn new(server: Server, config: &Config, pulse: Pulse) -> Self {
        let manner = Manner {
            policy: config.size_policy,
            linger: LINGER,
            check_frames: config.check_frames,
        };
        Self::with(server, manner, pulse)
    }

    /// As [`Hub::new`], with bridges of this manner.
    #[must_use]
    pub fn with(server: Server, manner: Manner, pulse: Pulse) -> Self {
        let inner = Arc::new(Inner {
            server,
            manner,
            pulse,
            bridges: Mutex::default(),
        });
        Self { inner }
    }

    /// A seat at the session's bridge, which is started if there is none. The picture follows in
    /// the seat's state.
    ///
    /// # Errors
    /// When the session is gone, there are too many viewers, or muxview stops.
    pub async fn join(&self, session: &Session, join: Join) -> Result<Seat, JoinError> {
        self.enter(session, |handle| handle.join(join)).await
    }

    /// The same, by a right that can end: what its holder has typed and is not written by then never is.
    ///
    /// # Errors
    /// As [`Hub::join`].
    pub async fn join_by(
        &self,
        session: &Session,
        join: Join,
        lease: Arc<dyn Lease>,
    ) -> Result<Seat, JoinError> {
        self.enter(session, |handle| {
            handle.join_by(join, Some(Arc::clone(&lease)))
        })
        .await
    }

    /// A look at the session from outside: as [`Hub::join`], but it counts neither as a viewer nor for
    /// the size.
    ///
    /// # Errors
    /// As [`Hub::join`].
    pub async fn glance(&self, session: &Session, confined: bool) -> Result<Glance, JoinError> {
        self.enter(session, |handle| handle.glance(confined)).await
    }

    async fn enter<T>(
        &self,
        session: &Session,
        enter: impl Fn(&Handle) -> Result<T, Refused>,
    ) -> Result<T, JoinError> {
        let label = Label {
            id: session.id,
            name: session.name.as_str().into(),
        };
        let entered = self
            .inner
            .bridges()
            .enter(label.id, session.created, &enter);
        let there = || async {
            let server = &self.inner.server;
            match server.is_still_there(session.id, session.created).await {
                Ok(false) | Err(Error::NoServer) => Err(JoinError::NoSuchSession),
                // Not knowing, the bridge finds out, and tells of the trouble.
                Ok(true) | Err(_) => Ok(()),
            }
        };
        match entered {
            Entered::Here(joined) => return joined,
            // Of two sessions with one id, only tmux knows which one is there.
            Entered::Other => there().await?,
            Entered::Nobody => {}
        }
        let joined = self.start(label, session.created, enter)?;
        // The list of sessions lags a little behind tmux, which is asked while the bridge attaches. One
        // that was started for nothing finds out by itself.
        there().await?;
        Ok(joined)
    }

    /// Joins the bridge that somebody else started meanwhile, or starts one.
    fn start<T>(
        &self,
        session: Label,
        created: Creation,
        enter: impl Fn(&Handle) -> Result<T, Refused>,
    ) -> Result<T, JoinError> {
        let mut bridges = self.inner.bridges();
        if let Entered::Here(joined) = bridges.enter(session.id, created, &enter) {
            return joined;
        }
        let inner = &self.inner;
        let id = session.id;
        let kept = bridges.kept.remove(&id);
        let (handle, bridge) = bridge::open(
            inner.server.clone(),
            inner.manner,
            inner.pulse.beat(format!("the bridge of {}", session.name)),
            session,
            created,
            kept.filter(|kept| kept.created.is(created)),
        );
        // Joined before it runs, so that its first attach has this viewer's size.
        let seat = enter(&handle).map_err(|_| JoinError::TooManyViewers)?;
        bridges.started += 1;
        let number = bridges.started;
        let hub = Arc::downgrade(inner);
        let task = tokio::spawn(async move {
            bridge.await;
            if let Some(hub) = hub.upgrade() {
                hub.bridges().forget(id, number);
            }
        });
        let running = Running {
            number,
            created,
            handle,
            task,
        };
        bridges.running.insert(id, running);
        Ok(seat)
    }

    /// Takes over clients that another image of the program attached: whoever joins their session goes
    /// on with them. See [`Hub::adopt_rest`].
    pub fn adopt(&self, kept: Vec<Kept>) {
        let mut bridges = self.inner.bridges();
        bridges
            .kept
            .extend(kept.into_iter().map(|kept| (kept.session, kept)));
    }

    /// Goes on with those clients nobody has joined: a session may live by one. They leave as any
    /// bridge without viewers does.
    pub fn adopt_rest(&self) {
        let left: Vec<(Label, Creation)> = {
            let bridges = self.inner.bridges();
            let label = |kept: &Kept| Label {
                id: kept.session,
                name: kept.name.as_str().into(),
            };
            let left = bridges.kept.values();
            left.map(|kept| (label(kept), kept.created)).collect()
        };
        for (session, created) in left {
            // The look ends at once, as when the last viewer has just left.
            if let Err(error) = self.start(session, created, |handle| handle.glance(false)) {
                tracing::debug!(%error, "a tmux client is not kept");
            }
        }
    }

    /// The sessions that have a bridge.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionId> {
        let bridges = self.inner.bridges();
        let all = bridges.running.keys().chain(bridges.kept.keys());
        all.copied().collect()
    }

    /// Whether any session has a bridge.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let bridges = self.inner.bridges();
        bridges.running.is_empty() && bridges.kept.is_empty()
    }

    /// Ends every bridge, after the input it has received was delivered, and gives out their attached
    /// clients, which live on. Nobody can join any more.
    pub async fn hand_over(&self) -> Vec<Kept> {
        let (keep, mut kept) = mpsc::unbounded_channel();
        let running: Vec<Running> = {
            let mut bridges = self.inner.bridges();
            bridges.closing = true;
            for (_, unclaimed) in bridges.kept.drain() {
                // The receiver is right here.
                let _ = keep.send(unclaimed);
            }
            bridges
                .running
                .drain()
                .map(|(_, running)| running)
                .collect()
        };
        for running in &running {
            running.handle.stop(keep.clone());
        }
        let all = async {
            for running in running {
                // A bridge that failed has nothing left to deliver.
                let _ = running.task.await;
            }
        };
        if timeout(LAST_INPUT, all).await.is_err() {
            tracing::warn!("tmux did not take all input in time");
        }
        std::iter::from_fn(|| kept.try_recv().ok()).collect()
    }

    /// As [`Hub::hand_over`], and ends the clients, one after the other: many that leave at once can end
    /// a tmux server that is older than 3.8.
    pub async fn shutdown(&self) {
        end_clients(self.hand_over().await).await;
    }
}

/// Ends clients that were handed over, one after the other.
pub async fn end_clients(kept: Vec<Kept>) {
    let all = async {
        for Kept { transfer, .. } in kept {
            transfer.end().await;
        }
    };
    // Those that are left end when their terminals do.
    if timeout(CLIENTS_END, all).await.is_err() {
        tracing::warn!("tmux did not let all clients go in time");
    }
}

impl Inner {
    fn bridges(&self) -> MutexGuard<'_, Bridges> {
        // Nothing in the critical sections can panic half way through a change.
        self.bridges.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bridges {
    /// A seat at a running bridge, if there is one.
    fn enter<T>(
        &self,
        id: SessionId,
        created: Creation,
        enter: impl Fn(&Handle) -> Result<T, Refused>,
    ) -> Entered<T> {
        if self.closing {
            return Entered::Here(Err(JoinError::ShuttingDown));
        }
        let Some(running) = self.running.get(&id) else {
            return Entered::Nobody;
        };
        if !running.created.is(created) {
            return Entered::Other;
        }
        match enter(&running.handle) {
            Ok(seat) => Entered::Here(Ok(seat)),
            Err(Refused::Full) => Entered::Here(Err(JoinError::TooManyViewers)),
            // It has ended but not yet gone.
            Err(Refused::Stopped) => Entered::Nobody,
        }
    }

    fn forget(&mut self, id: SessionId, number: u64) {
        // A later bridge of the same session is not meant.
        if self
            .running
            .get(&id)
            .is_some_and(|running| running.number == number)
        {
            self.running.remove(&id);
        }
    }
}
