use super::*;
use crate::tmux::SessionId;
use crate::viewer::{Label, State};

/// Remembers what it was offered.
#[derive(Default)]
struct Seen(Mutex<Vec<u64>>);

impl Outlet for Seen {
    fn offer(&self, state: &State, _: Instant, tally: &mut Tally) {
        tally.frame(&Frame::plain(b"x"));
        let mut seen = self.0.lock().expect("no panic");
        // A carrier may be late with an older state; a real outlet ignores that, too.
        if seen.last().is_none_or(|last| *last < state.serial) {
            seen.push(state.serial);
        }
    }
}

impl Seen {
    fn last(&self) -> Option<u64> {
        self.0.lock().expect("no panic").last().copied()
    }
}

struct Bridge {
    states: watch::Sender<Arc<State>>,
    broadcast: Arc<Broadcast>,
    viewers: Vec<Arc<Seen>>,
}

impl Bridge {
    fn new(viewers: usize) -> Self {
        let label = Label {
            id: SessionId(1),
            name: "work".into(),
        };
        let (states, state) = watch::channel(Arc::new(State::new(label)));
        let mut bridge = Self {
            states,
            broadcast: Arc::new(Broadcast::new(state)),
            viewers: Vec::new(),
        };
        (0..viewers).for_each(|_| bridge.comes());
        bridge
    }

    fn comes(&mut self) {
        let seen = Arc::new(Seen::default());
        self.broadcast
            .stand(ViewerId(self.viewers.len() as u64), Arc::clone(&seen) as _);
        self.viewers.push(seen);
    }

    fn publish(&self, serial: u64, typist: Option<ViewerId>) {
        let state = State {
            serial,
            ..self.states.borrow().as_ref().clone()
        };
        let state = Arc::new(state);
        self.states.send_replace(Arc::clone(&state));
        self.broadcast.publish(&state, typist, Instant::now());
    }

    fn at(&self, serial: u64) -> usize {
        let there = |seen: &&Arc<Seen>| seen.last() == Some(serial);
        self.viewers.iter().filter(there).count()
    }

    /// Lets the carriers go on until all are at this state.
    async fn all_at(&self, serial: u64) {
        while self.at(serial) < self.viewers.len() {
            yield_now().await;
        }
    }
}

#[test]
fn few_are_offered_it_at_once_and_nobody_is_woken() {
    // No runtime: a task could not even be spawned.
    let bridge = Bridge::new(INLINE_VIEWERS);
    bridge.publish(1, None);
    assert_eq!(bridge.at(1), INLINE_VIEWERS);
}

#[tokio::test]
async fn of_many_the_typist_is_first() {
    let bridge = Bridge::new(10 * INLINE_VIEWERS);
    let typist = 7;
    bridge.publish(1, Some(ViewerId(typist)));
    assert_eq!(bridge.at(1), 1);
    assert_eq!(bridge.viewers[typist as usize].last(), Some(1));
    bridge.all_at(1).await;
}

#[tokio::test]
async fn a_pass_is_finished_before_the_newest_begins() {
    let bridge = Bridge::new(3 * CARRY_STEP);
    bridge.publish(1, None);
    while bridge.at(1) == 0 {
        yield_now().await;
    }
    for serial in 2..=9 {
        bridge.publish(serial, None);
    }
    bridge.all_at(9).await;
    for viewer in &bridge.viewers {
        // All at the same ones, and what lay between left out.
        assert_eq!(*viewer.0.lock().expect("no panic"), [1, 9]);
    }
}

#[tokio::test]
async fn who_comes_while_carriers_begin_and_who_leaves_in_a_pass_hold_nobody_up() {
    let mut bridge = Bridge::new(INLINE_VIEWERS);
    bridge.comes();
    bridge.publish(1, None);
    bridge.all_at(1).await;
    for _ in 0..2 * CARRY_STEP {
        bridge.comes();
    }
    bridge.publish(2, None);
    yield_now().await;
    for id in 0..4 {
        bridge.broadcast.leave(ViewerId(id));
    }
    bridge.publish(3, None);
    bridge.viewers.drain(..4);
    bridge.all_at(3).await;
}

#[tokio::test]
async fn carriers_bring_the_last_word_and_end() {
    let bridge = Bridge::new(INLINE_VIEWERS + 1);
    bridge.publish(1, None);
    bridge.publish(2, None);
    bridge.broadcast.end();
    bridge.all_at(2).await;
    let Bridge { broadcast, .. } = bridge;
    while Arc::strong_count(&broadcast) > 1 {
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_carriers_leave_nobody_out() {
    let bridge = Bridge::new(4 * CARRIER_VIEWERS);
    for serial in 1..200 {
        bridge.publish(serial, Some(ViewerId(serial)));
        if serial % 10 == 0 {
            bridge.all_at(serial).await;
        }
    }
    bridge.all_at(199).await;
}
