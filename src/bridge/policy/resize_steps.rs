//! A size change as one transaction: the old picture stays until the redraw at the new size is in.
//!
//! Owns which step it is at. In: answers of tmux, the time. Out: what to do. It must not know the
//! pty or the terminal. Pure: carried out by the task.
//!
//! Claiming comes before the pty's size, so that the window goes from its size to the new one in one
//! step; so does ceasing to claim, so that following it changes nothing for anybody.

use crate::bridge::policy::sizing::Plan;
use crate::config::limits::{RESIZE_INTERVAL, RESIZE_TIMEOUT};
use crate::terminal::Size;
use std::time::Instant;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bridge) enum Do {
    /// Nothing.
    Nothing,
    /// Tell tmux whether our client counts, then say [`Resize::claimed`].
    Claim(bool),
    /// Give pty and terminal this size and hold the picture, then ask for the client's size.
    Apply(Size),
    /// Ask tmux for the size the window needs, then tell the sizing.
    AskWindow,
    /// Done: the plan holds, the picture may be seen.
    Finish(Plan),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Rest,
    Claiming(Plan),
    Claimed(Plan),
    /// Waits until tmux believes the size.
    Confirming(Plan, Instant),
    /// tmux believes it; the redraw is being read.
    Settling(Plan, Instant),
}

/// One attach's size changes.
#[derive(Debug)]
pub(in crate::bridge) struct Resize {
    phase: Phase,
    applied: Plan,
    began: Option<Instant>,
    /// The window's size is to be asked for.
    curious: bool,
    /// Changes completed.
    changes: u64,
}

impl Resize {
    /// An attach opened as planned. To be stepped once it has a picture: before, tmux may not have
    /// taken its size into account.
    pub(in crate::bridge) const fn new(applied: Plan) -> Self {
        Self {
            phase: Phase::Rest,
            applied,
            began: None,
            curious: applied.claim,
            changes: 0,
        }
    }

    /// The size and say our client has, or is being given.
    pub(in crate::bridge) const fn applied(&self) -> Plan {
        match self.phase {
            Phase::Rest | Phase::Claiming(_) => self.applied,
            Phase::Claimed(plan) => Plan {
                claim: plan.claim,
                ..self.applied
            },
            Phase::Confirming(plan, _) | Phase::Settling(plan, _) => plan,
        }
    }

    /// Names the size our client has at rest; none while it changes. What tmux says of the window is
    /// worth something only if it was asked and answered under the same.
    pub(in crate::bridge) fn rest(&self) -> Option<u64> {
        (self.phase == Phase::Rest).then_some(self.changes)
    }

    /// Whether our client counts for the window's size, or is about to.
    pub(in crate::bridge) fn claims(&self) -> bool {
        self.applied.claim || self.phase != Phase::Rest
    }

    /// The window's size may have changed.
    pub(in crate::bridge) const fn wonder(&mut self) {
        self.curious = true;
    }

    /// What to do, given what is planned. `quiet`: all tmux wrote is here. `free`: a question can
    /// be asked.
    pub(in crate::bridge) fn step(
        &mut self,
        plan: Option<Plan>,
        quiet: bool,
        free: bool,
        now: Instant,
    ) -> Do {
        match self.phase {
            Phase::Rest => self.begin(plan, free, now),
            Phase::Claiming(_) => Do::Nothing,
            Phase::Claimed(plan) if plan.size == self.applied.size => self.finish(plan),
            Phase::Claimed(plan) => self.apply(plan, now),
            Phase::Settling(plan, _) if quiet => self.finish(plan),
            Phase::Confirming(plan, until) | Phase::Settling(plan, until) if until <= now => {
                self.finish(plan)
            }
            Phase::Confirming(..) | Phase::Settling(..) => Do::Nothing,
        }
    }

    fn begin(&mut self, plan: Option<Plan>, free: bool, now: Instant) -> Do {
        let plan = plan.filter(|plan| *plan != self.applied);
        let rested = self
            .began
            .is_none_or(|began| now >= began + RESIZE_INTERVAL);
        match plan {
            Some(_) if !free || !rested => Do::Nothing,
            Some(plan) if plan.claim != self.applied.claim => {
                self.began = Some(now);
                self.phase = Phase::Claiming(plan);
                Do::Claim(plan.claim)
            }
            Some(plan) => self.apply(plan, now),
            None if self.curious && free => {
                self.curious = false;
                Do::AskWindow
            }
            None => Do::Nothing,
        }
    }

    fn apply(&mut self, plan: Plan, now: Instant) -> Do {
        self.began = Some(now);
        self.phase = Phase::Confirming(plan, now + RESIZE_TIMEOUT);
        Do::Apply(plan.size)
    }

