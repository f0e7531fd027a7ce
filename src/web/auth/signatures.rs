//! [`Signatures`]: which signatures of pages are accepted. Owns the clock they are judged by and those
//! that were used. In: a credential with a signature, and the request. Out: whether that is right, now
//! and for the first time; and what time it is, so that only that page believes it. It must not know
//! what the request is for.
//!
//! Whoever had our port while we did not listen has what pages sent meanwhile. So nothing is accepted
//! that was signed before, and pages believe nobody else what time it is: they would sign for later.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::access::credential::Rejected;
use crate::access::signed::{Millis, Request};
use crate::access::used::Accepted;
use crate::access::{Credential, Keys, PageKey, Signed, Used};
use crate::config::limits::{SIGNED_AHEAD, SIGNED_LIFE};

/// What was accepted, and since when. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Signatures(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    since: Millis,
    /// `None`: left to the next process.
    used: Mutex<Option<Used>>,
}

/// Goes on evenly, also while the machine sleeps and when its clock is set: one that went back would
/// make used signatures good again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Clock {
    /// Milliseconds from 1970 to the boot of this machine, as it was when this clock began.
    booted: u64,
}

impl Clock {
    fn begin() -> Self {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since_1970 = since_1970.unwrap_or_default().as_millis();
        let booted = u64::try_from(since_1970).unwrap_or(0).saturating_sub(up());
        Self { booted }
    }

    fn now(self) -> Millis {
        self.booted.saturating_add(up())
    }
}

/// How long this machine has been up, in milliseconds.
fn up() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let id = ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let id = ClockId::Monotonic;
    let up = clock_gettime(id);
    let seconds = u64::try_from(up.tv_sec).unwrap_or(0);
    seconds * 1000 + u64::try_from(up.tv_nsec).unwrap_or(0) / 1_000_000
}

/// What the next process goes on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    clock: Clock,
    since: Millis,
    used: Vec<Accepted>,
}

impl Left {
    /// The same where somebody else may have had our port meanwhile.
    #[must_use]
    pub fn from_now(self) -> Self {
        let since = self.clock.now();
        Self { since, ..self }
    }
}

/// The text of a signature, and the origins its page may have.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Shown<'a> {
    pub(in crate::web) signed: &'a Signed<'a>,
    pub(in crate::web) origins: &'a [String],
    pub(in crate::web) request: Request<'a>,
}

impl Signatures {
    /// Accepts what is signed from now on. To be called once the sockets listen.
    #[must_use]
    pub fn begin() -> Self {
        let clock = Clock::begin();
        Self::new(clock, clock.now(), Used::default())
    }

    /// Goes on where the process before stopped.
    #[must_use]
    pub fn resume(left: Left) -> Self {
        let Left { clock, since, used } = left;
        Self::new(clock, since, used.into_iter().collect())
    }

    fn new(clock: Clock, since: Millis, used: Used) -> Self {
        let used = Mutex::new(Some(used));
        Self(Arc::new(Inner { clock, since, used }))
    }

    /// What the next process needs. From then on nothing is accepted here.
    #[must_use]
    pub fn leave(&self) -> Option<Left> {
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.take()?;
        Some(Left {
            clock: self.0.clock,
            since: self.0.since,
            used: used.iter().cloned().collect(),
        })
    }

    /// Milliseconds since 1970, as they are told to pages.
    #[must_use]
    pub(in crate::web) fn now(&self) -> Millis {
        self.0.clock.now()
    }

    /// Whether this credential's page signed this request, just now and for the first time.
    pub(in crate::web) fn accept(
        &self,
        credential: &Credential,
        key: &PageKey,
        keys: &Keys,
        shown: Shown<'_>,
    ) -> Result<(), Rejected> {
        self.accept_at(self.now(), credential, key, keys, shown)
    }

    fn accept_at(
        &self,
        now: Millis,
        credential: &Credential,
        key: &PageKey,
        keys: &Keys,
        shown: Shown<'_>,
    ) -> Result<(), Rejected> {
        let Shown {
            signed,
            origins,
            request,
        } = shown;
        let millis = |duration: std::time::Duration| duration.as_millis() as u64;
        let oldest = now.saturating_sub(millis(SIGNED_LIFE)).max(self.0.since);
        let newest = now.saturating_add(millis(SIGNED_AHEAD));
        if !(oldest..=newest).contains(&signed.time) {
            return Err(Rejected::Untimely);
        }
        // The parts of what is signed are lines: no path may pass for several of them.
        let right = !request.path.contains('\n')
            && origins.iter().any(|origin| {
                let text = signed.text(origin, request);
                key.verify(keys, &credential.id, &text, &signed.signature)
            });
        if !right {
            return Err(Rejected::Signature);
        }
        let mut used = self.0.used.lock().unwrap_or_else(PoisonError::into_inner);
        let used = used.as_mut().ok_or(Rejected::TooMany)?;
        let guest = credential.share.is_some();
        used.accept(&credential.id, guest, signed.nonce, now)
    }

