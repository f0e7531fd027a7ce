//! Sockets of clients that keep to no rule: lengths nobody has, floods of nothing, ends of every kind.
//! Beside each there is somebody who must not notice.

use crate::http::{Site, Upgrade};
use crate::support::raw::{self, Got, Raw, Target, frame};
use crate::support::viewer::{Join, Viewer};
use crate::support::{Service, Tmux, process, until};
use futures_util::StreamExt as _;
use muxview::config::{self, Auth};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

struct Place {
    tmux: Tmux,
    service: Service,
    bystander: Viewer,
    asked: u64,
}

impl Place {
    async fn open() -> Self {
        let tmux = Tmux::start(80, 24);
        let service = Service::start(&tmux);
        let bystander = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
        bystander.opened().await;
        Self {
            tmux,
            service,
            bystander,
            asked: 0,
        }
    }

    fn target(&self) -> Target {
        Target::Tcp(self.service.port)
    }

    /// The bystander is answered, and what it types arrives.
    async fn unharmed(&mut self) {
        self.asked += 1;
        let id = self.asked;
        self.bystander.say(&json!({"type": "ping", "id": id}));
        self.bystander
            .text_where("pong", |pong| pong["id"] == id)
            .await;
        self.bystander
            .input(format!("tmux wait-for -S still{id}\r").into_bytes());
        self.tmux.wait_for(&format!("still{id}")).await;
        assert!(self.bystander.is_open(), "{}", self.bystander.story());
    }

    /// Waits until there are no other viewers.
    async fn alone(&self) {
        until("the others to be gone", async || {
            let viewers = self.viewers().await;
            if viewers == json!(1) {
                Ok(())
            } else {
                Err(viewers.to_string())
            }
        })
        .await;
    }

