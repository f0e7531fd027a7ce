//! [`Flood`]: which refusals are told one by one. PURE. In: where one came from, why, the time. Out:
//! whether it is told, and, once a window of time is over, how many were not. It must not know what a
//! source is.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Instant;

use crate::config::limits::{REFUSALS_TOLD, REFUSALS_TOLD_ALL, REFUSALS_WINDOW};

/// Refusals by source.
#[derive(Debug)]
pub struct Flood<S> {
    since: Option<Instant>,
    /// By source; no more than are told.
    told: HashMap<S, u32>,
    all: u32,
    left_out: BTreeMap<&'static str, u64>,
}

impl<S> Default for Flood<S> {
    fn default() -> Self {
        Self {
            since: None,
            told: HashMap::new(),
            all: 0,
            left_out: BTreeMap::new(),
        }
    }
}

impl<S: Eq + Hash> Flood<S> {
    /// Whether this one is told; it is counted if not. To be asked after [`Flood::over`].
    pub fn tells(&mut self, source: S, why: &'static str, now: Instant) -> bool {
        self.since.get_or_insert(now);
        let of_source = self.told.get(&source).copied().unwrap_or_default();
        if self.all >= REFUSALS_TOLD_ALL || of_source >= REFUSALS_TOLD {
            *self.left_out.entry(why).or_default() += 1;
            return false;
        }
        self.all += 1;
        self.told.insert(source, of_source + 1);
        true
    }

    /// Begins a new window if the present one is over; gives what was left out in it.
    pub fn over(&mut self, now: Instant) -> Option<BTreeMap<&'static str, u64>> {
        if now.duration_since(self.since?) < REFUSALS_WINDOW {
            return None;
        }
        self.end()
    }

    /// Ends the window; gives what was left out in it.
    pub fn end(&mut self) -> Option<BTreeMap<&'static str, u64>> {
        let left_out = std::mem::take(self).left_out;
        (!left_out.is_empty()).then_some(left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_source_is_told_so_often_and_others_all_the_same() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let told = (0..1000).filter(|_| flood.tells("a", "host", start));
        assert_eq!(told.count(), REFUSALS_TOLD as usize);
        assert!(flood.tells("b", "origin", start));
        let almost = start + REFUSALS_WINDOW - Duration::from_secs(1);
        assert_eq!(flood.over(almost), None);
        assert!(!flood.tells("a", "origin", almost));
        let counted = flood.over(start + REFUSALS_WINDOW).expect("some");
        let wanted = [("host", 1000 - u64::from(REFUSALS_TOLD)), ("origin", 1)];
        assert_eq!(counted, BTreeMap::from(wanted));
        // A new window; nothing is told twice.
        assert!(flood.tells("a", "host", start + REFUSALS_WINDOW));
        assert_eq!(flood.over(start + 3 * REFUSALS_WINDOW), None);
    }

    #[test]
    fn a_swarm_of_sources_is_bounded() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let told = (0..100_000).filter(|source| flood.tells(*source, "host", start));
        assert_eq!(told.count(), REFUSALS_TOLD_ALL as usize);
        assert!(flood.told.len() <= REFUSALS_TOLD_ALL as usize);
        let left_out = flood.end().expect("some");
        assert_eq!(left_out["host"], 100_000 - u64::from(REFUSALS_TOLD_ALL));
    }
}
