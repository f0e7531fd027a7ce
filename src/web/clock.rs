//! The clock of everything that talks to browsers.

/// The time, by the clock tests can move.
pub(super) fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
