//! [`Order`]: what a driver wants of the session, and the [`Lease`] by which it may.

use crate::tmux::WindowAct;
use crate::viewer::ViewerId;
use bytes::Bytes;
use std::fmt;
use std::sync::{Arc, RwLockReadGuard};
use tokio::sync::OwnedSemaphorePermit;

/// What a driver wants, in the order it wants it: what is typed after a switch is for the other window.
#[derive(Debug)]
pub(super) enum Order {
    Type(Input),
    Window {
        from: ViewerId,
        act: WindowAct,
        /// It is not done once this has ended.
        lease: Option<Arc<dyn Lease>>,
        /// Its share of [`WINDOW_ACTS`], given back when it is done.
        room: OwnedSemaphorePermit,
    },
}

/// The right by which somebody is here, which can end at any moment.
pub trait Lease: fmt::Debug + Send + Sync {
    /// Whether it has not ended. Never waits.
    fn holds(&self) -> bool;

    /// Keeps its end from being acknowledged until this is dropped: for one effect that does not wait.
    /// `None`: it has ended.
    fn hold(&self) -> Option<Hold<'_>>;
}

/// A lease that is held for a moment. Not to be taken twice by one thread.
#[derive(Debug)]
pub struct Hold<'a> {
    _barrier: Option<RwLockReadGuard<'a, ()>>,
}

impl<'a> Hold<'a> {
    /// While this is read.
    #[must_use]
    pub const fn new(barrier: Option<RwLockReadGuard<'a, ()>>) -> Self {
        Self { _barrier: barrier }
    }
}

/// One message of input on its way to the pty.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) from: ViewerId,
    pub(super) bytes: Bytes,
    /// It is not written once this has ended.
    pub(super) lease: Option<Arc<dyn Lease>>,
    /// Its share of [`INPUT_BYTES`], given back when it is written. None for the few bytes that were
    /// held back of another message.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Input {
    /// Whether it may be written.
    pub(super) fn may_be_written(&self) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.holds())
    }

    /// Holds the right to write it for the moment of writing; `None` if that has ended.
    pub(super) fn hold(&self) -> Option<Hold<'_>> {
        match &self.lease {
            Some(lease) => lease.hold(),
            None => Some(Hold::new(None)),
        }
    }
}
