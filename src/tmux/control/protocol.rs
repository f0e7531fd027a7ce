//! tmux's client–server protocol, version 8: the messages a client exchanges with the server over the
//! server's socket, and their framing. Pure: bytes in, bytes out.
//!
//! Sources: tmux's `tmux-protocol.h` and `compat/imsg.h`. All tmux 3.x speak version 8. The header is
//! four native-endian words (type, length, peer id, pid); what changed with tmux 3.6 is how the
//! length word marks a message that carries a descriptor ([`Framing`]). A malformed identify message
//! is fatal to the server, so the encoders here are the only place that makes them.

use crate::tmux::version::Version;

/// The protocol version every tmux 3.x expects in each header.
const PROTOCOL_VERSION: u32 = 8;
/// Bytes of a message header.
const HEADER: usize = 16;
/// Bytes of the longest message, header included (`MAX_IMSGSIZE`).
const LONGEST: usize = 16_384;
/// `MSG_IDENTIFY_…`, `MSG_COMMAND` and so on (`tmux-protocol.h`).
mod kind {
    pub(in crate::tmux) const VERSION: u32 = 12;
    pub(in crate::tmux) const IDENTIFY_TERM: u32 = 101;
    pub(in crate::tmux) const IDENTIFY_TTYNAME: u32 = 102;
    pub(in crate::tmux) const IDENTIFY_STDIN: u32 = 104;
    pub(in crate::tmux) const IDENTIFY_DONE: u32 = 106;
    pub(in crate::tmux) const IDENTIFY_CLIENTPID: u32 = 107;
    pub(in crate::tmux) const IDENTIFY_CWD: u32 = 108;
    pub(in crate::tmux) const IDENTIFY_STDOUT: u32 = 110;
    pub(in crate::tmux) const IDENTIFY_LONGFLAGS: u32 = 111;
    pub(in crate::tmux) const COMMAND: u32 = 200;
    pub(in crate::tmux) const EXIT: u32 = 203;
    pub(in crate::tmux) const EXITED: u32 = 204;
    pub(in crate::tmux) const SHUTDOWN: u32 = 210;
    pub(in crate::tmux) const READ_OPEN: u32 = 300;
    pub(in crate::tmux) const READ: u32 = 301;
    pub(in crate::tmux) const READ_DONE: u32 = 302;
    pub(in crate::tmux) const WRITE_OPEN: u32 = 303;
    pub(in crate::tmux) const WRITE: u32 = 304;
    pub(in crate::tmux) const WRITE_READY: u32 = 305;
}

/// The stream a command's output is written to.
pub(in crate::tmux) const STDOUT: i32 = 1;

/// How a header marks a message that carries a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) enum Framing {
    /// Up to tmux 3.5a: 16 bits of length, then 16 bits of flags.
    Flags,
    /// From tmux 3.6: 32 bits of length, the highest of which is the mark.
    Mark,
}

impl Framing {
    /// The framing of this tmux. A client and a server of different framings cannot attach: the
    /// server never sees the client's terminal.
    pub(in crate::tmux) fn of(version: &Version) -> Self {
        match version.number {
            Some(number) if number < (3, 6) => Self::Flags,
            // A build without a number is a recent one.
            _ => Self::Mark,
        }
    }
}

/// What kind of client introduces itself (`CLIENT_UTF8`, `CLIENT_CONTROL` in tmux's `tmux.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) enum Role {
    /// One that runs a command and reads its output.
    Command,
    /// One that also receives control mode's notifications.
    Control,
}

impl Role {
    const fn flags(self) -> u64 {
        const UTF8: u64 = 0x1_0000;
        const CONTROL: u64 = 0x2000;
        match self {
            Self::Command => UTF8,
            Self::Control => UTF8 | CONTROL,
        }
    }
}

/// Messages to the server, encoded one after the other.
#[derive(Debug)]
pub(in crate::tmux) struct Encoder {
    framing: Framing,
    pid: u32,
    bytes: Vec<u8>,
}

impl Encoder {
    /// `pid` is that of this process.
    pub(in crate::tmux) const fn new(framing: Framing, pid: u32) -> Self {
        Self {
            framing,
            pid,
            bytes: vec![],
        }
    }

    /// What was encoded since the last call.
    pub(in crate::tmux) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Two messages, each to be sent in a write of its own together with the descriptor it is about:
    /// the one a control client is read from, and the one it is written to.
    pub(in crate::tmux) fn descriptors(&mut self) -> [Vec<u8>; 2] {
        [kind::IDENTIFY_STDIN, kind::IDENTIFY_STDOUT].map(|kind| {
            self.header(kind, 0, true);
            self.take()
        })
    }

