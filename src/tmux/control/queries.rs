//! [`QueryConnection`]: a connection to the tmux server that runs command lines and returns what they
//! print, without a process and without attaching.
//!
//! An attached control client could do the same, but it disturbs: it counts as a focused client with
//! black colours of the session it is attached to, and keeps that session's size and life. This
//! client attaches to nothing. It introduces itself with `source-file - ; source-file - ; …`: tmux
//! asks it for one file after the other, and each file it sends is one question. That tmux asks for
//! the next file says that the last question is answered.

use crate::config::limits::{TMUX_QUESTIONS, TMUX_REPLY_BYTES};
use crate::tmux::control::protocol::{Decoder, Encoder, Framing, Message, Role, STDOUT};
use crate::tmux::error::Error;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use tokio::net::UnixStream;

/// What a command line printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::tmux) struct Reply {
    /// Standard output; at most [`TMUX_REPLY_BYTES`].
    pub(in crate::tmux) output: Vec<u8>,
    /// Standard error; not empty when a command failed.
    pub(in crate::tmux) errors: Vec<u8>,
    /// The output was longer.
    pub(in crate::tmux) cut: bool,
}

impl Reply {
    /// The output and what standard error says, if the output is whole.
    pub(in crate::tmux) fn into_parts(self, what: &'static str) -> Result<(String, String), Error> {
        if self.cut {
            return Err(Error::Failed {
                what,
                message: "its answer is too long".to_owned(),
            });
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((text(&self.output), text(&self.errors)))
    }

    /// The output, or the error that standard error tells of.
    pub(in crate::tmux) fn into_result(self, what: &'static str) -> Result<String, Error> {
        if self.cut {
            return Err(Error::Failed {
                what,
                message: "its answer is too long".to_owned(),
            });
        }
        if !self.errors.is_empty() {
            return Err(Error::from_words(
                what,
                &String::from_utf8_lossy(&self.errors),
            ));
        }
        // tmux reports a line it cannot parse on standard output, as `FILE:LINE: reason`.
        if let Some(reason) = self.output.strip_prefix(b"-:1: ") {
            return Err(Error::from_words(what, &String::from_utf8_lossy(reason)));
        }
        Ok(String::from_utf8_lossy(&self.output).into_owned())
    }

    fn add(&mut self, stream: i32, bytes: &[u8]) {
        let held = if stream == STDOUT {
            &mut self.output
        } else {
            &mut self.errors
        };
        let room = TMUX_REPLY_BYTES.saturating_sub(held.len());
        self.cut |= bytes.len() > room;
        held.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

/// A connection that answers one question at a time.
#[derive(Debug)]
pub(in crate::tmux) struct QueryConnection {
    socket: UnixStream,
    encoder: Encoder,
    decoder: Decoder,
    unsent: Vec<u8>,
    /// The file tmux waits for: the next question.
    wanted: Option<i32>,
    /// Questions that can still be asked on this connection.
    left: usize,
    /// Streams that tmux opened and has not written to yet: what they carry belongs to the question
    /// under way.
    opened: BTreeSet<i32>,
    reply: Reply,
}

impl QueryConnection {
    /// Connects and introduces itself. To be awaited with [`QueryConnection::ready`] before the first
    /// question.
    pub(in crate::tmux) async fn open(path: &Path, framing: Framing) -> io::Result<Self> {
        let socket = UnixStream::connect(path).await?;
        let mut encoder = Encoder::new(framing, std::process::id());
        // One more than there are questions: that it is asked for is the last answer's end.
        let files: Vec<&str> = ["source-file", "-", ";"]
            .into_iter()
            .cycle()
            .take((TMUX_QUESTIONS + 1) * 3 - 1)
            .collect();
        encoder.start(Role::Command, &files);
        Ok(Self {
            socket,
            unsent: encoder.take(),
            encoder,
            decoder: Decoder::new(framing),
            wanted: None,
            left: TMUX_QUESTIONS,
            opened: BTreeSet::new(),
            reply: Reply::default(),
        })
    }

    /// Whether another question can be asked; if not, a new connection is needed.
    pub(in crate::tmux) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Asks with one command line. The answer comes from [`QueryConnection::ready`]; nothing may be
    /// asked before it has come.
    pub(in crate::tmux) fn ask(&mut self, line: &str) {
        let Some(stream) = self.wanted.take() else {
            debug_assert!(false, "a question is under way");
            return;
        };
        self.left = self.left.saturating_sub(1);
        self.encoder.content(stream, format!("{line}\n").as_bytes());
        self.unsent.extend(self.encoder.take());
    }

    /// Has tmux end the client, which waits for a last file: one that is merely gone leaves that behind
    /// in the server.
    pub(in crate::tmux) fn finish(mut self) {
        if let Some(stream) = self.wanted.take() {
            self.encoder.content(stream, b"");
            // A server that does not take it at once is about to end.
            let _ = self.socket.try_write(&self.encoder.take());
        }
    }

    /// Waits until tmux takes the next question, and gives the answer to the last one. Cancel-safe.
    ///
    /// # Errors
    /// When the connection is over, or the server speaks something else.
    pub(in crate::tmux) async fn ready(&mut self) -> io::Result<Reply> {
        loop {
            self.flush().await?;
            while let Some(message) = self.decoder.next().map_err(|_| foreign())? {
                self.received(message)?;
            }
            if !self.unsent.is_empty() {
                continue;
            }
            if self.wanted.is_some() && self.opened.is_empty() {
                return Ok(std::mem::take(&mut self.reply));
            }
            self.receive().await?;
        }
    }

    fn received(&mut self, message: Message) -> io::Result<()> {
        match message {
            Message::ReadOpen(stream) => self.wanted = Some(stream),
            Message::WriteOpen(stream) => {
                self.opened.insert(stream);
                self.encoder.writable(stream);
                self.unsent.extend(self.encoder.take());
            }
            Message::Write(stream, bytes) => {
                self.opened.remove(&stream);
                self.reply.add(stream, &bytes);
            }
            Message::Exit => return Err(io::ErrorKind::UnexpectedEof.into()),
            Message::OtherVersion => return Err(foreign()),
            Message::Other => {}
        }
        Ok(())
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.socket.try_write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.socket.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 * 1024];
        loop {
            self.socket.readable().await?;
            match self.socket.try_read(&mut bytes) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => {
                    self.decoder.feed(&bytes[..n]);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// What listens there does not speak tmux's protocol.
fn foreign() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(output: &str, errors: &str) -> Result<String, Error> {
        let (output, errors) = (output.into(), errors.into());
        let cut = false;
        Reply {
            output,
            errors,
            cut,
        }
        .into_result("ask")
    }

    #[test]
    fn an_answer_is_its_output_or_the_error() {
        assert_eq!(reply("a\nb\n", ""), Ok("a\nb\n".to_owned()));
        assert_eq!(
            reply("", "can't find session: x\n"),
            Err(Error::NoSuchSession)
        );
        let unparsed = reply("-:1: unknown command: x\n", "");
        assert!(unparsed.is_err_and(|error| error.to_string().contains("unknown command")));
    }

    #[test]
    fn an_answer_is_bounded() {
        let mut reply = Reply::default();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..=TMUX_REPLY_BYTES >> 20 {
            reply.add(STDOUT, &piece);
        }
        assert_eq!(reply.output.len(), TMUX_REPLY_BYTES);
        assert!(reply.into_result("ask").is_err());
    }
}
