//! Signals of the process. In: the kernel's. Out: what the service is asked. It must not know what
//! that takes.

use futures_util::FutureExt as _;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals we listen to.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// A reload was asked for while it could not be begun.
    reload: bool,
}

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// An end; with the signal's name.
    Stop(&'static str),
    /// Another image of the program in this process.
    Reload,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            reload: false,
        })
    }

    /// Waits until somebody wants something. Cancel-safe.
    pub(super) async fn asked(&mut self) -> Asked {
        if std::mem::take(&mut self.reload) {
            return Asked::Reload;
        }
        self.next().await
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            Some(()) = self.terminate.recv() => Asked::Stop("SIGTERM"),
            Some(()) = self.interrupt.recv() => Asked::Stop("SIGINT"),
            Some(()) = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits until somebody wants an end; gives the signal's name. A reload has to wait.
    /// Cancel-safe.
    pub(super) async fn stop(&mut self) -> &'static str {
        loop {
            match self.next().await {
                Asked::Stop(signal) => return signal,
                Asked::Reload => self.reload = true,
            }
        }
    }

    /// Whether somebody wanted an end already.
    pub(super) fn stop_now(&mut self) -> Option<&'static str> {
        self.stop().now_or_never()
    }
}
