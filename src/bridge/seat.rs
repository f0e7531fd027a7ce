//! [`Seat`]: the place of one viewer at a bridge, and [`Glance`]: a look from outside. Dropping either leaves.

use super::broadcast::Outlet;
use super::clock;
use super::driver::Driver;
use super::roster::Shared;
use crate::bridge::policy::sizing::Standing;
use crate::viewer::{State, ViewerId};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// One viewer's place at a bridge. Dropping it leaves.
#[derive(Debug)]
pub struct Seat {
    pub(super) id: ViewerId,
    pub(super) shared: Arc<Shared>,
    pub(super) state: watch::Receiver<Arc<State>>,
    pub(super) visible: AtomicBool,
    pub(super) confined: bool,
    /// None for a spectator: it holds nothing that leads to the pty.
    pub(super) driver: Option<Driver>,
}

impl Seat {
    /// Who sits here.
    #[must_use]
    pub const fn viewer(&self) -> ViewerId {
        self.id
    }

    /// Whether it may not see other sessions.
    #[must_use]
    pub const fn is_confined(&self) -> bool {
        self.confined
    }

    /// What to show. It ends (its sender is dropped) only after a state with `ended` set.
    pub const fn state(&mut self) -> &mut watch::Receiver<Arc<State>> {
        &mut self.state
    }

    /// What to show now.
    #[must_use]
    pub fn newest(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// From now on what is published is offered to `outlet`, until the seat is dropped. What was
    /// published before is to be fetched: see [`Seat::newest`].
    pub fn stand(&self, outlet: Arc<dyn Outlet>) {
        self.shared.broadcast.stand(self.id, outlet);
    }

    /// Where it stands among the drivers.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.shared.roster().sizing.standing(self.id)
    }

    /// The way to type, if this viewer may.
    #[must_use]
    pub fn driver(&self) -> Option<Driver> {
        self.driver.clone()
    }

    /// The viewer's page was shown or hidden: hidden ones claim no size, and no pictures are taken
    /// for them.
    pub fn set_visible(&self, visible: bool) {
        if self.visible.swap(visible, Ordering::Relaxed) == visible {
            return;
        }
        let (id, drives) = (self.id, self.driver.is_some());
        self.shared.change(|roster| {
            if visible {
                roster.visible += 1;
            } else {
                roster.visible -= 1;
            }
            if drives {
                roster.sizing.showed(id, visible);
            }
        });
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let (id, drives) = (self.id, self.driver.is_some());
        self.shared.broadcast.leave(id);
        let visible = *self.visible.get_mut();
        let confined = self.confined;
        self.shared.change(|roster| {
            roster.confined -= u32::from(confined);
            roster.visible -= u32::from(visible);
            if drives {
                roster.drive -= 1;
                roster.sizing.left(id);
            } else {
                roster.view -= 1;
            }
            if roster.is_empty() {
                roster.empty_since = Some(clock::now());
            }
        });
    }
}

/// A look at a session from outside: its state, and nothing else. It counts neither as a viewer nor
/// for the size, and keeps the bridge running. Dropping it leaves.
#[derive(Debug)]
pub struct Glance {
    pub(super) shared: Arc<Shared>,
    pub(super) confined: bool,
    pub(super) state: watch::Receiver<Arc<State>>,
}

impl Glance {
    /// As [`Seat::state`].
    pub const fn state(&mut self) -> &mut watch::Receiver<Arc<State>> {
        &mut self.state
    }
}

impl Drop for Glance {
    fn drop(&mut self) {
        let confined = self.confined;
        self.shared.change(|roster| {
            roster.confined -= u32::from(confined);
            roster.glances -= 1;
            if roster.is_empty() {
                roster.empty_since = Some(clock::now());
            }
        });
    }
}
