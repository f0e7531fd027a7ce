//! [`Stopping`]: how tasks learn that the service ends. In: the time over which viewers are to come
//! back. Out: a wake-up. It must not know who waits.

use std::time::Duration;
use tokio::sync::watch;

use crate::config::limits::SPREAD;

/// The end, as those see it who must finish; cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<Option<Duration>>);

/// The hand that ends it.
#[derive(Debug)]
pub struct Stop(watch::Sender<Option<Duration>>);

/// A service that runs on.
#[must_use]
pub fn channel() -> (Stop, Stopping) {
    let (stop, stopping) = watch::channel(None);
    (Stop(stop), Stopping(stopping))
}

impl Stop {
    /// Ends it for `viewers` open sockets: the more there are, the longer their return is spread.
    pub fn stop(&self, viewers: usize) {
        let (each, least, most) = SPREAD;
        let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
        let spread = each.saturating_mul(viewers).clamp(least, most);
        self.0.send_replace(Some(spread));
    }
}

impl Stopping {
    /// Waits for the end, which has come too if nobody can bring it any more. Cancel-safe.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// Over what time viewers are to come back.
    #[must_use]
    pub fn spread(&self) -> Duration {
        self.0.borrow().unwrap_or(SPREAD.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_grows_with_the_viewers_within_bounds() {
        for (viewers, milliseconds) in [(0, 200), (10, 200), (100, 2000), (10_000, 10_000)] {
            let (stop, stopping) = channel();
            stop.stop(viewers);
            assert_eq!(stopping.spread(), Duration::from_millis(milliseconds));
        }
    }
}
