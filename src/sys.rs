//! What only the kernel can vouch for: who owns a descriptor, and what runs when a signal comes. All
//! `unsafe` of this crate is here, each with what makes it sound; what is around it is safe to call. In:
//! numbers. Out: owners. It must not know what they are for.
//!
//! There is no safe way yet to own a descriptor that was inherited, to copy that of a pty, to have tokio
//! watch one, to learn who sent a signal, or to ignore a signal.
#![allow(unsafe_code)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use portable_pty::MasterPty;
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The descriptor that whoever started this process left open under this number, from now on closed on
/// exec. To be asked for only as the environment of the start says, before anything else is opened.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    /// Those that have an owner.
    static OWNED: Mutex<BTreeSet<RawFd>> = Mutex::new(BTreeSet::new());
    let mut owned = OWNED.lock().unwrap_or_else(PoisonError::into_inner);
    // Input, output and errors are everybody's.
    if number < 3 || !owned.insert(number) {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // SAFETY: it is only borrowed for the call that says whether it is open.
    let there = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(there, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, as marking it went well; whoever started us left it to this process, and
    // `OWNED` makes this its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// A second descriptor of a pty's master, closed on exec.
pub(crate) fn of_master(master: &dyn MasterPty) -> io::Result<OwnedFd> {
    let number = master.as_raw_fd();
    let number = number.ok_or_else(|| io::Error::other("the pty has no descriptor"))?;
    // SAFETY: `master` owns the descriptor and outlives `borrowed`, so the number is open and cannot be
    // another's meanwhile.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(fcntl_dupfd_cloexec(borrowed, 3)?)
}

/// Has tokio watch a descriptor for what is of interest. Needs a tokio runtime.
pub(crate) fn watched(owned: OwnedFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives the same number for life and is only closed when dropped, which the
    // `AsyncFd` that takes it does after leaving the reactor; where it is taken out again, it has left.
    unsafe { AsyncFd::register_with_interest(owned, interest) }.map_err(io::Error::from)
}

/// Has `note` called with the process that sent it, whenever this signal comes. `note` is called in a
/// signal handler: a function that captures nothing, and may do no more than store numbers.
pub(crate) fn on_signal(signal: i32, note: fn(sender: i32)) -> io::Result<()> {
    // SAFETY: the action reads what the kernel gave it and stores numbers, which a handler may.
    let noted = unsafe {
        signal_hook_registry::register_sigaction(signal, move |about| note(about.si_pid()))
    };
    noted.map(|_| ())
}

/// Does something during which a SIGHUP is ignored, also by what is executed meanwhile.
pub(crate) fn without_hangup<T>(work: impl FnOnce() -> T) -> T {
    let ignored = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: ignoring runs no code.
    let handler = unsafe { sigaction(Signal::SIGHUP, &ignored) };
    let done = work();
    if let Ok(handler) = handler {
        // SAFETY: the handler put back is the one that was there.
        let _ = unsafe { sigaction(Signal::SIGHUP, &handler) };
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::IntoRawFd as _;

    #[test]
    fn what_is_inherited_has_one_owner() {
        let (read, _write) = io::pipe().expect("a pipe");
        let number = OwnedFd::from(read).into_raw_fd();
        let owned = inherited(number).expect("open");
        assert!(inherited(number).is_err());
        drop(owned);
        assert!(inherited(number).is_err(), "and none ever after");
        for number in [-1, 0, 1, 2, 1_000_000] {
            assert!(inherited(number).is_err(), "{number}");
        }
    }
}
