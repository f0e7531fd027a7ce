//! A machine that takes things away: descriptors, disk, keys, tmux.

use crate::http::{Answer, Site};
use crate::support::viewer::{Join, Viewer};
use crate::support::{PATIENCE, Scene, Service, Tmux, process, until};
use crate::watcher::{Bench, SPECTATOR, driver};
use muxview::config::{self, Auth};
use muxview::state_dir::Vault;
use muxview::tmux::{Error, Server, Socket, Status};
use serde_json::{Value, json};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

/// A program that runs muxview after these lines of a shell.
fn behind(tmux: &Tmux, shell: &str) -> PathBuf {
    let real = env!("CARGO_BIN_EXE_muxview");
    let path = tmux.file(
        "muxview.sh",
        format!("#!/bin/sh\nset -e\n{shell}\nexec {real} \"$@\"\n"),
    );
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path.into()
}

async fn ask(port: u16, line: &str, body: Option<&Value>) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let body = body.map(Value::to_string).unwrap_or_default();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    Answer::to(stream, &request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_who_come_where_64_descriptors_are_harm_nobody_who_is_there() {
    let tmux = Tmux::start(80, 24);
    let program = behind(&tmux, "ulimit -n 64");
    let service = Service::start_at(&tmux, &program, &[]);
    let viewer = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    viewer.opened().await;
    let mut held = vec![];
    for _ in 0..200 {
        held.push(
            TcpStream::connect(("127.0.0.1", service.port))
                .await
                .unwrap(),
        );
    }
    let ticks = process::cpu_ticks(service.pid());
    // A second by the clock of somebody else.
    viewer.input("sleep 1; tmux wait-for -S slept\r");
    tmux.wait_for("slept").await;
    let used = process::cpu_ticks(service.pid()) - ticks;
    assert!(
        used < 60,
        "{used} hundredths of a second: it does not wait, it turns"
    );
    assert!(viewer.is_open(), "{}", viewer.story());
    assert!(process::descriptors(service.pid()) <= 64);
    // Who is told anything at all is told that there is no room.
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for stream in &mut held {
        let _ = stream.write_all(request).await;
    }
    drop(held);
    until("room again", async || {
        let answer = ask(service.port, "GET /", None).await;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(format!("{answer:?}"))
        }
    })
    .await;
    viewer.input("tmux wait-for -S typed\r");
    tmux.wait_for("typed").await;
    let complaints = service.log().matches("cannot accept").count();
    assert!(complaints <= 3, "{}", service.log());
}

/// Somebody who signed in before anything went wrong.
struct SignedIn {
    site: Site,
    state: PathBuf,
    credential: String,
    _tmux: Tmux,
}

impl SignedIn {
    async fn open() -> Self {
        let tmux = Tmux::start(80, 24);
        let site = Site::open_with(Auth::Token, |config| {
            config.tmux = config::Tmux::Path(tmux.socket());
        })
        .await;
        let state = site.dir.path().join("state");
        let link = site.secret.clone().unwrap();
        let mut one = Self {
            site,
            state,
            credential: String::new(),
            _tmux: tmux,
        };
        let made = one.post("/api/sign-in", &json!({ "t": link })).await.json();
        one.credential = made["credential"].as_str().unwrap().to_owned();
        until("tmux to be asked", async || {
            let list = one.list().await;
            if list.status == 200 && list.body.contains("main") {
                Ok(())
            } else {
                Err(format!("{list:?}"))
            }
        })
        .await;
        one
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let length = format!("Content-Length: {}", body.len());
        let bearer = format!("Authorization: Bearer {}", self.credential);
        let headers = ["Content-Type: application/json", &length, &bearer];
        self.site
            .ask(&format!("POST {path}"), &headers, &body)
            .await
    }

