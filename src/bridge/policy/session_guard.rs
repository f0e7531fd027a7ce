//! PURE: no picture of another session is published.
//!
//! Owns what is known about which session the bytes of one attach belong to. In: bytes fed, answers
//! of tmux to "which session does our client show?", its events. Out: whether a picture may go at
//! once ([`Guard::free`]), and what an answer means. It must not know pictures, tasks or clocks.
//!
//! Why this is sound. tmux can switch our client to another session at any moment (`switch-client`,
//! `prefix s`, `detach-on-destroy off`), and nothing orders its answers and notifications with the
//! bytes of the pty. But:
//!
//! 1. The first a switched client gets is a redraw of everything, wrapped in a synchronised update,
//!    preceded at most by a title; until it is complete the picture is not consistent and not taken.
//!    It writes every row, and no row in fewer than [`ROW_BYTES`] bytes (an empty one is `ESC [ K`,
//!    and the step to it). So while fewer bytes than that were fed since the last point known to
//!    be ours, no foreign picture can be complete: a keystroke's echo goes at once.
//! 2. Anything else (more bytes, another title, a clipboard, a terminal that never synchronises)
//!    waits for the answer to a question *asked after its bytes were read*. If tmux says "yours", the
//!    client shows our session at a moment after all these bytes were written.
//! 3. It may have been away and come back before that moment, and what was drawn meanwhile is still
//!    in the terminal. So the same question asks whether the client was ever switched
//!    (`client_last_session`), and one that was is given up: a fresh attach starts from a cleared
//!    screen. tmux forgets that only when the other session ends, so the answer also carries an
//!    [`Epoch`], which changes when a client comes to our session or a session ends.
//! 4. After a change of epoch, and while notifications may be missing, "yours" is only a reason to
//!    look again: the picture after it, at least a frame's time later, is asked for anew, when a
//!    redraw that brought our session back has long been written.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::tmux::{Creation, Epoch, SessionId, Whereabouts};
use std::sync::Arc;

/// The fewest bytes tmux spends on a row when it redraws all. Measured: 5 for empty rows.
const ROW_BYTES: u64 = 3;

/// What an answer of tmux means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Everything fed before the question is of our session.
    Ours,
    /// Ours now, but events may be missing: take a new picture and ask again.
    LookAgain,
    /// Our client shows another session, or did since it attached (which, if it is known).
    Elsewhere(Option<SessionId>),
    /// tmux does not know our client (any more).
    Vanished,
}

/// Which session the bytes of one attach belong to.
#[derive(Debug)]
pub struct Guard {
    ours: SessionId,
    /// Another server numbers its sessions from 0 again.
    created: Creation,
    fed: u64,
    /// Bytes known to be of our session.
    confirmed: u64,
    /// Bytes fed when the question under way was asked.
    asked: Option<u64>,
    /// The title at the last confirmed point.
    title: Option<Arc<str>>,
    /// Notifications may be missing since the last answer.
    gap: bool,
    /// The epoch of the last answer.
    epoch: Option<Epoch>,
    strayed: Option<SessionId>,
}

impl Guard {
    /// A new attach: nothing is confirmed.
    #[must_use]
    pub const fn new(ours: SessionId, created: Creation) -> Self {
        Self {
            ours,
            created,
            fed: 0,
            confirmed: 0,
            asked: None,
            title: None,
            gap: false,
            epoch: None,
            strayed: None,
        }
    }

    /// The terminal took in so many bytes.
    pub const fn fed(&mut self, bytes: usize) {
        self.fed += bytes as u64;
    }

