//! [`Visits`]: which viewers are told one by one, when they come and when they leave. PURE. In: whose they
//! are, how many lines those may fill, the time. Out: whether a visit is told, and, once a window of time
//! is over, the sums of those that were not. It must not know how they are told.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::collections::HashMap;
use std::time::Instant;

use super::event::{Event, Session, Sum, Text, Who};
use crate::config::limits::{AUDIT_SUMS, REFUSALS_WINDOW};

/// Lines of a visit that is told: one when it begins, one when it ends.
const LINES: u64 = 2;

/// The visits of the present window.
#[derive(Debug, Default)]
pub(super) struct Visits {
    since: Option<Instant>,
    /// Lines filled, by whose visits they tell.
    lines: HashMap<Whose, u64>,
    sums: HashMap<Kind, Sum>,
}

/// Whose a visit is, wherever they come from and by whichever credential.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Whose {
    who: Option<String>,
    share: Option<String>,
}

impl From<&Who<'_>> for Whose {
    fn from(who: &Who<'_>) -> Self {
        Self {
            who: who.who.map(|who| who.0.to_owned()),
            share: who.share.map(ToOwned::to_owned),
        }
    }
}

/// Visits that are summed up as one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
struct Kind {
    whose: Whose,
    session: String,
    name: String,
    role: &'static str,
}

/// The sums of a window that is over.
#[derive(Debug, Default)]
pub(super) struct Sums(HashMap<Kind, Sum>);

impl Visits {
    /// Whether a visit that begins is told; of those its principal has, so many lines are. To be asked
    /// after [`Visits::over`].
    pub(super) fn tells(&mut self, who: &Who<'_>, most: u64, now: Instant) -> bool {
        self.since.get_or_insert(now);
        let mut whose = Whose::from(who);
        if self.lines.len() >= AUDIT_SUMS && !self.lines.contains_key(&whose) {
            whose = Whose::default();
        }
        let lines = self.lines.entry(whose).or_default();
        let told = *lines + LINES <= most;
        if told {
            *lines += LINES;
        }
        told
    }

    /// Adds to what is told at the end of the window.
    pub(super) fn add(
        &mut self,
        who: &Who<'_>,
        session: Session<'_>,
        role: &'static str,
        sum: Sum,
        now: Instant,
    ) {
        self.since.get_or_insert(now);
        let mut kind = Kind {
            whose: who.into(),
            session: session.session.to_owned(),
            name: session.name.0.to_owned(),
            role,
        };
        if self.sums.len() >= AUDIT_SUMS && !self.sums.contains_key(&kind) {
            kind = Kind::default();
        }
        let all = self.sums.entry(kind).or_default();
        all.visits += sum.visits;
        all.seconds += sum.seconds;
        all.bytes_in += sum.bytes_in;
        all.bytes_out += sum.bytes_out;
    }

    /// Begins a new window if the present one is over; gives the sums of that.
    pub(super) fn over(&mut self, now: Instant) -> Sums {
        let over = |since| now.saturating_duration_since(since) >= REFUSALS_WINDOW;
        if self.since.is_some_and(over) {
            self.end()
        } else {
            Sums::default()
        }
    }

    /// Ends the window; gives its sums.
    pub(super) fn end(&mut self) -> Sums {
        Sums(std::mem::take(self).sums)
    }
}

impl Sums {
    /// An event each.
    pub(super) fn events(&self) -> impl Iterator<Item = Event<'_>> {
        self.0.iter().map(|(kind, sum)| Event::Visits {
            who: Who {
                who: kind.whose.who.as_deref().map(Text),
                share: kind.whose.share.as_deref(),
                ..Who::default()
            },
            session: Session {
                session: &kind.session,
                name: Text(&kind.name),
            },
            role: kind.role,
            sum: *sum,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const WORK: Session<'_> = Session {
        session: "$1",
        name: Text("work"),
    };

    fn guest(share: &str) -> Who<'_> {
        Who {
            who: Some(Text("guest")),
            share: Some(share),
            ..Who::default()
        }
    }

    fn one() -> Sum {
        Sum {
            visits: 1,
            seconds: 2,
            bytes_in: 3,
            bytes_out: 4,
        }
    }

    #[test]
    fn so_many_lines_are_told_of_each_and_the_rest_is_summed_up() {
        let (mut visits, start) = (Visits::default(), Instant::now());
        let told = (0..100).filter(|_| visits.tells(&guest("a"), 21, start));
        assert_eq!(told.count(), 10);
        assert!(visits.tells(&guest("b"), 21, start));
        for _ in 0..90 {
            visits.add(&guest("a"), WORK, "view", one(), start);
        }
        let almost = start + REFUSALS_WINDOW - Duration::from_secs(1);
        assert_eq!(visits.over(almost).events().count(), 0);
        let sums = visits.over(start + REFUSALS_WINDOW);
        let events: Vec<_> = sums.events().collect();
        let wanted = Event::Visits {
            who: guest("a"),
            session: WORK,
            role: "view",
            sum: Sum {
                visits: 90,
                seconds: 180,
                bytes_in: 270,
                bytes_out: 360,
            },
        };
        assert_eq!(events, [wanted]);
        assert!(visits.tells(&guest("a"), 21, start + REFUSALS_WINDOW));
    }

    #[test]
    fn a_swarm_is_bounded() {
        let (mut visits, now) = (Visits::default(), Instant::now());
        for n in 0..2 * AUDIT_SUMS {
            let share = n.to_string();
            visits.tells(&guest(&share), 1, now);
            visits.add(&guest(&share), WORK, "view", one(), now);
        }
        assert!(visits.lines.len() <= AUDIT_SUMS + 1);
        let sums = visits.end();
        assert!(sums.0.len() <= AUDIT_SUMS + 1);
        let all: u64 = sums.0.values().map(|sum| sum.visits).sum();
        assert_eq!(all, 2 * AUDIT_SUMS as u64);
    }
}
