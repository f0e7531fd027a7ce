//! Promise: what changes in tmux is told, and a tmux that is missing, hangs or comes back is borne.

#![allow(missing_docs, clippy::unwrap_used)] // a failed step is a failed test

mod tmux;

use muxview::terminal::Size;
use muxview::tmux::{Error, Event, Server, SessionId, Socket, Status, Window, WindowAct};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tmux::{PATIENCE, Tmux, read_until, signal, until};
use tokio::sync::broadcast;
use tokio::time::Instant;

async fn told(events: &mut broadcast::Receiver<Event>, wanted: impl Fn(&Event) -> bool) -> Event {
    tokio::time::timeout(PATIENCE, async {
        loop {
            let event = events.recv().await.expect("not lagging");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
    .expect("told in time")
}

async fn status(server: &Server, wanted: impl FnMut(&Status) -> bool) -> Status {
    let mut status = server.status();
    let status = tokio::time::timeout(PATIENCE, status.wait_for(wanted))
        .await
        .expect("in time")
        .expect("it lives");
    status.clone()
}

#[tokio::test]
async fn whatever_is_done_with_windows_every_question_gets_its_own_answer() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let session = server.sessions().await.unwrap()[0].clone();
    let window = server.windows(session.id).await.unwrap().windows[0].id;
    // Also with somebody's own commands in between.
    tmux.must(&[
        "set-hook",
        "-g",
        "after-new-window",
        "display-message -p hooked",
    ]);
    let acts = [
        WindowAct::Scroll(-3),
        WindowAct::Scroll(1),
        WindowAct::New,
        WindowAct::Zoom(window),
        WindowAct::Select(window),
        WindowAct::Scroll(-3),
        WindowAct::Scroll(100),
    ];
    for act in acts {
        let (acted, windows, exists, size) = tokio::join!(
            server.window(session.id, act),
            server.windows(session.id),
            server.exists(session.id),
            server.window_size(session.id),
        );
        acted.unwrap();
        let whole = |window: &Window| window.panes == 1;
        assert!(windows.unwrap().windows.iter().all(whole), "{act:?}");
        assert!(exists.unwrap(), "{act:?}");
        assert_eq!(size.ok(), session.size, "{act:?}");
    }
}

#[tokio::test]
async fn changes_are_told() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let mut events = server.events();

    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "b c",
        "-x",
        "70",
        "-y",
        "20",
        "cat",
    ]);
    told(&mut events, |e| *e == Event::SessionsChanged).await;

    tmux.must(&["rename-session", "-t", "$1", "d e"]);
    let renamed = Event::SessionRenamed {
        id: SessionId(1),
        name: "d e".into(),
    };
    told(&mut events, |e| *e == renamed).await;

    tmux.must(&["resize-window", "-t", "$1:", "-x", "66", "-y", "22"]);
    let sized = Size { cols: 66, rows: 23 };
    told(&mut events, |e| {
        matches!(e, Event::SessionState(states)
            if states.iter().any(|s| s.id == SessionId(1) && s.size == sized))
    })
    .await;

    tmux.must(&["new-window", "-d", "-t", "$1:", "cat"]);
    told(&mut events, |e| *e == Event::WindowsChanged).await;
    tmux.must(&["select-window", "-t", "$1:1"]);
    told(
        &mut events,
        |e| matches!(e, Event::SessionWindow { id, .. } if *id == SessionId(1)),
    )
    .await;

    tmux.must(&["kill-session", "-t", "$1"]);
    told(&mut events, |e| *e == Event::SessionsChanged).await;
}

#[tokio::test]
async fn it_hops_when_its_session_ends_and_comes_back_when_detached() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    let server = tmux.ready().await;
    let control = || {
        tmux.must(&["list-clients", "-F", "#{client_control_mode} #{session_id}"])
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(control(), ["1 $0"]);
    let mut events = server.events();

    tmux.must(&["kill-session", "-t", "$0"]);
    let began = Instant::now();
    until("it hops", || async { control() == ["1 $1"] }).await;
    told(&mut events, |e| *e == Event::Reset).await;

    tmux.must(&["detach-client", "-s", "$1"]);
    until("it is back", || async { control() == ["1 $1"] }).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert_eq!(server.sessions().await.unwrap().len(), 1);
}

