//! [`StandIns`]: text that vt100 would give the wrong columns, interned. vt100 sizes a character by a
//! table of its own and has no room for long clusters; so it is given one code point that it sizes
//! right, whose number leads to the real text here. The code points come from private use and from
//! plane 3, and real ones from there are interned like any others, so none can be forged.

use super::width::{NARROW, WIDE};
use crate::config::limits::STAND_INS;
use rustc_hash::FxHashMap;
use std::ops::RangeInclusive;

/// What is shown instead if there are more different clusters than code points: the right columns.
const LEFT_OUT: [char; 2] = ['\u{25a1}', '\u{3013}'];

/// The interned texts of one and of two columns.
#[derive(Debug)]
pub(super) struct StandIns {
    narrow: Pool,
    wide: Pool,
}

#[derive(Debug)]
struct Pool {
    ranges: &'static [RangeInclusive<u32>],
    texts: Vec<Box<str>>,
    numbers: FxHashMap<Box<str>, u32>,
    free: Vec<u32>,
    /// Interning more than this asks for a collection.
    limit: usize,
}

impl Default for StandIns {
    fn default() -> Self {
        Self {
            narrow: Pool::new(&NARROW),
            wide: Pool::new(&WIDE),
        }
    }
}

impl StandIns {
    /// The code point that stands for `text` in a cell of one or two columns.
    pub(super) fn intern(&mut self, text: &str, columns: u8) -> char {
        let pool = if columns > 1 {
            &mut self.wide
        } else {
            &mut self.narrow
        };
        pool.intern(text)
            .unwrap_or(LEFT_OUT[usize::from(columns > 1)])
    }

    /// What a cell of the grid really holds.
    pub(super) fn text<'a>(&'a self, cell: &'a str) -> &'a str {
        let Some(c) = cell.chars().next().filter(|c| *c >= '\u{30000}') else {
            return cell;
        };
        let found = self.narrow.text(c).or_else(|| self.wide.text(c));
        found.unwrap_or(cell)
    }

    /// Whether [`StandIns::collect`] is due.
    pub(super) fn is_full(&self) -> bool {
        self.narrow.is_full() || self.wide.is_full()
    }

    /// Forgets every text but those that the cells in `used` stand for.
    pub(super) fn collect<'a>(&mut self, used: impl Iterator<Item = &'a str>) {
        let used: Vec<char> = used
            .filter_map(|cell| cell.chars().next())
            .filter(|c| *c >= '\u{30000}')
            .collect();
        for pool in [&mut self.narrow, &mut self.wide] {
            pool.collect(&used);
        }
    }
}

impl Pool {
    fn new(ranges: &'static [RangeInclusive<u32>]) -> Self {
        Self {
            ranges,
            texts: Vec::new(),
            numbers: FxHashMap::default(),
            free: Vec::new(),
            limit: STAND_INS,
        }
    }

    fn intern(&mut self, text: &str) -> Option<char> {
        if let Some(number) = self.numbers.get(text) {
            return self.code_point(*number);
        }
        let number = match self.free.pop() {
            Some(number) => {
                self.texts[number as usize] = text.into();
                number
            }
            None => {
                let number = self.texts.len() as u32;
                self.code_point(number)?;
                self.texts.push(text.into());
                number
            }
        };
        self.numbers.insert(text.into(), number);
        self.code_point(number)
    }

    fn code_point(&self, number: u32) -> Option<char> {
        let mut rest = number;
        for range in self.ranges {
            let len = range.end() - range.start() + 1;
            if rest < len {
                return char::from_u32(range.start() + rest);
            }
            rest -= len;
        }
        None
    }

    fn number(&self, c: char) -> Option<usize> {
        let mut before = 0;
        for range in self.ranges {
            if range.contains(&u32::from(c)) {
                return Some((before + u32::from(c) - range.start()) as usize);
            }
            before += range.end() - range.start() + 1;
        }
        None
    }

    fn text(&self, c: char) -> Option<&str> {
        self.texts.get(self.number(c)?).map(|text| &**text)
    }

    fn is_full(&self) -> bool {
        self.numbers.len() >= self.limit
    }

    fn collect(&mut self, used: &[char]) {
        let mut keep = vec![false; self.texts.len()];
        for number in used.iter().filter_map(|c| self.number(*c)) {
            if let Some(slot) = keep.get_mut(number) {
                *slot = true;
            }
        }
        self.numbers.retain(|_, number| keep[*number as usize]);
        self.free.clear();
        for (number, kept) in keep.iter().enumerate() {
            if !kept {
                self.texts[number] = Box::default();
                self.free.push(number as u32);
            }
        }
        // A screen that really shows that many must not collect at every character.
        self.limit = STAND_INS.max(self.numbers.len() + STAND_INS / 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthChar as _;

    #[test]
    fn a_stand_in_has_the_columns_of_its_text_and_leads_back_to_it() {
        let mut table = StandIns::default();
        for (text, columns) in [("e\u{301}", 1), ("❤\u{fe0f}", 2), ("\u{10fffd}", 1)] {
            let c = table.intern(text, columns);
            assert_eq!(c.width(), Some(usize::from(columns)), "{text}");
            assert_eq!(table.intern(text, columns), c);
            assert_eq!(table.text(&c.to_string()), text);
        }
        assert_eq!(table.text("漢"), "漢");
        assert_ne!(table.intern("x", 1), table.intern("x", 2));
    }

    #[test]
    fn every_stand_in_has_its_columns_in_vt100() {
        for (pools, columns) in [(&NARROW[..], 1), (&WIDE[..], 2)] {
            for code in pools.iter().cloned().flatten() {
                let c = char::from_u32(code).unwrap();
                assert_eq!(c.width(), Some(columns), "{code:x}");
            }
        }
    }

    #[test]
    fn collecting_keeps_what_is_used_and_reuses_the_rest() {
        let mut table = StandIns::default();
        let all: Vec<char> = (0..STAND_INS)
            .map(|n| table.intern(&format!("a{n}"), 1))
            .collect();
        assert!(table.is_full());
        let kept = all[7].to_string();
        table.collect(["漢", &kept].into_iter());
        assert!(!table.is_full());
        assert_eq!(table.text(&kept), "a7");
        assert_eq!(table.intern("a7", 1), all[7]);
        for n in 0..1000 {
            table.intern(&format!("b{n}"), 1);
        }
        assert_eq!(
            table.narrow.texts.len(),
            STAND_INS,
            "numbers are used again"
        );
    }

    #[test]
    fn more_clusters_than_code_points_still_have_their_columns() {
        let mut table = StandIns::default();
        let last = (0..70_000)
            .map(|n| table.intern(&format!("漢{n}"), 2))
            .last();
        assert_eq!(last, Some(LEFT_OUT[1]));
        assert_eq!(LEFT_OUT.map(|c| c.width()), [Some(1), Some(2)]);
    }
}
