//! PURE: which pictures viewers may see who may not see other sessions: confined viewers.
//!
//! Owns what is known of what tmux itself shows on our client: the tree of all sessions, a prompt, a
//! popup. In: answers of tmux, its events, how far the terminal was drawn anew. Out: the pictures that are
//! known to show the session alone. It must not know pictures, tasks or clocks.
//!
//! 1. A picture is given out only after tmux has answered a question *asked after its bytes were read*
//!    that nothing covers the session.
//! 2. Something may have been opened and closed again between two answers. Opening and closing a mode is
//!    notified, and what is notified before an answer makes it count for nothing.
//! 3. Once something was open, what it drew may still be in the terminal when it is closed. So tmux is
//!    asked to draw everything anew, a frame's time after it said that nothing is open, and only what was
//!    drawn after that is asked for.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::{FRAME_INTERVAL, OVERLAY_POLL};
use std::time::Instant;

/// What is known of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was open since the last answer, as far as it is known.
    Clear,
    /// Something is open, as tmux said then.
    Open(Instant),
    /// It was closed; tmux is to draw everything anew from then on.
    Closed(Instant),
    /// tmux was asked for that after so many synchronised updates, and will be again then.
    Redrawing { updates: u64, again: Instant },
    /// Everything was drawn anew when so many bytes were fed.
    Redrawn(u64),
}

/// What the confined viewers of one attach may see. `T` is a picture.
#[derive(Debug)]
pub(in crate::bridge) struct Confined<T> {
    watched: bool,
    stage: Stage,
    /// tmux has told that something was opened or closed since the last answer.
    told: bool,
    /// The latest picture that was not given out, and how many bytes had been fed when the terminal
    /// last showed it.
    latest: Option<(T, u64)>,
    /// What a question under way may release; `None` when there is no question.
    asked: Option<Option<T>>,
}

impl<T: Clone> Confined<T> {
    pub(in crate::bridge) const fn new() -> Self {
        Self {
            watched: false,
            stage: Stage::Clear,
            told: false,
            latest: None,
            asked: None,
        }
    }

    /// Whether confined viewers are here. Nothing is asked while there are none. `fresh`: nothing was
    /// shown before, so nothing can be left of what was open.
    pub(in crate::bridge) fn watch(&mut self, watched: bool, fresh: bool, now: Instant) {
        if watched && !self.watched {
            self.stage = if fresh {
                Stage::Clear
            } else {
                Stage::Closed(now)
            };
        }
        self.watched = watched;
    }

    /// Whether something is known to be open.
    pub(in crate::bridge) const fn covered(&self) -> bool {
        self.watched && matches!(self.stage, Stage::Open(_))
    }

    /// The terminal shows this picture, after so many bytes.
    pub(in crate::bridge) fn shows(&mut self, picture: T, fed: u64) {
        self.latest = Some((picture, fed));
    }

    /// The terminal still shows the latest picture after so many bytes.
    pub(in crate::bridge) fn still_shows(&mut self, fed: u64) {
        if let Some((_, at)) = &mut self.latest {
            *at = fed;
        }
    }

    /// tmux told that a mode was opened or closed, or another window is shown, or it may have told so.
    pub(in crate::bridge) const fn changed(&mut self) {
        self.told = true;
    }

    /// The terminal was drawn anew from top to bottom by the last of so many synchronised updates, and so
    /// many bytes were fed by then.
    pub(in crate::bridge) fn redrawn(&mut self, after: u64, fed: u64) {
        if let Stage::Redrawing { updates, .. } = self.stage
            && after > updates
        {
            self.stage = Stage::Redrawn(fed);
        }
    }

    /// Whether tmux is to be asked now.
    pub(in crate::bridge) fn question(&self, now: Instant) -> bool {
        if !self.watched || self.asked.is_some() {
            return false;
        }
        match self.stage {
            Stage::Open(since) => now >= since + OVERLAY_POLL || self.told,
            Stage::Clear | Stage::Redrawn(_) => self.candidate().is_some(),
            Stage::Closed(_) | Stage::Redrawing { .. } => false,
        }
    }

    /// What may be given out if tmux says that nothing is open.
    fn candidate(&self) -> Option<&T> {
        let (picture, fed) = self.latest.as_ref()?;
        let whole = match self.stage {
            Stage::Clear => true,
            Stage::Redrawn(since) => *fed >= since,
            _ => false,
        };
        whole.then_some(picture)
    }

    /// tmux is being asked.
    pub(in crate::bridge) fn ask(&mut self) {
        self.asked = Some(self.candidate().cloned());
    }

