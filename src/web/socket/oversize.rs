//! [`Oversize`]: leaves a spectator's long messages out of what is read, without keeping them: what a
//! spectator types is not for the session, however much it is. PURE. In: what is read, cut anywhere. Out:
//! the same without messages longer than [`SPECTATOR_MESSAGE_BYTES`]. What no message may be is passed on,
//! for the protocol's own reader to say so.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::{MESSAGE_BYTES, SPECTATOR_MESSAGE_BYTES};
use crate::web::socket::frame_header::{CONTROL, FIN, MASKED, OPCODE, length, missing};

/// Bits that only an extension may set.
const RESERVED: u8 = 0x70;
const BINARY: u8 = 0x02;
/// Bytes of a frame's header, at most.
const HEADER_BYTES: usize = 14;
/// Bytes kept of a message that comes in several frames, with their headers.
const FRAMES_BYTES: usize = 4 * SPECTATOR_MESSAGE_BYTES;

/// Where it stands in what is read.
#[derive(Debug, Default)]
pub(in crate::web) struct Oversize {
    /// The beginning of a header.
    header: Vec<u8>,
    payload: Payload,
    message: Message,
}

/// What becomes of the rest of a frame.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Payload {
    /// There is none: a header comes next.
    #[default]
    None,
    Passed(u64),
    /// Kept with the message it is part of.
    Kept(u64),
    LeftOut(u64),
    /// All is passed on: the peer broke the protocol.
    Broken,
}

/// A message that comes in several frames.
#[derive(Debug, Default)]
enum Message {
    #[default]
    None,
    /// Its frames, until it is whole, and the bytes in them.
    Kept { frames: Vec<u8>, bytes: u64 },
    /// Its bytes so far.
    LeftOut(u64),
}

/// A header of a client's binary frame.
fn header(first: u8, len: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    (header[0], header[1]) = (first, MASKED | 127);
    header[2..10].copy_from_slice(&len.to_be_bytes());
    header
}

