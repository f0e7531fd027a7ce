//! [`Vigil`]: whether someone who was let in still would be. In: who, and the rules. Out: what they
//! may do whenever that may be another, and the end of it: when it was revoked, signed out or has
//! expired. It must not know what they do meanwhile.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

use super::access::{Access, Pass};
use crate::access::credential::Rejected;
use crate::access::{Grant, Identity, Proof};
use crate::config::limits::VIGIL_INTERVAL;
use crate::vault::{self, State};

/// The watch over one pass.
#[derive(Debug)]
pub(super) struct Vigil {
    access: Access,
    identity: Identity,
    /// `None`: nothing can revoke it but a restart.
    changes: Option<watch::Receiver<Arc<State>>>,
}

impl Vigil {
    pub(super) fn new(access: &Access, pass: &Pass) -> Self {
        Self {
            access: access.clone(),
            identity: pass.identity.clone(),
            changes: access.vault().map(vault::Vault::watch),
        }
    }

    /// Waits until the rules are others, and says what they give now. Cancel-safe.
    pub(super) async fn changed(&mut self) -> Result<Grant, Rejected> {
        let (Some(changes), Identity::Signed(credential)) = (&mut self.changes, &self.identity)
        else {
            return std::future::pending().await;
        };
        // In steps: while a laptop sleeps, the clock that timers follow stands still.
        let left = Duration::from_secs(credential.expires.saturating_sub(vault::now()));
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
            }
            () = sleep(left.min(VIGIL_INTERVAL)) => {}
        }
        self.access.grant(&self.identity)
    }

    /// What tells the next process over whom.
    pub(super) fn proof(&self) -> Proof {
        self.access.proof(&self.identity)
    }

    /// Whether a guest's link ended, rather than one's own sign-in.
    pub(super) fn is_guest(&self) -> bool {
        matches!(&self.identity, Identity::Signed(credential) if credential.share.is_some())
    }
}
