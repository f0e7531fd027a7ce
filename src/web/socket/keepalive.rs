//! [`Rounds`]: viewers are asked whether they are there, all together. In: the outlets of those who
//! watch. Out: `tick` and ping at each, never later than told. It must not know what else they are sent,
//! nor who is silent.
//!
//! One task goes round, so that two hundred idle viewers cost two hundred writes and not as many alarms
//! and wakings besides.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};
use tokio::task::yield_now;
use tokio::time::sleep_until;

use crate::config::limits::{CARRY_STEP, PING_INTERVAL, PING_TOGETHER};
use crate::heartbeat::careful;
use crate::web::socket::writer::Outlet;

/// The rounds to come; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Rounds(Arc<Mutex<Coming>>);

#[derive(Debug, Default)]
struct Coming {
    /// Who is asked when, the next ones first.
    rounds: VecDeque<(Instant, Vec<Weak<Outlet>>)>,
    /// A task goes round.
    walking: bool,
}

impl Rounds {
    /// From now on this viewer is asked, as long as there is one. Needs a tokio runtime.
    pub(in crate::web) fn enter(&self, outlet: &Arc<Outlet>) {
        let at = next(crate::web::clock::now());
        let mut coming = self.coming();
        coming.join(at, [Arc::downgrade(outlet)]);
        if !std::mem::replace(&mut coming.walking, true) {
            tokio::spawn(self.clone().walk());
        }
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        // Nothing in the critical sections can panic half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes round until nobody is left.
    async fn walk(self) {
        while let Some(at) = self.next_at() {
            sleep_until(at.into()).await;
            let Some((_, mut outlets)) = self.coming().rounds.pop_front() else {
                continue;
            };
            // What would make one fail is no reason to ask nobody any more.
            let _ = careful(ask(&mut outlets)).await;
            if !outlets.is_empty() {
                self.coming().join(next(crate::web::clock::now()), outlets);
            }
        }
    }

    /// When the next round is. Without one the task is over, and who comes then starts another.
    fn next_at(&self) -> Option<Instant> {
        let mut coming = self.coming();
        let at = coming.rounds.front().map(|(at, _)| *at);
        coming.walking = at.is_some();
        at
    }
}

impl Coming {
    fn join(&mut self, at: Instant, outlets: impl IntoIterator<Item = Weak<Outlet>>) {
        let place = self.rounds.partition_point(|(round, _)| *round < at);
        match self.rounds.get_mut(place) {
            Some((round, waiting)) if *round == at => waiting.extend(outlets),
            _ => self
                .rounds
                .insert(place, (at, outlets.into_iter().collect())),
        }
    }
}

/// Asks those who are still there and forgets the others.
async fn ask(outlets: &mut Vec<Weak<Outlet>>) {
    let mut left = outlets.len();
    while left > 0 {
        let from = left.saturating_sub(CARRY_STEP);
        // Backwards: what takes the place of one who is forgotten was asked before.
        for place in (from..left).rev() {
            let there = outlets[place].upgrade();
            if !there.is_some_and(|outlet| outlet.ping()) {
                outlets.swap_remove(place);
            }
        }
        left = from;
        yield_now().await;
    }
}

/// When to ask again: not later than told, and together with others.
fn next(now: Instant) -> Instant {
    static FIRST: LazyLock<Instant> = LazyLock::new(crate::web::clock::now);
    let due = now + PING_INTERVAL;
    let since = due.saturating_duration_since(*FIRST).as_nanos();
    let early = since % PING_TOGETHER.as_nanos();
    due - Duration::from_nanos(early as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Identity;
    use crate::viewer::{Label, State, Viewer, ViewerId};
    use crate::web::auth::permit::Permit;
    use crate::web::auth::rules::SignIn;
    use crate::web::socket::encoder::Teller;
    use crate::web::socket::protocol::Role;
    use crate::web::socket::subprotocol::Subprotocol;
    use crate::web::socket::tap::Tap;
    use crate::web::socket::tap::tests::narrow;
    use bytes::Bytes;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::UnixStream;

    const ASKED: &[u8] = b"\x81\x0f{\"type\":\"tick\"}\x89\0";

    fn state() -> State {
        State::new(Label {
            id: crate::tmux::SessionId(1),
            name: "main".into(),
        })
    }

    /// A viewer that was greeted, behind what is to be written before that.
    fn viewer(unsent: &[u8]) -> (Tap, UnixStream) {
        let (ours, theirs) = narrow();
        let tap = Tap::carried(ours, Bytes::new(), Bytes::copy_from_slice(unsent));
        let viewer = Viewer::new(ViewerId(1), true);
        tap.outlet().open(
            Teller::new(viewer, Subprotocol::Ours, Role::View),
            &Permit::judge(&SignIn::None, 0, Identity::Anyone).expect("everybody may"),
        );
        let told = tap.outlet().tell(&state(), crate::web::clock::now());
        told.expect("a greeting");
        (tap, theirs)
    }

    /// Some of what has come, once something has.
    async fn come(theirs: &mut UnixStream) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 * 1024);
        theirs.read_buf(&mut bytes).await.expect("open");
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn all_are_asked_in_time_and_again_and_who_is_gone_is_forgotten() {
        let rounds = Rounds::default();
        let mut viewers: Vec<_> = (0..40).map(|_| viewer(b"")).collect();
        for (tap, theirs) in &mut viewers {
            rounds.enter(tap.outlet());
            assert!(come(theirs).await.starts_with(b"\x81"), "greeted");
        }
        for gone in 0..3 {
            viewers.truncate(40 - 13 * gone);
            let begun = tokio::time::Instant::now();
            for (_, theirs) in &mut viewers {
                assert_eq!(come(theirs).await, ASKED);
            }
            let waited = begun.elapsed();
            assert!(waited <= PING_INTERVAL && waited > PING_INTERVAL - 2 * PING_TOGETHER);
        }
        viewers.clear();
        tokio::time::sleep(2 * PING_INTERVAL).await;
        assert!(!rounds.coming().walking);
        let (tap, mut theirs) = viewer(b"");
        rounds.enter(tap.outlet());
        come(&mut theirs).await;
        assert_eq!(come(&mut theirs).await, ASKED, "by another task");
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_not_taken_what_was_before_is_asked_after_it() {
        let rounds = Rounds::default();
        let (tap, mut theirs) = viewer(&[b'x'; 256 * 1024]);
        rounds.enter(tap.outlet());
        tokio::time::sleep(PING_INTERVAL).await;
        let drained = || std::future::poll_fn(|cx| tap.outlet().poll_drain(cx));
        let writing = async {
            drained().await.expect("taken");
            let told = tap.outlet().tell(&state(), crate::web::clock::now());
            told.expect("asked");
            drained().await.expect("taken");
        };
        let reading = async {
            let mut all = Vec::new();
            while !all.ends_with(ASKED) {
                all.extend(come(&mut theirs).await);
            }
            all
        };
        let ((), all) = tokio::join!(writing, reading);
        let asked = all.windows(ASKED.len()).filter(|part| *part == ASKED);
        assert_eq!(asked.count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn rounds_are_in_time_and_together() {
        let now = crate::web::clock::now();
        let begun = next(now);
        for late in (0..3000).step_by(7).map(Duration::from_millis) {
            let round = next(now + late);
            let wait = round - (now + late);
            assert!(wait <= PING_INTERVAL && wait > PING_INTERVAL - PING_TOGETHER);
            assert_eq!((round - begun).as_nanos() % PING_TOGETHER.as_nanos(), 0);
        }
    }
}
