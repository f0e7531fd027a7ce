//! [`Tap`]: the IO under tungstenite. It reads first what came in behind the handshake, counts
//! when the peer was last heard, and owns what is still to be written: frames of ours that share
//! their payload with every other viewer, and the pongs and closes of tungstenite, in one order.
//! It is also where a handoff stops the stream: frozen, it neither reads nor writes, and what it
//! holds is all that another process needs to go on. It must not know what a message means.

use bytes::{Buf, Bytes, BytesMut};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::tape::Tape;
use crate::config::limits::ANSWER_BYTES;

/// Slices of one write: a header and a payload for each of some frames.
const SLICES: usize = 16;

/// What a message of ours carries, but for the frames, which come with their header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text = 1,
    Ping = 9,
}

/// The layer between tungstenite and the raw stream.
#[derive(Debug)]
pub(super) struct Tap<S> {
    stream: S,
    /// Read by hyper together with the handshake; comes before anything of the stream.
    early: Bytes,
    /// Whole frames, the first maybe partly written.
    unsent: VecDeque<Bytes>,
    /// What tungstenite wrote and we have not: pongs and closes. Bounded, so that a peer that
    /// pings and never reads holds up its own pongs, not our memory.
    answers: usize,
    heard: Instant,
    /// What was read of a message that is not whole.
    tape: Tape,
    frozen: bool,
}

/// What a frozen tap held.
#[derive(Debug)]
pub(super) struct Held<S> {
    pub(super) stream: S,
    /// Bytes to be read before those of the stream.
    pub(super) unread: Bytes,
    /// Bytes to be written before anything else.
    pub(super) unsent: Bytes,
}

impl<S> Tap<S> {
    pub(super) fn new(stream: S, early: Bytes) -> Self {
        Self {
            stream,
            early,
            unsent: VecDeque::new(),
            answers: 0,
            heard: super::now(),
            tape: Tape::default(),
            frozen: false,
        }
    }

    /// Goes on where another process stopped: reads `unread` and writes `unsent` first.
    pub(super) fn carried(stream: S, unread: Bytes, unsent: Bytes) -> Self {
        let mut tap = Self::new(stream, unread);
        if !unsent.is_empty() {
            tap.unsent.push_back(unsent);
        }
        tap
    }

    /// From now on nothing is read from the stream nor written to it. What was read before is
    /// still given, what is written is kept.
    pub(super) fn freeze(&mut self) {
        self.frozen = true;
    }

    /// Goes on after all.
    pub(super) fn thaw(&mut self) {
        self.frozen = false;
    }

    /// Bytes that would have to be carried; none if they could not be.
    pub(super) fn weight(&self) -> Option<usize> {
        let unsent: usize = self.unsent.iter().map(Bytes::len).sum();
        Some(self.tape.rest()?.len() + self.early.len() + unsent)
    }

    /// Takes a frozen tap apart, once its reader has taken every message that was whole. What the
    /// tape could not keep is missing: see [`Tap::weight`].
    pub(super) fn into_held(self) -> Held<S> {
        let rest = self.tape.rest().unwrap_or_default();
        let unsent: Vec<u8> = self.unsent.iter().flatten().copied().collect();
        Held {
            unread: [rest, &self.early].concat().into(),
            unsent: unsent.into(),
            stream: self.stream,
        }
    }

    /// Puts a frame behind what is still to be written.
    pub(super) fn push(&mut self, kind: Kind, payload: Bytes) {
        self.unsent.push_back(header(kind, payload.len()));
        if !payload.is_empty() {
            self.unsent.push_back(payload);
        }
    }

    /// As [`Tap::push`], for a message that has its header.
    pub(super) fn push_wire(&mut self, message: Bytes) {
        self.unsent.push_back(message);
    }

    /// Whether everything has been written.
    pub(super) fn is_drained(&self) -> bool {
        self.unsent.is_empty()
    }

