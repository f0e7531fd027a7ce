//! [`Measured`]: the widths that a probe found, and which tmux and which options they are of. The next
//! image of the program goes on with them as long as these are the same, so that who watches does not
//! wait for another probe. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::terminal::{Joins, Widths};
use crate::tmux::command::Binary;
use crate::tmux::query::width_options::WidthOptions;
use serde::{Deserialize, Serialize};

/// Of what is probed and how it is read: to be raised when either changes.
const REVISION: u32 = 1;

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::tmux) struct Found {
    /// First and last code point, and their columns; in order, and each in one only.
    runs: Vec<(char, char, u8)>,
    /// What a skin tone joins.
    tone_bases: Vec<char>,
    joins: Joins,
}

/// What a probe found of which tmux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::tmux) struct Measured {
    revision: u32,
    options: WidthOptions,
    binary: Option<Binary>,
    found: Found,
}

impl Found {
    /// From runs in any order, which may overlap where they agree.
    pub(in crate::tmux) fn new(
        mut runs: Vec<(char, char, u8)>,
        tone_bases: Vec<char>,
        joins: Joins,
    ) -> Self {
        runs.sort_unstable();
        runs.dedup_by(|next, run| {
            let touches = u32::from(next.0) <= u32::from(run.1) + 1;
            let one = touches && next.2 == run.2;
            if one {
                run.1 = run.1.max(next.1);
            }
            one
        });
        Self {
            runs,
            tone_bases,
            joins,
        }
    }

    pub(in crate::tmux) fn widths(&self) -> Widths {
        Widths::probed(&self.runs, &self.tone_bases, self.joins)
    }
}

impl Measured {
    pub(in crate::tmux) fn new(
        options: WidthOptions,
        binary: Option<Binary>,
        found: Found,
    ) -> Self {
        Self {
            revision: REVISION,
            options,
            binary,
            found,
        }
    }

    /// Whether it is of this tmux with these options.
    pub(in crate::tmux) fn is_of(&self, options: &WidthOptions, binary: Option<&Binary>) -> bool {
        self.options == *options && self.binary.as_ref() == binary
    }

    pub(in crate::tmux) fn widths(&self) -> Widths {
        self.found.widths()
    }

    /// As it is left to the next image; none if it cannot be written.
    pub(in crate::tmux) fn leave(&self) -> Option<serde_json::Value> {
        serde_json::to_value(self).ok()
    }

    /// Reads what [`Measured::leave`] gave; none if another build means something else by it.
    pub(in crate::tmux) fn read(left: serde_json::Value) -> Option<Self> {
        let read: Self = serde_json::from_value(left).ok()?;
        let in_order = read.found.runs.iter().all(|(first, last, _)| first <= last);
        (read.revision == REVISION && in_order).then_some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(runs: Vec<(char, char, u8)>) -> Measured {
        let found = Found::new(runs, vec!['👍'], Joins::default());
        Measured::new(WidthOptions::read("U+2630=2", "on"), None, found)
    }

    #[test]
    fn runs_that_touch_are_one() {
        let runs = vec![('d', 'd', 1), ('b', 'c', 1), ('a', 'b', 1), ('e', 'e', 2)];
        assert_eq!(
            measured(runs).found.runs,
            [('a', 'd', 1), ('e', 'e', 2)],
            "those in between are of one width"
        );
    }

    #[test]
    fn what_is_left_is_read() {
        let all = measured(vec![('é', 'é', 1), ('一', '漢', 2)]);
        let left = all.leave().unwrap();
        let read = Measured::read(left).unwrap();
        assert_eq!(read, all);
        assert!(read.is_of(&WidthOptions::read("U+2630=2", "on"), None));
        assert!(!read.is_of(&WidthOptions::read("U+2630=1", "on"), None));
    }

    #[test]
    fn what_another_build_left_is_of_no_use() {
        let left = measured(vec![('é', 'é', 1)]).leave().unwrap();
        let changed = |at: &str, value: serde_json::Value| {
            let mut left = left.clone();
            *left.pointer_mut(at).unwrap() = value;
            Measured::read(left)
        };
        assert_eq!(changed("/revision", 0.into()), None);
        assert_eq!(changed("/found/joins/tones", "Some".into()), None);
        assert_eq!(changed("/found/runs/0/0", "ü".into()), None);
        assert_eq!(Measured::read(serde_json::Value::Null), None);
    }
}
