//! A right that ends ends what is open by it: a hundred times each, within a second, with the right
//! word; and nothing else ends.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::{http, signed, tmux};

use crate::http::Site;
use crate::signed::{get, hello, link, post, send, sign_in, site, watch};
use crate::support::raw::{Got, Raw, Target};
use crate::tmux::Tmux;
use futures_util::StreamExt as _;
use muxview::access::Credential;
use muxview::config::limits::CREDENTIAL_LIFE;
use muxview::state_dir;
use serde_json::json;
use std::collections::HashMap;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

const TIMES: usize = 100;
/// What the issue allows.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Something open; how and when it ended.
struct Open(watch::Receiver<Option<(u16, Instant)>>);

impl Open {
    /// A socket, once it is let in.
    async fn socket(site: &Site, session: &str, credential: &str) -> Self {
        let mut socket = watch(site, session, credential).await;
        hello(&mut socket).await.expect("let in");
        Self::until(async move {
            loop {
                match socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(_)) => {}
                    _ => return 1006,
                }
            }
        })
    }

    /// An event stream, once it tells something; it ends with 0.
    async fn stream(site: &Site, credential: &str) -> Self {
        let mut stream = site.connect().await;
        let bearer = format!("Authorization: Bearer {credential}");
        let head = site.head("GET /api/events", &[&bearer]);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.windows(6).any(|six| six == b"event:") {
            let more = timeout(http::PATIENCE, stream.read_buf(&mut read)).await;
            assert!(
                more.unwrap().unwrap() > 0,
                "{}",
                String::from_utf8_lossy(&read)
            );
        }
        Self::until(async move {
            let mut last = Vec::new();
            while matches!(stream.read_buf(&mut last).await, Ok(1..)) {
                if last.ends_with(b"0\r\n\r\n") {
                    break;
                }
                last.clear();
            }
            0
        })
    }

    fn until(ended: impl Future<Output = u16> + Send + 'static) -> Self {
        let (tell, told) = watch::channel(None);
        tokio::spawn(async move {
            let code = ended.await;
            tell.send_replace(Some((code, Instant::now())));
        });
        Self(told)
    }

    fn is_open(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Waits for its end: the code, and how long after `since` it came.
    async fn ended(&mut self, since: Instant) -> (u16, Duration) {
        let ended = self.0.wait_for(Option::is_some);
        let ended = timeout(http::PATIENCE, ended).await.expect("it ends");
        let (code, at) = ended.unwrap().unwrap();
        assert!(at >= since, "it ended before: {code}");
        (code, at - since)
    }
}

/// The longest of them, each of which must have been at once.
fn longest(times: &[Duration]) -> Duration {
    let late = times.iter().filter(|time| **time >= AT_ONCE).count();
    let longest = times.iter().max().copied().unwrap_or_default();
    assert_eq!(
        late,
        0,
        "of {} late; the longest took {longest:?}",
        times.len()
    );
    longest
}

/// What one sign-in has open.
async fn page(site: &Site, credential: &str) -> [Open; 2] {
    [
        Open::socket(site, "a", credential).await,
        Open::stream(site, credential).await,
    ]
}

