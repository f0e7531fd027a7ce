//! [`ServerConnection`]: the connection to a tmux server: whether it can be used, what changes in it,
//! and a way to ask it a hundred times faster than with a process.
//!
//! It attaches to no session, so that nobody notices it: programs keep their focus reports and their
//! colours, and no session's size, activity or life depends on it. Sizes, commands and titles change
//! without a notification to such a client; they are asked for every [`TMUX_POLL`].
//!
//! Where the server does not speak the protocol we know, each question costs a process, and changes
//! are noticed within [`SERVER_POLL`].

use crate::config::limits::{RETRY, SERVER_POLL, TMUX_POLL, TMUX_QUERIES, TMUX_SLOW, TMUX_TIMEOUT};
use crate::heartbeat::careful;
use crate::tmux::command::{Identity, Program, quoted};
use crate::tmux::control::event::Event;
use crate::tmux::control::notifications::NotificationConnection;
use crate::tmux::control::protocol::Framing;
use crate::tmux::control::queries::{QueryConnection, Reply};
use crate::tmux::control::size_guard;
use crate::tmux::control::size_guard::{Followers, FollowersSeen, SizeGuard};
use crate::tmux::error::Error;
use crate::tmux::query::session_state;
use crate::tmux::version::Version;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tmux_interface::{DisplayMessage, TmuxCommand};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

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

/// A question, dropped unanswered when there is no connection.
#[derive(Debug)]
struct Query {
    line: String,
    answer: oneshot::Sender<Result<Reply, Error>>,
}

/// Where an answer goes.
#[derive(Debug)]
enum For {
    /// To who asked.
    Caller(oneshot::Sender<Result<Reply, Error>>),
    /// It is compared with the one before: asked every second.
    SessionState,
    /// To the size guard.
    SizeGuard,
}

/// The question under way.
#[derive(Debug)]
struct Asked {
    answer: For,
    /// When tmux is reported to hang; none once it is.
    slow: Option<Instant>,
    /// When it is too late for an answer.
    late: Instant,
}

impl Asked {
    fn now(answer: For) -> Self {
        let now = Instant::now();
        Self {
            answer,
            slow: Some(now + TMUX_SLOW),
            late: now + TMUX_TIMEOUT,
        }
    }
}

/// The connection to one tmux server. Its task ends with this.
#[derive(Debug)]
pub(in crate::tmux) struct ServerConnection {
    queries: mpsc::Sender<Query>,
    status: watch::Receiver<Status>,
    events: broadcast::Sender<Event>,
    connected: watch::Receiver<bool>,
    hurry: Arc<Notify>,
}

