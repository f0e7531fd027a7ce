//! [`miniature`]: a screen as a thumbnail of it is drawn: runs of text with colours, as JSON of a
//! bounded length. In: a [`Screen`]. Out: text. It must not know who looks, how large the thumbnail
//! is, nor what a palette's colours are.
//!
//! `{"cols", "rows", "cursor": [row, col] | null, "pens": [[text, cell, flags] …], "lines": [[[text,
//! columns, pen] …] …]}`: a colour is null (the terminal's own), a number of the palette or
//! `"#rrggbb"`; all characters of a run are equally wide. What is blank at the end of a line, and lines
//! blank at the end, are left out.

use crate::config::limits::{MINIATURE_BYTES, MINIATURE_COLS, MINIATURE_ROWS};
use crate::terminal::pen::Attributes;
use crate::terminal::pen::Color;
use crate::terminal::pen::Pen;
use crate::terminal::pen::Underline;
use crate::terminal::screen::CellRef;
use crate::terminal::screen::CellText;
use crate::terminal::screen::Row;
use crate::terminal::screen::Screen;
use rustc_hash::FxHashMap;
use serde::{Serialize, Serializer};

/// How true to the screen a miniature is: what is too long is made again, coarser.
#[derive(Debug, Clone, Copy)]
struct Detail {
    /// Bits kept of each part of a 24-bit colour; none: no colours at all.
    color_bits: Option<u32>,
    rows: u16,
}

const DETAILS: [Detail; 7] = {
    const fn detail(color_bits: Option<u32>, rows: u16) -> Detail {
        Detail { color_bits, rows }
    }
    let rows = MINIATURE_ROWS;
    [
        detail(Some(8), rows),
        detail(Some(4), rows),
        detail(Some(2), rows),
        detail(None, rows),
        detail(None, rows / 2),
        detail(None, rows / 4),
        // Even alternating narrow and wide characters are short enough.
        detail(None, rows / 8),
    ]
};

/// The whole screen, or of a very large one the part around the cursor; at most [`MINIATURE_BYTES`].
#[must_use]
pub fn miniature(screen: &Screen) -> String {
    let mut text = String::new();
    for detail in DETAILS {
        // Numbers and text alone: nothing in it can fail to be written.
        text = serde_json::to_string(&Miniature::of(screen, detail)).unwrap_or_default();
        if text.len() <= MINIATURE_BYTES {
            break;
        }
    }
    text
}

#[derive(Debug, Serialize)]
struct Miniature {
    cols: u16,
    rows: u16,
    cursor: Option<(u16, u16)>,
    pens: Vec<Look>,
    lines: Vec<Vec<Run>>,
}

/// Text colour, cell colour, flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
struct Look(Shade, Shade, u8);

/// Text, the columns it covers, the number of its look.
#[derive(Debug, Serialize)]
struct Run(String, u16, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shade(Color);

impl Serialize for Shade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Color::Default => serializer.serialize_none(),
            Color::Ansi(n) | Color::Indexed(n) => serializer.serialize_u8(n),
            Color::Rgb(r, g, b) => serializer.collect_str(&format_args!("#{r:02x}{g:02x}{b:02x}")),
        }
    }
}

/// The flags of a look, in the order of their bits. The page's copy is in `static/miniature.js`.
const FLAGS: [Attributes; 5] = [
    Attributes::BOLD,
    Attributes::DIM,
    Attributes::ITALIC,
    Attributes::INVERSE,
    Attributes::STRIKE,
];
const UNDERLINED: u8 = 1 << FLAGS.len();
/// Flags that show where there is no character.
const SHOWN_ON_BLANK: u8 = UNDERLINED | 1 << 3 | 1 << 4;

impl Look {
    fn of(pen: &Pen, detail: Detail) -> Self {
        let mut flags = 0;
        for (bit, attribute) in FLAGS.into_iter().enumerate() {
            if pen.attributes.has(attribute) {
                flags |= 1 << bit;
            }
        }
        if pen.underline != Underline::None {
            flags |= UNDERLINED;
        }
        let Some(bits) = detail.color_bits else {
            // Without colours an inverse line still is one.
            return Self(Shade(Color::Default), Shade(Color::Default), flags & 1 << 3);
        };
        let shade = |color| Shade(coarser(color, bits));
        Self(shade(pen.foreground), shade(pen.background), flags)
    }
}

