//! [`Budgets`]: what each principal has at the moment, and what it did lately. In: a principal, what it
//! wants, the time. Out: a guard while it has it, or [`Over`]. It must not know what is done with it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::access::Principal;
use crate::access::budget::Limit;
use crate::access::principal::Kind;
use crate::config::limits::{PLACES_GUEST, PLACES_GUESTS, PRINCIPALS, RETRY_AFTER};

/// The accounts of all principals. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Budgets(Arc<All>);

#[derive(Debug)]
struct All {
    accounts: Mutex<HashMap<Principal, Arc<Account>>>,
    places: Arc<Places>,
    /// For those after the last that is counted by itself, by [`Kind`].
    rest: [Arc<Account>; Kind::ALL.len()],
}

/// Places for connections.
#[derive(Debug)]
struct Places {
    all: u64,
    /// Those that shares and users have together.
    guests: AtomicU64,
}

/// What one principal has, and what it did lately.
#[derive(Debug)]
pub struct Account {
    kind: Kind,
    places: Arc<Places>,
    used: Mutex<[Used; Limit::ALL.len()]>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    amount: u64,
    /// When the time began in which it is counted.
    since: Option<Instant>,
}

/// Something a principal has, given back when this is dropped.
#[derive(Debug)]
pub struct Held {
    account: Arc<Account>,
    limit: Limit,
    amount: u64,
}

/// A principal would have more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Of what.
    pub limit: Limit,
    /// When to try again.
    pub wait: Duration,
}

impl Budgets {
    /// Of a service with so many places for connections.
    #[must_use]
    pub fn new(places: usize) -> Self {
        let places = Arc::new(Places {
            all: places as u64,
            guests: AtomicU64::new(0),
        });
        let rest = Kind::ALL.map(|kind| Arc::new(Account::new(kind, &places)));
        Self(Arc::new(All {
            accounts: Mutex::default(),
            places,
            rest,
        }))
    }

    /// The account of a principal.
    #[must_use]
    pub fn account(&self, principal: &Principal) -> Arc<Account> {
        let kind = principal.kind();
        // Nothing in here panics half way.
        let mut accounts = self
            .0
            .accounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = accounts.get(principal) {
            return Arc::clone(account);
        }
        if accounts.len() >= PRINCIPALS {
            let now = crate::web::clock::now();
            accounts
                .retain(|_, account| Arc::strong_count(account) > 1 || account.is_counting(now));
        }
        if accounts.len() >= PRINCIPALS {
            return Arc::clone(&self.0.rest[kind as usize]);
        }
        let account = Arc::new(Account::new(kind, &self.0.places));
        accounts.insert(principal.clone(), Arc::clone(&account));
        account
    }
}

impl Account {
    fn new(kind: Kind, places: &Arc<Places>) -> Self {
        Self {
            kind,
            places: Arc::clone(places),
            used: Mutex::default(),
        }
    }

    /// What its principal is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Takes so much of something, if there is so much left.
    ///
    /// # Errors
    /// If not.
    pub fn hold(self: &Arc<Self>, limit: Limit, amount: u64) -> Result<Held, Over> {
        let mut held = self.nothing(limit);
        held.resize(amount)?;
        Ok(held)
    }

    /// Nothing yet, of something of which there may be more: see [`Held::resize`].
    #[must_use]
    pub fn nothing(self: &Arc<Self>, limit: Limit) -> Held {
        Held {
            account: Arc::clone(self),
            limit,
            amount: 0,
        }
    }

    /// Takes one of something that it had in a process before this one.
    #[must_use]
    pub fn hold_again(self: &Arc<Self>, limit: Limit) -> Held {
        let mut held = self.nothing(limit);
        self.used()[limit as usize].amount += 1;
        if self.shares(limit) {
            self.places.guests.fetch_add(1, Ordering::Relaxed);
        }
        held.amount = 1;
        held
    }

    /// Counts one more of something that is limited in a time.
    ///
    /// # Errors
    /// With how long it must wait, if there were too many.
    pub fn count(&self, limit: Limit, now: Instant) -> Result<(), Over> {
        let Some(window) = limit.window() else {
            return Ok(());
        };
        let mut all = self.used();
        let used = &mut all[limit as usize];
        let since = *used.since.get_or_insert(now);
        let over = now.saturating_duration_since(since);
        if over >= window {
            *used = Used {
                amount: 0,
                since: Some(now),
            };
        }
        if used.amount >= limit.of(self.kind) {
            let wait = window.saturating_sub(over);
            return Err(Over { limit, wait });
        }
        used.amount += 1;
        Ok(())
    }

    /// The most it may have.
    fn most(&self, limit: Limit) -> u64 {
        let most = limit.of(self.kind);
        if self.shares(limit) {
            most.min(self.places.all / PLACES_GUEST as u64)
        } else {
            most
        }
    }

    /// Whether it has that from what all shares and users may have together.
    fn shares(&self, limit: Limit) -> bool {
        limit == Limit::Connections && self.kind.is_guest()
    }

