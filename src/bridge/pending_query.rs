//! [`Slot`]: one question to tmux under way, awaited from a `select!` without losing it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// At most one future; [`Slot::done`] waits for it and, while there is none, for ever.
pub(super) struct Slot<T>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    /// Starts a question. One under way is dropped.
    pub(super) fn ask(&mut self, question: impl Future<Output = T> + Send + 'static) {
        self.0 = Some(Box::pin(question));
    }

    /// Whether none is under way.
    pub(super) const fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// Its answer. Cancel-safe: the question stays.
    pub(super) async fn done(&mut self) -> T {
        let answer = poll_fn(|context| match &mut self.0 {
            Some(question) => question.as_mut().poll(context),
            None => Poll::Pending,
        })
        .await;
        self.0 = None;
        answer
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&self.0.is_some()).finish()
    }
}
