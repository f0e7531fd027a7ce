//! Signs of life for the service manager's watchdog: only while all that must go on does. In: the
//! [`Pulse`] of the work. Out: `WATCHDOG=1`. A muxview that is stuck is restarted that way, before
//! tmux, which buffers for a client that does not read, grows without limit.

use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

use super::notify::Notify;
use crate::config::limits::PULSES;
use crate::pulse::Pulse;

/// Feeds the watchdog, which waits for at most `patience`, for ever.
pub(super) async fn feed(notify: Notify, pulse: Pulse, patience: Duration) {
    let mut ticks = interval(patience / PULSES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = false;
    loop {
        ticks.tick().await;
        let silent = pulse.call();
        if silent.is_empty() {
            notify.alive();
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
