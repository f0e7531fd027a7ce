//! The width probe: how wide this tmux, with this libc, thinks characters are.
//!
//! A throw-away server (no configuration, its own socket, gone within a tenth of a second) prints
//! each sample into a pane in such a way that what is left on the line tells its width:
//!
//! ```text
//! x SAMPLE A, then column 3: B      SAMPLE takes 0 columns   xSAB   (dropped: xAB)
//!                                                1           xSB    (A is overwritten)
//!                                                2           x BA   (S is overwritten)
//! ```
//!
//! (The format `#{w:…}` would be simpler, but on tmux 3.3a a character it drops makes the server loop
//! for ever.)

use super::error::Error;
use super::program::{Program, Socket, client_environment, exclusively};
use crate::config::limits::PROBE_TIMEOUT;
use crate::terminal::{Joins, Widths};
use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Lines of one pane: a window has at most 10,000, and half of it is ours.
const LINES: usize = 4000;

/// A heart with a variation selector, a couple with a joiner, a thumb with a skin tone.
const JOINED: [&str; 3] = [
    "\u{2764}\u{fe0f}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{1f44d}\u{1f3fd}",
];

/// Measures.
pub(super) async fn widths(program: &Program) -> Result<Widths, Error> {
    let contested: Vec<char> = Widths::contested().collect();
    let samples: Vec<String> = JOINED
        .iter()
        .map(|sample| (*sample).to_owned())
        .chain(contested.iter().map(ToString::to_string))
        .collect();
    let measured = async {
        let mut columns = Vec::with_capacity(samples.len());
        for batch in samples.chunks(LINES) {
            columns.extend(measure(program, batch).await?);
        }
        Ok::<_, Error>(columns)
    };
    let columns: Vec<Option<u8>> = match tokio::time::timeout(PROBE_TIMEOUT, measured).await {
        Ok(columns) => columns?,
        Err(_) => return Err(Error::Timeout),
    };
    let (joined, contested) = columns.split_at(JOINED.len());
    let joins = Joins {
        vs16_widens: joined[0] == Some(2),
        zwj_joins: joined[1] == Some(2),
        modifier_joins: joined[2] == Some(2),
    };
    tracing::debug!(
        ?joins,
        contested = contested.len(),
        "tmux's widths measured"
    );
    Ok(Widths::probed(contested, joins))
}

/// The throw-away server. Dropping it ends it, whatever state it is in.
struct Throwaway {
    program: Program,
    pid: Option<rustix::process::Pid>,
}

impl Throwaway {
    fn new(program: &Program) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("muxview-probe-{}-{count}", std::process::id());
        Self {
            program: Program {
                path: program.path.clone(),
                socket: Socket::Name(name),
            },
            pid: None,
        }
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            // It has normally ended by itself; a looping one would not take a kill-server.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        // tmux leaves the socket's file behind.
        let _ = std::fs::remove_file(self.program.socket.path());
    }
}

