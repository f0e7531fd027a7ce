//! [`Image`]: the program this process runs, and runs anew in its place. In: descriptors to leave to
//! the next image. Out: nothing, if all goes well. It must not know what they are.

use clap::Parser as _;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Pid;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::{fmt, io};
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use crate::config::limits::{CHECK, CHECK_BYTES};
use crate::config::{self, Cli};
use crate::net::inherited_fds::{self, InheritedFd};
use crate::sys;
use crate::tmux::{self, Transfer, exclusively};

/// The program and its arguments, as it was started.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    /// Where it is configured to be, which is where a new one is put: what this process runs may
    /// have been removed since.
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Image {
    /// That of this process. To be asked for at its start: the way to it is relative.
    pub(crate) fn of_this_process() -> Self {
        let mut words = std::env::args_os();
        let called = words.next().unwrap_or_default();
        Self {
            program: locate(&called),
            arguments: words.collect(),
        }
    }

    /// Asks the program that is there now whether it can go on with this configuration. Where the
    /// service manager passed what we listen on, the addresses are not looked at.
    pub(crate) async fn check(&self, passed: bool) -> Result<(), String> {
        let program = self.program.display();
        let mut command = tokio::process::Command::new(&self.program);
        command
            .args(to_check(&self.arguments))
            // It is not what the service manager started.
            .env_remove("NOTIFY_SOCKET")
            .env("LISTEN_FDS", if passed { "1" } else { "0" })
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let checked = match timeout(CHECK, run(command)).await {
            Ok(checked) => checked.map_err(|error| format!("{program}: {error}"))?,
            Err(_) => return Err(format!("{program} check did not end within {CHECK:?}")),
        };
        let (status, said) = match checked {
            Checked::Ended(status, said) => (status, said),
            Checked::TooLong => {
                return Err(format!(
                    "{program} check wrote more than {CHECK_BYTES} bytes"
                ));
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let said = said.lines().last().unwrap_or("it said nothing").trim();
        Err(format!("{program} check: {status}: {said}"))
    }

    /// Becomes that program, leaving these descriptors open for it. Returns only if that fails, with
    /// all as it was.
    pub(crate) fn execute(&self, passed: &[InheritedFd]) -> io::Error {
        // While they are marked to stay open, a child started elsewhere would get them, too.
        exclusively(|| self.become_it(passed))
    }

    fn become_it(&self, passed: &[InheritedFd]) -> io::Error {
        let mark = |flags| {
            let set = |passed: &InheritedFd| fcntl_setfd(&passed.descriptor, flags);
            passed.iter().try_for_each(set)
        };
        if let Err(error) = mark(FdFlags::empty()) {
            return error.into();
        }
        // The next image would die of a SIGHUP that comes before it listens for one.
        let error = sys::without_hangup(|| {
            Command::new(&self.program)
                .args(&self.arguments)
                .env(inherited_fds::LEFT, inherited_fds::leave(passed))
                .env_remove("LISTEN_PID")
                .env_remove("LISTEN_FDS")
                .env_remove("LISTEN_FDNAMES")
                .exec()
        });
        // They are open, so they can be marked.
        let _ = mark(FdFlags::CLOEXEC);
        error
    }
}

/// How a check went.
enum Checked {
    Ended(ExitStatus, Vec<u8>),
    /// It wrote more than anybody reads.
    TooLong,
}

/// Runs it to its end, or until it has written too much: what it is can be anything, and what it
/// writes is kept in memory.
async fn run(mut command: tokio::process::Command) -> io::Result<Checked> {
    let mut child = command.spawn()?;
    let mut said = vec![];
    if let Some(errors) = child.stderr.take() {
        let mut errors = errors.take(CHECK_BYTES + 1);
        errors.read_to_end(&mut said).await?;
    }
    if said.len() as u64 > CHECK_BYTES {
        return Ok(Checked::TooLong);
    }
    Ok(Checked::Ended(child.wait().await?, said))
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.program.display().fmt(f)
    }
}

/// Has the children of the image before this one reaped when they end: nobody here knows them, but for
/// the tmux clients whose terminals it passed on.
pub(crate) fn reap_children(passed: &[InheritedFd]) {
    if !inherited_fds::is_successor() {
        return;
    }
    let adopted: Vec<Pid> = passed
        .iter()
        .filter_map(|passed| Transfer::pid(&passed.descriptor))
        .collect();
    let own = rustix::process::getpid();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return;
    };
    let listed = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let children: Vec<Pid> = listed
        .flat_map(|list| {
            let pids = list.split_whitespace().map(str::parse);
            pids.filter_map(|pid| Pid::from_raw(pid.ok()?))
                .collect::<Vec<_>>()
        })
        .filter(|child| *child != own && !adopted.contains(child))
        .collect();
    if !children.is_empty() {
        // Waits in a thread of its own: they end with their terminals, but in their own time.
        std::thread::spawn(move || children.into_iter().for_each(tmux::reap));
    }
}

