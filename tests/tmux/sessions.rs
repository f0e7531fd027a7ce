//! Promise: sessions are created, renamed and ended as asked, and nothing a user sends is ever run by
//! tmux's formats.

#![allow(missing_docs, clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux::{PATIENCE, Tmux, until};
use muxview::directory::{Address, Directory};
use muxview::heartbeat::Pulse;
use muxview::terminal::{Size, Widths};
use muxview::tmux::{Error, Event, NewSession, Server, Session, SessionName, Status};
use std::path::PathBuf;
use std::time::Duration;

fn named(name: &str) -> NewSession {
    NewSession {
        name: name.parse().unwrap(),
        command: Some("cat".into()),
        cwd: None,
        size: None,
    }
}

#[tokio::test]
async fn the_first_session_starts_a_server_and_has_all_it_was_asked_for() {
    let tmux = Tmux::none();
    let server = Server::new(tmux.socket());
    let dir = tmux.dir.path().canonicalize().unwrap();
    let began = std::time::Instant::now();
    let created = server
        .create(NewSession {
            command: Some(r#"echo "it's" 'on' >out; cat;"#.into()),
            cwd: Some(dir.clone()),
            size: Some(Size { cols: 90, rows: 33 }),
            ..named("first-1")
        })
        .await
        .unwrap();
    assert_eq!(created.name, "first-1");
    let mut status = server.status();
    status
        .wait_for(|s| matches!(s, Status::Ready { .. }))
        .await
        .unwrap();
    // The watcher hurries: it does not wait for its next look.
    assert!(began.elapsed() < Duration::from_secs(5));
    until("the command runs where it should", || async {
        std::fs::read_to_string(dir.join("out")).is_ok_and(|out| out == "it's on\n")
    })
    .await;
    let listed = server.sessions().await.unwrap();
    let [session] = &listed[..] else {
        panic!("{listed:?}");
    };
    assert_eq!(session.id, created.id);
    assert_eq!(session.size.unwrap().cols, 90);
    assert_eq!(session.attached, 0, "clients of ours do not count");
    assert_eq!(PathBuf::from(&session.cwd), dir);
    assert!(session.created.at > 1_600_000_000);
}

#[tokio::test]
async fn panes_have_the_limit_of_open_files_we_were_started_with() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let tmux = Tmux::none();
    let ours = getrlimit(Resource::Nofile);
    let server = Server::new(tmux.socket());
    // As the service does for itself; one more or less makes the two tell apart.
    let raised = Rlimit {
        current: ours.current.map(|limit| limit + 1).min(ours.maximum),
        maximum: ours.maximum,
    };
    let raised = setrlimit(Resource::Nofile, raised).is_ok();
    let out = tmux.dir.path().join("limit");
    let command = format!("ulimit -S -n >{}; cat", out.display());
    let new = NewSession {
        command: Some(command),
        ..named("limits")
    };
    server.create(new).await.unwrap();
    let meant = ours.current.map_or("unlimited".into(), |n| n.to_string());
    until("the limit to be written", || async {
        std::fs::read_to_string(&out).is_ok_and(|said| said.ends_with('\n'))
    })
    .await;
    let said = std::fs::read_to_string(&out).unwrap();
    assert_eq!(said.trim(), meant, "ours was raised: {raised}");
}

#[tokio::test]
async fn a_session_is_renamed_and_ended_and_names_are_not_taken_twice() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let b = server.create(named("b")).await.unwrap();
    assert_eq!(
        server.create(named("b")).await,
        Err(Error::Exists { name: "b".into() })
    );
    let c: SessionName = "c".parse().unwrap();
    server.rename(b.id, &c).await.unwrap();
    assert_eq!(
        server.rename(b.id, &"a".parse().unwrap()).await,
        Err(Error::Exists { name: "a".into() })
    );
    server.kill(b.id).await.unwrap();
    assert_eq!(server.kill(b.id).await, Err(Error::NoSuchSession));
    assert_eq!(server.rename(b.id, &c).await, Err(Error::NoSuchSession));
    assert_eq!(server.window_size(b.id).await, Err(Error::NoSuchSession));
    assert_eq!(server.sessions().await.unwrap().len(), 1);
}

