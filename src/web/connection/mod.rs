//! An accepted connection: how many there may be, what may be written on it, and its two halves.

pub mod limit;
pub(in crate::web) mod split;
pub mod stream;
pub(in crate::web) mod write_gate;
