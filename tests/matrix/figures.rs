//! What a run measured, written to `target/matrix/VERSION.tsv`. `.ci/test-matrix` makes one table of
//! the files of all versions. A column that nobody wrote is shown as "not run".
//!
//! Each line is `COLUMN TAB KIND TAB VALUES`: counts are summed up, of measurements the last one counts.

use crate::harness::{depth, version};
use crate::support::scene;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// The columns of the table.
#[derive(Clone, Copy, Debug)]
#[allow(dead_code)] // each is written by the scenarios of its topic
pub(crate) enum Column {
    /// Comparisons of a viewer with a bare attach, counted by [`scene::Scene`].
    Fidelity,
    /// Character clusters in the right column.
    Clusters,
    /// Single characters in the right column.
    Characters,
    /// From a lone Escape of a viewer to the program.
    Escape,
    /// From a key to its echo at a viewer, beside a bare attach.
    Echo,
    /// Restarts of muxview that a session with `destroy-unattached` survived.
    Restarts,
    /// Locks that held for every viewer.
    Locks,
    /// What a person at a terminal of their own finds as without muxview.
    Neutrality,
}

impl Column {
    fn key(self) -> &'static str {
        match self {
            Self::Fidelity => "fidelity",
            Self::Clusters => "clusters",
            Self::Characters => "characters",
            Self::Escape => "escape",
            Self::Echo => "echo",
            Self::Restarts => "restarts",
            Self::Locks => "locks",
            Self::Neutrality => "neutrality",
        }
    }
}

/// `right` of `of` were as they should be. Adds to what was counted before: a scenario that can end early
/// by failing says `0` of all first, then `1` of `0` for each.
#[allow(dead_code)]
pub(crate) fn count(column: Column, right: u64, of: u64) {
    append(&format!("{}\tcount\t{right}\t{of}", column.key()));
}

/// A measurement as a person reads it: `14 ms`, `1.08 x`.
#[allow(dead_code)]
pub(crate) fn measured(column: Column, value: &str) {
    append(&format!("{}\tmeasured\t{value}", column.key()));
}

/// Begins the file of this version.
pub(crate) fn start() {
    let path = file();
    fs::create_dir_all(path.parent().expect("it has one")).unwrap();
    fs::write(path, format!("depth\tmeasured\t{:?}\n", depth())).unwrap();
}

/// Writes down what all scenes together compared.
pub(crate) fn fidelity_of_scenes() {
    let compared = scene::COMPARED.load(Ordering::Relaxed);
    if compared > 0 {
        count(
            Column::Fidelity,
            scene::SAME.load(Ordering::Relaxed),
            compared,
        );
    }
}

/// Writes a line about a scenario that fails, unless it is dismissed.
pub(crate) struct FailureNote<'a>(Option<&'a str>);

impl<'a> FailureNote<'a> {
    pub(crate) fn of(name: &'a str) -> Self {
        Self(Some(name))
    }

    pub(crate) fn dismiss(mut self) {
        self.0 = None;
    }
}

impl Drop for FailureNote<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.0 {
            append(&format!("failed\tscenario\t{name}"));
        }
    }
}

fn file() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let name = format!("matrix/{}.tsv", version());
    target.expect("it is in the target directory").join(name)
}

fn append(line: &str) {
    let mut file = OpenOptions::new().append(true).open(file()).unwrap();
    // One write, so that lines of scenarios that run side by side stay whole.
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}
