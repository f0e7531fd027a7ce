//! A [`Stream`] in two: who reads it and who writes it are not the same. In: a stream that has become
//! a WebSocket. Out: bytes, both ways, and the stream again for whoever goes on with it elsewhere. It
//! must not know what the bytes mean.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{tcp, unix};

use crate::net::Socket;
use crate::web::connection::stream::{Place, Stream};

/// The half that is read.
#[derive(Debug)]
pub(in crate::web) enum Incoming {
    Tcp(tcp::OwnedReadHalf),
    Unix(unix::OwnedReadHalf),
}

/// The half that is written. A peer may take as long as it likes.
#[derive(Debug)]
pub(in crate::web) struct Outgoing {
    half: WriteHalf,
    place: Place,
}

#[derive(Debug)]
enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Unix(unix::OwnedWriteHalf),
    /// Takes nothing at so many writes, then all.
    #[cfg(test)]
    Moody(u32),
}

/// Both halves of a stream.
pub(in crate::web) fn split(stream: Stream) -> (Incoming, Outgoing) {
    let (socket, place) = stream.into_parts();
    let (incoming, half) = match socket {
        Socket::Tcp(socket) => {
            let (read, write) = socket.into_split();
            (Incoming::Tcp(read), WriteHalf::Tcp(write))
        }
        Socket::Unix(socket) => {
            let (read, write) = socket.into_split();
            (Incoming::Unix(read), WriteHalf::Unix(write))
        }
    };
    (incoming, Outgoing { half, place })
}

/// The stream of these halves; none if they are not of the same one.
pub(in crate::web) fn join(incoming: Incoming, outgoing: Outgoing) -> Option<Stream> {
    let socket = match (incoming, outgoing.half) {
        (Incoming::Tcp(read), WriteHalf::Tcp(write)) => Socket::Tcp(read.reunite(write).ok()?),
        (Incoming::Unix(read), WriteHalf::Unix(write)) => Socket::Unix(read.reunite(write).ok()?),
        _ => return None,
    };
    Some(Stream::new(socket, outgoing.place))
}

impl Outgoing {
    /// Writes what the kernel takes at once.
    pub(in crate::web) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.half {
            WriteHalf::Tcp(half) => half.try_write(bytes),
            WriteHalf::Unix(half) => half.try_write(bytes),
            #[cfg(test)]
            WriteHalf::Moody(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// As [`Outgoing::try_write`], of more than one piece.
    pub(in crate::web) fn try_write_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match &self.half {
            WriteHalf::Tcp(half) => half.try_write_vectored(pieces),
            WriteHalf::Unix(half) => half.try_write_vectored(pieces),
            #[cfg(test)]
            WriteHalf::Moody(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Makes the coming drop a reset: what the peer has not taken by now, the kernel shall not
    /// keep for it.
    pub(in crate::web) fn forget_unsent(&self) {
        if let WriteHalf::Tcp(half) = &self.half {
            // Failing means the connection is already gone, which is what was asked for.
            let _ = half.as_ref().set_zero_linger();
        }
    }
}

impl AsyncRead for Incoming {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Self::Unix(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Outgoing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.half {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write(cx, buf),
            WriteHalf::Unix(half) => Pin::new(half).poll_write(cx, buf),
            #[cfg(test)]
            WriteHalf::Moody(refusals) => moody(refusals, buf.len()),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.half {
            WriteHalf::Tcp(half) => Pin::new(half).poll_write_vectored(cx, bufs),
            WriteHalf::Unix(half) => Pin::new(half).poll_write_vectored(cx, bufs),
            #[cfg(test)]
            WriteHalf::Moody(refusals) => moody(refusals, bufs.iter().map(|buf| buf.len()).sum()),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.half {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Unix(half) => Pin::new(half).poll_shutdown(cx),
            #[cfg(test)]
            WriteHalf::Moody(_) => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
fn moody(refusals: &mut u32, len: usize) -> Poll<io::Result<usize>> {
    match refusals.checked_sub(1) {
        Some(left) => {
            *refusals = left;
            Poll::Pending
        }
        None => Poll::Ready(Ok(len)),
    }
}

#[cfg(test)]
impl Outgoing {
    /// Takes nothing at so many writes, then all.
    pub(in crate::web) fn turn_moody(&mut self, refusals: u32) {
        self.half = WriteHalf::Moody(refusals);
    }
}
