//! [`Share`]: a link by which others may watch one session. Owns what is written down of it, which
//! is not the link: who reads the file cannot open it. In: randomness, a session, the time. Out: a
//! record and the secret of its link. It must not know where records are kept.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Id, Target, Time};
use crate::config::limits::{SHARE_LIFE, SHARE_USES, SHARE_USUAL_USES};
use crate::tmux::{Creation, ServerId, SessionId};

/// What leads the secret of a share, so that it is never taken for a signed credential.
const PREFIX: &str = "share.";

/// What is written down of a link to one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Its name, for listing and ending it.
    pub id: Id,
    /// SHA-256 of the link's secret, in hex.
    digest: String,
    /// The session, which is this one only with its [`creation`](Share::creation): a new tmux server
    /// numbers from 0 again.
    pub session: SessionId,
    /// When the session was created.
    created: Time,
    /// By which tmux server; not written down by muxview 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<ServerId>,
    /// What it was called when it was shared, for people.
    pub name: String,
    /// Who shared it.
    pub by: String,
    /// When it was shared.
    pub made: Time,
    /// From when it is none.
    pub expires: Time,
    /// How often the link may still be opened.
    pub uses: u32,
    /// Nothing is compressed for those who open it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub confidential: bool,
    /// When it was opened last.
    pub opened: Option<Time>,
    /// How often it was opened, which numbers those who did.
    #[serde(default)]
    openings: u32,
    /// Those who signed out, a bit for each: at most [`SHARE_USES`], so that no guest can fill what is
    /// remembered.
    #[serde(default)]
    left: Vec<u8>,
}

impl Share {
    /// A new share and the secret that stands in its link and nowhere else.
    #[must_use]
    pub fn new<'a>(
        random: [u8; 32],
        session: impl Into<Target<'a>>,
        by: &str,
        terms: Terms,
    ) -> (Self, String) {
        let session = session.into();
        let secret = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random));
        let digest = digest(&secret);
        let mut id = [0; 12];
        // Told to everyone who may list shares; says nothing of the secret.
        id.copy_from_slice(&Sha256::digest(&digest)[..12]);
        let share = Self {
            id: Id::new(id),
            digest,
            session: session.id,
            created: session.created.at,
            server: session.created.server,
            name: session.name.to_owned(),
            by: by.to_owned(),
            made: terms.now,
            expires: terms.now + terms.seconds,
            uses: terms.uses,
            confidential: terms.confidential,
            opened: None,
            openings: 0,
            left: vec![],
        };
        (share, secret)
    }

    /// Whether it may be opened once more.
    pub(super) const fn is_open(&self, now: Time) -> bool {
        self.uses > 0 && now < self.expires
    }

    /// When its session was created, and by which server.
    #[must_use]
    pub const fn creation(&self) -> Creation {
        Creation {
            at: self.created,
            server: self.server,
        }
    }

    /// Opens it once more, if it may be; gives the number of this opening.
    pub(super) fn open(&mut self, now: Time) -> Option<u32> {
        if !self.is_open(now) {
            return None;
        }
        self.uses -= 1;
        self.openings += 1;
        self.opened = Some(now);
        Some(self.openings)
    }

    /// Signs out who opened it that time.
    pub(super) fn leave(&mut self, opening: u32) {
        let (byte, bit) = place(opening);
        // Another one's number is nobody's.
        if opening > self.openings {
            return;
        }
        if self.left.len() <= byte {
            self.left.resize(byte + 1, 0);
        }
        self.left[byte] |= bit;
    }

    /// Whether who opened it that time has signed out.
    pub(super) fn has_left(&self, opening: u32) -> bool {
        let (byte, bit) = place(opening);
        self.left.get(byte).is_some_and(|left| left & bit != 0)
    }

    /// Whether this could be the secret of a share.
    #[must_use]
    pub fn is_secret(text: &str) -> bool {
        text.starts_with(PREFIX)
    }

    /// Whether this is its secret. Digests are compared: how long that takes tells nothing of it.
    #[must_use]
    pub fn is_opened_by(&self, secret: &str) -> bool {
        self.digest == digest(secret)
    }
}

/// How long and how often a share is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Now.
    pub now: Time,
    /// Until when, from now.
    pub seconds: u64,
    /// How often it may be opened.
    pub uses: u32,
    /// Whether nothing is compressed.
    pub confidential: bool,
}

/// Terms no share can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a share is good for 1 second to {} days and for 1 to {SHARE_USES} uses",
    SHARE_LIFE.1.as_secs() / 86_400
)]
pub struct BadTerms;

impl Terms {
    /// What is asked for, or the usual.
    ///
    /// # Errors
    /// When it is nothing or more than may be.
    pub fn new(now: Time, seconds: Option<u64>, uses: Option<u32>) -> Result<Self, BadTerms> {
        let (usual, longest) = SHARE_LIFE;
        let seconds = seconds.unwrap_or(usual.as_secs());
        let uses = uses.unwrap_or(SHARE_USUAL_USES);
        let good = (1..=longest.as_secs()).contains(&seconds) && (1..=SHARE_USES).contains(&uses);
        let terms = Self {
            now,
            seconds,
            uses,
            confidential: false,
        };
        good.then_some(terms).ok_or(BadTerms)
    }

    /// The same, and nothing is compressed for those who open it.
    #[must_use]
    pub const fn confidential(mut self, confidential: bool) -> Self {
        self.confidential = confidential;
        self
    }
}

/// Where the bit of an opening is.
fn place(opening: u32) -> (usize, u8) {
    ((opening / 8) as usize, 1 << (opening % 8))
}

fn digest(secret: &str) -> String {
    let digest = Sha256::digest(secret);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_does_not_hold_the_secret() {
        let session = Target {
            id: SessionId(3),
            created: Creation {
                at: 9,
                server: None,
            },
            name: "work",
        };
        let terms = Terms {
            now: 100,
            seconds: 60,
            uses: 2,
            confidential: true,
        };
        let (share, secret) = Share::new([5; 32], session, "owner", terms);
        assert!(Share::is_secret(&secret) && share.is_opened_by(&secret));
        assert!(!share.is_opened_by(&secret[..secret.len() - 1]));
        let written = serde_json::to_string(&share).expect("plain data");
        assert!(!written.contains(secret.trim_start_matches(PREFIX)));
        assert_eq!(
            serde_json::from_str::<Share>(&written).expect("the same"),
            share
        );
        assert_eq!(share.expires, 160);
        // Readable by builds that know neither, and what those wrote.
        let mut old: serde_json::Value = serde_json::from_str(&written).expect("the same");
        let fields = old.as_object_mut().expect("an object");
        assert!(fields.remove("confidential").is_some());
        let old: Share = serde_json::from_value(old).expect("readable");
        assert!(share.confidential && !old.confidential);
    }
}
