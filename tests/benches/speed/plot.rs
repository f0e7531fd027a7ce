//! The picture in docs/speed.md: what a frame costs each viewer, and how old it is when it comes, against
//! the number of viewers. Both axes are logarithmic. Written by hand: two charts of two lines need no library.

use crate::figure::{Figure, Goal};
use crate::full::course;
use crate::stage::Way;
use std::fmt::Write as _;

const FPS: u64 = 10;
const CROWDS: [usize; 8] = [1, 3, 10, 30, 100, 500, 2000, 10_000];
/// A bare client is a process; more of them than this measure the machine's memory.
const MOST_CLIENTS: usize = 500;
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/benches/speed/cost.svg");

/// For each number of viewers, microseconds of CPU for each viewer and frame, and the age's p99 in ms.
struct Line {
    class: &'static str,
    name: &'static str,
    points: Vec<(f64, [f64; 2])>,
}

fn line(class: &'static str, name: &'static str, way: Way, most: usize) -> Line {
    let crowds = CROWDS.into_iter().filter(|viewers| *viewers <= most);
    let points = crowds.map(|viewers| {
        let course = course(way, viewers, FPS, 4);
        let frames = course.shown.frames / course.shown.seconds * 10.0 * viewers as f64;
        (
            viewers as f64,
            [course.cpu * 1e6 / frames, course.shown.age_p99],
        )
    });
    Line {
        class,
        name,
        points: points.collect(),
    }
}

pub(crate) fn measure() -> Vec<Figure> {
    let lines = [
        line("floor", "tmux attach", Way::Bare, MOST_CLIENTS),
        line("ours", "muxview", Way::Deflate, usize::MAX),
    ];
    std::fs::write(FILE, svg(&lines)).unwrap();
    eprintln!("drawn: {FILE}");
    let mut figures = Vec::new();
    for (viewers, values) in &lines[1].points {
        let floor = lines[0].points.iter().find(|(known, _)| known == viewers);
        for (part, (what, unit)) in [
            ("CPU for each viewer and frame", "µs"),
            ("age of a frame, p99", "ms"),
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("{viewers} viewers, {FPS} full frames a second: {what}");
            figures.push(Figure::new(
                name,
                unit,
                floor.map(|(_, floor)| floor[part]),
                values[part],
                Goal::None,
            ));
        }
    }
    figures
}

const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-weight:600;fill:#24292f}\
    .grid{stroke:#d0d7de;stroke-width:1}path{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}\
    .ours{stroke:#0969da}.floor{stroke:#bc4c00}circle{stroke:none}circle.ours,text.ours{fill:#0969da;stroke:none}\
    circle.floor,text.floor{fill:#bc4c00;stroke:none}text.ours,text.floor{font-weight:600}\
    @media(prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#e6edf3}.grid{stroke:#30363d}\
    .ours{stroke:#4493f8}.floor{stroke:#f0883e}circle.ours,text.ours{fill:#4493f8}circle.floor,text.floor{fill:#f0883e}}";

/// The plane of one chart, in pixels.
const WIDTH: f64 = 330.0;
const HEIGHT: f64 = 210.0;

fn svg(lines: &[Line]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 840 300\" role=\"img\" \
         aria-label=\"What a frame costs each viewer, against the number of viewers\"><style>{STYLE}</style>"
    );
    let charts = [
        "CPU for each viewer and frame (µs), by viewers",
        "age of a frame when it comes, p99 (ms), by viewers",
    ];
    for (part, title) in charts.into_iter().enumerate() {
        let _ = write!(svg, "<g transform=\"translate({},44)\">", 56 + part * 424);
        chart(&mut svg, title, lines, part);
        for (place, line) in lines.iter().enumerate() {
            let y = HEIGHT - 30.0 + 18.0 * place as f64;
            let (class, name) = (line.class, line.name);
            let _ = write!(
                svg,
                "<text class=\"{class}\" x=\"10\" y=\"{y}\">{name}</text>"
            );
        }
        svg.push_str("</g>");
    }
    svg.push_str("</svg>\n");
    svg
}

fn chart(svg: &mut String, title: &str, lines: &[Line], part: usize) {
    let values: Vec<f64> = lines
        .iter()
        .flat_map(|line| line.points.iter().map(move |(_, values)| values[part]))
        .collect();
    let (least, most) = values
        .iter()
        .fold((f64::MAX, 0.0_f64), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
    // Whole powers of ten at both ends.
    let (low, high) = (least.log10().floor(), most.log10().ceil());
    let x = |viewers: f64| viewers.log10() / 4.0 * WIDTH;
    let y = |value: f64| HEIGHT - (value.log10() - low) / (high - low) * HEIGHT;
    let _ = write!(
        svg,
        "<text class=\"title\" x=\"0\" y=\"-24\">{title}</text>"
    );
    for power in low as i32..=high as i32 {
        let value = 10_f64.powi(power);
        let at = y(value);
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M0 {at:.1}H{WIDTH}\"/><text x=\"-8\" y=\"{:.1}\" text-anchor=\"end\">{value}</text>",
            at + 4.0
        );
    }
    for (viewers, label) in [
        (1.0, "1"),
        (10.0, "10"),
        (100.0, "100"),
        (1000.0, "1,000"),
        (10_000.0, "10,000"),
    ] {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            x(viewers),
            HEIGHT + 20.0
        );
    }
    for line in lines {
        let points: Vec<(f64, f64)> = line
            .points
            .iter()
            .map(|(viewers, values)| (x(*viewers), y(values[part])))
            .collect();
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1} {y:.1}"))
            .collect();
        let _ = write!(
            svg,
            "<path class=\"{}\" d=\"M{}\"/>",
            line.class,
            path.join("L")
        );
        for (x, y) in &points {
            let _ = write!(
                svg,
                "<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>",
                line.class
            );
        }
    }
}
