//! [`Brush`]: writes cells to a viewer's terminal with as few bytes as it can. It owns what that
//! terminal is known to stand at (position, pen) and nothing of where the cells come from.
//!
//! It never leans on what terminals do differently: no automatic wrap, no width it has not agreed on
//! with xterm.js, no erase in another pen's colour.

use super::pen::Pen;
use super::screen::{CellRef, CellText, Row};
use super::width::xterm_columns;
use std::io::Write as _;

/// Re-writing up to this many unchanged cells is as short as jumping over them.
const BRIDGE_CELLS: u16 = 4;

/// Where the bytes go, and where they leave the terminal.
#[derive(Debug)]
pub(super) struct Brush {
    out: Vec<u8>,
    /// (row, column) of the viewer's cursor; unknown after what terminals disagree on.
    at: Option<(u16, u16)>,
    pen: Pen,
    cols: u16,
}

impl Brush {
    /// A brush for a terminal `cols` wide whose cursor is at `at` and whose pen is the default.
    pub(super) fn new(cols: u16, at: Option<(u16, u16)>) -> Self {
        Self {
            out: Vec::new(),
            at,
            pen: Pen::default(),
            cols,
        }
    }

    /// Bytes written so far.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// Writes a sequence that moves nothing and draws nothing.
    pub(super) fn write(&mut self, sequence: std::fmt::Arguments<'_>) {
        // A Vec takes everything.
        let _ = self.out.write_fmt(sequence);
    }

    /// Moves the cursor.
    pub(super) fn go(&mut self, row: u16, col: u16) {
        match self.at {
            Some(at) if at == (row, col) => return,
            Some((at_row, _)) if at_row == row && col == 0 => self.out.push(b'\r'),
            Some((at_row, _)) if at_row + 1 == row && col == 0 => self.out.extend(b"\r\n"),
            Some((at_row, at_col)) if at_row == row && at_col + 1 == col => {
                self.out.extend(b"\x1b[C");
            }
            Some((at_row, at_col)) if at_row == row && at_col < col => {
                self.write(format_args!("\x1b[{}C", col - at_col));
            }
            Some((at_row, at_col)) if at_row == row && at_col == col + 1 => self.out.push(0x08),
            _ => match (row, col) {
                (0, 0) => self.out.extend(b"\x1b[H"),
                (_, 0) => self.write(format_args!("\x1b[{}H", row + 1)),
                _ => self.write(format_args!("\x1b[{};{}H", row + 1, col + 1)),
            },
        }
        self.at = Some((row, col));
    }

    /// Changes the pen.
    pub(super) fn take(&mut self, pen: &Pen) {
        pen.write(&self.pen, &mut self.out);
        self.pen.clone_from(pen);
    }

    /// Makes rows `top..=bottom` move: up by `by` rows where positive, down where negative. What
    /// comes in is erased in the default pen.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, rows: u16, by: i32) {
        self.take(&Pen::default());
        let part = top > 0 || bottom + 1 < rows;
        if part {
            self.write(format_args!("\x1b[{};{}r", top + 1, bottom + 1));
        }
        let (n, last) = (by.unsigned_abs(), if by > 0 { 'S' } else { 'T' });
        if n == 1 {
            self.write(format_args!("\x1b[{last}"));
        } else {
            self.write(format_args!("\x1b[{n}{last}"));
        }
        if part {
            // DECSTBM sends the cursor home.
            self.out.extend(b"\x1b[r");
            self.at = Some((0, 0));
        }
    }

    /// Takes row `y` of a terminal from `before` to `after`.
    pub(super) fn row(&mut self, y: u16, before: &Row, after: &Row) {
        let differs = |col| before.cell(col) != after.cell(col);
        let tail = erased_tail(after, self.cols);
        let mut col = 0;
        while col < tail {
            if !differs(col) {
                col += 1;
                continue;
            }
            let cell = after.cell(col);
            if cell.columns == 0 {
                // The left half differs too, and was just written.
                col += 1;
                continue;
            }
            if cell.text == CellText::Empty {
                let run = (col..tail)
                    .take_while(|c| after.cell(*c) == cell)
                    .take_while(|c| differs(*c))
                    .count() as u16;
                self.approach(y, col, after);
                self.take(cell.pen);
                self.write(format_args!("\x1b[{run}X"));
                col += run;
            } else {
                self.approach(y, col, after);
                self.cell(y, col, cell);
                col += u16::from(cell.columns);
            }
        }
        if let Some(first) = (tail..self.cols).find(|c| differs(*c)) {
            self.approach(y, first, after);
            self.take(after.cell(first).pen);
            self.out.extend(b"\x1b[K");
        }
    }

    /// Goes to (`row`, `col`), writing a few unchanged cells on the way where that is shorter.
    fn approach(&mut self, row: u16, col: u16, after: &Row) {
        if let Some((at_row, at_col)) = self.at
            && at_row == row
            && (1..=BRIDGE_CELLS).contains(&col.saturating_sub(at_col))
        {
            let plain = |c: &CellRef<'_>| {
                matches!(c.text, CellText::Scalar(' '..='~'))
                    && c.columns == 1
                    && *c.pen == self.pen
            };
            if (at_col..col).all(|c| plain(&after.cell(c))) {
                for c in at_col..col {
                    self.cell(row, c, after.cell(c));
                }
                return;
            }
        }
        self.go(row, col);
    }

    /// Writes one cell with something in it at the cursor, which stands at (`row`, `col`).
    fn cell(&mut self, row: u16, col: u16, cell: CellRef<'_>) {
        self.take(cell.pen);
        let mut cluster = match cell.text {
            CellText::Empty => "",
            CellText::Scalar(_) => "",
            CellText::Cluster(cluster) => cluster,
        }
        .chars();
        let base = match cell.text {
            CellText::Scalar(c) => c,
            _ => cluster.next().unwrap_or(' '),
        };
        let agreed = xterm_columns(base) == cell.columns;
        let base = match (agreed, xterm_columns(base), cell.columns) {
            // Narrower there than here: clear both columns, so that the second is not left over.
            (false, 1, 2) => {
                self.out.extend(b"\x1b[2X");
                base
            }
            // Wider there, or joined to the cell before: it cannot be shown without harm.
            (false, ..) => '\u{fffd}',
            _ => base,
        };
        let mut utf8 = [0; 4];
        self.out.extend(base.encode_utf8(&mut utf8).as_bytes());
        for mark in cluster.filter(|c| xterm_columns(*c) == 0 && *c != '\u{200d}') {
            self.out.extend(mark.encode_utf8(&mut utf8).as_bytes());
        }
        let next = col + u16::from(cell.columns);
        // In the last column terminals disagree where the cursor is until the next character.
        self.at = (agreed && next < self.cols).then_some((row, next));
    }

    /// The bytes, leaving the pen default and the cursor at (`row`, `col`).
    pub(super) fn finish(mut self, row: u16, col: u16) -> Vec<u8> {
        self.take(&Pen::default());
        self.go(row, col);
        self.out
    }
}

/// The first column of the erased cells of one background the row ends with.
fn erased_tail(row: &Row, cols: u16) -> u16 {
    let last = row.cell(cols - 1);
    if last.text != CellText::Empty || last.columns != 1 {
        return cols;
    }
    let tail = row.cells().rev().take_while(|cell| *cell == last).count();
    cols - tail as u16
}
