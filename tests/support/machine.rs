//! [`Machine`]: a machine of a test's own with a real systemd as its PID 1 (`tests/systemd/boot.sh`),
//! gone with the guard. Its files are ours as long as nobody writes them; its network is private.

use super::{LOOK_AGAIN, PATIENCE, process};
use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// Where the sources are, inside as outside.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

pub struct Machine {
    dir: TempDir,
    boot: Child,
    /// Its PID 1, as this machine numbers it.
    init: u32,
}

/// What there must be, and what is said where it is not: these tests prove what nothing else can, so
/// they are not skipped.
fn needed() {
    let mut missing = String::new();
    let mut need = |there: bool, what: &str| {
        if !there {
            let _ = writeln!(missing, "  {what}");
        }
    };
    need(
        rustix::process::geteuid().is_root(),
        "root, for namespaces and mounts: run the tests as root",
    );
    for (program, package) in [
        ("/lib/systemd/systemd", "systemd"),
        ("/usr/bin/dbus-daemon", "dbus"),
        ("/usr/bin/unshare", "util-linux"),
        ("/usr/bin/nsenter", "util-linux"),
    ] {
        need(
            Path::new(program).exists(),
            &format!("{program}: apt-get install {package}"),
        );
    }
    assert!(
        missing.is_empty(),
        "a systemd cannot be booted here; missing:\n{missing}"
    );
}

impl Machine {
    /// Boots one; ready when systemd says so.
    pub fn boot() -> Self {
        needed();
        let dir = tempfile::Builder::new()
            .prefix("muxview-machine-")
            .tempdir()
            .unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let boot = {
            let _guard = process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            Command::new(Path::new(ROOT).join("tests/systemd/boot.sh"))
                .arg(dir.path())
                .arg(ROOT)
                .stdin(Stdio::piped())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                // A Ctrl-C of the tests is not the machine's: it ends when its stdin does.
                .process_group(0)
                .spawn()
                .unwrap()
        };
        let mut machine = Self { dir, boot, init: 0 };
        machine.init = machine.until("PID 1", |machine| {
            let children = process::children(machine.boot.id());
            let init = children.into_iter().find(|child| is_init(*child));
            init.ok_or_else(|| machine.boot_log())
        });
        machine.until("systemd to have booted", |machine| {
            let state = machine.try_sh("systemctl is-system-running");
            match String::from_utf8_lossy(&state.stdout).trim() {
                "running" => Ok(()),
                "degraded" => panic!("{}", machine.sh("systemctl --failed")),
                state => Err(format!("{state}\n{}", machine.boot_log())),
            }
        });
        machine
    }

    fn boot_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// One with muxview installed from this build, and not started.
    pub fn with_muxview() -> Self {
        let machine = Self::boot();
        machine.sh(&format!("make -s install BIN={}", binary()));
        machine
    }

    /// Looks until `look` gives something. For what systemd tells only when asked.
    pub fn until<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Result<T, String>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match look(self) {
                Ok(found) => return found,
                Err(seen) if Instant::now() > deadline => {
                    panic!("waited {PATIENCE:?} in vain for {what}; last seen:\n{seen}")
                }
                Err(_) => std::thread::sleep(LOOK_AGAIN),
            }
        }
    }

    /// A program inside, in the directory of the sources.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-m", "-p", "-C", "-i", "-u", "-n", "-t"])
            .arg(self.init.to_string())
            .args(["--", "env", "-i", "-C", ROOT])
            .arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["LC_ALL=C.UTF-8", program])
            .stdin(Stdio::null());
        command
    }

    /// A program of this machine that sees the network of the other.
    pub fn in_network(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.init))
            .args(["--", program])
            .stdin(Stdio::null());
        command
    }

    pub fn try_sh(&self, script: &str) -> Output {
        let mut command = self.command("bash");
        command
            .args(["-euo", "pipefail", "-c", script])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = {
            let _guard = process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            command.spawn().unwrap()
        };
        child.wait_with_output().unwrap()
    }

    /// Runs a script inside that must succeed; gives what it printed, errors too, without the last newline.
    pub fn sh(&self, script: &str) -> String {
        let output = self.try_sh(&format!("exec 2>&1\n{script}"));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{script}\nfailed:\n{said}\n{}",
            self.journal()
        );
        said.trim_end_matches('\n').to_owned()
    }

    /// A property of a unit.
    pub fn show(&self, unit: &str, property: &str) -> String {
        self.sh(&format!("systemctl show --value -p {property} {unit}"))
    }

    pub fn active(&self, unit: &str) -> bool {
        self.show(unit, "ActiveState") == "active"
    }

    /// A tmux command to the server of `muxview-tmux.service`.
    pub fn tmux(&self, command: &str) -> String {
        self.sh(&format!("tmux -u -S /run/muxview-tmux/tmux {command}"))
    }

    /// What muxview said, and systemd about it.
    pub fn journal(&self) -> String {
        let said = self.try_sh("journalctl --no-pager -o short-monotonic -n 200 | tail -n 200");
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    /// What stands behind `#t=` in a fresh link of the installed service: good once.
    pub fn link(&self) -> String {
        let url = self.sh(
            "runuser -u muxview -- /usr/local/bin/muxview url --config /etc/muxview/muxview.toml",
        );
        url.split_once("#t=").expect("a link").1.to_owned()
    }

    /// What such a link is exchanged for: good for `Authorization: Bearer`.
    pub fn secret(&self) -> String {
        let said = self.sh(&format!(
            "curl -sS --fail-with-body --unix-socket /run/muxview.sock -H 'Content-Type: application/json' \
             -d '{{\"t\":\"{}\"}}' http://localhost/api/sign-in",
            self.link()
        ));
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        said["credential"].as_str().unwrap().to_owned()
    }

    /// A path inside, as this machine reaches it; connects to unix sockets too.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.init))
    }

    pub fn write(&self, inside: &str, content: &str) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Runs a future on a thread of its own that is in the machine's network.
    pub fn inside<T: Send>(&self, work: impl AsyncFnOnce() -> T + Send) -> T {
        let network = std::fs::File::open(format!("/proc/{}/ns/net", self.init)).unwrap();
        let enter = move || {
            let kind = Some(rustix::thread::LinkNameSpaceType::Network);
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&network), kind)
                .unwrap();
            // Its threads are born in the network of this one.
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap()
                .block_on(work())
        };
        std::thread::scope(|scope| match scope.spawn(enter).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() && self.init != 0 {
            eprintln!("--- the machine's journal:\n{}---", self.journal());
        }
        // Its watcher ends it, and removes its cgroup.
        drop(self.boot.stdin.take());
        let _ = self.boot.wait();
    }
}

/// The binary of this build.
pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_muxview")
}

/// Whether it is PID 1 where it lives.
fn is_init(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("NSpid:"))
        .is_some_and(|ids| {
            let ids: Vec<&str> = ids.split_whitespace().collect();
            ids.len() > 1 && ids.last() == Some(&"1")
        })
}