#[tokio::test]
async fn hostile_directories_and_commands_run_nothing_in_tmux() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let mark = tmux.dir.path().join("executed");
    // Without slashes in it, since it becomes a directory's name: the mark is relative to the server's
    // and the client's directory alike.
    for (n, hostile) in [
        "#(touch executed)",
        "#{?1,#(touch executed),}",
        "##(touch executed)",
        "a#[b",
        "%H;",
        "semi;",
        "#S ä",
        "line\nbreak\ttab",
    ]
    .into_iter()
    .enumerate()
    {
        let dir = tmux.dir.path().join(hostile);
        std::fs::create_dir(&dir).unwrap();
        let session = server
            .create(NewSession {
                cwd: Some(dir.clone()),
                command: Some("pwd >here; cat".into()),
                ..named(&format!("n{n}"))
            })
            .await
            .unwrap();
        until("it starts there", || async { dir.join("here").exists() }).await;
        assert!(!dir.join("executed").exists());
        server.kill(session.id).await.unwrap();
    }
    // tmux hands the command to the shell as it is: to a shell, `#` begins a comment.
    let session = server
        .create(NewSession {
            cwd: Some(tmux.dir.path().to_owned()),
            command: Some("#(touch executed)\ncat".into()),
            ..named("command")
        })
        .await
        .unwrap();
    assert!(server.exists(session.id).await.unwrap());
    // Names that would be run are no names at all.
    assert!("#(touch executed)".parse::<SessionName>().is_err());
    // A server that ran something has finished doing so: jobs run before the next command's answer
    // only by chance, so several are asked for.
    for _ in 0..20 {
        server.sessions().await.unwrap();
    }
    assert!(!mark.exists() && !std::path::Path::new("executed").exists());
    let missing = server
        .create(NewSession {
            cwd: Some("/none/#(touch executed)".into()),
            ..named("missing")
        })
        .await;
    assert!(matches!(missing, Err(Error::BadDirectory { .. })));
}

#[tokio::test]
async fn sessions_of_others_are_listed_whatever_they_are_called() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let odd = [
        "with space",
        "ümläut 漢字",
        "-x",
        "*",
        "tab\\tx",
        "$9",
        "=a",
    ];
    for name in odd {
        tmux.must(&["new-session", "-d", "-s", "plain", "cat"]);
        tmux.must(&["rename-session", "-t", "=plain", "--", name]);
    }
    let directory = Directory::start(server.clone(), &Pulse::default());
    let mut listing = directory.watch();
    let listing = tokio::time::timeout(PATIENCE, listing.wait_for(|l| l.sessions.len() == 8))
        .await
        .unwrap()
        .unwrap()
        .clone();
    for name in odd.iter().filter(|n| !n.contains("tab")) {
        let known = listing.find(&Address::Name((*name).to_owned()));
        assert!(known.is_some(), "{name} in {listing:?}");
    }
    assert!(listing.sessions.is_sorted_by_key(|s| s.name.clone()));
}

#[tokio::test]
async fn a_server_that_stays_without_a_session_has_none_and_soon_has_one() {
    let tmux = Tmux::started();
    tmux.must(&["set-option", "-s", "exit-empty", "off"]);
    tmux.must(&["kill-session", "-t", "a"]);
    let server = tmux.ready().await;
    assert_eq!(server.sessions().await, Ok(vec![]));
    let directory = Directory::start(server.clone(), &Pulse::default());
    tmux.must(&["new-session", "-d", "-s", "b", "cat"]);
    until("the new session is known", || async {
        let listing = directory.watch();
        listing.borrow().find(&Address::parse("b")).is_some()
    })
    .await;
}

fn names(sessions: &[Session]) -> Vec<&str> {
    sessions.iter().map(|s| s.name.as_str()).collect()
}

