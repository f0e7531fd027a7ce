//! The audit log: each thing that somebody does is one line, with who and when; none holds a key, a
//! picture or a secret; and a disk that takes no more holds up nobody, unless that is asked for.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::http::Answer;
use crate::support::raw::{Target, input};
use crate::support::typist::{listener, typed};
use crate::support::{Manager, Raw, Service, Tmux, process, until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tokio::net::TcpStream;

const REAL: &str = env!("CARGO_BIN_EXE_muxview");

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let read = |line: &str| -> Value { serde_json::from_str(line).expect(line) };
    text.lines().map(read).collect()
}

/// What happened, without what nobody can foresee.
fn story(lines: &[Value]) -> Vec<String> {
    let what = |line: &Value| line["what"].as_str().unwrap().to_owned();
    lines.iter().map(what).collect()
}

fn of<'a>(lines: &'a [Value], what: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["what"] == what).collect()
}

/// Waits until the file has lines such as these.
async fn told(file: &Path, what: &str, good: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    until(what, async || {
        let lines = lines(file);
        if good(&lines) {
            Ok(lines)
        } else {
            Err(format!("{lines:#?}"))
        }
    })
    .await
}

async fn ask(port: u16, line: &str, bearer: Option<&str>, body: &Value) -> Answer {
    let body = body.to_string();
    let bearer = bearer.map_or_else(String::new, |it| format!("Authorization: Bearer {it}\r\n"));
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n{bearer}\r\n{body}",
        body.len()
    );
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    Answer::to(stream, &request).await
}