/// tmux 3.3a ends, with all its sessions, when a control client is killed while it says who it is: about
/// one time in a hundred.
#[test]
fn whoever_leaves_while_its_client_starts_leaves_tmux_alone() {
    let tmux = Tmux::started();
    for eighths in 0..250 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = Server::new(tmux.socket());
            // About then its control client is started; it takes some milliseconds.
            server.sessions().await.unwrap();
            tokio::time::sleep(Duration::from_micros(eighths % 50 * 125)).await;
        });
        drop(runtime);
        tmux.must(&["has-session", "-t", "a"]);
    }
}

#[tokio::test]
async fn it_keeps_no_server_alive_and_finds_the_next_one() {
    let tmux = Tmux::none();
    let server = Server::new(tmux.socket());
    status(&server, |s| *s == Status::NoServer).await;
    assert_eq!(server.sessions().await, Err(Error::NoServer));

    tmux.must(&["new-session", "-d", "-s", "a", "cat"]);
    status(
        &server,
        |s| matches!(s, Status::Ready { version } if !version.is_empty()),
    )
    .await;
    let pid = tmux.server_pid();
    assert!(server.exists(SessionId(0)).await.unwrap());
    assert!(!server.exists(SessionId(7)).await.unwrap());

    tmux.must(&["kill-session", "-t", "a"]);
    status(&server, |s| *s == Status::NoServer).await;
    until("the server has ended", || async {
        !std::path::Path::new("/proc").join(&pid).exists()
    })
    .await;

    // The socket's file is still there: stale, and no obstacle.
    tmux.must(&["new-session", "-d", "-s", "a", "cat"]);
    status(&server, |s| matches!(s, Status::Ready { .. })).await;
    until("it answers", || async { server.sessions().await.is_ok() }).await;
}

#[tokio::test]
async fn a_session_that_ends_when_nobody_is_attached_is_not_sat_on() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    tmux.must(&["set-option", "-t", "$0", "destroy-unattached", "on"]);
    // tmux ends it at once if it checks now; what matters is that we never made it do so.
    let server = tmux.ready().await;
    until("it sits on the other", || async {
        tmux.must(&["list-clients", "-F", "#{session_id}"]) == "$1"
    })
    .await;
    drop(server);
}

#[tokio::test]
async fn a_server_without_a_seat_is_looked_at_ever_more_seldom_and_told_of_when_it_changes() {
    let tmux = Tmux::started();
    let size = Size { cols: 80, rows: 25 };
    let first = tmux.ready().await;
    // Somebody must be attached, else tmux ends the session.
    let holder = first.attach(SessionId(0), size, false).await.unwrap();
    read_until(&holder, "\x1b[?1049h").await;
    drop(first);
    until("its control client has left", || async {
        tmux.must(&["list-clients", "-F", "#{client_control_mode}"]) == "0"
    })
    .await;
    tmux.must(&["set-option", "-t", "$0", "destroy-unattached", "on"]);
    let (program, log) = (tmux.dir.path().join("tmux"), tmux.dir.path().join("log"));
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>{}\nexec tmux \"$@\"\n",
        log.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::with_program(program, tmux.socket());
    let mut events = server.events();
    told(&mut events, |e| *e == Event::Reset).await;
    let count = |word: &str| {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        log.lines().filter(|line| line.contains(word)).count()
    };
    until("it looks again", || async { count(" ls ") >= 3 }).await;
    assert_eq!(count("-V"), 1);
    assert!(events.try_recv().is_err(), "nothing has changed");
    tmux.must(&["rename-session", "-t", "$0", "b"]);
    told(&mut events, |e| *e == Event::Reset).await;
    assert_eq!(count("-V"), 1);
}

