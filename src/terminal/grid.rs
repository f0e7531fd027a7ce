//! [`Grid`]: vt100's grid and what vt100 lacks of scrolling. vt100 leaves cells that scroll or shift in
//! without a background, and knows neither left and right margins (DECSLRM) nor rectangles (DECFRA).
//! tmux uses all of these when a configuration says that every terminal has them (`bce`, `margins`,
//! `rectfill`), so they are put together here from what vt100 does know.
//!
//! vt100 is written to in bytes only. Where cells between margins have to move, they are read from it
//! and printed again in their new place.

mod rectangle;

use crate::config::limits::COLS;
use crate::terminal::dirty_rows::Dirty;
use crate::terminal::pen_table::PenId;
use std::io::Write as _;
use std::num::NonZeroU16;
use unicode_width::UnicodeWidthChar as _;

/// vt100's grid, its scroll region and its margins.
pub(super) struct Grid {
    vt: vt100::Parser,
    /// Bytes on their way to it.
    pub(super) out: Vec<u8>,
    pub(super) dirty: Dirty,
    /// First and last row of the scroll region.
    region: (u16, u16),
    /// First and last column of the scroll region.
    margins: (u16, u16),
    /// A character was printed in the column of the right margin, so the next one wraps. vt100 stands
    /// one column to the right. In the last column of the screen vt100 keeps track of this itself.
    wraps: bool,
    pen: PenId,
    /// The pen has a background, which cells that come in get.
    painted: bool,
}

/// Where rows scroll in.
#[derive(Clone, Copy)]
enum Edge {
    Top,
    Bottom,
}

impl Grid {
    pub(super) fn new(rows: NonZeroU16, cols: NonZeroU16) -> Self {
        let (last_row, last_col) = (rows.get() - 1, cols.get() - 1);
        Self {
            vt: vt100::Parser::new(rows, cols, 0),
            out: Vec::new(),
            dirty: Dirty::new(rows.get(), cols.get()),
            region: (0, last_row),
            margins: (0, last_col),
            wraps: false,
            pen: 0,
            painted: false,
        }
    }

    pub(super) fn resize(&mut self, rows: NonZeroU16, cols: NonZeroU16) {
        self.flush();
        self.vt.screen_mut().set_size(rows, cols);
        self.region = (0, rows.get() - 1);
        self.margins = (0, cols.get() - 1);
        self.wraps = false;
        self.dirty = Dirty::new(rows.get(), cols.get());
    }

    /// RIS.
    pub(super) fn reset(&mut self) {
        self.dirty.all();
        self.out.extend(b"\x1bc");
        let (rows, cols) = self.size();
        self.region = (0, rows - 1);
        self.margins = (0, cols - 1);
        self.wraps = false;
        (self.pen, self.painted) = (0, false);
    }

    pub(super) fn screen(&self) -> &vt100::Screen {
        self.vt.screen()
    }

    fn size(&self) -> (u16, u16) {
        let (rows, cols) = self.screen().size();
        (rows.get(), cols.get())
    }

    /// Row and column of the cursor. Where a wrap is pending the column is that of the last character.
    /// Nothing may be pending.
    pub(super) fn cursor(&self) -> (u16, u16) {
        let (row, col) = self.screen().cursor_position();
        let (rows, cols) = self.size();
        let col = if self.wraps { self.margins.1 } else { col };
        (row.min(rows - 1), col.min(cols - 1))
    }

    /// Hands what is pending to vt100.
    pub(super) fn flush(&mut self) {
        if !self.out.is_empty() {
            self.dirty.wrote(self.screen().cursor_position().0);
            self.vt.process(&self.out);
            self.out.clear();
        }
    }

    /// Draws with this pen from now on. `painted`: it has a background.
    pub(super) fn take_pen(&mut self, pen: PenId, painted: bool) {
        (self.pen, self.painted) = (pen, painted);
        write_pen(&mut self.out, pen);
    }

    /// Text of so many columns at most follows. Whether it must be given to [`Grid::print`], since
    /// vt100 would wrap it in another way; else it may be appended to `out`.
    pub(super) fn needs_care(&mut self, columns: u32) -> bool {
        let column = self.screen().cursor_position().1;
        let may_wrap = self.dirty.text(column, columns);
        let careful = self.narrow() || (self.painted && may_wrap);
        if careful {
            self.flush();
        }
        careful
    }

    /// Prints one character where vt100 would wrap in another way.
    pub(super) fn print(&mut self, c: char) {
        self.flush();
        let columns = c.width().unwrap_or(0) as u16;
        if columns > 0 {
            let (col, cols) = (self.screen().cursor_position().1, self.size().1);
            let end = if col <= self.margins.1 {
                self.margins.1 + 1
            } else {
                cols
            };
            if self.wraps || col + columns > end {
                self.carriage_return();
                self.line_feed(b'\n');
            }
        }
        let mut utf8 = [0; 4];
        self.out.extend(c.encode_utf8(&mut utf8).as_bytes());
        self.flush();
        if columns > 0 {
            let (col, cols) = (self.screen().cursor_position().1, self.size().1);
            self.wraps = self.narrow() && col == self.margins.1 + 1 && col < cols;
        }
    }

