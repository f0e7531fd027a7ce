//! The chain of audit lines: each ends with the SHA-256 of the line before it, so that one that was changed
//! or taken out shows. PURE. In: lines, in order. Out: the same with their links, or the first that does not
//! follow. It proves nothing against somebody who can write the file and makes the chain anew: they are
//! found out by a copy of any later line elsewhere.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use sha2::{Digest as _, Sha256};

/// What identifies a line: the SHA-256 of its bytes with the line break, in hex, as `sha256sum` prints it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link(String);

/// Stands before the link of a line, as its last field.
const FIELD: &str = ",\"prev\":\"";
/// Stands after it.
const END: &str = "\"}\n";
/// Letters of a link.
const LETTERS: usize = 64;

impl Link {
    /// The link to this line.
    pub(super) fn to(line: &[u8]) -> Self {
        let hex = |byte: &u8| format!("{byte:02x}");
        Self(Sha256::digest(line).iter().map(hex).collect())
    }

    /// The link of a line that is the first of all.
    pub(super) fn none() -> Self {
        Self("0".repeat(LETTERS))
    }
}

/// Links whole lines of JSON to each other and to what is `before` them; gives them and the link to the last.
pub(super) fn linked(lines: &str, before: Link) -> (String, Link) {
    let mut text = String::with_capacity(lines.len() + lines.len() / 2);
    let mut last = before;
    for line in lines.split_inclusive('\n') {
        let start = text.len();
        text.push_str(line.strip_suffix("}\n").unwrap_or(line.trim_end()));
        text.push_str(FIELD);
        text.push_str(&last.0);
        text.push_str(END);
        last = Link::to(&text.as_bytes()[start..]);
    }
    (text, last)
}

/// What a line says it follows; `None`: it is not linked.
fn link_of(line: &[u8]) -> Option<&str> {
    let line = line.strip_suffix(END.as_bytes())?;
    let (rest, link) = line.split_at_checked(line.len().checked_sub(LETTERS)?)?;
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    let good = rest.ends_with(FIELD.as_bytes()) && link.iter().all(hex);
    std::str::from_utf8(link).ok().filter(|_| good)
}

/// Follows a chain.
#[derive(Debug, Default)]
pub(super) struct Follower {
    last: Option<Link>,
    /// A line was linked: those after it must be.
    linked: bool,
}

/// How a line does not follow the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// It names another one.
    Other,
    /// It names none.
    Unlinked,
}

impl Follower {
    /// The next line, with its line break.
    pub(super) fn follow(&mut self, line: &[u8]) -> Result<(), Broken> {
        let before = self.last.replace(Link::to(line));
        let followed = match (link_of(line), before) {
            // Written before lines were linked.
            (None, _) if !self.linked => return Ok(()),
            (None, _) => Err(Broken::Unlinked),
            // What was before the oldest that is kept is kept no more.
            (Some(_), None) => Ok(()),
            (Some(link), Some(before)) if link == before.0 => Ok(()),
            (Some(_), Some(_)) => Err(Broken::Other),
        };
        self.linked = true;
        followed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn follow(text: &[u8]) -> Result<(), (usize, Broken)> {
        let mut follower = Follower::default();
        for (number, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let followed = follower.follow(line);
            followed.map_err(|broken| (number + 1, broken))?;
        }
        Ok(())
    }

    fn lines(count: usize) -> String {
        (0..count).map(|n| format!("{{\"n\":{n}}}\n")).collect()
    }

    #[test]
    fn a_line_ends_with_the_sum_of_the_one_before() {
        let (text, last) = linked("{\"a\":1}\n{\"b\":2}\n", Link::none());
        let mut split = text.split_inclusive('\n');
        let (first, second) = (split.next().expect("two"), split.next().expect("two"));
        assert_eq!(
            first,
            format!("{{\"a\":1,\"prev\":\"{}\"}}\n", "0".repeat(64))
        );
        assert_eq!(
            link_of(second.as_bytes()),
            Some(&*Link::to(first.as_bytes()).0)
        );
        assert_eq!(last, Link::to(second.as_bytes()));
        let read: serde_json::Value = serde_json::from_str(second).expect("JSON");
        assert_eq!(read["b"], 2);
    }

    #[test]
    fn what_was_written_before_there_were_links_is_followed_once() {
        let old = lines(3);
        let before = Link::to(b"{\"n\":2}\n");
        let (new, last) = linked(&lines(3), before);
        assert_eq!(follow((old.clone() + &new).as_bytes()), Ok(()));
        // Its end is linked to, like any other line.
        assert_eq!(
            follow((lines(2) + &new).as_bytes()),
            Err((3, Broken::Other))
        );
        assert_eq!(
            follow((old + &new + &lines(1)).as_bytes()),
            Err((7, Broken::Unlinked))
        );
        let (newer, _) = linked(&lines(2), last);
        assert_eq!(follow((new + &newer).as_bytes()), Ok(()));
        assert_eq!(follow(newer.as_bytes()), Ok(()));
    }

    proptest! {
        #[test]
        fn whatever_is_changed_or_taken_out_shows(
            at in any::<prop::sample::Index>(), bit in 0..8_u32, gone in 1..9_usize,
        ) {
            let (text, _) = linked(&lines(10), Link::none());
            let mut changed = text.clone().into_bytes();
            // What the last line says, nothing tells from what it said.
            let last = text.trim_end().rfind('\n').expect("several");
            let at = at.index(last);
            changed[at] ^= 1 << bit;
            prop_assert!(follow(&changed).is_err(), "{at}");
            let kept = |(number, _): &(usize, &str)| *number != gone;
            let without: String = text.split_inclusive('\n').enumerate().filter(kept).map(|(_, line)| line).collect();
            prop_assert_eq!(follow(without.as_bytes()), Err((gone + 1, Broken::Other)));
        }
    }
}
