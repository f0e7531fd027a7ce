//! [`Program`]: the tmux program and the socket it is told to use. Builds command lines with
//! `tmux_interface`, runs them with a time-out, and holds the one lock every spawn takes.

use crate::config::limits::{TMUX_SPAWNS, TMUX_TIMEOUT};
use crate::tmux::error::Error;
use crate::tmux::version::Version;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tmux_interface::{Tmux, TmuxCommand};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::Semaphore;

/// The tmux server meant, as the options `-L` and `-S` name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Socket {
    /// The user's default server.
    #[default]
    Default,
    /// `-L NAME`.
    Name(String),
    /// `-S PATH`.
    Path(PathBuf),
}

impl Socket {
    /// The options that name this server to any tmux client.
    #[must_use]
    pub fn options(&self) -> Vec<OsString> {
        match self {
            Self::Default => vec![],
            Self::Name(name) => vec!["-L".into(), name.into()],
            Self::Path(path) => vec!["-S".into(), path.into()],
        }
    }

    /// Where the socket lies (as tmux computes it).
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let name = match self {
            Self::Default => "default",
            Self::Name(name) => name,
            Self::Path(path) => return path.clone(),
        };
        let base = std::env::var_os("TMUX_TMPDIR")
            .filter(|dir| Path::new(dir).is_dir())
            .map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
        let uid = rustix::process::getuid().as_raw();
        base.join(format!("tmux-{uid}")).join(name)
    }

    /// Whether nobody else could have put something else there. tmux refuses its own directory if it
    /// belongs to another user or is open to all; a path that a person named is used as it is.
    pub(super) fn is_trusted(&self) -> bool {
        if matches!(self, Self::Path(_)) {
            return true;
        }
        let path = self.path();
        let directory = path.parent().map(std::fs::symlink_metadata);
        directory.and_then(Result::ok).is_none_or(|directory| {
            let ours = directory.uid() == rustix::process::getuid().as_raw();
            ours && directory.is_dir() && directory.mode() & 0o007 == 0
        })
    }
}

/// Holds back every other spawn of this process. Between `openpty` and the moment its descriptors are
/// marked close-on-exec, a child started elsewhere would inherit them; a tmux server keeps what it
/// inherits for life, and then our clients never see a hang-up (facts §8).
static SPAWNING: Mutex<()> = Mutex::new(());

/// Runs `spawn` while no other process is being started. Everything in this process that starts
/// another should go through here; it takes a few milliseconds at most.
pub fn exclusively<T>(spawn: impl FnOnce() -> T) -> T {
    let _held = SPAWNING.lock().unwrap_or_else(PoisonError::into_inner);
    spawn()
}

/// tmux processes running at once: with a server that hangs, each stays for its whole time-out, and
/// they must not pile up.
static RUNNING: Semaphore = Semaphore::const_new(TMUX_SPAWNS);

/// What a tmux client needs of our environment; nothing else is handed on.
const KEPT: [&str; 14] = [
    "HOME",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TERMINFO",
    "TERMINFO_DIRS",
    "TMPDIR",
    "TMUX_TMPDIR",
    "TZ",
    "USER",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "LD_LIBRARY_PATH",
];

/// The environment of every tmux client of ours: the allow-list and a UTF-8 locale, without which
/// tmux prints `_` for every other byte. `TMUX` is not in it, so a muxview started inside tmux is
/// no nested client.
pub(super) fn client_environment() -> Vec<(OsString, OsString)> {
    let mut kept: Vec<(OsString, OsString)> = KEPT
        .iter()
        .filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)))
        .collect();
    if !kept.iter().any(|(name, _)| name == "PATH") {
        kept.push(("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()));
    }
    kept.push(("LC_ALL".into(), "C.UTF-8".into()));
    kept
}

/// Which file a program is: another one of the same name, as after an upgrade, differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binary {
    path: PathBuf,
    inode: u64,
    len: u64,
    modified: Option<std::time::SystemTime>,
}

/// The program and its socket.
#[derive(Debug, Clone)]
pub(super) struct Program {
    /// `tmux`, looked up in `PATH`, or a path.
    pub(super) path: PathBuf,
    pub(super) socket: Socket,
}

