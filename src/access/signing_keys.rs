//! [`Keys`]: what credentials are signed with. Owns the present key and, for as long as something
//! signed with it may live, the one before. In: randomness and the time. Out: seals (HMAC-SHA256,
//! RFC 2104). It must not know what is sealed.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::access::Time;
use crate::config::limits::{CREDENTIAL_RENEWABLE, KEY_LIFE};

/// One key. Its Debug form tells nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Key {
    id: u32,
    made: Time,
    bytes: [u8; 32],
}

/// A key as it stands in a file.
#[derive(Serialize, Deserialize)]
struct Written {
    id: u32,
    made: Time,
    key: String,
}

impl TryFrom<Written> for Key {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(written.key).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            id: written.id,
            made: written.made,
            bytes: bytes.ok_or("a key is 32 bytes in base64url")?,
        })
    }
}

impl From<Key> for Written {
    fn from(key: Key) -> Self {
        Self {
            id: key.id,
            made: key.made,
            key: BASE64_URL_SAFE_NO_PAD.encode(key.bytes),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    fn mac(&self, text: &str) -> Hmac<Sha256> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.bytes);
        mac.expect("HMAC takes keys of every length")
            .chain_update(text)
    }
}

/// The keys of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    current: Key,
    previous: Option<Key>,
}

impl Keys {
    /// The first key of a service, from 32 random bytes.
    #[must_use]
    pub fn new(random: [u8; 32], now: Time) -> Self {
        let current = Key {
            id: 1,
            made: now,
            bytes: random,
        };
        Self {
            current,
            previous: None,
        }
    }

    /// Whether it is time for another key, or to forget the one before.
    #[must_use]
    pub fn are_stale(&self, now: Time) -> bool {
        self.is_old(now) || (self.previous.is_some() && self.has_outlived(now))
    }

    /// Takes a new key when the present one is old. What was signed with that stays good, as long
    /// as anything signed with it can live.
    pub fn rotate(&mut self, random: [u8; 32], now: Time) {
        if self.is_old(now) {
            let id = self.current.id.wrapping_add(1);
            let next = Key {
                id,
                made: now,
                bytes: random,
            };
            self.previous = Some(std::mem::replace(&mut self.current, next));
        } else if self.has_outlived(now) {
            self.previous = None;
        }
    }

    fn is_old(&self, now: Time) -> bool {
        now.saturating_sub(self.current.made) >= KEY_LIFE.as_secs()
    }

    fn has_outlived(&self, now: Time) -> bool {
        now.saturating_sub(self.current.made) >= CREDENTIAL_RENEWABLE.as_secs()
    }

    /// The number of the present key.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.current.id
    }

    /// A secret of this `name` that comes from the key of this number, while that is known; for one
    /// use only. What is sealed begins with a number, so nothing that is sealed is ever one.
    #[must_use]
    pub fn derive(&self, number: u32, one_use: &str, name: &str) -> Option<[u8; 32]> {
        let key = self.find(number)?;
        let secret = key.mac(&format!("derive:{one_use}:{name}")).finalize();
        Some(secret.into_bytes().into())
    }

    fn find(&self, number: u32) -> Option<&Key> {
        let mut keys = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten();
        keys.find(|key| key.id == number)
    }

    /// `text` with the number of a key before it and a seal behind it.
    #[must_use]
    pub fn seal(&self, text: &str) -> String {
        let body = format!("{}.{text}", self.current.id);
        let seal = self.current.mac(&body).finalize().into_bytes();
        format!("{body}.{}", BASE64_URL_SAFE_NO_PAD.encode(seal))
    }

    /// The text in what [`Keys::seal`] made, if no bit of it is another.
    #[must_use]
    pub fn open<'a>(&self, sealed: &'a str) -> Option<&'a str> {
        let (body, seal) = sealed.rsplit_once('.')?;
        let (id, text) = body.split_once('.')?;
        let id: u32 = id.parse().ok()?;
        let key = self.find(id)?;
        let seal = BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?;
        // Compares in constant time.
        key.mac(body).verify_slice(&seal).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_nothing_else_does() {
        let keys = Keys::new([7; 32], 0);
        let sealed = keys.seal("text.with.dots");
        assert_eq!(keys.open(&sealed), Some("text.with.dots"));
        for index in 0..sealed.len() {
            let mut other = sealed.clone().into_bytes();
            other[index] ^= 1;
            let other = String::from_utf8_lossy(&other).into_owned();
            assert_eq!(keys.open(&other), None, "byte {index}");
        }
        for cut in 0..sealed.len() {
            assert_eq!(keys.open(&sealed[..cut]), None);
        }
        assert_eq!(Keys::new([8; 32], 0).open(&sealed), None);
    }

    #[test]
    fn an_old_key_is_replaced_and_honoured_until_nothing_it_signed_can_live() {
        let mut keys = Keys::new([1; 32], 0);
        let sealed = keys.seal("x");
        let old = KEY_LIFE.as_secs();
        assert!(!keys.are_stale(old - 1));
        keys.rotate([2; 32], old);
        assert_eq!(keys.open(&sealed), Some("x"));
        assert_ne!(keys.seal("x"), sealed);
        let outlived = old + CREDENTIAL_RENEWABLE.as_secs();
        assert!(!keys.are_stale(outlived - 1));
        assert!(keys.are_stale(outlived));
        keys.rotate([3; 32], outlived);
        assert_eq!(keys.open(&sealed), None);
    }

    #[test]
    fn a_file_holds_them_and_a_log_does_not() {
        let keys = Keys::new([9; 32], 5);
        let written = serde_json::to_string(&keys).expect("plain data");
        assert_eq!(
            serde_json::from_str::<Keys>(&written).expect("the same"),
            keys
        );
        assert!(serde_json::from_str::<Keys>(&written.replace("CQkJ", "CQk")).is_err());
        assert!(!format!("{keys:?}").contains("CQk") && !format!("{keys:?}").contains('9'));
    }
}
