//! [`Error`]: what can go wrong with tmux, each as a sentence with its cause and the next step, and
//! the reading of tmux's own words. Pure.

use crate::config::limits::TMUX_OLDEST;
use crate::tmux::ids::BadName;
use std::io;
use std::path::{Path, PathBuf};

/// Why tmux did not do what we asked.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no program called tmux.
    #[error("tmux was not found in PATH: install tmux {}.{} or newer (for example: apt install tmux)", TMUX_OLDEST.0, TMUX_OLDEST.1)]
    Missing,
    /// There is one, and we may not run it.
    #[error("{} is not executable: check its permissions (chmod +x) or put another tmux first in PATH", program.display())]
    NotExecutable {
        /// The program as it was called.
        program: PathBuf,
    },
    /// It is too old for the flags we need.
    #[error("tmux {found} is too old: install tmux {}.{} or newer", TMUX_OLDEST.0, TMUX_OLDEST.1)]
    TooOld {
        /// What `tmux -V` said.
        found: String,
    },
    /// No tmux server is running: normal before the first session.
    #[error("no tmux server is running: create a session to start one")]
    NoServer,
    /// The server's socket belongs to someone else.
    #[error("no permission to use the tmux socket {}: run muxview as the user who owns the tmux server, or name another socket", path.display())]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// The program was replaced by another version while its server runs on.
    #[error(
        "tmux {program} is installed, but the running tmux server is still version {server}, and they cannot work together. Save your work, end the old server with `kill {pid}`, and start your sessions again"
    )]
    Mismatch {
        /// The version of the program.
        program: String,
        /// The version of the server.
        server: String,
        /// The server's process.
        pid: String,
    },
    /// tmux did not answer in time.
    #[error(
        "tmux did not answer in time: its server may be stopped or overloaded; muxview keeps trying"
    )]
    Timeout,
    /// tmux stopped answering after it was told to do something.
    #[error(
        "tmux stopped answering when it was told to {what}: it may still do so when it goes on; look at the list of sessions then"
    )]
    Unsure {
        /// What it was told, as a verb phrase.
        what: &'static str,
    },
    /// The session we asked about does not exist (any more).
    #[error("there is no such session: it may have ended; look at the list of sessions")]
    NoSuchSession,
    /// The window we asked about is not in the session (any more).
    #[error("there is no such window in this session: it was closed or moved; choose another")]
    NoSuchWindow,
    /// The client we asked about does not exist (any more).
    #[error("there is no such tmux client: it has detached")]
    NoSuchClient,
    /// The name is taken.
    #[error("a session called {name} exists already: open it or choose another name")]
    Exists {
        /// The name.
        name: String,
    },
    /// The name is not one we give.
    #[error(transparent)]
    BadName(#[from] BadName),
    /// The directory a session should start in cannot be used.
    // Anybody's text, which goes to logs and terminals: its control characters are spelled out.
    #[error(
        "the directory {} cannot be used: {reason}; choose another directory",
        path.to_string_lossy().escape_debug()
    )]
    BadDirectory {
        /// The directory as asked for.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The command of a new session cannot be handed to tmux.
    #[error("the command cannot be run: {reason}")]
    BadCommand {
        /// Why not.
        reason: String,
    },
    /// The terminal description our tmux client needs is not installed.
    #[error(
        "the terminal descriptions tmux-256color and screen-256color are both missing: install one (for example: apt install ncurses-base ncurses-term)"
    )]
    Terminfo,
    /// A tmux server cannot be started where our own restart would not end it.
    #[error(
        "a tmux server cannot be started outside muxview's own service ({reason}): start one with `{command}` and try again"
    )]
    CannotStart {
        /// What stood in the way.
        reason: String,
        /// What a person can run instead.
        command: String,
    },
    /// tmux said something else.
    #[error("tmux could not {what}: {message}")]
    Failed {
        /// What was asked, as a verb phrase.
        what: &'static str,
        /// tmux's own words, or the system's.
        message: String,
    },
}

