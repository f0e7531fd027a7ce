//! A bridge joins one session's attached tmux client to its viewers, in one task.
//!
//! | module | what it does |
//! |---|---|
//! | `task` | attaches, stays until that is over, and attaches again |
//! | `attached` | one attach: its input, windows and size |
//! | `publisher`, `publish_state` | pictures of the terminal, and the [`State`](crate::viewer::State) that viewers see |
//! | [`broadcast`] | carries the state to the viewers, so that a slow viewer costs the task nothing |
//! | [`policy`] | decides what to do, when and how large; without IO |
//! | `handle`, `seat`, `driver`, `roster`, `order` | how others reach a bridge, and who is there |

mod attached;
pub mod broadcast;
mod clock;
mod driver;
mod handle;
mod handover;
mod order;
mod pending_query;
pub mod policy;
mod publish_state;
mod publisher;
mod roster;
mod seat;
mod task;

pub use driver::{Closed, Driver};
pub use handle::Join;
pub(crate) use handle::{Handle, Refused};
pub use handover::Kept;
pub use order::{Hold, Lease};
pub use policy::sizing::Standing;
pub use seat::{Glance, Seat};
pub use task::Manner;
pub(crate) use task::open;
