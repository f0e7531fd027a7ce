//! What a driver typed and did, between its socket and its session. In: whole messages. Out: the
//! same, one after the other, as fast as the session takes them: what was typed after a click goes to
//! the window that was clicked. It must not know the socket.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use tokio::time::timeout;

use crate::bridge::{Closed, Driver};
use crate::config::limits::{FAREWELL, INPUT_AHEAD_BYTES};
use crate::tmux::WindowAct;

type Feeding = Pin<Box<dyn Future<Output = Result<(), Closed>> + Send>>;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Message {
    /// Bytes for the program.
    Typed(#[serde(with = "crate::web::socket::carried::in_base64")] Bytes),
    /// Something to be done with a window.
    Act(WindowAct),
}

impl Message {
    /// What it counts for the room.
    fn len(&self) -> usize {
        match self {
            Self::Typed(bytes) => bytes.len(),
            Self::Act(_) => 1,
        }
    }

    async fn deliver(self, driver: Driver) -> Result<(), Closed> {
        match self {
            Self::Typed(bytes) => driver.input(bytes).await,
            Self::Act(act) => driver.window(act).await,
        }
    }
}

/// Input on its way to the session: one message after the other, each whole.
#[derive(Default)]
pub(in crate::web) struct Input {
    waiting: VecDeque<Message>,
    bytes: usize,
    /// The message on its way, kept for when it does not get there.
    feeding: Option<(Message, Feeding)>,
}

impl Input {
    /// What another process had not given the session. Who may type no more has none: it would wait for
    /// ever, and hold up reading and leaving.
    pub(in crate::web) fn carried(messages: Vec<Message>, drives: bool) -> Self {
        let mut input = Self::default();
        for message in messages.into_iter().filter(|_| drives) {
            input.take(message);
        }
        input
    }

    /// Bytes that would have to be carried.
    pub(in crate::web) const fn weight(&self) -> usize {
        self.bytes
    }

    /// Takes in what was typed.
    pub(in crate::web) fn push(&mut self, bytes: Bytes) {
        self.take(Message::Typed(bytes));
    }

    /// Gives the session what was typed, at once unless something has to wait.
    pub(in crate::web) fn give(&mut self, bytes: Bytes, driver: &Driver) {
        let refused = if self.bytes == 0 {
            driver.try_input(bytes).err()
        } else {
            Some(bytes)
        };
        if let Some(bytes) = refused {
            self.push(bytes);
        }
    }

    /// Takes in what is to be done with a window.
    pub(in crate::web) fn act(&mut self, act: WindowAct) {
        self.take(Message::Act(act));
    }

    /// Takes in a message.
    fn take(&mut self, message: Message) {
        self.bytes += message.len();
        self.waiting.push_back(message);
    }

    /// Whether more may be read. The session's own queue comes after this one.
    pub(in crate::web) fn has_room(&self) -> bool {
        self.bytes < INPUT_AHEAD_BYTES
    }

    /// Waits until a message was taken by the session; for ever if there is none. Cancel-safe: a
    /// message on its way stays on its way.
    pub(in crate::web) async fn fed(&mut self, driver: Option<&Driver>) {
        if self.feeding.is_none() {
            let (Some(driver), Some(message)) = (driver.cloned(), self.waiting.pop_front()) else {
                return pending().await;
            };
            let sent = message.clone().deliver(driver);
            self.feeding = Some((message, Box::pin(sent)));
        }
        if let Some((message, feeding)) = &mut self.feeding {
            // A bridge that takes no more says so in its state, which ends the viewing.
            let _ = feeding.await;
            self.bytes -= message.len();
            self.feeding = None;
        }
    }

    /// All of it, or as much as the session takes in a while.
    pub(in crate::web) async fn deliver(&mut self, driver: Option<&Driver>) {
        let all = async {
            while self.bytes > 0 {
                self.fed(driver).await;
            }
        };
        let _ = timeout(FAREWELL, all).await;
    }

    /// What the session has not taken.
    pub(in crate::web) fn into_rest(self) -> Vec<Message> {
        // Dropped before it was taken, a message on its way has not been.
        let first = self.feeding.map(|(message, _)| message);
        first.into_iter().chain(self.waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn who_comes_back_and_may_type_no_more_holds_nothing() {
        let typed = || vec![Message::Typed(Bytes::from(vec![b'x'; INPUT_AHEAD_BYTES]))];
        let driver = Input::carried(typed(), true);
        assert!(!driver.has_room() && driver.weight() == INPUT_AHEAD_BYTES);
        assert_eq!(driver.into_rest(), typed());
        let mut spectator = Input::carried(typed(), false);
        assert!(spectator.has_room() && spectator.weight() == 0);
        assert_eq!(spectator.deliver(None).now_or_never(), Some(()));
        assert_eq!(spectator.into_rest(), []);
    }
}
