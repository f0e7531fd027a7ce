//! What a viewer feels, through the real binary and beside a bare tmux client in the same run: from
//! key to echo, from connecting to the first picture, bytes for each frame. Prints a table, then one
//! JSON line for each figure.

#![allow(clippy::unwrap_used)] // a bench that cannot go on just ends

#[path = "../support/mod.rs"]
mod support;

use futures_util::{SinkExt as _, StreamExt as _};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use support::{BareAttach, Join, Service, Tmux, Viewer, attach, viewer};
use tokio_tungstenite::tungstenite::Message;

/// One line of the table.
struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
}

#[derive(Default)]
struct Figures(Vec<Figure>);

impl Figures {
    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.0.push(Figure {
            name: name.into(),
            value,
            unit,
        });
    }

    /// Median and 95th percentile of times.
    fn times(&mut self, name: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        for (part, at) in [("p50", times.len() / 2), ("p95", times.len() * 95 / 100)] {
            let time = times.get(at).copied().unwrap_or_default();
            self.add(format!("{name} {part}"), time.as_secs_f64() * 1e3, "ms");
        }
    }

    fn print(&self) {
        println!("\n| figure | value |\n|---|---|");
        for Figure { name, value, unit } in &self.0 {
            println!("| {name} | {value:.2} {unit} |");
        }
        for Figure { name, value, unit } in &self.0 {
            println!(
                "{}",
                serde_json::json!({"figure": name, "value": value, "unit": unit})
            );
        }
    }
}

fn main() {
    // `cargo test --benches` and `cargo bench -- --test` only want to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut figures = Figures::default();
    runtime.block_on(async {
        key_to_echo(&mut figures).await;
        first_picture(&mut figures).await;
        bytes_per_frame(&mut figures).await;
    });
    figures.print();
}

/// A bare client whose bytes are told with their time.
fn bare(tmux: &Tmux, session: &str) -> (BareAttach, mpsc::Receiver<(Instant, Vec<u8>)>) {
    let (told, bytes) = mpsc::channel();
    let options = attach::Options {
        read_only: false,
        ignore_size: false,
        xterm: None,
        record: false,
        listener: Some(Box::new(move |bytes: &[u8], at| {
            let _ = told.send((at, bytes.to_vec()));
        })),
    };
    (BareAttach::open(tmux, session, 80, 24, options), bytes)
}

/// Lets everything that is under way arrive.
async fn quiet() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

