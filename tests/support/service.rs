//! [`Service`]: the real muxview binary on a free port, gone with the guard.

use super::{Tmux, process};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use tempfile::TempDir;

pub struct Service {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pub port: u16,
    /// What the printed link signs in with, where one must.
    pub secret: Option<String>,
    log: Arc<Mutex<String>>,
    state: Arc<TempDir>,
    args: Vec<String>,
    program: PathBuf,
}

impl Service {
    pub fn start(tmux: &Tmux) -> Self {
        Self::start_with(tmux, &[])
    }

    /// With more arguments.
    pub fn start_with(tmux: &Tmux, args: &[&str]) -> Self {
        Self::start_at(tmux, Path::new(env!("CARGO_BIN_EXE_muxview")), args)
    }

    /// Without the check of every frame, for measurements.
    pub fn start_plain(tmux: &Tmux) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_muxview"));
        Self::spawn_checking(tmux, program, vec![], state_dir(), 0, false)
    }

    /// On this port.
    pub fn start_on(tmux: &Tmux, port: u16) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_muxview"));
        Self::spawn(tmux, program, vec![], state_dir(), port)
    }

    /// Called by another path.
    pub fn start_at(tmux: &Tmux, program: &Path, args: &[&str]) -> Self {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self::spawn(tmux, program.to_owned(), args, state_dir(), 0)
    }

    fn spawn(
        tmux: &Tmux,
        program: PathBuf,
        args: Vec<String>,
        state: Arc<TempDir>,
        port: u16,
    ) -> Self {
        Self::spawn_checking(tmux, program, args, state, port, true)
    }

    fn spawn_checking(
        tmux: &Tmux,
        program: PathBuf,
        args: Vec<String>,
        state: Arc<TempDir>,
        port: u16,
        check_frames: bool,
    ) -> Self {
        let mut command = Command::new(&program);
        tmux.clean(&mut command);
        command
            .args([
                "serve",
                "--log",
                "text",
                "--listen",
                &format!("127.0.0.1:{port}"),
            ])
            .arg("--tmux-socket-path")
            .arg(tmux.socket())
            .arg("--state-dir")
            .arg(state.path())
            .args(&args)
            .args(if args.iter().any(|arg| arg == "--auth") {
                &[][..]
            } else {
                &["--auth", "none"]
            })
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if check_frames {
            command.env("MUXVIEW_CHECK_FRAMES", "yes");
        }
        if let Ok(level) = std::env::var("MUXVIEW_TEST_LOG") {
            command.env("RUST_LOG", level);
        }
        let mut child = {
            let _guard = process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            command.spawn().expect("muxview starts")
        };
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let (found, url) = mpsc::channel();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(at) = line.find("http://127.0.0.1:") {
                    let end = line[at..]
                        .find(|c: char| c.is_whitespace())
                        .unwrap_or(line.len() - at);
                    let _ = found.send(line[at..at + end].to_owned());
                }
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let Ok(url) = url.recv_timeout(super::PATIENCE) else {
            let _ = child.kill();
            panic!("muxview printed no URL; it said:\n{}", log.lock().unwrap());
        };
        let authority = url
            .trim_start_matches("http://")
            .split(['/', '#'])
            .next()
            .unwrap();
        let port = authority
            .rsplit(':')
            .next()
            .unwrap()
            .parse()
            .expect("the URL has a port");
        Self {
            child,
            url: format!("http://{authority}"),
            port,
            secret: url.split_once("#t=").map(|(_, secret)| secret.to_owned()),
            log,
            state,
            args,
            program,
        }
    }

    /// Where the socket of a session is.
    pub fn socket_url(&self, session: &str, query: &str) -> String {
        let mut name = String::new();
        for byte in session.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
                name.push(char::from(byte));
            } else {
                name.push_str(&format!("%{byte:02X}"));
            }
        }
        format!("ws://127.0.0.1:{}/s/{name}/ws{query}", self.port)
    }

    /// Where it keeps what it must still know after a restart.
    pub fn state_dir(&self) -> &Path {
        self.state.path()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends SIGTERM; gives the exit code once it has ended.
    pub async fn terminate(&mut self) -> Option<i32> {
        process::signal(self.pid(), "TERM");
        self.ended().await
    }

    /// Waits for the end; gives the exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let status = super::until("muxview to end", async || {
            self.child
                .try_wait()
                .unwrap()
                .ok_or_else(|| "it runs".to_owned())
        })
        .await;
        status.code()
    }

    /// Another one with the same state, on a port of its own.
    pub fn beside(&self, tmux: &Tmux) -> Self {
        let (program, args) = (self.program.clone(), self.args.clone());
        Self::spawn(tmux, program, args, Arc::clone(&self.state), 0)
    }

    /// The same service again, on the same port and state, after it ended.
    pub fn restart(&mut self, tmux: &Tmux) {
        self.kill();
        let again = Self::spawn(
            tmux,
            self.program.clone(),
            self.args.clone(),
            Arc::clone(&self.state),
            self.port,
        );
        *self = again;
    }
}

fn state_dir() -> Arc<TempDir> {
    let mut dir = tempfile::Builder::new();
    Arc::new(dir.prefix("muxview-state-").tempdir().unwrap())
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
        let wrong = self
            .log
            .lock()
            .is_ok_and(|log| log.contains("a frame gives another picture"));
        if std::thread::panicking() || wrong {
            eprintln!(
                "--- muxview said:\n{}---",
                self.log.lock().unwrap_or_else(|p| p.into_inner())
            );
        }
        assert!(std::thread::panicking() || !wrong, "a frame is wrong");
    }
}
