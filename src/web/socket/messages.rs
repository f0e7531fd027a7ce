//! [`Connection`]: one WebSocket, as its viewer's task sees it. In: a close. Out: what happened at the
//! socket, one [`Turn`] at a time. What is to be sent goes to its [`Outlet`]; what that could not
//! write at once is written here, while we read. It must not know what messages mean.

use bytes::Bytes;
use futures_util::{FutureExt as _, Sink, Stream as _};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use crate::config::limits::{ANSWER_BYTES, FAREWELL, READ_BUFFER_BYTES};
use crate::web::socket::protocol::Close;
use crate::web::socket::tap::{Held, Tap};
use crate::web::socket::writer::Outlet;

/// A WebSocket.
#[derive(Debug)]
pub(in crate::web) struct Connection {
    ws: WebSocketStream<Tap>,
    /// tungstenite reads no more: the peer broke the protocol.
    broken: bool,
}

/// What happened at the socket.
#[derive(Debug)]
pub(in crate::web) enum Turn {
    Binary(Bytes),
    Text(Utf8Bytes),
    /// A ping or pong.
    Alive,
    /// All that was pushed has been written.
    Drained,
    Gone(Gone),
}

/// How a socket ended.
#[derive(Debug)]
pub(in crate::web) enum Gone {
    /// The peer closed it, with this code.
    Closed(Option<u16>),
    /// The connection is gone.
    Lost,
    /// The peer did what it must not; it is to be told so.
    Broken(Close),
}

impl Connection {
    /// One whose messages have at most so many bytes. Before that is known, nothing is read.
    pub(in crate::web) async fn new(tap: Tap, messages: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            // What tungstenite writes goes to the outlet, which has the queue.
            .write_buffer_size(0)
            .max_write_buffer_size(ANSWER_BYTES)
            .max_message_size(Some(messages))
            .max_frame_size(Some(messages));
        let ws = WebSocketStream::from_raw_socket(tap, Role::Server, Some(config)).await;
        Self { ws, broken: false }
    }

    /// Where everything goes out.
    pub(in crate::web) fn outlet(&self) -> &Arc<Outlet> {
        self.ws.get_ref().outlet()
    }

    fn is_drained(&self) -> bool {
        self.outlet().is_drained()
    }

    /// When the peer was last heard.
    pub(in crate::web) fn heard(&self) -> Instant {
        self.ws.get_ref().heard()
    }

    /// Writes what is to be written and, if `reading`, reads, until something happens.
    /// Cancel-safe: nothing is lost when the future is dropped.
    pub(in crate::web) async fn turn(&mut self, reading: bool) -> Turn {
        poll_fn(|cx| self.poll_turn(cx, reading)).await
    }

    /// Stops the stream where it is. What was read before is to be taken by [`Connection::last`].
    pub(in crate::web) fn freeze(&mut self) {
        self.ws.get_mut().freeze();
    }

    /// The next message that was whole when the stream was frozen.
    pub(in crate::web) fn last(&mut self) -> Option<Turn> {
        self.turn(true).now_or_never()
    }

    /// Goes on after all.
    pub(in crate::web) fn thaw(&mut self) {
        self.ws.get_mut().thaw();
    }

    /// Bytes that would have to be carried; none if they could not be.
    pub(in crate::web) fn weight(&self) -> Option<usize> {
        self.ws.get_ref().weight()
    }

