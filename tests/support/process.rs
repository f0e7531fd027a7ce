//! What /proc tells of a process, and the lock under which tests start processes.

use std::fs;
use std::sync::Mutex;

/// Held around every spawn: a child started between an open of a pty and its close-on-exec mark
/// would keep it open for ever.
pub static SPAWN: Mutex<()> = Mutex::new(());

/// Resident memory, in KiB.
pub fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("a process has memory");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Bytes it has read so far, of files, sockets and terminals.
pub fn bytes_read(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("the process lives");
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.expect("a process reads").trim().parse().unwrap()
}

/// Open descriptors.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process lives")
        .count()
}

/// Ids of its living or unreaped children.
pub fn children(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(list) = fs::read_to_string(task.path().join("children")) {
            found.extend(
                list.split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    found.sort_unstable();
    found
}

/// Its command line, words joined by spaces; empty once it is gone.
pub fn command_line(pid: u32) -> String {
    fs::read(format!("/proc/{pid}/cmdline"))
        .map(|bytes| {
            String::from_utf8_lossy(&bytes)
                .replace('\0', " ")
                .trim()
                .to_owned()
        })
        .unwrap_or_default()
}

/// CPU time used so far, in clock ticks (user and system).
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let after = stat.rsplit_once(')').expect("the name is in brackets").1;
    let fields: Vec<&str> = after.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Sends a signal by its name ("KILL", "TERM").
pub fn signal(pid: u32, name: &str) {
    let _guard = SPAWN
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let _ = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
}

/// Whether it sleeps while it owns its terminal: a shell does so when it waits for a line.
pub fn waits_in_front(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, after)) = stat.rsplit_once(')') else {
        return false;
    };
    // State, parent, process group, session, terminal, the terminal's process group.
    let fields: Vec<&str> = after.split_whitespace().collect();
    fields[0] == "S" && fields[2] == fields[5]
}
