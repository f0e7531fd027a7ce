//! How much, and how often: the bytes in flight to one viewer, and things that may happen only so
//! often. Pure: time comes in as an argument.

use crate::config::limits::UNACKED_BYTES;
use std::time::{Duration, Instant};

/// Bytes sent to one viewer and the bytes its terminal says it has parsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    sent: u64,
    /// None until the first ack: such a viewer is paced by its socket alone.
    acked: Option<u64>,
}

impl Window {
    /// A window that goes on where another left off (a handoff between processes).
    #[must_use]
    pub fn carried(sent: u64, acked: Option<u64>) -> Self {
        Self {
            sent,
            acked: acked.map(|total| total.min(sent)),
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
    pub fn ack(&mut self, total: u64) {
        let total = total.min(self.sent);
        self.acked = Some(self.acked.map_or(total, |before| before.max(total)));
    }

    /// Whether a frame of `bytes` may go now. One frame may always go when nothing is in flight: a
    /// repaint can be larger than the window.
    #[must_use]
    pub fn admits(&self, bytes: u64) -> bool {
        self.in_flight()
            .is_none_or(|flying| flying == 0 || flying.saturating_add(bytes) <= UNACKED_BYTES)
    }

    /// Counts a frame as sent.
    pub fn send(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    fn in_flight(&self) -> Option<u64> {
        self.acked.map(|acked| self.sent - acked)
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
mod tests {
    use super::*;

    #[test]
    fn a_viewer_that_never_acks_is_not_held_back() {
        let mut window = Window::default();
        window.send(10 * UNACKED_BYTES);
        assert!(window.admits(u64::MAX));
    }

    #[test]
    fn one_large_frame_may_go_when_nothing_is_in_flight() {
        let mut window = Window::default();
        window.send(10);
        window.ack(10);
        assert!(window.admits(2 * UNACKED_BYTES));
        window.send(2 * UNACKED_BYTES);
        assert!(!window.admits(1));
        window.ack(10 + UNACKED_BYTES);
        assert!(!window.admits(1), "still a whole window in flight");
        window.ack(10 + 2 * UNACKED_BYTES);
        assert!(window.admits(1));
    }

    #[test]
    fn a_lying_ack_neither_goes_back_nor_ahead() {
        let mut window = Window::default();
        window.send(100);
        window.ack(u64::MAX);
        assert_eq!(window.acked(), Some(100));
        window.ack(3);
        assert_eq!(window.acked(), Some(100));
    }

    #[test]
    fn a_handed_over_window_goes_on() {
        let window = Window::carried(500, Some(400));
        assert_eq!((window.sent(), window.acked()), (500, Some(400)));
        assert!(!window.admits(UNACKED_BYTES));
    }

    #[test]
    fn too_early_is_remembered() {
        let now = Instant::now();
        let mut seldom = Seldom::every(Duration::from_millis(100));
        assert!(!seldom.due(now));
        seldom.want();
        assert!(seldom.due(now));
        seldom.done(now);
        seldom.want();
        let early = now + Duration::from_millis(99);
        assert!(!seldom.due(early));
        let at = seldom.wake_at().expect("it is wanted");
        assert!(seldom.due(at));
    }
}
