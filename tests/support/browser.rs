//! [`Browser`]: a real Chromium in the network of a [`Machine`] (`tests/systemd/browser.mjs`). In: what a
//! person would do. Out: what the page shows.

use super::{Machine, machine::ROOT, process};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

pub struct Browser {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Browser {
    pub fn start(machine: &Machine) -> Self {
        let mut command = machine.in_network("node");
        command
            .arg("tests/systemd/browser.mjs")
            .current_dir(ROOT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = {
            let _guard = process::SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            command.spawn().expect("node starts: the tests need it")
        };
        Self {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn tell(&mut self, does: &str, page: &str, rest: Value) -> Value {
        let mut command = rest;
        command["does"] = does.into();
        command["page"] = page.into();
        let stdin = self.stdin.as_mut().expect("open until the end");
        writeln!(stdin, "{command}").expect("the browser lives");
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("the browser lives");
        if let Some(bad) = answer["bad"].as_str() {
            panic!("page {page}: {bad}");
        }
        answer["good"].clone()
    }

    /// Opens a page and gives it a name.
    pub fn open(&mut self, page: &str, url: &str) {
        self.tell("open", page, json!({"url": url}));
    }

    /// Waits for a line of the terminal.
    pub fn see(&mut self, page: &str, pattern: &str) {
        self.tell("see", page, json!({"pattern": pattern}));
    }

    pub fn enter(&mut self, page: &str, line: &str) {
        self.tell("type", page, json!({"text": format!("{line}\n")}));
    }

    /// Waits until its connection is in this state.
    pub fn state(&mut self, page: &str, wanted: &str) {
        self.tell("state", page, json!({"wanted": wanted}));
    }

    /// Waits until it has been told something since this was asked: it has the connection it shows.
    pub fn live(&mut self, page: &str) {
        self.tell("live", page, json!({}));
    }

    /// Waits for words on the page.
    pub fn text(&mut self, page: &str, text: &str) {
        self.tell("text", page, json!({"text": text}));
    }

    pub fn link(&mut self, page: &str, text: &str) {
        self.tell("link", page, json!({"text": text}));
    }

    /// The lines of the terminal.
    pub fn lines(&mut self, page: &str) -> Vec<String> {
        serde_json::from_value(self.tell("lines", page, json!({}))).unwrap()
    }

    /// Its WebSockets in order: the code each was closed with, or `None` while it is open.
    pub fn sockets(&mut self, page: &str) -> Vec<Option<u64>> {
        let sockets = self.tell("sockets", page, json!({}));
        sockets
            .as_array()
            .unwrap()
            .iter()
            .map(Value::as_u64)
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It closes the browser when it has read everything.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
