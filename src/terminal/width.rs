//! [`Widths`]: how many columns text takes in tmux, and which code points share a cell. tmux is the
//! authority; vt100 and xterm.js have tables of their own. Built from what tmux answered to a probe. Pure.

use super::code_points::CodePoints;
use super::width_table::{TMUX, XTERM};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, LazyLock};
use unicode_width::UnicodeWidthChar as _;

const ZWJ: char = '\u{200d}';
const VS16: char = '\u{fe0f}';

/// Which code points tmux adds to the cell before them although they are not zero columns wide. It
/// differs by version, so it is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joins {
    /// Bytes of a cell at most; what would make it longer starts a cell of its own.
    pub limit: usize,
    /// U+FE0F makes a narrow cell wide.
    pub vs16_widens: bool,
    /// Whatever follows U+200D joins.
    pub zwj: bool,
    /// Which cells a skin tone joins.
    pub tones: Tones,
    /// A base of the list also joins a skin tone in front of it.
    pub tone_first: bool,
    /// Which cells a regional indicator joins.
    pub flags: Flags,
    /// Vowels and trailing consonants of Hangul that have a width join what they can follow.
    pub jamo: bool,
}

/// Which cells a skin tone joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tones {
    /// None: it is a character of its own.
    Never,
    /// Any but a single ASCII character (tmux 3.4 and 3.5).
    AnyButAscii,
    /// Those that start with a character of a list (tmux ≥ 3.6).
    Listed,
}

/// Which cells a regional indicator joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flags {
    /// None: each indicator has its own cell (tmux ≤ 3.3).
    Never,
    /// Any but a single ASCII character (tmux 3.4 and 3.5).
    AnyButAscii,
    /// Those that start with an indicator (tmux 3.6).
    Run,
    /// Those that are one indicator so far (tmux ≥ 3.7).
    Pair,
}

/// tmux 3.3a.
impl Default for Joins {
    fn default() -> Self {
        Self {
            limit: 21,
            vs16_widens: false,
            zwj: true,
            tones: Tones::Never,
            tone_first: false,
            flags: Flags::Never,
            jamo: false,
        }
    }
}

/// tmux's widths, as probed on this machine. The default is tmux 3.3a on glibc 2.36.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widths {
    table: CodePoints,
    joins: Joins,
}

/// What the table knows of a code point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class(u8);

impl Class {
    const COLUMNS: u8 = 0b011;
    const STAND_IN: u8 = 0b100;
    const TONE_BASE: u8 = 0b1000;

    /// Columns of a cell that starts with it.
    pub(super) const fn columns(self) -> u8 {
        self.0 & Self::COLUMNS
    }

    /// vt100 would not give it these columns, or it is itself used as a stand-in.
    pub(super) const fn needs_stand_in(self) -> bool {
        self.0 & Self::STAND_IN != 0
    }

    const fn takes_tones(self) -> bool {
        self.0 & Self::TONE_BASE != 0
    }
}

/// A cell of tmux's, as far as it decides what joins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its first and last code points.
    pub first: char,
    pub last: char,
    pub bytes: usize,
    pub columns: u8,
    /// Regional indicators in it.
    regionals: u8,
}

impl Cell {
    pub(super) fn new(c: char, columns: u8) -> Self {
        Self {
            first: c,
            last: c,
            bytes: c.len_utf8(),
            columns,
            regionals: is_regional(c).into(),
        }
    }

    /// Adds a code point, after which it has so many columns.
    pub(super) fn add(&mut self, c: char, columns: u8) {
        self.last = c;
        self.bytes += c.len_utf8();
        self.columns = columns;
        self.regionals = self.regionals.saturating_add(is_regional(c).into());
    }
}

/// What becomes of a code point after a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It starts a cell.
    Own,
    /// It joins the cell, which then has so many columns.
    Joined(u8),
    /// tmux keeps it nowhere.
    Nowhere,
}

/// The code points vt100 is given for what it would give other columns: private use, one column.
pub(super) const NARROW: [std::ops::RangeInclusive<u32>; 2] =
    [0xF_0000..=0xF_FFFD, 0x10_0000..=0x10_FFFD];
