//! Two hundred viewers of a shell that waits.

use crate::figure::{Figure, Goal};
use crate::stage::{Stage, Way, rest};

/// Seconds of CPU in thirty seconds.
fn idle(way: Way) -> f64 {
    let mut stage = Stage::set(way);
    stage.gather("main", 200, 200);
    rest(2000);
    let before = stage.cpu();
    rest(30_000);
    (stage.cpu() - before).as_secs_f64()
}

pub(crate) fn measure() -> Vec<Figure> {
    let (floor, ours) = (idle(Way::Bare), idle(Way::Plain));
    vec![Figure::new(
        "idle, 200 viewers: CPU in 30 s",
        "s",
        Some(floor),
        ours,
        Goal::AtMost(0.02),
    )]
}
