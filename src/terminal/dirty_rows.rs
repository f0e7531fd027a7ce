//! [`Dirty`]: which rows of the grid may have changed since the last picture, so that an echo costs
//! one row and not all. In: what is about to be written where, as far as it is plain. Out: rows. A
//! guess on the safe side: whatever is not known to stay in its row may have changed all of them.

/// The rows, and how far what is pending reaches.
#[derive(Debug)]
pub(super) struct Dirty {
    rows: Box<[bool]>,
    all: bool,
    cols: u32,
    /// The column right of what is pending at most; none when nothing is.
    reach: Option<u32>,
}

impl Dirty {
    /// For a grid of this size, all of which is new.
    pub(super) fn new(rows: u16, cols: u16) -> Self {
        Self {
            rows: vec![false; usize::from(rows)].into(),
            all: true,
            cols: cols.into(),
            reach: None,
        }
    }

    /// Text of so many columns at most is pending; it begins in `column` if nothing else is. Past the
    /// last column it goes on in the next row, and may scroll. Whether it may get there.
    pub(super) fn text(&mut self, column: u16, columns: u32) -> bool {
        let reach = self.reach.unwrap_or_else(|| column.into()) + columns;
        self.reach = Some(reach);
        let wraps = reach > self.cols;
        self.all |= wraps;
        wraps
    }

    /// A carriage return is pending.
    pub(super) const fn back(&mut self) {
        self.reach = Some(0);
    }

    /// What is pending was written, beginning in this row.
    pub(super) fn wrote(&mut self, row: u16) {
        self.reach = None;
        self.mark(row);
        // What joins a character in the first column may stand in the row before.
        self.mark(row.saturating_sub(1));
    }

    fn mark(&mut self, row: u16) {
        match self.rows.get_mut(usize::from(row)) {
            Some(row) => *row = true,
            None => self.all = true,
        }
    }

    /// Anything may have changed.
    pub(super) const fn all(&mut self) {
        self.all = true;
    }

    /// Whether the row may have changed.
    pub(super) fn has(&self, row: u16) -> bool {
        self.all || self.rows.get(usize::from(row)).is_none_or(|row| *row)
    }

    /// The picture was taken.
    pub(super) fn clear(&mut self) {
        self.rows.fill(false);
        self.all = false;
    }
}
