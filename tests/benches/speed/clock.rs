//! Time, CPU and memory as the kernel counts them. Time is `CLOCK_MONOTONIC`, one clock for every
//! process of a run; CPU is counted in nanoseconds, not in ticks of 10 ms.

use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::fs;
use std::time::Duration;

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    time.num_nanoseconds() as u64
}

/// CPU this process has used, threads that ended included.
fn cpu_of(pid: u32) -> Duration {
    let Ok(clock) = clock_getcpuclockid(Pid::from_raw(pid as i32)) else {
        return Duration::ZERO; // it has just ended
    };
    clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// CPU of children that have ended, user and system, in ticks of 10 ms.
fn cpu_of_ended_children(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, after)) = stat.rsplit_once(')') else {
        return Duration::ZERO;
    };
    let ticks = after.split_whitespace().skip(13).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// CPU of a process and of all it has started.
pub(crate) fn cpu_of_family(pid: u32) -> Duration {
    let children = crate::support::process::children(pid);
    let theirs: Duration = children.into_iter().map(cpu_of_family).sum();
    cpu_of(pid) + cpu_of_ended_children(pid) + theirs
}

/// CPU of single processes.
pub(crate) fn cpu_of_all(pids: &[u32]) -> Duration {
    pids.iter().map(|pid| cpu_of(*pid)).sum()
}

/// Memory of a process in KiB; pages shared with others count in part (PSS).
pub(crate) fn memory_kib(pid: u32) -> f64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0)
}

/// Memory of a process and of all it has started.
pub(crate) fn memory_of_family_kib(pid: u32) -> f64 {
    let children = crate::support::process::children(pid);
    memory_kib(pid) + children.into_iter().map(memory_of_family_kib).sum::<f64>()
}
