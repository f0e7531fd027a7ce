//! The configurations in `deploy/`, in the proxies they are for, under those who type and watch: over a
//! restart of muxview, over its handoff in place, and over a reload of the proxy.

use super::restart::{file, machine};
use crate::support::{Browser, Crowd, Machine, Route, soak};
use std::time::Duration;

/// Where the crowd comes in, beside the port for TLS: this crowd speaks none.
const PLAIN: u16 = 8080;

/// A certificate of the machine's own.
const CERTIFICATE: &str = r#"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
  -subj /CN=term.example.org -days 2 2>/dev/null \
  -keyout /etc/ssl/private/term.example.org.key -out /etc/ssl/certs/term.example.org.pem
cat /etc/ssl/certs/term.example.org.pem /etc/ssl/private/term.example.org.key >/etc/ssl/private/term.example.org.pem"#;

/// What a reload does to those who are connected.
enum Reload {
    Unnoticed,
    Closes(u64),
}

fn through(proxy: &str, setup: &str, reload: &str, path: &str, expected: &Reload) {
    let rounds = soak(1, 5);
    let (machine, names, direct) = machine(2);
    machine.sh(
        r#"sed -i 's|^#public-origin.*|public-origin = ["https://term.example.org"]|' /etc/muxview/muxview.toml
        systemctl restart muxview.service"#,
    );
    machine.sh(&format!("{CERTIFICATE}\n{setup}"));
    machine.until("the proxy", |machine| {
        let asked = format!(
            "curl -sS --fail -H 'Host: term.example.org' http://127.0.0.1:{PLAIN}{path}/healthz"
        );
        let said = machine.try_sh(&asked);
        if said.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&said.stderr).into_owned())
        }
    });
    let route = Route {
        host: "term.example.org".into(),
        path: path.into(),
        secret: direct.secret,
        ..Route::tcp(PLAIN)
    };
    let mut browser = Browser::start(&machine);
    let url = format!(
        "https://term.example.org{path}/s/main?test#t={}",
        machine.link()
    );
    browser.open("main", &url);
    browser.see("main", r"[$#] ?$");
    let account = machine.inside(async || {
        let pace = soak(Duration::from_millis(50), Duration::from_millis(500));
        let crowd = Crowd::gather(&route, &names, soak(3, 100), pace).await;
        for time in 0..rounds {
            machine.sh("systemctl restart muxview.service");
            crowd.served_by(2 * time + 2).await;
            machine.sh("systemctl kill --kill-whom=main --signal=HUP muxview.service");
            crowd.served_by(2 * time + 3).await;
        }
        if let Reload::Unnoticed = expected {
            machine.sh(reload);
            machine.until("the new configuration", |machine| told(machine, path));
        }
        crowd.end().await
    });
    eprintln!(
        "{proxy}: {} viewers, {rounds} restarts and {rounds} SIGHUPs, {} lines typed, {} connections answered, \
         longest silence {:.1?}",
        account.seen.len(),
        account.typed(),
        account.knocks,
        account.silence()
    );
    account.unnoticed(2 * rounds + 1);
    account.check(file(&machine));
    if let Reload::Closes(_) = expected {
        assert_eq!(browser.sockets("main"), [None], "{proxy}");
        machine.sh(reload);
        machine.until("the new configuration", |machine| told(machine, path));
    }
    machine.tmux("send-keys -t main: 'clear; echo still-$((1+1))' Enter");
    browser.see("main", "^still-2$");
    match expected {
        Reload::Unnoticed => assert_eq!(browser.sockets("main"), [None], "{proxy}"),
        // A proxy in a hurry drops the connection without its close code.
        Reload::Closes(code) => match browser.sockets("main")[..] {
            [Some(closed), None] if closed == *code || closed == 1006 => {}
            ref other => panic!("{proxy}: {other:?}"),
        },
    }
    browser.enter("main", "echo typed-$((2+2))");
    browser.see("main", "^typed-4$");
}

/// The reloaded configuration answers `/reloaded`.
fn told(machine: &Machine, path: &str) -> Result<(), String> {
    let said = machine.try_sh(&format!(
        "curl -sS -H 'Host: term.example.org' http://127.0.0.1:{PLAIN}{path}/reloaded"
    ));
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    if said.contains("reloaded!") {
        Ok(())
    } else {
        Err(said)
    }
}

/// Those that no crowd goes through here are at least what their proxies take.
#[test]
fn all_are_what_their_proxies_take() {
    let machine = Machine::boot();
    machine.sh(CERTIFICATE);
    machine.sh(
        r#"cp /etc/ssl/private/term.example.org.pem /etc/ssl/private/example.org.pem
        for file in deploy/haproxy/*.cfg; do haproxy -c -q -f "$file"; done
        for file in deploy/caddy/*.Caddyfile; do caddy validate --adapter caddyfile --config "$file"; done
        rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
        cp deploy/nginx/own-host.conf /etc/nginx/conf.d/muxview.conf
        nginx -t -q"#,
    );
}

#[test]
fn nginx_on_a_host_of_its_own() {
    through(
        "nginx",
        "usermod -aG muxview www-data
        rm -f /etc/nginx/sites-enabled/* /etc/nginx/conf.d/*
        sed 's/listen 443 ssl;/listen 443 ssl; listen 8080;/' deploy/nginx/own-host.conf >/etc/nginx/conf.d/muxview.conf
        systemctl start nginx",
        "sed -i 's|  location / {|  location = /reloaded { return 200 reloaded!; }\\n&|' /etc/nginx/conf.d/muxview.conf
        systemctl reload nginx",
        "",
        &Reload::Unnoticed,
    );
}

#[test]
fn haproxy_below_a_path() {
    through(
        "HAProxy",
        "install -D -m 644 deploy/haproxy/muxview.socket.conf /etc/systemd/system/muxview.socket.d/haproxy.conf
        cp /etc/ssl/private/term.example.org.pem /etc/ssl/private/example.org.pem
        sed 's/  bind :80$/&\\n  bind :8080/; s/unless { ssl_fc }/if { dst_port 80 }/' deploy/haproxy/sub-path.cfg \\
          >/etc/haproxy/haproxy.cfg
        systemctl daemon-reload
        systemctl stop muxview.service; systemctl restart muxview.socket; systemctl start muxview.service
        systemctl start haproxy",
        "sed -i 's|^  use_backend|  http-request return status 200 content-type text/plain string reloaded! if { path /term/reloaded }\\n&|' \\
          /etc/haproxy/haproxy.cfg
        systemctl reload haproxy",
        "/term",
        &Reload::Unnoticed,
    );
}

#[test]
fn caddy_on_a_host_of_its_own() {
    through(
        "Caddy",
        "usermod -aG muxview caddy
        { echo '{'; echo '  skip_install_trust'; echo '}'
          sed 's|^term.example.org {|term.example.org, http://term.example.org:8080 {|; s|^}|\\ttls internal\\n}|' \\
            deploy/caddy/own-host.Caddyfile; } >/etc/caddy/Caddyfile
        systemctl start caddy",
        "sed -i 's|^\\ttls internal|&\\n\\trespond /reloaded \"reloaded!\"|' /etc/caddy/Caddyfile
        systemctl reload caddy",
        "",
        &Reload::Closes(1001),
    );
}
