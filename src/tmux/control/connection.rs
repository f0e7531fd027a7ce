//! [`ControlConnection`]: a control client of the tmux server (`tmux -C`) without a process: one command,
//! and the lines of control mode from then on.

use crate::tmux::control::protocol::{Decoder, Encoder, Framing, Message, Role};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

/// A control client. It ends when this is dropped.
#[derive(Debug)]
pub(in crate::tmux) struct ControlConnection {
    /// Messages of the client protocol: of interest is only its end.
    socket: UnixStream,
    decoder: Decoder,
    /// Lines of control mode.
    lines: UnixStream,
}

impl ControlConnection {
    /// Connects to the server and has it run one command.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(in crate::tmux) async fn open(
        path: &Path,
        framing: Framing,
        command: &[&str],
    ) -> io::Result<Self> {
        let mut socket = UnixStream::connect(path).await?;
        let (lines, theirs) = UnixStream::pair()?;
        let mut encoder = Encoder::new(framing, std::process::id());
        for message in encoder.descriptors() {
            send_with(&socket, &message, theirs.as_fd()).await?;
        }
        encoder.start(Role::Control, command);
        socket.write_all(&encoder.take()).await?;
        Ok(Self {
            socket,
            decoder: Decoder::new(framing),
            lines,
        })
    }

    /// Waits for something to arrive and hands the bytes of control mode to `sink`, cut anywhere.
    /// Cancel-safe.
    ///
    /// # Errors
    /// When the connection is over.
    pub(in crate::tmux) async fn next(&mut self, sink: impl FnOnce(&[u8])) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        tokio::select! {
            biased;
            ready = self.lines.readable() => {
                ready?;
                let n = read(&self.lines, &mut bytes)?;
                sink(&bytes[..n]);
                Ok(())
            }
            ready = self.socket.readable() => {
                ready?;
                let n = read(&self.socket, &mut bytes)?;
                self.decoder.feed(&bytes[..n]);
                while let Ok(Some(message)) = self.decoder.next() {
                    if message == Message::Exit {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok(())
            }
        }
    }
}

/// Reads what is there: nothing, if it was a false alarm.
fn read(socket: &UnixStream, bytes: &mut [u8]) -> io::Result<usize> {
    match socket.try_read(bytes) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        read => read,
    }
}

/// Sends a message together with a descriptor.
async fn send_with(socket: &UnixStream, message: &[u8], fd: BorrowedFd<'_>) -> io::Result<()> {
    let sent = socket
        .async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let fds = [fd];
            control.push(SendAncillaryMessage::ScmRights(&fds));
            let parts = [io::IoSlice::new(message)];
            Ok(sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL)?)
        })
        .await?;
    // A stream socket takes a few bytes whole or not at all.
    if sent == message.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}