    async fn viewers(&self) -> Value {
        let stream = TcpStream::connect(("127.0.0.1", self.service.port))
            .await
            .unwrap();
        let request = "GET /api/sessions HTTP/1.1\r\nHost: localhost\r\n\r\n";
        crate::http::Answer::to(stream, request).await.json()[0]["viewers"].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_nobody_has_is_refused_before_it_comes() {
    let mut place = Place::open().await;
    for (length, wanted) in [
        (u64::MAX, &[1002, 1009][..]),
        (1 << 63, &[1002, 1009]),
        (1 << 62, &[1009]),
        (1 << 32, &[1009]),
        (4 * 1024 * 1024 + 1, &[1009]),
    ] {
        let mut raw = Raw::join(&place.target(), "main", "role=view").await;
        raw.opened(1).await;
        let head = [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
        raw.write(&head).await;
        let (code, _) = raw.closed().await;
        assert!(wanted.contains(&code), "{length}: {code}");
    }
    // As parts of one message, too.
    let mut raw = Raw::join(&place.target(), "main", "role=view").await;
    raw.opened(1).await;
    let part = vec![b'x'; 1024 * 1024];
    raw.write(&frame(0x02, &part)).await;
    for _ in 0..3 {
        raw.write(&frame(0x00, &part)).await;
    }
    raw.write(&frame(0x00, b"x")).await;
    assert_eq!(raw.closed().await.0, 1009);
    place.unharmed().await;
}

/// What a service of ours may grow by under any of this, in KiB.
const GROWTH: u64 = 16 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_parts_of_one_byte_cost_no_more_than_the_message() {
    let mut place = Place::open().await;
    let mut raw = Raw::join(&place.target(), "main", "role=view").await;
    raw.opened(1).await;
    let before = process::rss_kib(place.service.pid());
    let parts: Vec<u8> = std::iter::repeat_n(frame(0x00, b"x"), 10_000)
        .flatten()
        .collect();
    raw.write(&frame(0x02, b"x")).await;
    for _ in 0..100 {
        raw.write(&parts).await;
    }
    raw.write(&frame(0x80, b"x")).await;
    raw.write(&raw::ping(7)).await;
    raw.ponged(7).await;
    let after = process::rss_kib(place.service.pid());
    assert!(after < before + GROWTH, "from {before} to {after} KiB");
    place.unharmed().await;
}

/// Better than closing them: they are listened to more slowly, and nothing of it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_pings_and_pongs_are_borne() {
    let mut place = Place::open().await;
    let mut raw = Raw::join(&place.target(), "main", "role=view").await;
    raw.opened(1).await;
    let before = process::rss_kib(place.service.pid());
    for first in [0x89, 0x8a] {
        let flood: Vec<u8> = std::iter::repeat_n(frame(first, b"again"), 1_500)
            .flatten()
            .collect();
        raw.write(&flood).await;
        place.unharmed().await;
    }
    let asks: Vec<u8> = (0..200).flat_map(raw::ping).collect();
    raw.write(&asks).await;
    raw.ponged(199).await;
    place.unharmed().await;
    let after = process::rss_kib(place.service.pid());
    assert!(after < before + GROWTH, "from {before} to {after} KiB");
    let strange = raw
        .log()
        .into_iter()
        .find(|got| matches!(got, Got::Closed(..) | Got::End | Got::Broken(_)));
    assert_eq!(strange, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_leave_is_an_end_and_no_trouble() {
    let mut place = Place::open().await;
    let close = |payload: &[u8]| frame(0x88, payload);
    let code = |code: u16| close(&code.to_be_bytes());
    let ways: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("half a frame", vec![0x82]),
        ("no code", close(b"")),
        ("half a code", close(b"\x03")),
        ("a code nobody may send", code(1005)),
        ("another", code(1006)),
        ("a small code", code(0)),
        ("a code of nobody's", code(5000)),
        ("one of ours", code(4410)),
        ("a reason that is no text", close(b"\x03\xe8\xff\xfe")),
        (
            "a long reason",
            close(&[&[3, 0xe8][..], &[b'x'; 123]].concat()),
        ),
        (
            "data behind it",
            [code(1000), raw::input(b"late\r"), raw::ping(1)].concat(),
        ),
        ("two of them", [code(1000), code(1001)].concat()),
    ];
    for (what, bytes) in &ways {
        for reset in [false, true] {
            let stream = TcpStream::connect(("127.0.0.1", place.service.port))
                .await
                .unwrap();
            let head = "GET /s/main/ws?role=view HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
            let Upgrade::Open(_, mut socket) = Upgrade::over(stream, head).await else {
                panic!("{what}")
            };
            let first = socket.next().await;
            assert!(
                matches!(first, Some(Ok(Message::Binary(_)))),
                "{what}: {first:?}"
            );
            let stream = socket.get_mut();
            stream.write_all(bytes).await.unwrap();
            if reset {
                socket2::SockRef::from(&*stream)
                    .set_linger(Some(std::time::Duration::ZERO))
                    .unwrap();
                continue;
            }
            stream.shutdown().await.unwrap();
            let mut rest = vec![];
            let ended =
                tokio::time::timeout(crate::support::PATIENCE, stream.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "{what}");
        }
    }
    place.alone().await;
    place.unharmed().await;
    let screen = place.tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
    assert!(!screen.contains("late"), "{screen}");
    let log = place.service.log();
    let trouble = log.lines().find(|line| {
        (line.contains(" WARN ") && !line.contains("--auth none") && !line.contains("as root"))
            || line.contains(" ERROR ")
    });
    assert_eq!(trouble, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compression_is_not_spoken_and_other_paths_are_no_sockets() {
    let tmux = Tmux::start(80, 24);
    let site = Site::open_with(Auth::None, |config| {
        config.tmux = config::Tmux::Path(tmux.socket());
    })
    .await;
    for offered in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
        "bbf-usp-protocol",
    ] {
        let extensions = format!("Sec-WebSocket-Extensions: {offered}");
        let upgrade = site.upgrade("/s/main/ws?role=view", &[&extensions]).await;
        let Upgrade::Open(answer, mut socket) = upgrade else {
            panic!("{offered}")
        };
        assert_eq!(answer.header("sec-websocket-extensions"), None, "{offered}");
        // Sent all the same, it is what nobody agreed on.
        socket
            .get_mut()
            .write_all(&frame(0xc2, b"\xca\x48\xcd\xc9\xc9\x07\x00"))
            .await
            .unwrap();
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(Some(close)))) => {
                    break assert_eq!(u16::from(close.code), 1002);
                }
                Some(Ok(_)) => {}
                other => panic!("{offered}: {other:?}"),
            }
        }
    }
    for (path, status) in [
        ("/", 200),
        ("/s/main", 200),
        ("/ws", 404),
        ("/s/main/ws/", 404),
        ("/s/main/ws/ws", 404),
        ("/api/sessions", 200),
        ("/api/sessions/main/ws", 404),
        ("/healthz", 200),
        ("/metrics", 200),
    ] {
        match site.upgrade(path, &[]).await {
            Upgrade::Refused(answer) => assert_eq!(answer.status, status, "{path}"),
            Upgrade::Open(..) => panic!("{path}"),
        }
    }
    site.service.stop().await;
}