/// Whether a credential opens nothing any more.
async fn is_out(site: &Site, credential: &str) {
    assert_eq!(
        hello(&mut watch(site, "a", credential).await).await,
        Err(4401)
    );
    assert_eq!(get(site, "/api/events", credential).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_out_is_out_and_nobody_else() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let bystander = sign_in(&site, &link(&site)).await;
    let mut stays = page(&site, &bystander).await;
    let mut pages = Vec::new();
    for _ in 0..TIMES {
        let credential = sign_in(&site, &link(&site)).await;
        pages.push((page(&site, &credential).await, credential));
    }
    let mut times = Vec::new();
    // The last first, so that order proves nothing.
    while let Some((open, credential)) = pages.pop() {
        let since = Instant::now();
        let out = post(&site, "/api/sign-out", Some(&credential), json!({})).await;
        assert_eq!(out.status, 204);
        for (mut open, code) in open.into_iter().zip([4401, 0]) {
            let (closed, time) = open.ended(since).await;
            assert_eq!(closed, code);
            times.push(time);
        }
        is_out(&site, &credential).await;
        let open = pages.iter().flat_map(|(open, _)| open);
        assert!(open.chain(&stays).all(Open::is_open));
    }
    println!(
        "signed out: {} closed, the last after {:?}",
        times.len(),
        longest(&times)
    );

    // One who was away meanwhile finds out when they come back, and all at once may be signed out.
    for _ in 0..TIMES / 2 {
        let credential = sign_in(&site, &link(&site)).await;
        pages.push((page(&site, &credential).await, credential));
    }
    let away = sign_in(&site, &link(&site)).await;
    drop(page(&site, &away).await);
    let since = Instant::now();
    let everywhere = json!({"everywhere": true});
    let out = post(&site, "/api/sign-out", Some(&bystander), everywhere).await;
    assert_eq!(out.status, 204);
    let mut times = Vec::new();
    for open in pages
        .iter_mut()
        .flat_map(|(open, _)| open)
        .chain(&mut stays)
    {
        let (code, time) = open.ended(since).await;
        assert!(code == 4401 || code == 0, "{code}");
        times.push(time);
    }
    is_out(&site, &away).await;
    println!(
        "everywhere: {} closed, the last after {:?}",
        times.len(),
        longest(&times)
    );
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_is_ended_ends_its_guests_and_no_others() {
    const SHARES: usize = 20;
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let mut stays = page(&site, &owner).await;
    let mut shares = Vec::new();
    for _ in 0..SHARES {
        let wish = json!({"session": "a", "uses": TIMES});
        let made = post(&site, "/api/shares", Some(&owner), wish).await.json();
        let secret = made["link"].as_str().unwrap().split_once("#t=").unwrap().1;
        let mut guests = Vec::new();
        for _ in 0..TIMES / SHARES {
            let guest = sign_in(&site, secret).await;
            guests.push((page(&site, &guest).await, guest));
        }
        shares.push((made["id"].as_str().unwrap().to_owned(), guests));
    }
    let mut times: HashMap<&str, Vec<Duration>> = HashMap::new();
    let state = site.dir.path().join("state");
    while let Some((id, guests)) = shares.pop() {
        // By the page and, in another process, by hand.
        let by = ["page", "hand"][shares.len() % 2];
        let since = if by == "page" {
            let since = Instant::now();
            let path = format!("/api/shares/{id}");
            let ended = send(&site, "DELETE", &path, Some(&owner), json!({})).await;
            assert_eq!(ended.status, 204);
            since
        } else {
            let (state, id) = (state.clone(), id.clone());
            let ended = tokio::task::spawn_blocking(move || {
                let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
                command
                    .args(["share", "rm", &id])
                    .arg("--state-dir")
                    .arg(state);
                command.output().unwrap()
            });
            let ended = ended.await.unwrap();
            assert!(ended.status.success(), "{ended:?}");
            // How long a program takes to start is not the question.
            Instant::now()
        };
        for (open, credential) in guests {
            for (mut open, code) in open.into_iter().zip([4403, 0]) {
                let ended = timeout(http::PATIENCE, open.0.wait_for(Option::is_some)).await;
                let (closed, at) = ended.expect("it ends").unwrap().unwrap();
                assert_eq!(closed, code);
                times
                    .entry(by)
                    .or_default()
                    .push(at.saturating_duration_since(since));
            }
            is_out(&site, &credential).await;
        }
        let guests = shares.iter().flat_map(|(_, guests)| guests);
        let open = guests.flat_map(|(open, _)| open);
        assert!(open.chain(&stays).all(Open::is_open));
    }
    for (by, times) in times {
        println!(
            "shares ended by {by}: {} closed, the last after {:?}",
            times.len(),
            longest(&times)
        );
    }
    assert!(stays.iter_mut().all(|open| open.is_open()));
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_expires_is_over_within_a_second() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let stays = page(&site, &owner).await;
    let vault = signed::vault(&site);
    let mut expiring = Vec::new();
    for _ in 0..TIMES {
        // As if it had been signed in with a week ago, but for three seconds.
        let state = vault.state();
        let made = state_dir::now() + 3 - CREDENTIAL_LIFE.as_secs();
        let credential = Credential::page(state_dir::random().unwrap(), &state.ledger, None, made);
        let sealed = credential.sealed(&state.keys);
        let socket = Open::socket(&site, "a", &sealed).await;
        expiring.push((credential.expires, socket));
    }
    let mut times = Vec::new();
    for (expires, mut socket) in expiring {
        let ended = timeout(http::PATIENCE, socket.0.wait_for(Option::is_some)).await;
        let (code, at) = ended.expect("it ends").unwrap().unwrap();
        assert_eq!(code, 4401);
        let at = SystemTime::now() - at.elapsed();
        let expired = SystemTime::UNIX_EPOCH + Duration::from_secs(expires);
        times.push(at.duration_since(expired).expect("not before its time"));
    }
    println!(
        "expired: {} closed, the last after {:?}",
        times.len(),
        longest(&times)
    );
    assert!(stays.iter().all(Open::is_open));
    site.service.stop().await;
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A service behind a proxy, by a configuration that can be written anew. Gone with the guard.
struct Proxied {
    child: std::process::Child,
    tmux: Tmux,
}

impl Proxied {
    async fn start(rules: &[String]) -> Self {
        let tmux = Tmux::none();
        tmux.must(&[
            "new-session",
            "-d",
            "-s",
            "open",
            "-x",
            "80",
            "-y",
            "24",
            "cat",
        ]);
        let path = |name: &str| tmux.dir.path().join(name);
        std::fs::write(path("secret"), SECRET).unwrap();
        std::fs::set_permissions(
            path("secret"),
            std::os::unix::fs::PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        Self::allow(&tmux, rules);
        let child = {
            let _guard = crate::support::process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            Command::new(env!("CARGO_BIN_EXE_muxview"))
                .args([
                    "--auth",
                    "proxy",
                    "--narrow-drive",
                    "yes",
                    "--tmux-socket-name",
                    &tmux.name,
                ])
                .args(["--public-origin", "https://term.example", "--listen"])
                .arg(format!("unix:{}", path("http").display()))
                .arg("--proxy-secret-file")
                .arg(path("secret"))
                .arg("--config")
                .arg(path("config"))
                .env_remove("TMUX")
                .stdin(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        };
        let proxied = Self { child, tmux };
        tmux::until("the socket", async || {
            UnixStream::connect(proxied.socket()).await.is_ok()
        })
        .await;
        proxied
    }

    fn socket(&self) -> std::path::PathBuf {
        self.tmux.dir.path().join("http")
    }

    fn allow(tmux: &Tmux, rules: &[String]) {
        let config = format!("allow = {rules:?}\n");
        std::fs::write(tmux.dir.path().join("config"), config).unwrap();
    }

    async fn watch(&self, user: &str) -> Raw {
        let lines = format!(
            "Origin: http://localhost\r\nX-Muxview-User: {user}\r\nX-Muxview-Proxy-Secret: {SECRET}\r\n"
        );
        let target = Target::Unix(self.socket());
        let raw = Raw::signed_in(&target, "open", "cols=80&rows=24", &lines).await;
        raw.opened(1).await;
        raw
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The role one was greeted with last.
fn role(raw: &Raw) -> String {
    let log = raw.log();
    let hello = log.iter().rev().find_map(|got| match got {
        Got::Text(value) if value["type"] == "hello" => value["role"].as_str(),
        _ => None,
    });
    hello.expect("greeted").to_owned()
}

/// Waits until each of them is closed with this code; how long after `since` that was.
async fn all_closed(raws: Vec<Raw>, code: u16, since: Instant) -> Vec<Duration> {
    let closed = raws.into_iter().map(|raw| {
        tokio::spawn(async move {
            let (given, reason) = raw.closed().await;
            assert_eq!(given, code, "{reason}");
            since.elapsed()
        })
    });
    let mut times = Vec::new();
    for closed in closed.collect::<Vec<_>>() {
        times.push(closed.await.unwrap());
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_change_or_no_longer_fit_the_name_end_what_they_gave() {
    let rules = [
        "ann*=manage",
        "see*=view:open*",
        "type*=view",
        "type*=drive:open*",
    ]
    .map(str::to_owned);
    let proxied = Proxied::start(&rules).await;
    let stays = proxied.watch("ann").await;
    let (mut see, mut types) = (Vec::new(), Vec::new());
    for n in 0..TIMES / 2 {
        see.push(proxied.watch(&format!("see{n}")).await);
        types.push(proxied.watch(&format!("type{n}")).await);
    }
    assert!(see.iter().all(|raw| role(raw) == "view"));
    assert!(types.iter().all(|raw| role(raw) == "drive"));
    let since = Instant::now();
    proxied
        .tmux
        .must(&["rename-session", "-t", "open", "closed"]);
    let (see, types) = tokio::join!(all_closed(see, 4403, since), all_closed(types, 4503, since));
    let times = [see, types].concat();
    println!(
        "renamed: {} closed, the last after {:?}",
        times.len(),
        longest(&times)
    );
    assert_eq!(role(&stays), "drive");

    // By another configuration: the next image knows who is whose.
    proxied
        .tmux
        .must(&["rename-session", "-t", "closed", "open"]);
    stays
        .wait("the name", |log| {
            let last = log.iter().rev().find_map(|got| match got {
                Got::Text(value) if value["type"] == "session" => value["name"].as_str(),
                _ => None,
            });
            (last == Some("open")).then_some(())
        })
        .await;
    let (mut out, mut less, mut same) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..TIMES {
        match n % 3 {
            0 => out.push(proxied.watch(&format!("see{n}")).await),
            1 => less.push(proxied.watch(&format!("type{n}")).await),
            _ => same.push(proxied.watch(&format!("ann{n}")).await),
        }
    }
    Proxied::allow(
        &proxied.tmux,
        &["ann*=manage".to_owned(), "type*=view".to_owned()],
    );
    crate::support::process::signal(proxied.child.id(), "HUP");
    let began = async {
        stays.opened(2).await;
        Instant::now()
    };
    // None is open a second after the new rules count, which is when the first is greeted by them.
    let closed = all_closed(out, 4404, Instant::now());
    let now = Instant::now();
    let (began, times) = tokio::join!(began, closed);
    let started = began.duration_since(now);
    let times: Vec<_> = times
        .into_iter()
        .map(|time| time.saturating_sub(started))
        .collect();
    for raw in less.iter().chain(&same) {
        raw.opened(2).await;
    }
    assert!(less.iter().all(|raw| role(raw) == "view"));
    assert!(same.iter().all(|raw| role(raw) == "drive"));
    println!(
        "other rules: {} closed, the last after {:?}",
        times.len(),
        longest(&times)
    );
}
