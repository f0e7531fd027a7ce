//! The programs that run in the measured pane, as modes of this executable: `generate frames FPS LOG`
//! draws whole screens of changing text, `generate flood` prints lines as fast as it can.
//!
//! A frame ends with a stamp of one cell, so that no delta can carry it in parts: the frame's number
//! within [`CYCLE`]. When each frame was written stands in LOG, eight bytes each.

use crate::clock;
use std::fs::File;
use std::io::{Write as _, stdout};
use std::time::Duration;

/// Stamps are the Canadian syllabics: 640 characters in a row, one cell wide each, of three bytes that
/// no other text of ours has.
const FIRST_STAMP: u32 = 0x1400;
/// Frames until a stamp comes again.
pub(crate) const CYCLE: u32 = 640;
/// What each of them begins with.
pub(crate) const STAMP_LEAD: u8 = 0xe1;

/// The number within [`CYCLE`] that the bytes after [`STAMP_LEAD`] mean.
pub(crate) fn stamp(second: u8, third: u8) -> Option<u32> {
    let code = 0x1000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
    code.checked_sub(FIRST_STAMP)
        .filter(|number| *number < CYCLE)
}

const WORDS: [&str; 48] = [
    "accept", "answer", "attach", "before", "bridge", "buffer", "bytes", "cached", "client",
    "closed", "cursor", "delta", "empty", "error", "event", "fetch", "frame", "grid", "hello",
    "idle", "input", "joined", "key", "late", "lines", "listen", "merge", "moved", "name", "offer",
    "open", "pane", "picture", "queue", "read", "repaint", "reply", "screen", "served", "session",
    "size", "status", "stream", "tick", "title", "viewer", "window", "write",
];

pub(crate) fn run(arguments: &[String]) {
    match arguments {
        [mode, fps, log] if mode == "frames" => frames(fps.parse().unwrap(), log),
        [mode] if mode == "flood" => flood(),
        _ => panic!("generate frames FPS LOG | generate flood"),
    }
}

fn frames(fps: u64, log: &str) {
    let mut log = File::create(log).unwrap();
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let started = clock::now();
    for number in 0_u32.. {
        let frame = frame(number, &mut random);
        let due = started + u64::from(number) * 1_000_000_000 / fps;
        std::thread::sleep(Duration::from_nanos(due.saturating_sub(clock::now())));
        log.write_all(&clock::now().to_le_bytes()).unwrap();
        if stdout()
            .write_all(frame.as_bytes())
            .and_then(|()| stdout().flush())
            .is_err()
        {
            return;
        }
    }
}

/// Every row anew, of words in no order; a log in which nothing scrolls.
pub(crate) fn frame(number: u32, random: &mut u64) -> String {
    let mut frame = String::new();
    for row in 1..=23 {
        let mut line = String::new();
        while line.len() < 80 {
            *random ^= *random << 13;
            *random ^= *random >> 7;
            *random ^= *random << 17;
            line.push_str(WORDS[(*random >> 32) as usize % WORDS.len()]);
            line.push(' ');
        }
        line.truncate(80);
        frame.push_str(&format!("\x1b[{row};1H{line}"));
    }
    let stamp = char::from_u32(FIRST_STAMP + number % CYCLE).unwrap();
    frame.push_str(&format!("\x1b[23;79H{stamp}"));
    frame
}

/// Lines that tell when they were printed, many in one write, as a program that prints does.
fn flood() {
    let mut out = std::io::BufWriter::with_capacity(4096, stdout());
    for number in 0_u64.. {
        let line = writeln!(
            out,
            "line {number} of a flood, printed at @{:016}@",
            clock::now()
        );
        if line.is_err() {
            return;
        }
    }
}
