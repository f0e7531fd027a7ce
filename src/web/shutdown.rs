//! [`Stopping`]: how tasks learn that the service ends, and how. In: the steps of the end. Out: a
//! wake-up. It must not know who waits.

use std::time::Duration;
use tokio::sync::{mpsc, watch};

use crate::config::limits::SPREAD;
use crate::web::socket::handover::{Frozen, Handover};

/// The end, as those see it who must finish; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<Step>);

/// The hand that ends it.
#[derive(Debug)]
pub struct Stop(watch::Sender<Step>);

#[derive(Debug, Clone)]
enum Step {
    /// It runs on.
    Serving,
    /// Nothing new is accepted and requests end; viewers stay.
    Closing,
    /// Viewers end, too.
    Over(Ending),
}

/// How it ends for a viewer.
#[derive(Debug, Clone)]
pub enum Ending {
    /// It is told to come again, within this time.
    Restart(Duration),
    /// It is given to the next process.
    Handoff(Handover),
}

/// A service that runs on.
#[must_use]
pub fn channel() -> (Stop, Stopping) {
    let (stop, stopping) = watch::channel(Step::Serving);
    (Stop(stop), Stopping(stopping))
}

impl Stop {
    /// Ends it for `viewers` open sockets: the more there are, the longer their return is spread.
    pub fn stop(&self, viewers: usize) {
        self.0
            .send_replace(Step::Over(Ending::Restart(spread(viewers))));
    }

    /// Ends it for all but the viewers.
    pub fn close(&self) {
        self.0.send_replace(Step::Closing);
    }

    /// Has the viewers frozen, `viewers` open sockets, and gives them out as they are. No more than
    /// so many come, and none once all are closed.
    pub fn freeze(&self, viewers: usize) -> mpsc::UnboundedReceiver<Frozen> {
        let (seats, frozen) = mpsc::unbounded_channel();
        let handover = Handover::new(seats, spread(viewers));
        self.0.send_replace(Step::Over(Ending::Handoff(handover)));
        frozen
    }
}

/// Over what time so many viewers are to come back.
pub(super) fn spread(viewers: usize) -> Duration {
    let (each, least, most) = SPREAD;
    let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
    each.saturating_mul(viewers).clamp(least, most)
}

impl Stopping {
    /// Waits for the beginning of the end, which has come too if nobody can bring it any more.
    /// Cancel-safe.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|step| !matches!(step, Step::Serving)).await;
    }

    /// Waits for the end of viewers. Cancel-safe.
    pub async fn over(&mut self) -> Ending {
        let over = |step: &Step| matches!(step, Step::Over(_));
        match self.0.wait_for(over).await.as_deref() {
            Ok(Step::Over(ending)) => ending.clone(),
            _ => Ending::Restart(SPREAD.1),
        }
    }

    /// Over what time viewers are to come back.
    #[must_use]
    pub fn spread(&self) -> Duration {
        match &*self.0.borrow() {
            Step::Over(Ending::Restart(spread)) => *spread,
            Step::Over(Ending::Handoff(handover)) => handover.spread(),
            Step::Serving | Step::Closing => SPREAD.1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::HANDOFF_BYTES;

    #[test]
    fn the_spread_grows_with_the_viewers_within_bounds() {
        for (viewers, milliseconds) in [(0, 200), (10, 200), (100, 2000), (10_000, 10_000)] {
            let (stop, stopping) = channel();
            stop.stop(viewers);
            assert_eq!(stopping.spread(), Duration::from_millis(milliseconds));
        }
    }

    #[tokio::test]
    async fn requests_end_before_viewers() {
        let (stop, mut stopping) = channel();
        stop.close();
        stopping.wait().await;
        let mut viewer = stopping.clone();
        tokio::select! {
            biased;
            ending = viewer.over() => panic!("{ending:?}"),
            () = std::future::ready(()) => {}
        }
        let _frozen = stop.freeze(1);
        let Ending::Handoff(handover) = stopping.over().await else {
            panic!("a handoff was begun")
        };
        assert!(handover.reserve(HANDOFF_BYTES - 1) && !handover.reserve(2));
        assert!(handover.reserve(1), "what was refused took nothing");
    }
}