    /// tmux answered whether something is open; every event before the answer was given to
    /// [`Confined::changed`]. Gives the picture that confined viewers may see now.
    pub(in crate::bridge) fn answered(&mut self, open: bool, now: Instant) -> Option<T> {
        let asked = self.asked.take()?;
        let told = std::mem::take(&mut self.told);
        if open {
            self.stage = Stage::Open(now);
            return None;
        }
        if told || !matches!(self.stage, Stage::Clear | Stage::Redrawn(_)) {
            self.stage = Stage::Closed(now + FRAME_INTERVAL);
            return None;
        }
        self.stage = Stage::Clear;
        asked
    }

    /// This picture was given out.
    pub(in crate::bridge) fn gave(&mut self, is_given: impl FnOnce(&T) -> bool) {
        self.latest.take_if(|(picture, _)| is_given(picture));
    }

    /// When tmux is to be asked to draw everything anew.
    pub(in crate::bridge) fn redraw_at(&self) -> Option<Instant> {
        match self.stage {
            _ if !self.watched => None,
            Stage::Closed(at) | Stage::Redrawing { again: at, .. } => Some(at),
            _ => None,
        }
    }

    /// tmux is asked for that, after so many synchronised updates.
    pub(in crate::bridge) fn redraws(&mut self, updates: u64, now: Instant) {
        let again = now + OVERLAY_POLL;
        self.stage = Stage::Redrawing { updates, again };
    }

    /// When to look again though nothing happens.
    pub(in crate::bridge) fn wake_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Open(since) if self.watched && self.asked.is_none() => {
                Some(since + OVERLAY_POLL)
            }
            _ => self.redraw_at(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(now: Instant) -> Confined<&'static str> {
        let mut confined = Confined::new();
        confined.watch(true, true, now);
        confined
    }

    /// Asks and answers.
    fn ask(
        confined: &mut Confined<&'static str>,
        open: bool,
        now: Instant,
    ) -> Option<&'static str> {
        assert!(confined.question(now));
        confined.ask();
        let given = confined.answered(open, now);
        if let Some(given) = given {
            confined.gave(|picture| *picture == given);
        }
        given
    }

    #[test]
    fn a_picture_waits_for_the_answer() {
        let now = Instant::now();
        let mut confined = watched(now);
        assert!(!confined.question(now));
        confined.shows("a", 10);
        confined.ask();
        // Taken after the question, so it is not what was asked for.
        confined.shows("b", 20);
        assert_eq!(confined.answered(false, now), Some("a"));
        confined.gave(|picture| *picture == "a");
        assert_eq!(ask(&mut confined, false, now), Some("b"));
        assert!(!confined.question(now), "nothing is left to ask for");
    }

    #[test]
    fn nothing_is_asked_for_nobody() {
        let now = Instant::now();
        let mut confined = Confined::new();
        confined.shows("a", 10);
        assert!(!confined.question(now) && confined.wake_at().is_none());
        // Who comes late sees what was drawn since.
        confined.watch(true, false, now);
        assert!(!confined.question(now));
        assert_eq!(confined.redraw_at(), Some(now));
    }

    #[test]
    fn what_was_open_is_drawn_over_before_anything_is_seen() {
        let now = Instant::now();
        let mut confined = watched(now);
        confined.shows("tree", 10);
        assert_eq!(ask(&mut confined, true, now), None);
        assert!(confined.covered());
        let later = now + OVERLAY_POLL;
        assert_eq!(confined.wake_at(), Some(later));
        assert_eq!(ask(&mut confined, false, later), None);
        let redraw = later + FRAME_INTERVAL;
        assert_eq!(confined.redraw_at(), Some(redraw));
        confined.redraws(3, redraw);
        confined.redrawn(3, 40);
        assert!(!confined.question(redraw), "that update was before");
        confined.redrawn(4, 50);
        assert!(!confined.question(redraw), "the picture is an old one");
        confined.shows("shell", 50);
        assert_eq!(ask(&mut confined, false, redraw), Some("shell"));
        assert!(!confined.covered());
    }

    #[test]
    fn what_opened_and_closed_between_two_answers_was_told() {
        let now = Instant::now();
        let mut confined = watched(now);
        confined.shows("tree", 10);
        confined.ask();
        confined.changed();
        assert_eq!(confined.answered(false, now), None);
        assert_eq!(confined.redraw_at(), Some(now + FRAME_INTERVAL));
        // Also while it waits for the redraw, and after it.
        confined.redraws(1, now);
        confined.redrawn(2, 20);
        confined.still_shows(20);
        confined.changed();
        assert_eq!(ask(&mut confined, false, now), None);
        assert_eq!(confined.redraw_at(), Some(now + FRAME_INTERVAL));
    }
}
