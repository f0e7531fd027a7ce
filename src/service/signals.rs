//! Signals of the process. In: the kernel's. Out: what the service is asked. It must not know what
//! that takes.
//!
//! A SIGHUP asks for another image of the program, unless a tmux client of ours sent it: after
//! `detach-client -P` it sends one to its parent, which is us.

use futures_util::FutureExt as _;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sys;
use crate::tmux;

/// Who sent the last SIGHUPs, by process id; a place is taken anew after as many more.
static SENDERS: [AtomicI32; 16] = [const { AtomicI32::new(0) }; 16];
/// How many SIGHUPs there were.
static SENT: AtomicUsize = AtomicUsize::new(0);

/// The signals we listen to.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// A reload was asked for while it could not be begun.
    reload: bool,
    /// How many SIGHUPs have been looked at.
    seen: usize,
}

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// An end; with the signal's name.
    Stop(&'static str),
    /// Another image of the program in this process.
    Reload,
}

/// Has the sender of every SIGHUP noted, once for the process.
fn note_senders() -> io::Result<()> {
    static NOTED: OnceLock<()> = OnceLock::new();
    if NOTED.get().is_some() {
        return Ok(());
    }
    sys::on_signal(SignalKind::hangup().as_raw_value(), |sender| {
        let at = SENT.load(Ordering::Acquire) % SENDERS.len();
        // The kernel does not run this handler twice at a time.
        SENDERS[at].store(sender, Ordering::Release);
        SENT.fetch_add(1, Ordering::Release);
    })?;
    NOTED.get_or_init(|| ());
    Ok(())
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        // Before tokio's, so that a sender is known when it wakes us.
        note_senders()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            reload: false,
            seen: SENT.load(Ordering::Acquire),
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
        loop {
            tokio::select! {
                Some(()) = self.terminate.recv() => return Asked::Stop("SIGTERM"),
                Some(()) = self.interrupt.recv() => return Asked::Stop("SIGINT"),
                Some(()) = self.hangup.recv() => if self.is_meant() {
                    return Asked::Reload;
                },
            }
        }
    }

    /// Whether somebody else than our own tmux clients has sent a SIGHUP since this was asked last.
    fn is_meant(&mut self) -> bool {
        let sent = SENT.load(Ordering::Acquire);
        let new = std::mem::replace(&mut self.seen, sent)..sent;
        let unknown = new.len() > SENDERS.len();
        let mut senders = new.map(|at| SENDERS[at % SENDERS.len()].load(Ordering::Acquire));
        let meant = unknown || senders.any(|pid| !tmux::is_client(pid));
        if !meant {
            tracing::info!("a tmux client was detached with -P; its SIGHUP is passed over");
        }
        meant
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
