//! What a driver typed, between its socket and its session. In: whole messages. Out: the same, one
//! after the other, as fast as the session takes them. It must not know the socket.

use bytes::Bytes;
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use tokio::time::timeout;

use crate::bridge::handle::{Closed, Driver};
use crate::config::limits::{FAREWELL, INPUT_AHEAD_BYTES};

type Feeding = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>;

/// Input on its way to the session: one message after the other, each whole.
#[derive(Default)]
pub(super) struct Input {
    waiting: VecDeque<Bytes>,
    bytes: usize,
    feeding: Option<(usize, Feeding)>,
}

impl Input {
    /// Takes in one message.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.waiting.push_back(bytes);
    }

    /// Whether more may be read. The session's own queue comes after this one.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < INPUT_AHEAD_BYTES
    }

    /// Waits until a message was taken by the session; for ever if there is none. Cancel-safe: a
    /// message on its way stays on its way.
    pub(super) async fn fed(&mut self, driver: Option<&Driver>) {
        if self.feeding.is_none() {
            let (Some(driver), Some(bytes)) = (driver.cloned(), self.waiting.pop_front()) else {
                return pending().await;
            };
            let len = bytes.len();
            self.feeding = Some((len, Box::pin(async move { driver.input(bytes).await })));
        }
        if let Some((len, feeding)) = &mut self.feeding {
            // A bridge that takes no more says so in its state, which ends the viewing.
            let _ = feeding.await;
            self.bytes -= *len;
            self.feeding = None;
        }
    }

    /// All of it, or as much as the session takes in a while.
    pub(super) async fn deliver(&mut self, driver: Option<&Driver>) {
        let all = async {
            while self.bytes > 0 {
                self.fed(driver).await;
            }
        };
        let _ = timeout(FAREWELL, all).await;
    }
}
