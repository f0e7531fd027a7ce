//! What a signed-in driver feels while others flood the service: from key to echo, as a ratio to the
//! quiet run; what the service weighs meanwhile; and how soon it is rid of them. The load runs in a
//! process of its own (this program, called with `--load`). Prints a table, in which the floor is the
//! quiet run, then one line of JSON for each figure.

#![allow(clippy::unwrap_used)] // a bench that cannot go on just ends

#[path = "speed/figure.rs"]
#[allow(dead_code)] // it has more than is needed here
mod figure;
#[path = "../support/mod.rs"]
mod support;

use bytes::BytesMut;
use figure::{Figure, Goal};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::raw::{Got, frame, input, parse, ping};
use support::{Service, Tmux, process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};

/// Keys typed in each run.
const KEYS: usize = 400;
/// Between two keys: a fast typist's.
const PACE: Duration = Duration::from_millis(15);
/// Within which who floods must be gone.
const A_WHILE: Duration = Duration::from_secs(60);
/// Floods, and what each is.
const FLOODS: [(&str, &str); 7] = [
    ("heads", "1,000 heads, a byte a second each"),
    ("silent", "1,000 connections that say nothing"),
    ("half-open", "1,000 viewers that vanished without a word"),
    ("pings", "10,000 pings a second from one viewer"),
    ("storm", "pings as fast as they go from ten viewers"),
    (
        "strangers",
        "1,000 sockets without a sign-in, again and again",
    ),
    (
        "requests",
        "requests without a sign-in, as fast as they go, 50 at once",
    ),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` and `cargo bench -- --test` only want to know that it builds.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    if let [_, load, kind, port, secret] = &arguments[..]
        && load == "--load"
    {
        let port = port.parse().unwrap();
        return runtime.block_on(flood(kind, port, secret));
    }
    figure::print(&runtime.block_on(measure()));
}

// ── who is measured ──────────────────────────────────────────────────────────────────────────

async fn measure() -> Vec<Figure> {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_with(&tmux, &["--auth", "token"]);
    let pid = service.pid();
    let secret = service.secret.clone().unwrap();
    tmux.enter("main:", "stty raw -echo; tmux wait-for -S raw; exec cat");
    tmux.wait_for("raw").await;
    let mut driver = Driver::join(service.port, &secret).await;
    driver.type_keys().await;
    let quiet = driver.type_keys().await;
    let still = memory(pid);
    let mut figures = Vec::new();
    for (kind, what) in FLOODS {
        let before = process::descriptors(pid);
        let mut load = Load::begin(kind, service.port, &secret);
        sleep(Duration::from_secs(1)).await;
        let (over, watching) = watch::channel(false);
        let watching = tokio::spawn(most(pid, watching));
        let times = driver.type_keys().await;
        over.send_replace(true);
        let (rss, pss, descriptors) = watching.await.unwrap();
        let rate = load.vanish();
        let since = Instant::now();
        while process::descriptors(pid) > before {
            assert!(since.elapsed() < 2 * A_WHILE, "they stay");
            // Who never says anything is closed, and so would this one be.
            driver.ack().await;
            driver.hear(Duration::from_millis(200)).await;
        }
        let gone = since.elapsed();
        drop(load);
        let mut figure = |name: &str, unit, floor, ours, goal| {
            figures.push(Figure::new(
                format!("{what}: {name}"),
                unit,
                floor,
                ours,
                goal,
            ));
        };
        for (name, part) in [("key to echo, p50", 0.5), ("key to echo, p99", 0.99)] {
            let (floor, ours) = (
                figure::quantile(&quiet, part),
                figure::quantile(&times, part),
            );
            figure(name, "ms", Some(floor), ours, Goal::AtMost(100.0));
        }
        figure(
            "memory, resident",
            "MiB",
            Some(still.0),
            rss,
            Goal::AtMost(100.0),
        );
        figure(
            "memory, proportional",
            "MiB",
            Some(still.1),
            pss,
            Goal::AtMost(100.0),
        );
        let open = descriptors.saturating_sub(before) as f64;
        figure("open at once", "", None, open, Goal::None);
        figure("flood", "a second", None, rate, Goal::None);
        let most = A_WHILE.as_secs_f64();
        figure(
            "all gone after",
            "s",
            None,
            gone.as_secs_f64(),
            Goal::AtMost(most),
        );
    }
    figures
}

/// A viewer who types and waits for the echo.
struct Driver {
    stream: TcpStream,
    buffer: BytesMut,
    shown: u64,
}

impl Driver {
    async fn join(port: u16, secret: &str) -> Self {
        let (stream, buffer) = upgrade(port, Some(secret), "cols=80&rows=24")
            .await
            .unwrap();
        let mut driver = Self {
            stream,
            buffer,
            shown: 0,
        };
        driver.frame().await;
        driver.hear(Duration::from_secs(1)).await;
        driver
    }

    /// Times from key to echo, in milliseconds.
    async fn type_keys(&mut self) -> Vec<f64> {
        let mut times = Vec::new();
        for n in 0..KEYS {
            let key = [b'a' + (n % 26) as u8];
            let began = Instant::now();
            self.stream.write_all(&input(&key)).await.unwrap();
            self.frame().await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            self.hear(PACE).await;
        }
        times
    }

    /// Waits for the next frame, and acks it.
    async fn frame(&mut self) {
        loop {
            while let Some(got) = parse(&mut self.buffer) {
                if let Got::Binary(bytes) = got {
                    self.shown += bytes.len() as u64;
                    return self.ack().await;
                }
            }
            let read = self.stream.read_buf(&mut self.buffer).await.unwrap();
            assert!(read > 0, "the driver was thrown out");
        }
    }

    async fn ack(&mut self) {
        let ack = serde_json::json!({"type": "ack", "bytes": self.shown});
        let ack = frame(0x81, ack.to_string().as_bytes());
        self.stream.write_all(&ack).await.unwrap();
    }

    /// Takes what comes for a while.
    async fn hear(&mut self, time: Duration) {
        let hearing = async {
            loop {
                self.frame().await;
            }
        };
        let _ = timeout(time, hearing).await;
    }
}

/// A socket; of one without a sign-in only the answer to the upgrade is read.
async fn upgrade(
    port: u16,
    secret: Option<&str>,
    query: &str,
) -> std::io::Result<(TcpStream, BytesMut)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let bearer = secret.map(|secret| format!("Authorization: Bearer {secret}\r\n"));
    let head = format!(
        "GET /s/main/ws?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: muxview.v1\r\n{}\r\n",
        bearer.unwrap_or_default()
    );
    stream.write_all(head.as_bytes()).await?;
    let mut buffer = BytesMut::new();
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let _ = buffer.split_to(end + 4);
            return Ok((stream, buffer));
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The most it weighs and holds open until it is over.
async fn most(pid: u32, mut over: watch::Receiver<bool>) -> (f64, f64, usize) {
    let (mut rss, mut pss, mut descriptors) = (0.0_f64, 0.0_f64, 0);
    loop {
        let now = memory(pid);
        (rss, pss) = (rss.max(now.0), pss.max(now.1));
        descriptors = descriptors.max(process::descriptors(pid));
        let over = over.wait_for(|over| *over);
        if timeout(Duration::from_millis(500), over).await.is_ok() {
            return (rss, pss, descriptors);
        }
    }
}

/// Resident and proportional memory, in MiB.
fn memory(pid: u32) -> (f64, f64) {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name));
        let kib: f64 = line
            .unwrap()
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        kib / 1024.0
    };
    (field("Rss:"), field("Pss:"))
}

/// Those who flood, in a process of their own.
struct Load(Child);

impl Load {
    fn begin(kind: &str, port: u16, secret: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--load", kind, &port.to_string(), secret])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut ready)
            .unwrap();
        Self(child)
    }

    /// Stops it where it is, as if every cable were pulled: no connection says goodbye. Gives how
    /// much of it there was in a second.
    fn vanish(&mut self) -> f64 {
        drop(self.0.stdin.take());
        let mut said = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap())
            .read_line(&mut said)
            .unwrap();
        process::signal(self.0.id(), "STOP");
        said.trim().parse().unwrap()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// ── who floods ───────────────────────────────────────────────────────────────────────────────

async fn flood(kind: &str, port: u16, secret: &str) {
    let done = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let many = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let limit = rustix::process::Rlimit {
        current: many,
        maximum: many,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let spawn = |n: u64| {
        tokio::spawn(one(
            kind.to_owned(),
            port,
            secret.to_owned(),
            n,
            Arc::clone(&done),
        ))
    };
    let count = match kind {
        "pings" => 1,
        "storm" => 10,
        "requests" => 50,
        _ => 1000,
    };
    let all: Vec<_> = (0..count).map(spawn).collect();
    print!("!");
    std::io::stdout().flush().unwrap();
    // Until the other end says so.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()))
        .await
        .unwrap()
        .unwrap();
    let rate = done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    println!("{rate}");
    // Stopped, in a moment; killed in the end.
    futures_util::future::join_all(all).await;
}

/// One of them, until the end; counts what it does.
async fn one(kind: String, port: u16, secret: String, n: u64, done: Arc<AtomicU64>) {
    let count = || done.fetch_add(1, Ordering::Relaxed);
    loop {
        let _: std::io::Result<()> = async {
            match kind.as_str() {
                "heads" => {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                    for byte in "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
                        .bytes()
                        .cycle()
                    {
                        stream.write_all(&[byte]).await?;
                        count();
                        let mut answer = [0; 1024];
                        if let Ok(read) =
                            timeout(Duration::from_secs(1), stream.read(&mut answer)).await
                            && read? == 0
                        {
                            return Ok(());
                        }
                    }
                }
                "silent" => {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                    count();
                    let mut answer = [0; 1024];
                    while stream.read(&mut answer).await? > 0 {}
                }
                "half-open" => {
                    let (_stream, _) = upgrade(port, Some(&secret), "role=view").await?;
                    count();
                    std::future::pending::<()>().await;
                }
                "pings" => {
                    let (stream, _) = upgrade(port, Some(&secret), "role=view").await?;
                    let (read, mut write) = stream.into_split();
                    tokio::spawn(swallow(read));
                    let mut ticks = interval(Duration::from_millis(10));
                    let pings = [frame(0x89, b"ping"), ping(n)].concat().repeat(50);
                    loop {
                        ticks.tick().await;
                        write.write_all(&pings).await?;
                        done.fetch_add(100, Ordering::Relaxed);
                    }
                }
                "storm" => {
                    let (stream, _) = upgrade(port, Some(&secret), "role=view").await?;
                    let (read, mut write) = stream.into_split();
                    tokio::spawn(swallow(read));
                    let pings = [frame(0x89, b"ping"), ping(n)].concat().repeat(50);
                    loop {
                        write.write_all(&pings).await?;
                        done.fetch_add(100, Ordering::Relaxed);
                    }
                }
                "strangers" => {
                    let (mut stream, _) = upgrade(port, None, "").await?;
                    count();
                    let mut answer = [0; 1024];
                    while stream.read(&mut answer).await? > 0 {}
                }
                "requests" => {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
                    let paths = ["/", "/api/sessions", "/api/events", "/s/main", "/nothing"];
                    let path = paths[n as usize % paths.len()];
                    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                    let mut answer = vec![0; 64 * 1024];
                    loop {
                        stream.write_all(head.as_bytes()).await?;
                        if stream.read(&mut answer).await? == 0 {
                            return Ok(());
                        }
                        count();
                    }
                }
                unknown => panic!("{unknown}"),
            }
            Ok(())
        }
        .await;
        // Refused for now.
        sleep(Duration::from_millis(10)).await;
    }
}

async fn swallow(mut read: tokio::net::tcp::OwnedReadHalf) {
    let mut waste = vec![0; 16 * 1024];
    while matches!(read.read(&mut waste).await, Ok(1..)) {}
}
