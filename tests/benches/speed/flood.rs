//! A program that prints as fast as it can: how old the newest line on the screen is, how soon ^C gives
//! the prompt back, and what one costs who looks away for a while.

use crate::bare::Bare;
use crate::clock;
use crate::figure::{Figure, Goal, median, quantile};
use crate::first::timed;
use crate::socket::{Eyes, Socket, terminal};
use crate::stage::{Stage, Way, rest};

const SECOND: u64 = 1_000_000_000;

/// One who watches `main`, and the screen that makes.
struct Watcher {
    eyes: Eyes,
    screen: vt100::Parser,
    /// Bytes of pictures so far.
    bytes: usize,
}

impl Watcher {
    fn of(stage: &Stage) -> Self {
        let eyes = match &stage.service {
            Some(service) => Eyes::Socket(Socket::open(service.port, "main", "cols=80&rows=24")),
            None => Eyes::Bare(Bare::attach(&stage.tmux.socket(), "main")),
        };
        Self {
            eyes,
            screen: terminal(),
            bytes: 0,
        }
    }

    /// Blocks until the picture has changed.
    fn see(&mut self) {
        let bytes = self.eyes.see();
        self.eyes.drawn();
        self.bytes += bytes.len();
        self.screen.process(&bytes);
    }

    fn see_until(&mut self, good: impl Fn(&vt100::Screen) -> bool) {
        while !good(self.screen.screen()) {
            self.see();
        }
    }
}

/// When the newest line on the screen was printed (`@NANOSECONDS@`, see `generate`).
fn newest(screen: &vt100::Screen) -> Option<u64> {
    let lines: Vec<String> = screen.rows(0, 80).collect();
    // A line that is half drawn does not tell yet.
    let printed = |line: &String| match line.split('@').collect::<Vec<_>>()[..] {
        [_, time, _] if time.len() == 16 => time.parse().ok(),
        _ => None,
    };
    lines.iter().rev().find_map(printed)
}

/// A shell that waits for a line after a flood.
fn prompt(screen: &vt100::Screen) -> bool {
    let (row, col) = screen.cursor_position();
    col == 2
        && screen
            .rows(0, 80)
            .nth(row.into())
            .is_some_and(|line| line.trim_end() == "$")
}

struct Seen {
    /// Of the newest line, at every millisecond.
    ages: Vec<f64>,
    /// From ^C to the prompt, each time.
    interrupts: Vec<f64>,
}

fn watch(way: Way) -> Seen {
    let stage = Stage::set(way);
    let mut watcher = Watcher::of(&stage);
    watcher.see_until(prompt);
    stage.run("main", "flood");
    watcher.see_until(|screen| newest(screen).is_some());
    let settled = clock::now() + SECOND;
    while clock::now() < settled {
        watcher.see();
    }
    let (mut ages, mut at) = (Vec::new(), clock::now());
    let end = at + 6 * SECOND;
    while at < end {
        let shown = newest(watcher.screen.screen()).unwrap_or(at);
        watcher.see();
        let next = clock::now();
        while at < next {
            ages.push(at.saturating_sub(shown) as f64 / 1e6);
            at += SECOND / 1000;
        }
    }
    let mut interrupts = Vec::new();
    for _ in 0..10 {
        let (time, ()) = timed(|| {
            watcher.eyes.press(b"\x03");
            watcher.see_until(prompt);
        });
        interrupts.push(time);
        stage.run("main", "flood");
        let begun = clock::now();
        watcher.see_until(|screen| newest(screen).is_some_and(|printed| printed > begun));
        while clock::now() < begun + SECOND / 2 {
            watcher.see();
        }
    }
    Seen { ages, interrupts }
}

pub(crate) fn measure() -> Vec<Figure> {
    let (floor, ours) = (watch(Way::Bare), watch(Way::Plain));
    let figure = |name: &str, of: &dyn Fn(&Seen) -> f64, goal| {
        Figure::new(
            format!("flood: {name}"),
            "ms",
            Some(of(&floor)),
            of(&ours),
            goal,
        )
    };
    let age = "age of the newest line on the screen";
    vec![
        figure(
            &format!("{age}, p50"),
            &|seen| quantile(&seen.ages, 0.5),
            Goal::AtMost(25.0),
        ),
        figure(
            &format!("{age}, p95"),
            &|seen| quantile(&seen.ages, 0.95),
            Goal::AtMost(40.0),
        ),
        figure(
            "^C to prompt, p50",
            &|seen| median(&seen.interrupts),
            Goal::Floors(1.0),
        ),
    ]
}

/// What one who reads nothing for 15 s of a flood is sent until a line is on the screen that was printed
/// after that, in kB, and by how many MiB memory grew meanwhile.
fn look_away(way: Way) -> (f64, f64) {
    let stage = Stage::set(way);
    let mut watcher = Watcher::of(&stage);
    watcher.see_until(prompt);
    stage.run("main", "flood");
    let settled = clock::now() + 2 * SECOND;
    while clock::now() < settled {
        watcher.see();
    }
    let before = stage.memory_kib();
    rest(15_000);
    let grown = stage.memory_kib() - before;
    let (back, read) = (clock::now(), watcher.bytes);
    watcher.see_until(|screen| newest(screen).is_some_and(|printed| printed > back));
    ((watcher.bytes - read) as f64 / 1000.0, grown / 1024.0)
}

/// The same, as figures.
pub(crate) fn measure_stall() -> Vec<Figure> {
    let (floor, floor_grown) = look_away(Way::Bare);
    let (ours, grown) = look_away(Way::Plain);
    let name = |what: &str| format!("viewer stalled for 15 s of a flood: {what}");
    vec![
        // A repaint of a full screen of this text is 2 kB.
        Figure::new(
            name("bytes to catch up"),
            "kB",
            Some(floor),
            ours,
            Goal::AtMost(4.0),
        ),
        Figure::new(
            name("memory grown"),
            "MiB",
            Some(floor_grown),
            grown,
            Goal::AtMost(0.5),
        ),
    ]
}
