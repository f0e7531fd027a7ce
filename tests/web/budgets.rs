//! Nobody can crowd others out: whatever is used up to its limit by whomever, the owner can still watch,
//! type and end a share. One test goes through every limit and every kind of principal; the others are
//! single attacks on a service with 512 places, with what they cost.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::http::Answer;
use crate::support::raw::{Target, frame, input};
use crate::support::typist::{listener, typed};
use crate::support::{PATIENCE, Raw, Service, Tmux, process, until};
use muxview::access::budget::Limit;
use muxview::access::principal::Kind;
use muxview::config::limits::{FAILED_SIGN_INS, SIGN_IN_BYTES, SPECTATOR_MESSAGE_BYTES};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// As many as the owner tried when the attacks were found.
const TRIES: usize = 47;
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Those who sign in by links, or not at all.
const BY_TOKEN: [Kind; 3] = [Kind::Anonymous, Kind::Share, Kind::Owner];
/// Those a proxy names.
const BY_PROXY: [Kind; 1] = [Kind::User];
/// Every kind of principal is tried.
const _: () = assert!(BY_TOKEN.len() + BY_PROXY.len() == Kind::ALL.len());

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
type Connection = Box<dyn Stream>;

/// A muxview with 512 places for connections: 1,024 descriptors, of which it keeps half.
struct Crowded {
    tmux: Tmux,
    service: Running,
    typed_into: PathBuf,
    /// Lines typed so far.
    lines: usize,
    /// Of the owner, as lines of a head.
    owner: String,
    door: Peer,
}