#[tokio::test]
async fn the_directory_follows_and_survives_the_server() {
    let tmux = Tmux::none();
    let server = Server::new(tmux.socket());
    let directory = Directory::start(server.clone(), &Pulse::default());
    let mut listing = directory.watch();
    let mut shows = async |wanted: &[&str]| {
        tokio::time::timeout(
            PATIENCE,
            listing.wait_for(|l| names(&l.sessions) == wanted && l.status != Status::Starting),
        )
        .await
        .unwrap_or_else(|_| panic!("never {wanted:?}"))
        .unwrap()
        .status
        .clone()
    };
    assert_eq!(shows(&[]).await, Status::NoServer);
    assert_eq!(directory.find(&Address::parse("b")).await, Ok(None));

    let b = server.create(named("b")).await.unwrap();
    // Found at once, listed or not.
    let found = directory.find(&Address::parse("b")).await.unwrap();
    assert_eq!(found.map(|s| s.id), Some(b.id));
    let found = directory.find(&Address::Id(b.id)).await.unwrap();
    assert_eq!(found.map(|s| s.name), Some("b".into()));
    shows(&["b"]).await;

    server.create(named("a")).await.unwrap();
    shows(&["a", "b"]).await;
    server.rename(b.id, &"z".parse().unwrap()).await.unwrap();
    shows(&["a", "z"]).await;
    // Titles change without a notification.
    tmux.must(&["select-pane", "-t", "a:", "-T", "my title"]);
    let mut titled = directory.watch();
    tokio::time::timeout(
        PATIENCE,
        titled.wait_for(|l| l.sessions.iter().any(|s| s.title == "my title")),
    )
    .await
    .unwrap()
    .unwrap();
    tmux.must(&["kill-server"]);
    assert_eq!(shows(&[]).await, Status::NoServer);
    tmux.must(&["new-session", "-d", "-s", "again", "cat"]);
    shows(&["again"]).await;
}

#[tokio::test]
async fn widths_are_measured_on_a_server_of_their_own() {
    let tmux = Tmux::none();
    let server = Server::new(tmux.socket());
    let began = std::time::Instant::now();
    let widths = tokio::time::timeout(PATIENCE, server.widths())
        .await
        .unwrap();
    eprintln!("measured in {:?}", began.elapsed());
    if server.version().await.unwrap() == "3.3a" {
        assert!(*widths == Widths::default(), "the built-in table is 3.3a's");
    }
    let left: Vec<_> = std::fs::read_dir(tmux.socket().path().parent().unwrap())
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(&format!("muxview-probe-{}", std::process::id())))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn the_first_session_without_a_tmux_says_so_as_everything_does() {
    let tmux = Tmux::none();
    let server = Server::with_program(tmux.dir.path().join("none"), tmux.socket());
    assert_eq!(server.create(named("a")).await, Err(Error::Missing));
}

#[tokio::test]
async fn a_program_cannot_forge_sessions_or_notifications_by_its_name() {
    let tmux = Tmux::started();
    let server = tmux.ready().await;
    let mut events = server.events();
    let names = [
        r"x\n%exit\nz",
        r"x\n$7\t1\t0\t0\t0\t80\t24\ton\tsh\t/\tt\tforged",
        r"x\x1e$7\t@7\t80\t24\ton\t0\tsh\tforged\x1ex",
    ];
    for (n, name) in names.iter().enumerate() {
        let name = format!("exec -a $'{name}' sleep 100");
        let session = format!("s{n}");
        tmux.must(&["new-session", "-d", "-s", &session, "bash", "-c", &name]);
    }
    // What becomes of a control character depends on the version; some show no name at all.
    let whole = |command: &str| command != "bash" && !command.contains(char::is_control);
    // Two questions tell of them: the one asked every second and the list.
    tokio::time::timeout(PATIENCE, async {
        loop {
            match events.recv().await.unwrap() {
                Event::SessionState(states) => {
                    let ids: Vec<_> = states.iter().map(|state| state.id.0).collect();
                    assert!([0, 1, 2, 3].starts_with(&ids), "{states:?}");
                    let named = states.iter().filter(|state| state.id.0 > 0);
                    if named.filter(|state| whole(&state.command)).count() == names.len() {
                        return;
                    }
                }
                Event::Reset => panic!("the connection was lost"),
                _ => {}
            }
        }
    })
    .await
    .expect("told in time");
    let listed = server.sessions().await.unwrap();
    let told: Vec<_> = listed.iter().map(|s| (s.id.0, s.name.as_str())).collect();
    assert_eq!(told, [(0, "a"), (1, "s0"), (2, "s1"), (3, "s2")]);
    assert!(listed[1..].iter().all(|s| whole(&s.command)), "{listed:?}");
}
