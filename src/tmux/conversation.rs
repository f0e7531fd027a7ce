//! [`Conversation`]: one control client from its start to its end: questions go in, answers go back to
//! who asked, events out. Knows nothing of who comes next.

use super::client::Client;
use super::control_parser::{Message, Parser, Reply, quoted};
use super::error::Error;
use super::event::{self, Event};
use super::master::Master;
use super::name::SessionId;
use super::program::{Program, client_environment};
use super::pty::{self, Line, Mode};
use super::version::Version;
use crate::config::limits::{TMUX_HEARTBEAT, TMUX_TIMEOUT};
use crate::terminal::Size;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::time::Duration;
use tmux_interface::AttachSession;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::Instant;

/// A question for the control client; dropped unanswered when there is none.
pub(super) struct Query {
    pub(super) line: String,
    pub(super) answer: oneshot::Sender<Result<Reply, Error>>,
}

/// Why a conversation is over.
pub(super) enum Over {
    /// Nobody asks any more.
    Dropped,
    /// The client ended; if it had been ready, for how long.
    Ended(Option<Duration>),
    /// tmux did not answer.
    Hung,
}

/// What the next block from tmux answers.
enum Owed {
    /// The command this client was started with.
    Greeting,
    Subscribed,
    Version,
    /// That it is there.
    Heartbeat,
    Answer(oneshot::Sender<Result<Reply, Error>>),
}

/// A conversation with one control client.
pub(super) struct Conversation<'a> {
    inbox: &'a mut mpsc::Receiver<Query>,
    events: &'a broadcast::Sender<Event>,
    /// Since when it takes questions.
    ready: Option<Instant>,
    /// tmux answers in order, so the first of these is answered next. Each with its time-out.
    owed: VecDeque<(Instant, Owed)>,
    outgoing: Vec<u8>,
}

impl<'a> Conversation<'a> {
    /// Talks with a control client on this session to its end. `up` is called once, when it takes
    /// questions.
    pub(super) async fn hold(
        program: &Program,
        id: SessionId,
        inbox: &'a mut mpsc::Receiver<Query>,
        events: &'a broadcast::Sender<Event>,
        up: impl FnMut(Version),
    ) -> Result<Over, Error> {
        // Ended and reaped when it is dropped.
        let (master, _client) = spawn(program, id).await?;
        let mut conversation = Self {
            inbox,
            events,
            ready: None,
            owed: VecDeque::new(),
            outgoing: vec![],
        };
        // Whatever it still owed is dropped with it, so an answer can never meet a later question.
        Ok(conversation.talk(&master, up).await)
    }

    async fn talk(&mut self, master: &Master, mut up: impl FnMut(Version)) -> Over {
        let mut parser = Parser::default();
        let mut bytes = vec![0; 16 * 1024];
        let mut messages = vec![];
        self.owe(Owed::Greeting);
        loop {
            let now = Instant::now();
            let (due, late) = match self.owed.front() {
                Some((due, _)) => (*due, true),
                None => (now + TMUX_HEARTBEAT, false),
            };
            tokio::select! {
                read = master.read(|master| pty::read(master, &mut bytes)) => {
                    let Ok(n @ 1..) = read else {
                        return self.ended();
                    };
                    parser.feed(&bytes[..n], |message| messages.push(message));
                    for message in messages.drain(..) {
                        match message {
                            Message::Event(event) => {
                                // Nobody listening is no failure.
                                let _ = self.events.send(event);
                            }
                            Message::Exit => return self.ended(),
                            Message::Reply(reply) => self.replied(reply, &mut up),
                        }
                    }
                }
                written = write(master, &self.outgoing), if !self.outgoing.is_empty() => match written {
                    Ok(n @ 1..) => { self.outgoing.drain(..n); }
                    _ => return self.ended(),
                },
                query = self.inbox.recv(), if self.outgoing.is_empty() => match query {
                    Some(query) if self.ready.is_some() => {
                        self.say(&query.line, Owed::Answer(query.answer));
                    }
                    Some(_turned_away) => {}
                    None => return Over::Dropped,
                },
                () = tokio::time::sleep_until(due) => {
                    if late {
                        return self.hung();
                    }
                    self.say("display-message -p ''", Owed::Heartbeat);
                }
            }
        }
    }