    fn is_counting(&self, now: Instant) -> bool {
        let lately = |(limit, used): (Limit, &Used)| {
            let window = limit.window().unwrap_or_default();
            used.since
                .is_some_and(|since| now.saturating_duration_since(since) < window)
        };
        Limit::ALL.into_iter().zip(self.used().iter()).any(lately)
    }

    fn used(&self) -> MutexGuard<'_, [Used; Limit::ALL.len()]> {
        // A std mutex: held for a few instructions, and never across an await.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Whether it is of this account.
    #[must_use]
    pub fn is_of(&self, account: &Arc<Account>) -> bool {
        Arc::ptr_eq(&self.account, account)
    }

    /// How much it is.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// Makes it so much, if there is so much left.
    ///
    /// # Errors
    /// If not; it stays what it was.
    pub fn resize(&mut self, amount: u64) -> Result<(), Over> {
        let Self { account, limit, .. } = self;
        let over = Over {
            limit: *limit,
            wait: RETRY_AFTER,
        };
        let mut all = account.used();
        let used = &mut all[*limit as usize].amount;
        let others = *used - self.amount;
        if amount > self.amount {
            if others.saturating_add(amount) > account.most(*limit) {
                return Err(over);
            }
            let guests = &account.places.guests;
            if account.shares(*limit) {
                let more = amount - self.amount;
                let most = account.places.all / PLACES_GUESTS as u64;
                let fits = |guests: u64| Some(guests + more).filter(|guests| *guests <= most);
                if guests
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
                    .is_err()
                {
                    return Err(over);
                }
            }
        } else if account.shares(*limit) {
            let less = self.amount - amount;
            account.places.guests.fetch_sub(less, Ordering::Relaxed);
        }
        *used = others + amount;
        drop(all);
        self.amount = amount;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // To have less is never refused.
        let _ = self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Id;

    const PLACES: usize = 512;

    fn share(number: u8) -> Principal {
        Principal::Share(Id::new([number; 12]))
    }

    fn principals() -> [Principal; 4] {
        [
            Principal::Anonymous,
            share(1),
            Principal::User("ann".to_owned()),
            Principal::Owner,
        ]
    }

    #[test]
    fn every_limit_holds_for_every_principal_and_for_it_alone() {
        let now = crate::web::clock::now();
        for limit in Limit::ALL {
            for principal in principals() {
                let budgets = Budgets::new(usize::MAX);
                let account = budgets.account(&principal);
                let most = limit.of(principal.kind());
                if let Some(window) = limit.window() {
                    assert!((0..most).all(|_| account.count(limit, now).is_ok()));
                    let refused = account.count(limit, now);
                    assert_eq!(
                        refused,
                        Err(Over {
                            limit,
                            wait: window
                        })
                    );
                    let again = account.count(limit, now + window);
                    assert_eq!(again.is_ok(), most > 0);
                } else {
                    let all = account.hold(limit, most).expect("so much there is");
                    let refused = account.hold(limit, 1).expect_err("no more");
                    assert_eq!(refused.limit, limit);
                    drop(all);
                    assert!(most == 0 || account.hold(limit, most).is_ok());
                }
                for other in principals() {
                    let account = budgets.account(&other);
                    let free = other == principal
                        || limit.of(other.kind()) == 0
                        || match limit.window() {
                            Some(_) => account.count(limit, now).is_ok(),
                            None => account.hold(limit, 1).is_ok(),
                        };
                    assert!(free, "{principal:?} keeps {limit:?} from {other:?}");
                }
            }
        }
    }

    #[test]
    fn all_guests_together_leave_places_to_the_owner() {
        let budgets = Budgets::new(PLACES);
        let mut held = Vec::new();
        for number in 0..10 {
            let account = budgets.account(&share(number));
            let before = held.len();
            held.extend(
                std::iter::repeat_with(|| account.hold(Limit::Connections, 1))
                    .map_while(Result::ok),
            );
            assert!(held.len() - before <= PLACES / PLACES_GUEST);
        }
        assert_eq!(held.len(), PLACES / PLACES_GUESTS);
        let owner = budgets.account(&Principal::Owner);
        assert!(owner.hold(Limit::Connections, PLACES as u64).is_ok());
        // What another process had accepted is counted however much there is, and given back.
        held.push(budgets.account(&share(1)).hold_again(Limit::Connections));
        drop(held);
        let account = budgets.account(&share(200));
        assert!(account.hold(Limit::Connections, 1).is_ok());
    }

    #[test]
    fn a_swarm_of_principals_is_bounded() {
        let budgets = Budgets::new(PLACES);
        let user = |n: usize| Principal::User(n.to_string());
        for n in 0..2 * PRINCIPALS {
            drop(budgets.account(&user(n)));
        }
        let held: Vec<_> = (0..2 * PRINCIPALS)
            .map(|n| budgets.account(&user(n)))
            .collect();
        let len = budgets.0.accounts.lock().expect("no panic").len();
        assert_eq!(len, PRINCIPALS);
        drop(held);
    }
}
