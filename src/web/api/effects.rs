//! [`Effects`]: what changes tmux takes its time after it was judged. Whoever revokes a right waits until
//! what was begun by it has happened or failed, so that nothing happens after that was answered.

use axum::response::Response;
use std::sync::Arc;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};
use tokio::time::timeout;

use crate::config::limits::TMUX_TIMEOUT;
use crate::interleave;
use crate::web::auth::caller;
use crate::web::auth::caller::Caller;

/// Effects under way. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Effects(Arc<RwLock<()>>);

/// One effect under way, until this is dropped.
#[derive(Debug)]
pub(in crate::web) struct Effect {
    _guard: OwnedRwLockReadGuard<()>,
}

impl Effects {
    /// Begins one, if the caller is still let in.
    pub(in crate::web) async fn begin(&self, caller: &Caller) -> Result<Effect, Response> {
        interleave::at("effect").await;
        let guard = Arc::clone(&self.0).read_owned().await;
        // Whoever revokes it from now on waits for this one.
        caller::granted(caller)?;
        Ok(Effect { _guard: guard })
    }

    /// Waits for all that has begun. One that hangs with tmux is given up by then.
    pub(in crate::web) async fn settle(&self) {
        let _ = timeout(TMUX_TIMEOUT, self.0.write()).await;
    }
}
