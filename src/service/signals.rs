//! Signals of the process. In: the kernel's. Out: that the service is to stop. It must not know
//! what stopping means.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals we listen to. SIGHUP must have a handler: its default action ends the process, and
/// tmux sends one to the parent of a client that is detached with `detach-client -P`.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until somebody wants an end; gives the signal's name. Cancel-safe.
    pub(super) async fn stop(&mut self) -> &'static str {
        loop {
            tokio::select! {
                Some(()) = self.terminate.recv() => return "SIGTERM",
                Some(()) = self.interrupt.recv() => return "SIGINT",
                Some(()) = self.hangup.recv() => {
                    tracing::info!("ignored a SIGHUP (tmux sends one after detach-client -P)");
                }
            }
        }
    }
}
