//! The clock and the dice of a bridge.

use std::time::Instant;

/// The time, by the clock tests can move.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A draw from 0..1, so that many bridges that lost their attaches together do not retry together.
pub(super) fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |draw| f64::from(draw) / f64::from(u32::MAX))
}
