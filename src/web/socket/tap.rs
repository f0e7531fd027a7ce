//! [`Tap`]: the IO under tungstenite. It reads first what came in behind the handshake, and counts
//! when the peer was last heard; what tungstenite writes joins what goes out at the [`Outlet`]. It is
//! also where a handoff stops the stream: frozen, it reads nothing, and what it holds is what another
//! process needs to go on. It must not know what a message means.

use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::config::limits::{READ_BUFFER_BYTES, SPECTATOR_MESSAGE_BYTES};
use crate::web::auth::budget;
use crate::web::connection::split;
use crate::web::connection::split::{Incoming, Outgoing};
use crate::web::connection::stream::Stream;
use crate::web::socket::oversize::Oversize;
use crate::web::socket::tape::Tape;
use crate::web::socket::writer::Outlet;

/// The layer between tungstenite and the raw stream.
#[derive(Debug)]
pub(in crate::web) struct Tap {
    incoming: Incoming,
    outlet: Arc<Outlet>,
    /// Read by hyper together with the handshake; comes before anything of the stream.
    early: Bytes,
    heard: Instant,
    /// What was read of a message that is not whole.
    tape: Tape,
    /// Leaves out what a spectator sends too much of; boxed, as few bytes for all others.
    oversize: Option<Box<Sieve>>,
    /// What of that is on its principal's account; none before it has one.
    buffer: Option<budget::Held>,
    frozen: bool,
}

/// What stands before the reader of a spectator.
#[derive(Debug, Default)]
struct Sieve {
    oversize: Oversize,
    /// What was let through and not read yet.
    passed: Vec<u8>,
}

/// What a frozen tap held.
#[derive(Debug)]
pub(in crate::web) struct Held {
    pub(in crate::web) stream: Stream,
    /// Bytes to be read before those of the stream.
    pub(in crate::web) unread: Bytes,
    /// Bytes to be written before anything else.
    pub(in crate::web) unsent: Bytes,
}

impl Tap {
    pub(in crate::web) fn new(stream: Stream, early: Bytes) -> Self {
        Self::carried(stream, early, Bytes::new())
    }

    /// Goes on where another process stopped: reads `unread` and writes `unsent` first.
    pub(in crate::web) fn carried(stream: Stream, unread: Bytes, unsent: Bytes) -> Self {
        let (incoming, outgoing) = split::split(stream);
        Self::of(incoming, outgoing, unread, unsent)
    }

    fn of(incoming: Incoming, outgoing: Outgoing, unread: Bytes, unsent: Bytes) -> Self {
        Self {
            incoming,
            outlet: Arc::new(Outlet::new(outgoing, unsent)),
            early: unread,
            heard: crate::web::clock::now(),
            tape: Tape::default(),
            oversize: None,
            buffer: None,
            frozen: false,
        }
    }

    /// Counts what is read of messages that are not whole.
    pub(in crate::web) fn count(&mut self, buffer: budget::Held) {
        self.buffer = Some(buffer);
    }

    /// Leaves out messages that are longer than a spectator's may be.
    pub(in crate::web) fn leave_out_oversize(&mut self) {
        self.oversize = Some(Box::default());
    }

    /// Reads what is let through.
    fn poll_sieved(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(sieve) = &mut self.oversize else {
            return Poll::Ready(Ok(()));
        };
        while sieve.passed.is_empty() {
            let mut raw = [0; READ_BUFFER_BYTES];
            let mut raw = ReadBuf::new(&mut raw);
            if self.early.is_empty() {
                if self.frozen {
                    return Poll::Pending;
                }
                ready!(Pin::new(&mut self.incoming).poll_read(cx, &mut raw))?;
                if raw.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let len = self.early.len().min(raw.remaining());
                raw.put_slice(&self.early.split_to(len));
            }
            self.heard = crate::web::clock::now();
            sieve.oversize.feed(raw.filled(), &mut sieve.passed);
        }
        let len = sieve.passed.len().min(buf.remaining());
        buf.put_slice(&sieve.passed[..len]);
        sieve.passed.drain(..len);
        Poll::Ready(Ok(()))
    }

