//! [`Time`]: the wall clock, as access counts it.

/// Seconds since 1970, by the wall clock: what is written down must mean the same after a restart.
pub type Time = u64;
