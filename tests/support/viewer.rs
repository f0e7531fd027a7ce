//! [`Viewer`]: one WebSocket of the contract, as a page would have it: it keeps everything it was
//! sent, in order, and draws it in an xterm.

use super::picture::Picture;
use super::xterm::Term;
use super::{Service, Xterm, until};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

/// What came, in order.
#[derive(Clone, Debug)]
pub enum Event {
    Text(Value),
    Binary(Bytes),
    /// Closed, with its code (1005: none was given, 1006: the connection just ended) and reason.
    Closed(u16, String),
}

/// How to join.
#[derive(Clone, Debug)]
pub struct Join {
    pub size: Option<(u16, u16)>,
    pub spectator: bool,
    pub hidden: bool,
    pub resume: bool,
    /// Tells how much was parsed, as a page does.
    pub acks: bool,
    /// What it offers: `muxview.v1` and, as a page, chunks.
    pub protocol: Option<&'static str>,
    /// Keeps binaries; off for floods.
    pub keep: bool,
}

impl Join {
    pub fn driver(cols: u16, rows: u16) -> Self {
        Self {
            size: Some((cols, rows)),
            spectator: false,
            hidden: false,
            resume: false,
            acks: true,
            protocol: Some("muxview.v1, muxview.deflate"),
            keep: true,
        }
    }

    pub fn spectator() -> Self {
        Self {
            spectator: true,
            size: None,
            ..Self::driver(0, 0)
        }
    }

    fn query(&self) -> String {
        let mut parts = Vec::new();
        if let Some((cols, rows)) = self.size {
            parts.push(format!("cols={cols}&rows={rows}"));
        }
        if self.spectator {
            parts.push("role=view".to_owned());
        }
        if self.hidden {
            parts.push("visible=0".to_owned());
        }
        if self.resume {
            parts.push("resume=1".to_owned());
        }
        format!("?{}", parts.join("&"))
    }
}

#[derive(Default)]
struct Log {
    events: Vec<(Instant, Event)>,
    frames: u64,
    bytes: u64,
    chunks: u64,
    wire: u64,
}

enum Order {
    Send(Message),
    Pause,
    Resume,
}

pub struct Viewer {
    pub term: Option<Term>,
    log: Arc<Mutex<Log>>,
    news: Arc<Notify>,
    orders: mpsc::UnboundedSender<Order>,
    task: tokio::task::JoinHandle<()>,
}

/// Opens a socket of the contract; the answer to the upgrade may be a refusal.
pub async fn connect(
    url: &str,
    port: u16,
    protocol: Option<&str>,
) -> Result<WebSocketStream<TcpStream>, WsError> {
    let mut request = url.into_client_request().unwrap();
    if let Some(protocol) = protocol {
        request
            .headers_mut()
            .insert("Sec-WebSocket-Protocol", protocol.parse().unwrap());
    }
    let stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(WsError::Io)?;
    stream.set_nodelay(true).map_err(WsError::Io)?;
    client_async(request, stream)
        .await
        .map(|(socket, _)| socket)
}

impl Viewer {
    /// Joins and draws into an xterm of its own.
    pub async fn join(service: &Service, xterm: &Xterm, session: &str, join: Join) -> Self {
        let (cols, rows) = join.size.unwrap_or((80, 24));
        let term = xterm.terminal(cols, rows);
        Self::join_with(service, Some(term), session, join).await
    }

    /// Joins and draws into this terminal, whatever it shows now.
    pub async fn join_with(
        service: &Service,
        term: Option<Term>,
        session: &str,
        join: Join,
    ) -> Self {
        let url = service.socket_url(session, &join.query());
        let socket = connect(&url, service.port, join.protocol)
            .await
            .unwrap_or_else(|error| panic!("no socket at {url}: {error}\n{}", service.log()));
        Self::over(socket, term, &join)
    }

    /// Joins without drawing: only what is sent counts.
    pub async fn listen(service: &Service, session: &str, join: Join) -> Self {
        Self::join_with(service, None, session, join).await
    }

    pub fn over(socket: WebSocketStream<TcpStream>, term: Option<Term>, join: &Join) -> Self {
        let log = Arc::new(Mutex::new(Log::default()));
        let news = Arc::new(Notify::new());
        let (orders, inbox) = mpsc::unbounded_channel();
        let (drawn, kept, told) = (term.clone(), Arc::clone(&log), Arc::clone(&news));
        let (acks, keep) = (join.acks, join.keep);
        let task = tokio::spawn(run(socket, inbox, drawn, kept, told, acks, keep));
        Self {
            term,
            log,
            news,
            orders,
            task,
        }
    }

