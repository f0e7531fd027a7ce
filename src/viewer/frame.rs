//! [`Frame`]: one binary message as it goes to the wire, WebSocket header and all, so that every
//! viewer is written the same bytes without a copy. In: a message's payload. Out: the bytes, and how
//! many a terminal will have parsed of it. It must not know how they are made.

use bytes::Bytes;
use std::fmt;

/// What a message carries (RFC 6455, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What is told.
    Text = 1,
    /// Terminal bytes.
    Binary = 2,
    /// A question for life.
    Ping = 9,
}

/// An unmasked, unfragmented message of these parts, and where its payload begins.
#[must_use]
pub fn message(kind: Kind, parts: &[&[u8]]) -> (Bytes, u8) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // The longest header has 10 bytes.
    let mut wire = Vec::with_capacity(10 + len);
    wire.push(0x80 | kind as u8);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => wire.push(len),
        (_, Ok(len)) => {
            wire.push(126);
            wire.extend(len.to_be_bytes());
        }
        _ => {
            wire.push(127);
            wire.extend((len as u64).to_be_bytes());
        }
    }
    let header = wire.len() as u8;
    for part in parts {
        wire.extend_from_slice(part);
    }
    wire.shrink_to_fit();
    (wire.into(), header)
}

/// One binary message. Cloning it shares its bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Frame {
    wire: Bytes,
    /// Bytes of `wire` before the payload.
    header: u8,
    terminal: u64,
    coding: Coding,
}

impl Frame {
    /// Terminal bytes as they are. Without any there is no message.
    #[must_use]
    pub fn plain(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self::default();
        }
        Self::binary(&[bytes], bytes.len() as u64, Coding::Plain)
    }

    /// `plain` as a chunk: a NUL, with which no terminal bytes of ours begin, how many terminal bytes
    /// it holds (LEB128), and those as `deflated`.
    pub(super) fn chunk(deflated: &[u8], plain: &Self, coding: Coding) -> Self {
        let mut head = vec![0];
        let mut left = plain.terminal;
        while left > 0x7f {
            head.push(left as u8 | 0x80);
            left >>= 7;
        }
        head.push(left as u8);
        Self::binary(&[&head, deflated], plain.terminal, coding)
    }

    /// A message of these parts, which gives a terminal `terminal` bytes.
    fn binary(parts: &[&[u8]], terminal: u64, coding: Coding) -> Self {
        let (wire, header) = message(Kind::Binary, parts);
        Self {
            wire,
            header,
            terminal,
            coding,
        }
    }

    /// The whole message, to be written as it is.
    #[must_use]
    pub const fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// What stands in the message.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.wire[usize::from(self.header)..]
    }

    /// Bytes a terminal will have parsed of it: what a viewer acks.
    #[must_use]
    pub const fn terminal_bytes(&self) -> u64 {
        self.terminal
    }

    /// What kind of message it is.
    pub(super) const fn coding(&self) -> Coding {
        self.coding
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(\"{}\")", self.payload().escape_ascii())
    }
}

/// What kind of message a frame is, for the one who keeps count of where a viewer stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// Terminal bytes.
    #[default]
    Plain,
    /// A chunk that stands alone.
    Alone,
    /// A chunk of the chain, with its number.
    Chain(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_how_long_the_payload_is() {
        for (len, header) in [
            (1, &[0x82, 1][..]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (65_535, &[0x82, 126, 255, 255]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; len];
            let frame = Frame::plain(&payload);
            assert_eq!(frame.wire()[..], [header, &payload].concat());
            assert_eq!(frame.payload(), payload);
            assert_eq!(frame.terminal_bytes(), len as u64);
        }
        assert!(Frame::plain(b"").is_empty());
    }
}
