//! How often presence is told: at once, but in a storm of joins not for each. Pure.

use crate::config::limits::PRESENCE_INTERVAL;
use std::time::Instant;

/// What was told, and when.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Presence {
    told: (u32, u32),
    last: Option<Instant>,
    wake: Option<Instant>,
}

impl Presence {
    /// The counts, if they are to be told now.
    pub(in crate::bridge) fn news(
        &mut self,
        counts: (u32, u32),
        now: Instant,
    ) -> Option<(u32, u32)> {
        self.wake = None;
        if counts == self.told {
            return None;
        }
        if let Some(free) = self.last.map(|last| last + PRESENCE_INTERVAL)
            && now < free
        {
            self.wake = Some(free);
            return None;
        }
        self.told = counts;
        self.last = Some(now);
        Some(counts)
    }

    /// When to look again.
    pub(in crate::bridge) const fn wake_at(&self) -> Option<Instant> {
        self.wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_told_by_its_first_and_last() {
        let now = Instant::now();
        let mut presence = Presence::default();
        assert_eq!(presence.news((0, 0), now), None);
        assert_eq!(presence.news((1, 0), now), Some((1, 0)));
        assert_eq!(presence.news((2, 0), now), None);
        assert_eq!(presence.news((2, 9), now), None);
        let at = presence.wake_at().expect("there is more to tell");
        assert_eq!(presence.news((2, 9), at), Some((2, 9)));
        assert_eq!(presence.wake_at(), None);
    }

    #[test]
    fn come_and_gone_in_between_is_not_told() {
        let now = Instant::now();
        let mut presence = Presence::default();
        presence.news((1, 0), now);
        assert_eq!(presence.news((2, 0), now), None);
        assert_eq!(presence.news((1, 0), now), None);
        assert_eq!(presence.wake_at(), None);
    }
}
