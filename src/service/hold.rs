//! [`Holders`]: sessions that would end with a client of ours are held while muxview restarts, since the
//! next process may not know how to go on with our clients, or not start at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::{sleep, timeout};

use crate::config::limits::{HOLD_AFTER, HOLD_WAIT};
use crate::hub::Hub;
use crate::tmux::{Holder, Server};

/// The clients that hold sessions now.
#[derive(Debug, Clone, Default)]
pub(super) struct Holders(Arc<Mutex<Vec<Holder>>>);

impl Holders {
    /// Takes over what an earlier process has had held, and ends it once the clients that follow are
    /// settled.
    pub(super) fn adopt(&self, holders: Vec<Holder>, server: &Server) {
        if holders.is_empty() {
            return;
        }
        self.held().extend(holders);
        let (holders, server) = (self.clone(), server.clone());
        tokio::spawn(async move {
            sleep(HOLD_AFTER).await;
            let all = std::mem::take(&mut *holders.held());
            for holder in all {
                if let Err(error) = server.let_go(&holder).await {
                    tracing::debug!(%error, "a session is held until that ends by itself");
                }
            }
        });
    }

    /// Has the sessions held that need it, one after the other. Gives out all that are held now.
    pub(super) async fn hold(&self, hub: &Hub, server: &Server) -> Vec<Holder> {
        let all = async {
            for session in hub.sessions() {
                match server.hold(session).await {
                    Ok(holder) => self.held().extend(holder),
                    Err(error) => tracing::warn!(%session, %error, "a session cannot be held"),
                }
            }
        };
        if timeout(HOLD_WAIT, all).await.is_err() {
            tracing::warn!("tmux did not hold all sessions in time");
        }
        std::mem::take(&mut *self.held())
    }

    fn held(&self) -> MutexGuard<'_, Vec<Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
