//! The list as a page follows it: miniatures of sessions nobody watches, who watches, bells; and that
//! looking at the list disturbs nothing.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::tmux;

use crate::http::{PATIENCE, Site, Upgrade};
use crate::tmux::Tmux;
use futures_util::StreamExt as _;
use muxview::config::limits::{MINIATURE_BYTES, MINIATURE_INTERVAL, MINIATURES, MINIATURES_ALL};
use muxview::config::{self, Auth};
use muxview::terminal::Size;
use muxview::tmux::SessionId;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Instant, SystemTime};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

async fn site(tmux: &Tmux) -> Site {
    Site::open_with(Auth::None, |config| {
        config.tmux = config::Tmux::Name(tmux.name.clone());
    })
    .await
}

/// One stream, read event by event.
struct Events {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Events {
    async fn open(site: &Site, query: &str) -> Self {
        let mut stream = site.connect().await;
        let head = site.head(&format!("GET /api/events{query}"), &[]);
        stream.write_all(head.as_bytes()).await.unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The data of the next event of this kind that is as wanted.
    async fn next(&mut self, kind: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let (event, data) = self.event().await;
                if event == kind {
                    if wanted(&data) {
                        return data;
                    }
                    last = data;
                }
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("the wanted {kind} did not come; the last was {last}"))
    }

    async fn event(&mut self) -> (String, Value) {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let text: Vec<u8> = self.read.drain(..end + 2).collect();
                let text = String::from_utf8(text).expect("text");
                let field = |name: &str| {
                    let found = text.lines().find_map(|line| line.strip_prefix(name));
                    found.map(|value| value.trim_start().to_owned())
                };
                if let (Some(event), Some(data)) = (field("event:"), field("data:")) {
                    return (event, serde_json::from_str(&data).expect("JSON"));
                }
                continue;
            }
            let mut chunk = [0; 4096];
            let count = self.stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "the stream ended");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }

    /// The row of a session once it is as wanted.
    async fn row(&mut self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = |rows: &Value| row(rows, id).is_some_and(&wanted);
        let rows = self.next("sessions", found).await;
        row(&rows, id).expect("it is there").clone()
    }

    /// The next miniature of a session with this text in it.
    async fn miniature(&mut self, id: &str, text: &str) -> Value {
        let wanted = |told: &Value| told["id"] == id && shown(told).contains(text);
        self.next("miniature", wanted).await["miniature"].take()
    }
}

fn row<'a>(rows: &'a Value, id: &str) -> Option<&'a Value> {
    rows.as_array()?.iter().find(|row| row["id"] == id)
}

/// The text of a miniature.
fn shown(told: &Value) -> String {
    let lines = told["miniature"]["lines"].as_array().into_iter().flatten();
    let line = |runs: &Value| {
        let runs = runs.as_array().expect("runs").iter();
        runs.map(|run| run[0].as_str().expect("text"))
            .collect::<String>()
    };
    lines.map(line).collect::<Vec<_>>().join("\n")
}

