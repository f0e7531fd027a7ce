//! What a bridge decides: when a frame is due, which size counts, when to attach again, what may be shown.

pub(in crate::bridge) mod activity;
pub(in crate::bridge) mod confined;
pub mod frame_timing;
pub(in crate::bridge) mod input_log;
pub(in crate::bridge) mod input_pacing;
pub mod reattach;
pub(in crate::bridge) mod resize_steps;
pub mod session_guard;
pub mod sizing;
pub(in crate::bridge) mod unfinished_input;
pub(in crate::bridge) mod viewer_counts;
pub(in crate::bridge) mod window_changes;
