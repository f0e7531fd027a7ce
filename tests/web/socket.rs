//! The socket against a real tmux, message by message: who has no protocol of ours, who may not
//! type, who breaks RFC 6455, and how sessions and the service end under open sockets.

use crate::http::{Answer, PATIENCE, Site, Upgrade};
use crate::tmux::{Tmux, until};
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::config::{self, Auth};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

const V1: &str = "Sec-WebSocket-Protocol: muxview.v1";

type Socket = WebSocketStream<TcpStream>;

async fn site(tmux: &Tmux) -> Site {
    Site::open_with(Auth::None, |config| {
        config.tmux = config::Tmux::Name(tmux.name.clone());
    })
    .await
}

async fn socket(site: &Site, path: &str, headers: &[&str]) -> Socket {
    match site.upgrade(path, headers).await {
        Upgrade::Open(_, socket) => socket,
        Upgrade::Refused(answer) => panic!("{path}: {answer:?}"),
    }
}

async fn next(socket: &mut Socket) -> Message {
    let message = tokio::time::timeout(PATIENCE, socket.next())
        .await
        .expect("a message in time");
    message
        .expect("a message before the end")
        .expect("a whole message")
}

/// What `found` picks out of the messages to come.
async fn wait<T>(socket: &mut Socket, mut found: impl FnMut(Message) -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = found(next(socket).await) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, search)
        .await
        .expect("what was waited for, in time")
}

/// The next text message of this type, passing over others.
async fn text(socket: &mut Socket, kind: &str) -> Value {
    wait(socket, |message| {
        let Message::Text(text) = message else {
            return None;
        };
        let said: Value = serde_json::from_str(&text).expect("JSON");
        (said["type"] == kind).then_some(said)
    })
    .await
}

async fn closed(socket: &mut Socket) -> (u16, String) {
    wait(socket, |message| {
        let Message::Close(frame) = message else {
            return None;
        };
        let frame = frame.expect("a code");
        Some((frame.code.into(), frame.reason.to_string()))
    })
    .await
}

async fn say(socket: &mut Socket, said: Value) {
    socket
        .send(Message::text(said.to_string()))
        .await
        .expect("sent");
}

