//! [`WidthOptions`]: what the user's configuration says about widths (tmux ≥ 3.6). The probe's server
//! is given the same.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::ops::RangeInclusive;

/// Code points looked at of one entry: the largest plane. More would only take time.
const MOST: usize = 0x1_0000;

/// The values as tmux tells them; empty where it has no such option.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::tmux) struct WidthOptions {
    /// Entries of `codepoint-widths`, like `U+2630=2`.
    code_points: Vec<String>,
    /// `variation-selector-always-wide`.
    always_wide: Option<bool>,
}

impl WidthOptions {
    /// Reads the two options' values.
    pub(in crate::tmux) fn read(code_points: &str, always_wide: &str) -> Self {
        Self {
            code_points: code_points
                .lines()
                .filter(|entry| entry.contains('='))
                .map(str::to_owned)
                .collect(),
            always_wide: match always_wide.trim() {
                "on" | "1" => Some(true),
                "off" | "0" => Some(false),
                _ => None,
            },
        }
    }

    /// Arguments that set them on another server.
    pub(in crate::tmux) fn commands(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = Vec::new();
        let mut set = |name: String, value: &str| {
            // At the end of an argument, tmux takes a semicolon for the end of the command.
            let value = match value.strip_suffix(';') {
                Some(start) => format!("{start}\\;"),
                None => value.to_owned(),
            };
            let command = [";", "set-option", "-sq", &name, &value].map(OsString::from);
            arguments.extend(command);
        };
        for (i, entry) in self.code_points.iter().enumerate() {
            set(format!("codepoint-widths[{i}]"), entry);
        }
        if let Some(wide) = self.always_wide {
            let value = if wide { "on" } else { "off" };
            set("variation-selector-always-wide".to_owned(), value);
        }
        arguments
    }

    /// The code points whose widths they may change, as far as they can be read: `U+1F600=1`,
    /// `U+E000-U+F8FF=2` or `é=2`.
    pub(in crate::tmux) fn code_points(&self) -> impl Iterator<Item = char> {
        self.code_points
            .iter()
            .filter_map(|entry| range(entry))
            .flat_map(|range| range.take(MOST))
            .filter(|c| *c >= '\u{a0}')
    }
}

fn range(entry: &str) -> Option<RangeInclusive<char>> {
    let (named, _) = entry.rsplit_once('=')?;
    let mut chars = named.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return Some(c..=c);
    }
    let number = |text: &str| {
        let digits = text.strip_prefix("U+")?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match named.split_once('-') {
        Some((first, last)) => Some(number(first)?..=number(last)?),
        None => number(named).map(|c| c..=c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tmux_tells_is_read_and_set_elsewhere() {
        let options =
            WidthOptions::read("U+2630=2\nU+E000-U+E002=2\n\u{e9}=2\nnonsense\n", "off\n");
        let code_points: Vec<char> = options.code_points().collect();
        assert_eq!(
            code_points,
            ['\u{2630}', '\u{e000}', '\u{e001}', '\u{e002}', '\u{e9}']
        );
        let commands = options.commands();
        assert_eq!(commands.len(), 4 * 5);
        assert_eq!(commands[3..5], ["codepoint-widths[0]", "U+2630=2"]);
        assert_eq!(commands[18..], ["variation-selector-always-wide", "off"]);
    }

    #[test]
    fn without_the_options_nothing_is_set() {
        let options = WidthOptions::read("", "");
        assert_eq!(options, WidthOptions::default());
        assert!(options.commands().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_left_to_tmux() {
        for entry in ["U+=2", "U+110000=1", "U+20-x=1", "=1", "U+F-U+A=2", "ab=1"] {
            let options = WidthOptions::read(entry, "");
            assert_eq!(options.code_points().count(), 0, "{entry}");
        }
        let options = WidthOptions::read("x=1;", "");
        assert_eq!(options.commands()[4], "x=1\\;");
    }
}
