//! A guest of one session never sees another one, whatever tmux shows to those who type: twelve sessions
//! each have a mark of their own in their name and on their screen, and a guest of one is searched for all
//! others, byte by byte and on the screen.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::{signed, tmux};

use crate::http::{PATIENCE, Site, Upgrade};
use crate::signed::{Socket, link, post, sign_in, site};
use crate::tmux::Tmux;
use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// Sessions, of which the first one is watched.
const SESSIONS: usize = 12;

/// What one viewer was sent.
#[derive(Default)]
struct Seen {
    /// Text messages and terminal bytes, inflated.
    all: Vec<u8>,
    /// Lengths of compressed messages, without what stands before what is compressed.
    chunks: Vec<usize>,
    terminal: vt100::Parser,
    /// What other sessions have and was on the screen, with what was there.
    foreign: Vec<String>,
    notices: Vec<String>,
    closed: bool,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.all.extend_from_slice(bytes);
        self.terminal.process(bytes);
        let screen = self.terminal.screen().contents();
        if is_foreign(&screen) {
            self.foreign.push(screen);
        }
    }
}

/// Whether text has a mark of another session.
fn is_foreign(text: &str) -> bool {
    let marks = text
        .match_indices("kiwi")
        .chain(text.match_indices("mango"));
    marks.into_iter().any(|(at, mark)| {
        let number = text.get(at + mark.len()..at + mark.len() + 2);
        number.is_some_and(|number| number != "00" && number.parse::<u8>().is_ok())
    })
}

/// One viewer that reads all it is sent.
struct Viewer {
    seen: Arc<Mutex<Seen>>,
    send: futures_util::stream::SplitSink<Socket, Message>,
    reading: JoinHandle<()>,
}

impl Viewer {
    async fn open(site: &Site, credential: &str, role: &str, offers: &str) -> Self {
        let key = format!("Sec-WebSocket-Protocol: muxview.v1, {offers}muxview.key.{credential}");
        let headers = ["Origin: http://localhost:PORT", &key];
        let path = format!("/s/kiwi00/ws?cols=80&rows=24&role={role}");
        let socket = match site.upgrade(&path, &headers).await {
            Upgrade::Open(_, socket) => socket,
            refused => panic!("{refused:?}"),
        };
        let (send, mut receive) = socket.split();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let all = Arc::clone(&seen);
        let reading = tokio::spawn(async move {
            let mut inflater = Decompress::new(false);
            while let Some(Ok(message)) = receive.next().await {
                let mut seen = all.lock().unwrap();
                match message {
                    Message::Binary(bytes) if bytes.first() == Some(&0) => {
                        let header = bytes[1..].iter().position(|byte| byte & 0x80 == 0);
                        seen.chunks.push(bytes.len() - 2 - header.unwrap());
                        let bytes = inflate(&mut inflater, &bytes[1..]);
                        seen.take(&bytes);
                    }
                    Message::Binary(bytes) => seen.take(&bytes),
                    Message::Text(text) => {
                        seen.all.extend_from_slice(text.as_bytes());
                        if text.contains("\"notice\"") {
                            seen.notices.push(text.to_string());
                        }
                    }
                    _ => {}
                }
            }
            all.lock().unwrap().closed = true;
        });
        Self {
            seen,
            send,
            reading,
        }
    }

    async fn type_in(&mut self, keys: &str) {
        let keys = Message::binary(keys.as_bytes().to_vec());
        self.send.send(keys).await.unwrap();
    }

