//! Whatever is sent, it is answered as the contract says, and bystanders notice nothing.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{Join, Scene, Viewer, viewer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};

/// A bystander who must not notice anything, asked after each insult.
async fn unharmed(scene: &Scene, what: &str) {
    scene.run(&format!("clear; echo 'fine after {what}'")).await;
    let marker = format!("fine after {what}\n");
    scene.live.shows(&marker, |p| p.contains(&marker)).await;
    assert!(scene.live.is_open(), "{what}: {}", scene.live.story());
}

/// Whether this viewer is still served: it answers a ping.
async fn answers(viewer: &Viewer, id: usize) -> bool {
    viewer.say(&serde_json::json!({"type": "ping", "id": id}));
    viewer
        .wait("a pong or a close", |events| {
            events.iter().rev().find_map(|(_, event)| match event {
                crate::support::Event::Text(text) if text["type"] == "pong" && text["id"] == id => {
                    Some(true)
                }
                crate::support::Event::Closed(..) => Some(false),
                _ => None,
            })
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_messages_are_ignored() {
    let scene = Scene::open(80, 24).await;
    let viewer = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    viewer.opened().await;
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    let deeper = r#"{"type":"ping","id":"#.to_owned() + &"[".repeat(1900) + &"]".repeat(1900) + "}";
    let bottomless = "[".repeat(10_000);
    let flat = format!("{{\"type\":\"{}\"}}", "x".repeat(1024 * 1024));
    let texts = [
        "",
        "{",
        "null",
        "7",
        "\"resize\"",
        "[]",
        "{}",
        "{\"type\":null}",
        "{\"type\":7}",
        "{\"type\":\"nothing known\"}",
        "{\"type\":\"resize\"}",
        "{\"type\":\"resize\",\"cols\":\"wide\",\"rows\":[]}",
        "{\"type\":\"resize\",\"cols\":80}",
        "{\"type\":\"resize\",\"cols\":-1,\"rows\":-1}",
        "{\"type\":\"resize\",\"cols\":1e300,\"rows\":0.5}",
        "{\"type\":\"ack\"}",
        "{\"type\":\"ack\",\"bytes\":-5}",
        "{\"type\":\"ack\",\"bytes\":18446744073709551615}",
        "{\"type\":\"ack\",\"bytes\":1e400}",
        "{\"type\":\"visible\"}",
        "{\"type\":\"visible\",\"visible\":\"yes\"}",
        "{\"type\":\"ping\",\"id\":{\"a\":[1,2]}}",
        "{\"type\":\"ping\"}",
        "\u{0}",
        "{\"type\":\"re\\u0000size\"}",
        &deep,
        &deeper,
        "{\"type\":\"hello\"}",
        "{\"type\":\"size\",\"cols\":1,\"rows\":1}",
        "not json at all",
        "\u{feff}{\"type\":\"repaint\"}",
        "{\"type\":\"nothing\",\"type\":\"ping\"}",
        "{\"type\":\"ack\",\"bytes\":NaN}",
        "{\"type\":\"ack\",\"bytes\":-Infinity}",
        "{\"type\":\"ack\",\"bytes\":9007199254740993}",
        "{\"type\":\"resize\",\"cols\":\"80\",\"rows\":\"24\"}",
        "{\"type\":[\"ping\"]}",
        "[{\"type\":\"ping\"}]",
        "{\"type\":\"ping\",\"id\":\"\\ud800\"}",
        "{\"__proto__\":{\"type\":\"resize\"}}",
        &flat,
        &bottomless,
    ];
    for (number, text) in texts.iter().enumerate() {
        viewer.send(Message::text(*text));
        assert!(
            answers(&viewer, number).await,
            "{text:.80} closed it: {}",
            viewer.story()
        );
    }
    viewer.send(Message::binary(Vec::new()));
    viewer.send(Message::Pong(vec![1, 2, 3].into()));
    let long = format!("{{\"type\":\"ping\",\"id\":\"{}\"}}", "x".repeat(100_000));
    viewer.send(Message::text(long));
    assert!(answers(&viewer, 1000).await, "{}", viewer.story());
    unharmed(&scene, "strange messages").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_driver_with_strange_messages_types_on() {
    let scene = Scene::open(80, 24).await;
    scene.live.send(Message::binary(Vec::new()));
    scene.live.send(Message::text("{\"type\":"));
    scene.live.input("echo typed $((1+1))\r".as_bytes());
    scene.live.shows("typed", |p| p.contains("typed 2\n")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_message_ends_only_its_sender() {
    let scene = Scene::open(80, 24).await;
    for join in [Join::driver(80, 24), Join::spectator()] {
        let viewer = Viewer::join(&scene.service, &scene.xterm, "main", join).await;
        viewer.opened().await;
        viewer.send(Message::binary(vec![b'#'; 9 * 1024 * 1024]));
        let (code, reason) = viewer.closed().await;
        assert!([4400, 1009, 1006].contains(&code), "{code} {reason}");
    }
    unharmed(&scene, "huge messages").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absurd_sizes_are_clamped() {
    let scene = Scene::open(80, 24).await;
    for (cols, rows, clamped) in [
        (0_u64, 0_u64, (2_u64, 2_u64)),
        (1, 1, (2, 2)),
        (1_000_000_000, 24, (1000, 24)),
        (80, u64::MAX, (80, 500)),
        (100, 50, (100, 50)),
    ] {
        scene
            .live
            .say(&serde_json::json!({"type": "resize", "cols": cols, "rows": rows}));
        scene
            .live
            .text_where("size", |s| s["cols"] == clamped.0 && s["rows"] == clamped.1)
            .await;
    }
    scene
        .live
        .say(&serde_json::json!({"type": "resize", "cols": 70_000, "rows": 70_000}));
    let size = scene
        .live
        .text_where("size", |s| s["cols"].as_u64().unwrap() > 200)
        .await;
    let (cols, rows) = (
        size["cols"].as_u64().unwrap(),
        size["rows"].as_u64().unwrap(),
    );
    assert!(
        cols <= 1000 && rows <= 500 && cols * rows <= 100_000,
        "{size}"
    );
    scene.live.resize(80, 24);
    scene
        .live
        .text_where("size", |s| s["cols"] == 80 && s["rows"] == 24)
        .await;
    scene.live.shows("the old size", |p| p.cols() == 80).await;
    for query in [
        "?cols=abc&rows=7",
        "?cols=&rows=",
        "?cols=99999999999999999999&rows=1",
        "?cols=-4&rows=-4",
        "?role=king",
        "?visible=maybe&resume=7",
        "?cols=80",
        "?%zz=%",
    ] {
        let url = scene.service.socket_url("main", query);
        // Refused before the upgrade or served; never an ended service.
        match viewer::connect(&url, scene.service.port, Some("muxview.v1")).await {
            Ok(socket) => {
                let viewer = Viewer::over(socket, None, &Join::spectator());
                viewer.opened().await;
            }
            Err(Error::Http(response)) => assert!(
                response.status().is_client_error(),
                "{query}: {}",
                response.status()
            ),
            Err(error) => panic!("{query}: {error}"),
        }
    }
    unharmed(&scene, "absurd sizes").await;
}

async fn request(port: u16, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(crate::support::PATIENCE, reading)
        .await
        .expect("it answers and closes");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split_whitespace()
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    (status, answer)
}

async fn get(port: u16, path: &str) -> u16 {
    request(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
    )
    .await
    .0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_names_and_paths() {
    let scene = Scene::open(80, 24).await;
    let port = scene.service.port;
    for name in [
        "nobody",
        "$999",
        "main2",
        "mai",
        "=main",
        "*",
        "m*",
        "#{session_name}",
        "#(touch x)",
        "a:b",
        "a.b",
        "\u{1f600}",
        "-t",
    ] {
        let url = scene.service.socket_url(name, "?cols=80&rows=24");
        match viewer::connect(&url, port, Some("muxview.v1")).await {
            Ok(socket) => {
                let viewer = Viewer::over(socket, None, &Join::driver(80, 24));
                let (code, reason) = viewer.closed().await;
                assert_eq!(code, 4404, "{name}: {reason}");
                assert_eq!(
                    viewer.events().len(),
                    1,
                    "{name}: a refused viewer gets only its close: {}",
                    viewer.story()
                );
            }
            Err(Error::Http(response)) => assert!(
                response.status().is_client_error(),
                "{name}: {}",
                response.status()
            ),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    for (path, codes) in [
        ("/", &[200][..]),
        ("/s/main", &[200]),
        ("/s/not-running", &[200]),
        ("/nothing/here", &[404]),
        ("/assets/none.js", &[404]),
        ("/assets/../../etc/passwd", &[400, 404]),
        ("/assets/%2e%2e/%2e%2e/etc/passwd", &[400, 404]),
        ("/s/%ff%fe", &[200, 400, 404]),
        ("/s/%zz", &[200, 400, 404]),
        ("/healthz", &[200]),
        ("/readyz", &[200]),
        ("/s/main/ws", &[400, 405, 426]), // not an upgrade
        ("//", &[200, 400, 404]),
    ] {
        let status = get(port, path).await;
        assert!(codes.contains(&status), "{path}: {status}");
    }
    let long = format!("/s/{}", "n".repeat(5000));
    let status = get(port, &long).await;
    assert!((200..500).contains(&status), "{status}");
    for (what, head, codes) in [
        (
            "a foreign host",
            "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            &[421][..],
        ),
        (
            "no host",
            "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
            &[400, 421],
        ),
        (
            "a huge head",
            &format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
                "x".repeat(200_000)
            ),
            &[0, 400, 413, 431],
        ),
        ("not HTTP", "\x16\x03\x01\x02 hello\r\n\r\n", &[0, 400]),
        (
            "another method",
            "DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            &[404, 405],
        ),
    ] {
        let (status, answer) = request(port, head).await;
        assert!(codes.contains(&status), "{what}: {answer}");
    }
    let foreign = format!(
        "GET /s/main/ws HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    // The connection may stay open after a refusal: only the status line counts.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(foreign.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(
        &head, b"HTTP/1.1 403",
        "a foreign origin is refused before the upgrade"
    );
    assert!(!scene.tmux.dir().join("x").exists(), "nothing was run");
    unharmed(&scene, "unknown names").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protocols_that_are_not_ours() {
    let scene = Scene::open(80, 24).await;
    let url = scene.service.socket_url("main", "?cols=80&rows=24");
    let request =
        |protocol: &'static str| viewer::connect(&url, scene.service.port, Some(protocol));
    // Beside others ours is chosen; tungstenite checks that the answer is one of those offered.
    let both = request("something.else, muxview.v1")
        .await
        .expect("ours is among them");
    Viewer::over(both, None, &Join::driver(80, 24))
        .text("hello")
        .await;
    // Only versions we do not speak: closed with 4426, or refused as no protocol was chosen.
    match request("muxview.v999").await {
        Ok(socket) => {
            let (code, _) = Viewer::over(socket, None, &Join::driver(80, 24))
                .closed()
                .await;
            assert_eq!(code, 4426);
        }
        Err(error) => assert!(matches!(error, Error::Protocol(_)), "{error}"),
    }
    unharmed(&scene, "protocols").await;
}
