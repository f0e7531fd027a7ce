//! Those who connect and want nothing good: each has its bound, and none is in the way of who has signed
//! in. What they cost is measured in `tests/benches/floods.rs`.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::signed;

use crate::http::PATIENCE;
use crate::signed::{get, hello, link, sign_in, site, watch};
use crate::tmux::Tmux;
use futures_util::{SinkExt as _, StreamExt as _};
use muxview::config::limits::{
    CHATTER_AHEAD, CHATTER_INTERVAL, CHATTER_LASTING, HEAD_TIMEOUT, STRANGERS,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

/// Waits until the other end has ended it; gives what it said before.
async fn ended(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    // A reset is an end, too.
    let _ = ended.expect("it is ended");
    String::from_utf8(said).unwrap()
}

/// Whether it is still open and silent.
fn is_open(stream: &TcpStream) -> bool {
    let mut byte = [0];
    matches!(stream.try_read(&mut byte), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// Sends a ping of ours and waits for its answer.
async fn answers(socket: &mut signed::Socket, id: u64) {
    let ping = json!({"type": "ping", "id": id}).to_string();
    socket.send(Message::text(ping)).await.unwrap();
    loop {
        let message = timeout(PATIENCE, socket.next()).await.expect("in time");
        match message.expect("open").expect("open") {
            Message::Text(text) => {
                let said: Value = serde_json::from_str(&text).unwrap();
                if said["type"] == "pong" && said["id"] == id {
                    return;
                }
            }
            Message::Close(frame) => panic!("closed: {frame:?}"),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_too_many_who_ask_nothing_those_who_waited_longest_are_ended() {
    const MORE: usize = 50;
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let mut socket = watch(&site, "a", &owner).await;
    hello(&mut socket).await.expect("let in");
    // One on which somebody has signed in waits as long as it likes.
    let mut known = site.connect().await;
    let bearer = format!("Authorization: Bearer {owner}");
    let head = site.head("GET /api/sessions", &[&bearer]);
    known.write_all(head.as_bytes()).await.unwrap();
    known.readable().await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    assert!(known.try_read(&mut answer).unwrap() > 0);

    let mut silent = Vec::new();
    for _ in 0..STRANGERS + MORE {
        silent.push(site.connect().await);
    }
    for stream in &mut silent[..MORE] {
        assert_eq!(ended(stream).await, "");
    }
    // Whoever comes now is answered, and is one more of them afterwards: it closes by itself.
    assert_eq!(
        site.ask("GET /healthz", &["Connection: close"], "")
            .await
            .status,
        200
    );
    assert_eq!(get(&site, "/api/sessions", &owner).await.status, 200);
    let left = silent.iter().filter(|stream| is_open(stream)).count();
    assert!(
        (STRANGERS - 10..=STRANGERS).contains(&left),
        "{left} are left"
    );
    assert!(is_open(&known));
    answers(&mut socket, 1).await;
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_has_its_time_however_it_is_spent() {
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let began = Instant::now();
    let mut silent = site.connect().await;
    let mut idle = site.connect().await;
    idle.write_all(site.head("GET /healthz", &[]).as_bytes())
        .await
        .unwrap();
    let mut slow = Vec::new();
    for _ in 0..20 {
        let mut stream = site.connect().await;
        let head = site.head("GET /", &["X-Padding: a-head-that-does-not-end"]);
        slow.push(tokio::spawn(async move {
            for byte in head.trim_end().bytes().cycle() {
                if stream.write_all(&[byte]).await.is_err() {
                    break;
                }
                let mut said = [0; 1024];
                if let Ok(read) = timeout(Duration::from_millis(500), stream.read(&mut said)).await
                {
                    // A word about it may come first.
                    if matches!(read, Ok(0) | Err(_)) {
                        break;
                    }
                }
            }
        }));
    }
    for slow in slow {
        timeout(PATIENCE, slow).await.expect("it is ended").unwrap();
        assert!(began.elapsed() >= HEAD_TIMEOUT);
    }
    ended(&mut silent).await;
    assert!(ended(&mut idle).await.starts_with("HTTP/1.1 200"));
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_too_much_is_listened_to_more_slowly_and_who_does_not_stop_is_closed() {
    const PINGS: u32 = 3000;
    let tmux = Tmux::started();
    let site = site(&tmux).await;
    let owner = sign_in(&site, &link(&site)).await;
    let mut socket = watch(&site, "a", &owner).await;
    hello(&mut socket).await.expect("let in");
    let mut bystander = watch(&site, "a", &owner).await;
    hello(&mut bystander).await.expect("let in");
    let began = Instant::now();
    for n in 0..PINGS {
        let ping = if n % 2 == 0 {
            Message::Ping(Default::default())
        } else {
            Message::text(json!({"type": "ping", "id": "flood"}).to_string())
        };
        socket.feed(ping).await.unwrap();
    }
    answers(&mut bystander, 1).await;
    answers(&mut socket, 2).await;
    let least = CHATTER_INTERVAL * PINGS - CHATTER_AHEAD;
    assert!(began.elapsed() >= least, "{:?}", began.elapsed());

    // Without an end it is no mishap any more.
    let flood = tokio::spawn(async move {
        let (mut write, mut read) = socket.split();
        let reading = async {
            loop {
                match read.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                    Some(Ok(_)) => {}
                    _ => return None,
                }
            }
        };
        let writing = async {
            while write.send(Message::Ping(Default::default())).await.is_ok() {}
            std::future::pending::<()>().await;
        };
        tokio::select! {
            closed = reading => closed,
            () = writing => None,
        }
    });
    let closed: Option<u16> = timeout(2 * PATIENCE, flood)
        .await
        .expect("it is closed")
        .unwrap();
    assert_eq!(closed, Some(1008));
    assert!(began.elapsed() >= CHATTER_LASTING);
    answers(&mut bystander, 3).await;
    site.service.stop().await;
}
