//! [`Server`]: one tmux server, and all that can be asked of it.

use super::command::Program;
use super::control::server_connection::ServerConnection;
use super::control::size_guard::Followers;
use super::query::measured_widths::Measured;
use super::query::width_options::WidthOptions;
use super::{
    Attach, Creation, Error, Event, Follower, NewSession, Session, SessionId, SessionName, Socket,
    Status, query, server_id, server_start,
};
use crate::config::limits::{TMUX_EVENTS, TMUX_SLOW};
use crate::terminal::{Size, Widths};
use std::path::PathBuf;
use std::sync::Arc;
use tmux_interface::{
    DisplayMessage, HasSession, ListClients, ListWindows, RefreshClient, ShowOptions, SwitchClient,
    TmuxCommand,
};
use tokio::sync::{Mutex, broadcast, watch};
use tokio::time::timeout;

/// One tmux server as we see it. Cheap to clone; the connection ends with the last clone.
#[derive(Debug, Clone)]
pub struct Server {
    pub(super) program: Program,
    connection: Arc<ServerConnection>,
    followers: Followers,
    /// Measured last.
    widths: Arc<Mutex<Option<Known>>>,
}

/// What was measured, and the widths made of it as soon as they are needed.
#[derive(Debug)]
struct Known {
    measured: Measured,
    widths: Option<Arc<Widths>>,
}

impl Known {
    const fn new(measured: Measured) -> Self {
        let widths = None;
        Self { measured, widths }
    }

    /// Making them takes some milliseconds, during which others go on.
    async fn widths(&mut self) -> Arc<Widths> {
        if let Some(widths) = &self.widths {
            return Arc::clone(widths);
        }
        let measured = self.measured.clone();
        let made = tokio::task::spawn_blocking(move || Arc::new(measured.widths()));
        let Ok(widths) = made.await else {
            // The runtime ends.
            return Arc::default();
        };
        Arc::clone(self.widths.insert(widths))
    }
}

/// How long tmux takes to answer.
pub(crate) const QUERY_SECONDS: &str = "muxview_tmux_query_seconds";

impl Server {
    /// Begins to watch the server. Needs a tokio runtime; never fails: [`Server::status`] tells.
    #[must_use]
    pub fn new(socket: Socket) -> Self {
        Self::watching(Program::new(socket))
    }

    /// The same with another tmux program than the one in `PATH`.
    #[must_use]
    pub fn with_program(path: PathBuf, socket: Socket) -> Self {
        Self::watching(Program { path, socket })
    }

    fn watching(program: Program) -> Self {
        server_start::note_limits();
        let followers = Followers::new();
        let connection = ServerConnection::start(program.clone(), &followers, TMUX_EVENTS);
        Self {
            program,
            connection: Arc::new(connection),
            followers,
            widths: Arc::default(),
        }
    }

