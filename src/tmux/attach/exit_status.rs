//! [`Ended`]: how an attached client ended, read from what it said and returned. Pure.

use crate::tmux::attach::process::End;
use crate::tmux::error::Error;
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
            // It says itself that tmux could not attach.
            Self::Refused(error @ Error::Failed { .. }) => error.fmt(f),
            Self::Refused(error) => write!(f, "the tmux client could not attach: {error}"),
            Self::Other(words) => write!(f, "the tmux client ended: {words}"),
        }
    }
}

impl Ended {
    /// Reads it from how the process ended, whether it ever was attached, and its last words, in
    /// front of which there may be text that a program drew.
    pub(in crate::tmux) fn read(end: End, attached: bool, words: &str) -> Self {
        if let End::Signal(signal) = end {
            return Self::Killed(signal);
        }
        // Keys that came too late may be echoed after it.
        if let Some(ended) = words.lines().rev().find_map(Self::from_line) {
            return ended;
        }
        let last = words.lines().next_back().unwrap_or_default();
        if attached {
            Self::Other(readable(last))
        } else {
            Self::Refused(Error::from_words("attach", words))
        }
    }

    /// From a line that ends with what a client says when it leaves.
    fn from_line(line: &str) -> Option<Self> {
        let line = line.trim_end();
        let detached = line.ends_with("[detached]")
            || line.ends_with("[detached and SIGHUP]")
            || (line.ends_with(")]")
                && (line.contains("[detached (from session ")
                    || line.contains("[detached and SIGHUP (from session ")));
        if detached {
            return Some(Self::Detached);
        }
        let known = [
            ("[exited]", Self::Exited),
            ("[server exited]", Self::ServerExited),
            ("[server exited unexpectedly]", Self::ServerExited),
            ("[lost server]", Self::ServerExited),
            ("[lost tty]", Self::LostTty),
            ("[terminated]", Self::Terminated),
        ];
        let ended = known.into_iter().find(|(said, _)| line.ends_with(said));
        ended.map(|(_, ended)| ended)
    }
}

/// Words for people: no control characters, and not endless.
fn readable(words: &str) -> String {
    let readable = words.chars().filter(|char| !char.is_control());
    readable.take(200).collect()
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
            (
                0,
                "[something \u{7}new]",
                Ended::Other("[something new]".into()),
            ),
            (1, "[lost tty]\r\n^[[O^[[A", Ended::LostTty),
            // Drawn before.
            (0, "text[exited]", Ended::Exited),
            (
                1,
                "x[detached (from session a)][server exited unexpectedly]",
                Ended::ServerExited,
            ),
            (0, "text[detached (from session a)]", Ended::Detached),
            (0, "[detached (from session [exited])]", Ended::Detached),
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