    async fn list(&self) -> Answer {
        let bearer = format!("Authorization: Bearer {}", self.credential);
        self.site.ask("GET /api/sessions", &[&bearer], "").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_taken_away_while_it_runs_end_nothing_and_begin_nothing() {
    let one = SignedIn::open().await;
    let good = Vault::open(Some(&one.state)).unwrap();
    let new = json!({"session": "main"});
    for name in ["keys", "ledger"] {
        let path = one.state.join(name);
        let whole = fs::read(&path).unwrap();
        let harms: [(&str, &dyn Fn()); 5] = [
            ("deleted", &|| fs::remove_file(&path).unwrap()),
            ("emptied", &|| fs::write(&path, "").unwrap()),
            ("cut", &|| {
                fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            }),
            ("open to others", &|| {
                fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
            }),
            ("another kind of thing", &|| {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }),
        ];
        for (what, harm) in harms {
            let link = good.link().unwrap();
            harm();
            // Who is in stays in; nobody new comes in, nothing is shared, and nobody believes to be out who is not.
            assert_eq!(one.list().await.status, 200, "{name} {what}");
            for (path, body) in [
                ("/api/shares", &new),
                ("/api/sign-in", &json!({ "t": link })),
                ("/api/sign-out", &json!({"everywhere": true})),
            ] {
                let answer = one.post(path, body).await;
                assert!(answer.status >= 500, "{name} {what} {path}: {answer:?}");
                let sentence = answer.json()["error"].as_str().unwrap().to_owned();
                assert!(
                    sentence.len() > 20 && !sentence.contains(&link),
                    "{sentence}"
                );
            }
            // A start is refused in one sentence that names the file, and makes no other keys instead.
            if what != "deleted" {
                let refused = Vault::open(Some(&one.state)).unwrap_err().to_string();
                assert!(
                    refused.contains(path.to_str().unwrap()),
                    "{name} {what}: {refused}"
                );
                assert!(!refused.contains('\n'));
            }
            let _ = fs::remove_dir(&path);
            let _ = fs::remove_file(&path);
            fs::write(&path, &whole).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert_eq!(one.list().await.status, 200, "{name} {what}, mended");
        }
    }
    assert_eq!(one.post("/api/shares", &new).await.status, 201);
    one.site.service.stop().await;
}

/// A service whose state directory is a small disk of its own, which nobody else sees.
struct SmallDisk {
    tmux: Tmux,
    service: Service,
    credential: String,
}

impl SmallDisk {
    async fn open(audit: &str) -> Self {
        let tmux = Tmux::start(80, 24);
        let state = tmux.dir().join("small");
        fs::create_dir(&state).unwrap();
        let (state, socket) = (state.display(), tmux.socket());
        let real = env!("CARGO_BIN_EXE_muxview");
        let program = tmux.file(
            "muxview.sh",
            format!(
                "#!/bin/sh\nexec unshare --mount --map-root-user \\\n\
                 sh -c 'mount -t tmpfs -o size=64k,mode=700 small \"$0\" && exec \"$@\"' {state} \\\n\
                 {real} --auth token --audit {audit} --listen 127.0.0.1:0 --state-dir {state} --tmux-socket-path {}\n",
                socket.display()
            ),
        );
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let service = Service::start_at(&tmux, Path::new(&program), &[]);
        let mut disk = Self {
            tmux,
            service,
            credential: String::new(),
        };
        let link = Vault::open(Some(&disk.inside())).unwrap().link().unwrap();
        let made = disk.post("/api/sign-in", json!({ "t": link })).await.json();
        disk.credential = made["credential"].as_str().unwrap().to_owned();
        until("the session to be known", async || {
            let shared = disk.share().await;
            if shared.status == 201 {
                Ok(())
            } else {
                Err(format!("{shared:?}"))
            }
        })
        .await;
        disk
    }

    /// The disk, as it is seen from here.
    fn inside(&self) -> PathBuf {
        let small = self.tmux.dir().join("small");
        PathBuf::from(format!(
            "/proc/{}/root{}",
            self.service.pid(),
            small.display()
        ))
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.service.port))
            .await
            .unwrap();
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.credential,
            body.len()
        );
        Answer::to(stream, &request).await
    }

    async fn share(&self) -> Answer {
        self.post("/api/shares", json!({"session": "main"})).await
    }

    /// Nothing is promised that could not be kept, and the reason is said.
    async fn refuses(&self, reason: &str) {
        for (path, body) in [
            ("/api/shares", json!({"session": "main"})),
            ("/api/sign-out", json!({})),
        ] {
            let answer = self.post(path, body).await;
            assert!(
                answer.status >= 500 && answer.body.contains(reason),
                "{answer:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_refuses_what_it_cannot_keep() {
    let disk = SmallDisk::open("on").await;
    let fill = disk.inside().join("fill");
    let mut file = fs::File::create(&fill).unwrap();
    while std::io::Write::write(&mut file, &[b'x'; 512]).is_ok_and(|written| written > 0) {}
    disk.refuses("No space left").await;
    fs::remove_file(&fill).unwrap();
    drop(file);
    assert_eq!(disk.share().await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_may_not_be_written_refuses_what_it_cannot_keep() {
    // The audit log is open for writing as long as there is one, and such a disk cannot become so.
    let disk = SmallDisk::open("off").await;
    let remount = |how: &str| {
        let status = std::process::Command::new("nsenter")
            .args(["--user", "--mount", "--preserve-credentials", "-t"])
            .arg(disk.service.pid().to_string())
            .args(["mount", "-o", &format!("remount,{how}")])
            .arg(disk.tmux.dir().join("small"))
            .status();
        assert!(status.unwrap().success());
    };
    remount("ro");
    disk.refuses("Read-only").await;
    remount("rw");
    assert_eq!(disk.share().await.status, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tmux_server_that_is_killed_is_told_at_once_and_started_over_its_stale_socket() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start(&tmux);
    let viewer = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    viewer.opened().await;
    process::signal(tmux.pid(), "KILL");
    let (code, reason) = viewer.closed().await;
    assert_eq!(code, 4410, "{reason}");
    assert!(tmux.socket().exists(), "it is stale, not gone");
    let new = json!({"name": "main", "command": "exec cat"});
    until("another server", async || {
        let made = ask(service.port, "POST /api/sessions", Some(&new)).await;
        if made.status == 201 {
            Ok(())
        } else {
            Err(format!("{made:?}"))
        }
    })
    .await;
    let again = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    again.opened().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_that_stalls_does_not_keep_a_tmux_server_from_ending() {
    let scene = Scene::open(80, 24).await;
    let stalled = Viewer::listen(
        &scene.service,
        "main",
        Join {
            keep: false,
            ..Join::spectator()
        },
    )
    .await;
    until("a picture", async || {
        if stalled.received().0 > 0 {
            Ok(())
        } else {
            Err(stalled.story())
        }
    })
    .await;
    stalled.pause();
    scene.tmux.enter("main:", "yes 'over and over and over'");
    scene
        .live
        .shows("the flood", |p| p.contains("over and over"))
        .await;
    let pid = scene.tmux.pid();
    let began = Instant::now();
    scene.tmux.cmd(&["kill-server"]);
    until("tmux to be gone", async || {
        if process::command_line(pid).is_empty() {
            Ok(())
        } else {
            Err("it lives".to_owned())
        }
    })
    .await;
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    assert_eq!(scene.live.closed().await.0, 4410);
    stalled.resume();
    assert_eq!(stalled.closed().await.0, 4410);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tmux_socket_that_may_not_be_used_is_named_and_never_no_sessions() {
    let tmux = Tmux::start(80, 24);
    // A link to it is it.
    let link = tmux.dir().join("link");
    std::os::unix::fs::symlink(tmux.socket(), &link).unwrap();
    let server = Server::new(Socket::Path(link));
    let listed = server.sessions().await.unwrap();
    assert_eq!(listed.len(), 1);

    // A place others may write to, which tmux itself refuses.
    let uid = rustix::process::getuid().as_raw();
    let own = tmux.dir().join(format!("tmux-{uid}"));
    fs::create_dir_all(&own).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(own.join("exposed")).unwrap();
    fs::set_permissions(&own, Permissions::from_mode(0o777)).unwrap();
    let real = env!("CARGO_BIN_EXE_muxview");
    let program = tmux.file(
        "muxview.sh",
        format!(
            "#!/bin/sh\nexec {real} --auth none --listen 127.0.0.1:0 --tmux-socket-name exposed\n"
        ),
    );
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    let named = Service::start_at(&tmux, Path::new(&program), &[]);
    until("the fault to be told", async || {
        let list = ask(named.port, "GET /api/sessions", None).await;
        let told = list.status >= 500
            && list.body.contains("unsafe permissions")
            && list.body.contains(own.to_str().unwrap());
        if told {
            Ok(())
        } else {
            Err(format!("{list:?}"))
        }
    })
    .await;
    drop(socket);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tmux_of_another_version_than_its_server_is_named_with_what_to_do() {
    let tmux = Tmux::start(80, 24);
    let program = tmux.file(
        "tmux.sh",
        "#!/bin/sh\n[ \"$1\" = -V ] && { echo tmux 3.9; exit; }\necho 'protocol version mismatch (client 9, server 8)' >&2\nexit 1\n",
    );
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    // It speaks a protocol of another version: here, none at all.
    let path = Path::new(&tmux.socket()).with_extension("other");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let server = Server::with_program(program.into(), Socket::Path(path));
    let mut status = server.status();
    let failed = tokio::time::timeout(
        PATIENCE,
        status.wait_for(|status| matches!(status, Status::Failed(_))),
    );
    let Status::Failed(error) = failed.await.unwrap().unwrap().clone() else {
        unreachable!("waited for")
    };
    assert!(matches!(error, Error::Failed { .. }), "{error:?}");
    let said = error.to_string();
    assert!(
        said.contains("version mismatch") && said.contains("restart the server"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewers_task_that_panics_is_missed_by_nobody() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut stays = bench.watch("main", SPECTATOR).await;
    let doomed = bench.watch("main", driver(100, 30)).await;
    stays
        .follow("both", |watcher| watcher.state().drive == 1)
        .await;
    let task = tokio::spawn(async move {
        let _with_it = doomed;
        assert!(std::hint::black_box(false), "as meant");
    });
    assert!(task.await.unwrap_err().is_panic());
    stays
        .follow("the other to be gone", |watcher| watcher.state().drive == 0)
        .await;
    let next = bench.watch("main", driver(80, 24)).await;
    next.types("echo still $((1+1))\r").await;
    stays.shows("still 2").await;
    // A panic must not be the end of the process, whatever a profile may save by it.
    let manifest = include_str!("../../../Cargo.toml");
    assert!(!manifest.contains("panic ="));
}
