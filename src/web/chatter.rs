//! [`Chatter`]: how much a viewer says that is no input. In: each such message, and the time. Out: until
//! when it is not listened to. A flood of them then waits in the viewer's own connection, and costs the
//! others nothing. It must not know what was said. Pure: time comes in as an argument.

use std::time::Instant;

use crate::config::limits::{CHATTER_AHEAD, CHATTER_INTERVAL};

/// What was said so far.
#[derive(Debug)]
pub(super) struct Chatter {
    /// When all of it is made up for.
    even_at: Instant,
}

impl Chatter {
    pub(super) const fn new(now: Instant) -> Self {
        Self { even_at: now }
    }

    /// One more message.
    pub(super) fn said(&mut self, now: Instant) {
        self.even_at = self.even_at.max(now) + CHATTER_INTERVAL;
    }

    /// Until when nothing is to be read, if it was too much.
    pub(super) fn pause(&self, now: Instant) -> Option<Instant> {
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
    fn a_flood_is_listened_to_as_fast_as_it_may_be_and_no_faster() {
        let start = Instant::now();
        let mut chatter = Chatter::new(start);
        let (mut now, mut heard) = (start, 0);
        while now < start + Duration::from_secs(10) {
            match chatter.pause(now) {
                Some(until) => now = until,
                None => {
                    chatter.said(now);
                    heard += 1;
                }
            }
        }
        let per_second = Duration::from_secs(1).div_duration_f64(CHATTER_INTERVAL);
        let ahead = CHATTER_AHEAD.div_duration_f64(CHATTER_INTERVAL);
        let most = 10.0 * per_second + ahead;
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
        }
        // And so is one whose acks a network held back for ten seconds.
        let now = start + Duration::from_secs(10_000);
        for _ in 0..625 {
            chatter.said(now);
        }
        assert_eq!(chatter.pause(now), None);
    }
}
