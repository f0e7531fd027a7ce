//! [`Connections`]: every open connection, by who is known to be at its other end. Those on which nobody
//! has signed in have few places, which the newest take from the oldest: those who only connect, those who
//! send a request byte by byte, pages between two requests. In: who comes, asks, waits, signs in. Out: who
//! is to be ended. It must not know HTTP.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep_until;

use crate::access::budget::Limit;
use crate::access::principal::Kind;
use crate::config::limits::{
    BUDGET_CONNECTIONS, COMPLAINT_INTERVAL, ENDING_CONNECTIONS, PLACES_ANONYMOUS, PLACES_STRANGERS,
    STRANGER_GRACE, STRANGERS,
};
use crate::web::auth::budget::{Account, Budgets, Held, Over};
use crate::web::connection::write_gate::WriteGate;

/// All of them; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connections(Arc<All>);

#[derive(Debug)]
struct All {
    queues: Mutex<Queues>,
    /// Places for those on which nobody has signed in, and a few for those that are ending.
    room: Arc<Semaphore>,
    budgets: Budgets,
}

#[derive(Debug)]
struct Queues {
    next: u64,
    /// Those that have not asked anything. With [`Queues::idle`] at most so many.
    silent: Queue,
    /// Those that wait for another request.
    idle: Queue,
    waiting_most: usize,
    /// Those whose request is being answered, and how many at most.
    asking: Queue,
    asking_most: usize,
    complained: Option<Instant>,
}

/// Since when they are there, the oldest first.
type Queue = BTreeMap<u64, (Instant, Arc<End>)>;

/// What a connection on which nobody has signed in does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Silent,
    Idle,
    Asking,
}

/// How one connection is told to end.
#[derive(Debug, Default)]
struct End {
    told: AtomicBool,
    news: Notify,
}

/// One connection; gone with the guard.
#[derive(Debug)]
pub struct Connected {
    /// What may be written on it.
    pub(in crate::web) gate: WriteGate,
    all: Connections,
    end: Arc<End>,
    state: Mutex<State>,
}

/// Who is at its other end.
#[derive(Debug)]
enum State {
    /// Nobody who has signed in.
    Unknown {
        place: u64,
        doing: Doing,
        /// None if it was somebody's before and there was none left.
        _room: Option<OwnedSemaphorePermit>,
    },
    /// A principal, on whose account it is.
    Known(#[allow(dead_code)] Held),
    /// It is being dropped.
    Gone,
}

impl Connections {
    /// For a service with so many places.
    #[must_use]
    pub fn new(places: usize, budgets: Budgets) -> Self {
        let anonymous = usize::try_from(BUDGET_CONNECTIONS.anonymous).unwrap_or(usize::MAX);
        let waiting = STRANGERS.min(places / PLACES_STRANGERS).max(1);
        let asking = anonymous.min(places / PLACES_ANONYMOUS).max(1);
        Self(Arc::new(All {
            queues: Mutex::new(Queues {
                next: 0,
                silent: Queue::new(),
                idle: Queue::new(),
                waiting_most: waiting,
                asking: Queue::new(),
                asking_most: asking,
                complained: None,
            }),
            room: Arc::new(Semaphore::new(waiting + asking + ENDING_CONNECTIONS)),
            budgets,
        }))
    }

    /// What each principal has.
    #[must_use]
    pub fn budgets(&self) -> &Budgets {
        &self.0.budgets
    }

    /// Room for one more of which nothing is known. Waits for those that are ending, and until those that
    /// came have had a moment to say something. Cancel-safe.
    pub async fn room(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let until = self.queues().crowded_until();
            match until.filter(|until| *until > crate::web::clock::now()) {
                Some(until) => sleep_until(until.into()).await,
                None => break,
            }
        }
        Arc::clone(&self.0.room).acquire_owned().await.ok()
    }

    /// One more, which waits for its first request.
    #[must_use]
    pub fn open(&self, room: Option<OwnedSemaphorePermit>) -> Arc<Connected> {
        let end = Arc::new(End::default());
        let place = self.queues().enter(Doing::Silent, &end);
        Arc::new(Connected {
            gate: WriteGate::default(),
            all: self.clone(),
            end,
            state: Mutex::new(State::Unknown {
                place,
                doing: Doing::Silent,
                _room: room,
            }),
        })
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        // Nothing in here panics half way.
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    const fn queue(&mut self, doing: Doing) -> &mut Queue {
        match doing {
            Doing::Silent => &mut self.silent,
            Doing::Idle => &mut self.idle,
            Doing::Asking => &mut self.asking,
        }
    }

    /// When one more may come without taking the place of one that has hardly come.
    fn crowded_until(&self) -> Option<Instant> {
        let full = self.idle.is_empty() && self.silent.len() >= self.waiting_most;
        let (_, (since, _)) = self.silent.first_key_value().filter(|_| full)?;
        Some(*since + STRANGER_GRACE)
    }

    /// The one whose place the next takes, if there are too many.
    fn superfluous(&mut self) -> Option<Arc<End>> {
        let oldest = if self.asking.len() > self.asking_most {
            self.asking.pop_first()
        } else if self.silent.len() + self.idle.len() > self.waiting_most {
            self.idle.pop_first().or_else(|| self.silent.pop_first())
        } else {
            None
        };
        oldest.map(|(_, (_, end))| end)
    }

    fn enter(&mut self, doing: Doing, end: &Arc<End>) -> u64 {
        let (place, now) = (self.next, crate::web::clock::now());
        self.next += 1;
        self.queue(doing).insert(place, (now, Arc::clone(end)));
        if let Some(oldest) = self.superfluous() {
            oldest.tell();
            metrics::counter!("muxview_refusals_total", "reason" => "strangers").increment(1);
            let due = self
                .complained
                .is_none_or(|at| now.saturating_duration_since(at) > COMPLAINT_INTERVAL);
            if due {
                self.complained = Some(now);
                tracing::warn!(
                    "so many connections on which nobody has signed in: the oldest are ended"
                );
            }
        }
        place
    }
}

impl End {
    fn tell(&self) {
        self.told.store(true, Ordering::Release);
        self.news.notify_waiters();
    }
}

impl Connected {
    /// A request begins. Whose it is shows in a moment.
    pub fn asks(&self) {
        self.turn(Doing::Asking);
    }

