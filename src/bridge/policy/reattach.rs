//! PURE: attaching → live → lost → gone.
//!
//! Owns what to do when an attach ends. In: how attempts went, tmux's answer to "does the session
//! exist?", the time, jitter. Out: [`Step`], and whether people should be told. It must not know
//! ptys, tasks, clocks or randomness. Only the end of the session (or of its server) is final.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::{
    DETACHES, FAILURES_TOLD, LASTING, RETRY, SHORT_LIVES, SHORT_LIVES_RETRY,
};
use crate::viewer::End;
use std::time::{Duration, Instant};

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Attach now, then say [`Reattach::started`].
    Attach,
    /// Stay with the attach.
    Stay,
    /// Ask tmux whether the session exists, then say [`Reattach::answered`].
    Ask,
    /// Wait until then and look again.
    Wait(Instant),
    /// It is over.
    Over(End),
}

/// tmux's answer to "does the session exist?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alive {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// There is no tmux server any more.
    NoServer,
    /// tmux did not answer.
    Unknown,
}

/// How an attach ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// tmux detached it, or switched it to another session: somebody's key or command, or a hook that
    /// does so each time.
    SentAway,
    /// Anything else.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// To attach at once.
    Due,
    /// Attached, no complete picture yet.
    Attaching,
    /// Attached, and its picture was seen.
    Live,
    /// Ended; ask at the first time, attach at the second.
    Lost {
        ask: Instant,
        attach: Instant,
    },
    Gone(End),
}

/// Where one bridge stands with its attaches.
#[derive(Debug, Clone)]
pub struct Reattach {
    phase: Phase,
    /// Attempts in a row that ended without a complete picture.
    failures: u32,
    /// Attaches in a row that had a picture and did not last.
    short: u32,
    /// Those of them in a row that tmux sent away.
    sent_away: u32,
    started: Option<Instant>,
}

impl Default for Reattach {
    fn default() -> Self {
        Self::new()
    }
}

impl Reattach {
    /// Not attached yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::Due,
            failures: 0,
            short: 0,
            sent_away: 0,
            started: None,
        }
    }

    /// What to do now.
    #[must_use]
    pub fn step(&self, now: Instant) -> Step {
        match self.phase {
            Phase::Due => Step::Attach,
            Phase::Attaching | Phase::Live => Step::Stay,
            Phase::Lost { ask, .. } if ask <= now => Step::Ask,
            Phase::Lost { ask, .. } => Step::Wait(ask),
            Phase::Gone(end) => Step::Over(end),
        }
    }

    /// An attempt to attach begins.
    pub const fn started(&mut self, now: Instant) {
        self.started = Some(now);
        self.phase = Phase::Attaching;
    }

    /// Its first complete picture was published. True if people were told of trouble before.
    pub fn live(&mut self) -> bool {
        let told = self.troubled();
        self.failures = 0;
        self.phase = Phase::Live;
        told
    }

    /// The attach ended, or could not be made. `jitter` is a draw from 0..1.
    pub fn ended(&mut self, loss: Loss, now: Instant, jitter: f64) {
        let started = self.started.unwrap_or(now);
        let lasted = now.saturating_duration_since(started) >= LASTING;
        if self.phase != Phase::Live {
            self.failures = self.failures.saturating_add(1);
        } else if lasted {
            (self.short, self.sent_away) = (0, 0);
        } else {
            self.short = self.short.saturating_add(1);
        }
        if loss == Loss::Other {
            self.sent_away = 0;
        } else if !lasted {
            self.sent_away = self.sent_away.saturating_add(1);
        }
        // At once, but not in a busy loop.
        let attach = (now + self.wait(jitter)).max(started + RETRY.0);
        self.phase = Phase::Lost { ask: now, attach };
    }

    /// tmux answered.
    pub fn answered(&mut self, alive: Alive, now: Instant, jitter: f64) {
        let Phase::Lost { attach, .. } = self.phase else {
            return;
        };
        self.phase = match alive {
            // Asked once more by then: meanwhile the session may become another's.
            Alive::Yes if attach > now => Phase::Lost {
                ask: attach,
                attach,
            },
            Alive::Yes => Phase::Due,
            Alive::No => Phase::Gone(End::SessionEnded),
            Alive::NoServer => Phase::Gone(End::ServerEnded),
            Alive::Unknown => {
                self.failures = self.failures.saturating_add(1);
                let again = now + self.wait(jitter);
                Phase::Lost {
                    ask: again,
                    attach: again,
                }
            }
        };
    }

    /// Whether it failed often enough that people should be told. While there is a picture, there
    /// is nothing to tell.
    #[must_use]
    pub fn troubled(&self) -> bool {
        let (strikes, short) = self.strikes();
        self.phase != Phase::Live && strikes.max(short) >= FAILURES_TOLD
    }

    /// How often in a row it went wrong, and how many more attaches than may were short-lived: a
    /// picture is not success yet, or a hook that throws every client out would have us come back
    /// for ever.
    fn strikes(&self) -> (u32, u32) {
        let sent_away = self.sent_away.saturating_sub(DETACHES);
        let short = self.short.saturating_sub(SHORT_LIVES);
        (self.failures.max(sent_away), short)
    }

    fn wait(&self, jitter: f64) -> Duration {
        let (strikes, short) = self.strikes();
        backoff(strikes, jitter).max(backoff(short, jitter).min(SHORT_LIVES_RETRY))
    }
}

