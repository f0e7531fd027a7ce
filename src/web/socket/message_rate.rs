//! [`Chatter`]: how much a viewer says that is no input. In: each such message, and the time. Out: until
//! when it is not listened to, and whether it is to go. What is too much waits in the viewer's own
//! connection, and costs the others nothing; but who never stops is never silent either, so a flood that
//! lasts ends it. It must not know what was said. Pure: time comes in as an argument.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::time::Instant;

use crate::config::limits::{CHATTER_AHEAD, CHATTER_INTERVAL, CHATTER_LASTING};

/// What was said so far.
#[derive(Debug)]
pub(in crate::web) struct Chatter {
    /// When all of it is made up for.
    even_at: Instant,
    /// Since when it is too much.
    flood: Option<Instant>,
}

impl Chatter {
    pub(in crate::web) const fn new(now: Instant) -> Self {
        Self {
            even_at: now,
            flood: None,
        }
    }

    /// One more message.
    pub(in crate::web) fn said(&mut self, now: Instant) {
        if self.even_at <= now {
            self.flood = None;
        }
        self.even_at = self.even_at.max(now) + CHATTER_INTERVAL;
        if self.pause(now).is_some() {
            self.flood.get_or_insert(now);
        }
    }

    /// Whether it has been too much for so long that nobody means well by it.
    pub(in crate::web) fn is_flood(&self, now: Instant) -> bool {
        self.flood
            .is_some_and(|since| since + CHATTER_LASTING <= now)
    }

    /// Until when nothing is to be read, if it was too much.
    pub(in crate::web) fn pause(&self, now: Instant) -> Option<Instant> {
        self.even_at
            .checked_sub(CHATTER_AHEAD)
            .filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_is_listened_to_as_fast_as_it_may_be_and_not_for_ever() {
        let start = Instant::now();
        let mut chatter = Chatter::new(start);
        let (mut now, mut heard) = (start, 0);
        while !chatter.is_flood(now) {
            match chatter.pause(now) {
                Some(until) => now = until,
                None => {
                    chatter.said(now);
                    heard += 1;
                }
            }
        }
        let most = (CHATTER_LASTING + CHATTER_AHEAD).div_duration_f64(CHATTER_INTERVAL);
        assert!((f64::from(heard) - most).abs() <= 2.0, "{heard} of {most}");
    }

    #[test]
    fn who_acks_every_frame_is_always_listened_to() {
        let start = Instant::now();
        let mut chatter = Chatter::new(start);
        for frame in 0..100_000 {
            let now = start + frame * Duration::from_millis(16);
            chatter.said(now);
            assert_eq!(chatter.pause(now), None);
            assert!(!chatter.is_flood(now));
        }
        // And so is one whose acks a network held back for ten seconds.
        let now = start + Duration::from_secs(10_000);
        for _ in 0..625 {
            chatter.said(now);
        }
        assert_eq!(chatter.pause(now), None);
    }

    #[test]
    fn who_stops_in_time_is_forgiven() {
        let mut now = Instant::now();
        let mut chatter = Chatter::new(now);
        for _ in 0..10 {
            for _ in 0..3000 {
                chatter.said(now);
            }
            assert!(chatter.pause(now).is_some() && !chatter.is_flood(now));
            now += Duration::from_secs(5);
        }
    }
}
