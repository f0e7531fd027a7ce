//! Commands beside a running service: what they changed counts there when they exit with 0, and they say so
//! when that is not known.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::http::Answer;
use crate::support::process::{SPAWN, signal};
use crate::support::raw::{Got, Target};
use crate::support::{Raw, Service, Tmux, soak, until};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const REAL: &str = env!("CARGO_BIN_EXE_muxview");

async fn ask(port: u16, line: &str, headers: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    Answer::to(stream, &request).await
}

async fn muxview(tmux: &Tmux, service: &Service, words: &[&str]) -> Output {
    muxview_in(tmux, service, service.state_dir(), words).await
}

async fn muxview_in(tmux: &Tmux, service: &Service, state: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(REAL);
    tmux.clean(&mut command);
    command
        .args(words)
        .args(["--listen", &format!("127.0.0.1:{}", service.port)])
        .arg("--tmux-socket-path")
        .arg(tmux.socket())
        .arg("--state-dir")
        .arg(state);
    // What it asks may be answered by this very test.
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    ran.await.unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A share, and a guest who watches by it.
async fn guest(tmux: &Tmux, service: &Service) -> (String, Raw) {
    let added = muxview(tmux, service, &["share", "add", "main"]).await;
    assert!(added.status.success(), "{added:?}");
    let printed = String::from_utf8(added.stdout).unwrap();
    let secret = printed.trim().split_once("#t=").unwrap().1.to_owned();
    let answer = ask(
        service.port,
        "POST /api/sign-in",
        "",
        &json!({ "t": secret }),
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let credential = answer.json()["credential"].as_str().unwrap().to_owned();
    let bearer = format!("Authorization: Bearer {credential}\r\n");
    let guest = Raw::signed_in(&Target::Tcp(service.port), "main", "", &bearer).await;
    guest.opened(1).await;
    let listed = muxview(tmux, service, &["share", "ls"]).await;
    let id = String::from_utf8(listed.stdout).unwrap()[..24].to_owned();
    (id, guest)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_has_ended_when_the_command_has() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let (id, watching) = guest(&tmux, &service).await;
    let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(stderr(&ended), "");
    assert_eq!(watching.closed().await.0, 4403);
    let again = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("there is no share"), "{again:?}");
}

/// As with a file system that tells nobody of changes: what the service looks at for them is no longer
/// what has its path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_ends_though_the_system_tells_of_no_change() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let (id, watching) = guest(&tmux, &service).await;
    let dir = service.state_dir();
    let away = dir.with_extension("away");
    std::fs::rename(dir, &away).unwrap();
    let copied = Command::new("cp").arg("-a").args([&away, dir]).status();
    assert!(copied.unwrap().success());
    let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(watching.closed().await.0, 4403);
    // Nor does one that is made stay unknown.
    let (_, second) = guest(&tmux, &service).await;
    drop(second);
    std::fs::remove_dir_all(away).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_else_listens_there_confirms_nothing_and_gains_nothing() {
    let tmux = Tmux::start(80, 24);
    let mut service = Service::start_with(&tmux, &["--auth", "token"]);
    let (id, watching) = guest(&tmux, &service).await;
    let port = service.port;
    // One that ends in order says so in its state directory.
    service.kill();
    drop(watching);

    // Another one has the port. It answers all that it is asked as if it had done it.
    let other = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let heard = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&heard);
    let listening = tokio::spawn(async move {
        loop {
            let (mut stream, _) = other.accept().await.unwrap();
            let mut request = vec![0; 16 * 1024];
            let read = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..read]);
            hearing.lock().unwrap().push_str(&text);
            let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMuxview-Time: 1.AAAA\r\nContent-Length: 2\r\n\r\n[]";
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let said = stderr(&ended);
    assert!(said.contains("has not confirmed it"), "{said}");
    assert!(
        said.contains("is not the muxview of this state directory"),
        "{said}"
    );
    listening.abort();
    let _ = listening.await;

    let shown = heard.lock().unwrap().clone();
    let bearer = shown
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("authorization:"));
    let bearer = format!("{}\r\n", bearer.expect(&shown).trim());
    service.restart(&tmux);
    let replayed = ask(port, "GET /api/shares", &bearer, &json!({})).await;
    assert_eq!(replayed.status, 401, "{replayed:?}");

    // Without one that runs, what is written down is good for the next, which is said.
    assert_eq!(service.terminate().await, Some(0));
    let _other = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let added = muxview(&tmux, &service, &["share", "add", "main"]).await;
    assert!(added.status.success(), "{added:?}");
    assert!(stderr(&added).contains("no muxview runs"), "{added:?}");
}

