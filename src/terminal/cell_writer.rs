//! [`Brush`]: writes cells to a viewer's terminal with as few bytes as it can. It owns what that
//! terminal is known to stand at (position, pen) and nothing of where the cells come from.
//!
//! It never leans on what terminals do differently: no automatic wrap, no width it has not agreed on
//! with xterm.js, no erase in another pen's colour.

use crate::terminal::pen::Pen;
use crate::terminal::screen::CellRef;
use crate::terminal::screen::CellText;
use crate::terminal::screen::Row;
use crate::terminal::width::xterm_columns;
use std::io::Write as _;

/// Re-writing up to this many unchanged cells is as short as jumping over them.
const BRIDGE_CELLS: u16 = 4;

/// Where the viewer's cursor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In this row and column.
    At(u16, u16),
    /// In this row, whose last column was written: terminals disagree on the column until the next
    /// character, but all go back to the first with a carriage return.
    Edge(u16),
    /// Unknown, after what terminals disagree on.
    Lost,
}

/// How to move the cursor.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// CUP.
    Absolute,
    /// Back to the first column and down by as many rows, then to the right. No line feed without the
    /// carriage return: a terminal that is not quite raw makes one of it.
    Line(u16),
    /// Up or down in the column, then along the row.
    Steps(u16, u16),
    /// CHA.
    Column,
}

/// Where the bytes go, and where they leave the terminal.
#[derive(Debug)]
pub(super) struct Brush {
    out: Vec<u8>,
    at: Place,
    pen: Pen,
    cols: u16,
}

impl Brush {
    /// A brush for a terminal `cols` wide whose cursor is at `at` and whose pen is the default.
    pub(super) fn new(cols: u16, at: (u16, u16)) -> Self {
        Self {
            out: Vec::new(),
            at: Place::At(at.0, at.1),
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

    /// Moves the cursor the shortest way.
    pub(super) fn go(&mut self, row: u16, col: u16) {
        let absolute = 4 + digits(row + 1) + digits(col + 1);
        let absolute = match (row, col) {
            (0, 0) => 3,
            (_, 0) => absolute - 2,
            _ => absolute,
        };
        let right = |by: u16| if by == 0 { 0 } else { sequence(by) };
        let line = |from: u16| {
            let down = row.checked_sub(from).filter(|down| *down <= 4)?;
            Some((1 + down + right(col), Way::Line(down)))
        };
        let mut ways = [Some((absolute, Way::Absolute)), None, None, None];
        match self.at {
            Place::At(at_row, at_col) if (at_row, at_col) == (row, col) => return,
            Place::At(at_row, at_col) => {
                let (rows, cols) = (at_row.abs_diff(row), at_col.abs_diff(col));
                let along = if col < at_col {
                    cols.min(sequence(cols))
                } else {
                    right(cols)
                };
                let steps = if rows == 0 { 0 } else { sequence(rows) } + along;
                ways[1] = line(at_row);
                ways[2] = Some((steps, Way::Steps(at_row, at_col)));
                ways[3] = (rows == 0).then(|| (sequence(col + 1), Way::Column));
            }
            Place::Edge(at_row) => ways[1] = line(at_row),
            Place::Lost => {}
        }
        let best = ways.into_iter().flatten().min_by_key(|(bytes, _)| *bytes);
        match best.map_or(Way::Absolute, |(_, way)| way) {
            Way::Absolute => match (row, col) {
                (0, 0) => self.out.extend(b"\x1b[H"),
                (_, 0) => self.write(format_args!("\x1b[{}H", row + 1)),
                _ => self.write(format_args!("\x1b[{};{}H", row + 1, col + 1)),
            },
            Way::Line(down) => {
                self.out.push(b'\r');
                self.out.extend(std::iter::repeat_n(b'\n', down.into()));
                self.steps(col, 'C');
            }
            Way::Steps(at_row, at_col) => {
                self.steps(row.saturating_sub(at_row), 'B');
                self.steps(at_row.saturating_sub(row), 'A');
                self.steps(col.saturating_sub(at_col), 'C');
                let back = at_col.saturating_sub(col);
                if back <= sequence(back) {
                    self.out.extend(std::iter::repeat_n(0x08, back.into()));
                } else {
                    self.steps(back, 'D');
                }
            }
            Way::Column => self.steps(col + 1, 'G'),
        }
        self.at = Place::At(row, col);
    }

    /// A control sequence that moves by `by`; none for nothing.
    fn steps(&mut self, by: u16, last: char) {
        match by {
            0 => {}
            1 => self.write(format_args!("\x1b[{last}")),
            _ => self.write(format_args!("\x1b[{by}{last}")),
        }
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
            self.at = Place::At(0, 0);
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
        if let Place::At(at_row, at_col) = self.at
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
        // By itself a mark would join the cell before, or take no column at all: it joins a blank here.
        let carried = xterm_columns(base) == 0;
        let mut used = xterm_columns(base).max(1);
        let base = if used > cell.columns {
            // Wider there: it would push away what follows, or lose half of itself to it.
            used = 1;
            cluster = "".chars();
            '\u{fffd}'
        } else {
            base
        };
        // What joins the base here and has columns of its own there is shown if there is room for it.
        let fits = |c: &char| {
            let columns = xterm_columns(*c);
            let fits = used + columns <= cell.columns;
            used += if fits { columns } else { 0 };
            fits && *c != '\u{200d}'
        };
        let joined: String = cluster.filter(fits).collect();
        let agreed = used == cell.columns;
        if !agreed {
            // Clear both columns, so that the second is not left over.
            self.out.extend(b"\x1b[2X");
        }
        if carried {
            self.out.push(b' ');
        }
        let mut utf8 = [0; 4];
        self.out.extend(base.encode_utf8(&mut utf8).as_bytes());
        self.out.extend(joined.as_bytes());
        let next = col + u16::from(cell.columns);
        // A terminal that gives the mark a column of its own is not to shift the rest of the row.
        self.at = match agreed && !carried {
            true if next < self.cols => Place::At(row, next),
            true => Place::Edge(row),
            false => Place::Lost,
        };
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

/// Decimal digits.
fn digits(number: u16) -> u16 {
    number
        .checked_ilog10()
        .map_or(1, |digits| digits as u16 + 1)
}

/// Bytes of a control sequence that moves by `by`.
fn sequence(by: u16) -> u16 {
    if by == 1 { 3 } else { 3 + digits(by) }
}
