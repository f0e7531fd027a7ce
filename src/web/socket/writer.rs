//! [`Outlet`]: where everything to one viewer goes out. In: states, offered by whoever carries them or
//! told by the viewer's own task, and what tungstenite answers. Out: bytes, at once if the socket takes
//! them; what it does not take waits, and the viewer's task waits for the socket. A handoff stops it:
//! frozen, it writes nothing, and what it holds is what another process needs to go on. It must not
//! know what the viewer says.

use bytes::Bytes;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Instant;
use tokio::io::AsyncWrite;
use tokio::sync::Notify;

use crate::bridge::Lease;
use crate::bridge::broadcast::{self, Tally};
use crate::config::limits::{ANSWER_BYTES, PING_INTERVAL};
use crate::viewer::{End, State};
use crate::web::auth::permit::Permit;
use crate::web::connection::split::Outgoing;
use crate::web::socket::encoder::Teller;
use crate::web::socket::write_queue::{Queue, SLICES};

/// Shared by the viewer's task and those who carry states to it.
#[derive(Debug)]
pub(in crate::web) struct Outlet {
    /// A std mutex: held for a write that does not wait, and hardly ever wanted by two.
    out: Mutex<Out>,
    /// The viewer's task has something to do.
    attention: Notify,
}

#[derive(Debug)]
struct Out {
    /// None once somebody else has it.
    socket: Option<Outgoing>,
    queue: Queue,
    /// None before the viewer has a seat, and when there is nothing more to tell.
    teller: Option<Teller>,
    /// What the viewer is here by. None when nothing is sent by it any more.
    permit: Option<Permit>,
    /// [`State::serial`] of what it was told last.
    told: u64,
    /// When the viewer's task looks again by itself.
    alarm: Option<Instant>,
    /// Why it is told no more; the viewer's task is to do the rest.
    over: Option<Over>,
    frozen: bool,
}

/// Why a viewer is told no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Over {
    /// As the state says.
    End(End),
    /// A picture could not be made.
    Failed,
}