/// Each of those that run with one state directory is asked, whichever started last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_has_ended_with_every_service_of_the_state_directory() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let mut second = service.beside(&tmux);
    let (id, watching) = guest(&tmux, &service).await;
    // It cannot answer.
    signal(second.pid(), "STOP");
    let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(stderr(&ended).contains("has not confirmed"), "{ended:?}");
    assert_eq!(watching.closed().await.0, 4403);
    // Killed, it has not taken its place in the directory with it.
    second.kill();
    let (id, watching) = guest(&tmux, &service).await;
    let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert!(ended.status.success(), "{ended:?}");
    assert_eq!(stderr(&ended), "");
    assert_eq!(watching.closed().await.0, 4403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_ends_while_the_service_hands_over() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    for _ in 0..soak(3, 50) {
        let (id, watching) = guest(&tmux, &service).await;
        signal(service.pid(), "HUP");
        let ended = muxview(&tmux, &service, &["share", "rm", &id]).await;
        assert!(ended.status.success(), "{ended:?}");
        assert_eq!(stderr(&ended), "");
        let pictures = |got: &[Got]| {
            got.iter()
                .filter(|got| matches!(got, Got::Binary(_)))
                .count()
        };
        let before = pictures(&watching.log());
        tmux.keys("main:", &["after-the-end", "Enter"]);
        let code = watching.closed().await.0;
        assert!(matches!(code, 4401 | 4403 | 1006), "{code}");
        assert_eq!(pictures(&watching.log()), before, "{}", watching.story());
    }
}

/// A state directory that is not where it was: nothing is made there, and nothing claimed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_directory_that_was_moved_is_reported() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let (id, watching) = guest(&tmux, &service).await;
    let dir = service.state_dir();
    let away = dir.with_extension("moved");
    std::fs::rename(dir, &away).unwrap();
    for words in [&["share", "rm", &id][..], &["share", "ls"]] {
        let asked = muxview(&tmux, &service, words).await;
        assert_eq!(asked.status.code(), Some(1), "{asked:?}");
        assert!(stderr(&asked).contains("was it moved"), "{asked:?}");
        assert!(!dir.exists());
    }
    // Its service is found by where it is now, and cannot read it there.
    let ended = muxview_in(&tmux, &service, &away, &["share", "rm", &id]).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(stderr(&ended).contains("has not confirmed"), "{ended:?}");
    until("the service to notice", async || {
        let log = service.log();
        log.contains("until it is back").then_some(()).ok_or(log)
    })
    .await;
    std::fs::rename(&away, dir).unwrap();
    // As it looks by itself; asked again, it says so.
    assert_eq!(watching.closed().await.0, 4403);
    let again = muxview(&tmux, &service, &["share", "rm", &id]).await;
    assert!(stderr(&again).contains("there is no share"), "{again:?}");
}

/// Credentials are good at each service of a state directory, so signing out ends them at each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_counts_with_every_service_of_the_state_directory() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let second = service.beside(&tmux);
    let sign_in = async || {
        let vault = muxview::state_dir::Vault::open(Some(service.state_dir())).unwrap();
        let link = json!({ "t": vault.link().unwrap() });
        let answer = ask(service.port, "POST /api/sign-in", "", &link).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let credential = answer.json()["credential"].as_str().unwrap().to_owned();
        format!("Authorization: Bearer {credential}\r\n")
    };
    let everywhere = json!({"everywhere": true});
    let bearer = sign_in().await;
    let watching = Raw::signed_in(&Target::Tcp(second.port), "main", "", &bearer).await;
    watching.opened(1).await;
    let out = ask(service.port, "POST /api/sign-out", &bearer, &everywhere).await;
    assert_eq!(out.status, 204, "{out:?}");
    assert_eq!(watching.closed().await.0, 4401);
    let bearer = sign_in().await;
    signal(second.pid(), "STOP");
    let out = ask(service.port, "POST /api/sign-out", &bearer, &everywhere).await;
    assert_eq!(out.status, 503, "{out:?}");
    assert!(out.body.contains("has not confirmed"), "{out:?}");
    let list = ask(service.port, "GET /api/sessions", &bearer, &json!({})).await;
    assert_eq!(list.status, 401, "here it has ended: {list:?}");
    signal(second.pid(), "CONT");
}

