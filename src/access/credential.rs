//! [`Credential`]: who one is, until when, signed. In: what was shown, [`Keys`], [`Ledger`], the
//! time. Out: the credential, or why it is none. Nothing about a single credential is kept, so it
//! is as good after a restart as before. It must not know where it was shown.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{Id, Keys, Ledger, PageKey, Time};
use crate::config::limits::{
    CLOCK_SKEW, CREDENTIAL_BYTES, CREDENTIAL_LIFE, CREDENTIAL_RENEWABLE, LINK_LIFE,
};

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Lies in a link; good once, for one of the other kind.
    Link,
    /// Lies in a page's storage.
    Page,
}

/// Who one is, until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// What it is for.
    #[serde(rename = "k")]
    pub kind: Kind,
    /// Its own name, for revoking it.
    #[serde(rename = "i")]
    pub id: Id,
    /// When it was made.
    #[serde(rename = "m")]
    pub made: Time,
    /// From when it is none.
    #[serde(rename = "x")]
    pub expires: Time,
    /// When its holder signed in: renewing does not go on for ever.
    #[serde(rename = "s")]
    pub since: Time,
    /// Logging out everywhere begins a new one.
    #[serde(rename = "e")]
    pub epoch: u32,
    /// The share it was given for; `None` is the owner.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Id>,
    /// Which opening of that it was given for.
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    pub opening: u32,
    /// What its holder signs with; without, whoever shows it is its holder.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PageKey>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why something is no credential. People are told the same for all of them; the audit log is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Not ours, or damaged.
    #[error("not signed by this muxview")]
    Forged,
    /// Too old, or from the future.
    #[error("expired")]
    Expired,
    /// Signed out, or a link that was opened.
    #[error("revoked or used")]
    Revoked,
    /// Good only with a signature, and shown without.
    #[error("shown without a signature")]
    Unsigned,
    /// Signed by another key, or for another request.
    #[error("not signed by its key for this request")]
    Signature,
    /// Signed too long ago, before this muxview listened, or for later.
    #[error("signed at another time")]
    Untimely,
    /// The signature was shown before.
    #[error("signature used before")]
    Replayed,
    /// More signatures than are remembered.
    #[error("too many signatures")]
    TooMany,
}

impl Credential {
    /// For a link that the owner opens.
    #[must_use]
    pub fn link(random: [u8; 12], ledger: &Ledger, now: Time) -> Self {
        Self {
            kind: Kind::Link,
            id: Id::new(random),
            made: now,
            expires: now + LINK_LIFE.as_secs(),
            since: now,
            epoch: ledger.epoch(),
            share: None,
            opening: 0,
            key: None,
        }
    }

    /// For a page whose link was good. One that a share was opened with, for the how manyth time, ends no
    /// later than that.
    #[must_use]
    pub fn page(
        random: [u8; 12],
        ledger: &Ledger,
        share: Option<(Id, Time, u32)>,
        now: Time,
    ) -> Self {
        let expires = now + CREDENTIAL_LIFE.as_secs();
        let opening = share.as_ref().map_or(0, |(_, _, opening)| *opening);
        let (share, until) = share.map(|(share, until, _)| (share, until)).unzip();
        Self {
            kind: Kind::Page,
            id: Id::new(random),
            made: now,
            expires: until.map_or(expires, |until| expires.min(until)),
            since: now,
            epoch: ledger.epoch(),
            share,
            opening,
            key: None,
        }
    }

    /// The same, good only with signatures by this key.
    #[must_use]
    pub fn bound(self, key: PageKey) -> Self {
        let key = Some(key);
        Self { key, ..self }
    }

    /// From when it is none, however often it is renewed: so long its end must be remembered.
    #[must_use]
    pub fn last(&self, ledger: &Ledger) -> Time {
        match (self.kind, &self.share) {
            (Kind::Link, _) => self.expires,
            (Kind::Page, None) => self.since + CREDENTIAL_RENEWABLE.as_secs(),
            (Kind::Page, Some(share)) => {
                let share = ledger.share(share);
                share.map_or(self.expires, |share| share.expires)
            }
        }
    }

    /// The same with a later end, or `None` while that is far or when one has to sign in again.
    #[must_use]
    pub fn renewed(&self, ledger: &Ledger, now: Time) -> Option<Self> {
        let expires = self.last(ledger).min(now + CREDENTIAL_LIFE.as_secs());
        let half = now + CREDENTIAL_LIFE.as_secs() / 2;
        (self.kind == Kind::Page && self.expires < half && expires > self.expires).then(|| Self {
            made: now,
            expires,
            ..self.clone()
        })
    }

    /// Signs its holder out.
    pub fn sign_out(&self, ledger: &mut Ledger, now: Time) {
        match &self.share {
            None => {
                ledger.end(self.id.clone(), self.last(ledger), now);
            }
            Some(share) => ledger.leave(share, self.opening),
        }
    }

    /// As a page, a link and a header carry it: `[\w.-]`, at most [`CREDENTIAL_BYTES`].
    #[must_use]
    pub fn sealed(&self, keys: &Keys) -> String {
        let text = serde_json::to_vec(self).expect("plain data");
        keys.seal(&BASE64_URL_SAFE_NO_PAD.encode(text))
    }

    /// Reads what [`Credential::sealed`] made.
    ///
    /// # Errors
    /// When it is none, or none any more.
    pub fn open(text: &str, keys: &Keys, ledger: &Ledger, now: Time) -> Result<Self, Rejected> {
        if text.len() > CREDENTIAL_BYTES {
            return Err(Rejected::Forged);
        }
        let text = keys.open(text).ok_or(Rejected::Forged)?;
        let text = BASE64_URL_SAFE_NO_PAD.decode(text);
        let text = text.map_err(|_| Rejected::Forged)?;
        let found: Self = serde_json::from_slice(&text).map_err(|_| Rejected::Forged)?;
        found.check(ledger, now)?;
        Ok(found)
    }

