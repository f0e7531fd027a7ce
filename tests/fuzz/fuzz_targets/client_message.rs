//! Arbitrary text messages of a viewer: nothing panics, and the same text means the same twice.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muxview::web::wire::hear;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let (first, second) = (hear(text), hear(text));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
});
