//! A bridge joins one session's attached tmux client to its viewers, in one task.
//!
//! The [`task`] owns the attached client and its terminal, and nobody else writes either. It publishes a
//! [`State`](crate::viewer::State), which the [`broadcast`] carries to the viewers, so that a slow viewer
//! costs the task nothing. What to do is decided in pure modules ([`publish`], [`guard`], [`reattach`],
//! [`sizing`]); the task around one attach after the other, and `live` within one, carry it out.

mod activity;
pub mod broadcast;
mod canvas;
mod clock;
mod confined;
mod driver;
pub mod guard;
mod handle;
mod handover;
mod live;
mod news;
mod order;
mod presence;
pub mod publish;
pub mod reattach;
mod resize;
mod roster;
mod seat;
pub mod sizing;
mod slot;
mod task;
mod typing;
mod unfinished;
mod windows;
mod written;

pub use driver::{Closed, Driver};
pub use handle::Join;
pub(crate) use handle::{Handle, Refused};
pub use handover::Kept;
pub use order::{Hold, Lease};
pub use seat::{Glance, Seat};
pub use sizing::Standing;
pub use task::Manner;
pub(crate) use task::open;
