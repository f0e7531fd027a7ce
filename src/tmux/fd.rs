//! A second descriptor of the pty's master, and its place in tokio's reactor: two steps whose safety
//! rests on who owns the descriptor, as in the other `unsafe` of the crate, which all is about what the
//! kernel hands over: `service/passed.rs`, `service/signals.rs`, `service/handoff/image.rs`.
#![allow(unsafe_code)]

use portable_pty::MasterPty;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// A copy of the master's descriptor, closed on exec and non-blocking (the flag is shared by all
/// copies, so nobody may go on reading the original in a blocking way).
pub(super) fn of_master(master: &dyn MasterPty) -> io::Result<OwnedFd> {
    let number = master
        .as_raw_fd()
        .ok_or_else(|| io::Error::other("the pty has no descriptor"))?;
    // SAFETY: `master` owns the descriptor and is borrowed for as long as `borrowed` lives, so the
    // number is open and cannot be reused meanwhile.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let owned = rustix::io::fcntl_dupfd_cloexec(borrowed, 3)?;
    rustix::io::ioctl_fionbio(&owned, true)?;
    Ok(owned)
}

/// Has tokio watch the descriptor, both ways. Needs a tokio runtime.
pub(super) fn watched(owned: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives the same number for life and is only closed when dropped, which the
    // `AsyncFd` that takes it does after leaving the reactor; nobody here takes it out again.
    unsafe { AsyncFd::register(owned) }.map_err(io::Error::from)
}