#[tokio::test]
async fn a_server_that_hangs_times_out_without_a_pile_up_and_recovers() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let pid = tmux.server_pid();
    signal(&pid, "-STOP");
    let asked = (0..100).map(|_| {
        let server = server.clone();
        tokio::spawn(async move { server.window_size(SessionId(0)).await })
    });
    let asked: Vec<_> = asked.collect();
    for answer in asked {
        assert_eq!(answer.await.unwrap(), Err(Error::Timeout));
    }
    status(&server, |s| *s == Status::Failed(Error::Timeout)).await;
    assert!(
        server
            .attach(SessionId(0), Size { cols: 80, rows: 24 }, false)
            .await
            .is_ok()
    );

    signal(&pid, "-CONT");
    status(&server, |s| matches!(s, Status::Ready { .. })).await;
    // Answers belong to their questions.
    for round in 0..20 {
        let id = SessionId(round % 2);
        let exists = server.exists(id);
        let size = server.window_size(SessionId(0));
        let (exists, size) = tokio::join!(exists, size);
        assert_eq!(exists, Ok(id.0 == 0));
        assert_eq!(size, Ok(Size { cols: 80, rows: 25 }));
    }
}

#[tokio::test]
async fn a_hang_is_noticed_though_nobody_asks() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let pid = tmux.server_pid();
    signal(&pid, "-STOP");
    status(&server, |s| *s == Status::Failed(Error::Timeout)).await;
    signal(&pid, "-CONT");
    status(&server, |s| matches!(s, Status::Ready { .. })).await;
}

#[tokio::test]
async fn many_questions_at_once_get_their_own_answers() {
    let tmux = Tmux::started();
    for name in ["b", "c"] {
        tmux.must(&[
            "new-session",
            "-d",
            "-s",
            name,
            "-x",
            "90",
            "-y",
            "30",
            "cat",
        ]);
    }
    let server = tmux.ready().await;
    let asked: Vec<_> = (0..300u32)
        .map(|n| {
            let server = server.clone();
            tokio::spawn(async move {
                // Every third asker gives up at once: its answer must not reach another.
                let patience = if n % 3 == 0 { 0 } else { 20 };
                let question = server.exists(SessionId(n % 5));
                let answer = tokio::time::timeout(Duration::from_secs(patience), question).await;
                answer.map_or(true, |answer| answer == Ok(n % 5 < 3))
            })
        })
        .collect();
    for answer in asked {
        assert!(answer.await.unwrap());
    }
}

#[tokio::test]
async fn a_tmux_that_cannot_be_used_is_named() {
    let tmux = Tmux::none();
    let fails = |program: &str, script: Option<(&str, u32)>| {
        let path = tmux.dir.path().join(program);
        if let Some((script, mode)) = script {
            std::fs::write(&path, script).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let server = Server::with_program(path, tmux.socket());
        async move {
            match status(&server, |s| matches!(s, Status::Failed(_))).await {
                Status::Failed(error) => error,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(fails("none", None).await, Error::Missing);
    let old = fails("old", Some(("#!/bin/sh\necho tmux 3.1c\n", 0o755))).await;
    assert_eq!(
        old,
        Error::TooOld {
            found: "3.1c".into()
        }
    );
    let plain = fails("plain", Some(("#!/bin/sh\n", 0o644))).await;
    assert!(matches!(plain, Error::NotExecutable { .. }), "{plain}");
}

#[tokio::test]
async fn a_socket_of_others_is_named_and_a_stale_one_is_no_server() {
    let dir = tempfile::tempdir().unwrap();
    let stale = dir.path().join("stale");
    drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
    let server = Server::new(Socket::Path(stale));
    status(&server, |s| *s == Status::NoServer).await;

    if rustix::process::getuid().is_root() {
        return; // Nothing is forbidden to root.
    }
    let path = dir.path().join("forbidden");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let server = Server::new(Socket::Path(path.clone()));
    status(&server, |s| {
        *s == Status::Failed(Error::Permission { path: path.clone() })
    })
    .await;
}
