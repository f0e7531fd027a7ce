//! [`Attach`]: one `tmux attach` in a pty. Bytes come out, input and sizes go in, and at the end it
//! says how it ended. It stands for a terminal: what tmux asks of that is answered in here, at once.
//!
//! The process that uses this must handle SIGHUP: `detach-client -P` makes the tmux client send it to
//! its parent, which is us, and its default action ends the process. It must be a handler; an ignored
//! signal would be inherited by every child (facts §7).

use crate::config::limits::{FOCUS_SETTLE, LEAVE_WAIT, REAP_WAIT, START_WAIT, SUSPEND_WAIT};
use crate::terminal::Size;
use crate::tmux::attach::exit_status::Ended;
use crate::tmux::attach::master::Master;
use crate::tmux::attach::output::ClientOutput;
use crate::tmux::attach::process::{Client, Doing, End};
use crate::tmux::attach::pty;
use crate::tmux::attach::pty::{Line, failed};
use crate::tmux::attach::terminal_queries::Queries;
use crate::tmux::attach::terminal_replies::Replies;
use crate::tmux::command::{Program, client_environment};
use crate::tmux::error::Error;
use crate::tmux::ids::SessionId;
use crate::tmux::terminfo;
use crate::tmux::theme::Theme;
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// What our terminal can do. tmux stops at the first name it does not know, so the newest comes last.
/// `margins` and `rectfill` are left out: vt100 misdraws what tmux then sends (facts §1).
const FEATURES: &str = "256,RGB,bpaste,ccolour,clipboard,cstyle,extkeys,mouse,overline,strikethrough,sync,title,usstyle,hyperlinks";

/// Bytes read at once; tmux writes at most 16 KB.
const READ_BYTES: usize = 16 * 1024;

/// A client that left its screen without ending is looked at this often before what it says is
/// shown. That is for systems that do not tell whether it is locked.
const SUSPEND_LOOKS: u32 = 10;

/// Anything else would wait for tmux to let the client go.
const ENDED_BY: Signal = Signal::KILL;
/// Focus reports of a terminal (`?1004`).
const FOCUS_IN: &[u8] = b"\x1b[I";
const FOCUS_OUT: &[u8] = b"\x1b[O";

/// Says in what is handed over that tmux takes the terminal for focused. No terminal knows it.
const FOCUSED: &[u8] = b"\x1b]1004;focused\x1b\\";

/// One attached tmux client. Dropping it kills the client and leaves the session alone.
pub struct Attach {
    master: Master,
    tty: String,
    client: Client,
    output: Mutex<Output>,
    /// A writer has seen that the client left; the reader looks after it.
    left: Notify,
}

#[derive(Default)]
struct Output {
    client: ClientOutput,
    queries: Queries,
    replies: Replies,
    theme: Theme,
    /// What tmux was told last of the terminal's focus; it takes a new client for focused.
    focused: Option<bool>,
    /// What it is to be told.
    focus_wanted: bool,
    /// Not before then: a new client's session may be ending.
    settled_at: Option<Instant>,
    /// Bytes that draw and were not asked for yet, from `taken` on.
    bytes: Vec<u8>,
    taken: usize,
    hidden: Option<Hidden>,
    revived: u64,
    closed: bool,
    gate: watch::Sender<Gate>,
}

/// Whether input would reach tmux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gate {
    /// The client is not attached yet or has left: its terminal would edit, echo and take signals
    /// from the keys.
    #[default]
    Shut,
    Open,
    Ended,
}

/// Nobody is shown what the client's terminal shows.
struct Hidden {
    since: Instant,
    /// Between two looks at the client.
    pause: Duration,
    /// How often it was looked at since then.
    looks: u32,
    revived: bool,
}

/// An attached client on its way to another image of the program. It goes on running meanwhile.
/// Dropping this ends it: its terminal hangs up.
#[derive(Debug)]
pub struct Transfer {
    /// The pty's master.
    pub master: OwnedFd,
    /// Read from it, and not yet given to who draws.
    pub held: Vec<u8>,
}

impl Transfer {
    /// The path of the client's terminal, which is tmux's name for it; none if the descriptor is not a
    /// pty's master.
    #[must_use]
    pub fn tty(master: impl AsFd) -> Option<String> {
        pty::path(master)
    }

    /// The process of the client; none if it has ended.
    #[must_use]
    pub fn pid(master: impl AsFd) -> Option<Pid> {
        pty::leader(master)
    }
}