async fn measure(program: &Program, samples: &[String]) -> Result<Vec<Option<u8>>, Error> {
    let what = "measure widths";
    let failed = |message: String| Error::Failed { what, message };
    let mut server = Throwaway::new(program);
    let mut command = Command::new(&server.program.path);
    let rows = samples.len().to_string();
    let height = (samples.len() * 2 + 2).to_string();
    command
        .arg("-u")
        .args(server.program.socket.options())
        .args(["-f", "/dev/null", "new-session", "-d", "-P", "-F", "#{pid}"])
        .args(["-x", "8", "-y", &height, "--", "sleep 10"])
        // An empty pane that shows what we write to this client; the commands after it wait until
        // all is shown.
        .args([";", "split-window", "-I", "-l", &rows])
        .args([";", "capture-pane", "-p"])
        .args([";", "kill-server"])
        .env_clear()
        .envs(client_environment())
        // A service's account may have a login shell that refuses to run anything.
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child =
        exclusively(|| command.spawn()).map_err(|e| Error::from_spawn(&program.path, &e))?;
    let stdin = child.stdin.take();
    let stdout = child.stdout.take();
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(failed("no pipes".to_owned()));
    };
    let input = page(samples);
    let feed = async move {
        stdin.write_all(input.as_bytes()).await?;
        stdin.shutdown().await
        // Dropping it here is the end of input.
    };
    let read = async {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
        let mut stdout = BufReader::new(stdout);
        let mut first = String::new();
        stdout.read_line(&mut first).await?;
        server.pid = first
            .trim()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        let mut rest = vec![];
        stdout.read_to_end(&mut rest).await?;
        Ok::<_, std::io::Error>(rest)
    };
    let (fed, captured) = tokio::join!(feed, read);
    let captured = captured.map_err(|e| failed(e.to_string()))?;
    let ended = child
        .wait_with_output()
        .await
        .map_err(|e| failed(e.to_string()))?;
    if !ended.status.success() {
        let words = String::from_utf8_lossy(&ended.stderr);
        return Err(Error::from_words(what, &words));
    }
    fed.map_err(|e| failed(e.to_string()))?;
    // It has ended by its own command: its number may be somebody else's soon.
    server.pid = None;
    let captured = String::from_utf8_lossy(&captured);
    let mut lines = captured.lines();
    Ok(samples
        .iter()
        .map(|sample| columns(sample, lines.next().unwrap_or_default()))
        .collect())
}

/// What is written into the pane.
fn page(samples: &[String]) -> String {
    let mut page = String::with_capacity(samples.len() * 24);
    for (i, sample) in samples.iter().enumerate() {
        let row = i + 1;
        // Writing to a String cannot fail.
        let _ = write!(page, "\x1b[{row};1Hx{sample}A\x1b[{row};3HB");
    }
    page
}

/// Reads a sample's width from its line.
fn columns(sample: &str, line: &str) -> Option<u8> {
    let line = line.trim_end();
    if line == "x BA" {
        return Some(2);
    }
    let rest = line.strip_prefix('x')?.strip_prefix(sample)?;
    match rest {
        "B" => Some(1),
        "AB" => Some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tmux_answers_every_question() {
        let program = Program::new(Socket::Default);
        let samples = ["a", "\u{e9}", "\u{6f22}", "\u{301}", "\u{1f600}"];
        let measured = measure(&program, &samples.map(str::to_owned)).await;
        assert_eq!(
            measured,
            Ok(vec![Some(1), Some(1), Some(2), Some(0), Some(2)])
        );
        // What it drops is what its libc does not know; an answer that could not be read would be more.
        let all: Vec<String> = Widths::contested().map(String::from).take(LINES).collect();
        let answers = measure(&program, &all).await.unwrap();
        let answered = answers.iter().filter(|answer| answer.is_some()).count();
        assert!(answered > 500, "{answered} of {}", all.len());
        widths(&program).await.unwrap();
    }

    #[tokio::test]
    async fn a_tmux_that_hangs_holds_nothing_up() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tmux");
        std::fs::write(&path, "#!/bin/sh\nexec sleep 60\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let program = Program {
            path,
            socket: Socket::Default,
        };
        assert_eq!(widths(&program).await, Err(Error::Timeout));
    }

    #[test]
    fn what_is_left_of_a_line_tells_the_width() {
        assert_eq!(columns("\u{301}", "x\u{301}AB"), Some(0));
        assert_eq!(columns("\u{ad}", "x\u{ad}B"), Some(1));
        assert_eq!(columns("\u{1f600}", "x BA"), Some(2));
        assert_eq!(columns("\u{1fae8}", "xAB"), None);
        assert_eq!(columns("a", ""), None);
        // More than two columns: some of it is left, and A beyond it.
        assert_eq!(columns("\u{1f44d}\u{1f3fd}", "x B\u{1f3fd}A"), None);
    }
}
