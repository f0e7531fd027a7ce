//! [`Signer`]: whoever can read the keys signs requests as a page does: with a credential made for one
//! request. Nothing it shows is good a second time or for anything else. In: keys, ledger, randomness,
//! the time. Out: what to show, and whether an answer comes from whoever has the same keys. Pure.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::page_key::Offer;
use super::signed::{Millis, Nonce, Request};
use super::{Credential, Keys, Ledger, PageKey, Signed, Time};
use crate::config::limits::SIGNER_LIFE;

/// A request's signer.
#[derive(Debug)]
pub struct Signer<'a> {
    keys: &'a Keys,
    credential: Credential,
    key: PageKey,
    sealed: String,
}

impl<'a> Signer<'a> {
    /// For one request, and one more try where clocks differ.
    #[must_use]
    pub fn new(keys: &'a Keys, ledger: &Ledger, random: [u8; 12], now: Time) -> Self {
        let key = PageKey::new(&Offer::Hmac, keys);
        let mut credential = Credential::page(random, ledger, None, now).bound(key.clone());
        credential.expires = now + SIGNER_LIFE.as_secs();
        let sealed = credential.sealed(keys);
        Self {
            keys,
            credential,
            key,
            sealed,
        }
    }

    /// What to show with this request. `None`: the keys are not whole.
    #[must_use]
    pub fn sign(
        &self,
        origin: &str,
        request: Request<'_>,
        time: Millis,
        nonce: Nonce,
    ) -> Option<String> {
        let signed = Signed {
            credential: &self.sealed,
            time,
            nonce,
            signature: vec![],
        };
        let text = signed.text(origin, request);
        let signature = self.key.seal(self.keys, &self.credential.id, &text)?;
        let [nonce, signature] = [&nonce[..], &signature].map(|b| BASE64_URL_SAFE_NO_PAD.encode(b));
        Some(format!("{}~{time}~{nonce}~{signature}", self.sealed))
    }

    /// The time an answer tells, if whoever answered has the keys and saw this nonce.
    #[must_use]
    pub fn time_in(&self, told: &str, nonce: Nonce) -> Option<Millis> {
        let (now, seal) = told.split_once('.')?;
        let now = now.parse().ok()?;
        let signed = Signed {
            credential: &self.sealed,
            time: 0,
            nonce,
            signature: vec![],
        };
        let text = signed.clock_text(now);
        let right = self.key.clock_seal(self.keys, &self.credential.id, &text)?;
        let given = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        bool::from(right[..].ct_eq(&given[..])).then_some(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_shows_is_right_and_only_the_other_holder_of_the_keys_answers() {
        let (keys, other) = (Keys::new([1; 32], 0), Keys::new([2; 32], 0));
        let ledger = Ledger::default();
        let signer = Signer::new(&keys, &ledger, [3; 12], 5);
        let request = Request {
            method: "GET",
            path: "/api/shares",
        };
        let shown = signer.sign("http://a", request, 7, [4; 16]).expect("whole");
        let signed = Signed::parse(&shown).expect("whole");
        let credential = Credential::open(signed.credential, &keys, &ledger, 5).expect("ours");
        let key = credential.key.as_ref().expect("bound");
        let text = signed.text("http://a", request);
        assert!(key.verify(&keys, &credential.id, &text, &signed.signature));
        assert!(Credential::open(signed.credential, &keys, &ledger, 600).is_err());

        let tell = |keys: &Keys, nonce| {
            let signed = Signed {
                nonce,
                ..signed.clone()
            };
            let seal = key.clock_seal(keys, &credential.id, &signed.clock_text(9));
            let seal = BASE64_URL_SAFE_NO_PAD.encode(seal.expect("whole"));
            signer.time_in(&format!("9.{seal}"), [4; 16])
        };
        assert_eq!(tell(&keys, [4; 16]), Some(9));
        assert_eq!(tell(&keys, [5; 16]), None, "of another request");
        assert_eq!(tell(&other, [4; 16]), None, "of somebody else");
        assert_eq!(signer.time_in("9.AAAA", [4; 16]), None);
        assert_eq!(signer.time_in("", [4; 16]), None);
    }
}
