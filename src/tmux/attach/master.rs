//! [`Master`]: a pty's end in tokio's reactor. Knows nothing of who is at the other end.

use crate::sys;
use futures_util::FutureExt as _;
use std::io;
use std::os::fd::OwnedFd;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The master of a pty in tokio's reactor.
///
/// It is watched for what can be read only. That it takes bytes again is told with every key tmux
/// reads, to a thread that has nothing to do with it; so that is waited for only when it is full.
#[derive(Debug)]
pub(in crate::tmux) struct Master(AsyncFd<OwnedFd>);

impl Master {
    /// Takes over the descriptor, which must not block. Needs a tokio runtime.
    pub(in crate::tmux) fn new(owned: OwnedFd) -> io::Result<Self> {
        sys::watched(owned, Interest::READABLE).map(Self)
    }

    /// The descriptor.
    pub(in crate::tmux) fn fd(&self) -> &OwnedFd {
        self.0.get_ref()
    }

    /// Takes it out of the reactor.
    pub(in crate::tmux) fn into_fd(self) -> OwnedFd {
        self.0.into_inner()
    }

    /// Waits until `read` has something to read. Cancel-safe.
    pub(in crate::tmux) async fn read<T>(
        &self,
        read: impl FnMut(&OwnedFd) -> io::Result<T>,
    ) -> io::Result<T> {
        self.0.async_io(Interest::READABLE, read).await
    }

    /// Reads what is there; `WouldBlock` when there is nothing.
    pub(in crate::tmux) fn try_read<T>(
        &self,
        mut read: impl FnMut(&OwnedFd) -> io::Result<T>,
    ) -> io::Result<T> {
        // The reactor is told of an empty pty, or the next wait would begin with one more look.
        if let Some(Ok(mut ready)) = self.0.readable().now_or_never() {
            let tried = ready.try_io(|fd| read(fd.get_ref()));
            return tried.unwrap_or_else(|_| Err(io::ErrorKind::WouldBlock.into()));
        }
        read(self.fd())
    }

    /// Waits until it takes bytes, as it did not just now. Cancel-safe.
    pub(in crate::tmux) async fn writable(&self) -> io::Result<()> {
        let copy = rustix::io::fcntl_dupfd_cloexec(self.fd(), 3)?;
        sys::watched(copy, Interest::WRITABLE)?
            .writable()
            .await?
            .retain_ready();
        Ok(())
    }
}
