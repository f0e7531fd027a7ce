//! [`Control`]: the one control client per tmux server. Tells what changes and answers questions in a
//! hundredth of the time a process takes.
//!
//! It sits on an existing session (`no-output`, so it never sees what programs print, and no program
//! is ever held up by us), hops to another when that one ends, comes back when it is detached, and
//! looks for a server when there is none. It creates nothing, changes nothing and keeps nothing alive:
//! sessions with `destroy-unattached` are not sat on, since leaving them could end them.
//!
//! It has no `ignore-size`: control clients have no size of their own, and as long as one unflagged
//! client is there, tmux lets no `ignore-size` client resize a window (facts §5).

use super::control_parser::{Reply, quoted};
use super::conversation::{Conversation, Over, Query};
use super::error::Error;
use super::event::Event;
use super::name::SessionId;
use super::program::Program;
use super::version::Version;
use crate::config::limits::{RETRY, SERVER_POLL, TMUX_QUERIES, TMUX_TIMEOUT};
use crate::pulse::careful;
use std::sync::Arc;
use std::time::Duration;
use tmux_interface::{ListSessions, TmuxCommand};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

/// What we know of the tmux server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not asked yet.
    Starting,
    /// It answers.
    Ready {
        /// Its version.
        version: String,
    },
    /// There is none: normal before the first session.
    NoServer,
    /// It cannot be used, and why. Tried again all the time.
    Failed(Error),
}

/// The way to the control client.
#[derive(Debug)]
pub(super) struct Control {
    queries: mpsc::Sender<Query>,
    status: watch::Receiver<Status>,
    events: broadcast::Sender<Event>,
    connected: watch::Receiver<bool>,
    hurry: Arc<Notify>,
}

impl Control {
    /// Starts the task; it ends when this is dropped.
    pub(super) fn start(program: Program, events_held: usize) -> Self {
        let (queries, inbox) = mpsc::channel(TMUX_QUERIES);
        let (status_in, status) = watch::channel(Status::Starting);
        let (connected_in, connected) = watch::channel(false);
        let (events, _) = broadcast::channel(events_held);
        let hurry = Arc::new(Notify::new());
        let mut task = Task {
            program,
            inbox,
            status: status_in,
            events: events.clone(),
            connected: connected_in,
            hurry: hurry.clone(),
            left: None,
            path_known: false,
            version: None,
            nowhere: None,
        };
        // Whoever asks meanwhile does so by a process of its own.
        tokio::spawn(async move {
            while careful(task.run()).await.is_none() {
                task.connected.send_replace(false);
                tokio::time::sleep(SERVER_POLL).await;
            }
        });
        Self {
            queries,
            status,
            events,
            connected,
            hurry,
        }
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    pub(super) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Looks for the server now: it was just started.
    pub(super) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Asks with one command. `None`: there is no control client (any more), ask another way.
    pub(super) async fn ask(&self, command: &TmuxCommand<'_>) -> Option<Result<Reply, Error>> {
        if !*self.connected.borrow() {
            return None;
        }
        let words: Vec<String> = command.to_vec().iter().map(|word| quoted(word)).collect();
        let (answer, answered) = oneshot::channel();
        let query = Query {
            line: words.join(" "),
            answer,
        };
        // The task times out what it has sent; this also counts the time spent in the queue.
        let asked = async {
            self.queries.send(query).await.ok()?;
            answered.await.ok()
        };
        match tokio::time::timeout(TMUX_TIMEOUT + RETRY.0, asked).await {
            Ok(answer) => answer,
            Err(_) => Some(Err(Error::Timeout)),
        }
    }
}

struct Task {
    program: Program,
    inbox: mpsc::Receiver<Query>,
    status: watch::Sender<Status>,
    events: broadcast::Sender<Event>,
    connected: watch::Sender<bool>,
    hurry: Arc<Notify>,
    /// The session it was last on: another is preferred, since that one may be ending.
    left: Option<SessionId>,
    /// Whether the socket is where we think it is.
    path_known: bool,
    /// Which tmux this is; asked when a search for a seat begins, and kept while it finds a server
    /// without one.
    version: Option<String>,
    /// What the server listed when there was no seat for us.
    nowhere: Option<String>,
}

/// Where a control client may sit.
enum Seat {
    On(SessionId),
    /// A server without a session for us: nobody tells us of changes, so we look again and again.
    Nowhere {
        version: String,
        /// Its sessions as it lists them.
        listed: String,
    },
}

impl Task {
    async fn run(&mut self) {
        let mut pause = Duration::ZERO;
        loop {
            if !self.wait(pause).await {
                return;
            }
            let longer = (pause * 2).clamp(RETRY.0, RETRY.1);
            let found = self.find_seat().await;
            if !matches!(found, Ok(Seat::Nowhere { .. })) {
                (self.version, self.nowhere) = (None, None);
            }
            pause = match found {
                Ok(Seat::On(id)) => match self.sit(id).await {
                    Over::Dropped => return,
                    Over::Hung => {
                        self.tell(Status::Failed(Error::Timeout));
                        longer
                    }
                    // It had been up for a while: hop at once.
                    Over::Ended(Some(up)) if up >= SERVER_POLL => Duration::ZERO,
                    Over::Ended(Some(_)) => longer.min(SERVER_POLL / 2),
                    Over::Ended(None) => longer.min(SERVER_POLL),
                },
                Ok(Seat::Nowhere { version, listed }) => {
                    self.tell(Status::Ready { version });
                    if self.nowhere.as_ref() == Some(&listed) {
                        longer.max(SERVER_POLL)
                    } else {
                        self.nowhere = Some(listed);
                        let _ = self.events.send(Event::Reset);
                        SERVER_POLL
                    }
                }
                Err(Error::NoServer) => {
                    self.tell(Status::NoServer);
                    longer.min(SERVER_POLL)
                }
                Err(error) => {
                    self.tell(Status::Failed(error));
                    longer
                }
            };
        }
    }

