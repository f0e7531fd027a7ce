//! What was measured, beside the floor and the goal: a table for people, a line of JSON for machines.

use serde_json::json;

/// What is to be reached.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// At most so many times the floor.
    Floors(f64),
    /// Measured for its own sake.
    None,
}

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// One of each run.
    pub(crate) floor: Vec<f64>,
    pub(crate) ours: Vec<f64>,
    pub(crate) goal: Goal,
}

impl Figure {
    pub(crate) fn new(
        name: impl Into<String>,
        unit: &'static str,
        floor: Option<f64>,
        ours: f64,
        goal: Goal,
    ) -> Self {
        Self {
            name: name.into(),
            unit,
            floor: floor.into_iter().collect(),
            ours: vec![ours],
            goal,
        }
    }

    fn ratio(&self) -> Option<f64> {
        (!self.floor.is_empty()).then(|| median(&self.ours) / median(&self.floor))
    }

    fn reached(&self) -> Option<bool> {
        let (ours, ratio) = (median(&self.ours), self.ratio());
        match self.goal {
            Goal::AtMost(most) => Some(ours <= most),
            Goal::AtLeast(least) => Some(ours >= least),
            Goal::Floors(times) => ratio.map(|ratio| ratio <= times),
            Goal::None => None,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::AtMost(most) => format!("≤ {} {}", number(most), self.unit),
            Goal::AtLeast(least) => format!("≥ {} {}", number(least), self.unit),
            Goal::Floors(times) => format!("≤ {times}x floor"),
            Goal::None => String::new(),
        }
    }
}

/// The middle of them; of an even number the lower middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value that this part of them does not exceed.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1) as f64;
    sorted
        .get((last * part) as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

/// With three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

/// The median, and from where to where when there are several.
fn spread(values: &[f64]) -> String {
    match values {
        [] => "–".into(),
        [one] => number(*one),
        _ => format!(
            "{} ({}–{})",
            number(median(values)),
            number(quantile(values, 0.0)),
            number(quantile(values, 1.0))
        ),
    }
}

/// The same figures measured again: one line each, with the values of all runs.
pub(crate) fn merge(all: &mut Vec<Figure>, more: Vec<Figure>) {
    for figure in more {
        match all.iter_mut().find(|known| known.name == figure.name) {
            Some(known) => {
                known.floor.extend(figure.floor);
                known.ours.extend(figure.ours);
            }
            None => all.push(figure),
        }
    }
}

pub(crate) const HEAD: &str =
    "| figure | floor | muxview | ratio | goal | reached |\n|---|---|---|---|---|---|";

pub(crate) fn line(figure: &Figure) -> String {
    format!(
        "| {} | {} | {} {} | {} | {} | {} |",
        figure.name,
        spread(&figure.floor),
        spread(&figure.ours),
        figure.unit,
        figure
            .ratio()
            .map_or("–".into(), |ratio| format!("{ratio:.2}x")),
        figure.goal_text(),
        match figure.reached() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        }
    )
}

pub(crate) fn print(figures: &[Figure]) {
    println!("\n{HEAD}");
    for figure in figures {
        println!("{}", line(figure));
    }
    println!();
    for figure in figures {
        println!(
            "{}",
            json!({
                "figure": figure.name, "unit": figure.unit, "floor": figure.floor, "muxview": figure.ours,
                "ratio": figure.ratio(), "goal": figure.goal_text(), "reached": figure.reached(),
            })
        );
    }
}
