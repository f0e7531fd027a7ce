//! `muxview doctor` on machines where something is wrong, and where what it says has been done.

use crate::support::Machine;

/// What it says, and its exit code.
fn doctor(machine: &Machine, options: &str) -> (String, Option<i32>) {
    let said = machine.try_sh(&format!("muxview doctor {options} 2>&1"));
    (
        String::from_utf8_lossy(&said.stdout).into_owned(),
        said.status.code(),
    )
}

/// The lines about one thing: what was found, and what mends it.
fn about<'a>(said: &'a str, subject: &str) -> Vec<&'a str> {
    let mut lines = said.lines();
    let mut found = Vec::new();
    let mut ours = false;
    for line in &mut lines {
        if let Some(mend) = line.trim_start().strip_prefix("mend: ") {
            if ours {
                found.push(mend);
            }
            continue;
        }
        ours = line
            .get(6..)
            .is_some_and(|rest| rest.starts_with(&format!("{subject}:")));
        if ours {
            found.push(line);
        }
    }
    assert!(!found.is_empty(), "nothing about {subject}:\n{said}");
    found
}

const CONFIG: &str = "--config /etc/muxview/muxview.toml";

#[test]
fn a_fresh_installation_is_healthy() {
    let machine = Machine::with_muxview();
    machine.sh("systemctl enable --now muxview");
    let (said, code) = doctor(&machine, CONFIG);
    assert_eq!(code, Some(0), "{said}");
    for line in said.lines() {
        assert!(line.starts_with("ok"), "{said}");
    }
    for subject in [
        "tmux",
        "tmux server",
        "tmux server's unit",
        "locale",
        "TERM",
        "muxview",
        "socket",
        "open files",
    ] {
        about(&said, subject);
    }
    // Another user's server.
    let said = machine
        .try_sh("runuser -u nobody -- muxview doctor --tmux-socket-path /run/muxview-tmux/tmux");
    assert_eq!(said.status.code(), Some(1));
    let said = String::from_utf8_lossy(&said.stdout);
    assert!(
        about(&said, "tmux server")[0].contains("another user's"),
        "{said}"
    );
    // What is amiss inside tmux, and a binary that waits for a restart.
    machine.tmux("set-environment -g LANG C");
    machine.tmux("set-option -g default-terminal nonsense");
    machine.sh("make -s install BIN=$(readlink -f $(command -v muxview)); rm -f /tmp/x");
    let (said, code) = doctor(&machine, CONFIG);
    assert_eq!(code, Some(1), "{said}");
    assert!(about(&said, "TERM")[0].starts_with("fail"), "{said}");
    assert!(about(&said, "locale")[0].starts_with("warn"), "{said}");
    assert!(
        about(&said, "muxview")[1].starts_with("systemctl restart muxview.service"),
        "{said}"
    );
}

#[test]
fn a_tmux_server_in_muxviews_unit_is_told_and_freed() {
    let machine = Machine::with_muxview();
    // As many a unit does it: the server is born in the service.
    machine.write(
        "/etc/systemd/system/web.service",
        "[Service]\nType=notify\nExecStartPre=tmux -f /dev/null -S /tmp/t new-session -d -s kept cat\n\
         ExecStart=/usr/local/bin/muxview --auth none --state-dir /tmp/web --tmux-socket-path /tmp/t --listen 127.0.0.1:7000\n",
    );
    machine.sh("systemctl daemon-reload; systemctl start web.service");
    let (said, code) = doctor(&machine, "--tmux-socket-path /tmp/t");
    assert_eq!(code, Some(1), "{said}");
    let found = about(&said, "tmux server's unit");
    assert!(
        found[0].starts_with("fail") && found[0].contains("web.service"),
        "{said}"
    );
    machine.sh(found[1]);
    let (said, _) = doctor(&machine, "--tmux-socket-path /tmp/t");
    assert!(
        about(&said, "tmux server's unit")[0].starts_with("ok"),
        "{said}"
    );
    machine.sh("systemctl stop web.service; tmux -S /tmp/t has-session -t kept");
}

#[test]
fn what_a_proxy_does_not_pass_is_named() {
    let machine = Machine::with_muxview();
    machine
        .sh("systemctl enable --now muxview; rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*");
    let nginx = |location: &str| {
        machine.write(
            "/etc/nginx/conf.d/muxview.conf",
            &format!(
                "server {{ listen 80 default_server; location /term/ {{ proxy_pass http://unix:/run/muxview.sock:/; {location} }}\n\
                 location /elsewhere/ {{ return 200 hello; }} }}\n"
            ),
        );
        machine.sh("systemctl restart nginx");
    };
    let url = format!("{CONFIG} --url http://localhost/term/");
    let fail = |url: &str, subject: &str, told: &str| {
        let (said, code) = doctor(&machine, url);
        assert_eq!(code, Some(1), "{said}");
        let found = about(&said, subject);
        assert!(found[0].starts_with("fail"), "{said}");
        assert!(
            found.iter().any(|line| line.contains(told)),
            "{told}:\n{said}"
        );
    };
    fail(&url, "proxy", "nothing answers");
    // Nobody has put it into the group: the socket says so, and what mends it.
    nginx("");
    fail(&url, "proxy", "cannot reach muxview");
    let (said, _) = doctor(&machine, &url);
    let mend = about(&said, "socket")[1];
    assert!(mend.starts_with("usermod -aG muxview www-data"), "{said}");
    machine.sh(mend);
    let (said, _) = doctor(&machine, &url);
    assert!(about(&said, "socket")[0].starts_with("ok"), "{said}");
    // nginx's own Host is the upstream's name; its HTTP version has no upgrades.
    nginx("proxy_set_header Host wrong;");
    fail(&url, "proxy", "proxy_set_header Host $http_host");
    nginx("proxy_set_header Host $http_host;");
    fail(&url, "WebSocket", "Upgrade $http_upgrade");
    fail(
        &format!("{CONFIG} --url http://localhost/elsewhere/"),
        "proxy",
        "not by muxview",
    );
    nginx(
        "proxy_set_header Host $http_host; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
         proxy_set_header Connection upgrade;",
    );
    let (said, code) = doctor(&machine, &url);
    assert_eq!(code, Some(0), "{said}");
    assert!(about(&said, "WebSocket")[0].starts_with("ok"), "{said}");
    let (said, code) = doctor(&machine, "--url nonsense");
    assert_eq!(code, Some(2), "{said}");
}