    /// Waits until something of what came satisfies `find`.
    pub async fn wait<T>(
        &self,
        what: &str,
        mut find: impl FnMut(&[(Instant, Event)]) -> Option<T>,
    ) -> T {
        let waiting = async {
            loop {
                let news = self.news.notified();
                if let Some(found) = find(&self.log.lock().unwrap().events) {
                    return found;
                }
                news.await;
            }
        };
        match tokio::time::timeout(super::PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; came:\n{}", self.story()),
        }
    }

    /// Waits for the first picture.
    pub async fn opened(&self) -> Bytes {
        self.wait("the first picture", |events| {
            events.iter().find_map(|(_, event)| match event {
                Event::Binary(bytes) => Some(bytes.clone()),
                Event::Closed(code, reason) => {
                    panic!("closed with {code} {reason:?} before a picture")
                }
                Event::Text(_) => None,
            })
        })
        .await
    }

    /// Waits for a text message of this type; gives the latest.
    pub async fn text(&self, kind: &str) -> Value {
        self.text_where(kind, |_| true).await
    }

    pub async fn text_where(&self, kind: &str, mut good: impl FnMut(&Value) -> bool) -> Value {
        self.wait(&format!("a text of type {kind}"), |events| {
            events.iter().rev().find_map(|(_, event)| match event {
                Event::Text(value) if value["type"] == kind && good(value) => Some(value.clone()),
                _ => None,
            })
        })
        .await
    }

    /// Waits until it is closed; gives code and reason.
    pub async fn closed(&self) -> (u16, String) {
        self.wait("the close", |events| match events.last() {
            Some((_, Event::Closed(code, reason))) => Some((*code, reason.clone())),
            _ => None,
        })
        .await
    }

    pub fn events(&self) -> Vec<(Instant, Event)> {
        self.log.lock().unwrap().events.clone()
    }

    pub fn binaries(&self) -> Vec<Bytes> {
        let log = self.log.lock().unwrap();
        let frames = log.events.iter().filter_map(|(_, event)| match event {
            Event::Binary(bytes) => Some(bytes.clone()),
            _ => None,
        });
        frames.collect()
    }

    /// Chunks among the binary messages, and what all of them held on the wire.
    pub fn on_the_wire(&self) -> (u64, u64) {
        let log = self.log.lock().unwrap();
        (log.chunks, log.wire)
    }

    /// Binary messages and their terminal bytes so far (counted also where they are not kept).
    pub fn received(&self) -> (u64, u64) {
        let log = self.log.lock().unwrap();
        (log.frames, log.bytes)
    }

    pub fn is_open(&self) -> bool {
        !matches!(
            self.log.lock().unwrap().events.last(),
            Some((_, Event::Closed(..)))
        )
    }

    /// What it shows now.
    pub async fn picture(&self) -> Picture {
        self.term
            .as_ref()
            .expect("joined with a terminal")
            .picture()
            .await
    }

    /// Waits until its picture satisfies `good`.
    pub async fn shows(&self, what: &str, good: impl Fn(&Picture) -> bool) -> Picture {
        until(what, async || {
            let picture = self.picture().await;
            if good(&picture) {
                Ok(picture)
            } else {
                Err(format!("{}\n{}", picture.text(), self.story()))
            }
        })
        .await
    }

    pub fn input(&self, bytes: impl Into<Bytes>) {
        self.send(Message::Binary(bytes.into()));
    }

    pub fn say(&self, value: &Value) {
        self.send(Message::text(value.to_string()));
    }

    pub fn resize(&self, cols: u16, rows: u16) {
        self.say(&json!({"type": "resize", "cols": cols, "rows": rows}));
    }

    pub fn send(&self, message: Message) {
        let _ = self.orders.send(Order::Send(message));
    }

    /// Stops reading its socket (and so acking) until [`Self::resume`].
    pub fn pause(&self) {
        let _ = self.orders.send(Order::Pause);
    }

    pub fn resume(&self) {
        let _ = self.orders.send(Order::Resume);
    }