/// Waits until session `a`, which runs `cat`, shows this.
async fn shows(tmux: &Tmux, wanted: &str) {
    until(wanted, async || {
        tmux.must(&["capture-pane", "-p", "-t", "a:"])
            .contains(wanted)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_speaks_nothing_of_ours_sends_text_and_gets_only_bytes() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut raw = socket(&site, "/s/a/ws?cols=80&rows=24", &[]).await;
    let Message::Binary(first) = next(&mut raw).await else {
        panic!("bytes come first")
    };
    assert!(first.starts_with(b"\x1bc"));
    raw.send(Message::text("{\"type\":\"repaint\"}\r"))
        .await
        .expect("sent");
    // As echoed and as `cat` gives it: what is typed before that may stand in between.
    shows(&tmux, "{\"type\":\"repaint\"}\n{\"type\":\"repaint\"}").await;
    raw.send(Message::binary(&b"bytes\r"[..]))
        .await
        .expect("sent");
    shows(&tmux, "bytes\nbytes").await;
    let Message::Binary(_) = next(&mut raw).await else {
        panic!("only bytes come")
    };
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_are_for_those_who_offer_to_take_them_beside_our_protocol() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let line = "to be or not to be ".repeat(4);
    for (offers, selected, chunks) in [
        (
            Some("muxview.v1, muxview.deflate"),
            Some("muxview.v1"),
            true,
        ),
        (Some("muxview.deflate,muxview.v1"), Some("muxview.v1"), true),
        (Some("muxview.v1"), Some("muxview.v1"), false),
        (Some("muxview.deflate"), None, false),
        (None, None, false),
    ] {
        let header = offers.map(|offers| format!("Sec-WebSocket-Protocol: {offers}"));
        let headers: Vec<&str> = header.as_deref().into_iter().collect();
        let upgrade = site.upgrade("/s/a/ws?cols=80&rows=24", &headers).await;
        let Upgrade::Open(answer, mut socket) = upgrade else {
            panic!("{offers:?} is refused")
        };
        let echoed = answer.header("sec-websocket-protocol");
        assert_eq!(echoed.as_deref(), selected, "{offers:?}");
        let typed = format!("{line}\r");
        socket.send(Message::binary(typed)).await.expect("sent");
        let mut inflate = flate2::Decompress::new(false);
        let (mut seen, mut inflated) = (String::new(), 0);
        wait(&mut socket, |message| {
            let Message::Binary(bytes) = message else {
                return None;
            };
            match &bytes[..] {
                // Lengths of two bytes at most.
                [0, rest @ ..] => {
                    let at = 1 + usize::from(rest[0] >= 0x80);
                    let mut plain = Vec::with_capacity(1 << 14);
                    let flush = flate2::FlushDecompress::Sync;
                    inflate
                        .decompress_vec(&rest[at..], &mut plain, flush)
                        .expect("deflate");
                    seen += &String::from_utf8_lossy(&plain);
                    inflated += 1;
                }
                plain => seen += &String::from_utf8_lossy(plain),
            }
            seen.contains(line.trim_end()).then_some(())
        })
        .await;
        assert_eq!(inflated > 0, chunks, "{offers:?}: {seen:?}");
    }
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spectator_watches_and_does_nothing() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut view = socket(&site, "/s/a/ws?cols=30&rows=9&role=view", &[V1]).await;
    assert_eq!(text(&mut view, "hello").await["role"], "view");
    view.send(Message::binary(&b"never\r"[..]))
        .await
        .expect("sent");
    say(&mut view, json!({"type": "resize", "cols": 20, "rows": 7})).await;
    let mut drive = socket(&site, "/s/a/ws?cols=70&rows=20", &[V1]).await;
    let hello = text(&mut drive, "hello").await;
    assert_eq!(
        (&hello["role"], &hello["protocol"]),
        (&json!("drive"), &json!(1))
    );
    drive
        .send(Message::binary(&b"typed\r"[..]))
        .await
        .expect("sent");
    shows(&tmux, "typed\ntyped").await;
    assert!(
        !tmux
            .must(&["capture-pane", "-p", "-t", "a:"])
            .contains("never")
    );
    until("the driver's size", async || {
        tmux.must(&["display-message", "-p", "-t", "a:", "#{window_width}"]) == "70"
    })
    .await;
    let viewers = loop {
        let viewers = text(&mut view, "viewers").await;
        if viewers["drive"] == 1 {
            break viewers;
        }
    };
    assert_eq!(
        (&viewers["view"], &viewers["you"]),
        (&json!(1), &json!("view"))
    );
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_breaks_the_protocol_is_told_so_and_nobody_else_notices() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut bystander = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
    text(&mut bystander, "hello").await;
    let long = [&b"\x89\xfe\x00\x7e"[..], &[0; 130]].concat();
    let huge = [&[0x82, 0xff][..], &(5_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    for (what, frame, code) in [
        ("an unmasked frame", &b"\x82\x01x"[..], 1002),
        ("reserved bits", b"\xf2\x80\0\0\0\0", 1002),
        ("an unknown opcode", b"\x83\x80\0\0\0\0", 1002),
        ("a fragmented ping", b"\x09\x80\0\0\0\0", 1002),
        ("a long ping", &long, 1002),
        ("a continuation of nothing", b"\x80\x80\0\0\0\0", 1002),
        ("text that is not UTF-8", b"\x81\x81\0\0\0\0\xff", 1007),
        ("a message of 5 MiB", &huge, 1009),
    ] {
        let mut socket = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
        text(&mut socket, "hello").await;
        socket.get_mut().write_all(frame).await.expect("sent");
        assert_eq!(closed(&mut socket).await.0, code, "{what}");
    }
    // Not broken: nothing at all, a character split over fragments, pings, an odd close code.
    let mut odd = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
    let fragments = b"\x81\x80\0\0\0\0\x82\x80\0\0\0\0\x01\x81\0\0\0\0\xc3\x89\x81\0\0\0\0p\x80\x81\0\0\0\0\xa4";
    odd.get_mut().write_all(fragments).await.expect("sent");
    say(&mut odd, json!({"type": "ping", "id": {"any": [1, null]}})).await;
    assert_eq!(
        text(&mut odd, "pong").await["id"],
        json!({"any": [1, null]})
    );
    odd.close(None).await.expect("closed");

    say(&mut bystander, json!({"type": "ping"})).await;
    assert_eq!(text(&mut bystander, "pong").await, json!({"type": "pong"}));
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_made_renamed_and_ended_under_a_socket() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let change = async |line: &str, body: Value| -> Answer {
        let body = body.to_string();
        let length = format!("Content-Length: {}", body.len());
        site.ask(line, &["Content-Type: application/json", &length], &body)
            .await
    };
    let cwd = tmux.dir.path().canonicalize().expect("there");
    let new = json!({"name": "new", "command": "cat", "cwd": cwd});
    let made = change("POST /api/sessions", new.clone()).await;
    assert_eq!(
        (made.status, &made.json()["name"]),
        (201, &json!("new")),
        "{made:?}"
    );
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(change("POST /api/sessions", new).await.status, 409);

    let path = format!("/s/{}/ws?cols=80&rows=24", id.replace('$', "%24"));
    let mut viewer = socket(&site, &path, &[V1]).await;
    let hello = text(&mut viewer, "hello").await;
    assert_eq!(hello["session"], json!({"id": id, "name": "new"}));
    until("the list to tell of the viewer", async || {
        let list = site.ask("GET /api/sessions", &[], "").await.json();
        let row = list
            .as_array()
            .expect("a list")
            .iter()
            .find(|row| row["id"] == *id)
            .cloned();
        row.is_some_and(|row| row["viewers"] == 1 && row["cwd"] == *cwd.to_string_lossy())
    })
    .await;

    let renamed = change("PATCH /api/sessions/new", json!({"name": "other"})).await;
    assert_eq!(
        (renamed.status, &renamed.json()["name"]),
        (200, &json!("other"))
    );
    assert_eq!(text(&mut viewer, "session").await["name"], "other");
    assert_eq!(
        change("PATCH /api/sessions/other", json!({"name": "a"}))
            .await
            .status,
        409
    );
    until("the old name to be forgotten", async || {
        change("PATCH /api/sessions/new", json!({"name": "x"}))
            .await
            .status
            == 404
    })
    .await;

    let ended = site
        .ask(
            &format!("DELETE /api/sessions/{}", id.replace('$', "%24")),
            &[],
            "",
        )
        .await;
    assert_eq!(ended.status, 204, "{ended:?}");
    let (code, reason) = closed(&mut viewer).await;
    assert_eq!(code, 4410, "{reason}");
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_before_the_end_arrives() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut viewer = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
    while !matches!(next(&mut viewer).await, Message::Binary(_)) {}
    for number in 0..50 {
        let line = format!("line {number}\r");
        viewer
            .send(Message::binary(line.into_bytes()))
            .await
            .expect("sent");
    }
    let begun = std::time::Instant::now();
    let (end, ()) = tokio::join!(closed(&mut viewer), site.service.stop());
    assert_eq!(end, (1012, "spread=200".to_owned()));
    assert!(begun.elapsed().as_secs() < 5);
    // Once as the terminal's echo and once from `cat`.
    until("the last line", async || {
        tmux.must(&["capture-pane", "-p", "-S", "-200", "-t", "a:"])
            .matches("line 49")
            .count()
            == 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_typed_before_the_viewer_left_arrives() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    for number in 0..30 {
        let mut viewer = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
        while !matches!(next(&mut viewer).await, Message::Binary(_)) {}
        // In one piece, so that both are there when the socket is next read.
        let typed = format!("left {number}.\r");
        let length = 0x80 | u8::try_from(typed.len()).expect("a short line");
        let line = [&[0x82, length, 0, 0, 0, 0][..], typed.as_bytes()].concat();
        let close = b"\x88\x82\0\0\0\0\x03\xe8";
        let both = [&line[..], close].concat();
        viewer.get_mut().write_all(&both).await.expect("sent");
        drop(viewer);
    }
    until("every line", async || {
        let screen = tmux.must(&["capture-pane", "-p", "-S", "-200", "-t", "a:"]);
        (0..30).all(|number| screen.contains(&format!("left {number}.")))
    })
    .await;
    site.service.stop().await;
}

#[tokio::test]
async fn who_is_silent_is_closed() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut silent = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
    while !matches!(next(&mut silent).await, Message::Binary(_)) {}
    // From here on time passes whenever there is nothing to do. Bytes are read and pings not answered.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut read = Vec::new();
    // Nobody answers the close either, so the end is a reset.
    let _ = silent.get_mut().read_to_end(&mut read).await;
    let close = [&4508_u16.to_be_bytes()[..], b"silent"].concat();
    assert!(began.elapsed().as_secs() >= 44, "{:?}", began.elapsed());
    assert!(
        read.windows(close.len()).any(|bytes| bytes == close),
        "{}",
        String::from_utf8_lossy(&read)
    );
    tokio::time::resume();
    site.service.stop().await;
}

#[tokio::test]
async fn who_sends_a_long_message_slowly_is_not_silent() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let mut slow = socket(&site, "/s/a/ws?cols=80&rows=24", &[V1]).await;
    while !matches!(next(&mut slow).await, Message::Binary(_)) {}
    tokio::time::pause();
    // A message of 20 bytes; pongs would have to wait for its end.
    let head = b"\x82\x94\0\0\0\0";
    slow.get_mut().write_all(head).await.expect("sent");
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        slow.get_mut().write_all(b"x").await.expect("sent");
    }
    slow.send(Message::text(r#"{"type":"ping","id":"there"}"#))
        .await
        .expect("sent");
    loop {
        match next(&mut slow).await {
            Message::Text(text) if text.contains("there") => break,
            Message::Close(close) => panic!("{close:?}"),
            _ => {}
        }
    }
    tokio::time::resume();
    site.service.stop().await;
}
