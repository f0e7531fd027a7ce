//! Arbitrary text as a signature of a request: what is read says the same when it is written again, and no
//! two requests have the same text to sign.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use muxview::access::Signed;
use muxview::access::signed::Request;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let (shown, one, other) = (lines.next(), lines.next(), lines.next());
    let Some(signed) = shown.and_then(Signed::parse) else {
        return;
    };
    assert!(Signed::is_one(shown.unwrap_or_default()));
    let again = format!(
        "{}~{}~{}~{}",
        signed.credential,
        signed.time,
        BASE64_URL_SAFE_NO_PAD.encode(signed.nonce),
        BASE64_URL_SAFE_NO_PAD.encode(&signed.signature)
    );
    assert_eq!(Signed::parse(&again).as_ref(), Some(&signed));

    // The second line as a method, a space and a path; paths with line breaks are refused.
    let read = |line: &str| -> Option<(String, String)> {
        let (method, path) = line.split_once(' ')?;
        let is_one_line = !line.contains('\n');
        is_one_line.then(|| (method.to_owned(), path.to_owned()))
    };
    if let (Some(one), Some(other)) = (one.and_then(read), other.and_then(read)) {
        let text =
            |(method, path): &(String, String)| signed.text("http://a", Request { method, path });
        assert_eq!(text(&one) == text(&other), one == other);
    }
}
