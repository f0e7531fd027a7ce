//! [`Widths`]: tmux is the authority on how many columns text takes; vt100 and xterm.js have ideas
//! of their own. In goes what tmux answered to a probe; out comes, for each character, what vt100 is
//! given so that it moves as tmux does, and whether xterm.js would. Pure.
//!
//! vt100 is steered by stand-ins it has the right width for, from areas no program uses: a character
//! it would misjudge becomes a private-use one (narrow) or an unassigned ideograph (wide); what tmux
//! keeps in the cell before (U+FE0F, whatever follows a joiner) becomes an unassigned default-ignorable
//! one, which takes no column. [`Widths::cluster`] turns a cell's stand-ins back into its real text.

use super::width_table::CONTESTED;
use std::sync::LazyLock;
use unicode_width::UnicodeWidthChar as _;

/// How tmux joins scalars into one cell; differs by version, so it is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joins {
    /// U+FE0F widens a narrow base to two columns (tmux ≥ 3.6).
    pub vs16_widens: bool,
    /// The scalar after U+200D joins the cell before it.
    pub zwj_joins: bool,
    /// A skin tone joins the emoji before it (tmux ≥ 3.6).
    pub modifier_joins: bool,
}

/// tmux's widths, as probed on this machine. The default is tmux 3.3a on glibc 2.36.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widths {
    /// Columns per contested character, in the order of [`Widths::contested`].
    columns: Box<[u8]>,
    joins: Joins,
}

/// A contested character and its columns in xterm.js and in tmux 3.3a.
static LIST: LazyLock<Vec<(char, u8, u8)>> = LazyLock::new(|| {
    CONTESTED
        .iter()
        .flat_map(|(first, last, xterm, tmux)| {
            (*first..=*last).filter_map(|c| Some((char::from_u32(c)?, *xterm, *tmux)))
        })
        .collect()
});

/// Plane 16 is private use, one column each; fonts with icons live in plane 15.
const NARROW: u32 = 0x10_0000;
/// The second half of plane 3 is unassigned and, being ideographic, two columns each.
const WIDE: u32 = 0x3_8000;
/// Narrow emoji that U+FE0F widened: the low ones, and those from [`EMOJI`] on.
const WIDENED_LOW: u32 = 0x3_A000;
const WIDENED_LOW_END: u32 = 0x4000;
const WIDENED_EMOJI: u32 = 0x3_E000;
const EMOJI: std::ops::Range<u32> = 0x1_F000..0x1_FB00;
/// Unassigned default-ignorable code points: no column at all.
const JOINED: u32 = 0xE_01F0;
const JOINED_VS16: u32 = JOINED;
/// What emoji sequences join: symbols and pictographs.
const JOINED_SYMBOLS: u32 = JOINED + 1;
const SYMBOLS: std::ops::Range<u32> = 0x2600..0x2800;
const JOINED_PICTOGRAPHS: u32 = JOINED_SYMBOLS + (SYMBOLS.end - SYMBOLS.start);
const PICTOGRAPHS: std::ops::Range<u32> = 0x1_F300..0x1_FB00;
const JOINED_CONTESTED: u32 = JOINED_PICTOGRAPHS + (PICTOGRAPHS.end - PICTOGRAPHS.start);
const JOINED_END: u32 = 0xE_0FFF;
/// A joined scalar with no stand-in of its own: its column is right, its letter is lost.
const JOINED_OTHER: u32 = JOINED_END;

const ZWJ: char = '\u{200d}';
const VS16: char = '\u{fe0f}';
const REPLACEMENT: char = '\u{fffd}';

/// What the pre-pass does with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// Give vt100 this one.
    Print(char),
    /// Take one column back, then give vt100 this wide one.
    Widen(char),
    /// Give it nothing.
    Drop,
}

impl Widths {
    /// The characters whose width must be asked of tmux.
    pub fn contested() -> impl Iterator<Item = char> {
        LIST.iter().map(|(c, ..)| *c)
    }

    /// Widths from what tmux answered: one entry per [`Widths::contested`] character, in order
    /// (columns 0, 1 or 2; `None`, or a missing entry, where tmux drops the character).
    #[must_use]
    pub fn probed(columns: &[Option<u8>], joins: Joins) -> Self {
        let columns = LIST
            .iter()
            .enumerate()
            .map(|(i, (.., default))| columns.get(i).copied().flatten().unwrap_or(*default).min(2))
            .collect();
        Self { columns, joins }
    }

