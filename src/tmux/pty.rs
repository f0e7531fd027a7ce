//! [`spawn`]: a tmux client in a pty of its own, which is its controlling terminal: when this process
//! ends in whatever way, the hang-up ends the client. Knows nothing of what is said over it.

use super::client::Client;
use super::error::Error;
use super::program::{Program, exclusively};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

use crate::os;

/// What its terminal does with bytes until the client sets it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Edits and echoes lines, as a lock program expects it.
    Cooked,
    /// Passes them as they are.
    Raw,
}

/// Opens a pty and starts the command in it: the pty's master, the path of its other end, the client.
/// Takes a few milliseconds.
pub(super) fn spawn(
    program: &Program,
    command: CommandBuilder,
    size: PtySize,
    mode: Mode,
) -> Result<(OwnedFd, String, Client), Error> {
    exclusively(|| {
        let pair = native_pty_system()
            .openpty(size)
            .map_err(|error| failed(&error))?;
        let tty = pair
            .master
            .tty_name()
            .ok_or_else(|| failed(&"the pty has no name"))?
            .to_string_lossy()
            .into_owned();
        let master = os::second(&*pair.master).map_err(|error| failed(&error))?;
        if mode == Mode::Raw {
            make_raw(&master).map_err(|error| failed(&error))?;
        }
        let child = pair
            .slave
            .spawn_command(command)
            .map_err(|error| refused_spawn(program, &error.to_string()))?;
        // Its own handle is only dropped: it neither kills nor reaps, which `Client` does.
        let client = child
            .process_id()
            .and_then(Client::new)
            .ok_or_else(|| failed(&"the client has no process id"))?;
        Ok((master, tty, client))
        // The pair ends here: with the slave open in this process we would never see the client's end.
    })
}

fn make_raw(master: &OwnedFd) -> rustix::io::Result<()> {
    let mut settings = tcgetattr(master)?;
    settings.make_raw();
    tcsetattr(master, OptionalActions::Now, &settings)
}

/// Reads once; 0 when the other end is closed.
///
/// # Errors
/// `WouldBlock`, and those of the pty.
pub(super) fn read(master: &OwnedFd, buf: &mut [u8]) -> io::Result<usize> {
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
pub(super) fn write(master: &OwnedFd, bytes: &[u8]) -> io::Result<usize> {
    loop {
        match rustix::io::write(master, bytes) {
            Err(Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

pub(super) fn failed(error: &dyn fmt::Display) -> Error {
    Error::Failed {
        what: "be attached",
        message: error.to_string(),
    }
}

/// portable-pty only says in words why it could not start a program.
fn refused_spawn(program: &Program, words: &str) -> Error {
    if words.contains("not executable") {
        Error::NotExecutable {
            program: program.path.clone(),
        }
    } else if words.contains("No viable candidates") || words.contains("exist") {
        Error::Missing
    } else {
        failed(&words)
    }
}
