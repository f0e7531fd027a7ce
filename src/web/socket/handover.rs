//! [`Handover`]: viewers on their way to the next process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

use crate::bridge::Seat;
use crate::config::limits::HANDOFF_BYTES;
use crate::web::connection::stream::Stream;
use crate::web::socket::carried::Carried;

/// A viewer between two processes: nobody reads or writes its socket.
#[derive(Debug)]
pub struct Frozen {
    /// Its socket.
    pub stream: Stream,
    /// All else.
    pub carried: Carried,
    /// Kept until nobody sizes windows any more: whoever leaves gives up its size.
    pub(in crate::web) _seat: Seat,
}

/// Where frozen viewers are collected.
#[derive(Debug, Clone)]
pub struct Handover {
    seats: mpsc::UnboundedSender<Frozen>,
    /// Bytes that may still be carried.
    room: Arc<AtomicUsize>,
    spread: Duration,
}

impl Handover {
    /// Gives viewers to `seats`; those that cannot be handed over come back within `spread`.
    pub(in crate::web) fn new(seats: mpsc::UnboundedSender<Frozen>, spread: Duration) -> Self {
        Self {
            seats,
            room: Arc::new(AtomicUsize::new(HANDOFF_BYTES)),
            spread,
        }
    }

    /// Makes room for so many bytes, if there is any.
    pub(in crate::web) fn reserve(&self, bytes: usize) -> bool {
        let take = |room: usize| room.checked_sub(bytes);
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        self.room.fetch_update(set, get, take).is_ok()
    }

    /// Hands over a viewer.
    pub(in crate::web) fn give(&self, frozen: Frozen) {
        // If nobody collects any more, the process ends this moment.
        let _ = self.seats.send(frozen);
    }

    /// For those who cannot be handed over.
    pub(in crate::web) fn spread(&self) -> Duration {
        self.spread
    }
}
