//! One of a crowd: a viewer's socket or a bare client's pty, never blocking, with little to do for each
//! frame: a read, a look for the stamp, an ack as a page sends it.

use crate::bare::{Bare, redrawn};
use crate::clock;
use crate::frames::{self, BINARY, CLOSE, Frames, PING};
use crate::generate::{CYCLE, STAMP_LEAD, stamp};
use flate2::{Decompress, FlushDecompress};
use rustix::event::epoll;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with, sockopt};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

/// When a page acks: the first frame, so many bytes, or what has waited so long, in nanoseconds
/// (`static/connection.js`).
const ACK_BYTES: u64 = 16 * 1024;
const ACK_WAIT: u64 = 200_000_000;

/// Who is waited for, by place.
pub(crate) struct Polling {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
    /// Whatever is read: one for all, since to make one costs more than to read a frame.
    buffer: Vec<u8>,
}

impl Polling {
    /// The place of the orders.
    pub(crate) const ORDERS: usize = usize::MAX;

    pub(crate) fn new() -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        Self {
            epoll,
            events: Vec::with_capacity(1024),
            buffer: vec![0; 64 * 1024],
        }
    }

    pub(crate) fn add(&mut self, fd: impl AsFd, place: usize) {
        self.add_for(fd, place, epoll::EventFlags::IN);
    }

    fn add_for(&mut self, fd: impl AsFd, place: usize, flags: epoll::EventFlags) {
        epoll::add(
            &self.epoll,
            fd,
            epoll::EventData::new_u64(place as u64),
            flags,
        )
        .unwrap();
    }

    fn now_only_in(&self, fd: impl AsFd, place: usize) {
        let data = epoll::EventData::new_u64(place as u64);
        epoll::modify(&self.epoll, fd, data, epoll::EventFlags::IN).unwrap();
    }

    pub(crate) fn wait(&mut self, patience: Duration) -> Vec<usize> {
        let patience = patience.try_into().unwrap();
        self.events.clear();
        let waited = epoll::wait(
            &self.epoll,
            rustix::buffer::spare_capacity(&mut self.events),
            Some(&patience),
        );
        match waited {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => panic!("epoll: {error}"),
        }
        self.events
            .iter()
            .map(|event| event.data.u64() as usize)
            .collect()
    }
}

enum Source {
    Socket(OwnedFd),
    Client(Bare),
}

enum Stage {
    /// What is asked once the connection stands.
    Connecting(Vec<u8>),
    /// The head of the answer so far.
    Upgrading(Vec<u8>),
    Open,
    Ended,
}

pub(crate) struct Member {
    source: Source,
    stage: Stage,
    frames: Frames,
    whole_at: Option<u64>,
    /// What a bare client has drawn before it was whole.
    drawing: Vec<u8>,
    bytes: u64,
    /// Terminal bytes, which is what is acked.
    parsed: u64,
    acked: u64,
    /// Since when there is something to ack.
    owes_since: Option<u64>,
    /// For one who offered to inflate: how it reads messages.
    inflated: Option<Inflated>,
    /// The end of what was looked through for stamps.
    tail: [u8; 2],
    last_stamp: u32,
    /// Each frame's number and when its end came.
    stamps: Vec<(u32, u64)>,
}

impl Member {
    fn new(source: Source, stage: Stage) -> Self {
        Self {
            source,
            stage,
            frames: Frames::default(),
            whole_at: None,
            drawing: Vec::new(),
            bytes: 0,
            parsed: 0,
            acked: 0,
            owes_since: None,
            inflated: None,
            tail: [0; 2],
            last_stamp: 0,
            stamps: Vec::new(),
        }
    }

