//! JOINT: one session = one attach + one terminal + its viewers, in one task.
