//! [`Crowd`]: many viewers who type and watch all the time, and a client who connects all the time. Every
//! line typed is numbered, and each session writes what it gets into a file: so each byte is accounted for.

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{WebSocketStream, client_async};

/// How a browser would get there.
#[derive(Clone, Debug)]
pub struct Route {
    pub door: Peer,
    /// The Host it names.
    pub host: String,
    /// What a proxy takes away, without a slash at its end.
    pub path: String,
    pub secret: Option<String>,
}

#[derive(Clone, Debug)]
pub enum Peer {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Route {
    pub fn unix(path: impl Into<PathBuf>, secret: Option<String>) -> Self {
        Self {
            door: Peer::Unix(path.into()),
            host: "localhost".into(),
            path: String::new(),
            secret,
        }
    }

    pub fn tcp(port: u16) -> Self {
        Self {
            door: Peer::Tcp(([127, 0, 0, 1], port).into()),
            host: format!("127.0.0.1:{port}"),
            path: String::new(),
            secret: None,
        }
    }

    pub async fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        Ok(match &self.door {
            Peer::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Peer::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }

    /// A session's socket.
    pub async fn socket(
        &self,
        session: &str,
        query: &str,
        seed: u64,
    ) -> Result<WebSocketStream<Chopped>, String> {
        let url = format!("ws://{}{}/s/{session}/ws?{query}", self.host, self.path);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "muxview.v1".parse().unwrap());
        if let Some(secret) = &self.secret {
            headers.insert("Authorization", format!("Bearer {secret}").parse().unwrap());
        }
        let stream = self.connect().await.map_err(|error| error.to_string())?;
        let opened = client_async(request, Chopped::new(stream, seed)).await;
        let (socket, _) = opened.map_err(|error| error.to_string())?;
        Ok(socket)
    }

    /// Whether a new connection is answered.
    async fn knock(&self) -> Result<(), String> {
        let asked = async {
            let mut stream = self.connect().await?;
            let head = format!(
                "GET {}/healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
                self.path, self.host
            );
            stream.write_all(head.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        match timeout(super::PATIENCE, asked).await {
            Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 ") => Ok(()),
            Ok(Ok(answer)) => Err(format!("answered {answer:?}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer".into()),
        }
    }
}

/// A stream that writes in pieces of its own, so that a restart meets half messages.
pub struct Chopped<S = Box<dyn Stream>> {
    inner: S,
    random: u64,
    /// Until when it holds the next piece back.
    held: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<S> Chopped<S> {
    pub fn new(inner: S, seed: u64) -> Self {
        Self {
            inner,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            held: None,
        }
    }

    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }
}

impl<S> fmt::Debug for Chopped<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chopped")
    }
}

impl<S: Stream> AsyncRead for Chopped<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: Stream> AsyncWrite for Chopped<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if let Some(held) = &mut self.held {
            if held.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.held = None;
        }
        let piece = match self.random(4) {
            0 if buf.len() > 1 => 1 + self.random(buf.len() as u64 - 1) as usize,
            _ => buf.len(),
        };
        let written = std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, &buf[..piece]))?;
        if written < buf.len() {
            let pause = Duration::from_millis(1 + self.random(5));
            self.held = Some(Box::pin(tokio::time::sleep(pause)));
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// What one viewer did and saw.
#[derive(Debug)]
pub struct Seen {
    pub session: String,
    pub name: usize,
    /// Lines typed and sent whole.
    pub typed: u64,
    /// The process images it was served by, in order.
    pub instances: Vec<String>,
    /// The longest time between two frames.
    pub silence: Duration,
    /// How the connection ended before it was to.
    pub closed: Option<(u16, String)>,
}

/// All of them, and those who knocked.
#[derive(Debug)]
pub struct Account {
    pub seen: Vec<Seen>,
    pub knocks: u64,
    /// What went wrong with those.
    pub refused: Vec<String>,
}

pub struct Crowd {
    viewers: Vec<tokio::task::JoinHandle<Seen>>,
    knocking: tokio::task::JoinHandle<(u64, Vec<String>)>,
    /// How many process images have shown each viewer something.
    progress: watch::Receiver<HashMap<usize, usize>>,
    stop: watch::Sender<bool>,
}

impl Crowd {
    /// `each` viewers on each session, typing a line every `pace`. Inside a tokio runtime.
    pub async fn gather(route: &Route, sessions: &[String], each: usize, pace: Duration) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (tell, progress) = watch::channel(HashMap::new());
        let mut viewers = Vec::new();
        for (index, session) in sessions.iter().enumerate() {
            for place in 0..each {
                let name = index * each + place;
                let socket = route
                    .socket(session, "cols=80&rows=24", name as u64 + 7)
                    .await
                    .unwrap_or_else(|error| panic!("viewer {name}: {error}"));
                let (session, tell, stopping) = (session.clone(), tell.clone(), stopping.clone());
                viewers.push(tokio::spawn(view(
                    socket, session, name, pace, tell, stopping,
                )));
            }
        }
        let knocking = tokio::spawn(knock(route.clone(), stopping));
        let crowd = Self {
            viewers,
            knocking,
            progress,
            stop,
        };
        crowd.served_by(1).await;
        crowd
    }

    /// Waits until every viewer has been greeted, and shown something, by so many process images.
    pub async fn served_by(&self, images: usize) {
        let all = self.viewers.len();
        let mut progress = self.progress.clone();
        let everyone = progress
            .wait_for(|seen| seen.len() == all && seen.values().all(|count| *count >= images));
        let waited = timeout(super::PATIENCE * 2, everyone).await;
        assert!(
            matches!(waited, Ok(Ok(_))),
            "not everyone was served by image {images}: {:?}",
            *self.progress.borrow()
        );
    }

    /// Everyone stops typing; what they typed is on its way or there.
    pub async fn end(self) -> Account {
        self.stop.send_replace(true);
        let mut seen = Vec::new();
        for viewer in self.viewers {
            seen.push(viewer.await.unwrap());
        }
        let (knocks, refused) = self.knocking.await.unwrap();
        Account {
            seen,
            knocks,
            refused,
        }
    }
}