/// Clients of sessions.
fn clients(tmux: &Tmux) -> usize {
    // The one that guards sizes shows nothing.
    let clients = tmux.must(&["list-clients", "-F", "#{client_control_mode}"]);
    clients.lines().filter(|control| *control == "0").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_nobody_watches_is_shown_as_it_is_and_not_disturbed() {
    let tmux = Tmux::started();
    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "b",
        "-x",
        "100",
        "-y",
        "30",
        r"printf '\033[31mred \033[44mon blue\033[m \033[38;2;1;2;3mexact\033[m あ'; exec cat",
    ]);
    let size = [
        "display-message",
        "-p",
        "-t",
        "b:",
        "#{window_width}x#{window_height}",
    ];
    let before = tmux.must(&size);
    let site = site(&tmux).await;
    let mut events = Events::open(&site, "?miniatures=recent").await;
    let miniature = events.miniature("$1", "exact").await;
    assert_eq!(miniature["cols"], 100);
    // The status line is part of the picture.
    assert_eq!(miniature["rows"], 31);
    let pens = &miniature["pens"];
    let runs: Vec<_> = miniature["lines"][0]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| {
            (
                run[0].clone(),
                run[1].clone(),
                pens[run[2].as_u64().unwrap() as usize].clone(),
            )
        })
        .collect();
    let run = |text: &str, columns: u16, pen: Value| (json!(text), json!(columns), pen);
    assert_eq!(
        runs,
        [
            run("red ", 4, json!([1, null, 0])),
            run("on blue", 7, json!([1, 4, 0])),
            run(" ", 1, json!([null, null, 0])),
            run("exact ", 6, json!(["#010203", null, 0])),
            run("あ", 2, json!([null, null, 0])),
        ]
    );
    // What it prints is seen at once, and another session's picture does not come with it.
    tmux.must(&["send-keys", "-t", "b:", "more", "Enter"]);
    events.miniature("$1", "more\nmore").await;

    assert_eq!(tmux.must(&size), before);
    assert_eq!(clients(&tmux), 2);
    let list = site.ask("GET /api/sessions", &[], "").await.json();
    for session in ["$0", "$1"] {
        let row = row(&list, session).expect("listed");
        assert_eq!(
            (
                &row["viewers"],
                &row["drive"],
                &row["view"],
                &row["attached"]
            ),
            (&json!(0), &json!(0), &json!(0), &json!(0)),
            "a look at the list is no viewer"
        );
    }
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_is_asked_for_is_shown_and_only_a_viewer_decides_the_size() {
    let tmux = Tmux::started();
    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "b",
        "-x",
        "100",
        "-y",
        "30",
        "echo here; exec cat",
    ]);
    let site = site(&tmux).await;
    let mut none = Events::open(&site, "").await;
    none.row("$1", |_| true).await;
    assert_eq!(clients(&tmux), 0);
    let mut events = Events::open(&site, "?miniatures=%241,$77").await;
    events.miniature("$1", "here").await;
    assert_eq!(clients(&tmux), 1);

    let upgrade = site.upgrade(
        "/s/b/ws?cols=60&rows=20",
        &["Sec-WebSocket-Protocol: muxview.v1"],
    );
    let Upgrade::Open(_, mut driver) = upgrade.await else {
        panic!("an upgrade")
    };
    let smaller = |told: &Value| told["id"] == "$1" && told["miniature"]["cols"] == 60;
    let told = events.next("miniature", smaller).await;
    assert_eq!(told["miniature"]["rows"], 20);
    assert_eq!(clients(&tmux), 1, "both share a bridge");
    let row = none.row("$1", |row| row["viewers"] == 1).await;
    assert_eq!((&row["drive"], &row["view"]), (&json!(1), &json!(0)));
    let upgrade = site.upgrade("/s/b/ws?role=view", &["Sec-WebSocket-Protocol: muxview.v1"]);
    let Upgrade::Open(_, _spectator) = upgrade.await else {
        panic!("an upgrade")
    };
    none.row("$1", |row| row["drive"] == 1 && row["view"] == 1)
        .await;
    // The viewers are told of each other, and of no list.
    loop {
        let message = tokio::time::timeout(PATIENCE, driver.next()).await;
        let Some(Ok(message)) = message.expect("a message in time") else {
            panic!("the socket ended")
        };
        if let Message::Text(text) = message {
            let told: Value = serde_json::from_str(&text).expect("JSON");
            assert_ne!(
                (&told["type"], told["view"].as_u64() > Some(1)),
                (&json!("viewers"), true)
            );
            if told["type"] == "viewers" && told["view"] == 1 {
                break;
            }
        }
    }
    let refused = site.ask("GET /api/events?miniatures=b", &[], "").await;
    assert_eq!(refused.status, 400, "{refused:?}");
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_one_bounded_miniature_a_second() {
    let tmux = Tmux::none();
    // Every cell in another colour, as fast as it goes.
    let paint = r#"exec awk 'BEGIN { for (;;) { f++; printf "\033[H"; for (r = 0; r < 49; r++) { for (c = 0; c < 160; c++) printf "\033[48;2;%d;%d;%dmx", (c * 7 + f) % 256, (r * 5) % 256, c; printf "\r\n" } } }'"#;
    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "a",
        "-x",
        "160",
        "-y",
        "50",
        paint,
    ]);
    let site = site(&tmux).await;
    let mut events = Events::open(&site, "?miniatures=$0").await;
    let coloured = |told: &Value| {
        told["miniature"]["pens"]
            .as_array()
            .is_some_and(|pens| pens.len() > 20)
    };
    events.next("miniature", coloured).await;
    let began = Instant::now();
    const COUNT: u32 = 3;
    for _ in 0..COUNT {
        let told = events.next("miniature", |_| true).await;
        let length = told["miniature"].to_string().len();
        assert!((1000..=MINIATURE_BYTES).contains(&length), "{length}");
    }
    // The first may have been under way for nearly as long as there is between two.
    let least = MINIATURE_INTERVAL * (COUNT - 1);
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());
    site.service.stop().await;
}

