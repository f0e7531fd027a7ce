//! JOINT: one session = one attach + one terminal + its viewers, in one task.
#![expect(
    dead_code,
    reason = "the task itself comes when the tmux edge is there"
)]

pub mod guard;
pub mod handle;
pub mod publish;
pub mod reattach;
pub mod sizing;

/// The time, by the clock tests can move.
fn now() -> std::time::Instant {
    tokio::time::Instant::now().into_std()
}
