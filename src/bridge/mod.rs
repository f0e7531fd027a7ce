//! JOINT: one session = one attach + one terminal + its viewers, in one task.

pub mod guard;
pub mod publish;
pub mod reattach;
pub mod sizing;