/// While no process is started, which would keep the file open for writing: that cannot be run.
fn install(program: &Path, script: &str) {
    let _guard = SPAWN.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::write(program, script).unwrap();
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Another tmux in front of the real one: it says this version of itself.
fn claiming(tmux: &Tmux, version: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let real = std::env::split_paths(&path)
        .map(|folder| folder.join("tmux"))
        .find(|program| program.exists())
        .unwrap();
    let folder = tmux.dir().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -V ] && exec echo tmux {version}\nexec '{}' \"$@\"\n",
        real.display()
    );
    install(&folder.join("tmux"), &script);
    format!("{}:{path}", folder.display())
}

/// Versions that clients of this tmux server can have, and that they cannot have.
fn versions(running: &str) -> ([&'static str; 2], [&'static str; 2]) {
    let old = muxview::tmux::Version::parse(running)
        .number
        .is_some_and(|number| number < (3, 6));
    let (before, after) = (["3.2a", "3.5a"], ["3.6", "3.8"]);
    if old {
        (before, after)
    } else {
        (after, before)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_and_the_interface_judge_versions_as_readyz_does() {
    let tmux = Tmux::start(80, 24);
    let running = tmux.cmd(&["display-message", "-p", "#{version}"]);
    let command = format!("kill {}", tmux.cmd(&["display-message", "-p", "#{pid}"]));
    let (good, bad) = versions(&running);
    let sessions = tmux.cmd(&["list-sessions"]);
    for (version, fits) in good
        .map(|version| (version, true))
        .into_iter()
        .chain(bad.map(|version| (version, false)))
    {
        let path = claiming(&tmux, version);
        let mut doctor = Command::new(REAL);
        tmux.clean(&mut doctor);
        doctor
            .args(["doctor", "--tmux-socket-path"])
            .arg(tmux.socket())
            .env("PATH", &path);
        let doctor = tokio::task::spawn_blocking(move || doctor.output().unwrap());
        let said = String::from_utf8(doctor.await.unwrap().stdout).unwrap();
        let (finding, rest) = said
            .split_once(" tmux server: ")
            .map(|(before, rest)| (before.lines().next_back().unwrap().trim(), rest))
            .expect(&said);
        let rest: Vec<&str> = rest.lines().take(2).collect();
        assert!(!said.contains("kill-server"), "{said}");
        if fits {
            assert_eq!(finding, "ok", "{version}: {said}");
            continue;
        }
        assert_eq!(finding, "fail", "{version}: {said}");
        for part in [version, &running, &command] {
            assert!(rest.join(" ").contains(part), "{part} in {said}");
        }

        let program = tmux.dir().join("muxview");
        let script = format!("#!/bin/sh\nPATH='{path}' exec '{REAL}' \"$@\"\n");
        install(&program, &script);
        let service = Service::start_at(&tmux, &program, &[]);
        let mut answers = Vec::new();
        for (line, body) in [
            // First, as it may come before tmux was asked anything.
            ("POST /api/sessions", json!({ "name": "new" })),
            ("PATCH /api/sessions/main", json!({ "name": "other" })),
            ("DELETE /api/sessions/main", json!({})),
        ] {
            let answer = ask(service.port, line, "", &body).await;
            assert_eq!(answer.status, 503, "{line}: {answer:?}");
            answers.push(answer.json()["error"].as_str().unwrap().to_owned());
        }
        let ready = ask(service.port, "GET /readyz", "", &json!({})).await;
        assert_eq!(ready.status, 503);
        for answer in &answers {
            assert_eq!(*answer, ready.body.trim());
        }
        for part in [version, &running, &format!("`{command}`")] {
            assert!(answers[0].contains(part), "{part} in {}", answers[0]);
        }
        assert_eq!(tmux.cmd(&["list-sessions"]), sessions);
    }
}
