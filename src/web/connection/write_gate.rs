//! [`WriteGate`]: what may be written on an HTTP connection. In: the right by which each answer is given. Out:
//! a write that happens while that right holds, or an error that ends the connection. Answers wait in
//! buffers for a peer that reads slowly, and must not leave them once the right has ended. It must not know
//! what an answer says.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::bridge::Lease;

/// What ends an HTTP/1.1 body of unknown length. It says nothing, and without it a peer could not tell an
/// end from a broken connection.
const END: &[u8] = b"0\r\n\r\n";

/// The right by which an answer is given.
pub(in crate::web) struct Answer {
    lease: Arc<dyn Lease>,
    /// Ready when it has ended.
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Answer {
    /// By this right, of which `ended` tells the end.
    pub(in crate::web) fn new(
        lease: Arc<dyn Lease>,
        ended: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let ended = Box::pin(ended);
        Self { lease, ended }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lease.fmt(f)
    }
}

/// The gate of one connection.
#[derive(Debug, Default)]
pub(in crate::web) struct WriteGate(Mutex<Gate>);

#[derive(Debug, Default)]
struct Gate {
    /// Of what is being written. More than one only while the peer does not take what was written before.
    answers: Vec<Answer>,
    /// The peer did not take all of the last write.
    waiting: bool,
}

impl WriteGate {
    /// What is written next is this answer; `None`: one for everybody.
    pub(in crate::web) fn answer(&self, answer: Option<Answer>) {
        let mut gate = self.gate();
        if !gate.waiting {
            gate.answers.clear();
        }
        gate.answers.extend(answer);
    }

    /// Writes `bytes`, which are `len` in all, if that may be. Where it must wait, it is woken also when
    /// it may no longer.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`]; nothing can follow what is left out.
    pub(in crate::web) fn write(
        &self,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
        write: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut gate = self.gate();
        let denied = || Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()));
        let written = {
            let (first, others) = match gate.answers.split_first() {
                Some((first, others)) => (Some(first), others),
                None => (None, &[][..]),
            };
            // One thread holds what all of them have in common only once.
            let held = first.map(|answer| answer.lease.hold());
            let holds = !matches!(held, Some(None)) && others.iter().all(|one| one.lease.holds());
            if !holds && (gate.waiting || !is_end(pieces)) {
                return denied();
            }
            write(cx)
        };
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        gate.waiting = !matches!(&written, Poll::Ready(Ok(taken)) if *taken >= len);
        if written.is_pending() {
            for answer in &mut gate.answers {
                if answer.ended.as_mut().poll(cx).is_ready() {
                    return denied();
                }
            }
        }
        written
    }

    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_end(pieces: &[io::IoSlice<'_>]) -> bool {
    pieces.iter().flat_map(|piece| piece.iter()).eq(END)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::Hold;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Waker;
    use tokio::sync::oneshot;

    #[derive(Debug)]
    struct Right(AtomicBool);

    impl Lease for Right {
        fn holds(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }

        fn hold(&self) -> Option<Hold<'_>> {
            self.holds().then(|| Hold::new(None))
        }
    }

    fn right() -> (Arc<Right>, Answer, oneshot::Sender<()>) {
        let right = Arc::new(Right(AtomicBool::new(true)));
        let (end, ended) = oneshot::channel();
        let answer = Answer::new(Arc::clone(&right) as _, async {
            let _ = ended.await;
        });
        (right, answer, end)
    }

    /// Writes to a peer that takes so much; `None`: nothing.
    fn write(gate: &WriteGate, text: &[u8], takes: Option<usize>) -> Result<Option<usize>, ()> {
        let mut cx = Context::from_waker(Waker::noop());
        let pieces = [io::IoSlice::new(text)];
        match gate.write(&mut cx, &pieces, |_| match takes {
            Some(most) => Poll::Ready(Ok(text.len().min(most))),
            None => Poll::Pending,
        }) {
            Poll::Pending => Ok(None),
            Poll::Ready(Ok(taken)) => Ok(Some(taken)),
            Poll::Ready(Err(_)) => Err(()),
        }
    }

    #[test]
    fn an_answer_goes_out_while_its_right_holds_and_the_next_by_its_own() {
        let gate = WriteGate::default();
        assert_eq!(write(&gate, b"for all", Some(99)), Ok(Some(7)));
        let (first, answer, _end) = right();
        gate.answer(Some(answer));
        assert_eq!(write(&gate, b"secret", Some(99)), Ok(Some(6)));
        first.0.store(false, Ordering::Relaxed);
        assert_eq!(write(&gate, b"secret", Some(99)), Err(()));
        // Its end says nothing.
        assert_eq!(write(&gate, b"0\r\n\r\n", Some(99)), Ok(Some(5)));
        gate.answer(None);
        assert_eq!(write(&gate, b"sign in", Some(99)), Ok(Some(7)));
    }

    #[test]
    fn what_waits_for_a_slow_peer_stays_where_it_is_whatever_comes_after_it() {
        for takes in [Some(2), None] {
            let gate = WriteGate::default();
            let (first, answer, _end) = right();
            gate.answer(Some(answer));
            assert_eq!(write(&gate, b"secret", takes), Ok(takes));
            first.0.store(false, Ordering::Relaxed);
            gate.answer(None);
            assert_eq!(write(&gate, b"0\r\n\r\n", Some(99)), Err(()));
            let (_, answer, _end) = right();
            gate.answer(Some(answer));
            assert_eq!(write(&gate, b"retsign in", Some(99)), Err(()));
        }
    }

    #[test]
    fn it_is_woken_by_the_end_of_a_right_while_it_waits() {
        let gate = WriteGate::default();
        let (_, answer, end) = right();
        gate.answer(Some(answer));
        assert_eq!(write(&gate, b"secret", None), Ok(None));
        drop(end);
        assert_eq!(write(&gate, b"secret", None), Err(()));
    }
}
