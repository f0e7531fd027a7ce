//! [`Parts`]: what requests are answered with.

use axum::extract::State;
use std::sync::Arc;

use super::access::Access;
use super::budget::Budgets;
use super::effects::Effects;
use super::presence::Presence;
use super::refusals::Refusals;
use super::rounds::Rounds;
use super::stopping::Stopping;
use super::throttle::Throttle;
use crate::audit::Audit;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::tmux;

/// What requests are answered with.
#[derive(Debug)]
pub struct Parts {
    /// The rules.
    pub access: Access,
    /// The tmux server.
    pub server: tmux::Server,
    /// What exists.
    pub directory: Directory,
    /// What runs.
    pub hub: Hub,
    /// Who watches.
    pub presence: Presence,
    /// The end of the service.
    pub stopping: Stopping,
    /// Who guesses.
    pub throttle: Throttle,
    /// What each principal has.
    pub budgets: Budgets,
    /// Who was turned away.
    pub refusals: Refusals,
    /// What is written down.
    pub audit: Audit,
    /// When viewers are asked whether they are there.
    pub rounds: Rounds,
    /// What changes tmux and is not done yet.
    pub effects: Effects,
}

pub(super) type Shared = State<Arc<Parts>>;