impl Transfer {
    /// Ends the client while its terminal is there, so that tmux sees it leave in an orderly way.
    pub async fn end(self) {
        let Ok(attach) = Attach::adopt(self) else {
            return;
        };
        attach.client.signal(Signal::TERM);
        let mut bytes = [0; READ_BYTES];
        let left = async { while matches!(attach.read(&mut bytes).await, Ok(1..)) {} };
        // Dropping it does the rest.
        let _ = tokio::time::timeout(LEAVE_WAIT, left).await;
    }
}

impl fmt::Debug for Attach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attach")
            .field("tty", &self.tty)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Attach {
    /// Opens a pty of this size and attaches to the session in it. With `claim` the client counts for
    /// the window's size, else it has `ignore-size`.
    pub(in crate::tmux) async fn open(
        program: &Program,
        id: SessionId,
        size: Size,
        claim: bool,
    ) -> Result<Self, Error> {
        let program = program.clone();
        // Opening and starting takes a few milliseconds and must hold the spawn lock: not on a
        // thread that serves others.
        let spawned = tokio::task::spawn_blocking(move || spawn(&program, id, size, claim));
        let (master, tty, client) = spawned.await.map_err(|error| failed(&error))??;
        let master = Master::new(master).map_err(|error| failed(&error))?;
        Ok(Self {
            master,
            tty,
            client,
            output: Mutex::new(Output::starting()),
            left: Notify::new(),
        })
    }

    /// Goes on with a client that an earlier image of the program attached.
    ///
    /// # Errors
    /// When it has ended, or the descriptor is not its terminal.
    pub(crate) fn adopt(transfer: Transfer) -> io::Result<Self> {
        let Transfer { master, held } = transfer;
        let ended = || io::Error::from(io::ErrorKind::NotConnected);
        let tty = pty::path(&master).ok_or_else(ended)?;
        let pid = pty::leader(&master).ok_or_else(ended)?;
        let client = Client::adopt(pid, ENDED_BY).ok_or_else(ended)?;
        ioctl_fionbio(&master, true)?;
        let output = Output::resumed(&held, pty::is_raw(&master));
        Ok(Self {
            master: Master::new(master)?,
            tty,
            client,
            output: Mutex::new(output),
            left: Notify::new(),
        })
    }

    /// Gives up the client, which goes on running, for another image of the program to adopt. An error
    /// ends it.
    pub(crate) fn hand_over(self) -> io::Result<Transfer> {
        let output = self.output();
        if output.closed || !output.client.attached() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let held = output.to_resume();
        drop(output);
        let master = self.master.into_fd();
        self.client.release();
        Ok(Transfer { master, held })
    }

    /// Has tmux draw everything anew and set the modes that change: what it does on a change of size.
    pub(crate) fn redraw(&self) {
        self.client.signal(Signal::WINCH);
    }

    /// tmux's name for this client: the path of the pty's other end.
    #[must_use]
    pub fn client(&self) -> &str {
        &self.tty
    }

    /// How often this client was suspended (`prefix C-z`) and revived by us.
    #[must_use]
    pub fn revived(&self) -> u64 {
        self.output().revived
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the colours that programs are told when they ask, and whether they are told to be dark.
    /// A theme set before the first [`Attach::read`] is the one tmux learns at once.
    pub fn set_theme(&self, theme: Theme) {
        let mut output = self.output();
        if output.theme != theme {
            output.theme = theme;
            let told = output.queries.changed(&theme);
            output.replies.push(told);
            self.reply(&mut output);
        }
    }

    /// Whether programs may be told the colours of this terminal.
    #[must_use]
    pub fn tells_colours(&self) -> bool {
        self.output().queries.colours()
    }

    /// Says whether somebody is looking at this terminal. Programs that want to know are told what
    /// changes, unless somebody else's terminal is focused; see [`Attach::report_focus`].
    pub fn set_focused(&self, focused: bool) {
        self.output().focus_wanted = focused;
    }

    /// From when on [`Attach::report_focus`] is to be called; `None` when tmux knows.
    #[must_use]
    pub fn focus_report_at(&self) -> Option<std::time::Instant> {
        let output = self.output();
        let news = output.focused.is_some() && output.focused != Some(output.focus_wanted);
        output.settled_at.filter(|_| news).map(Instant::into_std)
    }

    /// Tells tmux whether this terminal is focused, if it is time. To be called when tmux has just
    /// said that the client shows a session: a focus report of a client whose session has ended crashes
    /// tmux (3.3a, 3.5a, and probably all others).
    pub fn report_focus(&self) {
        let now = Instant::now().into_std();
        if self.focus_report_at().is_none_or(|at| now < at) {
            return;
        }
        let mut output = self.output();
        let focused = output.focus_wanted;
        output.focused = Some(focused);
        let report = if focused { FOCUS_IN } else { FOCUS_OUT };
        output.replies.push(report.to_vec());
        self.reply(&mut output);
    }

    /// What to write for the Escape key. tmux waits for what may follow a lone ESC, but not where it
    /// asked for another form.
    #[must_use]
    pub fn escape_key(&self) -> &'static [u8] {
        if self.output().queries.application_escape() {
            b"\x1bO["
        } else {
            b"\x1b"
        }
    }

    /// Whether a program of the client's own runs in its place (`lock-session`), or it is just about
    /// to begin or end. A client that takes its place would not be locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.output().client.left() || self.client.doing() == Some(Doing::Program)
    }

    /// Waits for bytes and reads some; 0 when the client has ended. Cancel-safe. What a client sends
    /// while leaving (it clears the screen) is not given out.
    ///
    /// A suspended client is revived in here, and what tmux asks is answered, so somebody must always
    /// be reading.
    ///
    /// # Errors
    /// Those of the pty, other than its end.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(n) = self.output().take(buf) {
                return Ok(n);
            }
            let look = self.output().wake_at();
            let read = async {
                let read = self.master.read(|master| self.fill(master));
                match look {
                    Some(at) => tokio::time::timeout_at(at, read).await,
                    None => Ok(read.await),
                }
            };
            let read = tokio::select! {
                read = read => read,
                () = self.left.notified() => continue,
            };
            match read {
                Ok(filled) => filled?,
                Err(_) => {
                    self.look();
                    self.reply(&mut self.output());
                }
            }
        }
    }

    /// Reads what is there; `WouldBlock` when drained, 0 when the client has ended.
    ///
    /// # Errors
    /// `WouldBlock`, and those of the pty.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(n) = self.output().take(buf) {
                return Ok(n);
            }
            self.master.try_read(|master| self.fill(master))?;
        }
    }

    /// Reads once from the pty.
    fn fill(&self, master: &OwnedFd) -> io::Result<()> {
        let mut bytes = [0; READ_BYTES];
        let n = pty::read(master, &mut bytes)?;
        // Asked after the read: the terminal changes before the client writes what belongs to it.
        let raw = n > 0 && pty::is_raw(master);
        let mut output = self.output();
        output.feed(&bytes[..n], raw);
        self.reply(&mut output);
        Ok(())
    }

    /// Writes what we have to say ourselves, as far as it may be written now and the pty takes it.
    fn reply(&self, output: &mut Output) {
        if output.closed || !output.client.attached() || output.client.left() {
            return;
        }
        while let Some(reply) = output.replies.due(Instant::now().into_std()) {
            // A terminal that is no longer raw would echo it.
            if !pty::is_raw(self.master.fd()) {
                return;
            }
            // A pty that is full: typed bytes wait for the rest, and their writer tries again. Any
            // other failure is the client's end, which is seen when reading.
            let Ok(written) = pty::write(self.master.fd(), reply) else {
                return;
            };
            output.replies.wrote(written);
        }
    }

    /// The client has left its screen, or was started a while ago, and not ended: revives it if it is
    /// suspended, shows what its terminal shows if it is locked.
    fn look(&self) {
        let mut output = self.output();
        let silent = output.client.silent();
        // tmux has written to its terminal.
        let seen = output.client.attached() || !output.client.held().is_empty();
        let Some(hidden) = output
            .hidden
            .as_mut()
            .filter(|hidden| hidden.next_look() <= Instant::now())
        else {
            return;
        };
        hidden.looks += 1;
        // Only a client that has acted on tmux's word to stop may be told to go on: one that is about
        // to start a lock program would be unlocked by it. One that has just been started does not
        // ignore the signal yet, either.
        let suspended = seen
            && match self.client.doing() {
                Some(doing) => doing == Doing::Suspended,
                None => silent,
            };
        let program = self.client.doing() == Some(Doing::Program);
        if suspended && !hidden.revived {
            hidden.revived = true;
            output.revived += 1;
            drop(output);
            // tmux told the client to stop itself; without a job control shell above it the stop has
            // no effect, but tmux waits for the "I am back" it says on SIGCONT.
            tracing::info!(client = self.tty, "tmux client suspended, reviving it");
            self.client.signal(Signal::CONT);
        } else if program || (seen && hidden.looks >= SUSPEND_LOOKS) {
            output.show();
        }
    }

    /// Waits until the pty takes input and writes some of it. Cancel-safe, and usable while another
    /// task reads. Keystrokes of different messages belong in different writes: tmux takes a burst
    /// for a paste and then ignores its prefix key in it.
    ///
    /// A client gets nothing before it is attached, nor when it has left, until it is back: its
    /// terminal would change the keys and echo them, and one that ends would lose them. Only reading
    /// finds out, so somebody must.
    ///
    /// # Errors
    /// Those of the pty; when the client has ended, too.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.write_while(bytes, || Some(())).await
    }

    /// The same, by a right that is held for the moment of writing; if there is none any more, nothing is
    /// written, and 0 says so.
    ///
    /// # Errors
    /// As [`Attach::write`].
    pub async fn write_while<H>(
        &self,
        bytes: &[u8],
        hold: impl Fn() -> Option<H>,
    ) -> io::Result<usize> {
        loop {
            let written = {
                let Some(_held) = hold() else {
                    return Ok(0);
                };
                self.try_write(bytes)
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return written,
            }
            let mut gate = self.output().gate.subscribe();
            if *gate.borrow_and_update() == Gate::Shut {
                // It cannot fail: the sender lives as long as this is borrowed.
                let _ = gate.wait_for(|gate| *gate != Gate::Shut).await;
            } else {
                // It may leave while the pty is full.
                self.master.writable().await?;
            }
        }
    }

    /// Writes some of it now; `WouldBlock` where [`Attach::write`] would wait.
    ///
    /// # Errors
    /// `WouldBlock`, and as [`Attach::write`].
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut output = self.output();
        let gate = *output.gate.borrow();
        match gate {
            Gate::Open => {}
            Gate::Shut => return Err(io::ErrorKind::WouldBlock.into()),
            // The kernel would take the bytes all the same.
            Gate::Ended => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        if output.left_now(pty::is_raw(self.master.fd())) {
            self.left.notify_one();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reply(&mut output);
        if output.replies.under_way() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = pty::write(self.master.fd(), bytes)?;
        let whole = written == bytes.len();
        output
            .replies
            .typed(&bytes[..written], whole, Instant::now().into_std());
        Ok(written)
    }

    /// Whether tmux has yet to read some of what was written. What waits to be read is asked of the
    /// other end: this one does not know.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        // It cannot be opened once the client has ended.
        pty::other_end(&self.tty).is_ok_and(|other_end| pty::is_readable(&other_end))
    }

    /// What tmux had not read when the client ended; to be called when [`Attach::read`] gave 0. Until
    /// then it is tmux's to read.
    #[must_use]
    pub fn unread(&self) -> Vec<u8> {
        if !self.output().closed {
            return Vec::new();
        }
        // Where it cannot be told, nothing is known to be unread.
        let unread = pty::unread(self.master.fd(), &self.tty).unwrap_or_default();
        self.output().replies.without_own(unread)
    }

    /// Sets the pty's size; tmux redraws everything.
    ///
    /// # Errors
    /// Those of the pty.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        pty::resize(self.master.fd(), size)?;
        Ok(())
    }

    /// How it ended; to be called when [`Attach::read`] gave 0. Reaps the client, which ends by itself
    /// within milliseconds and is killed if it does not.
    pub async fn ended(mut self) -> Ended {
        let mut kill_at = Some(Instant::now() + REAP_WAIT);
        let mut pause = Duration::from_millis(1);
        let end = loop {
            if let Some(end) = self.client.end() {
                break end;
            }
            match kill_at {
                Some(at) if Instant::now() < at => {}
                Some(_) => {
                    self.client.signal(Signal::KILL);
                    kill_at = None;
                }
                // It does not even die (a disk that hangs): reaped when it does.
                None if pause >= REAP_WAIT => break End::Unknown,
                None => {}
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        };
        let output = self.output();
        Ended::read(end, output.client.attached(), &output.client.words())
    }
}

