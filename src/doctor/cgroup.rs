//! Checks of what a service manager would do: to the tmux server, and to muxview. In: cgroups and what is
//! known of the processes. Out: findings. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::doctor::finding::Finding;

/// The unit of a muxview that was installed, and the one its tmux server then has.
const OURS: &str = "muxview.service";
const TMUX: &str = "muxview-tmux.service";

/// Where a process lives, as the kernel writes it below /sys/fs/cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cgroup(String);

impl Cgroup {
    /// From `/proc/PID/cgroup`.
    pub(super) fn read(text: &str) -> Option<Self> {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (_, controller, path) = (parts.next()?, parts.next()?, parts.next()?);
            (matches!(controller, "" | "name=systemd") && path != "/")
                .then(|| Self(path.to_owned()))
        })
    }

    /// `muxview.service`, `session-3.scope`; nothing outside of units.
    pub(super) fn unit(&self) -> Option<&str> {
        let last = self.0.rsplit('/').next()?;
        (last.ends_with(".service") || last.ends_with(".scope")).then_some(last)
    }

    /// Whether the user's own service manager is in charge.
    pub(super) fn is_user(&self) -> bool {
        self.0.contains("/user@") && !self.unit().is_some_and(|unit| unit.starts_with("user@"))
    }

    fn systemctl(&self) -> &'static str {
        if self.is_user() {
            "systemctl --user"
        } else {
            "systemctl"
        }
    }
}

/// A muxview that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) pid: u32,
    pub(super) root: bool,
    pub(super) cgroup: Option<Cgroup>,
    /// Its file was replaced since it started.
    pub(super) replaced: bool,
    /// How many descriptors it may have open.
    pub(super) open_files: Option<u64>,
    /// How many its service manager keeps for it over a restart.
    pub(super) kept: Option<u64>,
}

/// In whose cgroup the tmux server lives: whoever ends that unit ends every session.
/// `family`: the server and all that descends from it.
pub(super) fn home(server: Option<&Cgroup>, running: &[Running], family: &[u32]) -> Finding {
    let what = "tmux server's unit";
    let Some(server) = server else {
        return Finding::ok(what, "none: no service manager ends it");
    };
    let Some(unit) = server.unit() else {
        return Finding::ok(what, "none: no service ends it");
    };
    let shared = running
        .iter()
        .any(|muxview| muxview.cgroup.as_ref() == Some(server));
    if unit == TMUX {
        return Finding::ok(what, format!("{TMUX}, its own"));
    }
    if unit == OURS || (shared && unit.ends_with(".service")) {
        let user = if server.is_user() { " --user" } else { "" };
        let pids: Vec<String> = family.iter().map(ToString::to_string).collect();
        let systemctl = server.systemctl();
        return Finding::fail(
            what,
            format!(
                "it lives in {unit} together with muxview, so {systemctl} restart or stop {unit} kills every session"
            ),
            format!(
                "busctl{user} call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
                 StartTransientUnit 'ssa(sv)a(sa(sv))' tmux-{}.scope fail 1 PIDs au {} {} 0\n\
                 and for the next server: {systemctl} enable {TMUX} (make install puts it there)",
                family.first().copied().unwrap_or_default(),
                pids.len(),
                pids.join(" "),
            ),
        );
    }
    if unit.ends_with(".service") && !unit.starts_with("user@") {
        return Finding::warn(
            what,
            format!("{unit}: whoever stops or restarts that service kills every session"),
            format!(
                "start the server in its own unit when its work is done: {} enable --now {TMUX}",
                server.systemctl()
            ),
        );
    }
    Finding::ok(what, unit)
}