async fn sign_in(port: u16, link: &str) -> String {
    let answer = ask(port, "POST /api/sign-in", None, &json!({ "t": link })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["credential"].as_str().unwrap().to_owned()
}

/// A fresh link, as `muxview url` would print it.
fn link(service: &Service) -> String {
    let vault = muxview::state_dir::Vault::open(Some(service.state_dir())).unwrap();
    vault.link().unwrap()
}

/// Another command with the service's options.
fn muxview(tmux: &Tmux, service: &Service, words: &[&str]) -> Output {
    let mut command = Command::new(REAL);
    tmux.clean(&mut command);
    let output = command
        .args(words)
        .args(["--listen", &format!("127.0.0.1:{}", service.port)])
        .arg("--tmux-socket-path")
        .arg(tmux.socket())
        .arg("--state-dir")
        .arg(service.state_dir())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thing_somebody_does_is_a_line_and_no_line_holds_a_secret() {
    let tmux = Tmux::without_server();
    let typed_into = listener(&tmux, "main");
    let mut service = Service::start_with(&tmux, &["--auth", "token"]);
    let (port, file) = (service.port, service.state_dir().join("audit.jsonl"));
    let used = link(&service);
    let owner = sign_in(port, &used).await;
    // The link is used up, and what was never one is none.
    for bad in [used.as_str(), "1.AAAA.BBBB", "share.CCCC"] {
        let answer = ask(port, "POST /api/sign-in", None, &json!({ "t": bad })).await;
        assert_eq!(answer.status, 401);
    }

    let bearer = |credential: &str| format!("Authorization: Bearer {credential}\r\n");
    let target = Target::Tcp(port);
    let lines_ = bearer(&owner) + "X-Forwarded-For: 203.0.113.9\r\n";
    let mut viewer = Raw::signed_in(&target, "main", "cols=80&rows=24", &lines_).await;
    viewer.opened(1).await;
    viewer.write(&input(b"hunter2-typed\n")).await;
    typed(&typed_into, 1).await;
    // It goes without a word.
    drop(viewer);
    told(&file, "a viewer to have left", |lines| {
        !of(lines, "socket-close").is_empty()
    })
    .await;

    let as_owner = Some(owner.as_str());
    let new = json!({"name": "new", "command": "echo hunter2-shown; cat"});
    let made = ask(port, "POST /api/sessions", as_owner, &new).await;
    assert_eq!(made.status, 201, "{made:?}");
    let rename = json!({"name": "newer"});
    let renamed = ask(port, "PATCH /api/sessions/new", as_owner, &rename).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    let ended = ask(port, "DELETE /api/sessions/newer", as_owner, &json!({})).await;
    assert_eq!(ended.status, 204);

    let share = json!({"session": "main", "uses": 2, "seconds": 600});
    let shared = ask(port, "POST /api/shares", as_owner, &share).await;
    let shared = shared.json();
    let (id, share_link) = (
        shared["id"].as_str().unwrap(),
        shared["link"].as_str().unwrap(),
    );
    let secret = share_link.split_once("#t=").unwrap().1;
    let guest = sign_in(port, secret).await;
    let watching = Raw::signed_in(&target, "main", "", &bearer(&guest)).await;
    watching.opened(1).await;
    let as_guest = Some(guest.as_str());
    let refused = ask(port, "DELETE /api/sessions/main", as_guest, &json!({})).await;
    assert_eq!(refused.status, 403);
    let hidden = Raw::signed_in(&target, "hidden", "", &bearer(&guest)).await;
    assert_eq!(hidden.closed().await.0, 4404);
    let path = format!("DELETE /api/shares/{id}");
    assert_eq!(ask(port, &path, as_owner, &json!({})).await.status, 204);
    assert_eq!(watching.closed().await.0, 4403);
    drop(watching);
    told(&file, "the guest to have left", |lines| {
        of(lines, "socket-close").len() == 2
    })
    .await;

    // From the terminal, beside the service.
    let printed = muxview(&tmux, &service, &["share", "add", "main", "--for", "1s"]);
    let printed = String::from_utf8(printed.stdout).unwrap();
    let printed = printed.trim().split_once("#t=").unwrap().1;
    told(&file, "its end", |lines| {
        !of(lines, "share-expired").is_empty()
    })
    .await;
    let longer = muxview(&tmux, &service, &["share", "add", "main"]);
    let longer = String::from_utf8(longer.stdout).unwrap();
    let listed = muxview(&tmux, &service, &["share", "ls"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    muxview(&tmux, &service, &["share", "rm", &listed[..24]]);

    let out = ask(port, "POST /api/sign-out", as_owner, &json!({})).await;
    assert_eq!(out.status, 204);
    assert_eq!(
        ask(port, "GET /api/sessions", as_owner, &json!({}))
            .await
            .status,
        401
    );
    tmux.cmd(&["kill-server"]);
    told(&file, "tmux to be missed", |lines| {
        !of(lines, "tmux-lost").is_empty()
    })
    .await;
    tmux.session("main", 80, 24);
    told(&file, "tmux to be back", |lines| {
        !of(lines, "tmux-back").is_empty()
    })
    .await;
    assert_eq!(service.terminate().await, Some(0));

    let all = lines(&file);
    assert_eq!(
        story(&all),
        [
            "start",
            "sign-in",
            "refused",
            "refused",
            "refused",
            "socket-open",
            "socket-close",
            "session-create",
            "session-rename",
            "session-end",
            "share-add",
            "sign-in",
            "socket-open",
            "refused",
            "refused",
            "share-end",
            "socket-close",
            "share-add",
            "share-expired",
            "share-add",
            "share-end",
            "sign-out",
            "refused",
            "tmux-lost",
            "tmux-back",
            "stop",
        ],
        "{all:#?}"
    );
    let whys: Vec<_> = of(&all, "refused")
        .iter()
        .map(|line| {
            format!(
                "{}: {}",
                line["why"].as_str().unwrap(),
                line["about"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        whys,
        [
            "sign-in: revoked or used",
            "sign-in: not signed by this muxview",
            "sign-in: revoked or used",
            "rights: DELETE /api/sessions/main",
            "session: hidden",
            "credential: revoked or used",
        ]
    );
    let start = &all[0];
    assert_eq!(start["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(start["config"].as_str().unwrap().len(), 12);
    assert_eq!(all.last().unwrap()["why"], "SIGTERM");
    let (came, left) = (&all[5], &all[6]);
    for line in [came, left] {
        assert_eq!(
            (&line["who"], &line["role"]),
            (&json!("owner"), &json!("drive"))
        );
        assert_eq!(
            (&line["name"], &line["viewer"]),
            (&json!("main"), &came["viewer"])
        );
        assert!(line["session"].as_str().unwrap().starts_with('$'));
        let from = line["from"].as_str().unwrap();
        assert!(
            from.starts_with("127.0.0.1:") && from.ends_with(", for 203.0.113.9"),
            "{from}"
        );
        assert_eq!(line["credential"], all[1]["credential"]);
    }
    assert_eq!(
        (&left["bytes_in"], &left["code"]),
        (&json!(14), &json!(1006))
    );
    assert!(left["bytes_out"].as_u64().unwrap() > 0 && left["seconds"].is_u64());
    assert_eq!(
        (&all[8]["name"], &all[8]["to"]),
        (&json!("new"), &json!("newer"))
    );
    assert_eq!(all[10]["id"], *id);
    let guest_in = (&all[11]["who"], &all[11]["share"], &all[11]["uses_left"]);
    assert_eq!(guest_in, (&json!("guest"), &json!(id), &json!(1)));
    assert_eq!(
        (&all[13]["who"], &all[13]["share"]),
        (&json!("guest"), &json!(id))
    );
    assert_eq!(
        (&all[16]["code"], &all[16]["role"]),
        (&json!(4403), &json!("view"))
    );
    let uid = format!("uid {}", rustix::process::getuid().as_raw());
    assert_eq!(
        (&all[17]["who"], &all[17]["from"]),
        (&json!("command line"), &json!(uid))
    );
    assert_eq!(all[17]["id"], all[18]["id"]);
    for line in &all {
        let at = line["at"].as_str().unwrap();
        assert!(at.len() == 24 && at.ends_with('Z'), "{at}");
    }
    assert!(
        all.windows(2)
            .all(|two| two[0]["at"].as_str() <= two[1]["at"].as_str())
    );

    let text = std::fs::read_to_string(&file).unwrap();
    let longer = longer.trim().split_once("#t=").unwrap().1;
    let mut secrets: Vec<&str> = vec!["hunter2", "AAAA", "CCCC", secret, printed, longer];
    for credential in [&used, &owner, &guest] {
        secrets.extend(credential.split('.').filter(|part| part.len() > 8));
    }
    secrets.push(secret.trim_start_matches("share."));
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in\n{text}");
        assert!(
            !service.log().contains(secret) || used.contains(secret),
            "{secret}"
        );
    }
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_comes_once_and_leaves_once_whoever_serves_it() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut service = Service::start(&tmux);
    let file = service.state_dir().join("audit.jsonl");
    let target = Target::Tcp(service.port);
    let mut viewer = Raw::join(&target, "main", "cols=80&rows=24").await;
    viewer.opened(1).await;
    viewer.write(&input(b"one\n")).await;
    for times in 2..4 {
        process::signal(service.pid(), "HUP");
        viewer.opened(times).await;
        viewer.write(&input(b"more\n")).await;
    }
    // The log may have been moved away meanwhile.
    std::fs::rename(&file, file.with_extension("old")).unwrap();
    drop(viewer);
    told(&file, "its end", |lines| {
        !of(lines, "socket-close").is_empty()
    })
    .await;
    assert_eq!(service.terminate().await, Some(0));
    let (old, new) = (lines(&file.with_extension("old")), lines(&file));
    let wanted = ["start", "socket-open", "stop", "start", "stop", "start"];
    assert_eq!(story(&old), wanted);
    assert_eq!(story(&new), ["socket-close", "stop"]);
    assert_eq!(new[0]["viewer"], old[1]["viewer"]);
    assert_eq!(new[0]["bytes_in"], 14);
    assert_eq!(old[2]["why"], "reload");
    for handed in [2, 3, 4, 5] {
        assert_eq!(old[handed]["viewers"], 1);
    }
    let pids: Vec<_> = old.iter().filter_map(|line| line["pid"].as_u64()).collect();
    assert_eq!(pids, [u64::from(service.pid()); 5]);
    assert_eq!(
        (&old[0]["viewers"], &new[1]["viewers"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_between_two_processes_has_left_all_the_same() {
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut manager = Manager::new(&tmux);
    let file = manager.state_dir().join("audit.jsonl");
    manager.serve(&tmux).await;
    let target = Target::Tcp(manager.port);
    let mut viewers = vec![];
    for _ in 0..3 {
        let viewer = Raw::join(&target, "main", "cols=80&rows=24").await;
        viewer.opened(1).await;
        viewers.push(viewer);
    }
    assert_eq!(manager.stop().await, Some(0), "{}", manager.log());
    viewers.pop();
    tmux.cmd(&["kill-session", "-t", "main"]);
    manager.serve(&tmux).await;
    let all = told(&file, "the end of all", |lines| {
        of(lines, "socket-close").len() == 3
    })
    .await;
    let mut viewers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in all.iter().filter(|line| line["viewer"].is_string()) {
        let (viewer, what) = (
            line["viewer"].as_str().unwrap(),
            line["what"].as_str().unwrap(),
        );
        viewers.entry(viewer).or_default().push(what);
    }
    assert_eq!(viewers.len(), 3);
    assert!(
        viewers
            .values()
            .all(|told| told == &["socket-open", "socket-close"]),
        "{all:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_refused_requests_fills_no_log() {
    let tmux = Tmux::start(80, 24);
    let mut service = Service::start(&tmux);
    let file = service.state_dir().join("audit.jsonl");
    for number in 0..300 {
        let stream = TcpStream::connect(("127.0.0.1", service.port))
            .await
            .unwrap();
        let request =
            format!("GET / HTTP/1.1\r\nHost: evil{number}.example\r\nConnection: close\r\n\r\n");
        assert_eq!(Answer::to(stream, &request).await.status, 421);
    }
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\nConnection: close\r\n\r\n";
    let stream = TcpStream::connect(("127.0.0.1", service.port))
        .await
        .unwrap();
    assert_eq!(Answer::to(stream, request).await.status, 403);
    assert_eq!(service.terminate().await, Some(0));
    let all = lines(&file);
    let refused = of(&all, "refused");
    // The flood hides nothing else.
    assert_eq!(refused.len(), 11, "{all:#?}");
    assert_eq!(refused[10]["why"], "origin");
    assert!(
        refused[0]["about"]
            .as_str()
            .unwrap()
            .contains("evil0.example")
    );
    assert_eq!(of(&all, "left-out")[0]["refused"], json!({"host": 290}));
    let log = service.log();
    assert!(log.matches("evil").count() <= 2 * 10 + 2, "{log}");
    assert!(log.contains("290"), "{log}");
}

/// What `muxview doctor` finds about the log's chain.
fn chain(tmux: &Tmux, service: &Service) -> String {
    let mut command = Command::new(REAL);
    tmux.clean(&mut command);
    let output = command
        .args(["doctor", "--listen", &format!("127.0.0.1:{}", service.port)])
        .arg("--tmux-socket-path")
        .arg(tmux.socket())
        .arg("--state-dir")
        .arg(service.state_dir())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let found = said.lines().find(|line| line.contains("audit chain"));
    found.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_who_comes_and_goes_is_summed_up_and_pushes_nothing_out() {
    const VISITS: u64 = 150;
    let tmux = Tmux::without_server();
    listener(&tmux, "main");
    let mut service = Service::start_with(&tmux, &["--auth", "token"]);
    let (port, file) = (service.port, service.state_dir().join("audit.jsonl"));
    let owner = sign_in(port, &link(&service)).await;
    let share = json!({"session": "main"});
    let shared = ask(port, "POST /api/shares", Some(&owner), &share).await;
    let shared = shared.json();
    let secret = shared["link"]
        .as_str()
        .unwrap()
        .split_once("#t=")
        .unwrap()
        .1;
    let guest = format!("Authorization: Bearer {}\r\n", sign_in(port, secret).await);
    let target = Target::Tcp(port);
    let before = std::fs::metadata(&file).unwrap().len();
    for _ in 0..VISITS {
        let viewer = Raw::signed_in(&target, "main", "", &guest).await;
        viewer.opened(1).await;
    }
    let told_lines = muxview::config::limits::BUDGET_AUDIT_LINES.share;
    let all = told(&file, "those who are told to have left", |lines| {
        of(lines, "socket-close").len() as u64 == told_lines / 2
    })
    .await;
    assert_eq!(of(&all, "socket-open").len() as u64, told_lines / 2);
    let grown = std::fs::metadata(&file).unwrap().len() - before;
    eprintln!("{VISITS} visits of a guest: {grown} bytes");
    assert!(grown < told_lines * 600, "{grown}");
    // Others are told all the same.
    let as_owner = format!("Authorization: Bearer {owner}\r\n");
    let viewer = Raw::signed_in(&target, "main", "", &as_owner).await;
    viewer.opened(1).await;
    told(&file, "the owner to have come", |lines| {
        of(lines, "socket-open").len() as u64 == told_lines / 2 + 1
    })
    .await;
    process::signal(service.pid(), "HUP");
    viewer.opened(2).await;
    drop(viewer);
    let all = told(&file, "the owner to have left", |lines| {
        of(lines, "socket-close").len() as u64 == told_lines / 2 + 1
    })
    .await;
    let sums = of(&all, "visits");
    assert_eq!(sums.len(), 1, "{sums:?}");
    assert_eq!(sums[0]["visits"], VISITS - told_lines / 2);
    assert_eq!(sums[0]["who"], "guest");
    assert_eq!(sums[0]["share"], shared["id"]);
    assert_eq!(sums[0]["name"], "main");
    assert!(sums[0]["bytes_out"].as_u64().unwrap() > 0);

    // Over the handoff, a restart and a command of the terminal, each line names the one before it.
    service.restart(&tmux);
    muxview(&tmux, &service, &["share", "add", "main"]);
    let said = chain(&tmux, &service);
    assert!(said.starts_with("ok"), "{said}");
    let text = std::fs::read_to_string(&file).unwrap();
    let changed = text.replacen("\"share-add\"", "\"share-end\"", 1);
    let line = text
        .lines()
        .position(|line| line.contains("share-add"))
        .unwrap();
    std::fs::write(&file, changed).unwrap();
    let said = chain(&tmux, &service);
    let named = format!("line {} of {}", line + 2, file.display());
    assert!(said.starts_with("fail") && said.contains(&named), "{said}");
}

/// A muxview whose files cannot grow beyond this: a disk that is full, for a process.
fn cramped(tmux: &Tmux, bytes: usize) -> PathBuf {
    let path = tmux.dir().join("cramped");
    let blocks = bytes / 512;
    let script = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -S -f {blocks}\nexec {REAL} \"$@\"\n");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// An audit log with room for less than a line.
fn nearly_full(tmux: &Tmux, bytes: usize) -> PathBuf {
    let file = tmux.dir().join("audit.jsonl");
    let line = format!("{}\n", json!({"what": "x".repeat(bytes - 30)}));
    std::fs::write(&file, line).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// The disk has room again.
fn relieve(service: &Service) {
    let relieved = Command::new("prlimit")
        .args(["--pid", &service.pid().to_string(), "--fsize=unlimited"])
        .status();
    assert!(relieved.unwrap().success());
}

async fn readiness(service: &Service, wanted: u16, text: &str) {
    until(text, async || {
        let answer = ask(service.port, "GET /readyz", None, &json!({})).await;
        if answer.status == wanted && answer.body == text {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_holds_up_nobody_and_loses_nothing() {
    let tmux = Tmux::start(80, 24);
    let file = nearly_full(&tmux, 4096);
    let before = std::fs::metadata(&file).unwrap().len();
    let audit = ["--audit-file", file.to_str().unwrap()];
    let mut service = Service::start_at(&tmux, &cramped(&tmux, 4096), &audit);
    readiness(&service, 200, "ready; the audit log cannot be written\n").await;
    let viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
    viewer.opened(1).await;
    let new = json!({"name": "new"});
    let made = ask(service.port, "POST /api/sessions", None, &new).await;
    assert_eq!(made.status, 201);
    let metrics = ask(service.port, "GET /metrics", None, &json!({})).await;
    assert!(
        metrics.body.contains("\nmuxview_audit_failing 1\n"),
        "{metrics:?}"
    );
    assert_eq!(
        service
            .log()
            .matches("the audit log is not written")
            .count(),
        1
    );
    // Not half a line.
    assert_eq!(std::fs::metadata(&file).unwrap().len(), before);
    relieve(&service);
    readiness(&service, 200, "ready\n").await;
    drop(viewer);
    told(&file, "its end", |lines| {
        !of(lines, "socket-close").is_empty()
    })
    .await;
    assert_eq!(service.terminate().await, Some(0));
    let wanted = [
        "start",
        "socket-open",
        "session-create",
        "socket-close",
        "stop",
    ];
    assert_eq!(story(&lines(&file)[1..]), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_required_nothing_new_is_done_unseen() {
    let tmux = Tmux::start(80, 24);
    let file = nearly_full(&tmux, 4096);
    let audit = [
        "--auth",
        "token",
        "--audit",
        "required",
        "--audit-file",
        file.to_str().unwrap(),
    ];
    let service = Service::start_at(&tmux, &cramped(&tmux, 4096), &audit);
    let port = service.port;
    let closed = "the audit log cannot be written, and until it can, nothing new may be done here";
    readiness(&service, 503, &format!("{closed}\n")).await;
    let (first, second) = (link(&service), link(&service));
    let refused = ask(port, "POST /api/sign-in", None, &json!({ "t": first })).await;
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (503, Some(closed))
    );
    relieve(&service);
    readiness(&service, 200, "ready\n").await;
    // The link was not used up.
    let owner = sign_in(port, &first).await;
    let bearer = format!("Authorization: Bearer {owner}\r\n");
    let target = Target::Tcp(port);
    let viewer = Raw::signed_in(&target, "main", "cols=80&rows=24", &bearer).await;
    viewer.opened(1).await;

    // Full again, while somebody is in.
    let refill = std::fs::metadata(&file).unwrap().len();
    let limit = format!("--fsize={refill}:unlimited");
    let again = Command::new("prlimit")
        .args(["--pid", &service.pid().to_string(), &limit])
        .status();
    assert!(again.unwrap().success());
    let as_owner = Some(owner.as_str());
    let share = json!({"session": "main"});
    let shared = ask(port, "POST /api/shares", as_owner, &share).await;
    // It was begun while nobody knew.
    assert_eq!(shared.status, 201, "{shared:?}");
    readiness(&service, 503, &format!("{closed}\n")).await;
    let late = Raw::signed_in(&target, "main", "", &bearer).await;
    assert_eq!(late.closed().await, (1013, closed.to_owned()));
    for (line, body) in [
        ("POST /api/sessions", json!({"name": "new"})),
        ("DELETE /api/sessions/main", json!({})),
        ("POST /api/shares", share),
        ("POST /api/sign-in", json!({ "t": second })),
    ] {
        let answer = ask(port, line, as_owner, &body).await;
        assert_eq!(answer.status, 503, "{line} {answer:?}");
    }
    // Who is in stays; what ends something goes on, and the rest is told once it can be.
    let list = ask(port, "GET /api/sessions", as_owner, &json!({})).await;
    assert_eq!(list.status, 200);
    let id = shared.json()["id"].as_str().unwrap().to_owned();
    let path = format!("DELETE /api/shares/{id}");
    assert_eq!(ask(port, &path, as_owner, &json!({})).await.status, 204);
    let out = ask(port, "POST /api/sign-out", as_owner, &json!({})).await;
    assert_eq!(out.status, 204);
    assert_eq!(viewer.closed().await.0, 4401);
    relieve(&service);
    readiness(&service, 200, "ready\n").await;
    let all = told(&file, "all", |lines| !of(lines, "socket-close").is_empty()).await;
    let wanted = [
        "start",
        "sign-in",
        "socket-open",
        "share-add",
        "share-end",
        "sign-out",
        "socket-close",
    ];
    assert_eq!(story(&all[1..]), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_written_at_all_is_said_at_the_start() {
    let tmux = Tmux::start(80, 24);
    let nowhere = tmux.dir().join("file/audit.jsonl");
    std::fs::write(tmux.dir().join("file"), "no directory").unwrap();
    let exposed = tmux.dir().join("exposed");
    std::fs::write(&exposed, "").unwrap();
    std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o666)).unwrap();
    for (path, cause) in [(&nowhere, "Not a directory"), (&exposed, "0600 or 0640")] {
        let audit = ["--audit-file", path.to_str().unwrap()];
        let service = Service::start_with(&tmux, &audit);
        assert!(service.log().contains(cause), "{}", service.log());
        readiness(&service, 200, "ready; the audit log cannot be written\n").await;
        let viewer = Raw::join(&Target::Tcp(service.port), "main", "cols=80&rows=24").await;
        viewer.opened(1).await;

        for (required, command, code) in
            [(false, "check", 0), (true, "check", 1), (true, "serve", 1)]
        {
            let mut started = Command::new(REAL);
            tmux.clean(&mut started);
            let ended = started
                .args([command, "--auth", "none", "--listen", "127.0.0.1:0"])
                .args(["--audit", if required { "required" } else { "on" }])
                .args(audit)
                .arg("--state-dir")
                .arg(service.state_dir())
                .output()
                .unwrap();
            assert_eq!(
                ended.status.code(),
                Some(code),
                "{command} {required} {ended:?}"
            );
            let said = String::from_utf8(ended.stderr).unwrap();
            assert!(said.contains(cause) && said.contains("audit log"), "{said}");
        }
    }
    assert_eq!(std::fs::metadata(&exposed).unwrap().len(), 0);
    let off = Service::start_with(&tmux, &["--audit", "off"]);
    readiness(&off, 200, "ready\n").await;
    assert!(!off.state_dir().join("audit.jsonl").exists());
}