impl Output {
    fn feed(&mut self, bytes: &[u8], raw: bool) {
        if bytes.is_empty() {
            self.closed = true;
            self.tell_gate();
            return;
        }
        self.client.feed(bytes, raw, &mut self.bytes);
        if raw {
            let mut answers = Vec::new();
            self.queries.feed(bytes, &self.theme, &mut answers);
            if self.focused.is_none() {
                self.focused = Some(true);
                self.settled_at = Some(Instant::now() + FOCUS_SETTLE);
            }
            self.replies.push(answers);
        }
        self.note_hidden();
    }

    /// Whether the client turns out to have left though nothing that says so was read yet: keys would
    /// be changed by its terminal, and thrown away when it is back.
    fn left_now(&mut self, raw: bool) -> bool {
        if raw || self.client.left() {
            return false;
        }
        self.client.turned(false);
        self.note_hidden();
        true
    }

    fn note_hidden(&mut self) {
        if !self.client.hidden() {
            self.hidden = None;
        } else if self.hidden.is_none() {
            self.hidden = Some(Hidden::now(SUSPEND_WAIT));
        }
        self.tell_gate();
    }

    /// The state of a client that has just been started.
    fn starting() -> Self {
        Self {
            hidden: Some(Hidden::now(START_WAIT)),
            ..Self::default()
        }
    }

