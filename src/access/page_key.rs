//! [`PageKey`]: what the page that holds a credential signs its requests with, so that the credential
//! alone is worth nothing. In: what a page offers, our keys. Out: whether a signature is right, and the
//! secrets both sides share. It must not know what is signed.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Id, Keys};

/// What a page signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// A key pair of the browser's that never leaves it: ECDSA with P-256 and SHA-256. A point,
    /// compressed.
    P256([u8; 33]),
    /// A secret of ours: HMAC-SHA256. Browsers keep keys only for pages that came over TLS or from
    /// this machine.
    Hmac,
}

impl Offer {
    /// What a page says: `hmac`, or `p256.` and the point, uncompressed, in base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "hmac" {
            return Some(Self::Hmac);
        }
        let point = BASE64_URL_SAFE_NO_PAD.decode(text.strip_prefix("p256.")?);
        let key = VerifyingKey::from_sec1_bytes(&point.ok()?).ok()?;
        let point = key.to_sec1_point(true);
        Some(Self::P256(point.as_bytes().try_into().ok()?))
    }
}

/// The key a credential is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageKey {
    /// The number of the key of ours that the secrets come from.
    #[serde(rename = "n")]
    number: u32,
    /// The point, compressed, in base64url; none for a secret.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    point: Option<String>,
}

/// What a secret is for: none is good for anything else.
#[derive(Debug, Clone, Copy)]
enum Use {
    /// The page signs with it.
    Requests,
    /// We sign the time with it.
    Clock,
}

impl PageKey {
    /// Of a page that offers this.
    #[must_use]
    pub fn new(offer: &Offer, keys: &Keys) -> Self {
        let point = match offer {
            Offer::P256(point) => Some(BASE64_URL_SAFE_NO_PAD.encode(point)),
            Offer::Hmac => None,
        };
        Self {
            number: keys.number(),
            point,
        }
    }

    /// What the page signs with, if that is a secret of ours.
    #[must_use]
    pub fn secret(&self, keys: &Keys, id: &Id) -> Option<[u8; 32]> {
        if self.point.is_some() {
            return None;
        }
        self.derived(keys, id, Use::Requests)
    }

    /// By what the page knows that it is us who tells the time.
    #[must_use]
    pub fn clock_secret(&self, keys: &Keys, id: &Id) -> Option<[u8; 32]> {
        self.derived(keys, id, Use::Clock)
    }

    /// A seal on what we tell the page.
    #[must_use]
    pub fn clock_seal(&self, keys: &Keys, id: &Id, text: &str) -> Option<[u8; 16]> {
        let seal = mac(&self.clock_secret(keys, id)?, text).finalize();
        seal.into_bytes()[..16].try_into().ok()
    }

    /// What a page whose secret is ours signs this with.
    #[must_use]
    pub fn seal(&self, keys: &Keys, id: &Id, text: &str) -> Option<[u8; 32]> {
        let seal = mac(&self.secret(keys, id)?, text).finalize();
        Some(seal.into_bytes().into())
    }

    /// Whether the page signed this.
    #[must_use]
    pub fn verify(&self, keys: &Keys, id: &Id, text: &str, signature: &[u8]) -> bool {
        let Some(point) = &self.point else {
            let secret = self.secret(keys, id);
            // Compares in constant time.
            return secret.is_some_and(|secret| mac(&secret, text).verify_slice(signature).is_ok());
        };
        let key = BASE64_URL_SAFE_NO_PAD
            .decode(point)
            .ok()
            .and_then(|point| VerifyingKey::from_sec1_bytes(&point).ok());
        let signature = Signature::from_slice(signature).ok();
        let both = key.zip(signature);
        both.is_some_and(|(key, signature)| key.verify(text.as_bytes(), &signature).is_ok())
    }

    fn derived(&self, keys: &Keys, id: &Id, what: Use) -> Option<[u8; 32]> {
        let what = match what {
            Use::Requests => "page-requests",
            Use::Clock => "service-clock",
        };
        keys.derive(self.number, what, id.as_str())
    }
}

fn mac(secret: &[u8], text: &str) -> Hmac<Sha256> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    mac.expect("HMAC takes keys of every length")
        .chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::Signer as _;

    fn offered(key: &SigningKey) -> String {
        let point = key.verifying_key().to_sec1_point(false);
        format!("p256.{}", BASE64_URL_SAFE_NO_PAD.encode(point.as_bytes()))
    }

    #[test]
    fn a_signature_is_right_for_one_key_and_one_text() {
        let keys = Keys::new([1; 32], 0);
        let id = Id::new([2; 12]);
        let [own, other] = [3, 4].map(|n| SigningKey::from_slice(&[n; 32]).expect("a key"));
        let offer = Offer::parse(&offered(&own)).expect("a point");
        let key = PageKey::new(&offer, &keys);
        assert_eq!(key.secret(&keys, &id), None);
        let sign = |key: &SigningKey, text: &str| {
            let signature: Signature = key.sign(text.as_bytes());
            signature.to_bytes().to_vec()
        };
        assert!(key.verify(&keys, &id, "text", &sign(&own, "text")));
        assert!(!key.verify(&keys, &id, "other", &sign(&own, "text")));
        assert!(!key.verify(&keys, &id, "text", &sign(&other, "text")));
        for wrong in [&[][..], &[0; 64], &[1; 63], &[255; 65]] {
            assert!(!key.verify(&keys, &id, "text", wrong));
        }
    }

    #[test]
    fn a_secret_is_of_one_credential_and_one_use() {
        let keys = Keys::new([1; 32], 0);
        let [one, two] = [2, 3].map(|n| Id::new([n; 12]));
        let key = PageKey::new(&Offer::Hmac, &keys);
        let secret = key.secret(&keys, &one).expect("of the present key");
        assert_ne!(key.secret(&keys, &two), Some(secret));
        assert_ne!(key.clock_secret(&keys, &one), Some(secret));
        let seal = mac(&secret, "text").finalize().into_bytes();
        assert!(key.verify(&keys, &one, "text", &seal));
        assert!(!key.verify(&keys, &one, "texts", &seal));
        assert!(!key.verify(&keys, &two, "text", &seal));
        assert!(!key.verify(&keys, &one, "text", &seal[..31]));
        assert!(!key.verify(&Keys::new([9; 32], 0), &one, "text", &seal));
    }

    #[test]
    fn it_outlives_a_change_of_our_key() {
        let mut keys = Keys::new([1; 32], 0);
        let id = Id::new([2; 12]);
        let key = PageKey::new(&Offer::Hmac, &keys);
        let secret = key.secret(&keys, &id);
        keys.rotate([2; 32], crate::config::limits::KEY_LIFE.as_secs());
        assert_eq!(key.secret(&keys, &id), secret);
        assert_ne!(PageKey::new(&Offer::Hmac, &keys).secret(&keys, &id), secret);
    }

    #[test]
    fn only_points_and_the_word_are_offers() {
        let key = SigningKey::from_slice(&[3; 32]).expect("a key");
        let good = offered(&key);
        assert!(Offer::parse(&good).is_some());
        assert_eq!(Offer::parse("hmac"), Some(Offer::Hmac));
        for wrong in ["", "HMAC", "p256.", "p256.AAAA", &good[5..], &good[..80]] {
            assert_eq!(Offer::parse(wrong), None, "{wrong}");
        }
        // No point of the curve.
        let zeros = BASE64_URL_SAFE_NO_PAD.encode([4; 65]);
        assert_eq!(Offer::parse(&format!("p256.{zeros}")), None);
    }
}
