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

use super::client::Ours;
use super::control_parser::{Message, Parser, Reply, quoted};
use super::error::Error;
use super::event::{self, Event};
use super::name::SessionId;
use super::program::{Program, exclusively};
use super::version::Version;
use crate::config::limits::{RETRY, SERVER_POLL, TMUX_QUERIES, TMUX_TIMEOUT};
use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tmux_interface::{AttachSession, ListSessions, TmuxCommand};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;

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

/// A question for the control client; dropped unanswered when there is none.
struct Query {
    line: String,
    answer: oneshot::Sender<Result<Reply, Error>>,
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
        let task = Task {
            program,
            inbox,
            status: status_in,
            events: events.clone(),
            connected: connected_in,
            hurry: hurry.clone(),
            left: None,
            version: None,
        };
        tokio::spawn(task.run());
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
    version: Option<Version>,
}

/// Why the control client is gone.
enum Over {
    /// Nobody asks any more.
    Dropped,
    /// It ended; if it had been up, for how long.
    Ended(Option<Duration>),
    /// tmux did not answer.
    Hung,
}

/// Where a control client may sit.
enum Seat {
    On(SessionId),
    /// A server without a session for us: nobody tells us of changes, so we look again and again.
    Nowhere,
}

impl Task {
    async fn run(mut self) {
        let mut pause = Duration::ZERO;
        loop {
            if !self.wait(pause).await {
                return;
            }
            let longer = (pause * 2).clamp(RETRY.0, RETRY.1);
            pause = match self.find_seat().await {
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
                Ok(Seat::Nowhere) => {
                    self.ready();
                    let _ = self.events.send(Event::Reset);
                    longer.min(SERVER_POLL)
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

    fn ready(&self) {
        let version = self.version.as_ref().map(|v| v.text.clone());
        self.tell(Status::Ready {
            version: version.unwrap_or_default(),
        });
    }

    async fn find_seat(&mut self) -> Result<Seat, Error> {
        // Asked each time there is no control client: tmux may have been installed or replaced.
        let version = version(&self.program).await?;
        self.version = Some(version);
        reachable(&self.program).await?;
        let format = "#{session_id} #{destroy-unattached}";
        let listed = self
            .program
            .run("list sessions", ListSessions::new().format(format).build())
            .await?;
        let mut seats: Vec<SessionId> = listed
            .lines()
            .filter_map(|line| {
                let (id, destroyed) = line.split_once(' ')?;
                matches!(destroyed, "0" | "off" | "")
                    .then(|| id.parse().ok())
                    .flatten()
            })
            .collect();
        // The oldest is the least likely to end soon.
        seats.sort_by_key(|id| (Some(*id) == self.left, *id));
        Ok(seats.first().map_or(Seat::Nowhere, |id| Seat::On(*id)))
    }

    /// Runs one control client to its end.
    async fn sit(&mut self, id: SessionId) -> Over {
        self.left = Some(id);
        let mut child = match spawn(&self.program, id) {
            Ok(child) => child,
            Err(error) => {
                self.tell(Status::Failed(error));
                return Over::Ended(None);
            }
        };
        let ours = child.id().map(Ours::new);
        let mut up = None;
        let over = self.converse(&mut child, &mut up).await;
        if up.is_some() {
            self.connected.send_replace(false);
            let _ = self.events.send(Event::Reset);
        }
        // Whatever it still owed is dropped with it: an answer can never meet a later question.
        // tokio kills it if it lives, and reaps it in any case.
        if child.start_kill().is_ok() {
            let reaped = tokio::time::timeout(RETRY.0, child.wait()).await;
            tracing::debug!(?reaped, "control client ended");
        }
        drop(ours);
        over
    }

    async fn converse(&mut self, child: &mut Child, up: &mut Option<Instant>) -> Over {
        let (Some(mut stdin), Some(mut stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Over::Ended(None);
        };
        let mut parser = Parser::default();
        let mut bytes = vec![0; 16 * 1024];
        let mut outgoing: Vec<u8> = vec![];
        // The first entry is the greeting tmux sends by itself.
        let mut owed: VecDeque<(Instant, Owed)> =
            VecDeque::from([(Instant::now() + TMUX_TIMEOUT, Owed::Greeting)]);
        loop {
            let deadline = owed.front().map(|(at, _)| *at);
            tokio::select! {
                read = stdout.read(&mut bytes) => {
                    let Ok(n @ 1..) = read else {
                        return Over::Ended(up.map(|at| at.elapsed()));
                    };
                    let mut messages = vec![];
                    parser.feed(&bytes[..n], |message| messages.push(message));
                    for message in messages {
                        match message {
                            Message::Event(event) => {
                                // Nobody listening is no failure.
                                let _ = self.events.send(event);
                            }
                            Message::Exit => return Over::Ended(up.map(|at| at.elapsed())),
                            Message::Reply(reply) => {
                                if self.replied(reply, &mut owed, &mut outgoing) {
                                    *up = Some(Instant::now());
                                }
                            }
                        }
                    }
                }
                written = stdin.write(&outgoing), if !outgoing.is_empty() => match written {
                    Ok(n @ 1..) => { outgoing.drain(..n); }
                    _ => return Over::Ended(up.map(|at| at.elapsed())),
                },
                query = self.inbox.recv(), if outgoing.is_empty() => match query {
                    Some(query) if up.is_some() => {
                        write_line(&mut outgoing, &query.line);
                        owed.push_back((Instant::now() + TMUX_TIMEOUT, Owed::Answer(query.answer)));
                    }
                    Some(_turned_away) => {}
                    None => return Over::Dropped,
                },
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                    for (_, owed) in owed {
                        if let Owed::Answer(answer) = owed {
                            let _ = answer.send(Err(Error::Timeout));
                        }
                    }
                    return Over::Hung;
                }
            }
        }
    }

    /// Gives an answer to whom it is owed. True when the client is ready for questions from now on.
    fn replied(
        &mut self,
        reply: Reply,
        owed: &mut VecDeque<(Instant, Owed)>,
        outgoing: &mut Vec<u8>,
    ) -> bool {
        let due = Instant::now() + TMUX_TIMEOUT;
        // tmux answers in order, one block a command; what is not ours answers nothing of ours.
        let greeting = matches!(owed.front(), Some((_, Owed::Greeting)));
        if reply.ours == greeting {
            return false;
        }
        match owed.pop_front() {
            Some((_, Owed::Greeting)) if reply.ok => {
                let subscription = format!("{}::{}", event::SUBSCRIPTION, event::subscription());
                write_line(
                    outgoing,
                    &format!("refresh-client -B {}", quoted(&subscription)),
                );
                owed.push_back((due, Owed::Subscribed));
                write_line(outgoing, "display-message -p '#{version}'");
                owed.push_back((due, Owed::Version));
                false
            }
            // The client ends by itself: its session went before it came.
            Some((_, Owed::Greeting)) | None => false,
            Some((_, Owed::Subscribed)) => {
                if !reply.ok {
                    tracing::warn!(answer = ?reply.lines, "tmux refused to report sizes and titles");
                }
                false
            }
            Some((_, Owed::Version)) => {
                if let Some(text) = reply.lines.first().filter(|text| !text.is_empty()) {
                    self.version = Some(Version::parse(text));
                }
                self.ready();
                self.connected.send_replace(true);
                let _ = self.events.send(Event::Reset);
                true
            }
            Some((_, Owed::Answer(answer))) => {
                // Who asked may have given up.
                let _ = answer.send(Ok(reply));
                false
            }
        }
    }
}

/// What the next block from tmux answers.
enum Owed {
    Greeting,
    Subscribed,
    Version,
    Answer(oneshot::Sender<Result<Reply, Error>>),
}

fn write_line(outgoing: &mut Vec<u8>, line: &str) {
    outgoing.extend_from_slice(line.as_bytes());
    outgoing.push(b'\n');
}

fn spawn(program: &Program, id: SessionId) -> Result<Child, Error> {
    let attach = AttachSession::new()
        .not_update_env()
        .target_session(id.to_string());
    let mut attach = attach.build();
    attach.push_option("-f", "no-output");
    let mut command = program.command(attach);
    // `-C` is an option of tmux itself and stands before the command's name; tmux_interface puts it
    // there only for its own spawn.
    command = with_control_mode(&command);
    let mut command = Command::from(command);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    exclusively(|| command.spawn()).map_err(|error| Error::from_spawn(&program.path, &error))
}

/// The same command line with `-C` as its first option.
fn with_control_mode(command: &std::process::Command) -> std::process::Command {
    let mut controlled = std::process::Command::new(command.get_program());
    controlled.arg("-C").args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            controlled.env(name, value);
        }
    }
    controlled
}

/// Which tmux this is, if it is new enough.
pub(super) async fn version(program: &Program) -> Result<Version, Error> {
    let mut command = std::process::Command::new(&program.path);
    command
        .arg("-V")
        .env_clear()
        .envs(super::program::client_environment());
    let said = program.finish("say its version", command).await?;
    Version::parse(&said).supported()
}

/// Whether somebody listens on the socket: a thousandth of what asking with a process costs, so that
/// it can be asked often.
pub(super) async fn reachable(program: &Program) -> Result<(), Error> {
    let path = program.socket.path();
    match tokio::time::timeout(TMUX_TIMEOUT, UnixStream::connect(&path)).await {
        Err(_) => Err(Error::Timeout),
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(match error.kind() {
            std::io::ErrorKind::PermissionDenied => Error::Permission { path },
            // No file, or a stale one that nobody listens on (tmux replaces it itself).
            std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Error::NoServer,
            _ => Error::Failed {
                what: "be reached",
                message: error.to_string(),
            },
        }),
    }
}