    /// Introduces the client and has it run one command line. To be sent in one write: tmux up to
    /// 3.6 crashes when something happens while a control client is half introduced.
    pub(in crate::tmux) fn start(&mut self, role: Role, command: &[&str]) {
        let pid = self.pid;
        self.message(kind::IDENTIFY_LONGFLAGS, &[&role.flags().to_ne_bytes()]);
        self.message(kind::IDENTIFY_TERM, &[b"dumb\0"]);
        self.message(kind::IDENTIFY_TTYNAME, &[b"\0"]);
        self.message(kind::IDENTIFY_CWD, &[b"/\0"]);
        self.message(kind::IDENTIFY_CLIENTPID, &[&pid.to_ne_bytes()]);
        self.message(kind::IDENTIFY_DONE, &[]);
        let mut words = Vec::new();
        for word in command {
            words.extend_from_slice(word.as_bytes());
            words.push(0);
        }
        let count = u32::try_from(command.len()).unwrap_or(u32::MAX);
        self.message(kind::COMMAND, &[&count.to_ne_bytes(), &words]);
    }

    /// The whole content of a stream the server wants to read.
    pub(in crate::tmux) fn content(&mut self, stream: i32, content: &[u8]) {
        let stream = stream.to_ne_bytes();
        for part in content.chunks(LONGEST - HEADER - stream.len()) {
            self.message(kind::READ, &[&stream, part]);
        }
        self.message(kind::READ_DONE, &[&stream, &0_u32.to_ne_bytes()]);
    }

    /// That a stream the server wants to write to is open.
    pub(in crate::tmux) fn writable(&mut self, stream: i32) {
        let stream = stream.to_ne_bytes();
        self.message(kind::WRITE_READY, &[&stream, &0_u32.to_ne_bytes()]);
    }

    fn message(&mut self, kind: u32, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        self.header(kind, length, false);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    fn header(&mut self, kind: u32, body: usize, descriptor: bool) {
        let length = HEADER + body;
        debug_assert!(
            length <= LONGEST,
            "tmux gives up a connection on longer messages"
        );
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        match self.framing {
            Framing::Flags => {
                let length = u16::try_from(length).unwrap_or(u16::MAX);
                self.bytes.extend_from_slice(&length.to_ne_bytes());
                let flags = u16::from(descriptor);
                self.bytes.extend_from_slice(&flags.to_ne_bytes());
            }
            Framing::Mark => {
                let length = u32::try_from(length).unwrap_or(u32::MAX);
                let mark = u32::from(descriptor) << 31;
                self.bytes.extend_from_slice(&(length | mark).to_ne_bytes());
            }
        }
        self.bytes
            .extend_from_slice(&PROTOCOL_VERSION.to_ne_bytes());
        self.bytes.extend_from_slice(&self.pid.to_ne_bytes());
    }
}

/// A message from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tmux) enum Message {
    /// It wants to read this stream: the content of what was asked for with `-`.
    ReadOpen(i32),
    /// It wants to write to this stream.
    WriteOpen(i32),
    /// Some of what it writes to a stream.
    Write(i32, Vec<u8>),
    /// The client's command is done, or the server ends.
    Exit,
    /// The server speaks another version of the protocol.
    OtherVersion,
    /// Anything else; it does not concern a client without a terminal.
    Other,
}

/// The server sent something that is not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) struct Malformed;

/// Messages from the server, from bytes cut anywhere.
#[derive(Debug)]
pub(in crate::tmux) struct Decoder {
    framing: Framing,
    bytes: Vec<u8>,
}

impl Decoder {
    pub(in crate::tmux) const fn new(framing: Framing) -> Self {
        Self {
            framing,
            bytes: vec![],
        }
    }

    pub(in crate::tmux) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message.
    pub(in crate::tmux) fn next(&mut self) -> Result<Option<Message>, Malformed> {
        let Some(header) = self.bytes.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let word = |at: usize| [header[at], header[at + 1], header[at + 2], header[at + 3]];
        let kind = u32::from_ne_bytes(word(0));
        let length = match self.framing {
            Framing::Flags => usize::from(u16::from_ne_bytes([header[4], header[5]])),
            Framing::Mark => (u32::from_ne_bytes(word(4)) & !(1 << 31)) as usize,
        };
        if !(HEADER..=LONGEST).contains(&length) {
            return Err(Malformed);
        }
        if self.bytes.len() < length {
            return Ok(None);
        }
        let message = read(kind, &self.bytes[HEADER..length]).ok_or(Malformed);
        self.bytes.drain(..length);
        message.map(Some)
    }
}

