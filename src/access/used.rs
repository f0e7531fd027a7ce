//! [`Used`]: the signatures that were accepted and could be shown again. In: a signature's random
//! number, whose it is, the time. Out: whether it is the first of its kind. Pure. It must not know what
//! was signed.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet, VecDeque};

use super::Id;
use super::credential::Rejected;
use super::signed::{Millis, Nonce};
use crate::config::limits::{SIGNED_AHEAD, SIGNED_LIFE, USED_OF_ONE, USED_SIGNATURES};

/// One that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// When.
    #[serde(rename = "t")]
    at: Millis,
    /// By whose credential.
    #[serde(rename = "c")]
    credential: Id,
    #[serde(rename = "n")]
    nonce: Nonce,
    #[serde(rename = "g", default)]
    guest: bool,
}

/// Those that were accepted, for as long as they could be accepted again.
#[derive(Debug, Default)]
pub struct Used {
    /// In the order they came.
    accepted: VecDeque<Accepted>,
    by_credential: HashMap<Id, HashSet<Nonce>>,
    /// How many of them are guests'.
    guests: usize,
}

impl Used {
    /// Accepts it, unless it was before. Guests leave room for owners, and each leaves room for others.
    ///
    /// # Errors
    /// When it was accepted before; when there are too many to remember.
    pub fn accept(
        &mut self,
        credential: &Id,
        guest: bool,
        nonce: Nonce,
        now: Millis,
    ) -> Result<(), Rejected> {
        self.forget(now);
        let own = self.by_credential.get(credential);
        if own.is_some_and(|own| own.contains(&nonce)) {
            return Err(Rejected::Replayed);
        }
        let full = own.is_some_and(|own| own.len() >= USED_OF_ONE)
            || self.accepted.len() >= USED_SIGNATURES
            || (guest && self.guests >= USED_SIGNATURES / 2);
        if full {
            return Err(Rejected::TooMany);
        }
        self.add(Accepted {
            at: now,
            credential: credential.clone(),
            nonce,
            guest,
        });
        Ok(())
    }

    /// What the next process must know.
    pub fn iter(&self) -> impl Iterator<Item = &Accepted> {
        self.accepted.iter()
    }

    fn add(&mut self, accepted: Accepted) {
        self.guests += usize::from(accepted.guest);
        let own = self.by_credential.entry(accepted.credential.clone());
        own.or_default().insert(accepted.nonce);
        self.accepted.push_back(accepted);
    }

    fn forget(&mut self, now: Millis) {
        // It may have come as early as it may, and is good for as long after.
        let keep = SIGNED_AHEAD + SIGNED_LIFE;
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let over = |accepted: &Accepted| accepted.at.saturating_add(keep) < now;
        while self.accepted.front().is_some_and(over) {
            let Some(old) = self.accepted.pop_front() else {
                return;
            };
            self.guests -= usize::from(old.guest);
            if let Some(own) = self.by_credential.get_mut(&old.credential) {
                own.remove(&old.nonce);
                if own.is_empty() {
                    self.by_credential.remove(&old.credential);
                }
            }
        }
    }
}

impl FromIterator<Accepted> for Used {
    fn from_iter<T: IntoIterator<Item = Accepted>>(accepted: T) -> Self {
        let mut used = Self::default();
        accepted.into_iter().for_each(|accepted| used.add(accepted));
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(number: usize) -> Nonce {
        (number as u128).to_be_bytes()
    }

    #[test]
    fn each_is_accepted_once_for_as_long_as_it_is_good() {
        let (one, two) = (Id::new([1; 12]), Id::new([2; 12]));
        let mut used = Used::default();
        assert_eq!(used.accept(&one, false, nonce(1), 1000), Ok(()));
        let again = used.accept(&one, false, nonce(1), 1001);
        assert_eq!(again, Err(Rejected::Replayed));
        assert_eq!(used.accept(&two, false, nonce(1), 1001), Ok(()));
        let keep = (SIGNED_AHEAD + SIGNED_LIFE).as_millis() as Millis;
        let last = used.accept(&one, false, nonce(1), 1000 + keep);
        assert_eq!(last, Err(Rejected::Replayed));
        // Its time was over before.
        assert_eq!(used.accept(&one, false, nonce(1), 1001 + keep), Ok(()));
        assert_eq!(used.iter().count(), 2);
    }

    #[test]
    fn what_is_left_to_the_next_process_is_refused_there() {
        let id = Id::new([1; 12]);
        let mut used = Used::default();
        used.accept(&id, true, nonce(1), 5).expect("first");
        let text = serde_json::to_string(&used.iter().collect::<Vec<_>>()).expect("plain");
        let left: Vec<Accepted> = serde_json::from_str(&text).expect("the same");
        let mut next: Used = left.into_iter().collect();
        let again = next.accept(&id, true, nonce(1), 6);
        assert_eq!(again, Err(Rejected::Replayed));
    }

    #[test]
    fn nobody_fills_it_for_others() {
        let mut used = Used::default();
        let id = |number: u8| Id::new([number; 12]);
        let mut guests = 0;
        // As many guests as you like.
        for guest in 1..40 {
            for n in 0..=USED_OF_ONE {
                guests += usize::from(used.accept(&id(guest), true, nonce(n), 0).is_ok());
            }
        }
        assert_eq!(guests, USED_SIGNATURES / 2);
        for n in 0..USED_OF_ONE {
            assert_eq!(used.accept(&id(0), false, nonce(n), 0), Ok(()));
        }
        let more = used.accept(&id(0), false, nonce(USED_OF_ONE), 0);
        assert_eq!(more, Err(Rejected::TooMany));
        let later = (SIGNED_AHEAD + SIGNED_LIFE).as_millis() as Millis + 1;
        assert_eq!(used.accept(&id(1), true, nonce(0), later), Ok(()));
        assert_eq!((used.iter().count(), used.guests), (1, 1));
    }
}