    /// Whether the character printed last could take one more column. Hands what is pending to vt100.
    pub(super) fn has_room(&mut self) -> bool {
        self.flush();
        let (col, cols) = (self.screen().cursor_position().1, self.size().1);
        let end = if col <= self.margins.1 {
            self.margins.1 + 1
        } else {
            cols
        };
        !self.wraps && col < end
    }

    /// Puts the cursor before the character that was printed last.
    pub(super) fn back(&mut self) {
        if self.wraps {
            self.settle();
        } else {
            self.out.push(0x08);
        }
    }

    /// What comes moves or shifts: a pending wrap is off, the cursor stands on the last character. Hands
    /// what is pending to vt100.
    fn settle(&mut self) {
        self.flush();
        let (row, col) = self.cursor();
        if std::mem::take(&mut self.wraps) || col < self.screen().cursor_position().1 {
            self.place(row, col);
            self.flush();
        }
    }

    /// Whether a margin keeps some columns from scrolling.
    fn narrow(&self) -> bool {
        self.margins != (0, self.size().1 - 1)
    }

    fn between_margins(&self, col: u16) -> bool {
        (self.margins.0..=self.margins.1).contains(&col)
    }

    /// CR: to the left margin.
    pub(super) fn carriage_return(&mut self) {
        if self.margins.0 == 0 && !self.wraps {
            self.out.push(b'\r');
            self.dirty.back();
            return;
        }
        self.settle();
        let (row, col) = self.cursor();
        let left = self.margins.0;
        self.place(row, if col < left { 0 } else { left });
    }

    /// Moves the cursor, which changes nothing else.
    pub(super) fn go(&mut self, sequence: &[u8]) {
        self.settle();
        self.vt.process(sequence);
    }

    /// A cursor movement of CSI: `A` to `H`, `d` and their like.
    pub(super) fn step(&mut self, first: u16, second: u16, last: u8) {
        self.settle();
        let col = self.cursor().1;
        let (left, right) = self.margins;
        let first = match last {
            b'C' if self.narrow() && col <= right => first.max(1).min(right - col),
            b'D' if self.narrow() && col >= left => first.max(1).min(col - left),
            _ => first,
        };
        if first == 0 && matches!(last, b'C' | b'D') && self.narrow() {
            return;
        }
        let _ = write!(self.out, "\x1b[{first};{second}{}", char::from(last));
        self.vt.process(&self.out);
        self.out.clear();
    }

    /// LF, VT and FF: moves the cursor down, or the rows up when it stands at the bottom edge.
    pub(super) fn line_feed(&mut self, byte: u8) {
        self.scroll_or_step(&[byte], Edge::Bottom);
    }

    /// RI: moves the cursor up, or the rows down when it stands at the top edge.
    pub(super) fn reverse_index(&mut self) {
        self.scroll_or_step(b"\x1bM", Edge::Top);
    }

    fn scroll_or_step(&mut self, sequence: &[u8], edge: Edge) {
        self.settle();
        let (row, col) = self.cursor();
        let (edge_row, by) = match edge {
            Edge::Top => (self.region.0, -1),
            Edge::Bottom => (self.region.1, 1),
        };
        if row != edge_row {
            // Above the region vt100 would scroll at the top of the screen all the same.
            if row > 0 || matches!(edge, Edge::Bottom) {
                self.vt.process(sequence);
            }
        } else if !self.narrow() {
            self.dirty.all();
            self.vt.process(sequence);
            if self.painted {
                self.out.extend(b"\x1b[2K");
            }
        } else if self.between_margins(col) {
            self.move_rows(self.region.0, by);
        }
    }

    /// SU and SD: the region moves up by so many rows, or down where negative.
    pub(super) fn scroll(&mut self, by: i32) {
        self.settle();
        if self.narrow() {
            self.move_rows(self.region.0, by);
            return;
        }
        self.dirty.all();
        let (top, bottom) = self.region;
        let count = count_moved(by, top, bottom);
        if by > 0 {
            let _ = write!(self.out, "\x1b[{count}S");
            self.paint(bottom + 1 - count..bottom + 1);
        } else {
            // Unpainted, as in xterm.js: what a bare attach there shows is the measure.
            let _ = write!(self.out, "\x1b[{count}T");
        }
    }