fn line(name: usize, number: u64) -> String {
    format!("{name:04}:{number:07}\r")
}

async fn view(
    mut socket: WebSocketStream<Chopped>,
    session: String,
    name: usize,
    pace: Duration,
    tell: watch::Sender<HashMap<usize, usize>>,
    mut stopping: watch::Receiver<bool>,
) -> Seen {
    let mut seen = Seen {
        session,
        name,
        typed: 0,
        instances: Vec::new(),
        silence: Duration::ZERO,
        closed: None,
    };
    let mut ticks = interval(pace);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut bytes, mut last) = (0_u64, None::<Instant>);
    loop {
        let event = tokio::select! {
            // Asked first: a message half sent is sent whole before anything ends.
            _ = stopping.wait_for(|stop| *stop) => break,
            _ = ticks.tick() => None,
            message = socket.next() => Some(message),
        };
        let message = match event {
            None => {
                // Now and then a handful of lines at once.
                let count = if seen.typed % 9 == 8 { 20 } else { 1 };
                let lines: String = (seen.typed..seen.typed + count)
                    .map(|number| line(name, number))
                    .collect();
                if socket.send(Message::binary(lines)).await.is_ok() {
                    seen.typed += count;
                }
                continue;
            }
            Some(message) => message,
        };
        match message {
            Some(Ok(Message::Binary(frame))) => {
                let now = Instant::now();
                if let Some(last) = last.replace(now) {
                    seen.silence = seen.silence.max(now - last);
                }
                bytes += frame.len() as u64;
                tell.send_if_modified(|all| {
                    let shown = all.insert(name, seen.instances.len());
                    shown != Some(seen.instances.len())
                });
                let ack = json!({"type": "ack", "bytes": bytes});
                let _ = socket.send(Message::text(ack.to_string())).await;
            }
            Some(Ok(Message::Text(text))) => {
                let told: Value = serde_json::from_str(&text).expect("the server sends JSON");
                if told["type"] == "hello" {
                    let instance = told["instance"].as_str().unwrap_or_default();
                    seen.instances.push(instance.to_owned());
                }
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map_or((1005, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                seen.closed = Some((code, reason));
                return seen;
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                seen.closed = Some((1006, error.to_string()));
                return seen;
            }
            None => {
                seen.closed = Some((1006, String::new()));
                return seen;
            }
        }
    }
    // What was typed is in the server's hands once it has answered something sent after it.
    let ping = Message::Ping(Bytes::from_static(b"end"));
    let _ = socket.send(ping).await;
    let answered = async {
        while let Some(Ok(message)) = socket.next().await {
            if matches!(&message, Message::Pong(id) if id.as_ref() == b"end") {
                return;
            }
        }
    };
    if timeout(super::PATIENCE, answered).await.is_err() {
        seen.closed = Some((0, "no pong".into()));
    }
    seen
}

async fn knock(route: Route, stopping: watch::Receiver<bool>) -> (u64, Vec<String>) {
    let (mut knocks, mut refused) = (0, Vec::new());
    while !*stopping.borrow() {
        knocks += 1;
        if let Err(why) = route.knock().await {
            refused.push(why);
        }
    }
    (knocks, refused)
}

impl Account {
    /// Nobody noticed anything: `images` process images, each served everyone in turn.
    pub fn unnoticed(&self, images: usize) {
        let closed: Vec<_> = self
            .seen
            .iter()
            .filter(|seen| seen.closed.is_some())
            .collect();
        assert!(closed.is_empty(), "{} closed: {closed:?}", closed.len());
        for seen in &self.seen {
            assert_eq!(seen.instances.len(), images, "{seen:?}");
            let mut different = seen.instances.clone();
            different.sort_unstable();
            different.dedup();
            assert_eq!(different.len(), images, "{seen:?}");
        }
        assert!(self.refused.is_empty(), "{:?}", self.refused);
        assert!(self.knocks > images as u64);
    }

    pub fn typed(&self) -> u64 {
        self.seen.iter().map(|seen| seen.typed).sum()
    }

    pub fn silence(&self) -> Duration {
        self.seen
            .iter()
            .map(|seen| seen.silence)
            .max()
            .unwrap_or_default()
    }

    /// Waits until `file` (of a session) has everything typed, and checks that it has it once and in order.
    pub fn check(&self, file: impl Fn(&str) -> PathBuf) {
        let mut sessions: Vec<&str> = self.seen.iter().map(|seen| seen.session.as_str()).collect();
        sessions.dedup();
        for session in sessions {
            let typists: Vec<&Seen> = self
                .seen
                .iter()
                .filter(|seen| seen.session == session)
                .collect();
            let wanted: u64 = typists.iter().map(|seen| seen.typed).sum();
            let written = whole(&file(session), wanted);
            let mut next: HashMap<usize, u64> = HashMap::new();
            for text in written.lines() {
                let (name, number) = text
                    .split_once(':')
                    .and_then(|(name, number)| Some((name.parse().ok()?, number.parse().ok()?)))
                    .filter(|(name, number)| line(*name, *number).trim_end() == text)
                    .unwrap_or_else(|| panic!("{session}: a broken line {text:?}"));
                let expected = next.entry(name).or_insert(0);
                assert_eq!(number, *expected, "{session}: viewer {name}");
                *expected += 1;
            }
            for typist in typists {
                assert_eq!(
                    next.get(&typist.name).copied().unwrap_or(0),
                    typist.typed,
                    "{session}: {typist:?}"
                );
            }
        }
    }
}

/// Where each viewer's lines do not follow each other.
fn gaps(text: &str) -> String {
    let mut next: HashMap<&str, u64> = HashMap::new();
    let mut told = String::new();
    for (at, line) in text.lines().enumerate() {
        let (name, number) = line.split_once(':').unwrap_or(("?", line));
        let number = number.parse().unwrap_or(u64::MAX - 1);
        let expected = next.insert(name, number + 1).unwrap_or(0);
        if number != expected {
            told.push_str(&format!("line {at} of {name}: {number}, not {expected}; "));
        }
    }
    format!("{told}ends {next:?}")
}

/// Its contents once it has so many lines.
fn whole(file: &Path, lines: u64) -> String {
    let deadline = Instant::now() + super::PATIENCE;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let count = text.lines().count() as u64;
        if count >= lines && (text.is_empty() || text.ends_with('\n')) {
            return text;
        }
        assert!(
            Instant::now() < deadline,
            "{}: {count} of {lines} lines; {}",
            file.display(),
            gaps(&text)
        );
        std::thread::sleep(super::LOOK_AGAIN);
    }
}
