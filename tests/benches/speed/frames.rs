//! The server's half of RFC 6455, read as it comes: no copy, a few bytes of state per connection. In:
//! bytes in pieces of any size. Out: the payload of each message, in pieces.

/// A piece of a message's payload.
pub(crate) struct Part<'a> {
    pub(crate) opcode: u8,
    pub(crate) bytes: &'a [u8],
    /// Nothing of this message follows.
    pub(crate) last: bool,
}

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CLOSE: u8 = 8;
pub(crate) const PING: u8 = 9;
pub(crate) const PONG: u8 = 10;

#[derive(Default)]
pub(crate) struct Frames {
    head: [u8; 10],
    have: usize,
    left: u64,
    inside: bool,
}

impl Frames {
    pub(crate) fn feed<'a>(&mut self, mut bytes: &'a [u8], mut on: impl FnMut(Part<'a>)) {
        while !bytes.is_empty() {
            if !self.inside {
                let (first, rest) = bytes.split_at(1);
                self.head[self.have] = first[0];
                self.have += 1;
                bytes = rest;
                let Some(length) = self.length() else {
                    continue;
                };
                self.left = length;
                self.inside = true;
            }
            let taken = bytes
                .len()
                .min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (payload, rest) = bytes.split_at(taken);
            bytes = rest;
            self.left -= taken as u64;
            let last = self.left == 0;
            if taken > 0 || last {
                let opcode = self.head[0] & 0x0f;
                on(Part {
                    opcode,
                    bytes: payload,
                    last,
                });
            }
            if last {
                self.inside = false;
                self.have = 0;
            }
        }
    }

    /// The payload's length, once the head is whole. A server does not mask.
    fn length(&self) -> Option<u64> {
        let head = &self.head[..self.have];
        match head.get(1)? & 0x7f {
            126 => Some(u16::from_be_bytes(head.get(2..4)?.try_into().unwrap()).into()),
            127 => Some(u64::from_be_bytes(head.get(2..10)?.try_into().unwrap())),
            short => Some(short.into()),
        }
    }
}

/// A whole message as a client sends it, under the mask zero.
pub(crate) fn message(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What a page says after each frame it has parsed.
pub(crate) fn ack(total: u64) -> Vec<u8> {
    message(
        TEXT,
        format!("{{\"type\":\"ack\",\"bytes\":{total}}}").as_bytes(),
    )
}

/// The head of the request that opens a socket.
pub(crate) fn request(port: u16, session: &str, query: &str, protocols: &str) -> String {
    format!(
        "GET /s/{session}/ws?{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: {protocols}\r\n\r\n"
    )
}