impl ServerConnection {
    /// Starts the task.
    pub(in crate::tmux) fn start(
        program: Program,
        followers: &Followers,
        events_held: usize,
    ) -> Self {
        let (queries, inbox) = mpsc::channel(TMUX_QUERIES);
        let (status_in, status) = watch::channel(Status::Starting);
        let (connected_in, connected) = watch::channel(false);
        let (events, _) = broadcast::channel(events_held);
        let hurry = Arc::new(Notify::new());
        let mut task = Task {
            program,
            followers: followers.subscribe(),
            inbox,
            status: status_in,
            events: events.clone(),
            connected: connected_in,
            hurry: hurry.clone(),
            path: None,
            foreign: None,
        };
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

    pub(in crate::tmux) fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    pub(in crate::tmux) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Looks for the server now: it was just started.
    pub(in crate::tmux) fn hurry(&self) {
        self.hurry.notify_one();
    }

    /// Asks with commands, each of which is run whether or not the one before it failed. `None`: there is
    /// no connection (any more), ask another way.
    pub(in crate::tmux) async fn ask(
        &self,
        commands: &[TmuxCommand<'_>],
    ) -> Option<Result<Reply, Error>> {
        if !*self.connected.borrow() {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let lines: Vec<String> = commands.iter().map(command_line).collect();
        let line = lines.join("\n");
        // The task times out what it has sent; this also counts the time spent in the queue.
        let asked = async {
            self.queries.send(Query { line, answer }).await.ok()?;
            answered.await.ok()
        };
        match timeout(TMUX_TIMEOUT + RETRY.0, asked).await {
            Ok(answer) => answer,
            Err(_) => Some(Err(Error::Timeout)),
        }
    }
}

/// A command as a line of tmux's configuration language.
fn command_line(command: &TmuxCommand<'_>) -> String {
    let words: Vec<String> = command.to_vec().iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

struct Task {
    program: Program,
    /// Our clients that only follow a size.
    followers: FollowersSeen,
    inbox: mpsc::Receiver<Query>,
    status: watch::Sender<Status>,
    events: broadcast::Sender<Event>,
    connected: watch::Sender<bool>,
    hurry: Arc<Notify>,
    /// Where the socket is, once a server was found there.
    path: Option<PathBuf>,
    /// The sessions of a server that does not speak our protocol, as listed last.
    foreign: Option<String>,
}

/// Both connections to a server, and what it said of itself.
struct Connected {
    path: PathBuf,
    framing: Framing,
    queries: QueryConnection,
    notifications: NotificationConnection,
    server: Version,
    /// The server's process.
    pid: String,
    /// The tmux program that was compared with the server.
    program: Identity,
}

/// Why a connection is over.
enum Over {
    /// Nobody asks any more.
    Dropped,
    /// The server closed it.
    Ended,
    /// The server did not answer.
    Hung,
}

/// Why there is no connection.
enum Unconnected {
    Error(Error),
    /// Something listens and does not answer in the protocol we know; or it has just ended.
    Foreign,
}

impl From<Error> for Unconnected {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Task {
    async fn run(&mut self) {
        let mut pause = Duration::ZERO;
        loop {
            if !self.wait(pause).await {
                return;
            }
            let longer = (pause * 2).clamp(RETRY.0, RETRY.1);
            let found = match timeout(TMUX_TIMEOUT, self.connect()).await {
                Ok(found) => found,
                Err(_) => Err(Error::Timeout.into()),
            };
            if !matches!(found, Err(Unconnected::Foreign)) {
                self.foreign = None;
            }
            pause = match found {
                Ok(connected) => match self.serve(connected).await {
                    Over::Dropped => return,
                    Over::Ended => RETRY.0,
                    Over::Hung => {
                        self.tell(Status::Failed(Error::Timeout));
                        longer
                    }
                },
                Err(Unconnected::Foreign) => {
                    self.poll_foreign().await;
                    SERVER_POLL
                }
                Err(Unconnected::Error(Error::NoServer)) => {
                    self.tell(Status::NoServer);
                    longer.min(SERVER_POLL)
                }
                Err(Unconnected::Error(error)) => {
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

    async fn connect(&mut self) -> Result<Connected, Unconnected> {
        // Asked each time a search begins: tmux may have been installed or replaced.
        let identity = self.program.identity();
        let version = self.program.version().await?;
        let path = self.find_socket().await?;
        let framing = Framing::of(&version);
        let mut queries = open(&path, framing).await?;
        let about = DisplayMessage::new()
            .print()
            .message("#{version} #{pid}")
            .build();
        queries.ask(&command_line(&about));
        let about = queries.ready().await.map_err(|_| Unconnected::Foreign)?;
        let about = about.into_result("say its version")?;
        let (server, pid) = about.trim().split_once(' ').ok_or(Unconnected::Foreign)?;
        let server = Version::parse(server);
        let framing = Framing::of(&server);
        let notifications = NotificationConnection::open(&path, framing)
            .await
            .map_err(|_| Unconnected::Foreign)?;
        Ok(Connected {
            path,
            framing,
            queries,
            notifications,
            server,
            pid: pid.to_owned(),
            program: identity,
        })
    }

    /// Where the server's socket is: where tmux computes it, or wherever a tmux process says.
    async fn find_socket(&mut self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let path = self.program.socket.path();
        let trusted = self.program.socket.is_trusted();
        if trusted && self.program.reachable().await != Err(Error::NoServer) {
            self.path = Some(path.clone());
            return Ok(path);
        }
        let ask = DisplayMessage::new()
            .print()
            .message("#{socket_path}")
            .build();
        let said = self.program.run("say where its socket is", ask).await;
        if !trusted {
            // tmux names the reason; if it sees none, it was removed meanwhile.
            return said.map(|_| path);
        }
        // From now on the socket alone is looked at.
        let path = match &said {
            Ok(said) if !said.trim().is_empty() => said.trim().into(),
            _ => path,
        };
        self.path = Some(path.clone());
        said.map(|_| path)
    }

    /// Answers questions and passes on what changes, until the connection is over.
    async fn serve(&mut self, mut connected: Connected) -> Over {
        self.tell(connected.status(&self.program).await);
        self.connected.send_replace(true);
        let _ = self.events.send(Event::Reset);
        let over = self.talk(&mut connected).await;
        self.connected.send_replace(false);
        let _ = self.events.send(Event::Reset);
        over
    }

    async fn talk(&mut self, connected: &mut Connected) -> Over {
        let poll = command_line(&session_state::question());
        let mut polled: Option<Vec<u8>> = None;
        let mut poll_at = Instant::now();
        let mut asked: Option<Asked> = None;
        let mut guard = SizeGuard::new(self.followers.clone());
        let clients = command_line(&size_guard::question());
        loop {
            if asked.is_none() && guard.is_due() {
                connected.queries.ask(&clients);
                asked = Some(Asked::now(For::SizeGuard));
            }
            let free = asked.is_none();
            let due = asked.as_ref().map(|asked| asked.slow.unwrap_or(asked.late));
            let due = due.unwrap_or(poll_at);
            let mut gone = false;
            tokio::select! {
                biased;
                ended = connected.notifications.next(|event| {
                    gone |= matches!(event, Event::ClientDetached { .. });
                    // Nobody listening is no failure.
                    let _ = self.events.send(event);
                }) => {
                    if ended.is_err() {
                        return Over::Ended;
                    }
                    if gone {
                        guard.look();
                    }
                }
                reply = connected.queries.ready(), if !free => {
                    let Ok(reply) = reply else {
                        return Over::Ended;
                    };
                    if asked.as_ref().is_some_and(|asked| asked.slow.is_none()) {
                        self.tell(connected.status(&self.program).await);
                    }
                    match asked.take().map(|asked| asked.answer) {
                        // Whoever asked may have given up.
                        Some(For::Caller(answer)) => drop(answer.send(Ok(reply))),
                        Some(For::SessionState) => self.polled(&mut polled, reply.output),
                        Some(For::SizeGuard) => {
                            let answer = String::from_utf8_lossy(&reply.output);
                            let (path, framing) = (&connected.path, connected.framing);
                            if guard.listed(&answer, path, framing).await.is_err() {
                                return Over::Ended;
                            }
                        }
                        None => {}
                    }
                    if connected.queries.is_spent() {
                        match connected.renew().await {
                            Ok(()) => {}
                            Err(Error::Timeout) => return Over::Hung,
                            Err(_) => return Over::Ended,
                        }
                    }
                }
                () = sleep_until(due) => {
                    if let Some(asked) = &mut asked
                        && asked.slow.take().is_some()
                    {
                        self.tell(Status::Failed(Error::Timeout));
                        continue;
                    }
                    if let Some(asked) = asked.take() {
                        if let For::Caller(answer) = asked.answer {
                            // Whoever asked may have given up.
                            let _ = answer.send(Err(Error::Timeout));
                        }
                        return Over::Hung;
                    }
                    connected.queries.ask(&poll);
                    asked = Some(Asked::now(For::SessionState));
                    poll_at = Instant::now() + TMUX_POLL;
                    // A client that attaches does so without a notification.
                    guard.look();
                    if connected.program != self.program.identity() {
                        connected.program = self.program.identity();
                        self.tell(connected.status(&self.program).await);
                    }
                }
                () = guard.changed() => {}
                query = self.inbox.recv(), if free => match query {
                    Some(query) => {
                        connected.queries.ask(&query.line);
                        asked = Some(Asked::now(For::Caller(query.answer)));
                    }
                    None => {
                        connected.release().await;
                        return Over::Dropped;
                    }
                },
            }
        }
    }

    fn polled(&self, known: &mut Option<Vec<u8>>, now: Vec<u8>) {
        if known.as_ref() == Some(&now) {
            return;
        }
        let states = session_state::read(&String::from_utf8_lossy(&now), &size_guard::name());
        *known = Some(now);
        let _ = self.events.send(Event::SessionState(states.into()));
    }

    /// Looks with a process whether a server that cannot be connected to has changed.
    async fn poll_foreign(&mut self) {
        let listed = self
            .program
            .run("list the sessions", session_state::question());
        match (listed.await, self.program.version().await) {
            (Ok(listed), Ok(version)) => {
                if self.foreign.is_none() {
                    tracing::warn!(version = %version.text, "this tmux speaks a protocol that muxview does not know; each question costs a process");
                }
                let version = version.text;
                self.tell(Status::Ready { version });
                if self.foreign.as_ref() != Some(&listed) {
                    self.foreign = Some(listed);
                    let _ = self.events.send(Event::Reset);
                }
            }
            (Err(Error::NoServer), _) => self.tell(Status::NoServer),
            (Err(error), _) | (_, Err(error)) => self.tell(Status::Failed(error)),
        }
    }

    /// Publishes a status, if it is a new one.
    fn tell(&self, status: Status) {
        self.status.send_if_modified(|now| {
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
}

impl Connected {
    /// Whether clients of the installed program can attach to this server.
    async fn status(&self, program: &Program) -> Status {
        let version = match program.version().await {
            Ok(version) => version,
            Err(error) => return Status::Failed(error),
        };
        if Framing::of(&version) == Framing::of(&self.server) {
            Status::Ready {
                version: self.server.text.clone(),
            }
        } else {
            Status::Failed(Error::Mismatch {
                program: version.text,
                server: self.server.text.clone(),
                pid: self.pid.clone(),
            })
        }
    }

    /// Replaces the connection for questions, which takes a limited number of them.
    async fn renew(&mut self) -> Result<(), Error> {
        let opened = open(&self.path, self.framing);
        let fresh = match timeout_at(Instant::now() + TMUX_TIMEOUT, opened).await {
            Ok(Ok(fresh)) => fresh,
            Ok(Err(_)) => return Err(Error::NoServer),
            Err(_) => return Err(Error::Timeout),
        };
        std::mem::replace(&mut self.queries, fresh).finish();
        Ok(())
    }

    /// Leaves nothing behind in the server.
    async fn release(&mut self) {
        let released = async {
            self.queries.ask(&self.notifications.release());
            self.queries.ready().await
        };
        // A server that hangs or is gone has nothing to be freed of.
        let _ = timeout(RETRY.0, released).await;
    }
}

/// Opens a connection that takes questions.
async fn open(path: &std::path::Path, framing: Framing) -> Result<QueryConnection, Unconnected> {
    let mut queries = QueryConnection::open(path, framing)
        .await
        .map_err(|error| Error::from_connect(path, &error))?;
    queries.ready().await.map_err(|_| Unconnected::Foreign)?;
    Ok(queries)
}
