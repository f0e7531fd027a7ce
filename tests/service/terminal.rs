//! The service and the terminal it was started from, which may be closed under it.

use crate::tmux;

use crate::http::ask_unix;
use crate::tmux::{Tmux, until};
use std::process::{Child, Command, Stdio};

/// The service, gone with the guard.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stderr_that_nobody_reads_harms_nothing() {
    let tmux = Tmux::none();
    let socket = tmux.dir.path().join("http");
    let mut command = Command::new(env!("CARGO_BIN_EXE_muxview"));
    command
        .args(["serve", "--auth", "none", "--tmux-socket-name", &tmux.name])
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()))
        .arg("--state-dir")
        .arg(tmux.dir.path().join("state"))
        .env_remove("TMUX")
        // A line for all there is to tell.
        .env("RUST_LOG", "debug")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut service = Running(command.spawn().expect("muxview starts"));
    drop(service.0.stderr.take());

    until("the socket", async || socket.exists()).await;
    for _ in 0..3 {
        // A host that is not ours is logged, and so is a session's creation.
        let strange = "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n";
        assert_eq!(ask_unix(&socket, strange).await.status, 421);
    }
    let body = r#"{"name":"a","command":"cat"}"#;
    let create = format!(
        "POST /api/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let created = ask_unix(&socket, &create).await;
    assert_eq!(created.status, 201, "{created:?}");
    let ready = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    until("tmux to be ready", async || {
        ask_unix(&socket, ready).await.status == 200
    })
    .await;

    tmux::signal(&service.0.id().to_string(), "-TERM");
    let ended = std::cell::Cell::new(None);
    let child = std::cell::RefCell::new(&mut service.0);
    until("the end", || {
        ended.set(child.borrow_mut().try_wait().expect("a child of ours"));
        std::future::ready(ended.get().is_some())
    })
    .await;
    assert_eq!(ended.get().and_then(|status| status.code()), Some(0));
}
