//! [`Throttle`]: how often sign-ins fail. In: where a failed one came from, and the time. Out: how
//! long that source must wait. A right secret is never held up: guessing one of 256 bits is
//! hopeless, so this only keeps guesses from costing much (the ledger is not read for one that waits)
//! and from filling the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::limits::{FAILED_SIGN_INS, THROTTLE_WINDOW, THROTTLED_SOURCES};
use crate::net::Peer;

/// Failed sign-ins by source.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<HashMap<Source, Window>>);

/// Where somebody comes from, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::web) enum Source {
    /// An address; of an IPv6 one its network of 64 bits, which one person has whole.
    Address(IpAddr),
    /// A user of this machine.
    User(u32),
    /// All others together.
    Rest,
}

impl From<&Peer> for Source {
    fn from(door: &Peer) -> Self {
        match door {
            Peer::Tcp { peer, .. } => Self::Address(match peer.ip().to_canonical() {
                IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
                ip => ip,
            }),
            Peer::Unix { uid } => uid.map_or(Self::Rest, Self::User),
        }
    }
}

#[derive(Debug)]
struct Window {
    since: Instant,
    failed: u32,
}

impl Throttle {
    /// How long this source must wait now; it costs nothing to ask.
    pub(in crate::web) fn waits(&self, door: &Peer, now: Instant) -> Option<Duration> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Source::from(door);
        let window = windows.get(&source).or_else(|| {
            let crowded = windows.len() >= THROTTLED_SOURCES;
            crowded.then(|| windows.get(&Source::Rest)).flatten()
        })?;
        let over = now.saturating_duration_since(window.since);
        (window.failed >= FAILED_SIGN_INS && over < THROTTLE_WINDOW).then(|| THROTTLE_WINDOW - over)
    }

    /// Counts one that failed at `now`; how long to wait if these are too many.
    pub(in crate::web) fn failed(&self, door: &Peer, now: Instant) -> Option<Duration> {
        // A std mutex: held for a few instructions, which cannot panic half way.
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut source = Source::from(door);
        if !windows.contains_key(&source) && windows.len() >= THROTTLED_SOURCES {
            windows.retain(|_, window| now - window.since < THROTTLE_WINDOW);
            if windows.len() >= THROTTLED_SOURCES {
                source = Source::Rest;
            }
        }
        let fresh = Window {
            since: now,
            failed: 0,
        };
        let window = windows.entry(source).or_insert(fresh);
        if now - window.since >= THROTTLE_WINDOW {
            *window = Window {
                since: now,
                failed: 0,
            };
        }
        window.failed = window.failed.saturating_add(1);
        (window.failed > FAILED_SIGN_INS).then(|| THROTTLE_WINDOW - (now - window.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn from(last: u32) -> Peer {
        Peer::Tcp {
            local: ([127, 0, 0, 1], 1).into(),
            peer: (Ipv4Addr::from_bits(last), 1).into(),
        }
    }

    #[test]
    fn a_source_waits_until_its_minute_is_over_and_others_do_not() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        for _ in 0..FAILED_SIGN_INS {
            assert_eq!(throttle.failed(&from(1), start), None);
        }
        let later = start + Duration::from_secs(20);
        let waits = Some(THROTTLE_WINDOW - Duration::from_secs(20));
        assert_eq!(throttle.waits(&from(1), later), waits);
        assert_eq!(throttle.waits(&from(2), later), None);
        assert_eq!(
            throttle.failed(&from(1), later),
            Some(THROTTLE_WINDOW - Duration::from_secs(20))
        );
        assert_eq!(throttle.failed(&from(2), later), None);
        assert_eq!(throttle.failed(&from(1), start + THROTTLE_WINDOW), None);
    }

    #[test]
    fn a_swarm_of_sources_is_bounded() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let swarm = THROTTLED_SOURCES as u32 + FAILED_SIGN_INS + 1;
        let waits = (0..swarm).filter(|n| throttle.failed(&from(*n), start).is_some());
        assert_eq!(waits.count(), 1);
        let windows = throttle.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(windows.len() <= THROTTLED_SOURCES + 1);
    }
}
