//! [`Ended`]: how an attached client ended, read from what it said and returned. Pure.

use super::client::End;
use super::error::Error;
use std::fmt;

/// How an attached client ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its session, or the last pane of it, ended.
    Exited,
    /// It was detached (`prefix d`, `detach-client`, `attach -d` elsewhere): the session lives.
    Detached,
    /// The tmux server ended.
    ServerExited,
    /// Its terminal was taken away.
    LostTty,
    /// It was asked to end (SIGTERM).
    Terminated,
    /// A signal killed it.
    Killed(i32),
    /// It never attached.
    Refused(Error),
    /// None of these: what it said.
    Other(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited => f.write_str("the session ended"),
            Self::Detached => f.write_str("the tmux client was detached"),
            Self::ServerExited => f.write_str("the tmux server ended"),
            Self::LostTty => f.write_str("the tmux client lost its terminal"),
            Self::Terminated => f.write_str("the tmux client was terminated"),
            Self::Killed(signal) => write!(f, "the tmux client was killed by signal {signal}"),
            Self::Refused(error) => write!(f, "the tmux client could not attach: {error}"),
            Self::Other(words) => write!(f, "the tmux client ended: {words}"),
        }
    }
}

impl Ended {
    /// Reads it from how the process ended, whether it ever showed its screen, and its last words.
    pub(super) fn read(end: End, entered: bool, words: &str) -> Self {
        if let End::Signal(signal) = end {
            return Self::Killed(signal);
        }
        let said = |start: &str| words.starts_with(start);
        if said("[detached") {
            Self::Detached
        } else if said("[exited]") {
            Self::Exited
        } else if said("[server exited") || said("[lost server") {
            Self::ServerExited
        } else if said("[lost tty") {
            Self::LostTty
        } else if said("[terminated") {
            Self::Terminated
        } else if !entered {
            Self::Refused(Error::from_words("attach", words))
        } else {
            Self::Other(words.chars().take(200).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_told_apart() {
        for (code, words, expected) in [
            (0, "[exited]", Ended::Exited),
            (0, "[detached (from session a)]", Ended::Detached),
            (0, "[detached and SIGHUP (from session a)]", Ended::Detached),
            (1, "[server exited]", Ended::ServerExited),
            (1, "[server exited unexpectedly]", Ended::ServerExited),
            (1, "[lost tty]", Ended::LostTty),
            (1, "[terminated]", Ended::Terminated),
            (0, "[something new]", Ended::Other("[something new]".into())),
        ] {
            assert_eq!(Ended::read(End::Code(code), true, words), expected);
        }
        assert_eq!(Ended::read(End::Signal(9), true, ""), Ended::Killed(9));
        assert_eq!(
            Ended::read(End::Code(1), false, "can't find session: $9"),
            Ended::Refused(Error::NoSuchSession)
        );
        assert_eq!(
            Ended::read(End::Code(1), false, "no sessions"),
            Ended::Refused(Error::NoServer)
        );
    }
}