/// The program this process was called by, in full.
fn locate(called: &OsStr) -> PathBuf {
    let found = if called.as_bytes().contains(&b'/') {
        std::path::absolute(called).ok()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .map(|directory| directory.join(called))
            .find(|program| !called.is_empty() && program.is_file())
            .and_then(|program| std::path::absolute(program).ok())
    };
    found
        .filter(|program| program.exists())
        .or_else(|| std::env::current_exe().ok())
        .unwrap_or_else(|| Path::new(called).to_owned())
}

/// The same arguments for `muxview check`.
fn to_check(arguments: &[OsString]) -> Vec<OsString> {
    let checks = |arguments: &[OsString]| {
        let line = std::iter::once(OsStr::new("muxview").to_owned()).chain(arguments.to_vec());
        let read = Cli::try_parse_from(line);
        read.is_ok_and(|cli| matches!(cli.command, Some(config::Command::Check)))
    };
    // A word "serve" may also be an option's value: the right one makes it a check.
    let serves = |at: &usize| arguments[*at] == "serve";
    let replaced = (0..arguments.len()).filter(serves).map(|at| {
        let mut arguments = arguments.to_vec();
        arguments[at] = "check".into();
        arguments
    });
    let added = std::iter::once(OsString::from("check")).chain(arguments.to_vec());
    let added = added.collect();
    replaced
        .into_iter()
        .find(|line| checks(line))
        .unwrap_or(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serving_becomes_checking() {
        for (given, wanted) in [
            ("", "check"),
            ("serve", "check"),
            ("--auth none", "check --auth none"),
            ("--create serve", "check --create serve"),
            (
                "--create serve serve --auth none",
                "--create serve check --auth none",
            ),
            (
                "serve --create=a --tmux-socket-name serve",
                "check --create=a --tmux-socket-name serve",
            ),
        ] {
            let words = |line: &str| {
                line.split_whitespace()
                    .map(OsString::from)
                    .collect::<Vec<_>>()
            };
            assert_eq!(to_check(&words(given)), words(wanted), "{given}");
        }
    }

    #[tokio::test]
    async fn a_check_is_read_no_further_than_the_limit() {
        let sh = |script: &str| {
            let mut command = tokio::process::Command::new("/bin/sh");
            command.args(["-c", script]).stderr(Stdio::piped());
            command.kill_on_drop(true);
            run(command)
        };
        let ended = sh("echo no >&2; exit 3").await.expect("there is a shell");
        let Checked::Ended(status, said) = ended else {
            panic!("that is short");
        };
        assert_eq!((status.code(), &said[..]), (Some(3), &b"no\n"[..]));
        let endless = sh("yes >&2").await.expect("there is a shell");
        assert!(matches!(endless, Checked::TooLong));
    }

    #[test]
    fn a_program_is_where_it_was_called() {
        let own = std::env::current_exe().expect("this one");
        assert_eq!(locate(own.as_os_str()), own);
        assert!(locate(OsStr::new("sh")).ends_with("sh"));
        assert!(locate(OsStr::new("sh")).is_absolute());
        assert_eq!(locate(OsStr::new("there-is-no-such-program")), own);
    }
}
