//! How fast muxview is: every row of the table in docs/speed.md, through the real binary over real sockets,
//! and beside it the floor, a bare `tmux attach`, in the same run.
//!
//! `make bench` measures all of it, `make bench ROWS="echo full"` some rows, `RUNS=3` three times. The
//! result is a table, then a line of JSON for each figure.

#![allow(clippy::unwrap_used)] // a measurement that cannot go on just ends

#[path = "../../support/mod.rs"]
mod support;

mod bare;
mod clock;
mod echo;
mod figure;
mod first;
mod flood;
mod frames;
mod full;
mod generate;
mod idle;
mod late;
mod load;
mod member;
mod memory;
mod plot;
mod relay;
mod socket;
mod stage;
mod steps;
mod storm;

/// What `ROWS` may name, and how it is measured.
type Row = (&'static str, fn() -> Vec<figure::Figure>);

const ROWS: &[Row] = &[
    ("first", first::measure),
    ("late", late::measure),
    ("storm", storm::measure),
    ("echo", echo::measure),
    ("full", full::measure),
    ("memory", memory::measure),
    ("flood", flood::measure),
    ("stall", flood::measure_stall),
    ("idle", idle::measure),
    ("many", full::measure_many),
    ("steps", steps::measure),
    ("plot", plot::measure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("load") => load::run(),
        Some("relay") => relay::run(&arguments[1..]),
        Some("generate") => generate::run(&arguments[1..]),
        // `cargo test --benches` and `cargo bench -- --test` only want to know that it builds.
        _ if arguments.iter().any(|argument| argument == "--test") => {}
        _ => measure(&arguments),
    }
}

fn measure(arguments: &[String]) {
    let mut runs = 1;
    let mut names = Vec::new();
    let mut rest = arguments.iter().filter(|argument| *argument != "--bench");
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--runs" => {
                runs = rest
                    .next()
                    .and_then(|runs| runs.parse().ok())
                    .expect("--runs NUMBER");
            }
            name => names.push(name.to_owned()),
        }
    }
    for name in &names {
        let known: Vec<&str> = ROWS.iter().map(|(name, _)| *name).collect();
        assert!(
            known.contains(&name.as_str()),
            "{name} is none of {known:?}"
        );
    }
    let mut all = Vec::new();
    for run in 1..=runs {
        for (name, row) in ROWS {
            if names.is_empty() || names.iter().any(|wanted| wanted == name) {
                eprintln!("run {run} of {runs}: {name}");
                figure::merge(&mut all, row());
            }
        }
    }
    figure::print(&all);
}
