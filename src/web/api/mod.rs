//! The HTTP API: sessions, shares, events and health.

pub(in crate::web) mod bell_marks;
pub mod effects;
pub(in crate::web) mod events;
pub(in crate::web) mod health;
pub(in crate::web) mod sessions;
pub(in crate::web) mod shares;
pub(in crate::web) mod thumbnails;
