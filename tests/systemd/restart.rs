//! `systemctl restart muxview`, and what else ends a process, seen by those who type and watch.

use crate::support::{Browser, Crowd, Machine, Route, soak};
use std::time::{Duration, Instant};

/// muxview running, with so many sessions that write what they are typed into a file.
pub(crate) fn machine(sessions: usize) -> (Machine, Vec<String>, Route) {
    let machine = Machine::with_muxview();
    machine.sh("systemctl enable --now muxview");
    let names: Vec<String> = (0..sessions).map(|index| format!("s{index}")).collect();
    for name in &names {
        machine.tmux(&format!(
            "new-session -d -s {name} -x 80 -y 24 'stty -echoctl; exec cat >/var/lib/muxview/{name}'"
        ));
    }
    let route = Route::unix(machine.path("/run/muxview.sock"), Some(machine.secret()));
    (machine, names, route)
}

pub(crate) fn file(machine: &Machine) -> impl Fn(&str) -> std::path::PathBuf {
    |session| machine.path(&format!("/var/lib/muxview/{session}"))
}

/// How long a start takes that nobody waits for.
fn bare_start(machine: &Machine) -> Duration {
    machine.sh("systemctl stop muxview.service");
    let began = Instant::now();
    machine.sh("systemctl start muxview.service");
    began.elapsed()
}

#[test]
fn nobody_notices_a_restart() {
    let (sessions, each, restarts) = soak((4, 5, 3), (10, 20, 10));
    let (machine, names, route) = machine(sessions);
    let bare = bare_start(&machine);
    let pid = machine.tmux("display-message -p '#{pid}'");
    let account = machine.inside(async || {
        let pace = soak(Duration::from_millis(40), Duration::from_millis(250));
        let crowd = Crowd::gather(&route, &names, each, pace).await;
        for restart in 1..=restarts {
            tokio::task::block_in_place(|| machine.sh("systemctl restart muxview.service"));
            crowd.served_by(1 + restart).await;
        }
        crowd.end().await
    });
    account.unnoticed(1 + restarts);
    account.check(file(&machine));
    assert_eq!(machine.tmux("display-message -p '#{pid}'"), pid);
    let silence = account.silence();
    eprintln!(
        "{} viewers, {restarts} restarts: {} lines typed, {} connections answered, longest silence {silence:.0?}, \
         {:.1} times a bare start ({bare:.0?})",
        sessions * each,
        account.typed(),
        account.knocks,
        silence.as_secs_f64() / bare.as_secs_f64(),
    );
}

#[test]
fn a_session_that_lives_by_our_client_outlives_restarts() {
    let (machine, names, route) = machine(1);
    let restarts = soak(5, 50);
    let client = || machine.tmux("list-clients -t s0 -F '#{client_tty} #{client_pid}'");
    let pid = machine.tmux("display-message -p '#{pid}'");
    let account = machine.inside(async || {
        let crowd = Crowd::gather(&route, &names, 2, Duration::from_millis(50)).await;
        machine.tmux("set-option -t s0 destroy-unattached on");
        let before = client();
        for restart in 1..=restarts {
            tokio::task::block_in_place(|| machine.sh("systemctl restart muxview.service"));
            crowd.served_by(1 + restart).await;
            // Where one was there twice, another client held the session.
            let now = client();
            assert!(
                now.lines().any(|line| line == before),
                "{now}, before {before}"
            );
        }
        crowd.end().await
    });
    account.unnoticed(1 + restarts);
    account.check(file(&machine));
    assert_eq!(machine.tmux("display-message -p '#{pid}'"), pid);
    // Where there is no next process, nothing of it is left.
    machine.sh("systemctl stop muxview.socket muxview.service");
    machine.until("its clients to end", |machine| {
        let left =
            machine.sh("cat /sys/fs/cgroup/system.slice/muxview.service/cgroup.procs 2>&1 || true");
        if left.is_empty() || left.contains("No such file") {
            Ok(())
        } else {
            Err(left)
        }
    });
}

