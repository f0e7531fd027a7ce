//! The service manager's descriptor store: what is put there outlives this process. In: descriptors
//! by name. Out: the same, at the next start. It must not know what they are.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use sd_notify::NotifyState;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use crate::config::limits::{DESCRIPTORS_PER_MESSAGE, STORED};
use crate::net::inherited_fds::{InheritedFd, KEPT};
use crate::service::notify::Notify;

/// How many descriptors the manager keeps for us; none if it keeps none, or has not said that it is
/// one. systemd says so in `FDSTORE` from version 254 on; before, only its administrator can, and one
/// who passes sockets is taken to want this.
pub(crate) fn capacity(notify: &Notify, passes_sockets: bool) -> usize {
    let said = std::env::var("FDSTORE").ok();
    match said.map(|number| number.trim().parse().unwrap_or(0)) {
        _ if !notify.is_heard() => 0,
        Some(capacity) => capacity,
        None if passes_sockets => usize::MAX,
        None => 0,
    }
}

/// Has the manager keep all of them. Returns when it has them.
pub(crate) fn keep(notify: &Notify, passed: &[InheritedFd]) -> io::Result<()> {
    for named in passed.chunk_by(|a, b| a.name == b.name) {
        for some in named.chunks(DESCRIPTORS_PER_MESSAGE) {
            let descriptors: Vec<BorrowedFd<'_>> = some
                .iter()
                .map(|passed| passed.descriptor.as_fd())
                .collect();
            notify.store(&named[0].name, &descriptors)?;
        }
    }
    wait(notify)
}

/// Waits until the manager has read all that was sent to it.
fn wait(notify: &Notify) -> io::Result<()> {
    let (done, held) = pipe_with(PipeFlags::CLOEXEC)?;
    notify.send(&[NotifyState::Custom("BARRIER=1")], &[held.as_fd()])?;
    drop(held);
    let patience = Timespec::try_from(STORED).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut hung_up = [PollFd::new(&done, PollFlags::empty())];
    match poll(&mut hung_up, Some(&patience)) {
        Ok(0) => Err(io::ErrorKind::TimedOut.into()),
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Has the manager close its copies: they would hold a connection open that we have closed.
pub(crate) fn forget(notify: &Notify) {
    for name in KEPT {
        if let Err(error) = notify.forget(name) {
            tracing::warn!(%error, "the service manager goes on keeping viewers' sockets");
        }
    }
}