/// The same for two columns: plane 3 is for ideographs.
pub(super) const WIDE: [std::ops::RangeInclusive<u32>; 1] = [0x3_0000..=0x3_FFFD];

static XTERM_COLUMNS: LazyLock<CodePoints> = LazyLock::new(|| {
    let special = flat(&[XTERM]);
    CodePoints::build(|code| match code {
        0..0x20 | 0x7f..0xa0 => 0,
        _ => special.get(code as usize).copied().flatten().unwrap_or(1),
    })
});
static DEFAULT: LazyLock<Arc<Widths>> = LazyLock::new(|| {
    Arc::new(Widths::from_columns(
        &flat(&[XTERM, TMUX]),
        &[],
        Joins::default(),
    ))
});
static VIEWERS: LazyLock<Arc<Widths>> = LazyLock::new(|| {
    let joins = Joins {
        limit: usize::MAX,
        zwj: false,
        ..Joins::default()
    };
    Arc::new(Widths::from_columns(&flat(&[XTERM]), &[], joins))
});

/// A table with an entry per code point; of two runs for one, the later counts.
fn flat(tables: &[&[(u32, u32, u8)]]) -> Vec<Option<u8>> {
    let mut columns = vec![None; 0x11_0000];
    for (first, last, width) in tables.iter().copied().flatten() {
        columns[*first as usize..=*last as usize].fill(Some(*width));
    }
    columns
}

impl Widths {
    /// Widths from what tmux answered: runs of code points (first, last, columns 0 to 2), and the
    /// characters a skin tone joins. What is in no run has the columns it has by default.
    #[must_use]
    pub fn probed(runs: &[(char, char, u8)], tone_bases: &[char], joins: Joins) -> Self {
        let runs: Vec<_> = runs
            .iter()
            .map(|(first, last, columns)| (u32::from(*first), u32::from(*last), (*columns).min(2)))
            .collect();
        Self::from_columns(&flat(&[XTERM, TMUX, &runs]), tone_bases, joins)
    }

    /// The widths of a viewer's terminal, xterm.js with addon-unicode11: frames are made for it.
    #[must_use]
    pub fn of_viewers() -> Arc<Self> {
        Arc::clone(&VIEWERS)
    }

    fn from_columns(columns: &[Option<u8>], tone_bases: &[char], joins: Joins) -> Self {
        let mut bases = vec![false; 0x11_0000];
        for base in tone_bases {
            bases[*base as usize] = true;
        }
        let table = CodePoints::build(|code| {
            let Some(c) = char::from_u32(code) else {
                return 1;
            };
            let columns = match code {
                0x20..0x7f => 1,
                // Controls never reach the grid as text. The joiner and the selector join, if anything.
                0..0xa0 | 0x200d | 0xfe0f => 0,
                _ => columns.get(code as usize).copied().flatten().unwrap_or(1),
            };
            let in_pool = NARROW.iter().chain(&WIDE).any(|pool| pool.contains(&code));
            // vt100 leaves U+FFFD out.
            let stand_in = in_pool || c == '\u{fffd}' || c.width() != Some(usize::from(columns));
            columns
                | if stand_in { Class::STAND_IN } else { 0 }
                | if bases[code as usize] {
                    Class::TONE_BASE
                } else {
                    0
                }
        });
        Self { table, joins }
    }

