//! A service in this process and a client that sends exactly what a test writes: for rules about
//! heads, which polite clients do not let one break.

#![allow(dead_code, unreachable_pub)] // each test binary uses its own part of this
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::large_enum_variant
)] // a failed step is a failed test

use futures_util::StreamExt as _;
use muxview::config::{Auth, Config, Listen, Tmux};
use muxview::service::Service;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

/// How long anything here may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A service on a free port of this machine, and its tmux socket, where nobody listens.
pub struct Site {
    pub service: Service,
    pub port: u16,
    /// What `--auth token` made.
    pub secret: Option<String>,
    pub dir: TempDir,
}

impl Site {
    pub async fn open(auth: Auth) -> Self {
        Self::open_with(auth, |_| {}).await
    }

    pub async fn open_with(auth: Auth, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config {
            listen: vec![Listen::Tcp {
                host: "127.0.0.1".into(),
                port: 0,
            }],
            auth,
            tmux: Tmux::Path(dir.path().join("tmux")),
            state_dir: Some(dir.path().join("state")),
            ..Config::default()
        };
        change(&mut config);
        let service = Service::start(config).await.unwrap();
        let url = service.urls().first(None);
        let authority = url.trim_start_matches("http://").split('/').next().unwrap();
        let port = authority.rsplit(':').next().unwrap().parse().unwrap_or(0);
        let secret = url.split_once("#t=").map(|(_, secret)| secret.to_owned());
        Self {
            service,
            port,
            secret,
            dir,
        }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], self.port)))
            .await
            .unwrap()
    }

    /// One request on a connection of its own. `PORT` and `SECRET` stand for the real ones.
    pub async fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let head = self.head(line, headers);
        Answer::to(self.connect().await, &format!("{head}{body}")).await
    }

    /// A whole head with the defaults a test does not care about.
    pub fn head(&self, line: &str, headers: &[&str]) -> String {
        let mut head = format!("{line} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|header| header.starts_with("Host:") || *header == "no Host")
        {
            head.push_str("Host: localhost:PORT\r\n");
        }
        for header in headers.iter().filter(|header| **header != "no Host") {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        self.fill(&head)
    }

    fn fill(&self, text: &str) -> String {
        let secret = self.secret.as_deref().unwrap_or("NONE");
        text.replace("PORT", &self.port.to_string())
            .replace("SECRET", secret)
    }

    /// Asks for a socket, with `headers` besides those every handshake has.
    pub async fn upgrade(&self, path: &str, headers: &[&str]) -> Upgrade {
        let mut all = vec![
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ];
        all.extend(headers);
        let head = self.head(&format!("GET {path}"), &all);
        Upgrade::over(self.connect().await, &head).await
    }
}

/// What came of asking for a socket.
#[derive(Debug)]
pub enum Upgrade<S = TcpStream> {
    Refused(Answer),
    Open(Answer, WebSocketStream<S>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Upgrade<S> {
    pub async fn over(mut stream: S, head: &str) -> Self {
        stream.write_all(head.as_bytes()).await.unwrap();
        let (answer, rest) = Answer::head_of(&mut stream).await;
        if answer.status != 101 {
            return Self::Refused(answer);
        }
        let socket = WebSocketStream::from_partially_read(stream, rest, Role::Client, None).await;
        Self::Open(answer, socket)
    }

    /// The role one is let in with, or how one is not.
    pub async fn role(self) -> Outcome {
        let Self::Open(answer, mut socket) = self else {
            return self.outcome().await;
        };
        match tokio::time::timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(Message::Text(hello))) => {
                let hello: serde_json::Value = serde_json::from_str(&hello).unwrap();
                Outcome::Role(hello["role"].as_str().unwrap().to_owned())
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                Outcome::Closed(frame.code.into(), answer.header("sec-websocket-protocol"))
            }
            other => panic!("{other:?}"),
        }
    }

    /// In a word: the status of a refusal, or the code of the close that must come first of all.
    pub async fn outcome(self) -> Outcome {
        match self {
            Self::Refused(answer) => Outcome::Status(answer.status),
            Self::Open(answer, mut socket) => {
                let first = tokio::time::timeout(PATIENCE, socket.next()).await.unwrap();
                let Some(Ok(Message::Close(Some(frame)))) = first else {
                    panic!("a close was to come, not {first:?}");
                };
                Outcome::Closed(frame.code.into(), answer.header("sec-websocket-protocol"))
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Status(u16),
    /// The code, and the subprotocol that was chosen.
    Closed(u16, Option<String>),
    /// Let in, as this.
    Role(String),
}

/// An answer, read until the connection or the body ends.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// Sends `request` and reads one answer. Status 0: the connection ended without one.
    pub async fn to(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Self {
        // A refused request may be answered before it is sent whole.
        let _ = stream.write_all(request.as_bytes()).await;
        let (mut answer, mut body) = Self::head_of(&mut stream).await;
        if answer.status == 204 {
            return answer;
        }
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok());
        let mut chunk = [0; 4096];
        while length.is_none_or(|length: usize| body.len() < length) {
            match tokio::time::timeout(PATIENCE, stream.read(&mut chunk))
                .await
                .unwrap()
            {
                Ok(0) | Err(_) => break,
                Ok(read) => body.extend_from_slice(&chunk[..read]),
            }
        }
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer
    }

    async fn head_of(stream: &mut (impl AsyncRead + Unpin)) -> (Self, Vec<u8>) {
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            let mut chunk = [0; 4096];
            match tokio::time::timeout(PATIENCE, stream.read(&mut chunk))
                .await
                .unwrap()
            {
                Ok(0) | Err(_) => {
                    let nothing = Self {
                        status: 0,
                        head: String::new(),
                        body: String::new(),
                    };
                    return (nothing, Vec::new());
                }
                Ok(count) => read.extend_from_slice(&chunk[..count]),
            }
        };
        let rest = read.split_off(end + 4);
        let head = String::from_utf8(read).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (
            Self {
                status,
                head,
                body: String::new(),
            },
            rest,
        )
    }

    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

/// As [`Site::ask`], over a unix socket.
pub async fn ask_unix(path: &std::path::Path, request: &str) -> Answer {
    Answer::to(UnixStream::connect(path).await.unwrap(), request).await
}
