//! [`Ledger`]: what a signature alone cannot tell: which credentials were ended before their time,
//! and what is shared. In: ends, shares, the time. Out: the same, whatever is over forgotten. It is
//! plain data, written to a file as it is. It must not know files.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::access::Id;
use crate::access::Share;
use crate::access::Time;
use crate::config::limits::{CLOCK_SKEW, ENDED_CREDENTIALS, SHARES};

/// What was ended and what is shared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ledger {
    epoch: u32,
    /// Credentials signed out and links opened, with until when one of that name could be good.
    ended: BTreeMap<Id, Time>,
    shares: Vec<Share>,
    /// Up to when what was ended may have been forgotten.
    #[serde(default)]
    forgotten: Time,
}

/// Why nothing more is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are {SHARES} shares already: end one first (muxview share rm ID)")]
pub struct TooManyShares;

impl Ledger {
    /// An empty one. A random epoch, since one that was lost knew ends which must not be undone:
    /// with it everything signed before is over.
    #[must_use]
    pub fn new(random: [u8; 4]) -> Self {
        Self {
            epoch: u32::from_be_bytes(random),
            ..Self::default()
        }
    }

    /// Credentials of other epochs are none.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Ends every credential there is.
    pub fn end_all(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.ended.clear();
    }

    /// Ends every credential and every share: nobody comes back by what was given out before.
    pub fn sign_out_everywhere(&mut self) {
        self.end_all();
        self.shares.clear();
    }

    /// Whether the clock was put back to before ends were forgotten: what was ended might be good again
    /// by it, and nobody knows what that was. Nothing is good until [`Ledger::mend`].
    #[must_use]
    pub const fn is_doubtful(&self, now: Time) -> bool {
        now < self.forgotten
    }

    /// Begins anew where it is doubtful: everyone signs in again.
    pub fn mend(&mut self, now: Time) {
        if self.is_doubtful(now) {
            self.end_all();
            self.forgotten = now;
        }
    }

    /// Whether this credential was ended before its time.
    #[must_use]
    pub fn is_ended(&self, id: &Id) -> bool {
        self.ended.contains_key(id)
    }

    /// Ends one credential and all that were renewed from it, none of which is good after `last`
    /// anyway. `false`: it was ended before, which is how a link is good only once.
    pub fn end(&mut self, id: Id, last: Time, now: Time) -> bool {
        // A clock that is set back must find it.
        let late = now.saturating_sub(CLOCK_SKEW.as_secs());
        let known = self.ended.len();
        self.ended.retain(|_, last| late < *last);
        if self.ended.len() < known {
            self.forgotten = self.forgotten.max(late);
        }
        if self.is_ended(&id) {
            return false;
        }
        // Full of ends that still count: none may be forgotten, so all of it is over.
        if self.ended.len() >= ENDED_CREDENTIALS {
            self.end_all();
        }
        self.ended.insert(id, last);
        true
    }

    /// Signs out a guest. It is written down with the share, which bounds it: guests cannot fill what is
    /// remembered of others.
    pub(super) fn leave(&mut self, share: &Id, opening: u32) {
        // A share that is over has no guests.
        if let Some(share) = self.shares.iter_mut().find(|known| known.id == *share) {
            share.leave(opening);
        }
    }

    /// All that is shared.
    pub fn shares(&self) -> impl Iterator<Item = &Share> {
        self.shares.iter()
    }

    /// One share.
    #[must_use]
    pub fn share(&self, id: &Id) -> Option<&Share> {
        self.shares.iter().find(|share| share.id == *id)
    }

    /// Shares something.
    ///
    /// # Errors
    /// When too much is shared already.
    pub fn add(&mut self, share: Share, now: Time) -> Result<(), TooManyShares> {
        let live = self.shares.iter().filter(|share| now < share.expires);
        if live.count() >= SHARES {
            return Err(TooManyShares);
        }
        self.shares.push(share);
        Ok(())
    }