    fn index(c: char) -> Option<usize> {
        // Nothing before the soft hyphen is contested, and most text lies before it.
        if c < '\u{ad}' {
            return None;
        }
        LIST.binary_search_by_key(&c, |(c, ..)| *c).ok()
    }

    /// What vt100 is given for `c`; `previous` is the scalar before it in the text.
    pub(super) fn stand(&self, previous: Option<char>, c: char) -> Stand {
        if c < '\u{ad}' {
            return Stand::Print(c);
        }
        if self.joins.zwj_joins && previous == Some(ZWJ) {
            return joined(c);
        }
        match c {
            // The joiner is kept by the stand-in of what it joins.
            ZWJ if self.joins.zwj_joins => return Stand::Drop,
            VS16 => {
                return match previous.and_then(widened) {
                    Some(wide) if self.joins.vs16_widens => Stand::Widen(wide),
                    _ => Stand::Print(at(JOINED_VS16, 0)),
                };
            }
            '\u{1f3fb}'..='\u{1f3ff}'
                if self.joins.modifier_joins
                    && previous.is_some_and(|p| EMOJI.contains(&u32::from(p))) =>
            {
                return joined(c);
            }
            _ => {}
        }
        // Nobody may forge a stand-in.
        let code = u32::from(c);
        if code >= NARROW || (WIDE..0x4_0000).contains(&code) || (JOINED..0xE_1000).contains(&code)
        {
            return self.stand(None, REPLACEMENT);
        }
        let Some(index) = Self::index(c) else {
            return Stand::Print(c);
        };
        match self.columns[index] {
            0 if c.width() == Some(0) => Stand::Print(c),
            0 => joined(c),
            1 if c.width() == Some(1) && c != REPLACEMENT => Stand::Print(c),
            1 => Stand::Print(at(NARROW, index as u32)),
            _ if c.width() == Some(2) => Stand::Print(c),
            _ => Stand::Print(at(WIDE, index as u32)),
        }
    }

    /// The real text of a vt100 cell, its stand-ins undone.
    pub(super) fn cluster(cell: &str) -> impl Iterator<Item = char> {
        cell.chars().flat_map(|c| {
            let code = u32::from(c);
            let contested = |base: u32| LIST.get((code - base) as usize).map(|(c, ..)| *c);
            let (joiner, c) = match code {
                NARROW.. => (false, contested(NARROW)),
                WIDENED_EMOJI..0x4_0000 => {
                    return [Some(at(EMOJI.start, code - WIDENED_EMOJI)), Some(VS16)]
                        .into_iter()
                        .flatten();
                }
                WIDENED_LOW..WIDENED_EMOJI => {
                    return [Some(at(0, code - WIDENED_LOW)), Some(VS16)]
                        .into_iter()
                        .flatten();
                }
                WIDE..WIDENED_LOW => (false, contested(WIDE)),
                JOINED_VS16 => (false, Some(VS16)),
                JOINED_SYMBOLS..JOINED_PICTOGRAPHS => {
                    (true, Some(at(SYMBOLS.start, code - JOINED_SYMBOLS)))
                }
                JOINED_PICTOGRAPHS..JOINED_CONTESTED => {
                    let c = at(PICTOGRAPHS.start, code - JOINED_PICTOGRAPHS);
                    (!('\u{1f3fb}'..='\u{1f3ff}').contains(&c), Some(c))
                }
                JOINED_CONTESTED..JOINED_END => (false, contested(JOINED_CONTESTED)),
                JOINED_OTHER => (true, None),
                _ => (false, Some(c)),
            };
            [joiner.then_some(ZWJ), c].into_iter().flatten()
        })
    }
}

impl Default for Widths {
    fn default() -> Self {
        Self::probed(
            &[],
            Joins {
                vs16_widens: false,
                zwj_joins: true,
                modifier_joins: false,
            },
        )
    }
}

/// Columns of `c` in xterm.js with addon-unicode11.
pub(super) fn xterm_columns(c: char) -> u8 {
    if c < '\u{7f}' {
        return 1;
    }
    match Widths::index(c) {
        Some(index) => LIST[index].1,
        None => c.width().unwrap_or(1) as u8,
    }
}