    /// Has what was read counted. Its reader holds it a second time.
    fn counted(&mut self) -> io::Result<()> {
        let (Some(buffer), Some(rest)) = (&mut self.buffer, self.tape.rest()) else {
            return Ok(());
        };
        let bytes = if rest.len() > SPECTATOR_MESSAGE_BYTES {
            2 * rest.len() as u64
        } else {
            0
        };
        if bytes != buffer.amount() && buffer.resize(bytes).is_err() {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        Ok(())
    }

    /// Where everything goes out.
    pub(in crate::web) const fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// From now on nothing is read from the stream nor written to it. What was read before is
    /// still given, what is written is kept.
    pub(in crate::web) fn freeze(&mut self) {
        self.frozen = true;
        self.outlet.freeze();
    }

    /// Goes on after all.
    pub(in crate::web) fn thaw(&mut self) {
        self.frozen = false;
        self.outlet.thaw();
    }

    /// Bytes that would have to be carried; none if they could not be.
    pub(in crate::web) fn weight(&self) -> Option<usize> {
        let sieved = self.sieved().len();
        Some(self.tape.rest()?.len() + sieved + self.early.len() + self.outlet.weight())
    }

    /// What the sieve holds, between what was read and what is still to come.
    fn sieved(&self) -> Vec<u8> {
        let Some(sieve) = &self.oversize else {
            return Vec::new();
        };
        [&sieve.passed[..], &sieve.oversize.rest()].concat()
    }

    /// Takes a frozen tap apart, once its reader has taken every message that was whole. What the
    /// tape could not keep is missing: see [`Tap::weight`].
    pub(in crate::web) fn into_held(self) -> Option<Held> {
        let (outgoing, unsent) = self.outlet.take()?;
        let rest = self.tape.rest().unwrap_or_default();
        Some(Held {
            unread: [rest, &self.sieved(), &self.early].concat().into(),
            unsent,
            stream: split::join(self.incoming, outgoing)?,
        })
    }

    /// When the last byte came in.
    pub(in crate::web) fn heard(&self) -> Instant {
        self.heard
    }

    /// The half that is read, for who takes no messages any more.
    pub(in crate::web) const fn incoming(&mut self) -> &mut Incoming {
        &mut self.incoming
    }
}

impl AsyncRead for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        if self.oversize.is_some() {
            ready!(self.poll_sieved(cx, buf))?;
        } else if self.early.is_empty() {
            if self.frozen {
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.incoming).poll_read(cx, buf))?;
        } else {
            let len = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early.split_to(len));
        }
        if buf.filled().len() > before {
            self.heard = crate::web::clock::now();
            self.tape.feed(&buf.filled()[before..]);
            self.counted()?;
        }
        Poll::Ready(Ok(()))
    }
}

/// What tungstenite writes by itself joins what goes out.
impl AsyncWrite for Tap {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.outlet.poll_answer(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frozen {
            return Poll::Ready(Ok(()));
        }
        self.outlet.poll_drain(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outlet.poll_shutdown(cx)
    }
}

#[cfg(test)]
pub(in crate::web) mod tests {
    use super::*;
    use crate::config::limits::ANSWER_BYTES;
    use crate::net::Socket;
    use crate::viewer::{Frame, Kind, message};
    use futures_util::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;
    use tokio::sync::Semaphore;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::{Message, protocol::Role};

    /// A stream, and its other end. It takes a few kilobytes until those are read.
    pub(in crate::web) fn narrow() -> (Stream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        socket2::SockRef::from(&ours)
            .set_send_buffer_size(1)
            .expect("the least there is");
        let places = Arc::new(Semaphore::new(1));
        let place = places.try_acquire_owned().expect("one");
        (Stream::new(Socket::Unix(ours), place), theirs)
    }

    /// A tap that is to write `unsent`, which takes nothing of it at so many writes.
    pub(in crate::web) fn moody(refusals: u32, unsent: Bytes) -> (Tap, UnixStream) {
        let (ours, theirs) = narrow();
        let (incoming, mut outgoing) = split::split(ours);
        outgoing.turn_moody(refusals);
        (Tap::of(incoming, outgoing, Bytes::new(), unsent), theirs)
    }

    #[tokio::test]
    async fn frames_of_every_length_arrive_whole_through_a_narrow_stream() {
        let (ours, theirs) = narrow();
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 70_000];
        let mut unsent = Vec::new();
        for len in lengths {
            unsent.extend(message(Kind::Text, &["a".repeat(len).as_bytes()]).0);
            unsent.extend(message(Kind::Ping, &[]).0);
            unsent.extend(Frame::plain(b"frame").wire());
        }
        let tap = Tap::carried(ours, Bytes::new(), unsent.into());
        let writer = tokio::spawn(async move {
            std::future::poll_fn(|cx| tap.outlet.poll_drain(cx))
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
        assert!(writer.await.expect("no panic").outlet.is_drained());
    }

    #[tokio::test]
    async fn what_came_with_the_handshake_is_read_first() {
        let (ours, mut theirs) = narrow();
        theirs.write_all(b"later").await.expect("fits");
        let mut tap = Tap::new(ours, Bytes::from_static(b"early "));
        let mut read = [0; 11];
        tap.read_exact(&mut read).await.expect("both parts");
        assert_eq!(&read, b"early later");
    }

    #[tokio::test]
    async fn a_peer_that_pings_and_never_reads_holds_up_only_its_pongs() {
        let (ours, theirs) = narrow();
        let tap = Tap::new(ours, Bytes::new());
        let mut server = WebSocketStream::from_raw_socket(tap, Role::Server, None).await;
        let (_theirs_in, mut theirs_out) = theirs.into_split();
        let pings = tokio::spawn(async move {
            let ping = [0x89, 0x80, 0, 0, 0, 0];
            for _ in 0..20_000 {
                theirs_out.write_all(&ping).await.expect("read");
            }
        });
        for _ in 0..20_000 {
            assert!(matches!(server.next().await, Some(Ok(Message::Ping(_)))));
        }
        pings.await.expect("all sent");
        let unsent = server.get_ref().outlet.weight();
        assert!(0 < unsent && unsent <= 2 * ANSWER_BYTES, "{unsent}");
    }
}
