//! [`SignIn`]: how callers prove who they are, and what that gives them now. In: an identity. Out: a
//! [`Grant`], or why there is none any more. It must not know requests.

use crate::access::credential::Rejected;
use crate::access::{Grant, Identity, Proof};
use crate::state_dir;
use crate::state_dir::Vault;
use std::sync::RwLockReadGuard;

use crate::web::auth::trusted_proxy::Proxy;

/// How callers prove who they are.
#[derive(Debug, Clone)]
pub enum SignIn {
    /// They need not: everyone may do everything.
    None,
    /// By a credential of the vault's.
    Token(Vault),
    /// By the word of a proxy.
    Proxy(Proxy),
}

impl SignIn {
    /// Where credentials are kept, where there are any.
    #[must_use]
    pub fn vault(&self) -> Option<&Vault> {
        match self {
            Self::Token(vault) => Some(vault),
            Self::None | Self::Proxy(_) => None,
        }
    }

    /// Grows whenever an identity may have another grant than before.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.vault().map_or(0, Vault::version)
    }

    /// Read while something is done by a right, and written once by whoever ends rights.
    pub(in crate::web) fn barrier(&self) -> Option<RwLockReadGuard<'_, ()>> {
        self.vault().map(Vault::barrier)
    }

    /// What tells the next process who this is.
    #[must_use]
    pub fn proof(&self, identity: &Identity) -> Proof {
        match (self, identity) {
            (Self::Token(vault), Identity::Signed(credential)) => {
                Proof::Sealed(credential.sealed(&vault.state().keys))
            }
            (_, Identity::User(name)) => Proof::User(name.clone()),
            _ => Proof::Anyone,
        }
    }

    /// What `identity` may do now.
    ///
    /// # Errors
    /// When it is nobody's any more.
    pub fn grant(&self, identity: &Identity) -> Result<Grant, Rejected> {
        match (self, identity) {
            (Self::None, Identity::Anyone) => Ok(Grant::Owner),
            (Self::Token(vault), Identity::Signed(credential)) => {
                let ledger = &vault.state().ledger;
                credential.check(ledger, state_dir::now())?;
                match &credential.share {
                    None => Ok(Grant::Owner),
                    Some(share) => ledger
                        .share(share)
                        .map(Grant::share)
                        .ok_or(Rejected::Revoked),
                }
            }
            (Self::Proxy(proxy), Identity::User(name)) => Ok(proxy.grant(name)),
            // Signed in another way, before a restart.
            _ => Err(Rejected::Revoked),
        }
    }
}
