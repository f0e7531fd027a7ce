//! [`Strangers`]: the connections that wait for a request and on which nobody has signed in yet: those
//! who only connect, those who send a head byte by byte, pages between two requests. Owns their order.
//! In: who comes, asks, waits again. Out: who is to be ended, because too many came after it. It must
//! not know sockets or HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

use super::accept::Complaint;
use crate::config::limits::STRANGERS;

/// All of them; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Strangers(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    most: usize,
    next: u64,
    /// By when they began to wait.
    waiting: BTreeMap<u64, Arc<Notify>>,
    complaint: Complaint,
}

/// One of them, gone with the guard.
#[derive(Debug)]
pub(super) struct Stranger {
    all: Strangers,
    /// Where it waits, unless it asks or is known.
    place: Mutex<Option<u64>>,
    ended: Arc<Notify>,
}

impl Strangers {
    /// For a house with so many places.
    pub(super) fn of(places: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            most: STRANGERS.min(places / 2).max(1),
            next: 0,
            waiting: BTreeMap::new(),
            complaint: Complaint::default(),
        })))
    }

    /// One more, who waits from now on.
    pub(super) fn enter(&self) -> Stranger {
        let stranger = Stranger {
            all: self.clone(),
            place: Mutex::new(None),
            ended: Arc::new(Notify::new()),
        };
        stranger.waits();
        stranger
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// It asks: who is being answered is not ended.
    pub(super) fn asks(&self) {
        if let Some(place) = self.place().take() {
            self.all.queue().waiting.remove(&place);
        }
    }

    /// It was answered and is still nobody: it waits again, behind all others.
    pub(super) fn waits(&self) {
        let mut own = self.place();
        let mut queue = self.all.queue();
        if let Some(place) = own.take() {
            queue.waiting.remove(&place);
        }
        let place = queue.next;
        queue.next += 1;
        queue.waiting.insert(place, Arc::clone(&self.ended));
        *own = Some(place);
        if queue.waiting.len() > queue.most
            && let Some((_, longest)) = queue.waiting.pop_first()
        {
            longest.notify_one();
            metrics::counter!("muxview_refusals_total", "reason" => "strangers").increment(1);
            if queue.complaint.is_due() {
                let most = queue.most;
                tracing::warn!(
                    most,
                    "so many connections ask nothing: those that wait longest are ended"
                );
            }
        }
    }

    /// Waits until others have taken its place.
    pub(super) async fn ended(&self) {
        self.ended.notified().await;
    }

    fn place(&self) -> MutexGuard<'_, Option<u64>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.asks();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn ended(stranger: &Stranger) -> bool {
        stranger.ended().now_or_never().is_some()
    }

    #[test]
    fn one_more_ends_the_one_that_waited_longest() {
        let strangers = Strangers::of(6);
        let came: Vec<_> = (0..3).map(|_| strangers.enter()).collect();
        assert!(!came.iter().any(ended));
        // Asking, it is not in the way; answered, it has waited the shortest.
        came[0].asks();
        let fourth = strangers.enter();
        assert!(!came.iter().any(ended));
        came[0].waits();
        assert_eq!(
            came.iter().map(ended).collect::<Vec<_>>(),
            [false, true, false]
        );
        drop(fourth);
        let fifth = strangers.enter();
        assert!(!came.iter().any(ended) && !ended(&fifth));
        drop((came, fifth));
        assert!(strangers.queue().waiting.is_empty());
    }

    #[test]
    fn the_last_place_is_always_for_the_next() {
        let strangers = Strangers::of(1);
        let first = strangers.enter();
        let second = strangers.enter();
        assert!(ended(&first) && !ended(&second));
    }
}
