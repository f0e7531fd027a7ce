//! [`Vigil`]: whether someone who was let in still would be. In: who, and the rules. Out: what they
//! may do whenever that may be another, and the end of it: when it was revoked, signed out or has
//! expired. It must not know what they do meanwhile.

use std::sync::Arc;
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
        let left = vault::until(credential.expires);
        if left.is_zero() {
            // At once: a timer that each message of a flood begins anew would never be up.
            return self.access.grant(&self.identity);
        }
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return std::future::pending().await;
                }
            }
            // In steps: while a laptop sleeps, the clock that timers follow stands still.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Credential;
    use crate::vault::Vault;
    use crate::web::access::SignIn;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn who_has_expired_is_told_at_the_first_look() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(Some(dir.path())).expect("made");
        let ledger = vault.state().ledger.clone();
        let vigil = |made| {
            let credential = Credential::page([1; 12], &ledger, None, made);
            let pass = Pass {
                identity: Identity::Signed(credential),
                grant: Grant::Owner,
            };
            let access = Access::new(SignIn::Token(vault.clone()), vec![]);
            Vigil::new(&access, &pass)
        };
        // As if each message of a flood had ended the wait before.
        assert_eq!(
            vigil(0).changed().now_or_never(),
            Some(Err(Rejected::Expired))
        );
        assert_eq!(vigil(vault::now()).changed().now_or_never(), None);
    }
}