async fn key_to_echo(figures: &mut Figures) {
    let tmux = Tmux::start(80, 24);
    tmux.session("bare", 80, 24);
    let service = Service::start(&tmux);
    for session in ["main:", "bare:"] {
        tmux.enter(session, "stty raw -echo; tmux wait-for -S raw; exec cat");
        tmux.wait_for("raw").await;
    }
    let url = service.socket_url("main", "?cols=80&rows=24");
    let mut socket = viewer::connect(&url, service.port, Some("muxview.v1"))
        .await
        .unwrap();
    while !socket.next().await.unwrap().unwrap().is_binary() {}
    let (mut client, bytes) = bare(&tmux, "bare");
    quiet().await;
    quiet().await;

    let (mut through_us, mut through_bare) = (Vec::new(), Vec::new());
    let mut parsed = 0;
    for round in 0..400 {
        let key = [b'a' + (round % 26) as u8];
        while bytes.try_recv().is_ok() {}
        let began = Instant::now();
        client.write(&key);
        let (at, _) = bytes.recv_timeout(Duration::from_secs(5)).unwrap();
        through_bare.push(at - began);
        quiet().await;

        let began = Instant::now();
        socket.send(Message::binary(key.to_vec())).await.unwrap();
        loop {
            if let Message::Binary(frame) = socket.next().await.unwrap().unwrap() {
                through_us.push(began.elapsed());
                parsed += frame.len();
                break;
            }
        }
        let ack = serde_json::json!({"type": "ack", "bytes": parsed}).to_string();
        socket.send(Message::text(ack)).await.unwrap();
        quiet().await;
        // Frames after the echo, if any.
        while let Ok(Some(Ok(message))) =
            tokio::time::timeout(Duration::from_millis(1), socket.next()).await
        {
            parsed += if message.is_binary() {
                message.len()
            } else {
                0
            };
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let ratio = median(&mut through_us) / median(&mut through_bare);
    figures.times("key to echo, bare attach", through_bare);
    figures.times("key to echo, muxview", through_us);
    figures.add("key to echo, muxview / bare", ratio, "x");
}

async fn connected(service: &Service, session: &str) -> Duration {
    let url = service.socket_url(session, "?cols=80&rows=24");
    let began = Instant::now();
    let mut socket = viewer::connect(&url, service.port, Some("muxview.v1"))
        .await
        .unwrap();
    while !socket.next().await.unwrap().unwrap().is_binary() {}
    began.elapsed()
}

async fn first_picture(figures: &mut Figures) {
    let tmux = Tmux::start(80, 24);
    let sessions: Vec<String> = (0..20).map(|n| format!("cold{n}")).collect();
    for session in &sessions {
        tmux.session(session, 80, 24);
    }
    let service = Service::start(&tmux);
    tmux.enter("main:", "seq 1 200; tmux wait-for -S filled");
    tmux.wait_for("filled").await;

    let mut cold = Vec::new();
    for session in &sessions {
        cold.push(connected(&service, session).await);
        quiet().await;
    }
    let stays = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    stays.opened().await;
    let (mut late, mut floor) = (Vec::new(), Vec::new());
    for _ in 0..60 {
        late.push(connected(&service, "main").await);
        quiet().await;
        let began = Instant::now();
        let (client, bytes) = bare(&tmux, "main");
        let mut seen = Vec::new();
        // Whole at the end of the first synchronised redraw, in the old form or the new.
        loop {
            let (at, more) = bytes.recv_timeout(Duration::from_secs(5)).unwrap();
            seen.extend(more);
            let ended = |mark: &[u8]| seen.windows(mark.len()).any(|part| part == mark);
            if ended(b"\x1bP=2s\x1b\\") || ended(b"\x1b[?2026l") {
                floor.push(at - began);
                break;
            }
        }
        drop(client);
        quiet().await;
    }
    figures.times("first picture, bare attach", floor);
    figures.times("first picture, late viewer", late);
    figures.times("first picture, first viewer of a session", cold);
}

async fn bytes_per_frame(figures: &mut Figures) {
    let tmux = Tmux::start(80, 24);
    let service = Service::start(&tmux);
    let viewer = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    viewer.opened().await;
    let (_client, bytes) = bare(&tmux, "main");
    let source: String =
        (1..=300).map(|n| format!("fn number_{n}(x: u32) -> Result<u32, Error> {{\n    // adds {n}\n    Ok(x + {n})\n}}\n\n")).collect();
    tmux.file("source.rs", source);
    quiet().await;

    let mut measure = async |name: &str, steps: usize, pause: u64, act: &dyn Fn(usize)| {
        quiet().await;
        while bytes.try_recv().is_ok() {}
        let before = viewer.binaries().len();
        for step in 0..steps {
            act(step);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
        quiet().await;
        let mut frames: Vec<usize> = viewer.binaries()[before..]
            .iter()
            .map(bytes::Bytes::len)
            .collect();
        let total: usize = frames.iter().sum();
        let raw: usize = bytes.try_iter().map(|(_, bytes)| bytes.len()).sum();
        frames.sort_unstable();
        let median = frames.get(frames.len() / 2).copied().unwrap_or_default();
        figures.add(format!("{name}: median frame"), median as f64, "B");
        figures.add(
            format!("{name}: frames a step"),
            frames.len() as f64 / steps as f64,
            "",
        );
        figures.add(
            format!("{name}: bytes a step, muxview"),
            total as f64 / steps as f64,
            "B",
        );
        figures.add(
            format!("{name}: bytes a step, bare attach"),
            raw as f64 / steps as f64,
            "B",
        );
    };
    let letters = "echo the quick brown fox jumps over the lazy dog";
    measure("typing", letters.len(), 30, &|step| {
        viewer.input(letters.as_bytes()[step..=step].to_vec());
    })
    .await;
    // A program of its own pace: what is typed to start it must not count.
    tmux.file(
        "log.sh",
        "seq 1 30; sleep 0.3; n=0; while [ $n -lt 100 ]; do n=$((n+1)); printf '2026-11-22T10:11:12 \\033[32mINFO\\033[m request %d served, cache \\033[1mhit\\033[m\\n' $n; sleep 0.03; done",
    );
    viewer.input("\x15".as_bytes()); // what was typed so far is no command
    tmux.enter("main:", "clear; sh log.sh");
    tokio::time::sleep(Duration::from_millis(500)).await;
    measure("log line", 60, 33, &|_| ()).await;
    viewer.input("\x03".as_bytes());
    quiet().await;
    tmux.enter("main:", "vim -u NONE -i NONE -N -n source.rs");
    tokio::time::sleep(Duration::from_millis(500)).await;
    tmux.enter("main:", ":syntax on | set number ruler laststatus=2");
    tokio::time::sleep(Duration::from_millis(200)).await;
    measure("vim page", 20, 60, &|_| tmux.keys("main:", &["C-f"])).await;
    measure("vim line", 20, 60, &|_| tmux.keys("main:", &["C-e"])).await;
    tmux.enter("main:", ":qa!");
    tmux.enter("main:", "top -d 0.5");
    tokio::time::sleep(Duration::from_millis(700)).await;
    measure("top", 10, 500, &|_| ()).await;
}