    /// The state of a client that another image of the program read before: `held` is what that gave
    /// with [`Output::to_resume`].
    fn resumed(held: &[u8], raw: bool) -> Self {
        let mark = memchr::memmem::find(held, FOCUSED);
        let (before, after) = match mark {
            Some(at) => (&held[..at], &held[at + FOCUSED.len()..]),
            None => (held, &[][..]),
        };
        let mut output = Self {
            client: ClientOutput::resumed(),
            focused: Some(mark.is_some()),
            settled_at: Some(Instant::now()),
            ..Self::default()
        };
        for bytes in [before, after] {
            // Whatever was asked in these is answered.
            output
                .queries
                .feed(bytes, &Theme::default(), &mut Vec::new());
            output.client.feed(bytes, raw, &mut output.bytes);
        }
        output.note_hidden();
        output
    }

    /// What another image of the program must know of this client: what was read and not given out
    /// yet, after sequences that draw nothing and say what tmux has asked and been told.
    fn to_resume(&self) -> Vec<u8> {
        let mut held = self.queries.seen();
        if self.focused == Some(true) {
            held.extend_from_slice(FOCUSED);
        }
        held.extend_from_slice(&self.bytes[self.taken..]);
        held.extend_from_slice(self.client.held());
        held
    }

    /// Lets writers go on, or not.
    fn tell_gate(&self) {
        let gate = if self.closed {
            Gate::Ended
        } else if self.client.takes_input() {
            Gate::Open
        } else {
            Gate::Shut
        };
        self.gate.send_if_modified(|now| {
            let changed = *now != gate;
            *now = gate;
            changed
        });
    }

