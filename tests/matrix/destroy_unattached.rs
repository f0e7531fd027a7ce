//! Sessions with `destroy-unattached` end with their last client. Where that is ours, no restart of
//! muxview takes it away, and the tmux server outlives all of them.

use crate::figures::{self, Column};
use crate::harness::by_depth;
use crate::support::raw::{Got, Target, input};
use crate::support::typist::{listener, typed};
use crate::support::{Raw, Service, Tmux, process, until};
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

scenarios![
    a_watched_session_keeps_its_client,
    a_storm_of_restarts_leaves_the_session_alive,
    a_session_that_nobody_watches_any_more_keeps_its_client,
    a_program_that_ends_at_once_leaves_the_session_alive,
    a_plain_end_ends_the_session_and_nothing_else,
];

/// A session that lives by our client alone, what is typed into it, and who watches it.
struct Fleeting {
    tmux: Tmux,
    service: Service,
    typed: PathBuf,
    viewer: Raw,
    server: u32,
}

impl Fleeting {
    async fn watched() -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_muxview"));
        Self::watched_by(Tmux::without_server(), program).await
    }

    async fn watched_by(tmux: Tmux, program: &Path) -> Self {
        let typed = listener(&tmux, "main");
        // The server outlives it, so that its end is seen as one.
        tmux.session("other", 80, 24);
        let service = Service::start_at(&tmux, program, &[]);
        let viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
        viewer.opened(1).await;
        tmux.cmd(&["set-option", "-t", "main", "destroy-unattached", "on"]);
        let server = tmux.pid();
        Self {
            tmux,
            service,
            typed,
            viewer,
            server,
        }
    }

    /// Our clients of the session, with their processes.
    fn clients(&self) -> String {
        let format = "#{client_control_mode} #{client_name} #{client_pid}";
        let all = self.tmux.cmd(&["list-clients", "-t", "main", "-F", format]);
        let attached = all.lines().filter(|line| line.starts_with("0 "));
        attached.collect::<Vec<_>>().join("\n")
    }

    fn lives(&self) {
        let sessions = self.tmux.cmd(&["list-sessions", "-F", "#{session_name}"]);
        assert_eq!(sessions, "main\nother", "{}", self.service.log());
        assert_eq!(self.tmux.pid(), self.server);
    }

    /// Waits until another image has taken over.
    async fn reloaded(&self, images: usize) {
        until("another image", async || {
            let log = self.service.log();
            let started = log.matches("asked tmux").count();
            if started == images { Ok(()) } else { Err(log) }
        })
        .await;
    }
}

async fn a_watched_session_keeps_its_client() {
    let mut fleeting = Fleeting::watched().await;
    let clients = fleeting.clients();
    let times = by_depth(5, 10, 50);
    figures::count(Column::Restarts, 0, times as u64);
    for time in 0..times {
        process::signal(fleeting.service.pid(), "HUP");
        let line = format!("{time}\n");
        fleeting.viewer.write(&input(line.as_bytes())).await;
        fleeting.viewer.opened(time + 2).await;
        fleeting.lives();
        assert_eq!(fleeting.clients(), clients);
        figures::count(Column::Restarts, 1, 0);
    }
    let lines = typed(&fleeting.typed, times).await;
    let wanted: Vec<String> = (0..times).map(|time| time.to_string()).collect();
    assert_eq!(lines, wanted);
    // One repaint for each image.
    let repaints = |got: &&Got| matches!(got, Got::Binary(bytes) if bytes.starts_with(b"\x1bc"));
    let log = fleeting.viewer.log();
    assert_eq!(
        log.iter().filter(repaints).count(),
        times + 1,
        "{}",
        fleeting.viewer.story()
    );
}

async fn a_storm_of_restarts_leaves_the_session_alive() {
    let mut fleeting = Fleeting::watched().await;
    for _ in 0..by_depth(40, 100, 400) {
        process::signal(fleeting.service.pid(), "HUP");
        fleeting.lives();
    }
    // How many of them were one restart is not known; the last image serves.
    fleeting.viewer.opened(2).await;
    fleeting.viewer.write(&input(b"after\n")).await;
    assert_eq!(typed(&fleeting.typed, 1).await, ["after"]);
    fleeting.lives();
}

async fn a_session_that_nobody_watches_any_more_keeps_its_client() {
    let fleeting = Fleeting::watched().await;
    let clients = fleeting.clients();
    let Fleeting {
        tmux,
        service,
        typed: file,
        viewer,
        server,
    } = fleeting;
    drop(viewer);
    let fleeting = Fleeting {
        viewer: Raw::join(&Target::Tcp(service.port), "other", "").await,
        tmux,
        service,
        typed: file,
        server,
    };
    fleeting.viewer.opened(1).await;
    let times = by_depth(5, 10, 50);
    figures::count(Column::Restarts, 0, times as u64);
    for time in 0..times {
        process::signal(fleeting.service.pid(), "HUP");
        fleeting.reloaded(time + 2).await;
        fleeting.viewer.opened(time + 2).await;
        fleeting.lives();
        assert_eq!(fleeting.clients(), clients);
        figures::count(Column::Restarts, 1, 0);
    }
    let port = fleeting.service.port;
    let mut back = Raw::join(&Target::Tcp(port), "main", "cols=80&rows=24").await;
    back.opened(1).await;
    back.write(&input(b"back\n")).await;
    assert_eq!(typed(&fleeting.typed, 1).await, ["back"]);
    assert_eq!(fleeting.clients(), clients);
}

/// A program that checks well, and then ends at once.
const BROKEN: &str = "#!/bin/sh\n[ \"$1\" = check ] && exit 0; exit 3\n";

async fn a_program_that_ends_at_once_leaves_the_session_alive() {
    let tmux = Tmux::without_server();
    let program = tmux.dir().join("muxview");
    let real = Path::new(env!("CARGO_BIN_EXE_muxview"));
    symlink(real, &program).unwrap();
    let mut fleeting = Fleeting::watched_by(tmux, &program).await;
    let broken = fleeting.tmux.file("broken", BROKEN);
    std::fs::set_permissions(&broken, Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&broken, &program).unwrap();
    process::signal(fleeting.service.pid(), "HUP");
    assert_eq!(fleeting.service.ended().await, Some(3));
    fleeting.lives();
    // Somebody starts it again.
    let service = Service::start(&fleeting.tmux);
    let mut viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
    viewer.opened(1).await;
    viewer.write(&input(b"back\n")).await;
    assert_eq!(typed(&fleeting.typed, 1).await, ["back"]);
    fleeting.lives();
}

async fn a_plain_end_ends_the_session_and_nothing_else() {
    for _ in 0..by_depth(2, 5, 20) {
        let mut fleeting = Fleeting::watched().await;
        assert_eq!(fleeting.service.terminate().await, Some(0));
        let Fleeting { tmux, server, .. } = &fleeting;
        until("the session to end", async || {
            let left = tmux.cmd(&["list-sessions", "-F", "#{session_name}"]);
            if left == "other" { Ok(()) } else { Err(left) }
        })
        .await;
        assert_eq!(tmux.pid(), *server);
    }
}
