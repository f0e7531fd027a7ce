//! [`Driver`]: the way to type, for one viewer. In: what it types, does with windows, and its size. Out: orders
//! for the bridge's task, as many as there is room for. It must not know what becomes of them.

use super::order::{Input, Lease, Order};
use super::roster::Shared;
use crate::config::limits::INPUT_BYTES;
use crate::terminal::Size;
use crate::tmux::{Theme, WindowAct};
use crate::viewer::ViewerId;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// The way to type, for one viewer. Useless once its seat is dropped.
#[derive(Debug, Clone)]
pub struct Driver {
    pub(super) id: ViewerId,
    pub(super) shared: Arc<Shared>,
    pub(super) orders: mpsc::Sender<Order>,
    pub(super) room: Room,
    pub(super) lease: Option<Arc<dyn Lease>>,
}

impl Driver {
    /// Hands over one message of input. Waits while the queue is full, which holds the socket back;
    /// once it returns, the bytes are delivered whole and in order, also if muxview stops.
    ///
    /// # Errors
    /// [`Closed`] when the bridge is over.
    pub async fn input(&self, bytes: Bytes) -> Result<(), Closed> {
        if bytes.is_empty() {
            return Ok(());
        }
        let room = Arc::clone(&self.room.input).acquire_many_owned(share(&bytes));
        let room = room.await.map_err(|_| Closed)?;
        let sent = self.orders.send(self.typed(bytes, room)).await;
        sent.map_err(|_| Closed)
    }

    /// [`Driver::input`] for what there is room for now; else gives it back.
    ///
    /// # Errors
    /// The bytes, which go by [`Driver::input`].
    pub fn try_input(&self, bytes: Bytes) -> Result<(), Bytes> {
        let room = Arc::clone(&self.room.input).try_acquire_many_owned(share(&bytes));
        let (Ok(room), Ok(place)) = (room, self.orders.try_reserve()) else {
            return Err(bytes);
        };
        place.send(self.typed(bytes, room));
        Ok(())
    }

    fn typed(&self, bytes: Bytes, room: OwnedSemaphorePermit) -> Order {
        Order::Type(Input {
            from: self.id,
            bytes,
            lease: self.lease.clone(),
            _room: Some(room),
        })
    }

    /// Has something done with the session's windows, before what is typed after it. Dropped while
    /// too much of that waits.
    ///
    /// # Errors
    /// [`Closed`] when the bridge is over.
    pub async fn window(&self, act: WindowAct) -> Result<(), Closed> {
        let Ok(room) = Arc::clone(&self.room.acts).try_acquire_owned() else {
            return Ok(());
        };
        let order = Order::Window {
            from: self.id,
            act,
            lease: self.lease.clone(),
            room,
        };
        self.orders.send(order).await.map_err(|_| Closed)
    }

    /// This viewer's colours now.
    pub fn theme(&self, theme: Theme) {
        let id = self.id;
        self.shared.change(|roster| roster.sizing.themed(id, theme));
    }

    /// This viewer's colours held before another process of ours took over.
    pub fn restore_theme(&self, theme: Theme) {
        let id = self.id;
        self.shared
            .change(|roster| roster.sizing.restored(id, theme));
    }

    /// This viewer's size now.
    pub fn resize(&self, size: Size) {
        let id = self.id;
        self.shared.change(|roster| roster.sizing.resized(id, size));
    }
}

/// What a message counts for the room; one that is larger takes all of it.
fn share(bytes: &Bytes) -> u32 {
    bytes.len().min(INPUT_BYTES) as u32
}

/// The bridge is over; nothing more is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is no longer watched; connect again")]
pub struct Closed;

/// How much of what drivers want may wait.
#[derive(Debug, Clone)]
pub(super) struct Room {
    /// In bytes.
    pub(super) input: Arc<Semaphore>,
    pub(super) acts: Arc<Semaphore>,
}
