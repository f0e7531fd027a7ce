//! Promise: what changes in tmux is told, and a tmux that is missing, hangs or comes back is borne.

#![allow(missing_docs, clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux::{PATIENCE, Tmux, signal, until};
use muxview::terminal::Size;
use muxview::tmux::{Error, Event, Server, SessionId, Socket, Status, Window, WindowAct};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tokio::sync::broadcast;

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
    told(&mut events, |e| {
        matches!(e, Event::SessionState(states)
            if states.iter().any(|s| s.id == SessionId(1) && s.marks.starts_with("2 ")))
    })
    .await;
    tmux.must(&["set-option", "-t", "$1", "status", "off"]);
    tmux.must(&["rename-window", "-t", "$1:0", "first window"]);
    told(&mut events, |e| {
        matches!(e, Event::SessionState(states)
            if states.iter().any(|s| s.marks.contains("first window ")))
    })
    .await;
    tmux.must(&["select-window", "-t", "$1:1"]);
    told(
        &mut events,
        |e| matches!(e, Event::SessionWindow { id, .. } if *id == SessionId(1)),
    )
    .await;

    tmux.must(&["kill-session", "-t", "$1"]);
    told(&mut events, |e| *e == Event::SessionsChanged).await;
}

/// Every option, client and mark of a session that a person or a program could notice.
fn noticeable(tmux: &Tmux) -> String {
    let session = "#{session_id} #{session_attached} #{session_last_attached} #{session_activity} #{session_group} #{session_many_attached}";
    let window =
        "#{window_id} #{window_width}x#{window_height} #{window_active_clients} #{window_flags}";
    [
        tmux.must(&["list-clients", "-F", "#{client_name} #{client_flags}"]),
        tmux.must(&["list-sessions", "-F", session]),
        tmux.must(&["list-windows", "-a", "-F", window]),
        tmux.must(&["list-buffers"]),
        tmux.must(&["show-options", "-g"]),
        tmux.must(&["show-options", "-s"]),
    ]
    .join("\n")
}

#[tokio::test]
async fn nothing_in_tmux_shows_that_it_is_watched() {
    let tmux = Tmux::started();
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    let before = noticeable(&tmux);
    let server = tmux.ready().await;
    let mut events = server.events();
    // More questions than one connection takes.
    for _ in 0..300 {
        assert!(server.exists(SessionId(0)).await.unwrap());
    }
    tmux.must(&["rename-session", "-t", "$1", "c"]);
    told(
        &mut events,
        |e| matches!(e, Event::SessionRenamed { name, .. } if name == "c"),
    )
    .await;
    assert_eq!(noticeable(&tmux), before);
    drop((server, events));
    assert_eq!(noticeable(&tmux), before);
}

#[tokio::test]
async fn long_answers_and_errors_belong_to_their_questions() {
    let tmux = Tmux::started();
    let name = "ä".repeat(200);
    for n in 0..200 {
        tmux.must(&[
            "new-window",
            "-d",
            "-t",
            "$0:",
            "-n",
            &format!("{name}{n}"),
            "cat",
        ]);
    }
    let server = tmux.ready().await;
    for _ in 0..70 {
        let windows = server.windows(SessionId(0)).await.unwrap();
        assert_eq!(windows.windows.len() + windows.more, 201);
        assert_eq!(
            server.windows(SessionId(9)).await,
            Err(Error::NoSuchSession)
        );
        assert_eq!(server.exists(SessionId(9)).await, Ok(false));
    }
}

/// A tmux program of our own that claims to be another version.
fn claiming(tmux: &Tmux, version: &str) -> std::path::PathBuf {
    let path = tmux.dir.path().join("tmux");
    let script =
        format!("#!/bin/sh\n[ \"$1\" = -V ] && exec echo tmux {version}\nexec tmux \"$@\"\n");
    let fresh = tmux.dir.path().join("tmux.new");
    std::fs::write(&fresh, script).unwrap();
    std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(&fresh, &path).unwrap();
    path
}

#[tokio::test]
async fn an_upgrade_under_a_running_server_is_named_with_what_to_do() {
    let tmux = Tmux::started();
    let running = tmux.must(&["display-message", "-p", "#{version}"]);
    let version = muxview::tmux::Version::parse(&running);
    let old = version.number.is_some_and(|number| number < (3, 6));
    let other = if old { "3.6" } else { "3.5a" };

    let server = Server::with_program(claiming(&tmux, &running), tmux.socket());
    status(
        &server,
        |s| matches!(s, Status::Ready { version } if *version == running),
    )
    .await;
    claiming(&tmux, other);
    let Status::Failed(mismatch) = status(&server, |s| matches!(s, Status::Failed(_))).await else {
        unreachable!("that is what was waited for");
    };
    let said = mismatch.to_string();
    let command = format!("kill {}", tmux.server_pid());
    for part in [other, &running, &command] {
        assert!(said.contains(part), "{part} in {said}");
    }
    // The sessions are still listed, and who was attached before goes on, windows too.
    let [session] = &server.sessions().await.unwrap()[..] else {
        panic!("one session");
    };
    server.window(session.id, WindowAct::New).await.unwrap();
    assert_eq!(server.sessions().await.unwrap()[0].windows, 2);
    // What would take a process of the program is refused with the same words.
    assert_eq!(server.kill(session.id).await, Err(mismatch));
    claiming(&tmux, &running);
    status(&server, |s| matches!(s, Status::Ready { .. })).await;
}

#[tokio::test]
async fn a_server_of_an_unknown_protocol_is_asked_with_processes() {
    let tmux = Tmux::started();
    let path = tmux.dir.path().join("other");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let program = tmux.dir.path().join("tmux");
    // It talks to the real server whatever socket it is given with -S.
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -V ] && exec tmux -V\nshift 3; exec tmux -u {} \"$@\"\n",
        tmux.socket()
            .options()
            .iter()
            .map(|option| option.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Server::with_program(program, Socket::Path(path));
    let mut events = server.events();
    told(&mut events, |e| *e == Event::Reset).await;
    status(&server, |s| matches!(s, Status::Ready { .. })).await;
    assert_eq!(server.sessions().await.unwrap().len(), 1);
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    told(&mut events, |e| *e == Event::Reset).await;
    assert_eq!(server.sessions().await.unwrap().len(), 2);
}

/// tmux 3.3a dies, with all its sessions, when a control client of a process of its own is killed while
/// it introduces itself: about one time in a hundred.
#[test]
fn leaving_while_connecting_leaves_tmux_alone() {
    let tmux = Tmux::started();
    for eighths in 0..250 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = Server::new(tmux.socket());
            // About then it connects.
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
