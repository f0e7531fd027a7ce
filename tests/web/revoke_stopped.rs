//! A tmux that stands still while somebody comes and is signed out: when it goes on, nobody types and
//! nobody sees. Nor does one who reads late what was answered before, sends a body late, or is handed over. The
//! real binary, a real tmux.

#![cfg(unix)]
#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::http::Answer;
use crate::support::raw::{Got, Target, input};
use crate::support::{Raw, Service, Tmux, soak, until};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

async fn ask(port: u16, line: &str, bearer: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{bearer}\r\n{body}",
        body.len()
    );
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    Answer::to(stream, &request).await
}

/// The header of somebody who has just signed in.
async fn signed_in(service: &Service) -> String {
    let vault = muxview::state_dir::Vault::open(Some(service.state_dir())).unwrap();
    let link = json!({ "t": vault.link().unwrap() });
    let answer = ask(service.port, "POST /api/sign-in", "", &link).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let credential = answer.json()["credential"].as_str().unwrap().to_owned();
    format!("Authorization: Bearer {credential}\r\n")
}

fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}

/// Has tmux stand still for so long while a driver comes, types and is signed out with everybody.
async fn round(tmux: &Tmux, service: &Service, number: u64, still: Duration) {
    let (driver, other) = (signed_in(service).await, signed_in(service).await);
    let target = Target::Tcp(service.port);
    let server = tmux.pid();
    signal(server, "-STOP");
    let mut socket = Raw::signed_in(&target, "main", "cols=80&rows=24", &driver).await;
    socket.write(&input(b"typed-before\r")).await;
    let everywhere = json!({"everywhere": true});
    let out = ask(service.port, "POST /api/sign-out", &other, &everywhere).await;
    assert_eq!(out.status, 204, "round {number}: {out:?}");
    // It may have been closed by now.
    let _ = socket.try_write(&input(b"typed-after\r")).await;
    // What is tested is how long tmux stands still.
    sleep(still).await;
    let before = pictures(&socket);
    signal(server, "-CONT");
    let code = socket.closed().await.0;
    assert!(matches!(code, 4401 | 1006), "round {number}: {code}");
    let story = socket.story();
    assert_eq!(
        pictures(&socket),
        before,
        "round {number}: it saw more\n{story}"
    );
    // What tmux is sent now is shown after all it was sent before.
    let mark = format!("mark-{number}");
    tmux.keys("main:", &[&mark, "Enter"]);
    let pane = until("what was typed by tmux", async || {
        let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
        if pane.contains(&mark) {
            Ok(pane)
        } else {
            Err(pane)
        }
    })
    .await;
    assert!(
        !pane.contains("typed-after"),
        "round {number}: it typed\n{pane}"
    );
}

fn pictures(socket: &Raw) -> usize {
    let log = socket.log();
    log.iter()
        .filter(|got| matches!(got, Got::Binary(_)))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_signed_out_while_tmux_stood_still_is_out() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let (rounds, longest) = soak((5, 500), (100, 10_000));
    for number in 0..rounds {
        let still = Duration::from_millis(100 + number * 7919 % (longest - 99));
        round(&tmux, &service, number, still).await;
    }
    println!(
        "{rounds} of {rounds} out, tmux still for 0.1 to {} s",
        longest / 1000
    );
}

/// Sockets opened as fast as they go, each typing at once, while everybody is signed out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_opened_at_full_speed_are_out_too() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    for number in 0..soak(4, 50) {
        let (driver, other) = (signed_in(&service).await, signed_in(&service).await);
        let target = Target::Tcp(service.port);
        let opening = async {
            let mut sockets = Vec::new();
            for _ in 0..40 {
                sockets.push(Raw::signed_in(&target, "main", "cols=80&rows=24", &driver).await);
            }
            sockets
        };
        let signing_out = async {
            sleep(Duration::from_millis(number * 5 % 40)).await;
            let everywhere = json!({"everywhere": true});
            let out = ask(service.port, "POST /api/sign-out", &other, &everywhere).await;
            assert_eq!(out.status, 204, "{out:?}");
        };
        let (mut sockets, ()) = tokio::join!(opening, signing_out);
        for socket in &mut sockets {
            let _ = socket.try_write(&input(b"typed-after\r")).await;
        }
        for socket in &sockets {
            let (code, _) = socket.closed().await;
            assert!(matches!(code, 4401 | 1006 | 4529), "round {number}: {code}");
        }
        let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
        assert!(!pane.contains("typed"), "round {number}: it typed\n{pane}");
    }
}