enum Running {
    Printed(Service),
    /// It listens on a unix socket.
    Quiet(Child),
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Self::Quiet(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Running {
    fn printed(&self) -> &Service {
        match self {
            Self::Printed(service) => service,
            Self::Quiet(_) => panic!("it printed nothing"),
        }
    }
}

#[derive(Clone)]
enum Peer {
    Tcp(u16),
    Unix(PathBuf),
}

impl Peer {
    async fn connect(&self) -> std::io::Result<Connection> {
        Ok(match self {
            Self::Tcp(port) => Box::new(TcpStream::connect(("127.0.0.1", *port)).await?),
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    fn target(&self) -> Target {
        match self {
            Self::Tcp(port) => Target::Tcp(*port),
            Self::Unix(path) => Target::Unix(path.clone()),
        }
    }

    async fn ask(&self, line: &str, lines: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n{lines}\r\n{body}",
            body.len()
        );
        match self.connect().await {
            Ok(stream) => Answer::to(stream, &request).await,
            Err(_) => Answer {
                status: 0,
                head: String::new(),
                body: String::new(),
            },
        }
    }
}

fn upgrade(lines: &str) -> String {
    let page = if lines.contains("Origin: ") {
        ""
    } else {
        "Origin: http://localhost\r\n"
    };
    format!(
        "GET /s/main/ws?cols=80&rows=24 HTTP/1.1\r\nHost: localhost\r\n{page}\
         Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Protocol: muxview.v1\r\n{lines}\r\n"
    )
}

fn half_a_sign_in() -> String {
    format!(
        "POST /api/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {SIGN_IN_BYTES}\r\n\r\n{{\"t\":\"{}",
        "a".repeat(SIGN_IN_BYTES / 2)
    )
}

fn bearer(credential: &str) -> String {
    format!("Authorization: Bearer {credential}\r\n")
}

fn user(name: &str) -> String {
    let page = "Origin: http://localhost";
    format!("{page}\r\nX-Muxview-User: {name}\r\nX-Muxview-Proxy-Secret: {SECRET}\r\n")
}

/// The muxview of this test, whose files are few.
fn cramped(tmux: &Tmux) -> PathBuf {
    let path = tmux.dir().join("cramped");
    let real = env!("CARGO_BIN_EXE_muxview");
    std::fs::write(
        &path,
        format!("#!/bin/sh\nulimit -n 1024\nexec {real} \"$@\"\n"),
    )
    .unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

impl Crowded {
    async fn by_token() -> Self {
        raise_own_limit();
        let tmux = Tmux::without_server();
        let typed_into = listener(&tmux, "main");
        let program = cramped(&tmux);
        let service = Service::start_at(&tmux, &program, &["--auth", "token"]);
        let door = Peer::Tcp(service.port);
        let link = vault(&service).link().unwrap();
        let owner = bearer(&sign_in(&door, &link).await);
        Self {
            tmux,
            service: Running::Printed(service),
            typed_into,
            lines: 0,
            owner,
            door,
        }
    }

    async fn by_proxy() -> Self {
        raise_own_limit();
        let tmux = Tmux::without_server();
        let typed_into = listener(&tmux, "main");
        let program = cramped(&tmux);
        let (socket, secret) = (tmux.dir().join("door"), tmux.dir().join("secret"));
        std::fs::write(&secret, SECRET).unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut command = Command::new(program);
        tmux.clean(&mut command);
        command
            .args([
                "--auth",
                "proxy",
                "--allow",
                "boss=manage",
                "--allow",
                "typist=drive",
                "--allow",
                "*=view",
            ])
            .arg("--proxy-secret-file")
            .arg(&secret)
            .arg(format!("--listen=unix:{}", socket.display()))
            .args(["--public-origin", "http://localhost", "--tmux-socket-path"])
            .arg(tmux.socket())
            .arg("--state-dir")
            .arg(tmux.dir().join("state"))
            .stderr(Stdio::null());
        let service = Running::Quiet(command.spawn().unwrap());
        let door = Peer::Unix(socket.clone());
        until("it to listen", async || {
            match UnixStream::connect(&socket).await {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
        Self {
            tmux,
            service,
            typed_into,
            lines: 0,
            owner: user("boss"),
            door,
        }
    }

    /// The head lines of somebody who opened a new share.
    async fn guest(&self) -> String {
        let share = json!({"session": "main", "uses": 1000});
        let shared = self.door.ask("POST /api/shares", &self.owner, &share).await;
        assert_eq!(shared.status, 201, "{shared:?}");
        let link = shared.json()["link"].as_str().unwrap().to_owned();
        let secret = link.split_once("#t=").unwrap().1;
        bearer(&sign_in(&self.door, secret).await)
    }

    /// The owner watches, types and ends a share (or a session, where there are none).
    async fn the_owner_works(&mut self, during: &str) {
        let began = Instant::now();
        let target = self.door.target();
        let work = async {
            let mut viewer = Raw::signed_in(&target, "main", "cols=80&rows=24", &self.owner).await;
            viewer.opened(1).await;
            viewer.write(&input(b"still here\n")).await;
            self.lines += 1;
            typed(&self.typed_into, self.lines).await;
        };
        let done = timeout(PATIENCE, work).await;
        assert!(done.is_ok(), "{during}: the owner cannot watch and type");
        let (make, path) = match &self.door {
            Peer::Tcp(_) => ("POST /api/shares", "/api/shares"),
            Peer::Unix(_) => ("POST /api/sessions", "/api/sessions"),
        };
        let what = json!({"session": "main", "name": "new"});
        let made = self.door.ask(make, &self.owner, &what).await;
        assert_eq!(made.status, 201, "{during}: {made:?}");
        let id = made.json()["id"].as_str().unwrap().replace('$', "%24");
        let end = format!("DELETE {path}/{id}");
        let ended = self.door.ask(&end, &self.owner, &Value::Null).await;
        assert_eq!(ended.status, 204, "{during}: {ended:?}");
        eprintln!("{during}: the owner's work took {:?}", began.elapsed());
    }

    /// How many of the owner's requests, each on a connection of its own, are answered.
    async fn successes(&self) -> usize {
        let mut successes = 0;
        for _ in 0..TRIES {
            let asked = self
                .door
                .ask("GET /api/sessions", &self.owner, &Value::Null);
            let answer = timeout(PATIENCE, asked).await;
            successes += usize::from(answer.is_ok_and(|answer| answer.status == 200));
        }
        successes
    }
}

fn vault(service: &Service) -> muxview::state_dir::Vault {
    muxview::state_dir::Vault::open(Some(service.state_dir())).unwrap()
}

async fn sign_in(door: &Peer, link: &str) -> String {
    let answer = door
        .ask("POST /api/sign-in", "", &json!({ "t": link }))
        .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["credential"].as_str().unwrap().to_owned()
}

fn raise_own_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, all).unwrap();
}

/// Opens connections that say `first` and then nothing, and opens each anew when it is ended.
fn flood(door: &Peer, connections: usize, first: &str) -> JoinSet<()> {
    let mut flood = JoinSet::new();
    for _ in 0..connections {
        let (door, first) = (door.clone(), first.to_owned());
        flood.spawn(async move {
            loop {
                let Ok(mut stream) = door.connect().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                if stream.write_all(first.as_bytes()).await.is_ok() {
                    let mut answer = [0; 4096];
                    while matches!(stream.read(&mut answer).await, Ok(1..)) {}
                }
            }
        });
    }
    flood
}

async fn withstood(first: &str, connections: usize) {
    let mut crowded = Crowded::by_token().await;
    let flood = flood(&crowded.door, connections, first);
    crowded.the_owner_works("at its beginning").await;
    assert_eq!(crowded.successes().await, TRIES);
    crowded.the_owner_works("later").await;
    drop(flood);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_bodies_leave_the_owner_every_success() {
    withstood(&half_a_sign_in(), 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_without_a_credential_leave_the_owner_every_success() {
    withstood(&upgrade(""), 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_say_nothing_leave_the_owner_every_success() {
    withstood("", 600).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_with_560_event_streams_leaves_the_owner_every_success() {
    let mut crowded = Crowded::by_token().await;
    let guest = crowded.guest().await;
    let first = format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\n{guest}\r\n");
    let mut streams = Vec::new();
    for _ in 0..560 {
        let mut stream = crowded.door.connect().await.unwrap();
        let _ = stream.write_all(first.as_bytes()).await;
        streams.push(stream);
    }
    let mut open = 0;
    for stream in &mut streams {
        let mut answer = [0; 64];
        if let Ok(Ok(read @ 12..)) = timeout(PATIENCE, stream.read(&mut answer)).await {
            open += usize::from(answer[..read].starts_with(b"HTTP/1.1 200"));
        }
    }
    let most = usize::try_from(Limit::EventStreams.of(Kind::Share)).unwrap();
    assert_eq!(open, most);
    assert_eq!(crowded.successes().await, TRIES);
    crowded.the_owner_works("beside 560 event streams").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_guests_have_not_sent_whole_costs_next_to_nothing() {
    let mut crowded = Crowded::by_token().await;
    let guest = crowded.guest().await;
    let target = crowded.door.target();
    let mut guests = Vec::new();
    for _ in 0..60 {
        let viewer = Raw::signed_in(&target, "main", "", &guest).await;
        viewer.opened(1).await;
        guests.push(viewer);
    }
    let before = process::rss_kib(crowded.service.printed().pid());
    let message = frame(0x82, &vec![b'x'; 4 * 1024 * 1024]);
    let (unfinished, end) = message.split_at(message.len() - 1);
    for viewer in &mut guests {
        viewer.write(unfinished).await;
    }
    // What was sent is read.
    let bystander = Raw::signed_in(&target, "main", "", &guest).await;
    bystander.opened(1).await;
    let after = process::rss_kib(crowded.service.printed().pid());
    let grown = after.saturating_sub(before);
    eprintln!("60 unfinished messages of 4 MiB: {grown} KiB");
    assert!(grown < 8 * 1024, "{grown} KiB");
    // It is ignored, as all a spectator types, and nobody is punished.
    for viewer in &mut guests {
        viewer.write(end).await;
        viewer.write(&crate::support::raw::ping(1)).await;
        viewer.ponged(1).await;
    }
    // What a spectator has to say fits.
    let mut viewer = Raw::signed_in(&target, "main", "", &guest).await;
    viewer.opened(1).await;
    let text = json!({"type": "ping", "id": "x".repeat(SPECTATOR_MESSAGE_BYTES - 64)});
    viewer.write(&crate::support::raw::say(&text)).await;
    viewer.write(&crate::support::raw::ping(7)).await;
    viewer.ponged(7).await;
    crowded.the_owner_works("beside unfinished messages").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_guesses_links_has_the_ledger_read_a_few_times_only() {
    let crowded = Crowded::by_token().await;
    let ledger = crowded.service.printed().state_dir().join("ledger");
    let guess = |secret: &str| json!({ "t": secret });
    for _ in 0..FAILED_SIGN_INS {
        let guess = guess("share.AAAA");
        let answer = crowded.door.ask("POST /api/sign-in", "", &guess).await;
        assert_eq!(answer.status, 401);
    }
    let good = vault(crowded.service.printed()).link().unwrap();
    // Whoever reads it now fails.
    let kept = crowded.tmux.dir().join("kept");
    std::fs::rename(&ledger, &kept).unwrap();
    std::fs::create_dir(&ledger).unwrap();
    let began = Instant::now();
    for secret in ["share.AAAA", "1.AAAA.BBBB", "nothing"]
        .iter()
        .cycle()
        .take(300)
    {
        let answer = crowded
            .door
            .ask("POST /api/sign-in", "", &guess(secret))
            .await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert!(answer.header("retry-after").is_some());
    }
    eprintln!("a throttled sign-in takes {:?}", began.elapsed() / 300);
    std::fs::remove_dir(&ledger).unwrap();
    std::fs::rename(&kept, &ledger).unwrap();
    // A right link is never held up.
    sign_in(&crowded.door, &good).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owners_programs_have_what_they_are_promised() {
    let mut crowded = Crowded::by_token().await;
    let first = format!(
        "GET /api/events HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
        crowded.owner
    );
    let mut streams = Vec::new();
    for _ in 0..100 {
        let mut stream = crowded.door.connect().await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    let began = Instant::now();
    let mut asked = 0;
    let seconds = crate::support::soak(3, 60);
    while began.elapsed() < Duration::from_secs(seconds) {
        let asking = crowded
            .door
            .ask("GET /api/sessions", &crowded.owner, &Value::Null);
        assert_eq!(asking.await.status, 200);
        asked += 1;
    }
    eprintln!("{asked} requests in {seconds} s beside 100 streams");
    assert!(asked > 50 * seconds, "{asked}");
    crowded.the_owner_works("beside 100 streams").await;
    for stream in &mut streams {
        let mut answer = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, stream.read(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    }
}

/// What somebody tried until it was refused, and what they hold while the owner works.
struct Attack {
    held: Vec<Connection>,
    viewers: Vec<Raw>,
    refused: bool,
}

/// Uses up `limit` as somebody who shows `lines`, until that is refused.
async fn use_up(crowded: &Crowded, limit: Limit, kind: Kind, lines: &str) -> Attack {
    let door = &crowded.door;
    let mut attack = Attack {
        held: vec![],
        viewers: vec![],
        refused: false,
    };
    let most = usize::try_from(limit.of(kind)).unwrap();
    // All that there is, is the owner's: of that it takes a part, as its programs may.
    let most = most.min(if kind == Kind::Owner { 1000 } else { most });
    match limit {
        Limit::Connections => {
            let first = match kind {
                Kind::Anonymous => String::new(),
                _ => format!("GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"),
            };
            for _ in 0..300 {
                let Ok(mut stream) = door.connect().await else {
                    break;
                };
                let _ = stream.write_all(first.as_bytes()).await;
                attack.held.push(stream);
            }
            attack.refused = match kind {
                // The oldest is ended.
                Kind::Anonymous => all_of(&mut attack.held[0]).await.is_empty(),
                Kind::Share | Kind::User | Kind::Owner => any_refused(&mut attack.held).await,
            };
        }
        Limit::Sockets => {
            for _ in 0..200 {
                let mut stream = door.connect().await.unwrap();
                let _ = stream.write_all(upgrade(lines).as_bytes()).await;
                attack.held.push(stream);
            }
            // The places run out before the sockets do.
            attack.refused = kind == Kind::Anonymous || any_refused(&mut attack.held).await;
        }
        Limit::EventStreams => {
            let first = format!("GET /api/events HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
            for _ in 0..most.min(120) + 20 {
                let mut stream = door.connect().await.unwrap();
                let _ = stream.write_all(first.as_bytes()).await;
                attack.held.push(stream);
            }
            attack.refused = any_refused(&mut attack.held).await;
        }
        Limit::BufferedBytes => {
            if kind == Kind::Anonymous {
                for _ in 0..most / SIGN_IN_BYTES {
                    let mut stream = door.connect().await.unwrap();
                    let _ = stream.write_all(half_a_sign_in().as_bytes()).await;
                    attack.held.push(stream);
                }
                attack.refused = all_of(&mut attack.held[0]).await.is_empty();
            } else {
                let message = frame(0x82, &vec![0; 4 * 1024 * 1024]);
                let unfinished = &message[..message.len() - 1];
                for _ in 0..10 {
                    let mut viewer = Raw::signed_in(&door.target(), "main", "", lines).await;
                    let _ = timeout(PATIENCE, viewer.try_write(unfinished)).await;
                    attack.viewers.push(viewer);
                }
                let last = &mut attack.viewers[9];
                attack.refused = match kind {
                    Kind::Owner => false,
                    // Each counts twice.
                    Kind::User => last.closed().await.0 == 1013,
                    // A spectator's is left out.
                    Kind::Share | Kind::Anonymous => {
                        last.write(&message[message.len() - 1..]).await;
                        last.write(&crate::support::raw::ping(1)).await;
                        last.ponged(1).await;
                        true
                    }
                };
            }
        }
        Limit::Visits => {
            let mut visits = JoinSet::new();
            for _ in 0..8 {
                let (door, upgrade) = (door.clone(), upgrade(lines));
                visits.spawn(async move {
                    let mut left = most / 8 + 1;
                    while left > 0 {
                        let mut stream = door.connect().await.unwrap();
                        let _ = stream.write_all(upgrade.as_bytes()).await;
                        let mut head = [0; 512];
                        let read = timeout(PATIENCE, stream.read(&mut head)).await;
                        read.unwrap().unwrap();
                        // Some are too fast for the limit of requests.
                        left -= usize::from(head.starts_with(b"HTTP/1.1 101"));
                    }
                });
            }
            visits.join_all().await;
            let mut said = String::from("HTTP/1.1 429");
            while said.starts_with("HTTP/1.1 429") {
                let mut stream = door.connect().await.unwrap();
                let _ = stream.write_all(upgrade(lines).as_bytes()).await;
                said = all_of(&mut stream).await;
            }
            let told = ["too many visits", "sign in", "hello"];
            attack.refused = told.iter().any(|told| said.contains(told));
        }
        Limit::Requests => {
            let request = format!("GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
            // So many on one connection are faster than they may be.
            let refusal = match kind {
                Kind::Owner => "HTTP/1.1 200",
                _ => "HTTP/1.1 429",
            };
            let mut stream = door.connect().await.unwrap();
            let many = request.repeat(most + 200);
            let read = async {
                let (mut from, mut to) = tokio::io::split(&mut stream);
                let writing = async { to.write_all(many.as_bytes()).await };
                let reading = async {
                    let (mut said, mut chunk) = (String::new(), vec![0; 64 * 1024]);
                    while let Ok(read @ 1..) = from.read(&mut chunk).await {
                        said.push_str(&String::from_utf8_lossy(&chunk[..read]));
                        if said.contains(refusal) {
                            return true;
                        }
                    }
                    false
                };
                tokio::select! {
                    refused = reading => refused,
                    Err(_) = writing => false,
                }
            };
            attack.refused = timeout(PATIENCE, read).await.unwrap_or(false);
            attack.held.push(stream);
        }
        Limit::AuditLines => {
            for _ in 0..most.min(150) / 2 + 20 {
                let mut stream = door.connect().await.unwrap();
                let _ = stream.write_all(upgrade(lines).as_bytes()).await;
                let mut head = [0; 512];
                let _ = timeout(PATIENCE, stream.read(&mut head)).await;
            }
            // What comes of it is in tests/service/audit.rs.
            attack.refused = true;
        }
    }
    attack
}

/// Whether one of them is answered that there is no room, or that one must sign in.
async fn any_refused(held: &mut [Connection]) -> bool {
    let mut refused = false;
    for stream in held {
        let mut head = [0; 512];
        let read = timeout(PATIENCE, stream.read(&mut head)).await;
        let read = read.expect("an answer").unwrap_or(0);
        let refusal = |status: &str| head[..read].starts_with(status.as_bytes());
        refused |= refusal("HTTP/1.1 429") || refusal("HTTP/1.1 401");
    }
    refused
}

async fn all_of(stream: &mut Connection) -> String {
    let (mut said, mut chunk) = (String::new(), [0; 4096]);
    loop {
        match timeout(Duration::from_secs(2), stream.read(&mut chunk)).await {
            Ok(Ok(read @ 1..)) => said.push_str(&String::from_utf8_lossy(&chunk[..read])),
            _ => return said,
        }
        if said.len() > 64 * 1024 {
            return said;
        }
    }
}

async fn every_limit(mut crowded: Crowded, kinds: &[Kind]) {
    let mut wrong = Vec::new();
    for (number, limit) in Limit::ALL.into_iter().enumerate() {
        for kind in kinds {
            let lines = match kind {
                Kind::Anonymous => String::new(),
                Kind::Share => crowded.guest().await,
                Kind::User if limit == Limit::BufferedBytes => user("typist"),
                Kind::User => user(&format!("user{number}")),
                Kind::Owner => crowded.owner.clone(),
            };
            let what = format!("{limit:?} used up by {kind:?}");
            let attack = use_up(&crowded, limit, *kind, &lines).await;
            crowded.the_owner_works(&what).await;
            if crowded.successes().await < TRIES {
                wrong.push(format!("{what}: the owner was refused"));
            }
            if !attack.refused && *kind != Kind::Owner {
                wrong.push(format!("{what}: it was not refused"));
            }
            drop(attack);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_strangers_and_guests_use_up_the_owner_works_on() {
    let crowded = Crowded::by_token().await;
    every_limit(crowded, &BY_TOKEN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_users_of_a_proxy_use_up_the_owner_works_on() {
    let crowded = Crowded::by_proxy().await;
    every_limit(crowded, &BY_PROXY).await;
}