    /// Bytes fed so far: names the moment a picture is taken.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.fed
    }

    /// Whether the picture as it is now may be published without asking. `whole`: tmux synchronises
    /// and no update is open.
    #[must_use]
    pub fn free(&self, rows: u16, whole: bool, title: &Arc<str>) -> bool {
        self.strayed.is_none()
            && whole
            && self.title.as_ref() == Some(title)
            && self.unconfirmed() < Self::redraw(rows)
    }

    /// Whether to ask in passing, before an echo would have to wait for it.
    #[must_use]
    pub const fn stale(&self, rows: u16) -> bool {
        self.asked.is_none() && self.unconfirmed() * 2 >= Self::redraw(rows)
    }

    /// A picture taken at `position` is known to be ours.
    #[must_use]
    pub const fn covers(&self, position: u64) -> bool {
        position <= self.confirmed && self.strayed.is_none()
    }

    /// A question is on its way.
    pub const fn ask(&mut self) {
        self.asked = Some(self.fed);
    }

    /// Whether a question is under way.
    #[must_use]
    pub const fn asking(&self) -> bool {
        self.asked.is_some()
    }

    /// tmux answered the question. Notifications that are here already must have been given to
    /// [`Guard::missed`].
    pub fn answered(&mut self, client: Option<Whereabouts>) -> Answer {
        let asked = self.asked.take();
        if self.strayed.is_some() {
            return Answer::Elsewhere(self.strayed);
        }
        match client {
            None => Answer::Vanished,
            Some(now) if now.session != self.ours => {
                self.strayed = Some(now.session);
                Answer::Elsewhere(self.strayed)
            }
            Some(now) if now.switched || !now.created.is(self.created) => Answer::Elsewhere(None),
            Some(now) if self.gap || self.epoch.is_some_and(|epoch| epoch != now.epoch) => {
                self.gap = false;
                self.epoch = Some(now.epoch);
                Answer::LookAgain
            }
            Some(now) => {
                self.epoch = Some(now.epoch);
                self.confirmed = self.confirmed.max(asked.unwrap_or(0));
                Answer::Ours
            }
        }
    }

    /// A picture with this title was published.
    pub fn published(&mut self, title: &Arc<str>) {
        if self.title.as_ref() != Some(title) {
            self.title = Some(title.clone());
        }
    }

    /// Events may have been missed.
    pub const fn missed(&mut self) {
        self.gap = true;
    }

    const fn unconfirmed(&self) -> u64 {
        self.fed - self.confirmed
    }

    const fn redraw(rows: u16) -> u64 {
        rows as u64 * ROW_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::Size;
    use crate::tmux::ServerId;

    const OURS: SessionId = SessionId(1);
    const MADE: Creation = Creation {
        at: 1_700_000_000,
        server: Some(SERVER),
    };
    const SERVER: ServerId = ServerId {
        pid: 41,
        started: 1_700_000_000,
    };
    const OTHER: SessionId = SessionId(2);
    const EPOCH: Epoch = Epoch {
        attached: 7,
        ended: Some(2),
    };

    const fn at(session: SessionId) -> Option<Whereabouts> {
        Some(Whereabouts {
            session,
            created: MADE,
            switched: false,
            window: Size { cols: 80, rows: 24 },
            discarded: 0,
            followed: false,
            epoch: EPOCH,
        })
    }

    fn title() -> Arc<str> {
        Arc::from("t")
    }

    /// A guard that knows its first picture is ours.
    fn settled() -> Guard {
        let mut guard = Guard::new(OURS, MADE);
        guard.fed(2000);
        assert!(!guard.free(24, true, &title()), "nothing is known yet");
        guard.ask();
        assert_eq!(guard.answered(at(OURS)), Answer::Ours);
        assert!(guard.covers(2000));
        guard.published(&title());
        guard
    }

    #[test]
    fn an_echo_goes_at_once_and_a_redraw_waits() {
        let mut guard = settled();
        guard.fed(1);
        assert!(guard.free(24, true, &title()));
        assert!(
            !guard.free(24, false, &title()),
            "in the middle of an update"
        );
        assert!(
            !guard.free(24, true, &Arc::from("other")),
            "a title comes before the redraw"
        );
        guard.fed(24 * 3);
        assert!(!guard.free(24, true, &title()));
        assert!(!guard.covers(guard.position()));
    }

    #[test]
    fn echoes_add_up_and_are_confirmed_in_passing() {
        let mut guard = settled();
        guard.fed(36);
        assert!(guard.stale(24) && guard.free(24, true, &title()));
        guard.ask();
        assert!(!guard.stale(24));
        guard.fed(30);
        assert_eq!(guard.answered(at(OURS)), Answer::Ours);
        assert!(guard.free(24, true, &title()));
        assert!(
            !guard.covers(guard.position()),
            "30 bytes came after the question"
        );
    }

    #[test]
    fn an_answer_covers_only_what_was_fed_before_its_question() {
        let mut guard = settled();
        guard.ask();
        guard.fed(500);
        let taken = guard.position();
        assert_eq!(guard.answered(at(OURS)), Answer::Ours);
        assert!(!guard.covers(taken));
        guard.ask();
        assert_eq!(guard.answered(at(OURS)), Answer::Ours);
        assert!(guard.covers(taken));
    }

    #[test]
    fn there_and_back_is_seen_though_the_other_session_ended() {
        let later = |epoch| at(OURS).map(|now| Whereabouts { epoch, ..now });
        for epoch in [
            Epoch {
                attached: 8,
                ..EPOCH
            },
            Epoch {
                ended: Some(3),
                ..EPOCH
            },
        ] {
            let mut guard = settled();
            guard.fed(500);
            guard.ask();
            assert_eq!(guard.answered(later(epoch)), Answer::LookAgain);
            assert!(!guard.covers(guard.position()));
            guard.ask();
            assert_eq!(guard.answered(later(epoch)), Answer::Ours);
            assert!(guard.covers(guard.position()));
        }
    }

    #[test]
    fn there_and_back_is_seen_by_the_last_session() {
        let mut guard = settled();
        guard.fed(500);
        guard.ask();
        let back = Whereabouts {
            session: OURS,
            created: MADE,
            switched: true,
            window: Size { cols: 80, rows: 24 },
            discarded: 0,
            followed: false,
            epoch: EPOCH,
        };
        assert_eq!(guard.answered(Some(back)), Answer::Elsewhere(None));
        assert!(!guard.covers(guard.position()));
    }

    #[test]
    fn elsewhere_and_vanished() {
        let mut guard = settled();
        guard.ask();
        assert_eq!(guard.answered(at(OTHER)), Answer::Elsewhere(Some(OTHER)));
        assert!(!guard.free(24, true, &title()));
        let mut guard = settled();
        guard.ask();
        assert_eq!(guard.answered(None), Answer::Vanished);
        let mut guard = settled();
        guard.ask();
        let namesake = at(OURS).map(|now| Whereabouts {
            created: Creation {
                server: Some(ServerId { pid: 42, ..SERVER }),
                ..MADE
            },
            ..now
        });
        assert_eq!(guard.answered(namesake), Answer::Elsewhere(None));
    }

    #[test]
    fn after_a_gap_one_answer_is_not_enough() {
        let mut guard = settled();
        guard.fed(500);
        guard.missed();
        guard.ask();
        assert_eq!(guard.answered(at(OURS)), Answer::LookAgain);
        assert!(!guard.covers(guard.position()));
        guard.ask();
        assert_eq!(guard.answered(at(OURS)), Answer::Ours);
        assert!(guard.covers(guard.position()));
    }
}