impl Error {
    /// Why the socket at `path` could not be connected to.
    pub(super) fn from_connect(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Permission { path: path.into() },
            // No file, or a stale one that nobody listens on (tmux replaces it itself).
            // Or the server has just ended.
            io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset => Self::NoServer,
            // So many are waiting to be accepted that no more can: the server hangs.
            io::ErrorKind::WouldBlock => Self::Timeout,
            _ => Self::Failed {
                what: "be reached",
                message: error.to_string(),
            },
        }
    }

    /// Reads what a tmux client printed before it failed to do `what`.
    #[must_use]
    pub fn from_words(what: &'static str, words: &str) -> Self {
        let words = words.trim();
        let has = |needle: &str| words.contains(needle);
        if has("(Permission denied)") || has("access not allowed") {
            // "error connecting to /tmp/tmux-0/default (Permission denied)"
            let path = words
                .strip_prefix("error connecting to ")
                .and_then(|rest| rest.rsplit_once(" ("))
                .map_or("", |(path, _)| path);
            return Self::Permission { path: path.into() };
        }
        if let Some((_, name)) = words.split_once("duplicate session: ") {
            return Self::Exists {
                name: name.lines().next().unwrap_or_default().to_owned(),
            };
        }
        if has("no server running on")
            || has("error connecting to")
            || has("server exited")
            || has("lost server")
            || has("no sessions")
            // A server that stays without one (`tmux -D`) says so of every target.
            || has("no current target")
        {
            return Self::NoServer;
        }
        if has("can't find session") || has("session not found") {
            return Self::NoSuchSession;
        }
        if has("can't find window") {
            return Self::NoSuchWindow;
        }
        if has("can't find client") {
            return Self::NoSuchClient;
        }
        if let Some((_, capability)) = words.split_once("terminal does not support ") {
            // Our own terminals can do this; so it was taken away. Keys may be echoed after it.
            let capability = capability.split_whitespace().next().unwrap_or_default();
            let message = format!(
                "tmux needs `{capability}` of every terminal, and the option terminal-overrides takes it away; see `tmux show-options -s terminal-overrides`"
            );
            return Self::Failed { what, message };
        }
        if has("missing or unsuitable terminal") || has("can't find terminfo database") {
            return Self::Terminfo;
        }
        let message = if has("protocol version mismatch") {
            format!(
                "{words}: the running server is of another version than the tmux in PATH; restart the server when its work is done, or put its version first in PATH"
            )
        } else if words.is_empty() {
            "it gave no reason".to_owned()
        } else {
            words.lines().next().unwrap_or_default().to_owned()
        };
        Self::Failed { what, message }
    }

    /// Reads why the system would not start `program`.
    #[must_use]
    pub fn from_spawn(program: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::NotExecutable {
                program: program.to_owned(),
            },
            _ => Self::Failed {
                what: "be started",
                message: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tmuxs_words_are_told_apart() {
        let read = |words| Error::from_words("list sessions", words);
        assert_eq!(
            read("no server running on /tmp/tmux-0/default\n"),
            Error::NoServer
        );
        assert_eq!(
            read("error connecting to /tmp/tmux-0/x (No such file or directory)"),
            Error::NoServer
        );
        assert_eq!(
            read("error connecting to /tmp/tmux-0/x (Permission denied)"),
            Error::Permission {
                path: "/tmp/tmux-0/x".into()
            }
        );
        assert_eq!(read("can't find session: $9"), Error::NoSuchSession);
        assert_eq!(read("can't find window: @7"), Error::NoSuchWindow);
        assert_eq!(
            read("duplicate session: a"),
            Error::Exists { name: "a".into() }
        );
        assert_eq!(read("server exited unexpectedly"), Error::NoServer);
        assert_eq!(
            read("open terminal failed: missing or unsuitable terminal: x"),
            Error::Terminfo
        );
        let missing = read("open terminal failed: terminal does not support clear").to_string();
        assert!(missing.contains("`clear`") && missing.contains("terminal-overrides"));
        assert_eq!(
            read("open terminal failed: can't find terminfo database"),
            Error::Terminfo
        );
        // Whatever else keeps a terminal from being opened, nothing is missing.
        let other = read("open terminal failed: not a terminal").to_string();
        assert!(other.contains("not a terminal"), "{other}");
        assert_eq!(
            read("unknown option -- Q\nusage: ..").to_string(),
            "tmux could not list sessions: unknown option -- Q"
        );
    }

    #[test]
    fn every_error_is_a_sentence_with_a_next_step() {
        for error in [
            Error::Missing,
            Error::TooOld {
                found: "3.1c".into(),
            },
            Error::NoServer,
            Error::Permission { path: "/s".into() },
            Error::Timeout,
            Error::Unsure {
                what: "rename the session",
            },
            Error::NoSuchSession,
            Error::NoSuchWindow,
            Error::Exists { name: "a".into() },
            Error::Terminfo,
            Error::NotExecutable {
                program: "tmux".into(),
            },
        ] {
            assert!(error.to_string().contains(": "), "{error}");
        }
    }
}