    /// What time it is, for the page that signed this and for nobody else.
    pub(in crate::web) fn time_for(
        &self,
        credential: &Credential,
        key: &PageKey,
        keys: &Keys,
        signed: &Signed<'_>,
    ) -> Option<String> {
        let now = self.now();
        let seal = key.clock_seal(keys, &credential.id, &signed.clock_text(now))?;
        Some(format!("{now}.{}", BASE64_URL_SAFE_NO_PAD.encode(seal)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Ledger;
    use crate::access::page_key::Offer;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use sha2::Sha256;

    const SINCE: Millis = 1_000_000;
    const GET: Request<'static> = Request {
        method: "GET",
        path: "/api/sessions",
    };

    struct Page {
        keys: Keys,
        credential: Credential,
        key: PageKey,
        sealed: String,
    }

    impl Page {
        fn new() -> Self {
            let keys = Keys::new([1; 32], 0);
            let key = PageKey::new(&Offer::Hmac, &keys);
            let credential = Credential::page([2; 12], &Ledger::default(), None, 0);
            let credential = credential.bound(key.clone());
            let sealed = credential.sealed(&keys);
            Self {
                keys,
                credential,
                key,
                sealed,
            }
        }

        fn signs(&self, time: Millis, nonce: u8, origin: &str, request: Request<'_>) -> Signed<'_> {
            let mut signed = Signed {
                credential: &self.sealed,
                time,
                nonce: [nonce; 16],
                signature: vec![],
            };
            let id = &self.credential.id;
            let secret = self.key.secret(&self.keys, id).expect("a secret");
            let text = signed.text(origin, request);
            let mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any length");
            signed.signature = mac.chain_update(text).finalize().into_bytes().to_vec();
            signed
        }

        fn shows(
            &self,
            to: &Signatures,
            now: Millis,
            signed: &Signed<'_>,
            request: Request<'_>,
        ) -> Result<(), Rejected> {
            let origins = ["http://a".to_owned(), "https://b".to_owned()];
            let shown = Shown {
                signed,
                origins: &origins,
                request,
            };
            to.accept_at(now, &self.credential, &self.key, &self.keys, shown)
        }
    }

    fn signatures() -> Signatures {
        Signatures::new(Clock { booted: 0 }, SINCE, Used::default())
    }

    #[test]
    fn it_is_accepted_once_in_its_time_for_its_request() {
        let (page, signatures) = (Page::new(), signatures());
        let now = SINCE + 60_000;
        let (life, ahead) = (
            SIGNED_LIFE.as_millis() as Millis,
            SIGNED_AHEAD.as_millis() as Millis,
        );
        let signed = page.signs(now, 1, "http://a", GET);
        let other = Request {
            method: "POST",
            ..GET
        };
        let elsewhere = Request {
            path: "/api/shares",
            ..GET
        };
        for request in [other, elsewhere] {
            let shown = page.shows(&signatures, now, &signed, request);
            assert_eq!(shown, Err(Rejected::Signature));
        }
        let early = page.shows(&signatures, now - ahead - 1, &signed, GET);
        assert_eq!(early, Err(Rejected::Untimely));
        let late = page.shows(&signatures, now + life + 1, &signed, GET);
        assert_eq!(late, Err(Rejected::Untimely));
        assert_eq!(page.shows(&signatures, now, &signed, GET), Ok(()));
        let again = page.shows(&signatures, now, &signed, GET);
        assert_eq!(again, Err(Rejected::Replayed));
        // A public origin is as good; another page's is not.
        let public = page.signs(now, 2, "https://b", GET);
        assert_eq!(page.shows(&signatures, now, &public, GET), Ok(()));
        let foreign = page.signs(now, 3, "https://evil", GET);
        let foreign = page.shows(&signatures, now, &foreign, GET);
        assert_eq!(foreign, Err(Rejected::Signature));
        // Of another key.
        let mut wrong = page.signs(now, 4, "http://a", GET);
        wrong.signature[0] ^= 1;
        let wrong = page.shows(&signatures, now, &wrong, GET);
        assert_eq!(wrong, Err(Rejected::Signature));
    }

    #[test]
    fn nothing_from_before_we_listened_is_accepted() {
        let (page, signatures) = (Page::new(), signatures());
        let before = page.signs(SINCE - 1, 1, "http://a", GET);
        let shown = page.shows(&signatures, SINCE, &before, GET);
        assert_eq!(shown, Err(Rejected::Untimely));
        let after = page.signs(SINCE, 2, "http://a", GET);
        assert_eq!(page.shows(&signatures, SINCE, &after, GET), Ok(()));
    }

    #[test]
    fn the_next_process_goes_on_where_this_one_stopped() {
        let (page, signatures) = (Page::new(), signatures());
        let now = SINCE + 1000;
        let [used, fresh] = [1, 2].map(|nonce| page.signs(now, nonce, "http://a", GET));
        assert_eq!(page.shows(&signatures, now, &used, GET), Ok(()));
        let left = signatures.leave().expect("once");
        // What comes meanwhile could be accepted twice.
        let meanwhile = page.shows(&signatures, now, &fresh, GET);
        assert_eq!(meanwhile, Err(Rejected::TooMany));
        assert_eq!(signatures.leave(), None);
        let text = serde_json::to_string(&left).expect("plain data");
        let next = Signatures::resume(serde_json::from_str(&text).expect("the same"));
        let again = page.shows(&next, now + 1, &used, GET);
        assert_eq!(again, Err(Rejected::Replayed));
        assert_eq!(page.shows(&next, now + 1, &fresh, GET), Ok(()));
    }

    #[test]
    fn the_clock_is_that_of_the_wall_and_goes_on() {
        let clock = Clock::begin();
        let wall = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let wall = wall.as_millis() as Millis;
        assert!(clock.now().abs_diff(wall) < 5000);
        assert!(clock.now() <= clock.now());
    }
}
