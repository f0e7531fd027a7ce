//! Many viewers of a program that draws whole screens: 500 viewers at 30 a second, 10,000 at 10.

use crate::figure::{Figure, Goal};
use crate::load::Shown;
use crate::stage::{Stage, Way, rest};

/// What so many viewers of so many frames a second cost and see.
pub(crate) struct Course {
    /// Seconds of CPU in ten seconds.
    pub(crate) cpu: f64,
    pub(crate) shown: Shown,
}

pub(crate) fn course(way: Way, viewers: usize, fps: u64, seconds: u64) -> Course {
    let mut stage = Stage::set(way);
    stage.gather("main", viewers, 500);
    let times = stage.tmux.dir().join("times");
    stage.run("main", &format!("frames {fps} times"));
    rest(1500);
    stage.load.reset();
    let before = stage.cpu();
    rest(seconds * 1000);
    let cpu = stage.cpu() - before;
    let shown = stage.load.report(&times);
    stage.interrupt("main");
    let cpu = cpu.as_secs_f64() * 10.0 / shown.seconds;
    Course { cpu, shown }
}

const VIEWERS: usize = 500;

/// kB that each of them is sent in ten seconds.
fn bytes(course: &Course) -> f64 {
    course.shown.bytes as f64 / VIEWERS as f64 / 1000.0 * 10.0 / course.shown.seconds
}

fn lines(who: &str, floor: &Course, ours: &Course, most_bytes: Goal) -> Vec<Figure> {
    let figure = |name: &str, unit, of: &dyn Fn(&Course) -> f64, goal| {
        let name = format!("500 {who}, 30 full frames a second: {name}");
        Figure::new(name, unit, Some(of(floor)), of(ours), goal)
    };
    let each = |course: &Course| course.shown.frames / course.shown.seconds;
    vec![
        figure("CPU in 10 s", "s", &|course| course.cpu, Goal::AtMost(1.3)),
        figure(
            "age of a frame, p50",
            "ms",
            &|course| course.shown.age_p50,
            Goal::None,
        ),
        figure(
            "age of a frame, p99",
            "ms",
            &|course| course.shown.age_p99,
            Goal::AtMost(15.0),
        ),
        figure("bytes per viewer in 10 s", "kB", &bytes, most_bytes),
        figure(
            "frames a second shown to each",
            "",
            &each,
            Goal::AtLeast(29.0),
        ),
    ]
}

pub(crate) fn measure() -> Vec<Figure> {
    let floor = course(Way::Bare, VIEWERS, 30, 10);
    let plain = course(Way::Plain, VIEWERS, 30, 10);
    let inflating = course(Way::Deflate, VIEWERS, 30, 10);
    let mut figures = lines("pages", &floor, &inflating, Goal::AtMost(150.0));
    figures.extend(lines("plain viewers", &floor, &plain, Goal::None));
    figures
}

/// One session, as many viewers as it may have.
pub(crate) fn measure_many() -> Vec<Figure> {
    let ours = course(Way::Deflate, 10_000, 10, 10);
    let figure = |name: &str, unit, ours, goal| {
        let name = format!("10,000 viewers, 10 full frames a second: {name}");
        Figure::new(name, unit, None, ours, goal)
    };
    vec![
        figure(
            "frames a second shown to each",
            "",
            ours.shown.frames / ours.shown.seconds,
            Goal::AtLeast(9.8),
        ),
        figure(
            "frames shown to each in 10 s, the least",
            "",
            ours.shown.frames_least as f64,
            Goal::AtLeast(95.0),
        ),
        figure("age of a frame, p50", "ms", ours.shown.age_p50, Goal::None),
        figure("age of a frame, p99", "ms", ours.shown.age_p99, Goal::None),
        figure("CPU in 10 s", "s", ours.cpu, Goal::None),
    ]
}