    /// Everything that came, briefly, for people.
    pub fn story(&self) -> String {
        let log = self.log.lock().unwrap();
        let tail = log.events.len().saturating_sub(40);
        let lines = log.events.iter().skip(tail).map(|(_, event)| match event {
            Event::Text(value) => format!("  text {value}\n"),
            Event::Binary(bytes) => {
                let end = bytes.len().min(100);
                format!(
                    "  binary {} bytes {:?}\n",
                    bytes.len(),
                    String::from_utf8_lossy(&bytes[..end])
                )
            }
            Event::Closed(code, reason) => format!("  closed {code} {reason:?}\n"),
        });
        format!("{} frames, {} bytes:\n", log.frames, log.bytes) + &lines.collect::<String>()
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(term) = &self.term {
            term.dispose();
        }
    }
}

async fn run(
    mut socket: WebSocketStream<TcpStream>,
    mut inbox: mpsc::UnboundedReceiver<Order>,
    term: Option<Term>,
    log: Arc<Mutex<Log>>,
    news: Arc<Notify>,
    acks: bool,
    keep: bool,
) {
    let mut paused = false;
    let mut size = None;
    let mut inflate = Decompress::new(false);
    let (mut chunks, mut wire) = (0, 0);
    loop {
        let event = tokio::select! {
            order = inbox.recv() => match order {
                Some(Order::Send(message)) => {
                    if socket.send(message).await.is_err() { continue }
                    continue;
                }
                Some(Order::Pause) => { paused = true; continue }
                Some(Order::Resume) => { paused = false; continue }
                None => return,
            },
            message = socket.next(), if !paused => match message {
                Some(Ok(Message::Text(text))) => {
                    let value: Value = serde_json::from_str(&text).expect("the server sends JSON");
                    if value["type"] == "size" {
                        size = Some((cells(&value["cols"]), cells(&value["rows"])));
                    }
                    Event::Text(value)
                }
                Some(Ok(Message::Binary(bytes))) => {
                    wire += bytes.len() as u64;
                    chunks += u64::from(bytes.first() == Some(&0));
                    let bytes = terminal_bytes(&mut inflate, bytes);
                    if let Some(term) = &term {
                        if let Some((cols, rows)) = size.take() {
                            term.resize(cols, rows);
                        }
                        term.write(&bytes);
                    }
                    Event::Binary(bytes)
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    Event::Closed(frame.code.into(), frame.reason.to_string())
                }
                Some(Ok(Message::Close(None))) => Event::Closed(1005, String::new()),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Event::Closed(1006, error.to_string()),
                None => Event::Closed(1006, String::new()),
            },
        };
        let now = Instant::now();
        let ended = matches!(event, Event::Closed(..));
        let ack = {
            let mut log = log.lock().unwrap();
            (log.chunks, log.wire) = (chunks, wire);
            let mut ack = None;
            if let Event::Binary(bytes) = &event {
                log.frames += 1;
                log.bytes += bytes.len() as u64;
                ack = acks.then_some(log.bytes);
            }
            if keep || !matches!(event, Event::Binary(_)) {
                log.events.push((now, event));
            }
            ack
        };
        news.notify_waiters();
        if ended {
            // Let the closing handshake finish; nothing else is to come.
            let _ = socket.close(None).await;
            return;
        }
        if let Some(total) = ack {
            let _ = socket
                .send(Message::text(
                    json!({"type": "ack", "bytes": total}).to_string(),
                ))
                .await;
        }
    }
}

/// What a binary message gives a terminal: a chunk begins with a NUL and with its length, LEB128.
pub fn terminal_bytes(inflate: &mut Decompress, message: Bytes) -> Bytes {
    if message.first() != Some(&0) {
        return message;
    }
    let last = message[1..].iter().position(|byte| byte & 0x80 == 0);
    let end = 1 + last.expect("the length ends");
    let len = message[1..=end]
        .iter()
        .rev()
        .fold(0, |len, byte| len << 7 | usize::from(byte & 0x7f));
    let mut bytes = Vec::with_capacity(len + 1);
    inflate
        .decompress_vec(&message[end + 1..], &mut bytes, FlushDecompress::Sync)
        .expect("a chunk is deflate");
    assert_eq!(bytes.len(), len, "a chunk gives as many bytes as it says");
    bytes.into()
}

fn cells(value: &Value) -> u16 {
    u16::try_from(value.as_u64().expect("sizes are numbers")).expect("sizes fit a terminal")
}