/// What waits in muxview for one who reads slowly is not for whoever is signed out meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_late_gets_nothing_that_was_not_sent_yet() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    for _ in 0..soak(2, 50) {
        let (reader, other) = (signed_in(&service).await, signed_in(&service).await);
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let address = ([127, 0, 0, 1], service.port).into();
        let mut stream = socket.connect(address).await.unwrap();
        // More than there is room for in all buffers on the way.
        let request = format!(
            "GET /api/sessions HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n{reader}\r\n",
            service.port
        );
        let asking = request.repeat(40_000);
        let asked = timeout(Duration::from_secs(2), stream.write_all(asking.as_bytes())).await;
        assert!(asked.is_err(), "all was answered");
        let everywhere = json!({"everywhere": true});
        let out = ask(service.port, "POST /api/sign-out", &other, &everywhere).await;
        assert_eq!(out.status, 204, "{out:?}");
        let received = rustix::io::ioctl_fionread(&stream).unwrap();
        until("the connection to be cut", async || {
            let error = stream.take_error().unwrap();
            error.map(|_| ()).ok_or_else(|| "it is open".to_owned())
        })
        .await;
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        assert!(
            read.len() as u64 <= received,
            "{} of {received}",
            read.len()
        );
    }
}

/// Every route that reads a body, its head sent before signing out and the rest after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_comes_after_signing_out_does_nothing() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let before = tmux.cmd(&["list-sessions", "-F", "#{session_id} #{session_name}"]);
    let (late, other) = (signed_in(&service).await, signed_in(&service).await);
    let create = json!({"name": "late", "command": "cat"});
    let requests = [
        ("POST /api/sessions", create),
        ("PATCH /api/sessions/main", json!({"name": "late"})),
        (
            "POST /api/shares",
            json!({"session": "main", "seconds": 2_592_000}),
        ),
        ("POST /api/sign-in/key", json!({"key": "hmac"})),
        ("POST /api/sign-out", json!({"everywhere": true})),
    ];
    let mut waiting = Vec::new();
    for (line, body) in &requests {
        let body = body.to_string();
        let (early, rest) = body.split_at(5);
        let head = format!(
            "{line} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n{late}\r\n{early}",
            service.port,
            body.len()
        );
        let mut stream = TcpStream::connect(("127.0.0.1", service.port))
            .await
            .unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        waiting.push((stream, rest.to_owned()));
    }
    // One that is answered after them: their heads have been judged.
    let list = ask(service.port, "GET /api/sessions", &late, &json!({})).await;
    assert_eq!(list.status, 200, "{list:?}");
    let everywhere = json!({"everywhere": true});
    let out = ask(service.port, "POST /api/sign-out", &other, &everywhere).await;
    assert_eq!(out.status, 204, "{out:?}");
    let again = signed_in(&service).await;
    for ((line, _), (stream, rest)) in requests.iter().zip(waiting) {
        let answer = Answer::to(stream, &rest).await;
        assert_eq!(answer.status, 401, "{line}: {answer:?}");
    }
    let shares = ask(service.port, "GET /api/shares", &again, &json!({})).await;
    assert_eq!(shares.body.trim(), "[]", "and nobody was signed out by it");
    assert_eq!(
        tmux.cmd(&["list-sessions", "-F", "#{session_id} #{session_name}"]),
        before
    );
}

/// Whichever of the two processes answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_signed_out_while_muxview_handed_over_is_out() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    for number in 0..soak(6, 100) {
        let (driver, other) = (signed_in(&service).await, signed_in(&service).await);
        let target = Target::Tcp(service.port);
        let mut socket = Raw::signed_in(&target, "main", "cols=80&rows=24", &driver).await;
        socket.opened(1).await;
        signal(service.pid(), "-HUP");
        // Before, while and after it hands over.
        sleep(Duration::from_millis(number * 37 % 150)).await;
        // One connection may end with the process that accepted it.
        until("everybody to be signed out", async || {
            let body = json!({"everywhere": true}).to_string();
            let request = format!(
                "POST /api/sign-out HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\
                 Content-Type: application/json\r\nContent-Length: {}\r\n{other}\r\n{body}",
                service.port,
                body.len()
            );
            let stream = TcpStream::connect(("127.0.0.1", service.port)).await;
            let mut stream = stream.map_err(|error| error.to_string())?;
            let _ = stream.write_all(request.as_bytes()).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer).into_owned();
            // One whose answer was lost with the process signed this one out as well.
            let out = ["HTTP/1.1 204", "HTTP/1.1 401"];
            let out = out.iter().any(|status| answer.starts_with(status));
            out.then_some(()).ok_or(answer)
        })
        .await;
        let _ = socket.try_write(&input(b"typed-after\r")).await;
        let mark = format!("mark-{number}");
        tmux.keys("main:", &[&mark, "Enter"]);
        let (code, _) = socket.closed().await;
        assert!(matches!(code, 4401 | 1006), "round {number}: {code}");
        let saw = socket.log().iter().any(|got| {
            matches!(got, Got::Binary(bytes) if String::from_utf8_lossy(bytes).contains(&mark))
        });
        assert!(!saw, "round {number}: it saw more");
        let pane = until("what was typed by tmux", async || {
            let pane = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
            pane.contains(&mark).then(|| pane.clone()).ok_or(pane)
        })
        .await;
        assert!(
            !pane.contains("typed-after"),
            "round {number}: it typed\n{pane}"
        );
    }
}