    /// What differs between two: code points with their columns in each, and the rules.
    #[cfg(test)]
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let rules =
            (self.joins != other.joins).then(|| format!("{:?} and {:?}", self.joins, other.joins));
        let code_points = ('\0'..=char::MAX).filter_map(|c| {
            let (here, there) = (self.class(c), other.class(c));
            (here != there).then(|| format!("{c:?}: {here:?} and {there:?}"))
        });
        rules.into_iter().chain(code_points).collect()
    }

    pub(super) fn class(&self, c: char) -> Class {
        Class(self.table.get(c))
    }

    /// What becomes of `c` right after `cell`.
    pub(super) fn place(&self, cell: Option<&Cell>, c: char, class: Class) -> Place {
        let alone = if class.columns() == 0 {
            Place::Nowhere
        } else {
            Place::Own
        };
        let Some(cell) = cell else {
            return alone;
        };
        let joins = &self.joins;
        let fits = cell.bytes + c.len_utf8() <= joins.limit;
        if class.columns() == 0 {
            return match c {
                _ if !fits => Place::Nowhere,
                VS16 if joins.vs16_widens => Place::Joined(2),
                _ => Place::Joined(cell.columns),
            };
        }
        if !fits {
            return alone;
        }
        let more_than_ascii = cell.bytes > 1;
        let tone = is_tone(c)
            && match joins.tones {
                Tones::Never => false,
                Tones::AnyButAscii => more_than_ascii,
                Tones::Listed => self.class(cell.first).takes_tones(),
            };
        let tone_first = joins.tone_first && is_tone(cell.first) && class.takes_tones();
        let flag = is_regional(c)
            && match joins.flags {
                Flags::Never => false,
                Flags::AnyButAscii => more_than_ascii,
                Flags::Run => is_regional(cell.first),
                Flags::Pair => cell.regionals == 1 && is_regional(cell.first),
            };
        if tone || tone_first || flag {
            return Place::Joined(2);
        }
        let after_joiner = joins.zwj && cell.last == ZWJ && !c.is_ascii();
        let syllable = joins.jamo && follows_in_a_syllable(cell.last, c);
        if after_joiner || syllable {
            return Place::Joined(cell.columns);
        }
        alone
    }
}

impl Default for Widths {
    fn default() -> Self {
        (**DEFAULT).clone()
    }
}

/// Columns of `c` in xterm.js with addon-unicode11.
pub(super) fn xterm_columns(c: char) -> u8 {
    if (' '..'\u{7f}').contains(&c) {
        return 1;
    }
    XTERM_COLUMNS.get(c)
}

fn is_tone(c: char) -> bool {
    ('\u{1f3fb}'..='\u{1f3ff}').contains(&c)
}

fn is_regional(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

fn is_leading_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{a960}'..='\u{a97c}')
}

fn is_vowel_jamo(c: char) -> bool {
    matches!(c, '\u{1160}'..='\u{11a7}' | '\u{d7b0}'..='\u{d7c6}')
}

fn is_trailing_jamo(c: char) -> bool {
    matches!(c, '\u{11a8}'..='\u{11ff}' | '\u{d7cb}'..='\u{d7fb}')
}