#[test]
fn a_broken_new_binary_keeps_everyone_waiting_for_a_good_one() {
    let (machine, names, route) = machine(2);
    let account = machine.inside(async || {
        let crowd = Crowd::gather(&route, &names, 4, Duration::from_millis(50)).await;
        // Put there as make install does: by rename, over a program that runs.
        machine.sh(
            "cp /usr/local/bin/muxview /tmp/good
            printf '#!/bin/sh\\nexit 3\\n' >/tmp/broken; chmod +x /tmp/broken; mv /tmp/broken /usr/local/bin/muxview",
        );
        assert!(!machine.try_sh("systemctl restart muxview.service").status.success());
        machine.until("systemd to try again in vain", |machine| {
            match machine.show("muxview.service", "NRestarts").parse() {
                Ok(2..) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        machine.sh("mv /tmp/good /usr/local/bin/muxview");
        crowd.served_by(2).await;
        crowd.end().await
    });
    account.unnoticed(2);
    account.check(file(&machine));
}

/// What the session shows, without the empty lines at its end.
fn meant(machine: &Machine, session: &str) -> Vec<String> {
    let text = machine.tmux(&format!("capture-pane -p -t {session}:"));
    text.trim_end().lines().map(str::to_owned).collect()
}

#[test]
fn a_page_shows_what_it_cannot_be_spared_and_is_back_with_the_right_picture() {
    let machine = Machine::with_muxview();
    // As long as an admin would wait for a process that hangs, and no longer than a test can.
    machine.write(
        "/etc/systemd/system/muxview.service.d/test.conf",
        "[Service]\nWatchdogSec=2s\n",
    );
    // Beside the socket of the proxies one that a browser opens by itself.
    machine.write(
        "/etc/systemd/system/muxview.socket.d/test.conf",
        "[Socket]\nListenStream=127.0.0.1:7681\n",
    );
    machine.sh("systemctl daemon-reload; systemctl enable --now muxview");
    let mut browser = Browser::start(&machine);
    let page = format!("http://127.0.0.1:7681/s/main?test#t={}", machine.link());
    browser.open("main", &page);
    browser.see("main", r"[$#] ?$");
    let pid = || machine.show("muxview.service", "MainPID");
    let deeds: [(&str, &dyn Fn()); 4] = [
        ("stopped", &|| {
            machine.sh("systemctl stop muxview.socket muxview.service");
        }),
        ("killed", &|| {
            machine.sh("systemctl kill --kill-whom=main --signal=KILL muxview.service");
        }),
        ("wedged", &|| {
            machine.sh("systemctl kill --kill-whom=main --signal=STOP muxview.service");
        }),
        ("refused", &|| {
            // As a build of another time would find what this one left: of a version it does not know.
            machine.sh("mv /usr/local/bin/muxview /usr/local/bin/muxview.real");
            machine.write("/usr/local/bin/muxview", OTHER_BUILD);
            machine.sh("chmod +x /usr/local/bin/muxview; systemctl restart muxview.service");
        }),
    ];
    for (round, (deed, act)) in deeds.into_iter().enumerate() {
        let before = pid();
        act();
        if deed == "stopped" {
            browser.text("main", "Reconnecting…");
        }
        machine.tmux(&format!(
            "send-keys -t main: 'clear; echo {deed}-$((1+1))' Enter"
        ));
        if deed == "stopped" {
            machine.sh("systemctl start muxview.socket muxview.service");
        }
        browser.see("main", &format!("^{deed}-2$"));
        assert_ne!(pid(), before, "{deed}");
        let closed: Vec<_> = browser.sockets("main").into_iter().flatten().collect();
        assert!(closed.len() > round, "{deed}: {closed:?}");
        // 4401: signed while the socket waited for a process, so the page signs again.
        assert!(
            closed.iter().all(|code| matches!(code, 1006 | 1012 | 4401)),
            "{deed}: {closed:?}"
        );
        browser.enter("main", &format!("echo {deed}-$((2+2))"));
        browser.see("main", &format!("^{deed}-4$"));
        let meant = machine.until("the prompt", |machine| {
            let meant = meant(machine, "main");
            let done = meant.last().is_some_and(|last| last.ends_with('$'));
            if done {
                Ok(meant)
            } else {
                Err(meant.join("\n"))
            }
        });
        let shown = browser.lines("main");
        let shown: Vec<&str> = shown.iter().map(|line| line.trim_end()).collect();
        assert_eq!(shown[..meant.len()], meant, "{deed}");
    }
    let said = machine.sh("journalctl -u muxview.service --no-pager -o cat");
    assert!(said.contains("this muxview reads version"), "{said}");
    assert!(said.contains("Watchdog timeout"), "{said}");
}

/// Changes the version of the state it was passed, and goes on as the real one.
const OTHER_BUILD: &str = r#"#!/bin/bash
IFS=: read -ra names <<<"${LISTEN_FDNAMES:-}"
for index in "${!names[@]}"; do
  if [[ ${names[index]} == state ]]; then
    printf '\377' | dd of=/proc/self/fd/$((3 + index)) bs=1 seek=16 conv=notrunc status=none
  fi
done
exec -a muxview /usr/local/bin/muxview.real "$@"
"#;