    /// Moves bytes that draw into `buf`; `Some(0)` at the end.
    fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        let n = buf.len().min(self.bytes.len() - self.taken);
        if n == 0 {
            return self.closed.then_some(0);
        }
        buf[..n].copy_from_slice(&self.bytes[self.taken..self.taken + n]);
        self.taken += n;
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.taken = 0;
        }
        Some(n)
    }

    /// When there is something to do though nothing was read.
    fn wake_at(&self) -> Option<Instant> {
        let look = self.hidden.as_ref().map(Hidden::next_look);
        let reply = self.replies.wake_at().map(Instant::from_std);
        [look, reply].into_iter().flatten().min()
    }

    fn show(&mut self) {
        self.hidden = None;
        self.client.show(&mut self.bytes);
        self.tell_gate();
    }
}

impl Hidden {
    fn now(pause: Duration) -> Self {
        Self {
            since: Instant::now(),
            pause,
            looks: 0,
            revived: false,
        }
    }

    fn next_look(&self) -> Instant {
        self.since + self.pause * (self.looks + 1)
    }
}

fn spawn(
    program: &Program,
    id: SessionId,
    size: Size,
    claim: bool,
) -> Result<(OwnedFd, String, Client), Error> {
    let mut arguments: Vec<OsString> = vec!["-u".into()];
    arguments.extend(program.socket.options());
    arguments.extend(["-T", FEATURES, "attach-session", "-E"].map(OsString::from));
    if !claim {
        arguments.extend(["-f", "ignore-size"].map(OsString::from));
    }
    arguments.extend(["-t".into(), id.to_string().into()]);
    let mut environment = client_environment();
    environment.push(("TERM".into(), terminfo::term()?.into()));
    let line = Line {
        arguments,
        environment,
        ended_by: ENDED_BY,
    };
    pty::spawn(program, line, size, pty::Mode::Cooked)
}