fn read(kind: u32, body: &[u8]) -> Option<Message> {
    let stream = || body.first_chunk().copied().map(i32::from_ne_bytes);
    Some(match kind {
        kind::READ_OPEN => Message::ReadOpen(stream()?),
        kind::WRITE_OPEN => Message::WriteOpen(stream()?),
        kind::WRITE => Message::Write(stream()?, body[4..].to_vec()),
        kind::EXIT | kind::EXITED | kind::SHUTDOWN => Message::Exit,
        kind::VERSION => Message::OtherVersion,
        _ => Message::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(framing: Framing, encode: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut encoder = Encoder::new(framing, 7);
        encode(&mut encoder);
        encoder.take()
    }

    /// As the server would send it.
    fn sent(framing: Framing, kind: u32, body: &[u8]) -> Vec<u8> {
        encoded(framing, |encoder| encoder.message(kind, &[body]))
    }

    #[test]
    fn a_server_is_framed_by_its_version() {
        for (version, framing) in [
            ("3.2a", Framing::Flags),
            ("3.5a", Framing::Flags),
            ("3.6", Framing::Mark),
            ("next-3.7", Framing::Mark),
            ("master", Framing::Mark),
        ] {
            assert_eq!(Framing::of(&Version::parse(version)), framing, "{version}");
        }
    }

    #[test]
    fn messages_without_a_descriptor_are_framed_alike_on_little_endian() {
        let start = |encoder: &mut Encoder| {
            encoder.start(Role::Command, &["source-file", "-"]);
            encoder.content(3, &[b'x'; 40_000]);
            encoder.writable(STDOUT);
        };
        if cfg!(target_endian = "little") {
            assert_eq!(
                encoded(Framing::Flags, start),
                encoded(Framing::Mark, start)
            );
        }
    }

    #[test]
    fn a_descriptor_is_marked_as_each_version_reads_it() {
        let [stdin, stdout] = Encoder::new(Framing::Flags, 7).descriptors();
        assert_eq!(
            stdin[4..8],
            [16_u16.to_ne_bytes(), 1_u16.to_ne_bytes()].concat()
        );
        assert_ne!(stdin[..4], stdout[..4]);
        let [stdin, _] = Encoder::new(Framing::Mark, 7).descriptors();
        assert_eq!(stdin[4..8], (16 | 1_u32 << 31).to_ne_bytes());
    }

    #[test]
    fn an_introduction_has_what_the_server_insists_on() {
        let bytes = encoded(Framing::Mark, |encoder| {
            encoder.start(Role::Control, &["wait-for", "name"]);
        });
        let mut rest = &bytes[..];
        let mut kinds = vec![];
        while !rest.is_empty() {
            let kind = u32::from_ne_bytes(rest[..4].try_into().unwrap());
            let length = u32::from_ne_bytes(rest[4..8].try_into().unwrap()) as usize;
            assert_eq!(rest[8..12], PROTOCOL_VERSION.to_ne_bytes());
            let body = &rest[HEADER..length];
            match kind {
                kind::IDENTIFY_LONGFLAGS => assert_eq!(body.len(), 8),
                kind::IDENTIFY_CLIENTPID => assert_eq!(body.len(), 4),
                kind::IDENTIFY_DONE => assert!(body.is_empty()),
                _ => assert_eq!(body.last(), Some(&0), "{kind} is a terminated string"),
            }
            kinds.push(kind);
            rest = &rest[length..];
        }
        assert_eq!(kinds.last(), Some(&kind::COMMAND));
        assert_eq!(kinds[kinds.len() - 2], kind::IDENTIFY_DONE);
    }

    #[test]
    fn messages_cut_anywhere_are_read_whole() {
        for framing in [Framing::Flags, Framing::Mark] {
            let output = [&STDOUT.to_ne_bytes()[..], b"a\nb"].concat();
            let all = [
                sent(framing, kind::READ_OPEN, &[5, 0, 0, 0, 0, 0, 0, 0, b'-', 0]),
                sent(framing, kind::WRITE_OPEN, &STDOUT.to_ne_bytes()),
                sent(framing, kind::WRITE, &output),
                sent(framing, 207, b""),
                sent(framing, kind::EXIT, &[0; 4]),
            ]
            .concat();
            let mut decoder = Decoder::new(framing);
            let mut messages = vec![];
            for byte in all {
                decoder.feed(&[byte]);
                while let Some(message) = decoder.next().unwrap() {
                    messages.push(message);
                }
            }
            assert_eq!(
                messages,
                [
                    Message::ReadOpen(i32::from_ne_bytes([5, 0, 0, 0])),
                    Message::WriteOpen(STDOUT),
                    Message::Write(STDOUT, b"a\nb".to_vec()),
                    Message::Other,
                    Message::Exit,
                ]
            );
        }
    }

    #[test]
    fn what_is_no_message_ends_the_reading() {
        let mut decoder = Decoder::new(Framing::Mark);
        decoder.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(decoder.next(), Err(Malformed));
        let mut decoder = Decoder::new(Framing::Flags);
        decoder.feed(&sent(Framing::Flags, kind::WRITE, b"x"));
        assert_eq!(decoder.next(), Err(Malformed), "a stream has four bytes");
    }
}