    pub(crate) fn join(port: u16, request: &str) -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::STREAM,
            flags,
            Some(ipproto::TCP),
        )
        .unwrap();
        sockopt::set_tcp_nodelay(&socket, true).unwrap();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => panic!("connecting: {error}"),
        }
        Self::new(
            Source::Socket(socket),
            Stage::Connecting(request.as_bytes().to_vec()),
        )
    }

    /// As it is, and offering to inflate; one that `looks` does so, the others only count.
    pub(crate) fn inflating(mut self, looks: bool) -> Self {
        let inflate = looks.then(|| Decompress::new(false));
        self.inflated = Some(Inflated {
            inflate,
            message: Vec::new(),
        });
        self
    }

    /// It sees what it is sent.
    pub(crate) fn looks(&self) -> bool {
        self.inflated
            .as_ref()
            .is_none_or(|inflated| inflated.inflate.is_some())
    }

    pub(crate) fn attach(socket: &Path, session: &str) -> Self {
        let bare = Bare::attach(socket, session);
        rustix::io::ioctl_fionbio(&bare.master, true).unwrap();
        Self::new(Source::Client(bare), Stage::Open)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Socket(socket) => socket.as_fd(),
            Source::Client(bare) => bare.master.as_fd(),
        }
    }

    pub(crate) fn watch(&self, polling: &mut Polling, place: usize) {
        match self.stage {
            Stage::Connecting(_) => polling.add_for(self.fd(), place, epoll::EventFlags::OUT),
            _ => polling.add(self.fd(), place),
        }
    }

    /// It has its picture, or never will.
    pub(crate) fn settled(&self) -> bool {
        self.whole_at.is_some() || matches!(self.stage, Stage::Ended)
    }

    pub(crate) fn whole_at(&self) -> Option<u64> {
        self.whole_at
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        match &self.source {
            Source::Client(bare) => Some(bare.child.id()),
            Source::Socket(_) => None,
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn stamps(&self) -> &[(u32, u64)] {
        &self.stamps
    }

    pub(crate) fn reset(&mut self) {
        self.bytes = 0;
        self.stamps.clear();
    }

    /// Takes what has come.
    pub(crate) fn ready(&mut self, polling: &mut Polling, place: usize) {
        if let Stage::Connecting(request) = &mut self.stage {
            let request = std::mem::take(request);
            self.stage = Stage::Upgrading(Vec::new());
            self.send(&request);
            polling.now_only_in(self.fd(), place);
            return;
        }
        match rustix::io::read(self.fd(), &mut polling.buffer) {
            Ok(count @ 1..) => self.take(&polling.buffer[..count]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(0) | Err(_) => {
                let _ = epoll::delete(polling.epoll.as_fd(), self.fd());
                self.stage = Stage::Ended;
            }
        }
    }

    /// A socket's buffer has room for the little that is sent.
    fn send(&mut self, bytes: &[u8]) {
        if rustix::io::write(self.fd(), bytes) != Ok(bytes.len()) {
            self.stage = Stage::Ended;
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        match (&self.source, &mut self.stage) {
            (Source::Client(_), _) => self.drawn(bytes),
            (Source::Socket(_), Stage::Upgrading(head)) => {
                head.extend_from_slice(bytes);
                let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
                    return;
                };
                let head = std::mem::take(head);
                self.stage = if head.starts_with(b"HTTP/1.1 101") {
                    Stage::Open
                } else {
                    Stage::Ended
                };
                self.messages(&head[end + 4..]);
            }
            (Source::Socket(_), _) => self.messages(bytes),
        }
    }

    fn ack(&mut self) {
        self.acked = self.parsed;
        self.owes_since = None;
        self.send(&frames::ack(self.parsed));
    }

    /// Acks what has waited long enough for it.
    pub(crate) fn tick(&mut self, now: u64) {
        if self.owes_since.is_some_and(|since| now - since >= ACK_WAIT) {
            self.ack();
        }
    }

    fn drawn(&mut self, bytes: &[u8]) {
        if self.whole_at.is_none() {
            self.drawing.extend_from_slice(bytes);
            if redrawn(&self.drawing) {
                self.whole_at = Some(clock::now());
                self.drawing = Vec::new();
            }
        }
        look(
            bytes,
            &mut self.tail,
            &mut self.last_stamp,
            &mut self.stamps,
        );
    }

    fn messages(&mut self, bytes: &[u8]) {
        let (mut pinged, mut closed, mut shown) = (false, false, false);
        let Self {
            frames,
            parsed,
            tail,
            last_stamp,
            stamps,
            inflated,
            ..
        } = self;
        frames.feed(bytes, |part| match part.opcode {
            BINARY => {
                shown |= part.last;
                let Some(inflated) = inflated else {
                    *parsed += part.bytes.len() as u64;
                    return look(part.bytes, tail, last_stamp, stamps);
                };
                inflated.message.extend_from_slice(part.bytes);
                if part.last {
                    *parsed += inflated.whole(|bytes| look(bytes, tail, last_stamp, stamps));
                }
            }
            PING => pinged = true,
            CLOSE => closed = true,
            _ => {}
        });
        if shown {
            let now = clock::now();
            self.whole_at.get_or_insert(now);
            self.owes_since.get_or_insert(now);
            if self.acked == 0 || self.parsed - self.acked >= ACK_BYTES {
                self.ack();
            }
        }
        if pinged {
            self.send(&frames::message(frames::PONG, b""));
        }
        if closed {
            self.stage = Stage::Ended;
        }
    }
}

/// The reading end of a session's compressed stream.
struct Inflated {
    inflate: Option<Decompress>,
    /// The one message that is not whole yet.
    message: Vec<u8>,
}

impl Inflated {
    /// The message is whole: shows what it holds, if it looks, and says how many terminal bytes that is.
    fn whole(&mut self, look: impl FnOnce(&[u8])) -> u64 {
        let message = std::mem::take(&mut self.message);
        if message.first() != Some(&0) {
            look(&message);
            return message.len() as u64;
        }
        let head = message[1..]
            .iter()
            .position(|byte| byte & 0x80 == 0)
            .unwrap()
            + 2;
        let digits = message[1..head].iter().enumerate();
        let holds = digits
            .map(|(place, byte)| u64::from(byte & 0x7f) << (7 * place))
            .sum();
        if let Some(inflate) = &mut self.inflate {
            let mut plain = Vec::with_capacity(holds as usize + 1);
            inflate
                .decompress_vec(&message[head..], &mut plain, FlushDecompress::Sync)
                .unwrap();
            assert_eq!(plain.len() as u64, holds, "a chunk holds what it says");
            look(&plain);
        }
        holds
    }
}

/// Looks for stamps in what follows `tail`.
fn look(bytes: &[u8], tail: &mut [u8; 2], last: &mut u32, stamps: &mut Vec<(u32, u64)>) {
    let mut found = |stamp: u32| {
        // Only later frames come, and never as many later as there are stamps.
        let number = *last + (stamp + CYCLE - *last % CYCLE) % CYCLE;
        if number != *last || stamps.is_empty() {
            stamps.push((number, clock::now()));
            *last = number;
        }
    };
    let mut joint = [tail[0], tail[1], 0, 0];
    let lent = bytes.len().min(2);
    joint[2..2 + lent].copy_from_slice(&bytes[..lent]);
    for bytes in [&joint[..2 + lent], bytes] {
        for at in memchr::memchr_iter(STAMP_LEAD, bytes) {
            if let Some([_, second, third]) = bytes.get(at..at + 3)
                && let Some(stamp) = stamp(*second, *third)
            {
                found(stamp);
            }
        }
    }
    *tail = match bytes {
        [.., first, second] => [*first, *second],
        [only] => [tail[1], *only],
        [] => *tail,
    };
}
