//! One viewer over a blocking socket: nothing between the kernel and the clock. What it is sent can be
//! read as one thing with what a bare client is sent ([`Eyes`]).

use crate::bare::Bare;
use crate::frames::{self, BINARY, Frames};
use crate::relay::Relay;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) struct Socket {
    stream: TcpStream,
    frames: Frames,
    /// Binary bytes so far, which is what it acks.
    parsed: u64,
    /// What came of a message that is not whole, and messages that nobody has taken.
    partial: Vec<u8>,
    waiting: std::collections::VecDeque<Vec<u8>>,
}

impl Socket {
    pub(crate) fn open(port: u16, session: &str, query: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let mut socket = Self {
            stream,
            frames: Frames::default(),
            parsed: 0,
            partial: Vec::new(),
            waiting: std::collections::VecDeque::new(),
        };
        let request = frames::request(port, session, query, "muxview.v1");
        socket.stream.write_all(request.as_bytes()).unwrap();
        let (mut head, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        let end = loop {
            let count = socket.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "no answer to the upgrade");
            head.extend_from_slice(&buffer[..count]);
            if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
        };
        assert!(head.starts_with(b"HTTP/1.1 101"), "the upgrade was refused");
        socket.take(&head[end..]);
        socket
    }

    fn take(&mut self, bytes: &[u8]) {
        let Self {
            frames,
            partial,
            waiting,
            ..
        } = self;
        frames.feed(bytes, |part| {
            if part.opcode == BINARY {
                partial.extend_from_slice(part.bytes);
                if part.last {
                    waiting.push_back(std::mem::take(partial));
                }
            }
        });
    }

    /// Blocks until a whole frame is there; not acked yet.
    pub(crate) fn frame(&mut self) -> Vec<u8> {
        let mut buffer = [0; 64 * 1024];
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                self.parsed += frame.len() as u64;
                return frame;
            }
            let count = self.stream.read(&mut buffer).expect("a frame in time");
            assert!(count > 0, "the socket was closed");
            self.take(&buffer[..count]);
        }
    }

    /// Says that everything taken so far was parsed.
    pub(crate) fn ack(&mut self) {
        let ack = frames::ack(self.parsed);
        self.stream.write_all(&ack).unwrap();
    }

    /// Takes, acks and forgets what has come; says how many bytes of pictures that was.
    fn forget(&mut self) -> usize {
        let mut buffer = [0; 64 * 1024];
        self.stream.set_nonblocking(true).unwrap();
        while let Ok(count @ 1..) = self.stream.read(&mut buffer) {
            self.take(&buffer[..count]);
        }
        self.stream.set_nonblocking(false).unwrap();
        let late: usize = self.waiting.drain(..).map(|frame| frame.len()).sum();
        if late > 0 {
            self.parsed += late as u64;
            self.ack();
        }
        late
    }

    pub(crate) fn input(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(&frames::message(BINARY, bytes))
            .unwrap();
    }
}

/// Whoever sits before a screen.
pub(crate) enum Eyes {
    Bare(Bare),
    Relay(Relay),
    Socket(Socket),
}

impl Eyes {
    /// Blocks until the picture has changed; gives the bytes that change it.
    pub(crate) fn see(&mut self) -> Vec<u8> {
        match self {
            Self::Bare(bare) => bare.read(),
            Self::Relay(relay) => relay.read(),
            Self::Socket(socket) => socket.frame(),
        }
    }

    /// What a page does once it has drawn.
    pub(crate) fn drawn(&mut self) {
        if let Self::Socket(socket) = self {
            socket.ack();
        }
    }

    /// Forgets what came that nobody looked at; says how many bytes.
    pub(crate) fn forget(&mut self) -> usize {
        match self {
            Self::Bare(bare) => bare.forget(),
            Self::Relay(relay) => relay.forget(),
            Self::Socket(socket) => socket.forget(),
        }
    }

    pub(crate) fn press(&mut self, bytes: &[u8]) {
        match self {
            Self::Bare(bare) => bare.write(bytes),
            Self::Relay(relay) => relay.write(bytes),
            Self::Socket(socket) => socket.input(bytes),
        }
    }
}

/// A terminal of 80x24 that is told nothing yet.
pub(crate) fn terminal() -> vt100::Parser {
    let cells = |count| std::num::NonZero::new(count).unwrap();
    vt100::Parser::new(cells(24), cells(80), 0)
}
