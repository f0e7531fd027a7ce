//! What a viewer costs in memory: how much muxview grows with a crowd, and what a crowd of bare clients
//! and their server take; what a watched session costs, and a screen that is remembered. Shared pages count
//! in part; the kernel's socket buffers do not.

use crate::clock;
use crate::figure::{Figure, Goal};
use crate::generate;
use crate::stage::{Stage, Way, rest};
use muxview::terminal::{Generation, Screen, Size, Terminal, Widths};
use std::sync::Arc;

/// KiB that each of so many costs.
fn each(way: Way, viewers: usize) -> f64 {
    let mut stage = Stage::set(way);
    stage.shell("main", "seq 1 200");
    // One to begin with: what the first one brings along belongs to the session.
    stage.gather("main", 1, 1);
    rest(500);
    let before = stage.memory_kib();
    stage.gather("main", viewers, 500);
    // Each has been sent a few frames, too.
    for line in 0..5 {
        stage.shell("main", &format!("seq {line} 300"));
        rest(100);
    }
    rest(500);
    (stage.memory_kib() - before) / viewers as f64
}

/// KiB that a session costs which one person watches, its tmux client included.
fn each_session(way: Way) -> f64 {
    const SESSIONS: usize = 20;
    let mut stage = Stage::set(way);
    for number in 0..SESSIONS {
        stage.tmux.session(&format!("watched{number}"), 80, 24);
    }
    stage.gather("main", 1, 1);
    rest(500);
    let before = stage.memory_kib();
    for number in 0..SESSIONS {
        stage.gather(&format!("watched{number}"), 1, 1);
    }
    rest(500);
    (stage.memory_kib() - before) / SESSIONS as f64
}

/// KiB that a screen costs that is kept beside those before it, when `step` leads to it; and the screens:
/// what is freed would be used again by those measured next.
fn each_screen(step: impl Fn(u32) -> String) -> (f64, Vec<Arc<Screen>>) {
    const SCREENS: u32 = 500;
    let size = Size { cols: 80, rows: 24 };
    let mut terminal = Terminal::new(size, Arc::new(Widths::default()), Generation(0));
    let mut screens = Vec::new();
    let mut before = 0.0;
    for number in 0..SCREENS + 50 {
        let bytes = step(number);
        let mut rest = bytes.as_bytes();
        while !rest.is_empty() {
            rest = &rest[terminal.feed(rest)..];
        }
        screens.push(terminal.screen());
        if number == 50 {
            before = clock::memory_kib(std::process::id());
        }
    }
    let grown = clock::memory_kib(std::process::id()) - before;
    (grown / f64::from(SCREENS), screens)
}

pub(crate) fn measure() -> Vec<Figure> {
    // First, while this process is small: what it has freed would be used again.
    let mut random = 1;
    let frames: Vec<String> = (0..600)
        .map(|number| generate::frame(number, &mut random))
        .collect();
    let (line, _lines) = each_screen(|number| format!("line {number} of a log that scrolls\r\n"));
    let (full, _frames) = each_screen(|number| frames[number as usize].clone());
    let floor = each(Way::Bare, 500);
    let few = each(Way::Plain, 500);
    let inflating = each(Way::Deflate, 500);
    let many = each(Way::Deflate, 9_999);
    let (floor_session, session) = (each_session(Way::Bare), each_session(Way::Plain));
    let viewer = Goal::AtMost(16.0);
    vec![
        Figure::new(
            "memory per viewer, 500 pages",
            "KiB",
            Some(floor),
            inflating,
            viewer,
        ),
        Figure::new(
            "memory per viewer, 500 plain viewers",
            "KiB",
            Some(floor),
            few,
            viewer,
        ),
        Figure::new("memory per viewer, 10,000 pages", "KiB", None, many, viewer),
        Figure::new(
            "memory per session watched by one, its tmux client included",
            "KiB",
            Some(floor_session),
            session,
            Goal::None,
        ),
        Figure::new(
            "memory per screen remembered, all of it new",
            "KiB",
            None,
            full,
            Goal::None,
        ),
        Figure::new(
            "memory per screen remembered, scrolled by a line",
            "KiB",
            None,
            line,
            Goal::None,
        ),
    ]
}
