//! [`Tape`]: the bytes a peer has sent of a message that is not whole yet. PURE. In: what is read,
//! cut anywhere. Out: what another process must read first to go on where this one stops. It must
//! not know what messages mean: whether a frame may be is for the protocol's own reader to say.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::TAPE_BYTES;
use crate::web::socket::frame_header::{CONTROL, FIN, OPCODE, length, missing};

/// The memory of an unfinished message.
#[derive(Debug, Default)]
pub(in crate::web) struct Tape {
    /// The frames of it that are whole, and the beginning of the next.
    kept: Vec<u8>,
    /// Where the last frame begins.
    frame: usize,
    /// Bytes of its payload still to come; none while its header is not whole.
    payload: Option<u64>,
    /// It was more than a message may be.
    overrun: bool,
}

impl Tape {
    /// Takes in what was read.
    pub(in crate::web) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.overrun {
            let taken = match self.payload {
                Some(left) => usize::try_from(left).unwrap_or(usize::MAX),
                None => missing(&self.kept[self.frame..]),
            };
            let taken = taken.min(bytes.len());
            self.kept.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            self.payload = match self.payload {
                Some(left) => Some(left - taken as u64),
                None if missing(&self.kept[self.frame..]) == 0 => {
                    Some(length(&self.kept[self.frame..]))
                }
                None => None,
            };
            if self.payload == Some(0) {
                self.whole();
            }
            if self.kept.len() > TAPE_BYTES {
                *self = Self {
                    overrun: true,
                    ..Self::default()
                };
            }
        }
    }

    /// A frame is whole.
    fn whole(&mut self) {
        let first = self.kept[self.frame];
        let empty = length(&self.kept[self.frame..]) == 0;
        self.payload = None;
        if first & CONTROL != 0 || (first & (FIN | OPCODE) == 0 && empty) {
            // It has been dealt with, or says nothing.
            self.kept.truncate(self.frame);
        } else if first & FIN != 0 {
            self.kept.clear();
        }
        self.frame = self.kept.len();
        if self.kept.is_empty() && self.kept.capacity() > SMALL {
            self.kept = Vec::new();
        }
    }

    /// The unfinished message, if it could be kept.
    pub(in crate::web) fn rest(&self) -> Option<&[u8]> {
        (!self.overrun).then_some(&self.kept[..])
    }
}

/// Room that stays with a viewer who sent one large message.
const SMALL: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::socket::frame_header::tests::frame;
    use proptest::prelude::*;

    fn rest(parts: &[&[u8]]) -> Vec<u8> {
        let mut tape = Tape::default();
        for part in parts {
            tape.feed(part);
        }
        tape.rest().expect("it fits").to_vec()
    }

    #[test]
    fn whole_messages_leave_nothing() {
        for len in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let message = frame(0x82, &vec![7; len]);
            for at in [0, 1, 2, 3, 5, 9, 13, message.len() / 2, message.len()] {
                let (one, two) = message.split_at(at.min(message.len()));
                assert_eq!(rest(&[one, two]), b"", "{len} {at}");
            }
        }
    }

    #[test]
    fn a_message_in_parts_is_kept_without_what_stood_between() {
        let (first, ping, nothing, last) = (
            frame(0x02, b"one"),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, b"two"),
        );
        let before = [&first[..], &ping, &nothing, &last[..4]].concat();
        let kept = [&first[..], &last[..4]].concat();
        for at in 0..before.len() {
            assert_eq!(rest(&[&before[..at], &before[at..]]), kept, "{at}");
        }
        assert_eq!(rest(&[&before, &last[4..]]), b"");
        assert_eq!(rest(&[&before, &last[4..], &ping[..3]]), &ping[..3]);
    }

    #[test]
    fn parts_without_end_take_no_room_without_end() {
        let mut tape = Tape::default();
        tape.feed(&frame(0x02, b"x"));
        let kept = tape.rest().expect("it fits").len();
        for _ in 0..1000 {
            tape.feed(&frame(0x00, b""));
        }
        assert_eq!(tape.rest().map(<[u8]>::len), Some(kept));
        let part = frame(0x00, &[7; 1000]);
        for _ in 0..=TAPE_BYTES / part.len() {
            tape.feed(&part);
        }
        assert_eq!(tape.rest(), None);
        assert!(tape.kept.capacity() < part.len());
    }

    #[test]
    fn a_length_beyond_all_measure_is_waited_for() {
        let mut tape = Tape::default();
        tape.feed(b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0abc");
        assert_eq!(tape.rest().map(<[u8]>::len), Some(17));
    }

    proptest! {
        #[test]
        fn reading_the_rest_first_is_as_if_nothing_had_been(
            messages in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..200)), 0..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let all: Vec<u8> = messages.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
            let at = cut.index(all.len() + 1);
            let mut whole = Tape::default();
            whole.feed(&all);
            let mut first = Tape::default();
            first.feed(&all[..at]);
            let mut second = Tape::default();
            second.feed(first.rest().expect("it fits"));
            second.feed(&all[at..]);
            prop_assert_eq!(whole.rest(), second.rest());
        }
    }
}
