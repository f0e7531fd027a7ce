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

pub(crate) fn measure() -> Vec<Figure> {
    let viewers = 500;
    let floor = course(Way::Bare, viewers, 30, 10);
    let ours = course(Way::Plain, viewers, 30, 10);
    let figure = |name: &str, unit, of: &dyn Fn(&Course) -> f64, goal| {
        let name = format!("500 viewers, 30 full frames a second: {name}");
        Figure::new(name, unit, Some(of(&floor)), of(&ours), goal)
    };
    let each = |course: &Course| {
        course.shown.bytes as f64 / viewers as f64 / 1000.0 * 10.0 / course.shown.seconds
    };
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
        figure("bytes per viewer in 10 s", "kB", &each, Goal::AtMost(150.0)),
        figure(
            "frames a second shown to each",
            "",
            &|course| course.shown.frames / course.shown.seconds,
            Goal::AtLeast(29.0),
        ),
    ]
}

/// One session, as many viewers as it may have.
pub(crate) fn measure_many() -> Vec<Figure> {
    let ours = course(Way::Plain, 10_000, 10, 10);
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