/// What is amiss with a muxview that runs; a line if nothing is.
pub(super) fn running(muxview: &Running) -> Vec<Finding> {
    let what = "muxview";
    let mut found = Vec::new();
    let unit = muxview.cgroup.as_ref().and_then(Cgroup::unit);
    let service = unit.filter(|unit| unit.ends_with(".service") && !unit.starts_with("user@"));
    let systemctl = muxview
        .cgroup
        .as_ref()
        .map_or("systemctl", Cgroup::systemctl);
    if muxview.root {
        found.push(Finding::warn(
            what,
            format!(
                "process {} runs as root: whoever may type is root",
                muxview.pid
            ),
            "run it as a user of its own (make install), or as yourself",
        ));
    }
    if muxview.replaced {
        found.push(Finding::warn(
            what,
            format!(
                "process {} is an older binary than the one installed since",
                muxview.pid
            ),
            service.map_or_else(
                || format!("kill -HUP {}", muxview.pid),
                |unit| format!("{systemctl} restart {unit} (open connections go over)"),
            ),
        ));
    }
    if let (Some(unit), Some(0)) = (service, muxview.kept) {
        found.push(Finding::warn(
            what,
            format!("{unit} keeps no connections over a restart: every viewer has to reconnect"),
            format!("{systemctl} edit {unit}: FileDescriptorStoreMax=16384 under [Service]"),
        ));
    }
    if found.is_empty() {
        let place = unit.map_or_else(String::new, |unit| format!(" in {unit}"));
        found.push(Finding::ok(
            what,
            format!("process {} runs{place}", muxview.pid),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    fn cgroup(path: &str) -> Cgroup {
        Cgroup::read(&format!("0::{path}\n")).expect("in a cgroup")
    }

    fn muxview(path: &str) -> Running {
        Running {
            pid: 3,
            root: false,
            cgroup: Some(cgroup(path)),
            replaced: false,
            open_files: None,
            kept: Some(4096),
        }
    }

    #[test]
    fn a_cgroup_is_read_from_either_hierarchy() {
        assert_eq!(Cgroup::read("1:name=systemd:/\n0::/\n"), None);
        let old = Cgroup::read("4:memory:/x\n1:name=systemd:/system.slice/a.service\n0::/\n");
        assert_eq!(old.expect("there").unit(), Some("a.service"));
        let user = cgroup("/user.slice/user-1.slice/user@1.service/app.slice/muxview.service");
        assert!(user.is_user());
        assert_eq!(user.unit(), Some("muxview.service"));
        assert!(!cgroup("/user.slice/user-1.slice/user@1.service").is_user());
        assert_eq!(cgroup("/system.slice").unit(), None);
    }

    #[test]
    fn a_server_in_muxviews_unit_is_told_with_the_way_out() {
        let ours = "/system.slice/muxview.service";
        let trapped = home(Some(&cgroup(ours)), &[muxview(ours)], &[7, 8]);
        assert_eq!(trapped.level, Level::Fail);
        let mend = trapped.mend.expect("one");
        assert!(
            mend.contains("tmux-7.scope fail 1 PIDs au 2 7 8 0"),
            "{mend}"
        );
        assert!(!mend.contains("--user"));
        // Also under a name of somebody's own, as long as muxview is in it; also of one user's.
        let own = "/user.slice/user-1.slice/user@1.service/app.slice/web.service";
        let trapped = home(Some(&cgroup(own)), &[muxview(own)], &[7]);
        assert_eq!(trapped.level, Level::Fail);
        assert!(trapped.mend.expect("one").contains("busctl --user"));
        for (path, level) in [
            ("/system.slice/muxview-tmux.service", Level::Ok),
            ("/user.slice/user-1.slice/session-2.scope", Level::Ok),
            ("/system.slice/cron.service", Level::Warn),
            ("/user.slice/user-1.slice/user@1.service", Level::Ok),
            ("/system.slice/muxview.service", Level::Fail),
        ] {
            assert_eq!(home(Some(&cgroup(path)), &[], &[7]).level, level, "{path}");
        }
        // Both from one terminal: nobody restarts a scope.
        let scope = "/user.slice/session-2.scope";
        assert_eq!(
            home(Some(&cgroup(scope)), &[muxview(scope)], &[7]).level,
            Level::Ok
        );
        assert_eq!(home(None, &[], &[7]).level, Level::Ok);
    }

    #[test]
    fn what_is_amiss_with_a_running_one_is_told() {
        let good = muxview("/system.slice/muxview.service");
        assert_eq!(running(&good)[0].level, Level::Ok);
        let bad = Running {
            root: true,
            replaced: true,
            kept: Some(0),
            ..good
        };
        assert_eq!(running(&bad).len(), 3);
        assert!(running(&bad).iter().all(|f| f.level == Level::Warn));
    }
}
