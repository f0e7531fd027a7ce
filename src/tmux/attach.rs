//! [`Attach`]: one `tmux attach` in a pty. Bytes come out, input and sizes go in, and at the end it
//! says how it ended. Knows nothing of what the bytes mean, except its own farewell.
//!
//! The process that uses this must handle SIGHUP: `detach-client -P` makes the tmux client send it to
//! its parent, which is us, and its default action ends the process. It must be a handler; an ignored
//! signal would be inherited by every child (facts §7).

use super::client::{Client, End};
use super::ended::Ended;
use super::error::Error;
use super::farewell::Farewell;
use super::master::Master;
use super::name::SessionId;
use super::program::{Program, client_environment};
use super::pty::{self, Line, failed};
use super::terminfo;
use crate::config::limits::{LEAVE_WAIT, REAP_WAIT, SUSPEND_WAIT};
use crate::terminal::Size;
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What our terminal can do. tmux stops at the first name it does not know, so the newest comes last.
/// `margins` and `rectfill` are left out: vt100 misdraws what tmux then sends (facts §1).
const FEATURES: &str = "256,RGB,bpaste,ccolour,clipboard,cstyle,extkeys,mouse,overline,strikethrough,sync,title,usstyle,hyperlinks";

/// Bytes read at once; tmux writes at most 16 KB.
const READ_BYTES: usize = 16 * 1024;

/// A client that left its screen without ending is looked at this often before what it says is
/// shown: a lock program may be asking for a password in our terminal.
const SUSPEND_LOOKS: u32 = 10;

/// Anything else would wait for tmux to let the client go.
const ENDED_BY: Signal = Signal::KILL;

/// One attached tmux client. Dropping it kills the client and leaves the session alone.
pub struct Attach {
    master: Master,
    tty: String,
    client: Client,
    output: Mutex<Output>,
}

#[derive(Default)]
struct Output {
    farewell: Farewell,
    /// Bytes that draw and were not asked for yet, from `taken` on.
    bytes: Vec<u8>,
    taken: usize,
    left: Option<Left>,
    revived: u64,
    closed: bool,
    gate: watch::Sender<Gate>,
}

/// Whether input would reach tmux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gate {
    /// The client has not entered its screen or has left it: its terminal would edit, echo and take
    /// signals from the keys. tmux makes it raw just before it enters.
    #[default]
    Shut,
    Open,
    Ended,
}

/// The client has left its screen.
struct Left {
    since: Instant,
    /// How often it was looked at since.
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
    pub(super) async fn open(
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
            output: Mutex::default(),
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
        let mut output = Output {
            farewell: Farewell::resumed(),
            ..Output::default()
        };
        if held.is_empty() {
            output.tell_gate();
        } else {
            output.feed(&held);
        }
        Ok(Self {
            master: Master::new(master)?,
            tty,
            client,
            output: Mutex::new(output),
        })
    }

    /// Gives up the client, which goes on running, for another image of the program to adopt. An error
    /// ends it.
    pub(crate) fn hand_over(self) -> io::Result<Transfer> {
        let output = self.output();
        if output.closed || !output.farewell.entered() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let drawn = &output.bytes[output.taken..];
        let held = [drawn, output.farewell.held()].concat();
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

    /// Waits for bytes and reads some; 0 when the client has ended. Cancel-safe. What a client sends
    /// while leaving (it clears the screen) is not given out.
    ///
    /// A suspended client is revived in here, so somebody must always be reading.
    ///
    /// # Errors
    /// Those of the pty, other than its end.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(n) = self.output().take(buf) {
                return Ok(n);
            }
            let look = self.output().next_look();
            let read = async {
                let read = self.master.read(|master| self.fill(master));
                match look {
                    Some(at) => tokio::time::timeout_at(at, read).await,
                    None => Ok(read.await),
                }
            };
            match read.await {
                Ok(filled) => filled?,
                Err(_) => self.look(),
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
        self.output().feed(&bytes[..n]);
        Ok(())
    }

    /// The client has left its screen and not ended: revives it if it is suspended.
    fn look(&self) {
        let mut output = self.output();
        let silent = output.farewell.silent();
        let Some(left) = &mut output.left else {
            return;
        };
        left.looks += 1;
        // Keys that were on their way when it left are echoed by its terminal, so where the children
        // can be seen, what is printed says nothing.
        let alone = self.client.has_children().map_or(silent, |has| !has);
        if alone && !left.revived {
            left.revived = true;
            output.revived += 1;
            drop(output);
            // tmux told the client to stop itself; without a job control shell above it the stop has
            // no effect, but tmux waits for the "I am back" it says on SIGCONT.
            tracing::info!(client = self.tty, "tmux client suspended, reviving it");
            self.client.signal(Signal::CONT);
        } else if left.looks >= SUSPEND_LOOKS {
            output.release();
        }
    }

    /// Waits until the pty takes input and writes some of it. Cancel-safe, and usable while another
    /// task reads. Keystrokes of different messages belong in different writes: tmux takes a burst
    /// for a paste and then ignores its prefix key in it.
    ///
    /// A client gets nothing before it has entered its screen, nor when it has left it, until it is
    /// back: its terminal would change the keys and echo them, which looks as if something else had
    /// its say there, and one that ends would lose them. Only reading finds out, so somebody must.
    ///
    /// # Errors
    /// Those of the pty; when the client has ended, too.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.try_write(bytes) {
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
        let gate = *self.output().gate.borrow();
        match gate {
            Gate::Open => pty::write(self.master.fd(), bytes),
            Gate::Shut => Err(io::ErrorKind::WouldBlock.into()),
            // The kernel would take the bytes all the same.
            Gate::Ended => Err(io::ErrorKind::BrokenPipe.into()),
        }
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
        pty::unread(self.master.fd(), &self.tty).unwrap_or_default()
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
        Ended::read(end, output.farewell.entered(), &output.farewell.words())
    }
}

impl Output {
    fn feed(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            self.closed = true;
            self.tell_gate();
            return;
        }
        self.farewell.feed(bytes, &mut self.bytes);
        if !self.farewell.leaving() {
            self.left = None;
        } else if self.left.is_none() {
            self.left = Some(Left {
                since: Instant::now(),
                looks: 0,
                revived: false,
            });
        }
        self.tell_gate();
    }

    /// Lets writers go on, or not.
    fn tell_gate(&self) {
        let gate = if self.closed {
            Gate::Ended
        } else if self.farewell.entered() && !self.farewell.leaving() {
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

    fn next_look(&self) -> Option<Instant> {
        let left = self.left.as_ref()?;
        Some(left.since + SUSPEND_WAIT * (left.looks + 1))
    }

    fn release(&mut self) {
        self.left = None;
        self.farewell.release(&mut self.bytes);
        self.tell_gate();
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