    /// Ends a share; `false` if there is none.
    pub fn remove(&mut self, id: &Id) -> bool {
        let before = self.shares.len();
        self.shares.retain(|share| share.id != *id);
        self.shares.len() < before
    }

    /// Opens the share whose secret this is once more, if it may be; gives it and the number of this
    /// opening.
    pub fn open(&mut self, secret: &str, now: Time) -> Option<(&Share, u32)> {
        let mut shares = self.shares.iter_mut();
        let share = shares.find(|share| share.is_opened_by(secret))?;
        let opening = share.open(now)?;
        Some((share, opening))
    }

    /// Whether this is the secret of a share that may be opened.
    #[must_use]
    pub fn has_secret(&self, secret: &str, now: Time) -> bool {
        let good = |share: &Share| share.is_opened_by(secret) && share.is_open(now);
        self.shares.iter().any(good)
    }

    /// Forgets the shares whose time is over, and gives them: each is told once. One whose link was
    /// opened as often as it may be lives on for those who did.
    pub fn expire(&mut self, now: Time) -> Vec<Share> {
        self.shares
            .extract_if(.., |share| now >= share.expires)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Credential;
    use crate::access::Target;
    use crate::access::credential::Rejected;
    use crate::access::share::Terms;
    use crate::config::limits::{SHARE_USES, VAULT_BYTES};
    use crate::tmux::{Creation, SessionId};

    fn id(n: u32) -> Id {
        let mut random = [0; 12];
        random[..4].copy_from_slice(&n.to_be_bytes());
        Id::new(random)
    }

    #[test]
    fn a_link_is_good_once() {
        let mut ledger = Ledger::default();
        assert!(ledger.end(id(1), 100, 10));
        assert!(!ledger.end(id(1), 100, 11));
        // What expired needs no entry any more, once no clock can be set back to before that.
        let skew = CLOCK_SKEW.as_secs();
        assert!(!ledger.end(id(1), 100, 99 + skew));
        assert!(ledger.end(id(2), 200 + skew, 100 + skew));
        assert!(!ledger.is_ended(&id(1)) && ledger.is_ended(&id(2)));
    }

    #[test]
    fn a_clock_that_was_put_back_brings_nothing_back() {
        const NOW: Time = 1_000_000_000;
        const YEAR: Time = 365 * 86_400;
        let mut ledger = Ledger::default();
        let page = |n, ledger: &Ledger, now| Credential::page([n; 12], ledger, None, now);
        let [ended, other] = [1, 2].map(|n| page(n, &ledger, NOW));
        ledger.end(ended.id.clone(), ended.expires, NOW);
        // A year later by a clock that is wrong, somebody signs out and the end is forgotten.
        let late = page(3, &ledger, NOW + YEAR);
        ledger.end(late.id, late.expires, NOW + YEAR);
        assert!(!ledger.is_ended(&ended.id));
        for back in [0, 1, 86_400] {
            assert!(ledger.is_doubtful(NOW + back));
            for page in [&ended, &other] {
                assert_eq!(page.check(&ledger, NOW + back), Err(Rejected::Revoked));
            }
        }
        ledger.mend(NOW + 1);
        let new = page(4, &ledger, NOW + 1);
        assert_eq!(new.check(&ledger, NOW + 1), Ok(()));
        assert_eq!(ended.check(&ledger, NOW + 1), Err(Rejected::Revoked));

        // A little back is nothing, and a year on nothing is good that was.
        ledger.end(new.id.clone(), new.expires, NOW + 1);
        let skew = CLOCK_SKEW.as_secs();
        let later = page(5, &ledger, new.expires + skew + 1);
        ledger.end(page(6, &ledger, NOW).id, NOW + YEAR, later.made);
        assert!(!ledger.is_ended(&new.id));
        assert_eq!(later.check(&ledger, later.made - skew), Ok(()));
        assert_eq!(
            later.check(&ledger, later.made + YEAR),
            Err(Rejected::Expired)
        );
    }

    #[test]
    fn it_is_bounded_and_forgets_no_end() {
        let mut ledger = Ledger::default();
        let epoch = ledger.epoch();
        for n in 0..=u32::try_from(ENDED_CREDENTIALS).expect("small") {
            ledger.end(id(n), 1_000, 0);
        }
        // The first was forgotten only together with everything that is signed.
        assert!(!ledger.is_ended(&id(0)));
        assert_ne!(ledger.epoch(), epoch);
    }

    #[test]
    fn guests_sign_out_nobody_but_themselves_and_fill_nothing() {
        let mut ledger = Ledger::default();
        let session = Target {
            id: SessionId(1),
            created: Creation {
                at: 1,
                server: None,
            },
            name: &"\u{1f4a9}".repeat(64),
        };
        let terms = Terms {
            now: 0,
            seconds: 1_000_000,
            uses: SHARE_USES,
            confidential: false,
        };
        let owner = Credential::page([9; 12], &ledger, None, 0);
        let mut stays = vec![];
        for number in 0..SHARES {
            let random = std::array::from_fn(|at| (number >> (8 * (at % 2))) as u8);
            let (share, _) = Share::new(random, session, "owner", terms);
            ledger.add(share, 0).expect("room");
            for opened in 0..SHARE_USES {
                let share = &mut ledger.shares[number];
                let opening = share.open(0).expect("one more");
                let share = (share.id.clone(), share.expires, opening);
                let guest = Credential::page([3; 12], &ledger, Some(share), 0);
                if opened % 100 == 50 {
                    stays.push(guest);
                } else {
                    guest.sign_out(&mut ledger, 1);
                    assert!(number > 4 || guest.check(&ledger, 1).is_err());
                }
            }
            assert_eq!(ledger.shares[number].open(0), None);
        }
        assert!(SHARES * SHARE_USES as usize > ENDED_CREDENTIALS);
        assert_eq!(owner.check(&ledger, 1), Ok(()));
        assert_eq!(stays.len(), SHARES * SHARE_USES as usize / 100);
        assert!(stays.iter().all(|guest| guest.check(&ledger, 1).is_ok()));
        // And all of it fits, also with as many ends of the owner's.
        for n in 0..u32::try_from(ENDED_CREDENTIALS).expect("small") {
            assert!(ledger.end(id(n), u64::from(u32::MAX), 0));
        }
        assert_eq!(owner.check(&ledger, 1), Ok(()));
        let written = serde_json::to_string(&ledger).expect("plain data").len();
        assert!((written as u64) < VAULT_BYTES, "{written}");
    }

    #[test]
    fn a_share_is_opened_as_often_as_it_may_and_until_it_ends() {
        let mut ledger = Ledger::default();
        let session = Target {
            id: SessionId(1),
            created: Creation {
                at: 1,
                server: None,
            },
            name: "work",
        };
        let terms = Terms {
            now: 0,
            seconds: 100,
            uses: 2,
            confidential: false,
        };
        let (share, secret) = Share::new([1; 32], session, "owner", terms);
        ledger.add(share.clone(), 0).expect("room");
        assert!(ledger.open("share.other", 1).is_none());
        assert!(ledger.open(&secret, 1).is_some() && ledger.open(&secret, 2).is_some());
        assert!(ledger.open(&secret, 3).is_none());
        assert!(ledger.share(&share.id).is_some());
        assert!(ledger.remove(&share.id) && !ledger.remove(&share.id));

        ledger.add(share.clone(), 0).expect("room");
        assert!(ledger.open(&secret, 100).is_none());
        for n in 0..SHARES {
            let (share, _) = Share::new([n as u8; 32], session, "owner", terms);
            let room = ledger.add(share, 1);
            assert_eq!(room.is_err(), n == SHARES - 1);
        }
    }
}