    /// Takes a frozen connection apart.
    pub(in crate::web) fn into_held(self) -> Option<Held> {
        self.ws.into_inner().into_held()
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<Turn> {
        let mut lost = false;
        let unsent = !self.is_drained();
        if unsent {
            match self.outlet().poll_drain(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Turn::Drained),
                // One who takes no more may have said something before.
                Poll::Ready(Err(_)) => lost = true,
                // A peer that does not read can still be heard.
                Poll::Pending => {}
            }
        }
        let heard = if reading {
            Pin::new(&mut self.ws).poll_next(cx)
        } else {
            Poll::Pending
        };
        Poll::Ready(match heard {
            Poll::Ready(Some(Ok(Message::Binary(bytes)))) => Turn::Binary(bytes),
            Poll::Ready(Some(Ok(Message::Text(text)))) => Turn::Text(text),
            Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                Turn::Gone(Gone::Closed(frame.map(|frame| frame.code.into())))
            }
            Poll::Ready(Some(Ok(_))) => Turn::Alive,
            Poll::Ready(None) => Turn::Gone(Gone::Lost),
            Poll::Ready(Some(Err(error))) => {
                let gone = gone(&error);
                self.broken = matches!(gone, Gone::Broken(_));
                Turn::Gone(gone)
            }
            Poll::Pending if lost => Turn::Gone(Gone::Lost),
            // tungstenite writes what it has to answer, and with it all that stood before.
            Poll::Pending if unsent && self.is_drained() => Turn::Drained,
            Poll::Pending => return Poll::Pending,
        })
    }

    /// Ends the socket from our side: what was pushed, the close, and a while for the peer to
    /// answer. Messages that were on their way meanwhile go to `late`.
    pub(in crate::web) async fn close(&mut self, close: &Close, mut late: impl FnMut(Turn)) {
        let reason = Utf8Bytes::from(close.reason.as_ref());
        let frame = Message::Close(Some(CloseFrame {
            code: close.code.into(),
            reason,
        }));
        if Pin::new(&mut self.ws).start_send(frame).is_err() {
            return;
        }
        let goodbye = async {
            while !self.broken {
                match self.turn(true).await {
                    Turn::Gone(Gone::Lost) => return,
                    // Once more, for tungstenite to notice that both closes have been.
                    Turn::Gone(Gone::Closed(_)) => {}
                    // One who breaks the protocol now is not told a second time.
                    Turn::Gone(Gone::Broken(_)) => break,
                    turn => late(turn),
                }
            }
            self.discard().await;
        };
        let in_time = timeout(FAREWELL, goodbye).await.is_ok();
        if !in_time && (!self.is_drained() || close.code == Close::SILENT.code) {
            self.outlet().forget_unsent();
        }
    }

    /// Answers the peer's close.
    pub(in crate::web) async fn bye(&mut self) {
        let goodbye = async { while !matches!(self.turn(true).await, Turn::Gone(Gone::Lost)) {} };
        // One who closed and does not take the answer misses nothing.
        let _ = timeout(FAREWELL, goodbye).await;
    }

    /// Writes the close, then takes in and forgets what the peer still sends: closing with bytes
    /// unread is a reset, and a reset overtakes the close we just sent.
    async fn discard(&mut self) {
        let tap = self.ws.get_mut();
        if tap.shutdown().await.is_err() {
            return;
        }
        let mut waste = vec![0; READ_BUFFER_BYTES];
        let read = |cx: &mut Context<'_>| -> Poll<io::Result<usize>> {
            let mut buf = ReadBuf::new(&mut waste);
            ready!(Pin::new(tap.incoming()).poll_read(cx, &mut buf))?;
            Poll::Ready(Ok(buf.filled().len()))
        };
        let mut read = read;
        while matches!(poll_fn(&mut read).await, Ok(1..)) {}
    }
}

fn gone(error: &Error) -> Gone {
    match error {
        Error::Utf8(_) => Gone::Broken(Close::NOT_UTF8),
        Error::Capacity(_) => Gone::Broken(Close::TOO_BIG),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Gone::Lost,
        Error::Protocol(_) => Gone::Broken(Close::BROKEN),
        Error::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
            Gone::Broken(Close::busy("too many messages that have not arrived whole"))
        }
        _ => Gone::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::Frame;
    use crate::web::socket::tap::tests::moody;

    #[tokio::test]
    async fn what_a_pong_takes_along_is_told_as_written() {
        // The pong of the ping that is heard first is written between two looks at the queue.
        let (tap, mut theirs) = moody(2, Frame::plain(b"frame").wire().clone());
        theirs.write_all(b"\x89\x80\0\0\0\0").await.expect("a ping");
        let mut connection = Connection::new(tap, 1024).await;
        let heard = connection.turn(true).await;
        assert!(matches!(heard, Turn::Alive), "{heard:?}");
        assert!(!connection.is_drained());
        let written = connection.turn(true).now_or_never();
        assert!(matches!(written, Some(Turn::Drained)), "{written:?}");
    }
}
