//! The units themselves: correct, tight, and none but its own ends the tmux server.

use crate::support::{Machine, machine::binary};
use std::path::Path;

/// The exposure `systemd-analyze security` may give muxview.service, in tenths.
const EXPOSURE: u32 = 10;

#[test]
fn they_are_correct_and_tight() {
    let machine = Machine::with_muxview();
    for scope in ["system", "user"] {
        let said = machine.sh(&format!(
            "XDG_RUNTIME_DIR=/run systemd-analyze verify --{scope} --man=no /usr/local/lib/systemd/{scope}/muxview*"
        ));
        assert_eq!(said, "", "{scope}");
    }
    machine.sh(&format!(
        "systemd-analyze security --offline=true --threshold={EXPOSURE} /usr/local/lib/systemd/system/muxview.service"
    ));
    // Neither of these is a limit for what runs in the sessions.
    let show = |unit: &str, what: &str| machine.show(unit, what);
    for (what, bound) in [
        ("MemoryMax", "2147483648"),
        ("TasksMax", "4096"),
        ("LimitCORE", "0"),
    ] {
        assert_eq!(show("muxview.service", what), bound, "{what}");
        assert_ne!(show("muxview-tmux.service", what), bound, "{what}");
    }
    // A test that cannot fail is none: the threshold does bite.
    let bare = machine.try_sh(
        "printf '[Service]\\nExecStart=/bin/true\\n' >/tmp/bare.service;
         systemd-analyze security --offline=true --threshold=20 /tmp/bare.service",
    );
    assert!(!bare.status.success());
}

#[test]
fn no_unit_ends_the_tmux_server_but_its_own() {
    let machine = Machine::with_muxview();
    machine.sh("systemctl enable --now muxview");
    let pane = machine.tmux("new-session -d -s kept -P -F '#{pid} #{pane_pid}' 'exec cat'");
    let (server, pane) = pane.split_once(' ').unwrap();
    let cgroup = |pid: &str| machine.sh(&format!("tail -n 1 /proc/{pid}/cgroup"));
    for pid in [server, pane] {
        assert!(
            cgroup(pid).ends_with("/system.slice/muxview-tmux.service"),
            "{}",
            cgroup(pid)
        );
    }
    // What systemd would stop with another unit.
    for property in [
        "RequiredBy",
        "BoundBy",
        "ConsistsOf",
        "ConflictedBy",
        "RequisiteOf",
    ] {
        assert_eq!(
            machine.show("muxview-tmux.service", property),
            "",
            "{property}"
        );
    }
    let alive = || machine.tmux("display-message -p -t kept: '#{pid} #{pane_pid}'");
    for deed in [
        "systemctl restart muxview.service",
        "systemctl stop muxview.service muxview.socket; systemctl start muxview.socket muxview.service",
        "systemctl kill --signal=KILL muxview.service",
        "systemctl restart muxview.socket",
        "systemctl daemon-reload",
        "systemctl daemon-reexec",
        "systemctl mask --now --runtime muxview.service; systemctl unmask --runtime muxview.service",
        "systemctl reset-failed; systemctl start muxview.service",
    ] {
        machine.sh(deed);
        assert_eq!(alive(), format!("{server} {pane}"), "{deed}");
    }
    // Its own does, with all that runs in it; and it comes back from a kill-server.
    machine.tmux("kill-server");
    machine.until("the tmux server to be back", |machine| {
        let said = machine.try_sh("tmux -S /run/muxview-tmux/tmux display-message -p '#{pid}'");
        if said.status.success() {
            Ok(())
        } else {
            Err(machine.journal())
        }
    });
    machine.sh("systemctl stop muxview-tmux.service");
    assert!(!machine.path("/run/muxview-tmux").exists());
    assert!(machine.active("muxview.service"), "and muxview goes on");
    // In its sandbox it can start no unit, and it starts no server of its own: it says what to run.
    let create = format!(
        "curl -sS --unix-socket /run/muxview.sock -H 'Authorization: Bearer {}' -H 'Content-Type: application/json' \
         -d '{{\"name\":\"new\"}}' http://localhost/api/sessions",
        machine.secret()
    );
    let said = machine.sh(&create);
    assert!(
        said.contains("systemctl start muxview-tmux.service"),
        "{said}"
    );
    machine.sh("systemctl start muxview-tmux.service");
    let said = machine.sh(&create);
    assert!(said.contains("\"name\":\"new\""), "{said}");
    machine.tmux("has-session -t new");
}

#[test]
fn panes_see_what_a_login_would_show_them_and_are_in_no_sandbox() {
    let machine = Machine::with_muxview();
    machine.sh("systemctl enable --now muxview");
    let environment = machine.tmux("show-environment -g");
    let names: Vec<&str> = environment
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    assert_eq!(
        names,
        ["HOME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "USER"]
    );
    let pid = machine.tmux("display-message -p '#{pid}'");
    let status = std::fs::read_to_string(machine.path(&format!("/proc/{pid}/status"))).unwrap();
    assert!(status.contains("NoNewPrivs:\t0"), "{status}");
    assert!(status.contains("Seccomp:\t0"), "{status}");
    let muxview = machine.show("muxview.service", "MainPID");
    let status = std::fs::read_to_string(machine.path(&format!("/proc/{muxview}/status"))).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(status.contains("Seccomp:\t2"), "{status}");
    assert!(Path::new(&machine.path("/run/muxview.sock")).exists());
}

#[test]
fn in_a_unit_of_somebodys_own_the_tmux_server_is_born_outside_of_it() {
    let machine = Machine::boot();
    let unit = |name: &str, more: &str, port: u16| {
        machine.write(
            &format!("/etc/systemd/system/{name}.service"),
            &format!(
                "[Service]\nType=notify\n{more}\nExecStart={} --auth none --state-dir /tmp/{name} \
                 --tmux-socket-path /tmp/{name}.tmux --listen 127.0.0.1:{port}\n",
                binary()
            ),
        );
        machine.sh(&format!(
            "systemctl daemon-reload; systemctl start {name}.service"
        ));
    };
    let create = |port: u16| {
        machine.sh(&format!(
            "curl -sS -H 'Content-Type: application/json' -d '{{\"name\":\"kept\"}}' http://127.0.0.1:{port}/api/sessions"
        ))
    };
    unit("mine", "", 7001);
    let said = create(7001);
    assert!(said.contains("\"kept\""), "{said}");
    let pid = machine.sh("tmux -S /tmp/mine.tmux display-message -p '#{pid}'");
    let cgroup = machine.sh(&format!("tail -n 1 /proc/{pid}/cgroup"));
    assert!(cgroup.ends_with(".scope"), "{cgroup}");
    machine.sh("systemctl restart mine.service; systemctl stop mine.service");
    assert_eq!(
        machine.sh("tmux -S /tmp/mine.tmux display-message -p -t kept: '#{pid}'"),
        pid
    );
    // Who may make no scope is refused, with what to run instead.
    unit("weak", "User=nobody", 7002);
    let said = create(7002);
    assert!(
        said.contains("tmux -S /tmp/weak.tmux new-session -d"),
        "{said}"
    );
}
