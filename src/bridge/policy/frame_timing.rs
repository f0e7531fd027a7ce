//! PURE: when the terminal's picture is one tmux meant, and may be published.
//!
//! Owns the rhythm of one attach's bytes. In: what was read when, whether tmux is inside a
//! synchronised update, whether the pty is drained. Out: [`Publish::due`]. It must not know the
//! bytes, the picture, tasks or clocks.
//!
//! The rule: nothing before the first synchronisation end of an attach. Inside a synchronised
//! update wait for its end, for a bounded time. Outside one, a drained pty is a moment tmux meant:
//! at once after a single short read (an echo) or a synchronisation end, else after a short
//! silence. While bytes keep coming, the latest synchronisation end of each interval. Never closer
//! than an interval to the frame before, and the first at once.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::{BURST_LINGER, ECHO_BYTES, FRAME_INTERVAL, OPENING, SYNC_TIMEOUT};
use std::time::Instant;

/// When to publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing to publish, or bytes must come first.
    Never,
    /// Now.
    Now,
    /// Then, unless bytes come first.
    At(Instant),
}

/// Bytes not published yet.
#[derive(Debug, Clone, Copy)]
struct Burst {
    first: Instant,
    last: Instant,
    reads: u32,
    bytes: usize,
}

/// Where the bytes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing complete was drawn yet.
    Opening,
    /// Exactly at a synchronisation end.
    SyncEnd,
    /// Inside a synchronised update, first seen then.
    InSync(Instant),
    /// Anywhere else.
    Outside,
}

/// The rhythm of one attach's bytes.
#[derive(Debug)]
pub struct Publish {
    place: Place,
    burst: Option<Burst>,
    drained: bool,
    published: Option<Instant>,
}

impl Publish {
    /// A new attach; `published` is when the last frame of the one before it went out.
    #[must_use]
    pub const fn new(published: Option<Instant>) -> Self {
        Self {
            place: Place::Opening,
            burst: None,
            drained: true,
            published,
        }
    }

    /// One read gave this many bytes; what they mean follows with [`Publish::fed`].
    pub fn read(&mut self, bytes: usize, now: Instant) {
        self.drained = false;
        let burst = self.burst.get_or_insert(Burst {
            first: now,
            last: now,
            reads: 0,
            bytes: 0,
        });
        burst.last = now;
        burst.reads += 1;
        burst.bytes += bytes;
    }

    /// The terminal took bytes in: whether they ended exactly at a synchronisation end, and whether
    /// tmux is inside a synchronised update now.
    pub fn fed(&mut self, sync_end: bool, synchronizing: bool, now: Instant) {
        self.place = match self.place {
            _ if sync_end => Place::SyncEnd,
            // Bytes after a synchronisation end are of the next moment.
            Place::InSync(since) if synchronizing => Place::InSync(since),
            Place::Opening => Place::Opening,
            _ if synchronizing => Place::InSync(now),
            _ => Place::Outside,
        };
        let burst = Burst {
            first: now,
            last: now,
            reads: 0,
            bytes: 0,
        };
        self.burst.get_or_insert(burst);
    }

    /// The pty had no more bytes.
    pub const fn drained(&mut self) {
        self.drained = true;
    }

    /// Whether the pty was drained and no synchronised update is open: all tmux wrote is here.
    #[must_use]
    pub const fn quiet(&self) -> bool {
        self.drained && matches!(self.place, Place::SyncEnd | Place::Outside)
    }

    /// The picture changed without bytes (a new size).
    pub fn touch(&mut self, now: Instant) {
        self.burst.get_or_insert(Burst {
            first: now,
            last: now,
            reads: 1,
            bytes: 0,
        });
    }

    /// The picture was taken now; what comes next is another one.
    pub const fn taken(&mut self, now: Instant) {
        self.published = Some(now);
        self.burst = None;
    }

    /// Somebody looks again: what was not published meanwhile is as good as just read, so that it
    /// is not shown in the middle of a redraw.
    pub const fn looked_for(&mut self, now: Instant) {
        if let Some(burst) = &mut self.burst {
            burst.first = now;
        }
    }

    /// There was nothing new to see: the next frame need not keep a distance.
    pub const fn nothing_new(&mut self) {
        self.burst = None;
    }

