//! [`Broadcast`]: a published state on its way to every viewer of a bridge.
//!
//! Owns who stands where. In: [`Outlet`]s, and a word that there is a new state. Out: offers of it,
//! each viewer's in the order of the states. It must not know what an outlet does with a state.
//!
//! Who typed last is offered the state by the task that read the pty, before anybody is woken; so
//! are all while they are few. For more there are carriers, one for each thread of the runtime: they
//! take the next few viewers of the pass under way until each has been offered its state, and then
//! begin a pass with the newest. So under load states are left out, none is late, and all viewers
//! stand at the same screen and share its frames.

use super::clock;
use crate::config::limits::{CARRIER_VIEWERS, CARRY_STEP, INLINE_VIEWERS};
use crate::viewer::{Frame, State, ViewerId};
use metrics::Counter;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;
use tokio::runtime;
use tokio::sync::{Notify, watch};
use tokio::task::yield_now;

/// Where states go out to one viewer.
pub trait Outlet: Send + Sync {
    /// Sends what is new in `state`, or leaves that to the viewer's own task: it must not wait. An
    /// older state than the one before is to be ignored.
    fn offer(&self, state: &State, now: Instant, tally: &mut Tally);
}

/// What was sent while it lived: counted at its end, as a count for each frame would be dear.
#[derive(Debug, Default)]
pub struct Tally {
    frames: u64,
    bytes: u64,
    saved: u64,
}

/// What is counted too often to look its counter up each time.
struct Counters {
    frames: Counter,
    bytes: Counter,
    saved: Counter,
}

static COUNTERS: LazyLock<Counters> = LazyLock::new(|| Counters {
    frames: metrics::counter!("muxview_frames_total"),
    bytes: metrics::counter!("muxview_frame_bytes_total"),
    saved: metrics::counter!("muxview_deflate_saved_bytes_total"),
});

impl Tally {
    /// A frame was sent.
    pub fn frame(&mut self, frame: &Frame) {
        let bytes = frame.payload().len() as u64;
        self.frames += 1;
        self.bytes += bytes;
        self.saved += frame.terminal_bytes().saturating_sub(bytes);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.frames > 0 {
            COUNTERS.frames.increment(self.frames);
            COUNTERS.bytes.increment(self.bytes);
            COUNTERS.saved.increment(self.saved);
        }
    }
}

/// Viewers, and how far the pass under way has come.
pub(super) struct Broadcast {
    states: watch::Receiver<Arc<State>>,
    /// A std mutex: held to take the next few, never while they are offered anything.
    pass: Mutex<Pass>,
    /// What wakes each carrier; none before they are needed.
    calls: OnceLock<Arc<[Notify]>>,
}

struct Pass {
    outlets: BTreeMap<ViewerId, Arc<dyn Outlet>>,
    state: Arc<State>,
    /// Who is next; none when all have been offered the state.
    next: Option<ViewerId>,
    /// The bridge has ended: after what it published last, carriers end too.
    over: bool,
}

impl Broadcast {
    pub(super) fn new(states: watch::Receiver<Arc<State>>) -> Self {
        let state = Arc::clone(&states.borrow());
        Self {
            states,
            pass: Mutex::new(Pass {
                outlets: BTreeMap::new(),
                state,
                next: None,
                over: false,
            }),
            calls: OnceLock::new(),
        }
    }

    /// From now on this viewer is offered what is published. What was before, it takes by itself.
    pub(super) fn stand(self: &Arc<Self>, id: ViewerId, outlet: Arc<dyn Outlet>) {
        let mut pass = self.pass();
        pass.outlets.insert(id, outlet);
        let many = pass.outlets.len() > INLINE_VIEWERS && !pass.over;
        drop(pass);
        if many {
            self.calls.get_or_init(|| self.carriers());
        }
    }

    pub(super) fn leave(&self, id: ViewerId) {
        // Dropped when the lock is not held any more.
        let _left = self.pass().outlets.remove(&id);
    }

    /// Offers what was just published, or has it offered.
    pub(super) fn publish(&self, state: &State, typist: Option<ViewerId>, now: Instant) {
        let (first, viewers): (Vec<_>, _) = {
            let pass = self.pass();
            let first = if pass.outlets.len() <= INLINE_VIEWERS {
                pass.outlets.values().cloned().collect()
            } else {
                let typist = typist.and_then(|id| pass.outlets.get(&id));
                typist.cloned().into_iter().collect()
            };
            (first, pass.outlets.len())
        };
        let mut tally = Tally::default();
        for outlet in &first {
            outlet.offer(state, now, &mut tally);
        }
        if viewers > INLINE_VIEWERS
            && let Some(calls) = self.calls.get()
        {
            let needed = viewers.div_ceil(CARRIER_VIEWERS);
            calls.iter().take(needed).for_each(Notify::notify_one);
        }
    }

    /// The bridge has published its last.
    pub(super) fn end(&self) {
        self.pass().over = true;
        if let Some(calls) = self.calls.get() {
            calls.iter().for_each(Notify::notify_one);
        }
    }

    fn pass(&self) -> MutexGuard<'_, Pass> {
        // Nothing in the critical sections can panic half way through a change.
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carriers(self: &Arc<Self>) -> Arc<[Notify]> {
        let count = runtime::Handle::current().metrics().num_workers();
        let calls: Arc<[Notify]> = (0..count).map(|_| Notify::new()).collect();
        for number in 0..count {
            tokio::spawn(Arc::clone(self).carry(number, Arc::clone(&calls)));
        }
        calls
    }

    async fn carry(self: Arc<Self>, number: usize, calls: Arc<[Notify]>) {
        let mut some = Vec::with_capacity(CARRY_STEP);
        loop {
            while let Some(state) = self.next(&mut some) {
                let (now, mut tally) = (clock::now(), Tally::default());
                for outlet in some.drain(..) {
                    outlet.offer(&state, now, &mut tally);
                }
                drop(tally);
                // Whoever reads, types or comes has waited long enough.
                yield_now().await;
            }
            if self.pass().over {
                return;
            }
            calls[number].notified().await;
        }
    }

    /// The next few viewers, and what they are to be offered; none when all are at the newest state.
    fn next(&self, some: &mut Vec<Arc<dyn Outlet>>) -> Option<Arc<State>> {
        let mut pass = self.pass();
        let from = match pass.next {
            Some(next) => next,
            None => {
                let newest = Arc::clone(&self.states.borrow());
                if newest.serial == pass.state.serial {
                    return None;
                }
                pass.state = newest;
                ViewerId(0)
            }
        };
        let mut rest = pass.outlets.range(from..);
        some.extend(rest.by_ref().take(CARRY_STEP).map(|(_, it)| Arc::clone(it)));
        pass.next = rest.next().map(|(id, _)| *id);
        Some(Arc::clone(&pass.state))
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let viewers = self.pass().outlets.len();
        f.debug_struct("Broadcast")
            .field("viewers", &viewers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
