//! [`Xterm`]: one node process holding many xterm.js terminals (`tests/xterm/viewer.mjs`).
//! In go bytes and sizes, in order; out come [`Picture`]s.

use super::Picture;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::sync::{mpsc, oneshot};

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

/// The process; cheap to clone. It ends with its last clone.
#[derive(Clone)]
pub struct Xterm {
    requests: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Waiting,
    next: Arc<AtomicU64>,
}

/// One terminal in it.
#[derive(Clone)]
pub struct Term {
    xterm: Xterm,
    id: u64,
}

impl Xterm {
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/xterm/viewer.mjs");
        let guard = super::process::SPAWN
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut child = tokio::process::Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts: the tests need node, and `npm ci` in tests/");
        drop(guard);
        let mut stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (requests, mut queue) = mpsc::unbounded_channel::<Vec<u8>>();
        let waiting = Waiting::default();
        tokio::spawn(async move {
            while let Some(line) = queue.recv().await {
                if stdin.write_all(&line).await.is_err() {
                    break;
                }
            }
            drop(stdin); // node reads the end of its input and leaves
            let _ = child.wait().await;
        });
        let answers = Arc::clone(&waiting);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let value: Value = serde_json::from_str(&line).expect("viewer.mjs speaks JSON");
                let seq = value["seq"].as_u64().unwrap();
                if let Some(waiter) = answers.lock().unwrap().remove(&seq) {
                    let _ = waiter.send(value);
                }
            }
            answers.lock().unwrap().clear();
        });
        Self {
            requests,
            waiting,
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    /// A terminal as a browser has it.
    pub fn terminal(&self, cols: u16, rows: u16) -> Term {
        self.create(cols, rows, false)
    }

    /// A terminal for a bare attach: reads tmux's underline colours as tmux means them.
    pub fn referee(&self, cols: u16, rows: u16) -> Term {
        self.create(cols, rows, true)
    }

    fn create(&self, cols: u16, rows: u16, referee: bool) -> Term {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(
            &json!({"op": "create", "id": id, "cols": cols, "rows": rows, "referee": referee}),
        );
        Term {
            xterm: self.clone(),
            id,
        }
    }

    fn send(&self, request: &Value) {
        let mut line = request.to_string().into_bytes();
        line.push(b'\n');
        let _ = self.requests.send(line);
    }
}

impl Term {
    pub fn write(&self, bytes: &[u8]) {
        self.xterm
            .send(&json!({"op": "write", "id": self.id, "data": STANDARD.encode(bytes)}));
    }

    /// As the contract asks of a page: kept in its place among the writes.
    pub fn resize(&self, cols: u16, rows: u16) {
        self.xterm
            .send(&json!({"op": "resize", "id": self.id, "cols": cols, "rows": rows}));
    }

    /// What it shows once everything written so far is parsed.
    pub async fn picture(&self) -> Picture {
        let seq = self.xterm.next.fetch_add(1, Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.xterm.waiting.lock().unwrap().insert(seq, sender);
        self.xterm
            .send(&json!({"op": "dump", "id": self.id, "seq": seq}));
        let value = receiver.await.expect("the node process lives");
        Picture::from_dump(&value)
    }

    /// Frees it in the node process.
    pub fn dispose(&self) {
        self.xterm.send(&json!({"op": "drop", "id": self.id}));
    }
}
