//! Pty bytes in, pictures out. Pure: no IO, no clock, no tokio.

mod screen;
mod repaint;
mod width;

pub use repaint::repaint;
pub use screen::{Cursor, CursorShape, Generation, Modes, MouseEncoding, MouseMode, Screen};
pub use width::{Joins, Widths};

use std::sync::Arc;

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
        let _ = (cols, rows);
        todo!()
    }
}

/// What happened besides the picture since the last [`Terminal::take_signals`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// A bell rang.
    pub bell: bool,
    /// tmux set the clipboard to this text (at most 64 KiB).
    pub clipboard: Option<String>,
}

/// The terminal tmux draws on: one grid, its pens, widths and modes.
#[derive(Debug)]
pub struct Terminal(());

impl Terminal {
    /// An empty terminal whose screens come after generation `after`.
    #[must_use]
    pub fn new(size: Size, widths: Arc<Widths>, after: Generation) -> Self {
        let _ = (size, widths, after);
        todo!()
    }
    /// Takes in bytes up to and including the first synchronisation end, and says how many.
    /// Call again with the rest; a picture may be published in between.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let _ = bytes;
        todo!()
    }
    /// Changes the grid; tmux redraws it all afterwards.
    pub fn resize(&mut self, size: Size) {
        let _ = size;
        todo!()
    }
    /// Whether tmux is in the middle of a synchronised update.
    #[must_use]
    pub fn synchronizing(&self) -> bool {
        todo!()
    }
    /// Synchronisation ends seen since the start.
    #[must_use]
    pub fn sync_ends(&self) -> u64 {
        todo!()
    }
    /// The picture now. The same `Arc` as last time if nothing changed.
    pub fn screen(&mut self) -> Arc<Screen> {
        todo!()
    }
    /// Bells and clipboard since the last call.
    pub fn take_signals(&mut self) -> Signals {
        todo!()
    }
}
