//! [`Permit`]: what somebody is let in by, from the judging on. In: an identity, and the version of the
//! rules it was found by. Out: whether it still holds, at any moment and without waiting. It must not
//! know what is done by it.
//!
//! A revocation is acknowledged after the rules have a new version and all that [`Permit::hold`] gave before
//! is given back. So whoever holds it while acting does nothing by a permit whose end was acknowledged.
//! The version is taken before the identity is judged, so that no revocation falls between the two.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::access::credential::Rejected;
use crate::access::{Grant, Identity, Ledger, Proof};
use crate::bridge::{Hold, Lease};
use crate::config::limits::PERMIT_RECHECK;
use crate::state_dir;
use crate::web::auth::rules::SignIn;

/// What somebody is let in by. Cheap to clone; all clones end together.
#[derive(Debug, Clone)]
pub struct Permit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: SignIn,
    identity: Identity,
    /// The version of the rules it was judged by last.
    version: AtomicU64,
    /// That judgement's result, in short.
    held: AtomicBool,
    grant: Mutex<Result<Grant, Rejected>>,
}

impl Permit {
    /// Judges `identity`, which was found by the rules of this version or of a later one.
    ///
    /// # Errors
    /// When it gives nothing.
    pub(in crate::web) fn judge(
        rules: &SignIn,
        version: u64,
        identity: Identity,
    ) -> Result<Self, Rejected> {
        let grant = rules.grant(&identity)?;
        Ok(Self(Arc::new(Inner {
            rules: rules.clone(),
            identity,
            version: AtomicU64::new(version),
            held: AtomicBool::new(true),
            grant: Mutex::new(Ok(grant)),
        })))
    }

    /// Who is let in.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    /// What they may do now.
    ///
    /// # Errors
    /// When that is nothing any more.
    pub fn grant(&self) -> Result<Grant, Rejected> {
        self.refresh();
        let grant = self.0.grant.lock();
        grant.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What tells the next process who it is.
    pub(in crate::web) fn proof(&self) -> Proof {
        self.0.rules.proof(&self.0.identity)
    }

    /// Judges anew if the rules changed.
    fn refresh(&self) {
        // Before the rules are looked at, so that what changes meanwhile is looked at next time.
        let version = self.0.rules.version();
        if version != self.0.version.load(Ordering::Acquire) {
            self.rejudge(version);
        }
    }

    fn rejudge(&self, version: u64) {
        let mut grant = self.0.grant.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has ended stays so.
        if grant.is_ok() {
            *grant = self.0.rules.grant(&self.0.identity);
            self.0.held.store(grant.is_ok(), Ordering::Release);
        }
        self.0.version.store(version, Ordering::Release);
    }

    /// Whether it holds by this ledger, which may be newer than what everybody goes by.
    #[must_use]
    pub(in crate::web) fn is_in(&self, ledger: &Ledger) -> bool {
        match self.identity() {
            Identity::Signed(credential) => credential.check(ledger, state_dir::now()).is_ok(),
            _ => true,
        }
    }

    /// Begins to wait for its changes.
    pub(in crate::web) fn watch(&self) -> Watch {
        let changes = self.0.rules.vault().map(state_dir::Vault::watch);
        Watch {
            permit: self.clone(),
            seen: None,
            changes,
            recheck: Instant::now() + PERMIT_RECHECK,
        }
    }

    /// Whether a guest's link ended, rather than one's own sign-in.
    pub(in crate::web) fn is_guest(&self) -> bool {
        matches!(&self.0.identity, Identity::Signed(credential) if credential.share.is_some())
    }
}

impl Lease for Permit {
    fn holds(&self) -> bool {
        self.refresh();
        self.0.held.load(Ordering::Acquire)
    }

    fn hold(&self) -> Option<Hold<'_>> {
        let barrier = self.0.rules.barrier();
        self.holds().then(|| Hold::new(barrier))
    }
}

/// Waits for changes of a permit.
#[derive(Debug)]
pub(in crate::web) struct Watch {
    permit: Permit,
    /// The version of the rules that was told last. Not that of the permit: another clone of it may have
    /// been judged anew since. The first look tells.
    seen: Option<u64>,
    /// `None`: nothing can end it but a restart.
    changes: Option<watch::Receiver<Arc<state_dir::State>>>,
    /// When it is judged anew though nothing changed. It outlives each wait: a timer that every message
    /// begins anew would never be up.
    recheck: Instant,
}

