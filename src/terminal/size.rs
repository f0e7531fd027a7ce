//! [`Size`]: a grid of cells, within the limits of the contract.

use crate::config::limits::{CELLS, COLS, ROWS};

/// A grid, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns, 2..=1000.
    pub cols: u16,
    /// Rows, 2..=500.
    pub rows: u16,
}

impl Size {
    /// The nearest size within the limits of the contract: 2..1000 columns, 2..500 rows, at most
    /// 100,000 cells (rows give way).
    #[must_use]
    pub fn clamped(cols: u64, rows: u64) -> Self {
        let within = |n: u64, range: std::ops::RangeInclusive<u16>| {
            u16::try_from(n)
                .unwrap_or(u16::MAX)
                .clamp(*range.start(), *range.end())
        };
        let cols = within(cols, COLS);
        let rows = within(rows, ROWS).min((CELLS / u32::from(cols)) as u16);
        Self { cols, rows }
    }
}