fn follows_in_a_syllable(last: char, c: char) -> bool {
    (is_leading_jamo(last) && is_vowel_jamo(c)) || (is_vowel_jamo(last) && is_trailing_jamo(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::clusters::Clusters;
    use crate::terminal::grid::Grid;

    /// What vt100 is given for `text`, and the real text of it.
    fn written(widths: &Arc<Widths>, text: &str) -> (usize, String) {
        let mut clusters = Clusters::new(Arc::clone(widths));
        let size = |n| std::num::NonZeroU16::new(n).unwrap();
        let mut grid = Grid::new(size(2), size(200));
        let mut rest = text;
        while let Some(taken) = clusters.write(rest, &mut grid, false) {
            clusters.set_room(grid.has_room());
            rest = &rest[taken..];
        }
        grid.flush();
        let columns = grid.cursor().1;
        let back = (0..columns)
            .filter_map(|col| Some(grid.screen().cell(0, col)?.contents()))
            .map(|cell| clusters.text(cell))
            .collect();
        (columns.into(), back)
    }

    fn check(widths: Widths, samples: &[(&str, usize)]) {
        let widths = Arc::new(widths);
        for (text, columns) in samples {
            assert_eq!(
                written(&widths, text),
                (*columns, (*text).to_owned()),
                "{}",
                text.escape_unicode()
            );
        }
    }

    #[test]
    fn tmux_3_3() {
        check(
            Widths::default(),
            &[
                ("❤\u{fe0f}", 1),
                ("1\u{fe0f}\u{20e3}", 1),
                ("👨\u{200d}👩\u{200d}👧", 2),
                ("👩\u{200d}💻", 2),
                ("👍\u{1f3fd}", 4),
                ("🇩🇪", 2),
                ("漢字", 4),
                ("e\u{301}", 1),
                ("\u{ad}", 1),
                ("\u{3248}", 2),
                ("\u{2630}", 1),
                ("\u{4dc0}", 2),
                ("\u{fffd}", 1),
                ("±①■★αж", 6),
                ("🤷\u{200d}♀\u{fe0f}", 2),
            ],
        );
    }

    fn listed(joins: Joins) -> Widths {
        Widths::probed(&[('\u{270c}', '\u{270c}', 2)], &['👍', '\u{270c}'], joins)
    }

    #[test]
    fn tmux_3_5() {
        let joins = Joins {
            vs16_widens: true,
            tones: Tones::AnyButAscii,
            flags: Flags::AnyButAscii,
            ..Joins::default()
        };
        check(
            listed(joins),
            &[
                ("❤\u{fe0f}", 2),
                ("1\u{fe0f}\u{20e3}", 2),
                ("👍\u{1f3fd}", 2),
                ("漢\u{1f3fd}", 2),
                ("é\u{1f3fd}", 2),
                ("a\u{1f3fd}", 3),
                ("🇩🇪🇫🇷", 2),
                // Five indicators are 20 bytes, and a cell holds 21.
                ("🇩🇪🇫🇷🇪🇸", 3),
                ("🤷\u{200d}♀\u{fe0f}", 2),
                ("🏴\u{200d}☠\u{fe0f}", 2),
                ("👨\u{200d}👩\u{200d}👧\u{200d}👦", 4),
            ],
        );
    }

    #[test]
    fn tmux_3_7() {
        let joins = Joins {
            limit: 32,
            vs16_widens: true,
            tones: Tones::Listed,
            tone_first: true,
            flags: Flags::Pair,
            ..Joins::default()
        };
        check(
            listed(joins),
            &[
                ("👍\u{1f3fd}", 2),
                ("\u{1f3fd}👍", 2),
                ("漢\u{1f3fd}", 4),
                ("🇩🇪🇫🇷", 4),
                ("🇩🇪🇫", 3),
                ("👨\u{200d}👩\u{200d}👧\u{200d}👦", 2),
                ("✌\u{1f3fd}", 2),
            ],
        );
        let run = Joins {
            flags: Flags::Run,
            ..joins
        };
        check(listed(run), &[("🇩🇪🇫🇷", 2), ("é🇩", 2)]);
    }

    #[test]
    fn syllables_of_wide_jamo() {
        let joins = Joins {
            jamo: true,
            ..Joins::default()
        };
        let widths = Widths::probed(&[('\u{1160}', '\u{11ff}', 1)], &[], joins);
        check(
            widths,
            &[("\u{1100}\u{1161}\u{11a8}", 2), ("\u{1100}\u{1100}", 4)],
        );
    }

    #[test]
    fn a_cell_holds_what_tmux_keeps_of_a_long_cluster() {
        let widths = Arc::new(Widths::default());
        let (columns, text) = written(&widths, &format!("e{}x", "\u{301}".repeat(40)));
        assert_eq!(columns, 2);
        assert_eq!(text, format!("e{}x", "\u{301}".repeat(10)));
    }

    #[test]
    fn every_code_point_has_the_columns_it_was_probed_with_and_keeps_its_text() {
        let all = [('\u{a0}', '\u{d7ff}'), ('\u{e000}', char::MAX)];
        for columns in 1..=2 {
            let runs = all.map(|(first, last)| (first, last, columns));
            let widths = Widths::probed(&runs, &[], Joins::default());
            let widths = Arc::new(widths);
            let code_points = (0xa0..0x11_0000).step_by(97);
            for c in code_points
                .chain(0x10_fff0..=0x10_ffff)
                .filter_map(char::from_u32)
            {
                let text = c.to_string();
                let (got, back) = written(&widths, &text);
                assert_eq!((got, back), (usize::from(columns), text), "{c:?}");
            }
        }
    }

    #[test]
    fn a_stand_in_cannot_be_forged() {
        let widths = Arc::new(Widths::default());
        let first = format!("e\u{301}{}", '\u{f0000}');
        assert_eq!(written(&widths, &first), (2, first.clone()));
    }

    #[test]
    fn controls_within_text_take_no_column() {
        let widths = Arc::new(Widths::default());
        assert_eq!(written(&widths, "a\u{85}b").0, 2);
    }
}