impl Outlet {
    /// One that writes `unsent` first.
    pub(in crate::web) fn new(socket: Outgoing, unsent: Bytes) -> Self {
        let mut queue = Queue::default();
        queue.push(unsent);
        Self {
            out: Mutex::new(Out {
                socket: Some(socket),
                queue,
                teller: None,
                permit: None,
                told: 0,
                alarm: None,
                over: None,
                frozen: false,
            }),
            attention: Notify::new(),
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        // A panic is caught where it can happen, and what it left half done is given up.
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ── telling ──────────────────────────────────────────────────────────────────────────────

    /// The viewer has a seat, or another one: from now on it is told.
    pub(in crate::web) fn open(&self, teller: Teller, permit: &Permit) {
        let mut out = self.out();
        (out.teller, out.permit) = (Some(teller), Some(permit.clone()));
        (out.told, out.over) = (0, None);
    }

    /// Tells what is new, if all before is written. Gives the time to do so again though nothing
    /// happens.
    pub(in crate::web) fn tell(
        &self,
        state: &State,
        now: Instant,
    ) -> Result<Option<Instant>, Over> {
        let mut out = self.out();
        let permit = out.permit.clone();
        let held = permit.as_ref().map(Lease::hold);
        if let Some(None) = held {
            // The viewer's task finds out why.
            self.attention.notify_one();
            return Ok(None);
        }
        out.tell(state, now, &mut Tally::default())
    }

    /// Waits until there is something for the viewer's own task to do. Cancel-safe.
    pub(in crate::web) async fn attention(&self) {
        self.attention.notified().await;
    }

    /// Changes what the teller knows; nothing is sent by that.
    pub(in crate::web) fn with<T>(&self, change: impl FnOnce(&mut Teller) -> T) -> Option<T> {
        self.out().teller.as_mut().map(change)
    }

    /// Asks the viewer whether it is there, once all before is written. False if there is none to be
    /// asked any more.
    pub(in crate::web) fn ping(&self) -> bool {
        let mut out = self.out();
        let out = &mut *out;
        let Some(teller) = &mut out.teller else {
            return false;
        };
        if out.frozen || out.over.is_some() || !teller.has_greeted() || !out.queue.is_empty() {
            teller.ping();
            return true;
        }
        teller.ask(&mut out.queue);
        let waits = teller.viewer.wake_at().is_some();
        out.write();
        if waits || !out.queue.is_empty() {
            self.attention.notify_one();
        }
        true
    }

    /// The viewer's permit has ended: nothing is told any more, and what waits is not written. False if
    /// something waited: a message may be half written, so nothing can follow it.
    pub(in crate::web) fn revoke(&self) -> bool {
        let mut out = self.out();
        (out.teller, out.permit) = (None, None);
        let clean = out.queue.is_empty();
        if !clean {
            out.queue.take();
            if let Some(socket) = out.socket.take() {
                socket.forget_unsent();
            }
        }
        clean
    }

    /// Takes the word from the teller: what follows are only answers and the close.
    pub(in crate::web) fn hush(&self) -> Option<Teller> {
        self.out().teller.take()
    }

    // ── writing ──────────────────────────────────────────────────────────────────────────────

    /// Whether everything has been written.
    pub(in crate::web) fn is_drained(&self) -> bool {
        self.out().queue.is_empty()
    }

    /// Writes until everything is written. Cancel-safe: what is not written stays.
    pub(in crate::web) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.out().poll_drain(cx)
    }

    /// Takes in what tungstenite answers by itself.
    pub(in crate::web) fn poll_answer(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut out = self.out();
        if out.queue.answers() >= ANSWER_BYTES && !out.frozen {
            ready!(out.poll_drain(cx))?;
        }
        out.queue.answer(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Writes everything and says that no more comes.
    pub(in crate::web) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out();
        ready!(out.poll_drain(cx))?;
        match &mut out.socket {
            Some(socket) => Pin::new(socket).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Makes the coming end of the connection a reset.
    pub(in crate::web) fn forget_unsent(&self) {
        if let Some(socket) = &self.out().socket {
            socket.forget_unsent();
        }
    }

    // ── handing over ─────────────────────────────────────────────────────────────────────────

    /// From now on nothing is written; what is to be written is kept.
    pub(in crate::web) fn freeze(&self) {
        self.out().frozen = true;
    }

    /// Goes on after all.
    pub(in crate::web) fn thaw(&self) {
        self.out().frozen = false;
    }

    /// Answers the pings that were heard last.
    pub(in crate::web) fn answer(&self) {
        let Out { teller, queue, .. } = &mut *self.out();
        if let Some(teller) = teller {
            teller.answer(queue);
        }
    }

    /// Bytes still to be written.
    pub(in crate::web) fn weight(&self) -> usize {
        self.out().queue.len()
    }

    /// The socket, and what is to be written to it before anything else.
    pub(in crate::web) fn take(&self) -> Option<(Outgoing, Bytes)> {
        let mut out = self.out();
        let socket = out.socket.take()?;
        Some((socket, out.queue.take()))
    }
}

impl broadcast::Outlet for Outlet {
    fn offer(&self, state: &State, now: Instant, tally: &mut Tally) {
        let mut out = self.out();
        // While something is unsent the task waits for the socket, and fetches the newest state then.
        if out.frozen || state.serial < out.told || !out.queue.is_empty() {
            return;
        }
        let permit = out.permit.clone();
        let held = permit.as_ref().map(Lease::hold);
        if let Some(None) = held {
            drop(out);
            return self.attention.notify_one();
        }
        let Some(teller) = &out.teller else { return };
        // Who may still be here is for the viewer's task to judge.
        let smooth = state.ended.is_none() && teller.viewer.knows(&state.session);
        let alarm = out.alarm;
        if !smooth || out.tell(state, now, tally) != Ok(alarm) || !out.queue.is_empty() {
            drop(out);
            self.attention.notify_one();
        }
    }
}

impl Out {
    fn tell(
        &mut self,
        state: &State,
        now: Instant,
        tally: &mut Tally,
    ) -> Result<Option<Instant>, Over> {
        if let Some(over) = self.over {
            return Err(over);
        }
        self.alarm = None;
        let Some(teller) = self.teller.as_mut().filter(|_| !self.frozen) else {
            return Ok(None);
        };
        // A first picture follows the greeting, also behind what another process left unsent.
        if teller.has_greeted() && !self.queue.is_empty() {
            return Ok(None);
        }
        self.told = state.serial;
        let queue = &mut self.queue;
        // A picture nobody thought of costs this viewer only, not those who are offered it next.
        let told = catch_unwind(AssertUnwindSafe(|| teller.tell(state, now, queue, tally)));
        self.over = told.map_or(Some(Over::Failed), |end| end.map(Over::End));
        if let Some(over) = self.over {
            return Err(over);
        }
        // Before that it is asked whether it is there, and the viewer's task looks again.
        let soon = now + PING_INTERVAL;
        let wake_at = teller.viewer.wake_at();
        self.alarm = wake_at.filter(|at| *at > now && *at <= soon);
        self.write();
        Ok(self.alarm)
    }

    /// Writes what the socket takes at once. What goes wrong is found by who waits for the socket.
    fn write(&mut self) {
        let Some(socket) = &self.socket else { return };
        while !self.queue.is_empty() {
            let written = if let Some(piece) = self.queue.only() {
                socket.try_write(piece)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = self.queue.slices(&mut slices);
                socket.try_write_vectored(&slices[..count])
            };
            match written {
                Ok(written @ 1..) => self.queue.advance(written),
                Ok(0) | Err(_) => return,
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.frozen {
            return Poll::Pending;
        }
        let held = self.permit.as_ref().map(Lease::hold);
        if let Some(None) = held {
            return Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()));
        }
        let Some(socket) = &mut self.socket else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.slices(&mut slices);
            let written = ready!(Pin::new(&mut *socket).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.queue.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}