impl Watch {
    pub(in crate::web) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Whether the rules changed, or time may have ended it, since the last look; and what they give now.
    ///
    /// # Errors
    /// When that is nothing any more.
    pub(in crate::web) fn look(&mut self) -> Option<Result<Grant, Rejected>> {
        let version = self.permit.0.rules.version();
        let now = Instant::now();
        if self.changes.is_none() || (self.seen == Some(version) && now < self.recheck) {
            return None;
        }
        if now >= self.recheck {
            self.recheck = now + PERMIT_RECHECK;
            self.permit.rejudge(version);
        }
        self.seen = Some(version);
        Some(self.permit.grant())
    }

    /// Waits until the rules are others, and says what they give now. Cancel-safe.
    ///
    /// # Errors
    /// When that is nothing any more.
    pub(in crate::web) async fn changed(&mut self) -> Result<Grant, Rejected> {
        loop {
            if let Some(grant) = self.look() {
                return grant;
            }
            let (recheck, permit) = (self.recheck, &self.permit);
            let Some(changes) = &mut self.changes else {
                return std::future::pending().await;
            };
            // In steps: while a laptop sleeps, the clock that timers follow stands still.
            let until = match permit.identity() {
                Identity::Signed(credential) => {
                    recheck.min(Instant::now() + state_dir::until(credential.expires))
                }
                _ => recheck,
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = sleep_until(until) => self.recheck = Instant::now(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Credential;
    use crate::state_dir::Vault;
    use futures_util::FutureExt as _;

    struct House {
        _dir: tempfile::TempDir,
        vault: Vault,
        rules: SignIn,
    }

    fn house() -> House {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(Some(dir.path())).expect("made");
        let rules = SignIn::Token(vault.clone());
        House {
            _dir: dir,
            vault,
            rules,
        }
    }

    impl House {
        fn signed(&self, made: u64) -> Identity {
            let ledger = &self.vault.state().ledger;
            Identity::Signed(Credential::page([1; 12], ledger, None, made))
        }
    }

    #[test]
    fn what_was_revoked_between_finding_and_judging_is_not_held() {
        let house = house();
        let version = house.rules.version();
        let identity = house.signed(state_dir::now());
        house.vault.change(Ledger::end_all).expect("written");
        assert!(Permit::judge(&house.rules, version, identity).is_err());
        // Between judging and the first use.
        let identity = house.signed(state_dir::now());
        let version = house.rules.version();
        let permit = Permit::judge(&house.rules, version, identity).expect("let in");
        let clone = permit.clone();
        assert!(permit.holds() && permit.grant().is_ok());
        house.vault.change(Ledger::end_all).expect("written");
        assert!(!permit.holds() && !clone.holds());
        assert!(permit.hold().is_none());
        assert_eq!(clone.grant(), Err(Rejected::Revoked));
        // Judged anew before anybody watched.
        assert_eq!(permit.watch().look(), Some(Err(Rejected::Revoked)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_begins_late_misses_nothing_and_a_busy_holder_is_judged_all_the_same() {
        let house = house();
        let version = house.rules.version();
        let identity = house.signed(state_dir::now());
        let permit = Permit::judge(&house.rules, version, identity).expect("let in");
        house
            .vault
            .change(|ledger| ledger.end(crate::access::Id::new([9; 12]), u64::MAX, 0))
            .expect("written");
        let mut late = permit.watch();
        let changed = late.changed().now_or_never().expect("at once");
        assert!(changed.is_ok(), "somebody else's ended");
        assert!(late.look().is_none());
        assert!(late.changed().now_or_never().is_none());
        // As if each message of a flood had ended the wait before.
        let mut looks = 0;
        for _ in 0..PERMIT_RECHECK.as_millis() / 10 + 1 {
            tokio::time::advance(std::time::Duration::from_millis(10)).await;
            looks += u32::from(late.changed().now_or_never().is_some());
        }
        assert_eq!(looks, 1);
        house.vault.change(Ledger::end_all).expect("written");
        assert_eq!(permit.watch().changed().await, Err(Rejected::Revoked));
        assert_eq!(late.look(), Some(Err(Rejected::Revoked)));
    }

    #[tokio::test]
    async fn what_has_expired_is_no_permit() {
        let house = house();
        let expired = house.signed(0);
        let judged = Permit::judge(&house.rules, house.rules.version(), expired);
        assert_eq!(judged.err(), Some(Rejected::Expired));
    }
}
