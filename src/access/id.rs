//! [`Id`]: the name of one credential or share. Random, so it says nothing about its holder.

use serde::{Deserialize, Serialize};

/// 96 random bits in hex: the name of one credential or share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(String);

impl Id {
    /// From randomness.
    #[must_use]
    pub fn new(random: [u8; 12]) -> Self {
        Self(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// One that a person wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 24 && text.bytes().all(|b| b.is_ascii_hexdigit());
        hex.then(|| Self(text.to_ascii_lowercase()))
    }

    /// In hex.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