    /// It was answered, and waits again.
    pub fn waits(&self) {
        self.turn(Doing::Idle);
    }

    fn turn(&self, next: Doing) {
        if let State::Unknown { place, doing, .. } = &mut *self.state() {
            let mut queues = self.all.queues();
            queues.queue(*doing).remove(place);
            (*place, *doing) = (queues.enter(next, &self.end), next);
        }
    }

    /// The request is on this account. A connection that was somebody's stays so for requests that show
    /// nothing, such as those for a page's files.
    ///
    /// # Errors
    /// If there are too many connections on that account.
    pub fn is_of(&self, account: &Arc<Account>) -> Result<(), Over> {
        if account.kind() == Kind::Anonymous {
            return Ok(());
        }
        let mut state = self.state();
        match &mut *state {
            State::Known(held) if held.is_of(account) => return Ok(()),
            State::Known(_) | State::Unknown { .. } | State::Gone => {}
        }
        match account.hold(Limit::Connections, 1) {
            Ok(held) => {
                self.leave(&state);
                *state = State::Known(held);
                Ok(())
            }
            Err(over) => {
                if let State::Known(_) = &*state {
                    *state = State::Unknown {
                        place: self.all.queues().enter(Doing::Asking, &self.end),
                        doing: Doing::Asking,
                        _room: Arc::clone(&self.all.0.room).try_acquire_owned().ok(),
                    };
                }
                Err(over)
            }
        }
    }

    /// Waits until others have taken its place. Cancel-safe.
    pub async fn ended(&self) {
        loop {
            let news = self.end.news.notified();
            if self.end.told.load(Ordering::Acquire) {
                return;
            }
            news.await;
        }
    }

    fn leave(&self, state: &State) {
        if let State::Unknown { place, doing, .. } = state {
            self.all.queues().queue(*doing).remove(place);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut state = self.state();
        self.leave(&state);
        *state = State::Gone;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use futures_util::FutureExt as _;

    fn ended(connected: &Connected) -> bool {
        connected.ended().now_or_never().is_some()
    }

    fn of(places: usize) -> Connections {
        Connections::new(places, Budgets::new(places))
    }

    #[test]
    fn one_more_ends_the_one_that_waited_longest() {
        let all = of(3 * PLACES_STRANGERS);
        let came: Vec<_> = (0..3).map(|_| all.open(None)).collect();
        assert!(!came.iter().any(|one| ended(one)));
        // Asking, it is not in the way; answered, it has waited the shortest.
        came[0].asks();
        let fourth = all.open(None);
        assert!(!came.iter().any(|one| ended(one)));
        came[0].waits();
        // Who has been answered goes before those who have not asked yet.
        let over =
            |came: &[Arc<Connected>]| -> Vec<_> { came.iter().map(|one| ended(one)).collect() };
        assert_eq!(over(&came), [true, false, false]);
        let fifth = all.open(None);
        assert_eq!(over(&came), [true, true, false]);
        drop(fourth);
        let sixth = all.open(None);
        assert!(!ended(&came[2]) && !ended(&fifth) && !ended(&sixth));
        drop((came, fifth, sixth));
        assert!(all.queues().silent.is_empty() && all.queues().idle.is_empty());
    }

    #[test]
    fn one_more_request_of_nobody_ends_the_oldest_and_none_of_somebody() {
        let all = of(2 * PLACES_ANONYMOUS);
        let owner = all.budgets().account(&Principal::Owner);
        let (mine, first, second) = (all.open(None), all.open(None), all.open(None));
        mine.asks();
        mine.is_of(&owner).expect("room");
        first.asks();
        second.asks();
        let third = all.open(None);
        third.asks();
        assert!(ended(&first) && !ended(&second) && !ended(&third) && !ended(&mine));
        // A page's files are asked for without a credential, on the connections it has.
        mine.waits();
        mine.asks();
        let nobody = all.budgets().account(&Principal::Anonymous);
        mine.is_of(&nobody).expect("room");
        let more: Vec<_> = (0..100).map(|_| all.open(None)).collect();
        assert!(!ended(&mine));
        drop((more, mine, first, second, third));
        let queues = all.queues();
        assert!(queues.silent.is_empty() && queues.idle.is_empty() && queues.asking.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_come_wait_for_those_who_go() {
        let all = of(1);
        let most = 2 + ENDING_CONNECTIONS;
        let mut came = Vec::new();
        for _ in 0..most {
            came.push(all.open(all.room().await));
        }
        assert!(all.room().now_or_never().is_none());
        // The last is the only one that was not told to go.
        let going = came.iter().filter(|one| ended(one)).count();
        assert_eq!(going, most - 1);
        let last = came.pop().expect("some");
        let owner = all.budgets().account(&Principal::Owner);
        last.is_of(&owner).expect("room");
        assert!(all.room().now_or_never().is_some());
    }
}
