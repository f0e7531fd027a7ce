//! Many viewers who all come at the same moment, to a session nobody watched: as after a restart.

use crate::figure::{Figure, Goal};
use crate::stage::{Stage, Way, rest};

const VIEWERS: usize = 500;

/// Milliseconds until the last one is shown a whole picture, and the seconds of CPU it took.
fn storm(way: Way) -> (f64, f64) {
    let mut stage = Stage::set(way);
    stage.shell("main", "seq 1 200");
    rest(500);
    let before = stage.cpu();
    let arrival = stage.gather("main", VIEWERS, VIEWERS);
    // What is still done for them after that counts, too.
    rest(300);
    (arrival.milliseconds, (stage.cpu() - before).as_secs_f64())
}

pub(crate) fn measure() -> Vec<Figure> {
    let (floor, floor_cpu) = storm(Way::Bare);
    let (ours, ours_cpu) = storm(Way::Plain);
    let name = |what: &str| format!("500 viewers at once: {what}");
    vec![
        Figure::new(
            name("the last one whole after"),
            "ms",
            Some(floor),
            ours,
            Goal::AtMost(300.0),
        ),
        Figure::new(
            name("CPU"),
            "s",
            Some(floor_cpu),
            ours_cpu,
            Goal::AtMost(0.3),
        ),
    ]
}