    /// Waits until the screen holds something.
    async fn shows(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let waiting = async {
            while !holds(&self.seen.lock().unwrap().terminal.screen().contents()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let shown = tokio::time::timeout(PATIENCE, waiting).await;
        let screen = self.seen.lock().unwrap().terminal.screen().contents();
        assert!(shown.is_ok(), "{what}:\n{screen}");
    }

    fn notice(&self) -> Option<String> {
        self.seen.lock().unwrap().notices.last().cloned()
    }
}

fn inflate(inflater: &mut Decompress, chunk: &[u8]) -> Vec<u8> {
    let end = chunk.iter().position(|byte| byte & 0x80 == 0).unwrap();
    let length = chunk[..=end].iter().rev();
    let length = length.fold(0_usize, |sum, byte| sum << 7 | usize::from(byte & 0x7f));
    let mut bytes = Vec::with_capacity(length + 64);
    inflater
        .decompress_vec(&chunk[end + 1..], &mut bytes, FlushDecompress::Sync)
        .unwrap();
    assert_eq!(bytes.len(), length);
    bytes
}

/// What a driver types to open something of tmux's own, and to close it again. `shown`: it shows marks
/// of other sessions.
struct Way {
    /// In parts, before each of which the prompt of the one before must be there.
    open: &'static [&'static str],
    close: &'static str,
    shown: bool,
}

const fn way(open: &'static [&'static str], close: &'static str) -> Way {
    let shown = true;
    Way { open, close, shown }
}