/// Reads until this many sessions more have a miniature.
async fn pictured(events: &mut Events, count: usize) -> HashSet<String> {
    let mut told = HashSet::new();
    while told.len() < count {
        let next = events.next("miniature", |_| true).await;
        told.insert(next["id"].as_str().expect("an id").to_owned());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_room_for_so_many_miniatures_on_a_stream_and_on_all() {
    let tmux = Tmux::started();
    for number in 1..3 * MINIATURES {
        tmux.must(&["new-session", "-d", "-s", &format!("s{number}"), "cat"]);
    }
    let site = site(&tmux).await;
    let mut first = Events::open(&site, "?miniatures=recent").await;
    let mut shown = pictured(&mut first, MINIATURES).await;
    assert_eq!(clients(&tmux), MINIATURES);
    let wish = async |from: usize, shown: &HashSet<String>| {
        let ids = (0..3 * MINIATURES).map(|id| format!("${id}"));
        let free: Vec<_> = ids.filter(|id| !shown.contains(id)).collect();
        let query = format!("?miniatures={}", free[from..from + MINIATURES].join(","));
        Events::open(&site, &query).await
    };
    let mut second = wish(0, &shown).await;
    shown.extend(pictured(&mut second, MINIATURES).await);
    let mut third = wish(0, &shown).await;
    let room = MINIATURES_ALL - 2 * MINIATURES;
    pictured(&mut third, room).await;
    assert_eq!(clients(&tmux), MINIATURES_ALL);
    // A list that closes makes room.
    drop(second);
    pictured(&mut third, MINIATURES - room).await;
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_with_its_last_client_gets_no_client_of_ours() {
    let tmux = Tmux::started();
    tmux.must(&[
        "new-session",
        "-d",
        "-s",
        "b",
        "-x",
        "80",
        "-y",
        "24",
        "cat",
    ]);
    let server = tmux.ready().await;
    let size = Size { cols: 80, rows: 24 };
    let other = server.attach(SessionId(1), size, false).await;
    let _other = other.expect("tmux attaches");
    tmux::until("the other client to be there", async || clients(&tmux) == 1).await;
    tmux.must(&["set-option", "-t", "b", "destroy-unattached", "on"]);
    let site = site(&tmux).await;
    let mut events = Events::open(&site, "?miniatures=recent").await;
    let told = events.next("miniature", |told| told["id"] == "$1").await;
    assert!(told["trouble"].is_string(), "{told}");
    events
        .next("miniature", |told| {
            told["id"] == "$0" && told["miniature"].is_object()
        })
        .await;
    assert_eq!(clients(&tmux), 2);
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_is_marked_until_somebody_looks_with_and_without_miniatures() {
    let tmux = Tmux::started();
    let ring = "printf '\\a'; exec cat";
    tmux.must(&["new-session", "-d", "-s", "b", "-x", "80", "-y", "24", ring]);
    let site = site(&tmux).await;
    // tmux's own mark.
    let mut plain = Events::open(&site, "").await;
    plain.row("$1", |row| row["bell"] == true).await;
    let rows = site.ask("GET /api/sessions", &[], "").await.json();
    assert_eq!(row(&rows, "$0").expect("listed")["bell"], false);
    // The miniature's client takes it from tmux; nobody has looked yet.
    let mut events = Events::open(&site, "?miniatures=recent").await;
    events.next("miniature", |told| told["id"] == "$1").await;
    tmux::until("tmux to have taken its mark back", async || {
        tmux.must(&["display-message", "-p", "-t", "b:", "#{session_alerts}"])
            .is_empty()
    })
    .await;
    let marked = async || {
        let rows = site.ask("GET /api/sessions", &[], "").await.json();
        row(&rows, "$1").expect("listed")["bell"] == true
    };
    assert!(marked().await);
    let look = async || {
        let upgrade = site.upgrade("/s/b/ws?role=view", &["Sec-WebSocket-Protocol: muxview.v1"]);
        let Upgrade::Open(_, mut spectator) = upgrade.await else {
            panic!("an upgrade")
        };
        tokio::time::timeout(PATIENCE, spectator.next())
            .await
            .expect("in time");
        tmux::until("the mark to be gone", async || !marked().await).await;
    };
    look().await;
    plain
        .row("$1", |row| row["bell"] == false && row["viewers"] == 0)
        .await;
    // Now the bridge alone hears it.
    tmux.must(&["respawn-pane", "-k", "-t", "b:", ring]);
    plain.row("$1", |row| row["bell"] == true).await;
    look().await;
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activity_is_what_programs_write_and_no_look_of_ours() {
    let tmux = Tmux::started();
    let written = tmux.must(&["display-message", "-p", "-t", "a:", "#{window_activity}"]);
    let written: u64 = written.parse().expect("a time");
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let later = async || now().expect("after 1970").as_secs() > written;
    tmux::until("another second", later).await;
    let site = site(&tmux).await;
    let mut events = Events::open(&site, "?miniatures=recent").await;
    events
        .next("miniature", |told| told["miniature"].is_object())
        .await;
    let rows = site.ask("GET /api/sessions", &[], "").await.json();
    assert_eq!(row(&rows, "$0").expect("listed")["activity"], written);
    site.service.stop().await;
}
