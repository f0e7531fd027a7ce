//! HTTP as strangers send it: heads, bodies and paths that are wrong, too much or too slow, and the
//! small promises of the URLs. There is no tmux server behind it.

use crate::http::{Answer, PATIENCE, Site};
use muxview::config::Auth;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const JSON: &str = "Content-Type: application/json";

async fn post(site: &Site, line: &str, body: &str) -> Answer {
    let length = format!("Content-Length: {}", body.len());
    site.ask(line, &[JSON, &length], body).await
}

#[tokio::test]
async fn heads_have_a_size() {
    let site = Site::open(Auth::None).await;
    let long = format!("X-Long: {}", "x".repeat(100_000));
    assert_eq!(site.ask("GET /", &[&long], "").await.status, 431);
    let many = vec!["X-Many: x"; 200];
    assert_eq!(site.ask("GET /", &many, "").await.status, 431);
    let path = format!("GET /s/{}", "n".repeat(5000));
    assert_eq!(site.ask(&path, &[], "").await.status, 200);
    assert_eq!(site.ask("GET /healthz", &[], "").await.status, 200);
    site.service.stop().await;
}

#[tokio::test]
async fn bodies_are_small_json() {
    let site = Site::open(Auth::None).await;
    let big = format!(r#"{{"name":"{}"}}"#, "x".repeat(100_000));
    let deep = format!(
        r#"{{"name":"-","x":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for (body, status) in [
        ("", 400),
        ("{", 400),
        ("null", 422),
        ("[]", 422),
        ("{}", 422),
        (r#"{"name":5}"#, 422),
        (r#"{"name":""}"#, 422),
        (r#"{"name":"-x"}"#, 422),
        (r#"{"name":"a.b"}"#, 422),
        (r##"{"name":"#(touch x)"}"##, 422),
        (r#"{"name":"a\nb"}"#, 422),
        (r#"{"name":"ok","command":5}"#, 422),
        (r#"{"name":"ok","command":"a\u0000b"}"#, 422),
        (r#"{"name":"ok","cwd":"relative"}"#, 422),
        (r#"{"name":"ok","cwd":"/nowhere/at/all"}"#, 422),
        (r#"{"name":"ok","cwd":"/etc/hostname"}"#, 422),
        (&deep, 422),
        (&big, 413),
    ] {
        let answer = post(&site, "POST /api/sessions", body).await;
        assert_eq!(answer.status, status, "{:.60}: {answer:?}", body);
        assert!(answer.json()["error"].is_string());
    }
    let endless = "Transfer-Encoding: chunked";
    let chunk = format!("{:x}\r\n{}\r\n0\r\n\r\n", 100_000, "x".repeat(100_000));
    assert_eq!(
        site.ask("POST /api/sessions", &[JSON, endless], &chunk)
            .await
            .status,
        413
    );
    let both = [JSON, endless, "Content-Length: 5"];
    let status = site
        .ask("POST /api/sessions", &both, "0\r\n\r\n")
        .await
        .status;
    assert_eq!(status, 400, "two lengths are how requests are smuggled");
    site.service.stop().await;
}

#[tokio::test]
async fn urls_are_what_they_are() {
    let site = Site::open(Auth::None).await;
    for (line, status) in [
        ("GET /s/a%2Fb", 200),
        ("GET /s/%F0%9F%98%80", 200),
        ("HEAD /", 200),
        ("GET /nothing", 404),
        ("GET /api/nothing", 404),
        ("GET /s/", 404),
        ("GET /s/a/b", 404),
        ("GET /..%2f..%2fetc/passwd", 404),
        ("GET //evil.example", 404),
        ("GET /assets/%2e%2e/%2e%2e/Cargo.toml", 404),
        ("GET /assets/%00", 404),
        ("GET /api/sessions/x", 405),
        ("POST /", 405),
        ("OPTIONS /api/sessions", 405),
        ("BREW /", 405),
        ("GET /readyz", 503),
    ] {
        let answer = site.ask(line, &["Connection: close"], "").await;
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.header("location"), None, "{line}");
    }
    assert_eq!(
        site.ask("GET /api/sessions", &[], "").await.json(),
        serde_json::json!([])
    );
    let allowed = site
        .ask("OPTIONS /api/sessions", &[], "")
        .await
        .header("allow")
        .unwrap();
    assert!(
        allowed.contains("GET") && allowed.contains("POST"),
        "{allowed}"
    );
    site.service.stop().await;
}

#[tokio::test]
async fn a_base_path_is_answered_with_and_without() {
    let site = Site::open_with(Auth::None, |config| {
        config.base_path = "/mux".parse().unwrap();
    })
    .await;
    for (path, status) in [
        ("/mux/", 200),
        ("/mux/s/a", 200),
        ("/mux/healthz", 200),
        ("/mux/api/sessions", 200),
        ("/", 200),
        ("/healthz", 200),
        ("/muxer", 404),
        ("/mux/mux/", 404),
    ] {
        assert_eq!(
            site.ask(&format!("GET {path}"), &[], "").await.status,
            status,
            "{path}"
        );
    }
    let moved = site.ask("GET /mux", &[], "").await;
    assert_eq!(
        (moved.status, moved.header("location").as_deref()),
        (308, Some("mux/"))
    );
    assert_eq!(
        site.ask("GET /mux", &["Host: evil.example"], "")
            .await
            .status,
        421
    );
    site.service.stop().await;
}

#[tokio::test]
async fn an_unknown_path_is_a_page_for_browsers_and_json_for_programs() {
    let site = Site::open_with(Auth::None, |config| {
        config.base_path = "/mux".parse().unwrap();
    })
    .await;
    for (path, list) in [
        ("/nothing", "./"),
        ("/nothing/", "../"),
        ("/mux/a/b%20c/d", "../../"),
        ("/s/a/b", "../../"),
    ] {
        let page = site
            .ask(&format!("GET {path}"), &["Accept: text/html,*/*;q=0.8"], "")
            .await;
        assert_eq!(page.status, 404, "{path}");
        assert_eq!(
            page.header("content-type").as_deref(),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        assert!(page.body.contains(&format!("href=\"{list}\"")), "{page:?}");
        let json = site.ask(&format!("GET {path}"), &[], "").await;
        assert_eq!(json.status, 404, "{path}");
        assert!(json.json()["error"].is_string(), "{json:?}");
    }
    site.service.stop().await;
}

#[tokio::test]
async fn a_session_with_a_slash_leads_to_its_page() {
    let site = Site::open_with(Auth::None, |config| {
        config.base_path = "/mux".parse().unwrap();
    })
    .await;
    for (path, to) in [
        ("/s/main/", "../main"),
        ("/mux/s/main/", "../main"),
        ("/s/a%2Fb%20c/?role=view", "../a%2Fb%20c?role=view"),
        ("/s/%2F%2Fevil.example/", "../%2F%2Fevil.example"),
    ] {
        let moved = site.ask(&format!("GET {path}"), &[], "").await;
        assert_eq!(
            (moved.status, moved.header("location").as_deref()),
            (308, Some(to)),
            "{path}"
        );
    }
    site.service.stop().await;
}

#[tokio::test]
async fn events_come_at_once_and_end_with_the_service() {
    let site = Site::open(Auth::None).await;
    let mut stream = site.connect().await;
    let head = site.head("GET /api/events", &[]);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = String::new();
    let mut chunk = [0; 4096];
    while !read.contains("event: sessions\ndata: []") {
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut chunk))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0, "{read}");
        read.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
    }
    assert!(read.contains("content-type: text/event-stream"), "{read}");
    assert!(read.contains("event: tmux\ndata: {\"state\":"), "{read}");
    let rest = tokio::spawn(async move {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await
    });
    site.service.stop().await;
    tokio::time::timeout(PATIENCE, rest)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn pipelined_and_half_sent_requests_harm_nobody() {
    let site = Site::open(Auth::None).await;
    let mut half = site.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: loc")
        .await
        .unwrap();
    let head = site.head("GET /healthz", &[]);
    let mut twice = site.connect().await;
    twice
        .write_all(format!("{head}{head}").as_bytes())
        .await
        .unwrap();
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    while String::from_utf8_lossy(&read)
        .matches("\r\n\r\nok\n")
        .count()
        < 2
    {
        let count = tokio::time::timeout(PATIENCE, twice.read(&mut chunk))
            .await
            .unwrap()
            .unwrap();
        assert_ne!(count, 0);
        read.extend_from_slice(&chunk[..count]);
    }
    assert_eq!(
        Answer::to(site.connect().await, "\x16\x03\x01 no HTTP\r\n\r\n")
            .await
            .status,
        400
    );
    // Neither the half request nor the idle connection holds up the end.
    let begun = std::time::Instant::now();
    site.service.stop().await;
    assert!(begun.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn who_was_let_in_before_a_stop_is_answered() {
    let site = Site::open(Auth::None).await;
    let early = site.connect().await;
    // The next one being answered, that one was let in.
    assert_eq!(site.ask("GET /healthz", &[], "").await.status, 200);
    let request = site.head("GET /healthz", &["Connection: close"]);
    let address = early.peer_addr().unwrap();
    let stopped = tokio::spawn(site.service.stop());
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert_eq!(Answer::to(early, &request).await.status, 200);
    stopped.await.unwrap();
}
