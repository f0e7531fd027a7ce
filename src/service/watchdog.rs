//! Signs of life for the service manager's watchdog: only while all that must go on does. In: the
//! [`Pulse`] of the work. Out: each time a sign is due. A muxview that is stuck is restarted that way, before
//! tmux, which buffers for a client that does not read, grows without limit.

use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::limits::PULSES;
use crate::heartbeat::Pulse;

/// Calls `alive` for ever, often enough for a watchdog that waits for at most `patience`.
pub(super) async fn feed(alive: impl Fn(), pulse: Pulse, patience: Duration) {
    let mut ticks = interval(patience / PULSES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        ticks.tick().await;
        let silent = pulse.call();
        if silent.is_empty() {
            alive();
            told = false;
        } else if !told {
            told = true;
            let silent = silent.join(", ");
            tracing::error!(
                silent,
                "stuck: no sign of life to the watchdog until it goes on"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn who_is_stuck_stops_the_feed_until_it_goes_on() {
        let pulse = Pulse::default();
        let (mut stuck, mut lively) = (pulse.beat("stuck"), pulse.beat("lively"));
        tokio::spawn(async move {
            loop {
                lively.called().await;
            }
        });
        let signs = Arc::new(AtomicU32::new(0));
        let told = Arc::clone(&signs);
        let patience = Duration::from_secs(10);
        let alive = move || {
            told.fetch_add(1, Ordering::Relaxed);
        };
        tokio::spawn(feed(alive, pulse, patience));
        let seen = || signs.load(Ordering::Relaxed);
        // It answers for a while, does not, and does again.
        for _ in 0..3 {
            stuck.called().await;
        }
        sleep(patience / PULSES).await;
        let before = seen();
        assert!(before >= 3, "{before}");
        sleep(patience * 3).await;
        assert!(
            seen() <= before + 1,
            "one call may have been answered before"
        );
        let before = seen();
        stuck.called().await;
        sleep(patience / 2).await;
        assert!(seen() > before);
    }
}
