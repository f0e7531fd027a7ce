//! Rectangles of cells: those between left and right margins move, those of DECFRA are filled.

use super::{Grid, count_moved, pen_id, write_pen};
use crate::terminal::pen_table::PenId;
use std::io::Write as _;

impl Grid {
    /// DECFRA: fills a rectangle, 1-based and inclusive, with one character in the current pen; 0 is
    /// as far as the screen goes. `erased`: an erased cell looks like that.
    pub(in crate::terminal) fn fill(&mut self, c: char, rectangle: [u16; 4], erased: bool) {
        self.settle();
        let (rows, cols) = self.size();
        let [top, left, bottom, right] = rectangle;
        let end = |end: u16, size: u16| if end == 0 { size } else { end.min(size) };
        let (top, left) = (top.max(1) - 1, left.max(1) - 1);
        let (bottom, right) = (end(bottom, rows), end(right, cols));
        if top >= bottom || left >= right {
            return;
        }
        self.dirty.all();
        let (row, col) = self.cursor();
        for filled in top..bottom {
            self.place(filled, left);
            if erased {
                let _ = write!(self.out, "\x1b[{}X", right - left);
            } else {
                let text: String = std::iter::repeat_n(c, (right - left).into()).collect();
                self.out.extend(text.as_bytes());
            }
        }
        self.place(row, col);
    }

    /// Moves what stands between the margins from row `top` to the end of the region up, or down where
    /// negative. What comes in is erased.
    pub(super) fn move_rows(&mut self, top: u16, by: i32) {
        self.dirty.all();
        let (row, col) = self.cursor();
        let ((left, right), bottom) = (self.margins, self.region.1);
        let drawings: Vec<_> = (top..=bottom)
            .map(|y| {
                let from = i32::from(y) + by;
                let from = u16::try_from(from)
                    .ok()
                    .filter(|from| (top..=bottom).contains(from));
                from.map(|from| self.drawing(from, left, right))
            })
            .collect();
        let mut printed = false;
        for (y, drawing) in (top..=bottom).zip(drawings) {
            self.place(y, left);
            match drawing {
                Some(drawing) => {
                    self.out.extend(drawing);
                    printed = true;
                }
                None => {
                    if std::mem::take(&mut printed) {
                        write_pen(&mut self.out, self.pen);
                    }
                    let _ = write!(self.out, "\x1b[{}X", right - left + 1);
                }
            }
        }
        self.put_back(row, col);
    }

    /// The bytes that draw the cells of a row from `left` to `right` at the cursor. Half a wide
    /// character is left blank.
    fn drawing(&self, row: u16, left: u16, right: u16) -> Vec<u8> {
        let mut out = Vec::new();
        let mut pen = None;
        let mut take = |out: &mut Vec<u8>, id: PenId| {
            if pen != Some(id) {
                write_pen(out, id);
                pen = Some(id);
            }
        };
        let mut blanks: (u16, PenId) = (0, 0);
        let mut col = left;
        while col <= right {
            let Some(cell) = self.screen().cell(row, col) else {
                break;
            };
            let (id, columns) = (pen_id(cell), if cell.is_wide() { 2 } else { 1 });
            let printed =
                cell.has_contents() && !cell.is_wide_continuation() && col + columns <= right + 1;
            if blanks.0 > 0 && (printed || blanks.1 != id) {
                take(&mut out, blanks.1);
                let _ = write!(out, "\x1b[{0}X\x1b[{0}C", blanks.0);
                blanks.0 = 0;
            }
            if printed {
                take(&mut out, id);
                out.extend(cell.contents().as_bytes());
                col += columns;
            } else {
                blanks = (blanks.0 + 1, id);
                col += 1;
            }
        }
        if blanks.0 > 0 {
            take(&mut out, blanks.1);
            let _ = write!(out, "\x1b[{}X", blanks.0);
        }
        out
    }

    /// Moves what stands between the cursor and the right margin left, or right where negative. What
    /// comes in is erased.
    pub(super) fn move_cells(&mut self, row: u16, col: u16, by: i32) {
        let right = self.margins.1;
        let count = count_moved(by, col, right);
        let kept = if by > 0 {
            self.drawing(row, col + count, right)
        } else {
            self.drawing(row, col, right.saturating_sub(count))
        };
        let nothing_kept = count > right - col;
        self.place(row, col);
        let _ = write!(self.out, "\x1b[{}X", right - col + 1);
        if !nothing_kept {
            self.place(row, if by > 0 { col } else { col + count });
            self.out.extend(kept);
        }
        self.put_back(row, col);
    }

    /// Restores pen and cursor after cells were printed in other places.
    fn put_back(&mut self, row: u16, col: u16) {
        write_pen(&mut self.out, self.pen);
        self.place(row, col);
        self.flush();
    }
}