    /// When to publish, as things stand.
    #[must_use]
    pub fn due(&self, now: Instant) -> Due {
        let Some(burst) = self.burst else {
            return Due::Never;
        };
        let wanted = match self.place {
            Place::Opening => burst.last + OPENING,
            Place::InSync(since) => since.max(burst.first) + SYNC_TIMEOUT,
            Place::SyncEnd if self.drained => burst.first,
            Place::SyncEnd => burst.first + FRAME_INTERVAL,
            Place::Outside if !self.drained => burst.first + SYNC_TIMEOUT,
            Place::Outside if burst.reads <= 1 && burst.bytes <= ECHO_BYTES => burst.first,
            Place::Outside => (burst.last + BURST_LINGER).min(burst.first + FRAME_INTERVAL),
        };
        let at = match self.published {
            Some(last) => wanted.max(last + FRAME_INTERVAL),
            None => wanted,
        };
        if at <= now { Due::Now } else { Due::At(at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// A live attach whose first picture was published at `start`.
    fn live(start: Instant) -> Publish {
        let mut publish = Publish::new(None);
        publish.read(3000, start);
        publish.fed(true, false, start);
        publish.drained();
        assert_eq!(publish.due(start), Due::Now);
        publish.taken(start);
        publish
    }

    fn burst(publish: &mut Publish, bytes: usize, now: Instant) {
        publish.read(bytes, now);
        publish.fed(false, false, now);
        publish.drained();
    }

    #[test]
    fn nothing_before_the_first_synchronisation_end() {
        let start = Instant::now();
        let mut publish = Publish::new(None);
        publish.read(150, start);
        publish.fed(false, false, start);
        publish.drained();
        assert_eq!(publish.due(start), Due::At(start + OPENING));
        assert!(!publish.quiet());
        publish.read(60, start + ms(1));
        publish.fed(true, false, start + ms(1));
        publish.drained();
        assert_eq!(publish.due(start + ms(1)), Due::Now);
    }

    #[test]
    fn an_attach_without_synchronisation_shows_in_the_end() {
        let start = Instant::now();
        let mut publish = Publish::new(None);
        burst(&mut publish, 500, start);
        assert_eq!(publish.due(start + OPENING), Due::Now);
    }

    #[test]
    fn an_echo_goes_at_once() {
        let start = Instant::now();
        let mut publish = live(start);
        let key = start + ms(500);
        burst(&mut publish, 1, key);
        assert_eq!(publish.due(key), Due::Now);
        publish.taken(key);
        burst(&mut publish, 1, key + ms(3));
        assert_eq!(publish.due(key + ms(3)), Due::At(key + FRAME_INTERVAL));
    }

    #[test]
    fn an_unwrapped_redraw_waits_for_silence() {
        let start = Instant::now();
        let mut publish = live(start);
        let page = start + ms(500);
        burst(&mut publish, 2000, page);
        assert_eq!(publish.due(page), Due::At(page + BURST_LINGER));
        burst(&mut publish, 10, page + ms(1));
        assert_eq!(
            publish.due(page + ms(1)),
            Due::At(page + ms(1) + BURST_LINGER)
        );
    }

    #[test]
    fn a_trickle_that_never_rests_is_shown_each_interval() {
        let start = Instant::now();
        let mut publish = live(start);
        let first = start + ms(100);
        for n in 0..=16 {
            burst(&mut publish, 1, first + ms(n));
        }
        assert_eq!(publish.due(first + ms(16)), Due::Now);
    }

    #[test]
    fn inside_a_synchronised_update_the_end_is_awaited_for_a_bounded_time() {
        let start = Instant::now();
        let mut publish = live(start);
        let begin = start + ms(100);
        publish.read(4095, begin);
        publish.fed(false, true, begin);
        publish.drained();
        assert_eq!(publish.due(begin), Due::At(begin + SYNC_TIMEOUT));
        let end = begin + ms(3);
        publish.read(400, end);
        publish.fed(true, false, end);
        publish.drained();
        assert_eq!(publish.due(end), Due::Now);
    }

    #[test]
    fn a_skipped_end_costs_the_timeout_once_a_frame() {
        let start = Instant::now();
        let mut publish = live(start);
        let begin = start + ms(100);
        publish.read(10, begin);
        publish.fed(false, true, begin);
        publish.drained();
        publish.taken(begin + SYNC_TIMEOUT);
        let later = begin + ms(300);
        publish.read(10, later);
        publish.fed(false, true, later);
        publish.drained();
        assert_eq!(publish.due(later), Due::At(later + SYNC_TIMEOUT));
    }

    #[test]
    fn continuous_output_gives_the_latest_end_of_each_interval() {
        let start = Instant::now();
        let mut publish = live(start);
        let first = start + ms(100);
        publish.read(4095, first);
        publish.fed(true, false, first);
        assert_eq!(publish.due(first), Due::At(first + FRAME_INTERVAL));
        publish.fed(false, true, first + ms(16));
        assert!(matches!(publish.due(first + ms(16)), Due::At(_)));
        publish.fed(true, false, first + ms(17));
        assert_eq!(publish.due(first + ms(17)), Due::Now);
    }

    #[test]
    fn a_new_size_is_shown_without_bytes() {
        let start = Instant::now();
        let mut publish = live(start);
        assert_eq!(publish.due(start + ms(50)), Due::Never);
        publish.touch(start + ms(50));
        assert_eq!(publish.due(start + ms(50)), Due::Now);
    }

    proptest! {
        /// Two frames are never closer than the interval, none is published inside an update
        /// younger than the timeout, and whatever was read is published once all is quiet.
        #[test]
        fn the_rule_holds(steps in prop::collection::vec((0u64..30, 0u8..6, 1usize..5000), 1..200)) {
            let mut now = Instant::now();
            let mut publish = live(now);
            let mut last = now;
            let mut sync: Option<Instant> = None;
            for (wait, kind, bytes) in steps {
                now += ms(wait);
                match kind {
                    0 | 1 => {
                        publish.read(bytes, now);
                        publish.fed(false, sync.is_some(), now);
                    }
                    2 => {
                        publish.read(bytes, now);
                        sync.get_or_insert(now);
                        publish.fed(false, true, now);
                    }
                    3 => {
                        publish.read(bytes, now);
                        sync = None;
                        publish.fed(true, false, now);
                    }
                    _ => publish.drained(),
                }
                if publish.due(now) == Due::Now {
                    prop_assert!(now >= last + FRAME_INTERVAL);
                    prop_assert!(sync.is_none_or(|since| now >= since + SYNC_TIMEOUT));
                    publish.taken(now);
                    last = now;
                    prop_assert_eq!(publish.due(now), Due::Never);
                }
            }
            publish.drained();
            match publish.due(now) {
                Due::At(at) => prop_assert!(at <= now + SYNC_TIMEOUT + FRAME_INTERVAL),
                Due::Never | Due::Now => {}
            }
        }
    }
}
