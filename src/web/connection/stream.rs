//! What a browser is connected by, and through which door it came. In: an accepted socket. Out:
//! bytes, and the facts the access rules ask for. It must not know HTTP.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Sleep, sleep};

use crate::config::limits::STALL;
use crate::net::Socket;
use crate::web::connection::limit::Connected;

/// An accepted connection and the place it takes among all of them, which it gives back when it
/// is dropped: also as a WebSocket, long after HTTP has forgotten it.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// Running while the peer takes nothing; `None` when it takes all.
    stall: Option<Pin<Box<Sleep>>>,
    place: Place,
}

/// The place of a connection among all, and on whose account it is.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    /// None if another process accepted it.
    connected: Option<Arc<Connected>>,
}

impl Place {
    /// Of a connection that was just accepted.
    #[must_use]
    pub fn new(permit: OwnedSemaphorePermit, connected: Arc<Connected>) -> Self {
        Self {
            _permit: permit,
            connected: Some(connected),
        }
    }
}

impl From<OwnedSemaphorePermit> for Place {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self {
            _permit: permit,
            connected: None,
        }
    }
}

impl Stream {
    /// A connection that holds `place` while it lives.
    #[must_use]
    pub fn new(socket: Socket, place: impl Into<Place>) -> Self {
        Self {
            socket,
            stall: None,
            place: place.into(),
        }
    }

    /// Makes the coming drop a reset: what the peer has not taken by now, the kernel shall not keep for it.
    fn forget_unsent(&self) {
        if let Socket::Tcp(socket) = &self.socket {
            // Failing means the connection is already gone, which is what was asked for.
            let _ = socket.set_zero_linger();
        }
    }

    /// A peer that asks and does not take the answer would keep its place for ever.
    fn hurry(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(STALL)));
        stall
            .as_mut()
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Takes it out of this process's event loop, and gives its place back.
    pub fn into_descriptor(self) -> io::Result<OwnedFd> {
        Ok(match self.socket {
            Socket::Tcp(socket) => socket.into_std()?.into(),
            Socket::Unix(socket) => socket.into_std()?.into(),
        })
    }

    /// The socket and its place, for whoever gives the one back with the other.
    pub(in crate::web) fn into_parts(self) -> (Socket, Place) {
        (self.socket, self.place)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let socket = &mut this.socket;
        let mut write = |cx: &mut Context<'_>| match socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
        };
        let written = match &this.place.connected {
            Some(connected) => connected.gate.write(cx, bufs, write),
            None => write(cx),
        };
        if let Poll::Ready(Err(error)) = &written
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            this.forget_unsent();
        }
        self.hurry(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.socket {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}