    /// Whether tmux can be used; always the latest.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.connection.status()
    }

    /// What changes from now on. A listener that lags (`RecvError::Lagged`) should act as on
    /// [`Event::Reset`].
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.connection.events()
    }

    /// The socket this server is found at.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        &self.program.socket
    }

    /// The version of the tmux program.
    ///
    /// # Errors
    /// When there is none that can be used.
    pub async fn version(&self) -> Result<String, Error> {
        Ok(self.program.version().await?.text)
    }

    /// Asks over the connection, or with a tmux process while there is none.
    pub(super) async fn ask(
        &self,
        what: &'static str,
        command: TmuxCommand<'_>,
    ) -> Result<String, Error> {
        let began = tokio::time::Instant::now();
        let asked = self.connection.ask(std::slice::from_ref(&command)).await;
        let by = if asked.is_some() {
            "connection"
        } else {
            "process"
        };
        let answer = match asked {
            None => self.program.run(what, command).await,
            Some(reply) => reply.and_then(|reply| reply.into_result(what)),
        };
        metrics::histogram!(QUERY_SECONDS, "by" => by).record(began.elapsed());
        answer
    }

    /// Has tmux change something, if it answers: what a tmux that is stopped was sent, it would do when it
    /// goes on, long after whoever wanted it was told that it failed.
    pub(super) async fn change<T>(
        &self,
        what: &'static str,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut nothing: TmuxCommand<'_> = DisplayMessage::new().print().build();
        nothing.push_param("");
        let answered = timeout(TMUX_SLOW, self.ask("answer", nothing)).await;
        if matches!(answered, Err(_) | Ok(Err(Error::Timeout))) {
            return Err(Error::Timeout);
        }
        // Without a server the change may start one; for other reasons it fails in its own words.
        match change.await {
            Err(Error::Timeout) => Err(Error::Unsure { what }),
            done => done,
        }
    }

    /// As [`Server::change`], for what a process of the program does. One of another version than the server
    /// would be refused, and say that there is no server.
    async fn change_by_process<T>(
        &self,
        what: &'static str,
        change: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let mut status = self.status();
        let asked = status.wait_for(|status| *status != Status::Starting);
        if let Ok(Ok(status)) = timeout(TMUX_SLOW, asked).await
            && let Status::Failed(error @ Error::Mismatch { .. }) = &*status
        {
            return Err(error.clone());
        }
        self.change(what, change).await
    }

    /// As [`Server::ask`], with several commands at once: gives what they printed, and what was wrong with
    /// them.
    pub(super) async fn ask_each(
        &self,
        what: &'static str,
        commands: &[TmuxCommand<'_>],
    ) -> Result<(String, String), Error> {
        if let Some(reply) = self.connection.ask(commands).await {
            return reply.and_then(|reply| reply.into_parts(what));
        }
        let (mut output, mut errors) = (String::new(), String::new());
        for command in commands {
            match self.program.run(what, command.clone()).await {
                Ok(printed) => output += &printed,
                Err(Error::Failed { message, .. }) => errors = errors + &message + "\n",
                Err(Error::NoSuchClient) => errors += "can't find client\n",
                Err(error) => return Err(error),
            }
        }
        Ok((output, errors))
    }

    /// All sessions, in tmux's order.
    ///
    /// # Errors
    /// [`Error::NoServer`] when there is none, and whatever else keeps tmux from answering.
    pub async fn sessions(&self) -> Result<Vec<Session>, Error> {
        let sessions = self
            .ask("list the sessions", query::sessions::list())
            .await?;
        let clients = match self
            .ask("list the clients", query::sessions::list_clients())
            .await
        {
            // The server is there, as it listed its sessions: it has none, so nobody is attached.
            Err(Error::NoServer) => String::new(),
            answer => answer?,
        };
        Ok(query::sessions::read_list(&sessions, &clients))
    }

    /// Creates a session, and with the first one a server that outlives us.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::BadDirectory`], [`Error::BadCommand`], [`Error::CannotStart`] and
    /// whatever else keeps tmux from doing it.
    pub async fn create(&self, new: NewSession) -> Result<Session, Error> {
        let create = query::sessions::create(&self.program, &new);
        let created = self.change_by_process("create the session", create).await;
        if created.is_ok() {
            self.connection.hurry();
        }
        created
    }

    /// Gives a session another name.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoSuchSession`], and whatever else keeps tmux from doing it.
    pub async fn rename(&self, id: SessionId, name: &SessionName) -> Result<(), Error> {
        let rename = query::sessions::rename(&self.program, id, name);
        self.change_by_process("rename the session", rename).await
    }

    /// Ends a session and everything that runs in it.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], and whatever else keeps tmux from doing it.
    pub async fn kill(&self, id: SessionId) -> Result<(), Error> {
        let kill = query::sessions::kill(&self.program, id);
        self.change_by_process("end the session", kill).await
    }

    /// Whether the session lives.
    ///
    /// # Errors
    /// [`Error::NoServer`] when the whole server is gone, and whatever else keeps tmux from saying.
    pub async fn exists(&self, id: SessionId) -> Result<bool, Error> {
        let command = HasSession::new().target_session(id.to_string()).build();
        match self.ask("look for the session", command).await {
            Ok(_) => Ok(true),
            Err(Error::NoSuchSession) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether this very session is still there: another server numbers from 0 again, so its creation
    /// counts as well.
    ///
    /// # Errors
    /// As [`Server::exists`].
    pub async fn is_still_there(&self, id: SessionId, created: Creation) -> Result<bool, Error> {
        let command = ListWindows::new()
            .target_session(id.to_string())
            .format(server_id::FORMAT)
            .build();
        match self.ask("look for the session", command).await {
            Ok(said) => {
                let now = said.lines().next().and_then(Creation::read);
                Ok(now.is_some_and(|now| now.is(created)))
            }
            Err(Error::NoSuchSession) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What this very session is called now; `None` when it is gone.
    ///
    /// # Errors
    /// As [`Server::exists`].
    pub async fn name_of(&self, id: SessionId, created: Creation) -> Result<Option<String>, Error> {
        let command = ListWindows::new()
            .target_session(id.to_string())
            .format(format!(
                "{}{}{}",
                server_id::FORMAT,
                query::fields::FIELD,
                query::printed::field("session_name")
            ))
            .build();
        let said = match self.ask("tell the session's name", command).await {
            Err(Error::NoSuchSession) => return Ok(None),
            said => said?,
        };
        let first = said
            .lines()
            .next()
            .and_then(|line| line.split_once(query::fields::FIELD));
        let ours = first.filter(|(now, _)| Creation::read(now).is_some_and(|now| now.is(created)));
        Ok(ours.map(|(_, name)| query::printed::read(name)))
    }

    /// One field of one client.
    async fn client_field(&self, client: &str, field: &str) -> Result<Option<String>, Error> {
        let mut command: TmuxCommand<'_> = ListClients::new().build();
        command.push_option("-F", format!("{field}\t#{{client_name}}"));
        let clients = match self.ask("list the clients", command).await {
            // No server, no clients.
            Err(Error::NoServer) => return Ok(None),
            answer => answer?,
        };
        Ok(clients.lines().find_map(|line| {
            let (value, name) = line.split_once('\t')?;
            (name == client).then(|| value.to_owned())
        }))
    }

    /// Which session a client shows now; `None` when there is no such client.
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn client_session(&self, client: &str) -> Result<Option<SessionId>, Error> {
        let shown = self.client_field(client, "#{session_id}").await?;
        Ok(shown.and_then(|id| id.parse().ok()))
    }

    /// The size tmux believes a client to have: a resize has arrived when this tells the new one.
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn client_size(&self, client: &str) -> Result<Option<Size>, Error> {
        let size = self
            .client_field(client, "#{client_width} #{client_height}")
            .await?;
        Ok(size.and_then(|size| {
            let (cols, rows) = size.split_once(' ')?;
            Some(Size {
                cols: cols.parse().ok()?,
                rows: rows.parse().ok()?,
            })
        }))
    }

    /// Has everything drawn anew for a client.
    ///
    /// # Errors
    /// [`Error::NoSuchClient`], and whatever else keeps tmux from doing it.
    pub async fn redraw_client(&self, client: &str) -> Result<(), Error> {
        let mut command: TmuxCommand<'_> = RefreshClient::new().build();
        command.push_option("-t", client);
        self.ask("draw anew", command).await?;
        Ok(())
    }

    /// Has a client show another session.
    ///
    /// # Errors
    /// [`Error::NoSuchClient`], [`Error::NoSuchSession`], and whatever else keeps tmux from doing it.
    pub async fn switch_client(&self, client: &str, id: SessionId) -> Result<(), Error> {
        let command = SwitchClient::new()
            .not_update_env()
            .target_client(client)
            .target_session(id.to_string())
            .build();
        self.ask("switch the client", command).await?;
        Ok(())
    }

    /// Has a client count for its window's size, or not.
    ///
    /// # Errors
    /// [`Error::NoSuchClient`], and whatever else keeps tmux from doing it.
    pub async fn claim_size(&self, client: &str, claim: bool) -> Result<(), Error> {
        let flag = if claim { "!ignore-size" } else { "ignore-size" };
        let mut command: TmuxCommand<'_> = RefreshClient::new().build();
        command.push_option("-f", flag).push_option("-t", client);
        self.ask("change the client's flags", command).await?;
        // tmux works out the sizes anew when a client goes, but not when only a flag changes.
        self.program.reachable().await
    }

    /// Says that a client of ours, which shows this session, only follows its window's size: until the
    /// result is dropped, tmux is kept from having it decide sizes after all. `driven`: drivers are
    /// there, whose focus is for programs.
    #[must_use]
    pub fn follow_size(&self, id: SessionId, driven: bool) -> Follower {
        self.followers.add(id, driven)
    }

    /// The size of a pty that shows the session's current window whole, status lines included.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], and whatever else keeps tmux from answering.
    pub async fn window_size(&self, id: SessionId) -> Result<Size, Error> {
        // `display-message` succeeds with nothing for a session that is not there.
        let mut command: TmuxCommand<'_> = DisplayMessage::new().print().build();
        command
            .push_option("-t", format!("{id}:"))
            .push_param("#{window_width} #{window_height} #{status}");
        let said = self.ask("tell the window's size", command).await?;
        let mut fields = said.trim().split(' ');
        let cols = fields.next().and_then(|n| n.parse().ok());
        let rows = fields.next().and_then(|n| n.parse().ok());
        let (Some(cols), Some(rows)) = (cols, rows) else {
            return Err(Error::NoSuchSession);
        };
        let rows = query::fields::with_status(rows, fields.next().unwrap_or_default());
        Ok(Size::clamped(cols, rows))
    }

    /// How wide tmux thinks characters are, measured on a throw-away server with the user's options
    /// about widths. It is measured anew only when these or the tmux program changed. Never fails and
    /// never takes long: when it cannot be measured, the widths of tmux 3.3a are taken, with a warning.
    pub async fn widths(&self) -> Arc<Widths> {
        let options = self.width_options().await;
        let binary = self.program.binary();
        // Held while measuring, so that those who come meanwhile share the result.
        let mut known = self.widths.lock().await;
        if let Some(known) = known.as_mut()
            && known.measured.is_of(&options, binary.as_ref())
        {
            return known.widths().await;
        }
        match query::width_probe::widths(&self.program, &options).await {
            Ok(found) => {
                let measured = Measured::new(options, binary, found);
                known.insert(Known::new(measured)).widths().await
            }
            Err(error) => {
                tracing::warn!(%error, "the widths of characters could not be measured, so those of tmux 3.3a are assumed");
                Arc::default()
            }
        }
    }

    /// What was measured of widths, for another image of the program; none while it is being measured.
    #[must_use]
    pub fn leave_widths(&self) -> Option<serde_json::Value> {
        let known = self.widths.try_lock().ok()?;
        known.as_ref()?.measured.leave()
    }

    /// Goes on with what another image of the program measured, as far as it is of use.
    pub fn resume_widths(&self, left: serde_json::Value) {
        if let Some(measured) = Measured::read(left)
            && let Ok(mut known) = self.widths.try_lock()
        {
            *known = Some(Known::new(measured));
        }
    }

    /// What the user's server is told about widths. Without a server, or where tmux has no such
    /// options, nothing.
    async fn width_options(&self) -> WidthOptions {
        let ask = async |option: &str| {
            let mut command: TmuxCommand<'_> = ShowOptions::new().build();
            command.push_flag("-sqv").push_param(option);
            self.ask("tell its widths", command).await
        };
        let code_points = ask("codepoint-widths").await.unwrap_or_default();
        let always_wide = ask("variation-selector-always-wide").await;
        WidthOptions::read(&code_points, &always_wide.unwrap_or_default())
    }

    /// Attaches a new client to a session, in a pty of this size. Without `claim` it never changes
    /// the window's size.
    ///
    /// # Errors
    /// What keeps the client from being started. What tmux then refuses (no such session) is told by
    /// [`Attach::ended`].
    pub async fn attach(&self, id: SessionId, size: Size, claim: bool) -> Result<Attach, Error> {
        Attach::open(&self.program, id, size, claim).await
    }
}
