//! [`Pulse`]: whether the tasks that must go on do. In: a call now and then. Out: who did not answer
//! the one before. A leaf: it must not know what the tasks do. [`careful`] keeps a panic from being
//! the end of one.
//!
//! A task answers from the place where it waits for its work, so that one that is stuck anywhere
//! else, in a loop, a lock or a blocking call, is silent.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::Poll;
use tokio::sync::watch;

/// All tasks that must go on; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The number of the last call.
    calls: watch::Sender<u64>,
    /// A std mutex: held to push and look, never across an await. As long as there are tasks.
    tasks: Mutex<Vec<Weak<Task>>>,
}

#[derive(Debug)]
struct Task {
    what: String,
    /// The last call it answered.
    answered: AtomicU64,
}

impl Pulse {
    /// A task that begins. It is called until its beat and all clones of it are dropped.
    #[must_use]
    pub fn beat(&self, what: impl Into<String>) -> Beat {
        let calls = self.0.calls.subscribe();
        let task = Arc::new(Task {
            what: what.into(),
            answered: AtomicU64::new(*calls.borrow()),
        });
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(Arc::downgrade(&task));
        drop(tasks);
        Beat { calls, task }
    }

    /// Calls everybody. Gives who has not answered the call before.
    #[must_use]
    pub fn call(&self) -> Vec<String> {
        let now = *self.0.calls.borrow();
        let mut silent = vec![];
        let mut tasks = self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| {
            let Some(task) = task.upgrade() else {
                return false;
            };
            if task.answered.load(Ordering::Relaxed) < now {
                silent.push(task.what.clone());
            }
            true
        });
        drop(tasks);
        self.0.calls.send_modify(|number| *number += 1);
        silent
    }
}

/// One task's answer.
#[derive(Debug, Clone)]
pub struct Beat {
    calls: watch::Receiver<u64>,
    task: Arc<Task>,
}

impl Beat {
    /// Waits for the next call and answers it. Cancel-safe; never ends once nobody can call.
    pub async fn called(&mut self) {
        if self.calls.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        let number = *self.calls.borrow_and_update();
        self.task.answered.store(number, Ordering::Relaxed);
    }

    /// Does `work`, answering meanwhile. Cancel-safe if `work` is.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.called() => {}
            }
        }
    }
}

/// Does `work`; `None` if it panicked, which the panic hook has told. What it shares with others
/// must bear being left half way: locks that take over what a poisoned one holds, channels.
pub async fn careful<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let poll = |context: &mut std::task::Context<'_>| {
        match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(done)) => Poll::Ready(Some(done)),
            // It is dropped with this and never polled again.
            Err(_) => Poll::Ready(None),
        }
    };
    poll_fn(poll).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn who_is_stuck_is_named_and_who_is_gone_is_not() {
        let pulse = Pulse::default();
        let (mut lively, stuck, gone) = (pulse.beat("a"), pulse.beat("b"), pulse.beat("c"));
        drop(gone);
        assert!(pulse.call().is_empty(), "nobody was called before");
        lively.called().await;
        assert_eq!(pulse.call(), ["b"]);
        let late = pulse.beat("d");
        lively.called().await;
        assert_eq!(pulse.call(), ["b"], "who came since was not called");
        drop((lively, stuck, late));
        assert!(pulse.call().is_empty());
    }

    #[tokio::test]
    async fn a_task_that_waits_for_an_answer_shows_life() {
        let pulse = Pulse::default();
        let mut beat = pulse.beat("a");
        let (answer, waits) = oneshot::channel();
        let task = tokio::spawn(async move { beat.during(waits).await });
        for _ in 0..3 {
            assert!(pulse.call().is_empty());
            // One turn of this single thread for the task.
            tokio::task::yield_now().await;
        }
        answer.send(7).expect("it waits");
        assert_eq!(task.await.expect("no panic"), Ok(7));
    }

    #[tokio::test]
    async fn a_panic_is_no_end() {
        assert_eq!(careful(async { 1 }).await, Some(1));
        let failing = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "as meant");
        };
        assert_eq!(careful(failing).await, None);
    }
}
