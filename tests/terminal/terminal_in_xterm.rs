//! Streams of a real tmux, cut anywhere, through our terminal and its frames into xterm.js: the
//! picture is what xterm.js makes of the stream itself. No socket, no tmux, no clock.
//!
//! `MUXVIEW_RECORD=1 cargo test --test terminal_in_xterm -- --ignored record` makes the recordings anew.

#![allow(clippy::unwrap_used)] // a failed step of a recording is its end

use crate::support::noise::{Dice, noise};
use crate::support::{BareAttach, Tmux, Xterm, attach, soak, until};
use muxview::terminal::{Generation, Size, Terminal, Widths, repaint};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const NAMES: &[&str] = &[
    "typing",
    "log",
    "vim",
    "top",
    "attributes",
    "windows",
    "noise",
];
const COLS: u16 = 80;
const ROWS: u16 = 24;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/recordings/{name}.{COLS}x{ROWS}"))
}

/// Feeds `stream` in random pieces, and compares about `checks` times.
async fn replay(xterm: &Xterm, name: &str, stream: &[u8], seed: u64, checks: u64) {
    let size = Size {
        cols: COLS,
        rows: ROWS,
    };
    let mut dice = Dice::new(seed);
    let mut terminal = Terminal::new(size, Arc::new(Widths::default()), Generation(0));
    let viewer = xterm.terminal(COLS, ROWS);
    let referee = xterm.referee(COLS, ROWS);
    let mut shown = None;
    let mut at = 0;
    while at < stream.len() {
        let longest = [3, 40, 400, 4096][dice.roll(4) as usize];
        let end = (at + 1 + dice.roll(longest) as usize).min(stream.len());
        referee.write(&stream[at..end]);
        while at < end {
            at += terminal.feed(&stream[at..end]);
        }
        if dice.roll(3) > 0 {
            let screen = terminal.screen();
            viewer.write(&repaint(shown.as_deref(), &screen));
            shown = Some(screen);
        }
        if at == stream.len() || dice.roll(stream.len() as u64) < checks * 567 {
            let screen = terminal.screen();
            viewer.write(&repaint(shown.as_deref(), &screen));
            let (seen, meant) = (viewer.picture().await, referee.picture().await);
            assert!(
                seen == meant,
                "{name}, seed {seed}, byte {at}: deltas\n{}{}",
                seen.differences(&meant),
                meant.text()
            );
            let fresh = xterm.terminal(COLS, ROWS);
            fresh.write(b"\x1b[31;44mdirt\x1b[5;9r\x1b[?6h\x1b(0\x0e");
            fresh.write(&repaint(None, &screen));
            let seen = fresh.picture().await;
            fresh.dispose();
            assert!(
                seen == meant,
                "{name}, seed {seed}, byte {at}: repaint\n{}{}",
                seen.differences(&meant),
                meant.text()
            );
            shown = Some(screen);
        }
    }
    viewer.dispose();
    referee.dispose();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_cut_anywhere() {
    let xterm = Xterm::start();
    for name in NAMES {
        let stream = std::fs::read(path(name)).expect("the recordings are in the repository");
        for seed in 1..=soak(3, 100) {
            replay(&xterm, name, &stream, seed, 20).await;
        }
    }
}

/// Random programs in a real tmux: at rest, the picture through our terminal is the bare one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_programs_at_rest() {
    let tmux = Tmux::start(COLS, ROWS);
    let xterm = Xterm::start();
    let options = attach::Options {
        read_only: false,
        ignore_size: false,
        xterm: Some(&xterm),
        record: true,
        listener: None,
    };
    let attach = BareAttach::open(&tmux, "main", COLS, ROWS, options);
    let size = Size {
        cols: COLS,
        rows: ROWS,
    };
    let mut terminal = Terminal::new(size, Arc::new(Widths::default()), Generation(0));
    let viewer = xterm.terminal(COLS, ROWS);
    let mut shown = None;
    tmux.enter("main:", "stty -echo; PS1=; tmux wait-for -S ready");
    tmux.wait_for("ready").await;
    let seed = std::env::var("MUXVIEW_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_122);
    let mut dice = Dice::new(seed);
    for round in 0..soak(60, 2000) {
        let steps = 20 + dice.roll(200) as usize;
        let wide = round % 4 == 3;
        let page = noise(&mut dice, steps, u64::from(COLS), u64::from(ROWS) - 1, wide);
        let clear = if round % 4 == 0 { "\x1b[m\x1b[2J" } else { "" };
        tmux.file(
            "page",
            format!("{clear}{page}\x1b7\x1b[m\x1b[r\x1b[1;1H\x1b[?7hround {round}.\x1b8"),
        );
        tmux.enter("main:", "cat page; tmux wait-for -S shown");
        tmux.wait_for("shown").await;
        let mut calm = None;
        let meant = until("the round", async || {
            let picture = attach.picture().await;
            let arrived = picture.line(0).starts_with(&format!("round {round}."));
            if arrived && calm.as_ref() == Some(&picture) {
                return Ok(picture);
            }
            let text = picture.text();
            calm = Some(picture);
            Err(text)
        })
        .await;
        let bytes = attach.recorded();
        let mut at = 0;
        while at < bytes.len() {
            at += terminal.feed(&bytes[at..]);
            if dice.roll(5) == 0 {
                let screen = terminal.screen();
                viewer.write(&repaint(shown.as_deref(), &screen));
                shown = Some(screen);
            }
        }
        let screen = terminal.screen();
        viewer.write(&repaint(shown.as_deref(), &screen));
        shown = Some(screen);
        let seen = viewer.picture().await;
        // What was left of a wide character may differ once; tmux clears it for all.
        let (seen, meant) = if wide {
            (seen.but_blanks(), meant.but_blanks())
        } else {
            (seen, meant)
        };
        if seen != meant {
            std::fs::write(std::env::temp_dir().join("muxview-failed-round"), &bytes).unwrap();
        }
        assert!(
            seen == meant,
            "seed {seed}, round {round}\n{}{}",
            seen.differences(&meant),
            meant.text()
        );
    }
}

/// Types into a fresh session and keeps what tmux draws, from the attach on.
struct Recorder {
    tmux: Tmux,
    attach: BareAttach,
}

impl Recorder {
    async fn start() -> Self {
        let tmux = Tmux::start(COLS, ROWS);
        let options = attach::Options {
            read_only: false,
            ignore_size: false,
            xterm: None,
            record: true,
            listener: None,
        };
        let attach = BareAttach::open(&tmux, "main", COLS, ROWS, options);
        let recorder = Self { tmux, attach };
        recorder.rest().await;
        recorder
    }

    /// Until tmux has written nothing for a while.
    async fn rest(&self) {
        until("tmux to rest", async || {
            let before = self.attach.recorded_len();
            tokio::time::sleep(Duration::from_millis(120)).await;
            if before > 0 && self.attach.recorded_len() == before {
                Ok(())
            } else {
                Err(String::new())
            }
        })
        .await;
    }

    async fn line(&self, line: &str) {
        self.tmux.enter("main:", line);
        self.rest().await;
    }

    async fn keys(&self, keys: &[&str]) {
        self.tmux.keys("main:", keys);
        self.rest().await;
    }

    async fn keep(self, name: &str) {
        self.rest().await;
        let bytes = self.attach.recorded();
        println!("{name}: {} bytes", bytes.len());
        std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        std::fs::write(path(name), bytes).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "makes the recordings anew"]
async fn record() {
    if std::env::var_os("MUXVIEW_RECORD").is_none() {
        return; // `--ignored` alone must not change files
    }
    let typing = Recorder::start().await;
    for key in "echo the quick brown fox jumps over the lazy dog"
        .split("")
        .filter(|key| !key.is_empty())
    {
        typing.tmux.cmd(&["send-keys", "-t", "main:", "-l", key]);
        tokio::time::sleep(Duration::from_millis(15)).await; // a keystroke each
    }
    typing.keep("typing").await;

    let log = Recorder::start().await;
    log.tmux.file(
        "log.sh",
        "n=0; while [ $n -lt 150 ]; do n=$((n+1)); printf '2026-11-22T10:%02d:%02d \\033[3%dmINFO\\033[m request %d served in %d us, cache \\033[1mhit\\033[m\\n' $((n/60)) $((n%60)) $((n%3+2)) $n $((n*37%900)); sleep 0.01; done",
    );
    log.line("clear; sh log.sh").await;
    log.keep("log").await;

    let vim = Recorder::start().await;
    let source: String = (1..=200)
        .map(|n| format!("fn number_{n}(x: u32) -> Result<u32, Error> {{\n    // adds {n}\n    Ok(x + {n})\n}}\n\n"))
        .collect();
    vim.tmux.file("source.rs", source);
    vim.line("vim -u NONE -i NONE -N -n source.rs").await;
    vim.line(":syntax on | set number ruler laststatus=2").await;
    for _ in 0..10 {
        vim.keys(&["C-f"]).await;
    }
    for key in ["C-e", "C-e", "C-e", "C-y", "C-d", "C-u"] {
        vim.keys(&[key]).await;
    }
    vim.keep("vim").await;

    let top = Recorder::start().await;
    top.tmux.enter("main:", "top -d 0.3 -n 12");
    tokio::time::sleep(Duration::from_secs(5)).await; // top has its own clock
    top.keep("top").await;

    let attributes = Recorder::start().await;
    let mut page = String::new();
    for attribute in [1, 2, 3, 4, 5, 7, 8, 9, 53] {
        page +=
            &format!("\x1b[{attribute}mword {attribute}\x1b[m \x1b[{attribute};31;44mboth\x1b[m ");
    }
    for style in 1..=5 {
        page += &format!(
            "\x1b[4:{style};58:2::{style}:20:200mstyle {style}\x1b[m 漢字 \x1b[48;5;{style}m\x1b[K\r\n\x1b[m"
        );
    }
    for step in 0..80 {
        page += &format!("\x1b[48;2;{step};{};77m \x1b[m", 255 - step);
    }
    attributes.tmux.file("page", page);
    attributes.line("clear; cat page").await;
    attributes.keep("attributes").await;

    let windows = Recorder::start().await;
    windows.line("seq 1 300").await;
    windows
        .tmux
        .cmd(&["split-window", "-h", "-t", "main:", "exec sh"]);
    windows.line("seq 1 40").await;
    windows.tmux.cmd(&["copy-mode", "-t", "main:"]);
    windows.keys(&["PageUp", "Up", "Up", "q"]).await;
    windows.tmux.cmd(&["choose-tree", "-t", "main:"]);
    windows.keys(&["q"]).await;
    windows
        .tmux
        .cmd(&["set-option", "-t", "main", "status", "2"]);
    windows.tmux.cmd(&["resize-pane", "-t", "main:", "-Z"]);
    windows.tmux.cmd(&["set-option", "-g", "mouse", "on"]);
    windows.line("printf '\\033[4 q\\033[?2004h'").await;
    windows.keep("windows").await;

    let random = Recorder::start().await;
    let mut dice = Dice::new(20_261_122);
    for _ in 0..5 {
        let page = noise(&mut dice, 150, u64::from(COLS), u64::from(ROWS) - 1, false);
        random.tmux.file("noise", page);
        random.line("cat noise").await;
    }
    random.keep("noise").await;
}
