//! People who type numbered lines into a program that writes them down: what arrives is what was
//! typed, or the test fails.

use super::raw::{Raw, Target, frame, input, openings, ping};
use super::{Tmux, until};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A session whose program writes down every line it is sent.
pub fn listener(tmux: &Tmux, name: &str) -> PathBuf {
    let file = tmux.dir().join(format!("{name}.typed"));
    // Without echo: what is typed is not what this is about, and 200 typists paint a lot.
    let command = format!("stty -echo; exec cat > {}", file.display());
    tmux.session_running(name, 80, 24, &command);
    file
}

/// The lines a program has got, whole ones only.
fn lines(file: &Path) -> Vec<String> {
    let typed = std::fs::read_to_string(file).unwrap_or_default();
    let mut lines: Vec<String> = typed.split('\n').map(str::to_owned).collect();
    lines.pop();
    lines
}

/// Waits until the program has got `count` lines.
pub async fn typed(file: &Path, count: usize) -> Vec<String> {
    until("all lines to arrive", async || {
        let lines = lines(file);
        if lines.len() >= count {
            Ok(lines)
        } else {
            Err(format!("{} of {count} lines", lines.len()))
        }
    })
    .await
}

/// Small random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

/// Types numbered lines, cut into messages, frames and writes anywhere, with pings in between, until
/// told to stop; answers every number with its ping. Gives how many it typed and the longest silence.
async fn typist(mut raw: Raw, name: usize, stop: Arc<AtomicBool>) -> (Raw, u64, Duration) {
    let mut dice = Dice(name as u64 + 1);
    let mut longest = Duration::ZERO;
    let mut number = 0;
    loop {
        let line = format!(
            "{name:03} {number} {}\n",
            "x".repeat(dice.below(300) as usize)
        );
        let mut bytes = if dice.below(10) < 4 {
            let at = dice.below(line.len() as u64) as usize;
            let (one, two) = line.as_bytes().split_at(at);
            [frame(0x02, one), frame(0x89, b"between"), frame(0x80, two)].concat()
        } else {
            input(line.as_bytes())
        };
        bytes.extend(ping(number));
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (some, more) = rest.split_at((dice.below(200) as usize + 1).min(rest.len()));
            raw.write(some).await;
            rest = more;
        }
        let asked = Instant::now();
        raw.ponged(number).await;
        longest = longest.max(asked.elapsed());
        number += 1;
        if stop.load(Ordering::Relaxed) {
            return (raw, number, longest);
        }
    }
}

/// Some of them, typing until the end.
pub struct Typists {
    stop: Arc<AtomicBool>,
    typists: Vec<JoinHandle<(Raw, u64, Duration)>>,
}

/// What became of it.
pub struct Told {
    typists: usize,
    restarts: usize,
    lines: u64,
    silence: Duration,
}

impl Typists {
    /// So many of them, at each target in turn, in the session `main`.
    pub async fn begin(targets: &[Target], count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut typists = vec![];
        for name in 0..count {
            let target = &targets[name % targets.len()];
            let raw = Raw::join(target, "main", "cols=80&rows=24").await;
            raw.opened(1).await;
            typists.push(tokio::spawn(typist(raw, name, Arc::clone(&stop))));
        }
        Self { stop, typists }
    }

    /// Has them stop, and holds what they typed against what arrived. Each must have been opened
    /// `openings` times and never closed.
    pub async fn end(self, file: &Path, opened: usize) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        let (mut sent, mut silence) = (BTreeMap::new(), Duration::ZERO);
        for (name, typist) in self.typists.into_iter().enumerate() {
            let (raw, count, longest) = typist.await.expect("no typist failed");
            assert_eq!(openings(&raw.log()).len(), opened, "{}", raw.story());
            silence = silence.max(longest);
            sent.insert(name, count);
        }
        let lines: u64 = sent.values().sum();
        let mut got: BTreeMap<usize, u64> = BTreeMap::new();
        for line in typed(file, lines as usize).await {
            let mut words = line.split(' ');
            let name: usize = words.next().unwrap().parse().expect("whole lines");
            let number: u64 = words.next().unwrap().parse().expect("whole lines");
            let next = got.entry(name).or_default();
            assert_eq!(
                number, *next,
                "typist {name}: lost, doubled or out of order"
            );
            *next += 1;
        }
        assert_eq!(got, sent);
        Told {
            typists: sent.len(),
            restarts: opened - 1,
            lines,
            silence,
        }
    }
}

impl Told {
    pub fn in_units_of(&self, time: Duration) -> f64 {
        self.silence.as_secs_f64() / time.as_secs_f64()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            typists,
            restarts,
            lines,
            silence,
        } = self;
        write!(
            f,
            "{typists} typists, {restarts} restarts, {lines} lines, none lost; the longest silence: {silence:?},"
        )
    }
}
