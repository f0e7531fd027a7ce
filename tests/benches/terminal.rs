//! What one picture costs: taking in tmux's bytes, making a screen, a repaint and a delta, on
//! streams of a real tmux (`tests/recordings`).

#![allow(missing_docs)] // criterion's macros make public items

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use muxview::terminal::{Generation, Screen, Size, Terminal, Widths, repaint};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SIZE: Size = Size { cols: 80, rows: 24 };

fn recordings() -> [(&'static str, &'static [u8]); 5] {
    [
        ("typing", include_bytes!("../recordings/typing.80x24")),
        ("log", include_bytes!("../recordings/log.80x24")),
        ("vim", include_bytes!("../recordings/vim.80x24")),
        ("top", include_bytes!("../recordings/top.80x24")),
        ("noise", include_bytes!("../recordings/noise.80x24")),
    ]
}

fn terminal(widths: &Arc<Widths>) -> Terminal {
    Terminal::new(SIZE, Arc::clone(widths), Generation(0))
}

/// The screens a viewer that keeps up would be shown: one for each stop of `feed`, and for each
/// key of a stream that has hardly any.
fn screens(widths: &Arc<Widths>, bytes: &[u8]) -> Vec<Arc<Screen>> {
    let mut terminal = terminal(widths);
    let mut shown: Vec<Arc<Screen>> = Vec::new();
    for piece in bytes.chunks(if bytes.len() < 2000 { 1 } else { 1400 }) {
        let mut at = 0;
        while at < piece.len() {
            at += terminal.feed(&piece[at..]);
            let screen = terminal.screen();
            if !terminal.synchronizing()
                && shown.last().is_none_or(|last| !Arc::ptr_eq(last, &screen))
            {
                shown.push(screen);
            }
        }
    }
    shown
}

fn terminal_costs(c: &mut Criterion) {
    let widths = Arc::new(Widths::default());
    let mut group = c.benchmark_group("feed");
    for (name, bytes) in recordings() {
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_with_input(BenchmarkId::from_parameter(name), bytes, |b, bytes| {
            b.iter_custom(|rounds| {
                let mut took = Duration::ZERO;
                for _ in 0..rounds {
                    let mut terminal = terminal(&widths);
                    let began = Instant::now();
                    let mut at = 0;
                    while at < bytes.len() {
                        at += terminal.feed(black_box(&bytes[at..]));
                    }
                    took += began.elapsed();
                }
                took
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("screen");
    for (name, bytes) in recordings() {
        group.bench_with_input(BenchmarkId::from_parameter(name), bytes, |b, bytes| {
            b.iter_custom(|rounds| {
                let (mut took, mut made) = (Duration::ZERO, 0);
                while made < rounds {
                    let mut terminal = terminal(&widths);
                    let mut at = 0;
                    while at < bytes.len() && made < rounds {
                        at += terminal.feed(&bytes[at..]);
                        let began = Instant::now();
                        black_box(terminal.screen());
                        took += began.elapsed();
                        made += 1;
                    }
                }
                took
            });
        });
    }
    group.finish();

    let shown: Vec<_> = recordings()
        .into_iter()
        .map(|(name, bytes)| (name, screens(&widths, bytes)))
        .collect();
    let mut group = c.benchmark_group("repaint");
    for (name, screens) in &shown {
        let last = screens.last().expect("a recording shows something");
        println!("repaint/{name}: {} bytes", repaint(None, last).len());
        group.bench_with_input(BenchmarkId::from_parameter(name), last, |b, screen| {
            b.iter(|| black_box(repaint(None, screen)));
        });
    }
    group.finish();

    let mut group = c.benchmark_group("delta");
    for (name, screens) in &shown {
        let mut sizes: Vec<usize> = screens
            .windows(2)
            .map(|pair| repaint(Some(&pair[0]), &pair[1]).len())
            .collect();
        sizes.sort_unstable();
        println!(
            "delta/{name}: {} frames, median {} bytes",
            sizes.len(),
            sizes.get(sizes.len() / 2).unwrap_or(&0)
        );
        let mut pairs = screens.windows(2).cycle();
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let pair = pairs.next().expect("a cycle of at least one pair");
                black_box(repaint(Some(&pair[0]), &pair[1]))
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1)).sample_size(20);
    targets = terminal_costs
}
criterion_main!(benches);