const WAYS: &[Way] = &[
    way(&["\x02s"], "q"),
    way(&["\x02w"], "q"),
    way(&["\x02="], "q"),
    way(&["\x02:", "list-sessions\r"], "q"),
    way(&["\x02:", "switch-client -t kiwi07"], "\x1b"),
    way(&["\x02f", "mango03"], "\x1b"),
    way(
        &["\x02:", "display-popup -E 'printf mango05; read x'\r"],
        "\r",
    ),
    Way {
        shown: false,
        ..way(&["\x02D"], "q")
    },
    Way {
        shown: false,
        ..way(&["\x02~"], "q")
    },
    Way {
        shown: false,
        ..way(&["\x02C"], "q")
    },
    Way {
        shown: false,
        ..way(&["\x02["], "q")
    },
    Way {
        shown: false,
        ..way(&["\x02t"], "q")
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_never_sees_another_session() {
    let tmux = Tmux::none();
    let begin = |number: usize| {
        let name = format!("kiwi{number:02}");
        let run = format!("printf 'mango{number:02}\\n'; exec cat");
        let new = [
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-s",
            &name,
            &run,
        ];
        tmux.command(&new).status.success()
    };
    for number in 0..SESSIONS {
        assert!(begin(number));
    }
    tmux.must(&["set-buffer", "mango04"]);
    tmux.must(&["set-option", "-g", "status-right", ""]);
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let made = post(
        &site,
        "/api/shares",
        Some(&owner),
        json!({"session": "kiwi00", "uses": 9}),
    );
    let made = made.await.json();
    let secret = made["link"].as_str().unwrap().split_once("#t=").unwrap().1;
    let guest = sign_in(&site, secret).await;
    let mut driver = Viewer::open(&site, &owner, "drive", "").await;
    let guests = [
        Viewer::open(&site, &guest, "view", "").await,
        Viewer::open(&site, &guest, "view", "muxview.deflate, ").await,
    ];
    for viewer in guests.iter().chain([&driver]) {
        viewer
            .shows("its session", |screen| screen.contains("mango00"))
            .await;
    }
    for (number, way) in WAYS.iter().enumerate() {
        for (part, keys) in way.open.iter().enumerate() {
            if part > 0 {
                driver
                    .shows("the prompt", |screen| !screen.contains("[kiwi00]"))
                    .await;
            }
            driver.type_in(keys).await;
        }
        if way.shown {
            driver.shows(way.open[0], is_foreign).await;
            for guest in &guests {
                tmux::until("a notice", async || {
                    guest
                        .notice()
                        .is_some_and(|notice| notice.contains("stands still"))
                })
                .await;
            }
            // Who comes now sees nothing of it either, nor who asks for all of the picture again.
            let late = Viewer::open(&site, &guest, "view", "").await;
            let ask = Message::text(json!({"type": "repaint"}).to_string());
            let mut late = late;
            late.send.send(ask).await.unwrap();
            late.shows("the picture before", |screen| screen.contains("[kiwi00]"))
                .await;
            assert_eq!(late.seen.lock().unwrap().foreign, [""; 0], "{:?}", way.open);
            late.reading.abort();
        }
        driver.type_in(way.close).await;
        driver
            .shows("what was before", |screen| {
                screen.contains("[kiwi00]") && !is_foreign(screen)
            })
            .await;
        let fresh = format!("fresh{number:02}");
        driver.type_in(&format!("{fresh}\r")).await;
        for guest in &guests {
            guest
                .shows(way.open[0], |screen| screen.contains(&fresh))
                .await;
            tmux::until("no notice", async || {
                guest
                    .notice()
                    .is_none_or(|notice| notice.contains("\"text\":\"\""))
            })
            .await;
        }
    }
    // Our client is taken elsewhere, by a key and by a command; names change; the server ends.
    driver.type_in("\x02)").await;
    tmux.must(&["rename-session", "-t", "=kiwi01", "kiwi41"]);
    driver.type_in("here1\r").await;
    let clients = tmux.must(&["list-clients", "-F", "#{client_name}"]);
    for client in clients.lines() {
        tmux.command(&["switch-client", "-c", client, "-t", "=kiwi02:"]);
    }
    tmux::until("our client to come back", async || {
        let shown = tmux.must(&["list-clients", "-F", "#{session_name}"]);
        !shown.is_empty() && shown.lines().all(|name| name == "kiwi00")
    })
    .await;
    tmux.must(&["send-keys", "-t", "=kiwi00:", "here2", "Enter"]);
    for guest in &guests {
        guest
            .shows("its session again", |screen| screen.contains("here2"))
            .await;
    }
    tmux.must(&["kill-server"]);
    tmux::until("another server", async || begin(5)).await;
    for number in 6..SESSIONS {
        assert!(begin(number));
    }
    for guest in guests {
        tmux::until("the guest to leave", async || {
            guest.seen.lock().unwrap().closed
        })
        .await;
        let seen = guest.seen.lock().unwrap();
        assert_eq!(seen.foreign, [""; 0]);
        let all = String::from_utf8_lossy(&seen.all);
        assert!(!is_foreign(&all), "{all}");
    }
    driver.reading.abort();
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_compressed_for_those_who_come_by_a_confidential_link() {
    let tmux = Tmux::none();
    let print =
        "i=0; while [ $i -lt 40 ]; do echo 'the same again and again'; i=$((i+1)); done; exec cat";
    tmux.must(&[
        "new-session",
        "-d",
        "-x",
        "80",
        "-y",
        "24",
        "-s",
        "kiwi00",
        print,
    ]);
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    for confidential in [false, true] {
        let wanted = json!({"session": "kiwi00", "confidential": confidential});
        let made = post(&site, "/api/shares", Some(&owner), wanted)
            .await
            .json();
        assert_eq!(made["confidential"], confidential);
        let secret = made["link"].as_str().unwrap().split_once("#t=").unwrap().1;
        let guest = sign_in(&site, secret).await;
        let guest = Viewer::open(&site, &guest, "view", "muxview.deflate, ").await;
        guest
            .shows("the session", |screen| {
                screen.matches("again and again").count() > 20
            })
            .await;
        let chunks = guest.seen.lock().unwrap().chunks.clone();
        assert_eq!(chunks.is_empty(), confidential, "{chunks:?}");
        assert!(chunks.iter().all(|length| length % 64 == 0), "{chunks:?}");
    }
    let listed = signed::get(&site, "/api/shares", &owner).await.json();
    let confidential = |share: &serde_json::Value| share["confidential"] == true;
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.iter().filter(|share| confidential(share)).count(), 1);
    site.service.stop().await;
}