    /// Waits, turning questions away; false when nobody can ask any more.
    async fn wait(&mut self, pause: Duration) -> bool {
        let hurry = self.hurry.clone();
        let until = tokio::time::sleep(pause);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return true,
                () = hurry.notified() => return true,
                query = self.inbox.recv() => match query {
                    Some(_turned_away) => {}
                    None => return false,
                },
            }
        }
    }

    fn tell(&self, status: Status) {
        tell(&self.status, status);
    }

    async fn find_seat(&mut self) -> Result<Seat, Error> {
        // Asked each time a search begins: tmux may have been installed or replaced.
        let version = match &self.version {
            Some(version) => version.clone(),
            None => self.program.version().await?.text,
        };
        if self.path_known {
            self.program.reachable().await?;
        }
        // All after these two only tells that something changed.
        let format = "#{session_id} #{destroy-unattached} #{session_windows} #{session_attached} #{window_width} #{window_height} #{session_name}";
        let list = ListSessions::new().format(format).build();
        let listed = self.program.run("list sessions", list).await;
        // From now on a `connect` tells whether there is a server, unless tmux has its sockets elsewhere.
        self.path_known = listed.is_ok() == self.program.reachable().await.is_ok();
        let listed = listed?;
        let mut seats: Vec<SessionId> = listed
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let (id, destroyed) = (words.next()?, words.next()?);
                matches!(destroyed, "0" | "off" | "")
                    .then(|| id.parse().ok())
                    .flatten()
            })
            .collect();
        // The oldest is the least likely to end soon.
        seats.sort_by_key(|id| (Some(*id) == self.left, *id));
        Ok(match seats.first() {
            Some(id) => Seat::On(*id),
            None => {
                self.version = Some(version.clone());
                Seat::Nowhere { version, listed }
            }
        })
    }

    /// Runs one control client to its end.
    async fn sit(&mut self, id: SessionId) -> Over {
        self.left = Some(id);
        let up = |version: Version| {
            tell(
                &self.status,
                Status::Ready {
                    version: version.text,
                },
            );
            self.connected.send_replace(true);
            let _ = self.events.send(Event::Reset);
        };
        let over = Conversation::hold(&self.program, id, &mut self.inbox, &self.events, up).await;
        if self.connected.send_replace(false) {
            let _ = self.events.send(Event::Reset);
        }
        over.unwrap_or_else(|error| {
            self.tell(Status::Failed(error));
            Over::Ended(None)
        })
    }
}

/// Tells a status, if it is news.
fn tell(told: &watch::Sender<Status>, status: Status) {
    told.send_if_modified(|now| {
        let changed = *now != status;
        if changed {
            match &status {
                Status::Failed(error) => tracing::warn!(%error, "tmux cannot be used"),
                status => tracing::info!(?status, "tmux"),
            }
            *now = status;
        }
        changed
    });
}
