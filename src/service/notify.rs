//! [`Notify`]: what the service manager is told: readiness, reloading, the end, a line of status,
//! life, and descriptors to keep for the next process. In: what happened. Out: datagrams to
//! `NOTIFY_SOCKET`, or nothing where nobody listens. It must not know why.

use sd_notify::NotifyState;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The line to the service manager; cheap to clone, silent where there is none.
#[derive(Debug, Clone, Default)]
pub(super) struct Notify {
    /// Whether there is one.
    heard: bool,
    /// A manager that cannot be told is told of once.
    complained: Arc<AtomicBool>,
}

impl Notify {
    /// As the environment says.
    pub(super) fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET");
        Self {
            heard: socket.is_some_and(|socket| !socket.is_empty()),
            complained: Arc::default(),
        }
    }

    /// Whether a service manager listens.
    pub(super) const fn is_heard(&self) -> bool {
        self.heard
    }

    /// How often the manager wants a sign of life, at the latest.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|every| self.heard && !every.is_zero())
    }

    /// Requests are answered.
    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// Another process image is about to take over; [`Notify::ready`] ends it.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(error) => tracing::warn!(%error, "the system has no monotonic clock"),
        }
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.tell(&[NotifyState::Stopping]);
    }

    /// How things stand, for people.
    pub(super) fn status(&self, line: &str) {
        // A line break would begin another assignment.
        let line = line.replace(|c: char| c.is_control(), " ");
        self.tell(&[NotifyState::Status(&line)]);
    }

    /// The work goes on.
    pub(super) fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// Has the manager keep these descriptors for the next process, under this name; at most 253
    /// in one message.
    pub(super) fn store(&self, name: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let assignments = [NotifyState::FdStore, NotifyState::FdName(name)];
        self.send(&assignments, descriptors)
    }

    /// Has the manager close its copies of what was kept under this name.
    pub(super) fn forget(&self, name: &str) -> io::Result<()> {
        self.send(
            &[NotifyState::FdStoreRemove, NotifyState::FdName(name)],
            &[],
        )
    }

    /// Anything else, and whether it was sent.
    pub(super) fn send(
        &self,
        assignments: &[NotifyState<'_>],
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        if !self.heard {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "no service manager listens (NOTIFY_SOCKET is not set)",
            ));
        }
        sd_notify::notify_with_fds(assignments, descriptors)
    }

    fn tell(&self, assignments: &[NotifyState<'_>]) {
        if !self.heard {
            return;
        }
        if let Err(error) = sd_notify::notify(assignments)
            && !self.complained.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(%error, "cannot tell the service manager how things stand");
        }
    }
}