impl Program {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            path: "tmux".into(),
            socket,
        }
    }

    /// `tmux -u [-L|-S]` and one command.
    pub(super) fn command(&self, command: TmuxCommand<'_>) -> std::process::Command {
        self.line(Tmux::new().force_utf8(), command)
    }

    fn line<'a>(&'a self, tmux: Tmux<'a>, command: TmuxCommand<'a>) -> std::process::Command {
        let tmux = match &self.socket {
            Socket::Default => tmux,
            Socket::Name(name) => tmux.socket_name(name.as_str()),
            Socket::Path(path) => tmux.socket_path(path.to_string_lossy()),
        };
        let mut built = tmux.command(command).build();
        built.name = Some(self.path.to_string_lossy());
        let mut command = std::process::Command::from(&built);
        command.env_clear().envs(client_environment());
        command
    }

    /// The file that is run; `None` where there is none.
    pub(super) fn binary(&self) -> Option<Binary> {
        use std::os::unix::fs::MetadataExt as _;
        let found = |path: PathBuf| {
            let meta = std::fs::metadata(&path)
                .ok()
                .filter(|meta| meta.is_file())?;
            Some(Binary {
                path,
                inode: meta.ino(),
                len: meta.len(),
                modified: meta.modified().ok(),
            })
        };
        if self.path.components().count() > 1 {
            return found(self.path.clone());
        }
        let paths = std::env::var_os("PATH")?;
        std::env::split_paths(&paths).find_map(|dir| found(dir.join(&self.path)))
    }

    /// Which tmux this is, if it is new enough.
    pub(super) async fn version(&self) -> Result<Version, Error> {
        let mut command = std::process::Command::new(&self.path);
        command.arg("-V").env_clear().envs(client_environment());
        let said = self.finish("say its version", command).await?;
        Version::parse(&said).supported()
    }

    /// Which file the program is now: another one after an upgrade.
    pub(super) fn identity(&self) -> Identity {
        let found = |path: &Path| {
            let file = std::fs::metadata(path).ok().filter(|file| file.is_file())?;
            Some((file.dev(), file.ino(), file.mtime(), file.mtime_nsec()))
        };
        if self.path.components().count() > 1 {
            return Identity(found(&self.path));
        }
        let path = client_environment()
            .into_iter()
            .find_map(|(name, value)| (name == "PATH").then_some(value))
            .unwrap_or_default();
        Identity(std::env::split_paths(&path).find_map(|dir| found(&dir.join(&self.path))))
    }

    /// Whether somebody listens on the socket: a thousandth of what asking with a process costs, so
    /// that it can be asked often.
    pub(super) async fn reachable(&self) -> Result<(), Error> {
        let path = self.socket.path();
        match tokio::time::timeout(TMUX_TIMEOUT, UnixStream::connect(&path)).await {
            Err(_) => Err(Error::Timeout),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Error::from_connect(&path, &error)),
        }
    }

    /// Runs one tmux command and gives what it printed.
    pub(super) async fn run(
        &self,
        what: &'static str,
        command: TmuxCommand<'_>,
    ) -> Result<String, Error> {
        self.finish(what, self.command(command)).await
    }

    /// Runs a command line made from [`Program::command`].
    pub(super) async fn finish(
        &self,
        what: &'static str,
        command: std::process::Command,
    ) -> Result<String, Error> {
        let output = output(command).await.map_err(|failure| match failure {
            Failure::Timeout => Error::Timeout,
            Failure::Spawn(error) => Error::from_spawn(&self.path, &error),
            Failure::Io(error) => Error::Failed {
                what,
                message: error.to_string(),
            },
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        Err(match Error::from_words(what, &words) {
            Error::Permission { path } if path.as_os_str().is_empty() => Error::Permission {
                path: self.socket.path(),
            },
            error => error,
        })
    }
}

/// A file as the system knows it: device, inode and time of change; none if there is no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(Option<(u64, u64, i64, i64)>);

/// One argument as tmux reads it back from a line of its configuration language.
pub(super) fn quoted(argument: &str) -> String {
    // None of ours has these; in a line they would end it.
    let argument: String = argument
        .chars()
        .filter(|c| !matches!(c, '\n' | '\r' | '\0'))
        .collect();
    format!("'{}'", argument.replace('\'', r"'\''"))
}

/// Why a process gave no output.
#[derive(Debug)]
pub(super) enum Failure {
    Timeout,
    Spawn(std::io::Error),
    Io(std::io::Error),
}

/// Runs a process to its end; past the time-out it is killed. Waiting for a free place counts.
pub(super) async fn output(command: std::process::Command) -> Result<Output, Failure> {
    let mut command = Command::from(command);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    tokio::time::timeout(TMUX_TIMEOUT, async {
        let _place = RUNNING
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let child = exclusively(|| command.spawn()).map_err(Failure::Spawn)?;
        child.wait_with_output().await.map_err(Failure::Io)
    })
    .await
    .map_err(|_| Failure::Timeout)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_names_itself_to_tmux() {
        assert!(Socket::Default.options().is_empty());
        assert_eq!(Socket::Name("x".into()).options(), ["-L", "x"]);
        assert_eq!(Socket::Path("/r/s".into()).options(), ["-S", "/r/s"]);
        assert!(Socket::Default.path().ends_with("default"));
    }

    #[test]
    fn arguments_are_quoted_for_good() {
        assert_eq!(quoted("$3"), "'$3'");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted("a\nkill-server"), "'akill-server'");
    }

    #[test]
    fn a_replaced_program_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let program = Program {
            path: dir.path().join("tmux"),
            socket: Socket::Default,
        };
        let missing = program.identity();
        std::fs::write(&program.path, "1").unwrap();
        let first = program.identity();
        assert!(first != missing && first == program.identity());
        std::fs::write(dir.path().join("new"), "2").unwrap();
        std::fs::rename(dir.path().join("new"), &program.path).unwrap();
        assert!(program.identity() != first);
        assert_eq!(program.identity(), program.identity());
    }

    #[test]
    fn a_client_gets_a_utf8_locale_and_no_surprises() {
        let environment = client_environment();
        let has = |name: &str| environment.iter().any(|(n, _)| n == name);
        assert!(has("LC_ALL") && has("PATH"));
        assert!(!has("TMUX") && !has("TMUX_PANE") && !has("NOTIFY_SOCKET") && !has("TERM"));
    }
}
