//! [`Creation`]: when a session was created, and by which tmux server. Pure.
//!
//! Every tmux server numbers its sessions from 0, so an id names a session only together with this. The
//! time alone does not do: it counts seconds, and a server that is restarted within one creates a
//! session with the same id in the same second.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use serde::{Deserialize, Serialize};

/// A tmux server: its process, and when that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// Its process id.
    pub pid: u32,
    /// When it was started, in seconds since 1970.
    pub started: u64,
}

/// When a session was created, and by which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Creation {
    /// When, in seconds since 1970.
    pub at: u64,
    /// By which server; `None` where an older muxview wrote it down.
    pub server: Option<ServerId>,
}

/// What [`Creation::read`] reads: three words.
pub(super) const FORMAT: &str = "#{session_created} #{pid} #{start_time}";

impl Creation {
    /// From an answer to [`FORMAT`].
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let at = words.next()?.parse().ok()?;
        let pid = words.next()?.parse().ok()?;
        let started = words.next()?.parse().ok()?;
        let server = Some(ServerId { pid, started });
        words.next().is_none().then_some(Self { at, server })
    }

    /// Whether a session with the same id is the same session. One that an older muxview wrote down
    /// is told apart by its time only.
    #[must_use]
    pub fn is(self, other: Self) -> bool {
        let servers = self.server.zip(other.server);
        self.at == other.at && servers.is_none_or(|(ours, theirs)| ours == theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_of_another_server_is_another_one() {
        let read = |text| Creation::read(text).expect("three numbers");
        let ours = read("1700000000 41 1700000000");
        assert!(ours.is(ours));
        for other in [
            "1700000001 41 1700000000",
            "1700000000 42 1700000000",
            "1700000000 41 1699999999",
        ] {
            assert!(!ours.is(read(other)), "{other}");
        }
        let old = Creation {
            server: None,
            ..ours
        };
        assert!(old.is(ours) && ours.is(old));
        let late = Creation {
            at: ours.at + 1,
            ..old
        };
        assert!(!late.is(ours));
        for broken in ["", "1", "1 2", "1 2 x", "1 2 3 4"] {
            assert_eq!(Creation::read(broken), None, "{broken}");
        }
    }
}
