//! The configurations in `deploy/` for proxies that say who somebody is, in the real nginx and Caddy: what a
//! client says of itself never reaches muxview.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Running {
    Running(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// muxview behind a proxy of our own user.
fn muxview(dir: &Path) -> Running {
    let secret = dir.join("secret");
    fs::write(&secret, SECRET).unwrap();
    let mut private = Command::new("chmod");
    assert!(private.arg("600").arg(&secret).status().unwrap().success());
    let uid = rustix::process::getuid().as_raw().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
    command
        .args([
            "serve",
            "--auth",
            "proxy",
            "--public-origin",
            "https://term.example.org",
        ])
        .args(["--proxy-peer", &uid, "--allow", "ann=manage"])
        .arg("--proxy-secret-file")
        .arg(&secret)
        .arg("--listen")
        .arg(format!("unix:{}", dir.join("muxview.sock").display()))
        .arg("--tmux-socket-path")
        .arg(dir.join("tmux"))
        .arg("--state-dir")
        .arg(dir.join("state"))
        .stderr(Stdio::null());
    let running = start(&mut command);
    let until = Instant::now() + PATIENCE;
    while !dir.join("muxview.sock").exists() {
        assert!(Instant::now() < until, "muxview does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    running
}

/// Answers every question of a proxy: who has the cookie `ann` is ann, everybody else is nobody, and is let
/// through, as the worst that may be configured.
fn signs_in(header: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0)
            {
                head.push(byte[0]);
            }
            let named = String::from_utf8_lossy(&head)
                .to_lowercase()
                .contains("cookie: ann");
            let user = if named {
                format!("{header}: ann\r\n")
            } else {
                String::new()
            };
            let answer =
                format!("HTTP/1.1 200 OK\r\n{user}Content-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

/// The status that `/api/sessions` is answered with.
fn status(port: u16, headers: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!(
        "GET /api/sessions HTTP/1.1\r\nHost: term.example.org\r\nConnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// Asks as somebody who has signed in, as nobody, and as nobody who claims to be ann.
///
/// Who is nobody is refused: without a name 401, and 400 where the proxy sends an empty one.
fn asks(port: u16) {
    let refused = |headers: &str| matches!(status(port, headers), Some(400 | 401));
    let until = Instant::now() + PATIENCE;
    while status(port, "Cookie: ann\r\n") != Some(200) {
        let now = status(port, "Cookie: ann\r\n");
        assert!(Instant::now() < until, "{now:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(refused(""));
    for name in [
        "X-Muxview-User",
        "x-muxview-user",
        "X_Muxview_User",
        "Remote-User",
        "X-Auth-Request-User",
    ] {
        let claims = format!("{name}: ann\r\n");
        assert!(refused(&claims), "{name}");
        let twice = format!("{claims}{claims}X-Muxview-Proxy-Secret: {SECRET}\r\n");
        assert!(refused(&twice), "{name}");
        // What is claimed besides takes nobody's own name away.
        let other = format!("Cookie: ann\r\n{name}: eve\r\nX-Muxview-Proxy-Secret: wrong\r\n");
        assert_eq!(status(port, &other), Some(200), "{name}");
    }
}

fn sample(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn nginx_takes_away_what_a_client_says_of_itself() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().display().to_string();
    let _muxview = muxview(dir.path());
    let (port, auth) = (free_port(), signs_in("X-Auth-Request-User"));
    fs::write(
        dir.path().join("secret.conf"),
        format!("proxy_set_header X-Muxview-Proxy-Secret {SECRET};\n"),
    )
    .unwrap();
    let config = sample("nginx/identity.conf")
        .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"))
        .replace("listen 80;", &format!("listen unix:{place}/plain;"))
        .replace("127.0.0.1:4180", &format!("127.0.0.1:{auth}"))
        .replace(
            "/etc/nginx/muxview-secret.conf",
            &format!("{place}/secret.conf"),
        )
        .replace("/run/muxview.sock", &format!("{place}/muxview.sock"));
    let config: String = config
        .lines()
        .filter(|line| !line.contains("ssl_certificate"))
        .map(|line| format!("{line}\n"))
        .collect();
    let user = if rustix::process::getuid().is_root() {
        "user root;"
    } else {
        ""
    };
    let whole = format!(
        "{user} daemon off; pid {place}/pid; error_log {place}/error.log; events {{}}\nhttp {{ access_log off;\n\
         client_body_temp_path {place}/1; proxy_temp_path {place}/2; fastcgi_temp_path {place}/3;\n\
         uwsgi_temp_path {place}/4; scgi_temp_path {place}/5;\n{config}}}\n"
    );
    fs::write(dir.path().join("nginx.conf"), whole).unwrap();
    let _nginx = start(
        Command::new("nginx")
            .args(["-p", &place, "-e"])
            .arg(format!("{place}/error.log"))
            .arg("-c")
            .arg(dir.path().join("nginx.conf")),
    );
    asks(port);
}

#[test]
fn caddy_takes_away_what_a_client_says_of_itself() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().display().to_string();
    let _muxview = muxview(dir.path());
    let (port, auth) = (free_port(), signs_in("Remote-User"));
    let config = sample("caddy/forward-auth.Caddyfile")
        .replace(
            "term.example.org {",
            &format!("http://term.example.org:{port} {{\n\tbind 127.0.0.1"),
        )
        .replace("127.0.0.1:9091", &format!("127.0.0.1:{auth}"))
        .replace(
            "unix//run/muxview.sock",
            &format!("unix/{place}/muxview.sock"),
        );
    let whole = format!("{{\n\tadmin off\n}}\n{config}");
    fs::write(dir.path().join("Caddyfile"), whole).unwrap();
    let _caddy = start(
        Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(dir.path().join("Caddyfile"))
            .env("HOME", dir.path())
            .env("MUXVIEW_PROXY_SECRET", SECRET)
            .stderr(fs::File::create(dir.path().join("log")).unwrap()),
    );
    asks(port);
}
