//! How much, and how often: the bytes in flight to one viewer, and things that may happen only so
//! often. Pure: time comes in as an argument.

use crate::config::limits::{ACK_LAPSE, ACK_PATIENCE, HASTY_BYTES, UNACKED_BYTES};
use std::time::{Duration, Instant};

/// Bytes sent to one viewer and the bytes its terminal says it has parsed. Who acks in a millisecond
/// and then does not is sent no more at once; who acks late is allowed what that needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    sent: u64,
    /// None until the first ack: such a viewer is paced by its socket alone.
    acked: Option<u64>,
    habit: Habit,
    /// A frame whose ack is waited for: where it ends, and when it was sent.
    timed: Option<(u64, Instant)>,
}

impl Window {
    /// A window that goes on where another left off (a handoff between processes). How the viewer acks
    /// is learned anew.
    #[must_use]
    pub fn carried(sent: u64, acked: Option<u64>) -> Self {
        Self {
            sent,
            acked: acked.map(|total| total.min(sent)),
            ..Self::default()
        }
    }

    /// Binary bytes sent since open.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Binary bytes parsed since open, once the viewer has said so.
    #[must_use]
    pub const fn acked(&self) -> Option<u64> {
        self.acked
    }

    /// The viewer has parsed `total` bytes. More than was sent counts as all of it; going back is
    /// ignored.
    pub fn ack(&mut self, total: u64, now: Instant) {
        let total = total.min(self.sent);
        // Nothing is learned from the first one: a page sends it at once, and those after it late.
        let before = self.acked.replace(total).unwrap_or(total);
        if total <= before {
            self.acked = Some(before);
            return;
        }
        self.habit.told(total - before);
        if let Some((_, at)) = self.timed.filter(|(end, _)| *end <= total) {
            self.habit.took(now.saturating_duration_since(at));
            self.timed = None;
        }
    }

    /// Whatever is under way may be acked late: browsers slow down what is hidden.
    pub const fn excuse(&mut self) {
        self.timed = None;
    }

    /// Whether a frame of `bytes` may go now. One frame may always go when nothing is in flight: a
    /// repaint can be larger than the window.
    #[must_use]
    pub fn admits(&self, bytes: u64, now: Instant) -> bool {
        let Some(flying) = self.in_flight().filter(|flying| *flying > 0) else {
            return true;
        };
        let then = flying.saturating_add(bytes);
        then <= UNACKED_BYTES
            && (then <= HASTY_BYTES || flying < self.habit.step() || !self.is_late(now))
    }

    /// When a frame that is refused as an ack is late may go though none comes.
    #[must_use]
    pub fn lapses_at(&self) -> Option<Instant> {
        self.timed.map(|(_, at)| at + ACK_LAPSE)
    }

    /// Counts a frame as sent.
    pub fn send(&mut self, bytes: u64, now: Instant) {
        self.sent = self.sent.saturating_add(bytes);
        if self.acked.is_some() && self.waited(now).is_none() {
            self.timed = Some((self.sent, now));
        }
    }

    /// Whether the ack of what is under way takes longer than its acks do.
    fn is_late(&self, now: Instant) -> bool {
        let usual = self.habit.patience();
        usual
            .zip(self.waited(now))
            .is_some_and(|(usual, waited)| waited > usual)
    }

    /// How long an ack has been waited for, unless it was waited for long enough.
    fn waited(&self, now: Instant) -> Option<Duration> {
        self.timed
            .map(|(_, at)| now.saturating_duration_since(at))
            .filter(|waited| *waited < ACK_LAPSE)
    }

    fn in_flight(&self) -> Option<u64> {
        self.acked.map(|acked| self.sent - acked)
    }
}

/// How a viewer acks: what it takes from sending a frame to its ack, the way there and back and what
/// the viewer waits for included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Habit {
    /// The mean, and the mean distance from it; none before there was one.
    took: Option<(Duration, Duration)>,
    /// The least that one ack told of lately, in bytes; none before there was one.
    step: Option<u64>,
}

impl Habit {
    /// An ack told of so many bytes.
    fn told(&mut self, bytes: u64) {
        // Falls at once and grows slowly.
        self.step = Some(
            self.step
                .map_or(bytes, |step| bytes.min(step + step / 8 + 1)),
        );
    }

    /// A frame was acked after so long. The weights are those of TCP's timer (RFC 6298).
    fn took(&mut self, took: Duration) {
        // Who was away for a minute shall not be waited for so long the next time.
        let took = took.min(ACK_PATIENCE);
        self.took = Some(self.took.map_or((took, took / 2), |(mean, spread)| {
            (
                (mean * 7 + took) / 8,
                (spread * 3 + mean.abs_diff(took)) / 4,
            )
        }));
    }

    /// A later ack is late.
    fn patience(&self) -> Option<Duration> {
        self.took
            .map(|(mean, spread)| (mean + (spread * 4).max(mean / 2)).min(ACK_PATIENCE))
    }

    /// With fewer bytes under way than that no ack is owed: a viewer may wait for so many.
    fn step(&self) -> u64 {
        self.step.unwrap_or(u64::MAX)
    }
}

/// Something wanted at any time and done at most once in an interval; what is wanted too early is
/// remembered, not lost.
#[derive(Debug, Clone, Copy)]
pub struct Seldom {
    interval: Duration,
    wanted: bool,
    last: Option<Instant>,
}

impl Seldom {
    /// Nothing wanted, nothing done yet.
    #[must_use]
    pub const fn every(interval: Duration) -> Self {
        Self {
            interval,
            wanted: false,
            last: None,
        }
    }

    /// Asks for it.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// No longer needed: something else had the same effect.
    pub const fn forget(&mut self) {
        self.wanted = false;
    }

    /// Whether it is wanted, now or later.
    #[must_use]
    pub const fn wanted(&self) -> bool {
        self.wanted
    }

    /// Whether it is to be done now.
    #[must_use]
    pub fn due(&self, now: Instant) -> bool {
        self.wanted && self.free_at().is_none_or(|at| now >= at)
    }

    /// It was done.
    pub const fn done(&mut self, now: Instant) {
        self.wanted = false;
        self.last = Some(now);
    }

    /// When to look again: never in the past of the last time it was done.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if self.wanted { self.free_at() } else { None }
    }

    fn free_at(&self) -> Option<Instant> {
        self.last.map(|last| last + self.interval)
    }
}

#[cfg(test)]
mod tests;