    fn owe(&mut self, owed: Owed) {
        self.owed.push_back((Instant::now() + TMUX_TIMEOUT, owed));
    }

    fn say(&mut self, line: &str, owed: Owed) {
        self.outgoing.extend_from_slice(line.as_bytes());
        self.outgoing.push(b'\n');
        self.owe(owed);
    }

    fn ended(&self) -> Over {
        Over::Ended(self.ready.map(|since| since.elapsed()))
    }

    fn hung(&mut self) -> Over {
        for (_, owed) in self.owed.drain(..) {
            if let Owed::Answer(answer) = owed {
                // Who asked may have given up.
                let _ = answer.send(Err(Error::Timeout));
            }
        }
        Over::Hung
    }

    /// Gives a block to whom it is owed.
    fn replied(&mut self, reply: Reply, up: &mut impl FnMut(Version)) {
        let greeting = matches!(self.owed.front(), Some((_, Owed::Greeting)));
        if reply.ours == greeting {
            // It answers nothing of ours: a command a hook of the user ran on this client.
            return;
        }
        match self.owed.pop_front() {
            Some((_, Owed::Greeting)) if reply.ok => {
                let subscription = format!("{}::{}", event::SUBSCRIPTION, event::subscription());
                let line = format!("refresh-client -B {}", quoted(&subscription));
                self.say(&line, Owed::Subscribed);
                self.say("display-message -p '#{version}'", Owed::Version);
            }
            // Its session went before it came: it ends by itself.
            Some((_, Owed::Greeting)) | None => {}
            Some((_, Owed::Subscribed)) => {
                if !reply.ok {
                    tracing::warn!(answer = ?reply.lines, "tmux refused to report sizes and titles");
                }
            }
            Some((_, Owed::Version)) => {
                self.ready = Some(Instant::now());
                up(Version::parse(
                    reply.lines.first().map_or("", String::as_str),
                ));
            }
            Some((_, Owed::Heartbeat)) => {}
            Some((_, Owed::Answer(answer))) => {
                // Who asked may have given up.
                let _ = answer.send(Ok(reply));
            }
        }
    }
}

/// Writes some of it. Cancel-safe.
async fn write(master: &Master, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match pty::write(master.fd(), bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => master.writable().await?,
            written => return written,
        }
    }
}

/// In a pty and not on pipes: tmux lets a control client stay for ever that has something to write to
/// a closed pipe, and ours would stay when we are killed.
async fn spawn(program: &Program, id: SessionId) -> Result<(Master, Client), Error> {
    let mut attach = AttachSession::new()
        .not_update_env()
        .target_session(id.to_string())
        .build();
    attach.push_option("-f", "no-output");
    let line = program.control_command(attach);
    let line = Line {
        arguments: line.get_args().map(OsString::from).collect(),
        environment: client_environment(),
        // On it a client says the rest of what it is saying (`proc_exit`). tmux 3.3a dies, with all its
        // sessions, when a control client is killed before it has said who it is: `server_client_lost`
        // stops what `MSG_IDENTIFY_DONE` has yet to start.
        ended_by: Signal::TERM,
    };
    let program = program.clone();
    // It takes a millisecond: not on a thread that serves others.
    let spawned = tokio::task::spawn_blocking(move || {
        let size = Size { cols: 80, rows: 24 };
        pty::spawn(&program, line, size, Mode::Raw)
    });
    let (master, _, client) = spawned.await.map_err(|error| pty::failed(&error))??;
    let master = Master::new(master).map_err(|error| pty::failed(&error))?;
    Ok((master, client))
}
