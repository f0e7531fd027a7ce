//! `make install` on a fresh machine, used, upgraded and taken away again.

use crate::support::{Browser, Machine, machine::binary};

/// What muxview's own files are, everywhere a package manager would look for them.
const FILES: &str = "find /usr/local /etc /usr/lib/systemd /var/lib/muxview -xdev \
     \\( -path '*muxview*' -o -path '*muxview/*' \\) -not -path '*/.local/*' -printf '%M %u %p %l\\n' | sort";

#[test]
fn installed_used_through_nginx_upgraded_and_uninstalled() {
    let machine = Machine::boot();
    let install = format!("make -s install BIN={}", binary());
    let said = machine.sh(&install);
    assert!(said.contains("systemctl enable --now muxview"), "{said}");
    assert!(
        !machine.active("muxview.service"),
        "nothing is started unasked"
    );
    let files = machine.sh(FILES);
    machine.sh(&install);
    assert_eq!(machine.sh(FILES), files, "twice is as good as once");

    // As docs/operations.md and deploy/nginx/sub-path.conf say.
    machine.sh("systemctl enable --now muxview");
    machine.sh(
        r#"sed -i 's|^#public-origin.*|public-origin = ["https://example.org"]|; s|^#base-path|base-path|' /etc/muxview/muxview.toml
        runuser -u muxview -- muxview check --config /etc/muxview/muxview.toml
        systemctl restart muxview
        usermod -aG muxview www-data"#,
    );
    nginx(&machine);
    let link = machine.sh(
        "runuser -u muxview -- /usr/local/bin/muxview url main --config /etc/muxview/muxview.toml",
    );
    let (page, secret) = link.split_once('#').unwrap();
    assert_eq!(page, "https://example.org/term/s/main");
    let mut browser = Browser::start(&machine);
    browser.open("main", &format!("{page}?test#{secret}"));
    browser.see("main", r"[$#] ?$");
    browser.enter("main", "echo $((40+2)) $USER");
    browser.see("main", "^42 muxview$");

    // Upgraded: another binary is there at once, the old one runs on until it is told.
    let before = machine.show("muxview.service", "MainPID");
    let pane = machine.tmux("display-message -p -t main: '#{pid} #{pane_pid}'");
    let said = machine.sh(&install);
    assert!(said.contains("systemctl restart muxview"), "{said}");
    assert_eq!(machine.show("muxview.service", "MainPID"), before);
    machine.sh("systemctl restart muxview");
    assert_ne!(machine.show("muxview.service", "MainPID"), before);
    browser.enter("main", "echo $((40+3)) upgraded");
    browser.see("main", "^43 upgraded$");
    assert_eq!(browser.sockets("main"), [None], "the page never noticed");

    // Taken away: the sessions go on, and what is left is said.
    let said = machine.sh("make -s uninstall");
    for left in [
        "the tmux server and its sessions",
        "/etc/muxview",
        "userdel muxview",
    ] {
        assert!(said.contains(left), "{left} in {said}");
    }
    assert!(!machine.path("/run/muxview.sock").exists());
    assert_eq!(
        machine.tmux("display-message -p -t main: '#{pid} #{pane_pid}'"),
        pane
    );
    assert_eq!(
        machine.sh("find /usr/local /etc/systemd -path '*muxview*' -printf '%p\\n'"),
        "/usr/local/lib/systemd/system/muxview-tmux.service"
    );
    machine.sh("make -s uninstall"); // twice is as good as once
    // And the commands it named take the rest.
    for line in said.lines().filter_map(|line| line.split_once("with: ")) {
        machine.sh(line.1);
    }
    assert_eq!(
        machine.sh(
            "getent passwd muxview || true; find /usr/local /etc /var/lib -xdev -path '*muxview*' -not -path '/etc/nginx/*'"
        ),
        ""
    );
}

/// nginx as a distribution starts it, with our file in a host of its own certificate.
fn nginx(machine: &Machine) {
    machine.sh(
        r#"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=example.org \
          -keyout /etc/ssl/private/host.key -out /etc/ssl/certs/host.pem -days 2 2>/dev/null
        rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
        # The file is in two pieces: the upstream, and the locations of a host.
        awk '/inside the server/ { exit } { print }' deploy/nginx/sub-path.conf >/etc/nginx/conf.d/muxview.conf
        awk 'all; /inside the server/ { all = 1 }' deploy/nginx/sub-path.conf >/etc/nginx/muxview.locations
        cat >/etc/nginx/conf.d/host.conf <<'END'
server {
  listen 443 ssl;
  server_name example.org;
  ssl_certificate /etc/ssl/certs/host.pem;
  ssl_certificate_key /etc/ssl/private/host.key;
  include muxview.locations;
}
END
        systemctl start nginx"#,
    );
}