impl Oversize {
    /// Takes in what was read; what is passed on goes to `out`.
    pub(in crate::web) fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let left = match self.payload {
                Payload::None => missing(&self.header) as u64,
                Payload::Passed(left) | Payload::Kept(left) | Payload::LeftOut(left) => left,
                Payload::Broken => u64::MAX,
            };
            let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(taken);
            bytes = later;
            let left = left - taken as u64;
            match (&mut self.payload, &mut self.message) {
                (Payload::None, _) => {
                    self.header.extend_from_slice(now);
                    if missing(&self.header) == 0 {
                        let header = std::mem::take(&mut self.header);
                        self.begin(&header, out);
                    }
                    continue;
                }
                (Payload::Kept(_), Message::Kept { frames, .. }) => {
                    frames.extend_from_slice(now);
                }
                (Payload::LeftOut(_), _) => {}
                (Payload::Passed(_) | Payload::Kept(_) | Payload::Broken, _) => {
                    out.extend_from_slice(now);
                }
            }
            self.payload = match self.payload {
                _ if left == 0 => Payload::None,
                Payload::Passed(_) => Payload::Passed(left),
                Payload::Kept(_) => Payload::Kept(left),
                Payload::LeftOut(_) => Payload::LeftOut(left),
                other => other,
            };
        }
    }

    /// A frame begins.
    fn begin(&mut self, frame: &[u8], out: &mut Vec<u8>) {
        let (first, len) = (frame[0], length(frame));
        let (fin, opcode) = (first & FIN != 0, first & OPCODE);
        let strange = first & RESERVED != 0 || frame[1] & MASKED == 0;
        if opcode & CONTROL != 0 && !strange {
            out.extend_from_slice(frame);
            self.go_on(Payload::Passed(len));
            return;
        }
        let follows = opcode == 0;
        let message = std::mem::take(&mut self.message);
        if strange || opcode > BINARY || follows == matches!(message, Message::None) {
            match message {
                Message::None => {}
                Message::Kept { frames, .. } => out.extend(frames),
                Message::LeftOut(_) => out.extend(header(BINARY, 0)),
            }
            out.extend_from_slice(frame);
            self.payload = Payload::Broken;
            return;
        }
        let (before, room) = match &message {
            Message::None => (0, true),
            Message::Kept { frames, bytes } => (*bytes, frames.len() < FRAMES_BYTES),
            Message::LeftOut(bytes) => (*bytes, false),
        };
        let bytes = before.saturating_add(len);
        if bytes > MESSAGE_BYTES as u64 {
            // Longer than a message may be: its reader says so.
            out.extend(header(FIN | BINARY, u64::MAX >> 1));
            self.payload = Payload::Broken;
            return;
        }
        if !room || bytes > SPECTATOR_MESSAGE_BYTES as u64 {
            if !fin {
                self.message = Message::LeftOut(bytes);
            }
            self.go_on(Payload::LeftOut(len));
            return;
        }
        let mut frames = match message {
            Message::Kept { frames, .. } => frames,
            _ => Vec::new(),
        };
        frames.extend_from_slice(frame);
        if fin {
            out.extend(frames);
            self.go_on(Payload::Passed(len));
        } else {
            self.message = Message::Kept { frames, bytes };
            self.go_on(Payload::Kept(len));
        }
    }

    const fn go_on(&mut self, payload: Payload) {
        self.payload = match payload {
            Payload::Passed(0) | Payload::Kept(0) | Payload::LeftOut(0) => Payload::None,
            payload => payload,
        };
    }

    /// What another one must read before all else to go on where this one stops. Of what is left out it
    /// is told the length only.
    pub(in crate::web) fn rest(&self) -> Vec<u8> {
        let mut rest = match (&self.message, self.payload) {
            (Message::Kept { frames, .. }, _) => frames.clone(),
            (Message::LeftOut(_), Payload::LeftOut(left)) => header(BINARY, left).to_vec(),
            (Message::LeftOut(_), _) => header(BINARY, 0).to_vec(),
            (Message::None, Payload::LeftOut(left)) => header(FIN | BINARY, left).to_vec(),
            (Message::None, _) => Vec::new(),
        };
        rest.extend_from_slice(&self.header);
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::socket::frame_header::tests::frame;
    use proptest::prelude::*;

    const LONG: usize = SPECTATOR_MESSAGE_BYTES + 1;

    fn read(parts: &[&[u8]]) -> Vec<u8> {
        let (mut oversize, mut out) = (Oversize::default(), Vec::new());
        for part in parts {
            oversize.feed(part, &mut out);
        }
        out
    }

    #[test]
    fn long_messages_are_left_out_and_short_ones_are_not() {
        let (short, long) = (
            frame(0x81, &[b'a'; SPECTATOR_MESSAGE_BYTES]),
            frame(0x82, &[b'b'; LONG]),
        );
        let ping = frame(0x89, b"ping");
        let all = [&short[..], &long, &ping, &long, &short].concat();
        let wanted = [&short[..], &ping, &short].concat();
        for size in [1, 2, 7, 1024, all.len()] {
            let parts: Vec<&[u8]> = all.chunks(size).collect();
            assert!(read(&parts) == wanted, "{size}");
        }
    }

    #[test]
    fn a_message_in_parts_is_passed_on_whole_or_not_at_all() {
        let (first, more, last) = (
            frame(0x01, b"one"),
            frame(0x00, b"two"),
            frame(0x80, b"three"),
        );
        let ping = frame(0x89, b"ping");
        let all = [&first[..], &ping, &more, &last].concat();
        let wanted = [&ping[..], &first, &more, &last].concat();
        assert_eq!(read(&[&all]), wanted);
        let long = [&first[..], &frame(0x00, &[0; LONG]), &ping, &last, &ping].concat();
        assert_eq!(read(&[&long]), [&ping[..], &ping].concat());
        let many: Vec<u8> = std::iter::repeat_n(frame(0x00, b"x"), 100_000)
            .flatten()
            .collect();
        let (mut oversize, mut out) = (Oversize::default(), Vec::new());
        oversize.feed(&first, &mut out);
        oversize.feed(&many, &mut out);
        assert!(oversize.rest().len() < 2 * HEADER_BYTES && out.is_empty());
        oversize.feed(&[&last[..], &ping].concat(), &mut out);
        assert_eq!(out, ping);
    }

    #[test]
    fn what_no_message_may_be_is_passed_on() {
        let huge = header(FIN | BINARY, MESSAGE_BYTES as u64 + 1);
        assert_eq!(length(&read(&[&huge])), u64::MAX >> 1);
        let first = frame(0x01, b"one");
        for broken in [
            frame(0x80, b"last of none"),
            frame(0xc1, b"reserved"),
            frame(0x83, b"unknown"),
        ] {
            assert_eq!(read(&[&broken]), broken);
        }
        let twice = [&first[..], &first].concat();
        assert_eq!(read(&[&twice]), twice);
    }

    proptest! {
        #[test]
        fn whoever_goes_on_reads_the_same(
            messages in prop::collection::vec((prop::sample::select(vec![0x81_u8, 0x82, 0x89]), 0..3 * LONG), 0..6),
            parted in prop::collection::vec(0..LONG, 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut all = Vec::new();
            for (first, len) in messages {
                let len = if first == 0x89 { len % 126 } else { len };
                all.extend(frame(first, &vec![7; len]));
            }
            all.extend(frame(0x02, b"first"));
            parted.iter().for_each(|len| all.extend(frame(0x00, &vec![7; *len])));
            all.extend(frame(0x80, b"last"));
            all.extend(frame(0x82, b"after all"));
            let at = cut.index(all.len() + 1);
            let (mut first, mut out) = (Oversize::default(), Vec::new());
            first.feed(&all[..at], &mut out);
            let inside = matches!(first.payload, Payload::Passed(_));
            let mut again = if inside { return Ok(()) } else { Oversize::default() };
            again.feed(&first.rest(), &mut out);
            again.feed(&all[at..], &mut out);
            let whole = read(&[&all]);
            // What was being left out may be passed on as a shorter message, which is nothing to a session.
            prop_assert!(out.ends_with(&frame(0x82, b"after all")));
            prop_assert!(out.len() <= whole.len() + SPECTATOR_MESSAGE_BYTES + 3 * HEADER_BYTES);
        }
    }
}