    /// DL and IL: the region moves up from the cursor on, or down where negative.
    pub(super) fn shift_lines(&mut self, by: i32) {
        self.settle();
        let (row, col) = self.cursor();
        let bottom = self.region.1;
        if !(self.region.0..=bottom).contains(&row) {
            return;
        }
        if self.narrow() {
            if self.between_margins(col) {
                self.move_rows(row, by);
            }
            return;
        }
        self.dirty.all();
        let count = count_moved(by, row, bottom);
        if by > 0 {
            let _ = write!(self.out, "\x1b[{count}M");
            self.paint(bottom + 1 - count..bottom + 1);
        } else {
            let _ = write!(self.out, "\x1b[{count}L");
            self.paint(row..row + count);
        }
    }

    /// DCH and ICH: the cells from the cursor on move left, or right where negative.
    pub(super) fn shift_cells(&mut self, by: i32) {
        self.settle();
        let (row, col) = self.cursor();
        let (narrow, right) = (self.narrow(), self.margins.1);
        if narrow && !self.between_margins(col) {
            return;
        }
        let count = count_moved(by, col, right);
        if narrow {
            self.move_cells(row, col, by);
        } else {
            let last = if by > 0 { 'P' } else { '@' };
            let _ = write!(self.out, "\x1b[{count}{last}");
            if self.painted {
                self.place(row, if by > 0 { right + 1 - count } else { col });
                let _ = write!(self.out, "\x1b[{count}X");
                self.place(row, col);
            }
        }
    }

    /// ED, EL and ECH.
    pub(super) fn erase(&mut self, what: u16, last: u8) {
        // In the last column xterm.js erases nothing to the right of a pending wrap, and nor does vt100.
        if self.wraps || last == b'X' {
            self.settle();
        }
        if last == b'J' {
            self.dirty.all();
        }
        let _ = write!(self.out, "\x1b[{what}{}", char::from(last));
    }

    /// DECSTBM as xterm has it: an empty region is ignored, and the cursor goes to the corner of the
    /// screen, where vt100 takes the region's. Rows are 1-based.
    pub(super) fn set_region(&mut self, top: u16, bottom: u16) {
        self.settle();
        let rows = self.size().0;
        let top = top.max(1);
        let bottom = if bottom == 0 { rows } else { bottom.min(rows) };
        if top < bottom {
            self.dirty.all();
            let _ = write!(self.out, "\x1b[{top};{bottom}r\x1b[H");
            self.region = (top - 1, bottom - 1);
        }
    }

    /// DECLRMM (`?69`), on or off: without left and right margins.
    pub(super) fn reset_margins(&mut self) {
        self.settle();
        self.margins = (0, self.size().1 - 1);
    }

    /// DECSLRM: the left and the right margin, 1-based; 0 is the edge of the screen. Taken without
    /// DECLRMM, too: tmux sends that one only when a client attaches or changes its size.
    pub(super) fn set_margins(&mut self, left: u16, right: u16) {
        let cols = self.size().1;
        let left = left.max(1);
        let right = if right == 0 { cols } else { right.min(cols) };
        if left < right {
            self.go(b"\x1b[H");
            self.margins = (left - 1, right - 1);
        }
    }

    /// Gives these rows the background of the pen, if it has one. The cursor stays.
    fn paint(&mut self, rows: std::ops::Range<u16>) {
        if !self.painted {
            return;
        }
        let (row, col) = self.cursor();
        for fresh in rows {
            let _ = write!(self.out, "\x1b[{}H\x1b[2K", fresh + 1);
        }
        self.place(row, col);
    }

    fn place(&mut self, row: u16, col: u16) {
        let _ = write!(self.out, "\x1b[{};{}H", row + 1, col + 1);
    }
}

/// How many of the rows (or cells) from `first` to `last` a shift by so many replaces; at least one.
fn count_moved(by: i32, first: u16, last: u16) -> u16 {
    // No grid is larger, so nothing is lost by the cut.
    let by = by.unsigned_abs().min((*COLS.end()).into()) as u16;
    by.clamp(1, last - first + 1)
}

/// vt100 carries the number of a pen as a colour; 0 is the default pen.
fn write_pen(out: &mut Vec<u8>, pen: PenId) {
    match pen {
        0 => out.extend(b"\x1b[m"),
        id => {
            let [_, r, g, b] = id.to_be_bytes();
            let _ = write!(out, "\x1b[38;2;{r};{g};{b}m");
        }
    }
}

/// All cells.
pub(super) fn cells(screen: &vt100::Screen) -> impl Iterator<Item = &vt100::Cell> {
    let (rows, cols) = screen.size();
    (0..rows.get())
        .flat_map(move |row| (0..cols.get()).map(move |col| (row, col)))
        .filter_map(|(row, col)| screen.cell(row, col))
}

/// The number of the pen a cell was drawn with.
pub(super) fn pen_id(cell: &vt100::Cell) -> PenId {
    match cell.fgcolor() {
        vt100::Color::Rgb(r, g, b) => PenId::from_be_bytes([0, r, g, b]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