    /// Whether it is still good: asked again for every open socket when the ledger changes.
    ///
    /// # Errors
    /// When it is not.
    pub fn check(&self, ledger: &Ledger, now: Time) -> Result<(), Rejected> {
        let future = self.made > now + CLOCK_SKEW.as_secs();
        if future || now >= self.expires {
            return Err(Rejected::Expired);
        }
        let shared = |share| {
            let share = ledger.share(share);
            share.is_some_and(|share| now < share.expires && !share.has_left(self.opening))
        };
        let gone = self.epoch != ledger.epoch()
            || ledger.is_doubtful(now)
            || ledger.is_ended(&self.id)
            || self.share.as_ref().is_some_and(|share| !shared(share));
        if gone {
            return Err(Rejected::Revoked);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::share::Terms;
    use crate::access::{Share, Target};
    use crate::tmux::{Creation, SessionId};
    use proptest::prelude::*;

    const NOW: Time = 1_000_000_000;

    #[test]
    fn it_is_good_from_now_until_it_expires() {
        let (keys, ledger) = (Keys::new([1; 32], NOW), Ledger::default());
        let page = Credential::page([2; 12], &ledger, None, NOW);
        let sealed = page.sealed(&keys);
        assert!(sealed.len() <= CREDENTIAL_BYTES, "{}", sealed.len());
        assert!(
            sealed
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        );
        let open = |now| Credential::open(&sealed, &keys, &ledger, now);
        assert_eq!(open(NOW), Ok(page.clone()));
        // Clocks differ a little, not by an hour.
        assert_eq!(open(NOW - CLOCK_SKEW.as_secs()), Ok(page.clone()));
        assert_eq!(open(NOW - 3600), Err(Rejected::Expired));
        assert_eq!(open(page.expires - 1), Ok(page.clone()));
        assert_eq!(open(page.expires), Err(Rejected::Expired));
    }

    #[test]
    fn ending_one_or_all_is_the_end() {
        let keys = Keys::new([1; 32], NOW);
        let mut ledger = Ledger::default();
        let [one, two] = [3, 4].map(|n| Credential::page([n; 12], &ledger, None, NOW));
        let open = |c: &Credential, ledger: &Ledger| {
            Credential::open(&c.sealed(&keys), &keys, ledger, NOW).map(|_| ())
        };
        ledger.end(one.id.clone(), one.expires, NOW);
        assert_eq!(open(&one, &ledger), Err(Rejected::Revoked));
        assert_eq!(open(&two, &ledger), Ok(()));
        ledger.end_all();
        assert_eq!(open(&two, &ledger), Err(Rejected::Revoked));
        let new = Credential::page([5; 12], &ledger, None, NOW);
        assert_eq!(open(&new, &ledger), Ok(()));
    }

    #[test]
    fn who_signs_out_with_an_old_copy_ends_the_renewed_one_for_good() {
        let mut ledger = Ledger::default();
        let link = Credential::link([1; 12], &ledger, NOW);
        assert_eq!(link.last(&ledger), link.expires);
        let terms = Terms {
            now: NOW,
            seconds: 2 * CREDENTIAL_LIFE.as_secs(),
            uses: 1,
            confidential: false,
        };
        let session = Target {
            id: SessionId(1),
            created: Creation {
                at: 1,
                server: None,
            },
            name: "work",
        };
        let (share, secret) = Share::new([3; 32], session, "owner", terms);
        ledger.add(share, NOW).expect("room");
        let (share, opening) = ledger.open(&secret, NOW).expect("once");
        let terms = Some((share.id.clone(), share.expires, opening));
        for terms in [None, terms] {
            let old = Credential::page([4; 12], &ledger, terms, NOW);
            let later = old.expires - 1;
            let renewed = old.renewed(&ledger, later).expect("it is time");
            old.sign_out(&mut ledger, later);
            // Another end makes the ledger forget what is over.
            ledger.end(Id::new([5; 12]), u64::MAX, renewed.expires - 1);
            let gone = renewed.check(&ledger, renewed.expires - 1);
            assert_eq!(gone, Err(Rejected::Revoked), "{renewed:?}");
            ledger.end_all();
        }
    }

    #[test]
    fn a_page_in_use_is_renewed_and_not_for_ever() {
        let ledger = Ledger::default();
        let mut page = Credential::page([2; 12], &ledger, None, NOW);
        assert_eq!(page.renewed(&ledger, NOW), None);
        let mut now = NOW;
        let end = loop {
            now += CREDENTIAL_LIFE.as_secs() * 3 / 4;
            if page.check(&ledger, now).is_err() {
                break now;
            }
            page = page.renewed(&ledger, now).unwrap_or(page);
        };
        assert!(end >= NOW + CREDENTIAL_RENEWABLE.as_secs());
        assert!(end < NOW + CREDENTIAL_RENEWABLE.as_secs() + CREDENTIAL_LIFE.as_secs());
        let link = Credential::link([2; 12], &ledger, NOW);
        assert_eq!(link.renewed(&ledger, link.expires - 1), None);
    }

    proptest! {
        #[test]
        fn nothing_else_opens(text in ".{0,600}") {
            let keys = Keys::new([1; 32], NOW);
            let opened = Credential::open(&text, &keys, &Ledger::default(), NOW);
            prop_assert_eq!(opened, Err(Rejected::Forged));
        }
    }
}
