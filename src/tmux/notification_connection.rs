//! [`NotificationConnection`]: a control client that is attached to no session. It is told what
//! changes in the server and takes part in nothing, so nobody notices it.
//!
//! It waits for a channel that nobody signals (`wait-for`): a client whose command has not ended
//! stays, and a control client that stays is sent notifications. `list-clients` does not show it.

use super::event::Event;
use super::notification_parser::Parser;
use super::protocol::{Decoder, Encoder, Framing, Message, Role};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;

/// Notifications from one tmux server.
#[derive(Debug)]
pub(super) struct NotificationConnection {
    /// Messages of the client protocol: of interest is only its end.
    socket: UnixStream,
    decoder: Decoder,
    /// Lines of control mode.
    lines: UnixStream,
    parser: Parser,
    channel: String,
}

impl NotificationConnection {
    /// Connects to the server.
    ///
    /// # Errors
    /// Those of the sockets.
    pub(super) async fn open(path: &Path, framing: Framing) -> io::Result<Self> {
        let mut socket = UnixStream::connect(path).await?;
        let (lines, theirs) = UnixStream::pair()?;
        let mut encoder = Encoder::new(framing, std::process::id());
        for message in encoder.descriptors() {
            send_with(&socket, &message, theirs.as_fd()).await?;
        }
        let channel = channel();
        encoder.start(Role::Control, &["wait-for", &channel]);
        socket.write_all(&encoder.take()).await?;
        Ok(Self {
            socket,
            decoder: Decoder::new(framing),
            lines,
            parser: Parser::default(),
            channel,
        })
    }

    /// The command line that ends this client from another connection. A client that is merely gone
    /// leaves a few KB behind in the server until its channel is signalled.
    pub(super) fn release(&self) -> String {
        format!("wait-for -S {}", self.channel)
    }

    /// Waits for something to happen and hands it to `sink`. Cancel-safe.
    ///
    /// # Errors
    /// When the connection is over.
    pub(super) async fn next(&mut self, mut sink: impl FnMut(Event)) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        tokio::select! {
            biased;
            ready = self.lines.readable() => {
                ready?;
                let n = read(&self.lines, &mut bytes)?;
                self.parser.feed(&bytes[..n], &mut sink);
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

/// A name no client has waited for: a signal that came too early would end the next wait for it.
fn channel() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let random = getrandom::u64().unwrap_or_default();
    format!("muxview-{}-{count}-{random:016x}", std::process::id())
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
