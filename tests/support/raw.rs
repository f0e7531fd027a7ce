//! [`Raw`]: a WebSocket client that writes what a test gives it, byte by byte if need be, and reads
//! frames by its own few lines: nothing is buffered or mended on the way.

use bytes::{Buf as _, BytesMut};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, UnixStream};
use tokio::sync::{Notify, watch};

/// Where muxview listens.
#[derive(Clone, Debug)]
pub enum Target {
    Tcp(u16),
    Unix(PathBuf),
}

/// What came, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Text(Value),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    Ping,
    /// A close frame.
    Closed(u16, String),
    /// The stream ended.
    End,
    /// What no frame can be.
    Broken(String),
}

pub struct Raw {
    write: Box<dyn AsyncWrite + Send + Sync + Unpin>,
    log: Arc<Mutex<Vec<Got>>>,
    news: Arc<Notify>,
    paused: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

/// One frame as a client sends it. `first`: FIN is 0x80, text 1, binary 2, continuation 0, ping 9.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ 0..=125 => frame.push(0x80 | len as u8),
        len @ 126..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    let mask = [0x11, 0x22, 0x33, 0x44];
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(a, b)| a ^ b));
    frame
}

pub fn input(bytes: &[u8]) -> Vec<u8> {
    frame(0x82, bytes)
}

pub fn say(value: &Value) -> Vec<u8> {
    frame(0x81, value.to_string().as_bytes())
}

pub fn ping(id: u64) -> Vec<u8> {
    say(&json!({"type": "ping", "id": id}))
}

impl Raw {
    pub async fn join(target: &Target, session: &str, query: &str) -> Self {
        Self::signed_in(target, session, query, "").await
    }

    /// With more lines in the head of the request.
    pub async fn signed_in(target: &Target, session: &str, query: &str, lines: &str) -> Self {
        let request = format!(
            "GET /s/{session}/ws?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
             Sec-WebSocket-Protocol: muxview.v1\r\n{lines}\r\n"
        );
        match target {
            Target::Tcp(port) => {
                let socket = TcpSocket::new_v4().unwrap();
                // A client that pauses is to be felt soon.
                socket.set_recv_buffer_size(8 * 1024).unwrap();
                let address = ([127, 0, 0, 1], *port).into();
                let stream = socket.connect(address).await.expect("muxview listens");
                stream.set_nodelay(true).unwrap();
                let (read, write) = stream.into_split();
                Self::over(read, write, &request).await
            }
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await.expect("muxview listens");
                let (read, write) = stream.into_split();
                Self::over(read, write, &request).await
            }
        }
    }

    async fn over(
        mut read: impl AsyncRead + Send + Unpin + 'static,
        mut write: impl AsyncWrite + Send + Sync + Unpin + 'static,
        request: &str,
    ) -> Self {
        write.write_all(request.as_bytes()).await.unwrap();
        let mut buffer = BytesMut::new();
        let head = loop {
            if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break buffer.split_to(at + 4);
            }
            let read = read.read_buf(&mut buffer).await.unwrap();
            assert!(read > 0, "no answer to the upgrade");
        };
        assert!(
            head.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&head)
        );
        let log = Arc::new(Mutex::new(Vec::new()));
        let news = Arc::new(Notify::new());
        let (paused, pausing) = watch::channel(false);
        let task = tokio::spawn(listen(
            read,
            buffer,
            pausing,
            Arc::clone(&log),
            Arc::clone(&news),
        ));
        Self {
            write: Box::new(write),
            log,
            news,
            paused,
            task,
        }
    }

    /// Writes bytes as they are.
    pub async fn write(&mut self, bytes: &[u8]) {
        let written = self.write.write_all(bytes).await;
        written.unwrap_or_else(|error| panic!("{error}; {}", self.story()));
    }

    /// As [`Raw::write`], to one who may not take them.
    pub async fn try_write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write.write_all(bytes).await
    }

    /// Stops reading, or goes on.
    pub fn pause(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    pub async fn wait<T>(&self, what: &str, mut find: impl FnMut(&[Got]) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let news = self.news.notified();
                if let Some(found) = find(&self.log.lock().unwrap()) {
                    return found;
                }
                news.await;
            }
        };
        match tokio::time::timeout(super::PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; came: {}", self.story()),
        }
    }

    /// Waits for the answer to [`ping`] of this id.
    pub async fn ponged(&self, id: u64) {
        self.wait(&format!("pong {id}"), |log| {
            let ended = log
                .iter()
                .any(|got| matches!(got, Got::Closed(..) | Got::End));
            assert!(!ended, "{}", story(log));
            let pong = json!({"type": "pong", "id": id});
            log.iter()
                .any(|got| *got == Got::Text(pong.clone()))
                .then_some(())
        })
        .await;
    }

    /// Waits until the contract's opening has come `times` times, each with another instance; gives
    /// the latest instance. Nothing may have ended.
    pub async fn opened(&self, times: usize) -> String {
        self.wait(&format!("opening {times}"), |log| {
            let instances = openings(log);
            (instances.len() >= times).then(|| instances.last().cloned().unwrap_or_default())
        })
        .await
    }

    /// Waits for its end; gives code and reason (1006: there was none).
    pub async fn closed(&self) -> (u16, String) {
        self.wait("the end", |log| {
            log.iter().find_map(|got| match got {
                Got::Closed(code, reason) => Some((*code, reason.clone())),
                Got::End => Some((1006, String::new())),
                _ => None,
            })
        })
        .await
    }

    pub fn log(&self) -> Vec<Got> {
        self.log.lock().unwrap().clone()
    }

    pub fn story(&self) -> String {
        story(&self.log.lock().unwrap())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The instances of all complete openings: `hello`, `size`, a repaint, in this order.
pub fn openings(log: &[Got]) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    let mut opening: Option<(String, bool)> = None;
    for got in log {
        match got {
            Got::Text(value) if value["type"] == "hello" => {
                let instance = value["instance"].as_str().unwrap().to_owned();
                assert!(
                    !found.contains(&instance),
                    "twice the same process: {}",
                    story(log)
                );
                opening = Some((instance, false));
            }
            Got::Text(value) if value["type"] == "size" => {
                if let Some((_, sized)) = &mut opening {
                    *sized = true;
                }
            }
            Got::Binary(bytes) => {
                if let Some((instance, sized)) = opening.take() {
                    assert!(sized, "a picture before its size: {}", story(log));
                    assert!(bytes.starts_with(b"\x1bc"), "no repaint: {}", story(log));
                    found.push(instance);
                }
            }
            Got::Closed(..) | Got::End | Got::Broken(_) => panic!("it ended: {}", story(log)),
            Got::Text(_) | Got::Ping | Got::Pong(_) => {}
        }
    }
    found
}

