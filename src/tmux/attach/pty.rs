//! [`spawn`]: a tmux client in a pty of its own, which is its controlling terminal: when this process
//! ends in whatever way, the hang-up ends the client. Knows nothing of what is said over it.
//!
//! The client is started by `posix_spawn`: a fork copies the tables of all our memory, in which every
//! viewer has a part, and costs as much as all of what tmux does until its first picture.

use crate::sys;
use crate::terminal::Size;
use crate::tmux::attach::process::Client;
use crate::tmux::command::{Program, exclusively};
use crate::tmux::error::Error;
use nix::fcntl::OFlag;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::stat::Mode as Permissions;
use portable_pty::{PtySize, native_pty_system};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::Pid;
use rustix::termios::{
    LocalModes, OptionalActions, Winsize, tcgetattr, tcgetsid, tcsetattr, tcsetwinsize,
};
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::{fmt, io};

/// Width and height of a cell, which tmux works out from the pty's size in pixels. Where a terminal
/// gives none it takes these itself, after asking, and from 3.6 on it delays a lone Escape until that
/// is answered.
const CELL_PIXELS: (u16, u16) = (16, 32);

/// More than a pty holds: what its line discipline keeps, and what is on its way there.
const HELD_BYTES: usize = 128 * 1024;

/// What its terminal does with bytes until the client sets it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) enum Mode {
    /// Edits and echoes lines, as a lock program expects it.
    Cooked,
    /// Passes them as they are.
    Raw,
}

/// What the client is started with: its arguments and all of its environment.
#[derive(Debug, Clone)]
pub(in crate::tmux) struct Line {
    pub(in crate::tmux) arguments: Vec<OsString>,
    pub(in crate::tmux) environment: Vec<(OsString, OsString)>,
    /// How the client is ended when nobody wants it any more.
    pub(in crate::tmux) ended_by: rustix::process::Signal,
}

/// Has the new process lead a session of its own; nix does not name it yet.
const SETSID: PosixSpawnFlags =
    PosixSpawnFlags::from_bits_retain(if cfg!(target_vendor = "apple") {
        0x400
    } else {
        0x80
    });

/// Opens a pty and starts the program in it: the pty's master, not blocking, the path of its other
/// end, the client. Takes a millisecond.
pub(in crate::tmux) fn spawn(
    program: &Program,
    line: Line,
    size: Size,
    mode: Mode,
) -> Result<(OwnedFd, String, Client), Error> {
    exclusively(|| {
        let (master, tty) = open(size, mode).map_err(|error| failed(&error))?;
        let ended_by = line.ended_by;
        let pid = start(program, line, &tty)
            .map_err(|errno| Error::from_spawn(&program.path, &errno.into()))?;
        let client =
            Client::new(pid, ended_by).ok_or_else(|| failed(&"the client has no process id"))?;
        Ok((master, tty.to_string_lossy().into_owned(), client))
    })
}

/// The end that a client gets is closed here again: else its hang-up would never be seen.
fn open(size: Size, mode: Mode) -> io::Result<(OwnedFd, CString)> {
    let size = PtySize {
        cols: size.cols,
        rows: size.rows,
        pixel_width: size.cols.saturating_mul(CELL_PIXELS.0),
        pixel_height: size.rows.saturating_mul(CELL_PIXELS.1),
    };
    let pair = native_pty_system()
        .openpty(size)
        .map_err(io::Error::other)?;
    let tty = pair.master.tty_name().map(OsString::from);
    let tty = tty.ok_or_else(|| io::Error::other("the pty has no name"))?;
    let master = sys::of_master(&*pair.master)?;
    if mode == Mode::Raw {
        make_raw(&master)?;
    }
    ioctl_fionbio(&master, true)?;
    Ok((master, CString::new(tty.into_vec())?))
}

/// The path of the other end of the pty whose master this is; none if it is not one.
pub(in crate::tmux) fn path(master: impl AsFd) -> Option<String> {
    let path = rustix::pty::ptsname(master, Vec::new()).ok()?;
    path.into_string().ok()
}

/// The client in the pty whose master this is: it leads the session that the terminal controls.
pub(in crate::tmux) fn leader(master: impl AsFd) -> Option<Pid> {
    tcgetsid(master).ok()
}

