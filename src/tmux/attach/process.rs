//! [`Client`]: the process of one tmux client of ours, from spawn to reaping. Knows its pid only.

use crate::config::limits::{LEFT_CLIENTS, REAP_WAIT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The tmux clients this process runs, each with how it is ended: tmux counts them as attached, people
/// should not.
static OURS: Mutex<BTreeMap<u32, Signal>> = Mutex::new(BTreeMap::new());

/// Marks a process as a tmux client of ours while it lives.
#[derive(Debug)]
pub(in crate::tmux) struct Ours(u32);

impl Ours {
    pub(in crate::tmux) fn new(pid: u32, ended_by: Signal) -> Self {
        OURS.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(pid, ended_by);
        Self(pid)
    }

    pub(in crate::tmux) fn contains(pid: u32) -> bool {
        OURS.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&pid)
    }
}

/// Ends all of them at once, because another image of the program takes this process's place. It
/// has them buried.
pub fn end_clients() {
    let all = OURS.lock().unwrap_or_else(PoisonError::into_inner);
    for (pid, ended_by) in &*all {
        if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
            // It fails for one that has ended, and is not yet forgotten.
            let _ = kill_process(pid, *ended_by);
        }
    }
}

/// Whether this is, or was a moment ago, a tmux client of ours.
#[must_use]
pub fn is_client(pid: i32) -> bool {
    let Ok(pid) = u32::try_from(pid) else {
        return false;
    };
    let left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.contains(&pid) || Ours::contains(pid)
}

/// The last ones that are gone.
static LEFT: Mutex<VecDeque<u32>> = Mutex::new(VecDeque::new());

impl Drop for Ours {
    fn drop(&mut self) {
        let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
        if left.len() == LEFT_CLIENTS {
            left.pop_front();
        }
        left.push_back(self.0);
        drop(left);
        OURS.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.0);
    }
}

/// A child process that is reaped by us alone, so its pid is its own for as long as this lives.
/// Dropping it ends it and reaps it in the background.
#[derive(Debug)]
pub(in crate::tmux) struct Client {
    pid: Pid,
    ended_by: Signal,
    reaped: bool,
    /// For one that is not our child, and so not ours to reap.
    handle: Option<OwnedFd>,
    _ours: Ours,
}

impl Client {
    /// Takes over the child with this pid. Dropping sends it `ended_by`, and what nothing survives if
    /// it is still there after [`REAP_WAIT`].
    pub(in crate::tmux) fn new(pid: i32, ended_by: Signal) -> Option<Self> {
        Some(Self {
            pid: Pid::from_raw(pid)?,
            ended_by,
            reaped: false,
            handle: None,
            _ours: Ours::new(pid.unsigned_abs(), ended_by),
        })
    }

    /// Takes over a client that runs already: our child if an earlier image in this process started
    /// it, else one whose end only the kernel's handle on it tells.
    pub(in crate::tmux) fn adopt(pid: Pid, ended_by: Signal) -> Option<Self> {
        let mut client = Self::new(pid.as_raw_nonzero().get(), ended_by)?;
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Err(rustix::io::Errno::CHILD) => client.handle = Some(handle(pid)?),
            Ok(Some(_)) => client.reaped = true,
            Ok(None) | Err(_) => {}
        }
        Some(client)
    }

    /// Gives it up without ending it: another image of the program adopts it.
    pub(in crate::tmux) fn release(mut self) {
        self.reaped = true;
    }

    /// Its end, once it has come. Does not block.
    pub(in crate::tmux) fn end(&mut self) -> Option<End> {
        if self.reaped {
            return Some(End::Unknown);
        }
        if let Some(handle) = &self.handle {
            self.reaped = has_ended(handle);
            return self.reaped.then_some(End::Unknown);
        }
        match waitpid(Some(self.pid), WaitOptions::NOHANG) {
            Ok(None) | Err(rustix::io::Errno::INTR) => None,
            Ok(Some((_, status))) => {
                self.reaped = true;
                Some(End::from(status))
            }
            // Somebody else reaped it (SIGCHLD ignored): it is over all the same.
            Err(_) => {
                self.reaped = true;
                Some(End::Unknown)
            }
        }
    }

    /// What it does instead of showing its session. Only Linux tells.
    pub(in crate::tmux) fn doing(&self) -> Option<Doing> {
        let pid = self.pid.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        if !children.trim().is_empty() {
            return Some(Doing::Program);
        }
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let ignored = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))?;
        let ignored = u64::from_str_radix(ignored.trim(), 16).ok()?;
        // A client ignores the signal until tmux tells it to stop itself.
        let stops = ignored & (1 << (Signal::TSTP.as_raw() - 1)) == 0;
        Some(if stops {
            Doing::Suspended
        } else {
            Doing::Neither
        })
    }

    /// Sends it a signal, if it has not been reaped.
    pub(in crate::tmux) fn signal(&self, signal: Signal) {
        if !self.reaped {
            // It fails only for a process that is gone, which is what the caller wants to know of
            // from `end`.
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if self.end().is_some() {
            return;
        }
        self.signal(self.ended_by);
        if self.end().is_some() || self.handle.is_some() {
            return;
        }
        let pid = self.pid;
        let reap = move || reap(pid);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(reap)),
            Err(_) => drop(std::thread::spawn(reap)),
        }
    }
}

/// The kernel's handle on a process that is not our child; only Linux has one.
#[cfg(target_os = "linux")]
fn handle(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn handle(_: Pid) -> Option<OwnedFd> {
    None
}

/// Whether the process has ended: its handle is readable then.
fn has_ended(handle: &OwnedFd) -> bool {
    let mut readable = [PollFd::new(handle, PollFlags::IN)];
    let looked = poll(&mut readable, Some(&Timespec::default()));
    looked.is_ok() && !readable[0].revents().is_empty()
}

/// Waits for a child of this process that was told to end, and kills it if it does not in
/// [`REAP_WAIT`]. Blocks.
pub fn reap(pid: Pid) {
    let kill_at = Instant::now() + REAP_WAIT;
    // waitpid(2) has no time-out, and what could wait with one is Linux's alone.
    let mut pause = Duration::from_millis(1);
    while Instant::now() < kill_at {
        match waitpid(Some(pid), WaitOptions::NOHANG) {
            Ok(None) | Err(rustix::io::Errno::INTR) => std::thread::sleep(pause),
            // Somebody else may have reaped it: it is over all the same.
            Ok(Some(_)) | Err(_) => return,
        }
        pause *= 2;
    }
    // It may have ended just now.
    let _ = kill_process(pid, Signal::KILL);
    // A killed process ends within milliseconds; EINTR is the only failure worth another go.
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(rustix::io::Errno::INTR)
    ) {}
}

/// What a client does that has left its screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) enum Doing {
    /// It has stopped itself, as far as it can, and waits for SIGCONT.
    Suspended,
    /// It waits for a program of its own: the lock program of `lock-session`.
    Program,
    /// It has not acted yet on what tmux told it.
    Neither,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tmux) enum End {
    Code(i32),
    Signal(i32),
    Unknown,
}

impl From<WaitStatus> for End {
    fn from(status: WaitStatus) -> Self {
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Self::Code(code),
            (_, Some(signal)) => Self::Signal(signal),
            _ => Self::Unknown,
        }
    }
}