fn story(log: &[Got]) -> String {
    let tail = log.len().saturating_sub(40);
    let line = |got: &Got| match got {
        Got::Binary(bytes) => format!("\n  binary, {} bytes", bytes.len()),
        got => format!("\n  {got:?}"),
    };
    log[tail..].iter().map(line).collect()
}

async fn listen(
    mut read: impl AsyncRead + Unpin,
    mut buffer: BytesMut,
    mut paused: watch::Receiver<bool>,
    log: Arc<Mutex<Vec<Got>>>,
    news: Arc<Notify>,
) {
    let tell = |got| {
        log.lock().unwrap().push(got);
        news.notify_waiters();
    };
    loop {
        if paused.wait_for(|paused| !paused).await.is_err() {
            return;
        }
        while let Some(got) = parse(&mut buffer) {
            let broken = matches!(got, Got::Broken(_));
            tell(got);
            if broken {
                return;
            }
        }
        tokio::select! {
            read = read.read_buf(&mut buffer) => if !matches!(read, Ok(1..)) {
                return tell(Got::End);
            },
            changed = paused.changed() => if changed.is_err() { return },
        }
    }
}

/// The next frame, once it is whole.
pub fn parse(buffer: &mut BytesMut) -> Option<Got> {
    let &[first, second, ..] = &buffer[..] else {
        return None;
    };
    let (head, len) = match second {
        len @ 0..=125 => (2, usize::from(len)),
        126 => (
            4,
            usize::from(u16::from_be_bytes(buffer.get(2..4)?.try_into().ok()?)),
        ),
        127 => (
            10,
            u64::from_be_bytes(buffer.get(2..10)?.try_into().ok()?) as usize,
        ),
        _ => return Some(Got::Broken("a masked frame".to_owned())),
    };
    if buffer.len() < head + len {
        return None;
    }
    buffer.advance(head);
    let payload = buffer.split_to(len).to_vec();
    Some(match first {
        0x81 => match serde_json::from_slice(&payload) {
            Ok(value) => Got::Text(value),
            Err(error) => Got::Broken(error.to_string()),
        },
        0x82 => Got::Binary(payload),
        0x88 => {
            let code = payload
                .get(..2)
                .map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
            Got::Closed(
                code,
                String::from_utf8_lossy(payload.get(2..).unwrap_or(&[])).into(),
            )
        }
        0x89 => Got::Ping,
        0x8a => Got::Pong(payload),
        other => Got::Broken(format!("a frame that begins with {other:#x}")),
    })
}