    fn finish(&mut self, plan: Plan) -> Do {
        self.applied = plan;
        self.phase = Phase::Rest;
        self.curious = true;
        self.changes += 1;
        Do::Finish(plan)
    }

    /// tmux took the claim, or the end of it (or failed to: the size is worth having all the same).
    pub(in crate::bridge) const fn claimed(&mut self) {
        if let Phase::Claiming(plan) = self.phase {
            self.phase = Phase::Claimed(plan);
        }
    }

    /// tmux says our client has this size. True if it has to be asked again.
    pub(in crate::bridge) fn confirmed(&mut self, size: Option<Size>) -> bool {
        let Phase::Confirming(plan, until) = self.phase else {
            return false;
        };
        if size == Some(plan.size) {
            self.phase = Phase::Settling(plan, until);
            return false;
        }
        true
    }

    /// When to [`Resize::step`] again though nothing happened (an answer that makes `free` true is
    /// something).
    pub(in crate::bridge) fn wake_at(&self, plan: Option<Plan>, free: bool) -> Option<Instant> {
        match self.phase {
            Phase::Rest if free && plan.is_some_and(|plan| plan != self.applied) => {
                self.began.map(|began| began + RESIZE_INTERVAL)
            }
            Phase::Confirming(_, until) | Phase::Settling(_, until) => Some(until),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const fn plan(cols: u16, claim: bool) -> Plan {
        let size = Size { cols, rows: 24 };
        Plan { size, claim }
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_change_is_claimed_applied_confirmed_settled() {
        let now = Instant::now();
        let mut resize = Resize::new(plan(80, false));
        let to = Some(plan(100, true));
        assert_eq!(
            resize.step(Some(plan(80, false)), true, true, now),
            Do::Nothing
        );
        assert_eq!(
            resize.step(to, true, false, now),
            Do::Nothing,
            "a question is under way"
        );
        assert_eq!(resize.step(to, true, true, now), Do::Claim(true));
        assert_eq!(resize.step(to, true, true, now), Do::Nothing);
        resize.claimed();
        assert_eq!(
            resize.step(to, true, true, now),
            Do::Apply(plan(100, true).size)
        );
        assert!(resize.confirmed(Some(plan(80, true).size)), "not yet");
        assert_eq!(resize.step(to, true, true, now), Do::Nothing);
        assert!(!resize.confirmed(Some(plan(100, true).size)));
        assert_eq!(
            resize.step(to, false, true, now),
            Do::Nothing,
            "its redraw is being read"
        );
        assert_eq!(
            resize.step(to, true, true, now),
            Do::Finish(plan(100, true))
        );
        assert_eq!(resize.step(to, true, true, now), Do::AskWindow);
        assert_eq!(resize.step(to, true, true, now), Do::Nothing);
    }

    #[test]
    fn it_ends_though_tmux_never_confirms() {
        let now = Instant::now();
        let mut resize = Resize::new(plan(80, true));
        let to = Some(plan(100, true));
        assert_eq!(
            resize.step(to, true, true, now),
            Do::Apply(plan(100, true).size)
        );
        assert_eq!(resize.wake_at(to, true), Some(now + RESIZE_TIMEOUT));
        let late = now + RESIZE_TIMEOUT;
        assert_eq!(
            resize.step(to, false, true, late),
            Do::Finish(plan(100, true))
        );
    }

    #[test]
    fn only_the_say_changes_without_a_redraw() {
        let now = Instant::now();
        let mut resize = Resize::new(plan(80, true));
        let to = Some(plan(80, false));
        assert_eq!(resize.step(to, true, true, now), Do::Claim(false));
        resize.claimed();
        assert_eq!(
            resize.step(to, true, true, now),
            Do::Finish(plan(80, false))
        );
    }

    #[test]
    fn a_dragged_window_is_followed_ten_times_a_second_and_ends_at_the_newest() {
        let start = Instant::now();
        let mut resize = Resize::new(plan(80, true));
        let (mut applied, mut last) = (0, None);
        for n in 0..500 {
            let now = start + ms(n);
            let to = plan(80 + (n.min(400) as u16), true);
            match resize.step(Some(to), true, true, now) {
                Do::Apply(size) => {
                    applied += 1;
                    last = Some(size);
                    resize.confirmed(Some(size));
                }
                Do::Claim(_) => panic!("the say does not change"),
                _ => {}
            }
        }
        assert!(applied <= 6, "{applied} resizes in half a second");
        assert_eq!(last, Some(plan(480, true).size));
    }
}