/// A 24-bit colour with only the first `bits` of each part; the last kept stands in the middle.
fn coarser(color: Color, bits: u32) -> Color {
    match color {
        Color::Rgb(..) if bits >= 8 => color,
        Color::Rgb(r, g, b) => {
            let keep = |part: u8| part & !(0xff >> bits) | 0x80 >> bits;
            Color::Rgb(keep(r), keep(g), keep(b))
        }
        // The two forms of the first sixteen look alike here.
        Color::Indexed(n @ 0..16) => Color::Ansi(n),
        other => other,
    }
}

impl Miniature {
    fn of(screen: &Screen, detail: Detail) -> Self {
        let cursor = &screen.cursor;
        let (top, rows) = part(screen.size.rows, detail.rows, cursor.row);
        let (left, cols) = part(screen.size.cols, MINIATURE_COLS, cursor.col);
        let mut looks = Looks::default();
        let mut lines: Vec<_> = screen.rows[usize::from(top)..usize::from(top + rows)]
            .iter()
            .map(|row| line(row, left, cols, detail, &mut looks))
            .collect();
        let blank = lines
            .iter()
            .rev()
            .take_while(|line| line.is_empty())
            .count();
        lines.truncate(lines.len() - blank);
        Self {
            cols,
            rows,
            cursor: cursor.visible.then(|| {
                (
                    cursor.row.saturating_sub(top),
                    cursor.col.saturating_sub(left),
                )
            }),
            pens: looks.all,
            lines,
        }
    }
}

/// Which part of `whole` is shown if at most `most` can be: where it begins, and how long it is.
fn part(whole: u16, most: u16, cursor: u16) -> (u16, u16) {
    let length = whole.min(most);
    let begin = (cursor + 1).saturating_sub(length).min(whole - length);
    (begin, length)
}

#[derive(Debug, Default)]
struct Looks {
    all: Vec<Look>,
    numbers: FxHashMap<Look, usize>,
}

impl Looks {
    fn number(&mut self, look: Look) -> usize {
        *self.numbers.entry(look).or_insert_with(|| {
            self.all.push(look);
            self.all.len() - 1
        })
    }
}

fn line(row: &Row, left: u16, cols: u16, detail: Detail, looks: &mut Looks) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    // What the last run is made of: its look, and how wide its characters are.
    let mut last: Option<(Look, u8)> = None;
    // Where the last thing to be seen ends.
    let (mut seen, mut seen_in_last) = (0, 0);
    let mut col = left;
    while col < left + cols {
        let cell = row.cell(col);
        let character = character(&cell);
        // Half a wide character at either edge is none, and a blank is blank column by column.
        let wide = cell.columns == 2 && character != ' ' && col + 2 <= left + cols;
        let (character, columns) = match cell.columns {
            2 if wide => (character, 2),
            1 => (character, 1),
            _ => (' ', 1),
        };
        col += u16::from(columns);
        let mut look = Look::of(cell.pen, detail);
        let shows = character != ' ' || look.1.0 != Color::Default || look.2 & SHOWN_ON_BLANK != 0;
        if character == ' ' && look.2 & SHOWN_ON_BLANK == 0 {
            // A blank has no text to be coloured: it goes on with what is before it.
            look = match last {
                Some((before, 1)) if before.1 == look.1 && before.2 & SHOWN_ON_BLANK == 0 => before,
                _ => Look(Shade(Color::Default), look.1, 0),
            };
        }
        match runs.last_mut() {
            Some(run) if last == Some((look, columns)) => {
                run.0.push(character);
                run.1 += u16::from(columns);
            }
            _ => runs.push(Run(character.into(), columns.into(), looks.number(look))),
        }
        last = Some((look, columns));
        if shows {
            seen = runs.len();
            seen_in_last = runs.last().map_or(0, |run| run.1);
        }
    }
    runs.truncate(seen);
    if let Some(run) = runs.last_mut() {
        // Only blanks, a column each, can follow in it.
        let blanks = run.1 - seen_in_last;
        run.0.truncate(run.0.len() - usize::from(blanks));
        run.1 = seen_in_last;
    }
    runs
}

/// What is drawn of a cell: of what combines, the base says enough in a thumbnail.
fn character(cell: &CellRef<'_>) -> char {
    if cell.pen.attributes.has(Attributes::CONCEAL) {
        return ' ';
    }
    match cell.text {
        CellText::Empty => ' ',
        CellText::Scalar(c) => c,
        CellText::Cluster(text) => text.chars().next().unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests;
