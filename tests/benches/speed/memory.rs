//! What a viewer costs in memory: how much muxview grows with a crowd, and what a crowd of bare clients
//! and their server take. Shared pages count in part; the kernel's socket buffers do not.

use crate::figure::{Figure, Goal};
use crate::stage::{Stage, Way, rest};

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

pub(crate) fn measure() -> Vec<Figure> {
    let floor = each(Way::Bare, 500);
    let few = each(Way::Plain, 500);
    let many = each(Way::Plain, 9_999);
    vec![
        Figure::new(
            "memory per viewer, 500",
            "KiB",
            Some(floor),
            few,
            Goal::AtMost(16.0),
        ),
        Figure::new(
            "memory per viewer, 10,000",
            "KiB",
            None,
            many,
            Goal::AtMost(16.0),
        ),
    ]
}
