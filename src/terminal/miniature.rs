//! [`miniature`]: a screen as a thumbnail of it is drawn: runs of text with colours, as JSON of a
//! bounded length. In: a [`Screen`]. Out: text. It must not know who looks, how large the thumbnail
//! is, nor what a palette's colours are.
//!
//! `{"cols", "rows", "cursor": [row, col] | null, "pens": [[text, cell, flags] …], "lines": [[[text,
//! columns, pen] …] …]}`: a colour is null (the terminal's own), a number of the palette or
//! `"#rrggbb"`; all characters of a run are equally wide. What is blank at the end of a line, and lines
//! blank at the end, are left out.

use super::pen::{Attributes, Color, Pen, Underline};
use super::screen::{CellRef, CellText, Row, Screen};
use crate::config::limits::{MINIATURE_BYTES, MINIATURE_COLS, MINIATURE_ROWS};
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
mod tests {
    use super::*;
    use crate::terminal::pen::tests::any_pen;
    use crate::terminal::screen::RowBuilder;
    use crate::terminal::{Cursor, Generation, Size};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::sync::Arc;

    type Cell = (&'static str, u8, Pen);

    fn screen(cols: u16, rows: Vec<Vec<(String, u8, Pen)>>) -> Screen {
        let size = Size {
            cols,
            rows: rows.len() as u16,
        };
        let mut screen = Screen::blank(size, Generation(1));
        screen.rows = rows
            .into_iter()
            .map(|cells| {
                let mut row = RowBuilder::new(cols);
                for (text, columns, pen) in cells {
                    row.push(text.chars(), columns, &pen);
                }
                Arc::new(row.finish())
            })
            .collect();
        screen
    }

    fn shown(cells: &[Cell]) -> Value {
        let cells: Vec<_> = cells
            .iter()
            .map(|(text, columns, pen)| ((*text).to_owned(), *columns, pen.clone()))
            .collect();
        let screen = screen(cells.len() as u16, vec![cells]);
        serde_json::from_str(&miniature(&screen)).expect("JSON")
    }

    fn pen(foreground: Color, background: Color) -> Pen {
        Pen {
            foreground,
            background,
            ..Pen::default()
        }
    }

    #[test]
    fn a_blank_screen_is_next_to_nothing() {
        let screen = Screen::blank(Size { cols: 80, rows: 24 }, Generation(1));
        assert_eq!(
            miniature(&screen),
            r#"{"cols":80,"rows":24,"cursor":[0,0],"pens":[[null,null,0]],"lines":[]}"#
        );
    }

    #[test]
    fn runs_are_equal_in_look_and_width() {
        let plain = Pen::default();
        let red = pen(Color::Ansi(1), Color::Default);
        let on_blue = pen(Color::Default, Color::Indexed(4));
        let rgb = pen(Color::Rgb(1, 2, 255), Color::Default);
        let inverse = Pen {
            attributes: Attributes::INVERSE,
            ..Pen::default()
        };
        let secret = Pen {
            attributes: Attributes::CONCEAL,
            ..Pen::default()
        };
        for (cells, pens, line) in [
            // Blanks go on with the run before them, and end no line.
            (
                vec![
                    ("a", 1, &red),
                    ("", 1, &plain),
                    ("b", 1, &red),
                    (" ", 1, &plain),
                    ("", 1, &red),
                ],
                json!([[1, null, 0]]),
                json!([["a b", 3, 0]]),
            ),
            (
                vec![
                    ("", 1, &plain),
                    ("", 1, &on_blue),
                    (" ", 1, &on_blue),
                    ("", 1, &plain),
                ],
                json!([[null, null, 0], [null, 4, 0]]),
                json!([[" ", 1, 0], ["  ", 2, 1]]),
            ),
            (
                vec![
                    ("あ", 2, &plain),
                    ("", 0, &plain),
                    ("い", 2, &plain),
                    ("", 0, &plain),
                    ("x", 1, &plain),
                ],
                json!([[null, null, 0]]),
                json!([["あい", 4, 0], ["x", 1, 0]]),
            ),
            (
                vec![("e\u{301}", 1, &rgb), ("s", 1, &secret), ("", 1, &inverse)],
                json!([["#0102ff", null, 0], [null, null, 8]]),
                json!([["e ", 2, 0], [" ", 1, 1]]),
            ),
        ] {
            let cells: Vec<_> = cells
                .into_iter()
                .map(|(text, columns, pen)| (text, columns, pen.clone()))
                .collect();
            let shown = shown(&cells);
            assert_eq!(shown["lines"], json!([line]), "{cells:?}");
            assert_eq!(shown["pens"], pens, "{cells:?}");
        }
    }

    #[test]
    fn of_a_huge_screen_the_part_around_the_cursor_is_shown() {
        assert_eq!(part(24, 80, 23), (0, 24));
        assert_eq!(part(200, 80, 10), (0, 80));
        assert_eq!(part(200, 80, 100), (21, 80));
        assert_eq!(part(200, 80, 199), (120, 80));
        let mut screen = Screen::blank(
            Size {
                cols: 1000,
                rows: 100,
            },
            Generation(1),
        );
        (screen.cursor.row, screen.cursor.col) = (99, 999);
        let shown: Value = serde_json::from_str(&miniature(&screen)).expect("JSON");
        let (cols, rows) = (MINIATURE_COLS, MINIATURE_ROWS);
        assert_eq!(
            (&shown["cols"], &shown["rows"]),
            (&json!(cols), &json!(rows))
        );
        assert_eq!(shown["cursor"], json!([rows - 1, cols - 1]));
    }

    #[test]
    fn a_hidden_cursor_is_none() {
        let mut screen = Screen::blank(Size { cols: 4, rows: 2 }, Generation(1));
        screen.cursor = Cursor {
            visible: false,
            ..Cursor::default()
        };
        assert!(miniature(&screen).contains(r#""cursor":null"#));
    }

    #[test]
    fn what_is_too_long_gets_coarser_and_not_cut_off() {
        let cell = |row: u16, col: u16| {
            let [r, g] = [row, col].map(|n| (n * 3) as u8);
            (
                "▀".to_owned(),
                1,
                pen(Color::Rgb(r, g, 7), Color::Rgb(g, r, 9)),
            )
        };
        let gradient = |cols, rows| {
            let row = |row| (0..cols).map(|col| cell(row, col)).collect();
            screen(cols, (0..rows).map(row).collect())
        };
        let text = miniature(&gradient(150, 50));
        assert!(text.len() <= MINIATURE_BYTES, "{}", text.len());
        let shown: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(shown["lines"].as_array().map(Vec::len), Some(50));
        assert!(
            shown["pens"][0][0].is_string(),
            "it has colours: {}",
            shown["pens"]
        );
        // The longest there is: no two neighbours are equally wide.
        let mut row = Vec::new();
        while row.len() < 998 {
            row.push(("\u{10ffff}".to_owned(), 1, Pen::default()));
            row.push(("\u{10ffff}".to_owned(), 2, Pen::default()));
            row.push((String::new(), 0, Pen::default()));
        }
        row.push(("x".to_owned(), 1, Pen::default()));
        let worst = screen(row.len() as u16, vec![row; 100]);
        let text = miniature(&worst);
        assert!(
            (1000..=MINIATURE_BYTES).contains(&text.len()),
            "{}",
            text.len()
        );
    }

    fn any_cell() -> impl Strategy<Value = (String, u8, Pen)> {
        let text = prop_oneof![
            3 => Just(String::new()),
            3 => "[ -~]",
            2 => Just(" ".to_owned()),
            1 => Just("あ".to_owned()),
            1 => Just("e\u{301}".to_owned()),
        ];
        (text, any_pen()).prop_map(|(text, pen)| {
            let columns = if text == "あ" { 2 } else { 1 };
            // An erased cell keeps its background alone.
            let pen = if text.is_empty() { pen.erased() } else { pen };
            (text, columns, pen)
        })
    }

    /// Fills a row of `cols` columns.
    fn fill(cells: Vec<(String, u8, Pen)>, cols: u16) -> Vec<(String, u8, Pen)> {
        let mut row: Vec<(String, u8, Pen)> = Vec::new();
        let mut next = cells.into_iter().cycle();
        while row.len() < usize::from(cols) {
            let (text, columns, pen) = next.next().unwrap_or_default();
            if columns == 2 {
                if row.len() + 2 > usize::from(cols) {
                    row.push((String::new(), 1, Pen::default()));
                } else {
                    row.push((text, 2, pen.clone()));
                    row.push((String::new(), 0, pen));
                }
            } else {
                row.push((text, 1, pen));
            }
        }
        row
    }

    /// The text of a line, column by column, and the cell colour of each; a mark for right halves.
    fn columns(runs: &Value, pens: &Value) -> Vec<(char, Value)> {
        let mut columns = Vec::new();
        for run in runs.as_array().expect("runs") {
            let text: Vec<char> = run[0].as_str().expect("text").chars().collect();
            let wide = run[1].as_u64().expect("columns") as usize / text.len();
            assert_eq!(run[1], json!(wide * text.len()), "equally wide");
            let look = &pens[run[2].as_u64().expect("a pen") as usize];
            for c in text {
                columns.push((c, look[1].clone()));
                columns.extend((1..wide).map(|_| ('\0', look[1].clone())));
            }
        }
        columns
    }

    proptest! {
        /// Every character stands in its column, in front of its colour.
        #[test]
        fn every_cell_is_where_it_is(
            cells in prop::collection::vec(prop::collection::vec(any_cell(), 1..30), 1..6),
            cols in 1u16..60,
        ) {
            let rows: Vec<_> = cells.into_iter().map(|cells| fill(cells, cols)).collect();
            let screen = screen(cols, rows);
            let text = miniature(&screen);
            prop_assert!(text.len() <= MINIATURE_BYTES);
            let shown: Value = serde_json::from_str(&text).expect("JSON");
            for (number, row) in screen.rows.iter().enumerate() {
                let line = columns(shown["lines"].get(number).unwrap_or(&json!([])), &shown["pens"]);
                prop_assert!(line.len() <= usize::from(cols));
                for (col, cell) in row.cells().enumerate() {
                    let at = line.get(col).cloned().unwrap_or((' ', Value::Null));
                    let background = serde_json::to_value(Shade(coarser(cell.pen.background, 8))).expect("a colour");
                    let secret = cell.pen.attributes.has(Attributes::CONCEAL);
                    let wanted = if cell.columns == 0 && !secret { '\0' } else { character(&cell) };
                    prop_assert_eq!(at, (wanted, background), "row {} column {}", number, col);
                }
            }
        }
    }
}