fn start(program: &Program, line: Line, tty: &CStr) -> nix::Result<i32> {
    let c_string = |text: Vec<u8>| CString::new(text).map_err(|_| nix::Error::EINVAL);
    let path = c_string(program.path.as_os_str().as_bytes().to_vec())?;
    let arguments = line.arguments.into_iter().map(OsString::into_vec);
    let arguments: Vec<CString> = std::iter::once(path.clone().into_bytes())
        .chain(arguments)
        .map(c_string)
        .collect::<nix::Result<_>>()?;
    let variable = |(name, value): (OsString, OsString)| {
        c_string([name.as_bytes(), value.as_bytes()].join(&b'='))
    };
    let environment = line.environment.into_iter().map(variable);
    let environment: Vec<CString> = environment.collect::<nix::Result<_>>()?;

    let mut attributes = PosixSpawnAttr::init()?;
    let set = PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes.set_flags(set | SETSID)?;
    // What is ignored here would be ignored there, too.
    let usual = [
        Signal::SIGCHLD,
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGALRM,
        Signal::SIGPIPE,
    ];
    attributes.set_sigdefault(&usual.into_iter().collect())?;
    attributes.set_sigmask(&SigSet::empty())?;
    let mut files = PosixSpawnFileActions::init()?;
    // The first terminal that the leader of a session opens is the one that controls it.
    files.add_open(0, tty, OFlag::O_RDWR, Permissions::empty())?;
    files.add_dup2(0, 1)?;
    files.add_dup2(0, 2)?;
    let pid = posix_spawnp(&path, &files, &attributes, &arguments, &environment)?;
    Ok(pid.as_raw())
}

fn make_raw(master: &OwnedFd) -> rustix::io::Result<()> {
    let mut settings = tcgetattr(master)?;
    settings.make_raw();
    tcsetattr(master, OptionalActions::Now, &settings)
}

/// Whether what is written to this pty is given on as it is, and not line by line. Not where it
/// cannot be told: a pty whose other end is closed.
pub(in crate::tmux) fn is_raw(master: &OwnedFd) -> bool {
    tcgetattr(master).is_ok_and(|settings| !settings.local_modes.contains(LocalModes::ICANON))
}

/// Opens the end that a client has, to look at it.
pub(in crate::tmux) fn other_end(tty: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(tty, flags, rustix::fs::Mode::empty())
}

/// Whether something waits there. Looking also has the kernel bring along what is still on its way
/// through the pty.
pub(in crate::tmux) fn is_readable(other_end: &OwnedFd) -> bool {
    let mut readable = [PollFd::new(other_end, PollFlags::IN)];
    let looked = poll(&mut readable, Some(&Timespec::default()));
    looked.is_ok() && readable[0].revents().contains(PollFlags::IN)
}

/// Takes what nobody has read of what was written to this pty. Nobody may have its other end open.
pub(in crate::tmux) fn unread(master: &OwnedFd, tty: &str) -> io::Result<Vec<u8>> {
    // tmux leaves a terminal that keeps a line until it ends.
    make_raw(master)?;
    let other_end = other_end(tty)?;
    let (mut all, mut some) = (Vec::new(), [0; 4096]);
    while is_readable(&other_end) && all.len() < HELD_BYTES {
        match read(&other_end, &mut some) {
            Ok(bytes @ 1..) => all.extend_from_slice(&some[..bytes]),
            Ok(0) | Err(_) => break,
        }
    }
    Ok(all)
}

/// Sets the size of a pty.
pub(in crate::tmux) fn resize(master: &OwnedFd, size: Size) -> rustix::io::Result<()> {
    let size = Winsize {
        ws_col: size.cols,
        ws_row: size.rows,
        ws_xpixel: size.cols.saturating_mul(CELL_PIXELS.0),
        ws_ypixel: size.rows.saturating_mul(CELL_PIXELS.1),
    };
    tcsetwinsize(master, size)
}

/// Reads once; 0 when the other end is closed.
///
/// # Errors
/// `WouldBlock`, and those of the pty.
pub(in crate::tmux) fn read(master: &OwnedFd, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(master, &mut *buf) {
            Err(Errno::INTR) => {}
            // Linux's word for "the other end is closed".
            Err(Errno::IO) => return Ok(0),
            other => return other.map_err(io::Error::from),
        }
    }
}

/// Writes once.
///
/// # Errors
/// `WouldBlock`, and those of the pty.
pub(in crate::tmux) fn write(master: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(master, bytes) {
            Err(Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

pub(in crate::tmux) fn failed(error: &dyn fmt::Display) -> Error {
    Error::Failed {
        what: "be attached",
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_read_is_there_after_the_end() {
        let size = Size { cols: 80, rows: 24 };
        let (master, tty) = open(size, Mode::Cooked).expect("a pty");
        let tty = tty.into_string().expect("a path");
        let client = other_end(&tty).expect("it opens");
        write(&master, b"left").expect("written");
        drop(client);
        // The kernel takes this, too.
        write(&master, b"late").expect("written");
        assert_eq!(unread(&master, &tty).expect("told"), b"leftlate");
        assert_eq!(unread(&master, &tty).expect("told"), b"");
    }
}
