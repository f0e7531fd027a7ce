//! [`Tmux`]: a tmux server of a test's own, without the user's configuration, gone with the guard.

use super::process::SPAWN;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;

pub struct Tmux {
    dir: TempDir,
    config: PathBuf,
}

impl Tmux {
    /// A server with the session `main` of this size running a plain shell.
    pub fn start(cols: u16, rows: u16) -> Self {
        let tmux = Self::without_server();
        tmux.session("main", cols, rows);
        tmux
    }

    /// Only the place for one.
    pub fn without_server() -> Self {
        Self::with_config("/dev/null".into())
    }

    /// Only the place for one that will start with this configuration.
    pub fn with_config(config: PathBuf) -> Self {
        let mut dir = tempfile::Builder::new();
        let dir = dir.prefix("muxview-test-").tempdir().unwrap();
        // A login shell, as tmux starts by default, would have the system's PATH: another tmux perhaps.
        let path = std::env::var("PATH").unwrap_or_default();
        let profile = format!("export PATH='{path}' PS1='$ '\n");
        std::fs::write(dir.path().join(".profile"), profile).unwrap();
        Self { dir, config }
    }

    /// The configuration its server starts with.
    pub fn config(&self) -> &Path {
        &self.config
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("tmux")
    }

    /// A directory of the test's own.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Starts a session with a plain shell; gives its id. The status line never changes by itself.
    pub fn session(&self, name: &str, cols: u16, rows: u16) -> String {
        self.session_running(name, cols, rows, "exec sh")
    }

    pub fn session_running(&self, name: &str, cols: u16, rows: u16, command: &str) -> String {
        let (cols, rows) = (cols.to_string(), rows.to_string());
        let id = self.cmd(&[
            "new-session",
            "-d",
            "-P",
            "-F",
            "#{session_id}",
            "-s",
            name,
            "-x",
            &cols,
            "-y",
            &rows,
            command,
        ]);
        self.cmd(&["set-option", "-g", "status-right", "right"]);
        self.cmd(&["set-window-option", "-g", "automatic-rename", "off"]);
        id
    }

    /// The command line of a tmux client for this server, without its arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command
            .args(["-u", "-f"])
            .arg(&self.config)
            .arg("-S")
            .arg(self.socket());
        self.clean(&mut command);
        command
    }

    /// The environment every process of a test starts with.
    pub fn clean(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("TMUX_TMPDIR", self.dir.path())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "tmux-256color")
            .env("SHELL", "/bin/sh")
            .env("PS1", "$ ")
            .current_dir(self.dir.path());
    }

    /// Runs a tmux command that must succeed; gives what it printed, without the last newline.
    pub fn cmd(&self, args: &[&str]) -> String {
        let output = self.try_cmd(args);
        assert!(
            output.status.success(),
            "tmux {args:?} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end_matches('\n')
            .to_owned()
    }

    pub fn try_cmd(&self, args: &[&str]) -> Output {
        let child = {
            let _guard = SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            self.command()
                .args(args)
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .expect("tmux starts: the tests need it")
        };
        child.wait_with_output().unwrap()
    }

    /// A format of the session's active pane.
    pub fn format(&self, target: &str, format: &str) -> String {
        self.cmd(&["display-message", "-p", "-t", target, format])
    }

    /// Types text and then Enter into the session's active pane.
    pub fn enter(&self, target: &str, line: &str) {
        self.cmd(&["send-keys", "-t", target, "-l", line]);
        self.cmd(&["send-keys", "-t", target, "Enter"]);
    }

    /// Presses keys by tmux's names.
    pub fn keys(&self, target: &str, keys: &[&str]) {
        let mut args = vec!["send-keys", "-t", target];
        args.extend(keys);
        self.cmd(&args);
    }

    /// Writes a file into the test's directory; gives its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Waits until something in a pane has run `tmux wait-for -S CHANNEL`.
    pub async fn wait_for(&self, channel: &str) {
        self.wait_for_within(channel, super::PATIENCE).await;
    }

    pub async fn wait_for_within(&self, channel: &str, patience: Duration) {
        let child = {
            let _guard = SPAWN
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let mut command = tokio::process::Command::from(self.command());
            command
                .args(["wait-for", channel])
                .kill_on_drop(true)
                .spawn()
                .unwrap()
        };
        let mut child = child;
        let ended = tokio::time::timeout(patience, child.wait()).await;
        assert!(
            ended.is_ok(),
            "nothing signalled {channel} within {patience:?}"
        );
    }

    pub fn pid(&self) -> u32 {
        self.cmd(&["display-message", "-p", "#{pid}"])
            .parse()
            .unwrap()
    }

    /// Terminal names of the attached clients.
    pub fn clients(&self) -> Vec<String> {
        let list = self.cmd(&["list-clients", "-F", "#{client_tty}"]);
        let terminals = list.lines().filter(|tty| !tty.is_empty());
        terminals.map(str::to_owned).collect()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.try_cmd(&["kill-server"]);
    }
}