/// The wait after so many failures in a row: doubling, between half of it and all of it.
fn backoff(failures: u32, jitter: f64) -> Duration {
    if failures == 0 {
        return Duration::ZERO;
    }
    let doublings = failures.saturating_sub(1).min(16);
    let whole = RETRY.0.saturating_mul(1 << doublings).min(RETRY.1);
    whole.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn a_killed_attach_is_replaced_at_once() {
        let now = Instant::now();
        let mut reattach = Reattach::new();
        assert_eq!(reattach.step(now), Step::Attach);
        reattach.started(now);
        assert_eq!(reattach.step(now), Step::Stay);
        assert!(!reattach.live());
        let killed = now + ms(1000);
        reattach.ended(Loss::Other, killed, 1.0);
        assert_eq!(reattach.step(killed), Step::Ask);
        reattach.answered(Alive::Yes, killed, 1.0);
        assert_eq!(reattach.step(killed), Step::Attach);
    }

    #[test]
    fn attaches_that_die_young_are_rate_limited() {
        let now = Instant::now();
        let mut reattach = Reattach::new();
        reattach.started(now);
        reattach.live();
        reattach.ended(Loss::Other, now + ms(5), 0.0);
        reattach.answered(Alive::Yes, now + ms(6), 0.0);
        assert_eq!(reattach.step(now + ms(6)), Step::Wait(now + RETRY.0));
        // It may have ended by then.
        let then = now + RETRY.0;
        assert_eq!(reattach.step(then), Step::Ask);
        let mut gone = reattach.clone();
        gone.answered(Alive::No, then, 0.0);
        assert_eq!(gone.step(then), Step::Over(End::SessionEnded));
        reattach.answered(Alive::Yes, then, 0.0);
        assert_eq!(reattach.step(then), Step::Attach);
    }

    /// One attach that has a picture and ends after `life`. Gives how long the next one waits.
    fn lives(reattach: &mut Reattach, loss: Loss, now: &mut Instant, life: Duration) -> Duration {
        reattach.started(*now);
        reattach.live();
        *now += life;
        reattach.ended(loss, *now, 1.0);
        reattach.answered(Alive::Yes, *now, 1.0);
        let ended = *now;
        if let Step::Wait(until) = reattach.step(*now) {
            *now = until;
        }
        *now - ended
    }

    #[test]
    fn a_storm_of_short_lives_is_backed_off_from_and_told() {
        for (loss, free, longest) in [
            (Loss::Other, SHORT_LIVES, SHORT_LIVES_RETRY),
            (Loss::SentAway, DETACHES, RETRY.1),
        ] {
            let mut now = Instant::now();
            let mut reattach = Reattach::new();
            for _ in 0..free {
                let wait = lives(&mut reattach, loss, &mut now, ms(150));
                assert_eq!(wait, Duration::ZERO, "{loss:?}");
            }
            assert!(!reattach.troubled());
            for strike in 0..20 {
                let wait = lives(&mut reattach, loss, &mut now, ms(150));
                assert_eq!(wait, longest.min(RETRY.0 * (1 << strike)), "{loss:?}");
            }
            assert!(reattach.troubled());
            reattach.started(now);
            reattach.live();
            assert!(!reattach.troubled(), "there is a picture now");
            for life in [LASTING, ms(150)] {
                let wait = lives(&mut reattach, loss, &mut now, life);
                assert_eq!(wait, Duration::ZERO, "{loss:?}");
            }
        }
    }

    #[test]
    fn a_kill_among_detaches_begins_the_count_anew() {
        let mut now = Instant::now();
        let mut reattach = Reattach::new();
        for life in 0..4 * DETACHES {
            let loss = if life % DETACHES == 0 {
                Loss::Other
            } else {
                Loss::SentAway
            };
            let wait = lives(&mut reattach, loss, &mut now, ms(150));
            assert_eq!(wait, Duration::ZERO);
        }
    }

    #[test]
    fn the_end_is_asked_for_not_guessed() {
        let now = Instant::now();
        for (alive, end) in [
            (Alive::No, End::SessionEnded),
            (Alive::NoServer, End::ServerEnded),
        ] {
            let mut reattach = Reattach::new();
            reattach.started(now);
            reattach.live();
            reattach.ended(Loss::Other, now, 0.0);
            reattach.answered(alive, now, 0.0);
            assert_eq!(reattach.step(now), Step::Over(end));
        }
    }

    #[test]
    fn three_failures_are_told_and_success_untells() {
        let mut now = Instant::now();
        let mut reattach = Reattach::new();
        for failure in 1..=3 {
            assert!(!reattach.troubled());
            reattach.started(now);
            reattach.ended(Loss::Other, now, 1.0);
            assert_eq!(reattach.step(now), Step::Ask);
            reattach.answered(Alive::Yes, now, 1.0);
            let wait = RETRY.0 * (1 << (failure - 1));
            assert_eq!(reattach.step(now), Step::Wait(now + wait));
            now += wait;
            assert_eq!(reattach.step(now), Step::Ask);
            reattach.answered(Alive::Yes, now, 1.0);
            assert_eq!(reattach.step(now), Step::Attach);
        }
        assert!(reattach.troubled());
        reattach.started(now);
        assert!(reattach.live());
        assert!(!reattach.troubled());
    }

    #[test]
    fn a_silent_tmux_is_asked_again_later() {
        let now = Instant::now();
        let mut reattach = Reattach::new();
        reattach.started(now);
        reattach.live();
        reattach.ended(Loss::Other, now, 1.0);
        reattach.answered(Alive::Unknown, now, 1.0);
        assert_eq!(reattach.step(now), Step::Wait(now + RETRY.0));
        assert_eq!(reattach.step(now + RETRY.0), Step::Ask);
    }

    proptest! {
        #[test]
        fn the_wait_stays_in_bounds(failures in 1u32..u32::MAX, jitter in -1.0f64..2.0) {
            let wait = backoff(failures, jitter);
            prop_assert!(wait >= RETRY.0 / 2 && wait <= RETRY.1);
        }
    }
}
