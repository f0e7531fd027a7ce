//! [`Parts`]: what requests are answered with.

use axum::extract::State;
use std::sync::Arc;

use crate::audit::Audit;
use crate::directory::Directory;
use crate::hub::Hub;
use crate::tmux;
use crate::web::api::effects::Effects;
use crate::web::auth::budget::Budgets;
use crate::web::auth::caller::Access;
use crate::web::auth::rate_limit::Throttle;
use crate::web::auth::refusal_log::Refusals;
use crate::web::shutdown::Stopping;
use crate::web::socket::keepalive::Rounds;
use crate::web::viewer_counts::Presence;

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