#[test]
fn a_package_is_put_together_without_touching_the_machine() {
    let machine = Machine::boot();
    machine.sh(&format!(
        "make -s install BIN={} DESTDIR=/tmp/package PREFIX=/usr",
        binary()
    ));
    let files = machine.sh("cd /tmp/package && find . -type f | sort");
    for file in [
        "./etc/muxview/muxview.toml",
        "./usr/bin/muxview",
        "./usr/lib/systemd/system/muxview-tmux.service",
        "./usr/lib/systemd/system/muxview.service",
        "./usr/lib/systemd/system/muxview.socket",
        "./usr/lib/systemd/user/muxview.service",
        "./usr/lib/sysusers.d/muxview.conf",
        "./usr/share/bash-completion/completions/muxview",
        "./usr/share/fish/vendor_completions.d/muxview.fish",
        "./usr/share/man/man1/muxview.1",
        "./usr/share/zsh/site-functions/_muxview",
    ] {
        assert!(files.lines().any(|line| line == file), "{file} in {files}");
    }
    let unit = machine.sh("cat /tmp/package/usr/lib/systemd/system/muxview.service");
    assert!(
        unit.contains("ExecStart=/usr/bin/muxview serve --config /etc/muxview/muxview.toml"),
        "{unit}"
    );
    assert!(!machine.try_sh("getent passwd muxview").status.success());
    machine.sh("make -s uninstall DESTDIR=/tmp/package PREFIX=/usr");
    assert_eq!(
        machine.sh("cd /tmp/package && find . -type f"),
        "./etc/muxview/muxview.toml"
    );
}

#[test]
fn for_one_user_with_lingering() {
    let machine = Machine::boot();
    machine.sh("useradd --create-home --shell /bin/bash ada");
    let as_ada = |script: &str| {
        let uid = machine.sh("id -u ada");
        machine.sh(&format!(
            "runuser -u ada -- env HOME=/home/ada XDG_RUNTIME_DIR=/run/user/{uid} bash -euc {}",
            quoted(script)
        ))
    };
    machine.sh("loginctl enable-linger ada && systemctl start user@$(id -u ada).service");
    // A server she has started from a terminal of her own is used as it is.
    as_ada(&format!("make -s install BIN={}", binary()));
    assert!(machine.path("/home/ada/.local/bin/muxview").exists());
    assert!(!machine.path("/usr/local/bin/muxview").exists());
    as_ada("systemctl --user enable --now muxview");
    as_ada("tmux new-session -d -s hers");
    let server = as_ada("tmux display-message -p '#{pid}'");
    assert!(
        machine
            .sh(&format!("cat /proc/{server}/cgroup"))
            .contains("/muxview-tmux.service"),
        "the tmux server is in its own unit"
    );
    let link = as_ada("~/.local/bin/muxview url");
    let (root, secret) = link.split_once("#t=").unwrap();
    assert_eq!(root, "http://127.0.0.1:7681/");
    let listed = || {
        machine.until("the session to be listed", |machine| {
            let sessions = machine.sh(&format!(
                "curl -sS --fail-with-body -H 'Authorization: Bearer {secret}' {root}api/sessions"
            ));
            let there = sessions.contains("\"hers\"");
            if there { Ok(()) } else { Err(sessions) }
        });
    };
    listed();
    as_ada("systemctl --user restart muxview");
    listed();
    assert_eq!(as_ada("tmux display-message -p '#{pid}'"), server);
    // Ended for good, it is started again in its unit by the first session from the page.
    as_ada("systemctl --user stop muxview-tmux");
    machine.sh(&format!(
        "curl -sS --fail-with-body -H 'Authorization: Bearer {secret}' -H 'Content-Type: application/json' \
         -d '{{\"name\":\"new\"}}' {root}api/sessions"
    ));
    let server = as_ada("tmux display-message -p -t new: '#{pid}'");
    assert!(
        machine
            .sh(&format!("cat /proc/{server}/cgroup"))
            .contains("/muxview-tmux.service"),
        "born in its own unit"
    );
    let said = as_ada("make -s uninstall");
    assert!(said.contains("left: your tmux server"), "{said}");
    assert_eq!(as_ada("tmux display-message -p '#{pid}'"), server);
}

fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}