/// The stand-in at `offset` of an area.
fn at(area: u32, offset: u32) -> char {
    char::from_u32(area + offset).unwrap_or(REPLACEMENT)
}

fn joined(c: char) -> Stand {
    let code = u32::from(c);
    if SYMBOLS.contains(&code) {
        return Stand::Print(at(JOINED_SYMBOLS, code - SYMBOLS.start));
    }
    if PICTOGRAPHS.contains(&code) {
        return Stand::Print(at(JOINED_PICTOGRAPHS, code - PICTOGRAPHS.start));
    }
    match Widths::index(c) {
        Some(i) if JOINED_CONTESTED + (i as u32) < JOINED_END => {
            Stand::Print(at(JOINED_CONTESTED, i as u32))
        }
        _ if c == VS16 => Stand::Print(at(JOINED_VS16, 0)),
        _ => Stand::Print(at(JOINED_OTHER, 0)),
    }
}

/// The wide stand-in of a narrow character before U+FE0F.
fn widened(c: char) -> Option<char> {
    let code = u32::from(c);
    if c.width() != Some(1) {
        None
    } else if code < WIDENED_LOW_END {
        Some(at(WIDENED_LOW, code))
    } else if EMOJI.contains(&code) {
        Some(at(WIDENED_EMOJI, code - EMOJI.start))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands(widths: &Widths, text: &str) -> String {
        let mut out = String::new();
        let mut previous = None;
        for c in text.chars() {
            match widths.stand(previous, c) {
                Stand::Print(c) => out.push(c),
                Stand::Widen(wide) => {
                    out.pop();
                    out.push(wide);
                }
                Stand::Drop => {}
            }
            previous = Some(c);
        }
        out
    }

    fn vt100_columns(text: &str) -> usize {
        text.chars().map(|c| c.width().unwrap_or(0)).sum()
    }

    #[test]
    fn vt100_moves_as_tmux_does_and_the_text_comes_back() {
        let widths = Widths::default();
        // Text and its columns in tmux 3.3a.
        for (text, columns) in [
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
        ] {
            let stand = stands(&widths, text);
            assert_eq!(vt100_columns(&stand), columns, "{text}: {stand:?}");
            let back: String = Widths::cluster(&stand).collect();
            assert_eq!(back, text, "{stand:?}");
        }
    }

    #[test]
    fn a_newer_tmux_widens_and_joins() {
        let joins = Joins {
            vs16_widens: true,
            zwj_joins: true,
            modifier_joins: true,
        };
        let widths = Widths::probed(&[], joins);
        for (text, columns) in [
            ("❤\u{fe0f}", 2),
            ("1\u{fe0f}\u{20e3}", 2),
            ("👍\u{1f3fd}", 2),
        ] {
            let stand = stands(&widths, text);
            assert_eq!(vt100_columns(&stand), columns, "{text}");
            assert_eq!(Widths::cluster(&stand).collect::<String>(), text);
        }
    }

    #[test]
    fn every_contested_character_has_the_columns_it_was_probed_with() {
        let joins = Widths::default().joins;
        for columns in 0..=2u8 {
            let answers: Vec<_> = Widths::contested().map(|_| Some(columns)).collect();
            let widths = Widths::probed(&answers, joins);
            for c in Widths::contested() {
                let Stand::Print(stand) = widths.stand(Some('x'), c) else {
                    panic!("{c:?} is not printed");
                };
                assert_eq!(stand.width(), Some(usize::from(columns)), "{c:?}");
                // A joined one may lose its letter (there are not enough stand-ins), never its column.
                if columns > 0 {
                    assert_eq!(
                        Widths::cluster(&stand.to_string()).collect::<String>(),
                        c.to_string()
                    );
                }
            }
        }
    }

    #[test]
    fn what_tmux_joins_here_keeps_its_letter() {
        let widths = Widths::default();
        for (i, c) in Widths::contested().enumerate() {
            if widths.columns[i] == 0 {
                let text = format!("x{c}");
                let back: String = Widths::cluster(&stands(&widths, &text)).collect();
                assert_eq!(back, text, "{c:?}");
            }
        }
    }

    #[test]
    fn stand_ins_cannot_be_forged() {
        let widths = Widths::default();
        for c in ['\u{100000}', '\u{38001}', '\u{e01f0}', '\u{e0fff}'] {
            assert_eq!(widths.stand(None, c), widths.stand(None, REPLACEMENT));
        }
    }
}
