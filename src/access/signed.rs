//! [`Signed`]: a credential as a page shows it: with a signature for one request. In: what was shown.
//! Out: its parts, and the text that was signed. Pure. It must not know which requests are right.
//!
//! ```text
//! CREDENTIAL ~ milliseconds since 1970 ~ 16 random bytes ~ signature      (both in base64url)
//! ```
//!
//! This fits into `Authorization: Bearer …` and into a WebSocket's subprotocol. What is signed are the
//! origin as the page has it, the method, the path below the page's base, decoded, and all of the
//! above. Not the query and not the prefix of the path: proxies change both.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::config::limits::SIGNED_BYTES;

/// Milliseconds since 1970, as the service counts them.
pub type Millis = u64;

/// The random number of one signature.
pub type Nonce = [u8; 16];

/// What a page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The credential itself.
    pub credential: &'a str,
    /// When the page signed.
    pub time: Millis,
    /// Different for every signature.
    pub nonce: Nonce,
    /// By the page's key.
    pub signature: Vec<u8>,
}

/// Of what a request was signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// `GET` and the like.
    pub method: &'a str,
    /// Below the base path, decoded.
    pub path: &'a str,
}

impl<'a> Signed<'a> {
    /// Whether this is meant to be one.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.contains('~')
    }

    /// Reads what was shown.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.len() > SIGNED_BYTES {
            return None;
        }
        let mut parts = text.split('~');
        let (credential, time) = (parts.next()?, parts.next()?);
        let (nonce, signature) = (parts.next()?, parts.next()?);
        let decoded = |text| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let digits = time.bytes().all(|byte| byte.is_ascii_digit());
        let signed = Self {
            credential,
            time: time.parse().ok().filter(|_| digits)?,
            nonce: decoded(nonce)?.try_into().ok()?,
            signature: decoded(signature)?,
        };
        parts.next().is_none().then_some(signed)
    }

    /// The text that is signed for this request of a page of this origin.
    #[must_use]
    pub fn text(&self, origin: &str, Request { method, path }: Request<'_>) -> String {
        let (nonce, time) = (self.nonce(), self.time);
        let credential = self.credential;
        format!("muxview-request-1\n{origin}\n{method}\n{path}\n{time}\n{nonce}\n{credential}")
    }

    /// What we seal to tell the page, and nobody else, what time it is.
    #[must_use]
    pub fn clock_text(&self, now: Millis) -> String {
        format!("muxview-clock-1\n{}\n{now}", self.nonce())
    }

    fn nonce(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.nonce)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_is_read_and_nothing_else_is() {
        let nonce = BASE64_URL_SAFE_NO_PAD.encode([7; 16]);
        let text = format!("1.a-_b.c~12~{nonce}~AQI");
        let signed = Signed::parse(&text).expect("whole");
        assert_eq!(signed.credential, "1.a-_b.c");
        assert_eq!((signed.time, signed.nonce), (12, [7; 16]));
        assert_eq!(signed.signature, [1, 2]);
        let request = Request {
            method: "GET",
            path: "/api/sessions",
        };
        assert_eq!(
            signed.text("http://a", request),
            format!("muxview-request-1\nhttp://a\nGET\n/api/sessions\n12\n{nonce}\n1.a-_b.c")
        );
        for wrong in [
            "1.a.c".to_owned(),
            format!("1.a.c~12~{nonce}"),
            format!("1.a.c~12~{nonce}~AQI~"),
            format!("1.a.c~+12~{nonce}~AQI"),
            format!("1.a.c~99999999999999999999~{nonce}~AQI"),
            format!("1.a.c~12~{}~AQI", &nonce[1..]),
            format!("1.a.c~12~{nonce}~A/I"),
            format!("{}~12~{nonce}~AQI", "x".repeat(SIGNED_BYTES)),
        ] {
            assert_eq!(Signed::parse(&wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_answered(text in ".{0,300}") {
            let _ = Signed::parse(&text);
        }
    }
}