    /// When the last byte came in.
    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// The raw stream.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Writes until everything is written. Cancel-safe: what is not written stays.
    pub(super) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frozen {
            return Poll::Pending;
        }
        while !self.unsent.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            for (slice, bytes) in slices.iter_mut().zip(&self.unsent) {
                *slice = IoSlice::new(bytes);
            }
            let count = self.unsent.len().min(SLICES);
            let mut written =
                ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            while let Some(first) = self.unsent.front_mut() {
                if written < first.len() {
                    first.advance(written);
                    break;
                }
                written -= first.len();
                self.unsent.pop_front();
            }
        }
        self.answers = 0;
        // A viewer that was behind once must not keep its queue's memory for ever.
        self.unsent.shrink_to(SLICES);
        Poll::Ready(Ok(()))
    }
}

/// The header of an unmasked, unfragmented frame (RFC 6455, 5.2).
fn header(kind: Kind, len: usize) -> Bytes {
    let mut header = BytesMut::with_capacity(10);
    header.extend_from_slice(&[0x80 | kind as u8]);
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => header.extend_from_slice(&[len]),
        (_, Ok(len)) => {
            header.extend_from_slice(&[126]);
            header.extend_from_slice(&len.to_be_bytes());
        }
        _ => {
            header.extend_from_slice(&[127]);
            header.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    header.freeze()
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.early.is_empty() {
            if self.frozen {
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        } else {
            let len = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(len));
        }
        if buf.filled().len() > before {
            self.heard = super::now();
            self.tape.feed(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

/// What tungstenite writes by itself joins the queue.
impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.answers >= ANSWER_BYTES && !self.frozen {
            ready!(self.poll_drain(cx))?;
        }
        self.answers += buf.len();
        self.unsent.push_back(Bytes::copy_from_slice(buf));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frozen {
            return Poll::Ready(Ok(()));
        }
        self.poll_drain(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::Frame;
    use futures_util::StreamExt;
    use tokio::io::AsyncReadExt;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role};

    #[tokio::test]
    async fn frames_of_every_length_arrive_whole_through_a_narrow_stream() {
        let (ours, theirs) = tokio::io::duplex(7);
        let mut tap = Tap::new(ours, Bytes::new());
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
        for len in lengths {
            tap.push(Kind::Text, Bytes::from(vec![b'a'; len]));
            tap.push(Kind::Ping, Bytes::new());
            tap.push_wire(Frame::plain(b"frame").wire().clone());
        }
        let writer = tokio::spawn(async move {
            std::future::poll_fn(|cx| tap.poll_drain(cx))
                .await
                .expect("written");
            tap
        });
        let mut reader = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
        for len in lengths {
            let Some(Ok(Message::Text(text))) = reader.next().await else {
                panic!("{len}")
            };
            assert_eq!(text.as_str(), "a".repeat(len));
            assert!(matches!(reader.next().await, Some(Ok(Message::Ping(_)))));
            let frame = reader.next().await;
            assert!(matches!(frame, Some(Ok(Message::Binary(bytes))) if bytes == "frame"));
        }
        assert!(writer.await.expect("no panic").is_drained());
    }

    #[tokio::test]
    async fn what_came_with_the_handshake_is_read_first() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut theirs, b"later")
            .await
            .expect("fits");
        let mut tap = Tap::new(ours, Bytes::from_static(b"early "));
        let mut read = [0; 11];
        tap.read_exact(&mut read).await.expect("both parts");
        assert_eq!(&read, b"early later");
    }

    #[tokio::test]
    async fn a_peer_that_pings_and_never_reads_holds_up_only_its_pongs() {
        let (ours, theirs) = tokio::io::duplex(256);
        let tap = Tap::new(ours, Bytes::new());
        let mut server = WebSocketStream::from_raw_socket(tap, Role::Server, None).await;
        let (_theirs_in, mut theirs_out) = tokio::io::split(theirs);
        let pings = tokio::spawn(async move {
            let ping = [0x89, 0x80, 0, 0, 0, 0];
            for _ in 0..20_000 {
                tokio::io::AsyncWriteExt::write_all(&mut theirs_out, &ping)
                    .await
                    .expect("read");
            }
        });
        for _ in 0..20_000 {
            assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
        }
        pings.await.expect("all sent");
        let unsent: usize = server.get_ref().unsent.iter().map(Bytes::len).sum();
        assert!(unsent <= 2 * ANSWER_BYTES, "{unsent}");
    }
}
