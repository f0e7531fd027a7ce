//! Descriptors that whoever started us left open, by name (`LISTEN_FDS`, `LISTEN_FDNAMES`): the
//! sockets of systemd's socket units, and what an earlier process of ours had it keep. In: the
//! environment. Out: each owned once, close-on-exec. It must not know what they are for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// What an earlier process of ours had the service manager keep: its state, and its viewers'
/// sockets. One short name for all of them, as all names together are one variable.
pub(super) const STATE: &str = "state";
pub(super) const VIEWER: &str = "c";
pub(super) const KEPT: [&str; 2] = [STATE, VIEWER];

/// A descriptor and what it is called.
#[derive(Debug)]
pub(super) struct Passed {
    pub(super) name: String,
    pub(super) descriptor: OwnedFd,
}

/// All that were passed; a second call gets none. Whoever executes another image in this process
/// must say anew what it passes: the variables are still those of its own start.
pub(super) fn take() -> io::Result<Vec<Passed>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(vec![]);
    }
    // Marks them close-on-exec: a tmux server that inherits our port keeps it for life.
    let passed = sd_notify::listen_fds_with_names()?;
    let owned = |(number, name)| Passed {
        name,
        // SAFETY: `LISTEN_PID` names this process, so the number was left open for it; it is open,
        // as marking it went well; and `TAKEN` makes this its only owner.
        descriptor: unsafe { OwnedFd::from_raw_fd(number) },
    };
    Ok(passed.map(owned).collect())
}
