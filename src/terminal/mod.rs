//! The terminal tmux draws on, and the way from its picture to a viewer's bytes.
//!
//! In go the bytes of an attached client ([`Terminal::feed`]); out come immutable pictures
//! ([`Screen`]) and, from two of them, bytes ([`repaint`]). Pure: no IO, no clock, no tokio, nothing
//! of browsers. One property holds it together: *previous screen + frame = current screen*.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod cell_writer;
mod charset;
mod clusters;
mod code_points;
mod dirty_rows;
mod emulator;
mod grid;
mod parser;
mod pen;
mod pen_table;
mod redraw_coverage;
mod repaint;
mod screen;
mod scroll_detect;
mod signals;
mod size;
mod stand_ins;
mod thumbnail;
mod width;
mod width_table;

pub use pen::{Attributes, Color, Link, Pen, Underline};
pub use repaint::repaint;
pub use screen::{
    CellRef, CellText, Cursor, ExtendedKeys, Generation, Modes, MouseEncoding, MouseMode, Row,
    Screen,
};
pub use signals::{ClipboardLoss, Signals};
pub use size::Size;
pub use thumbnail::miniature;
pub use width::{Flags, Joins, Tones, Widths};

use emulator::Prepass;
use parser::Scanner;
use std::sync::Arc;

/// The terminal tmux draws on: one grid, its pens, widths and modes.
#[derive(Debug)]
pub struct Terminal {
    scanner: Scanner,
    prepass: Prepass,
    size: Size,
    shown: Arc<Screen>,
}

impl Terminal {
    /// An empty terminal whose screens come after generation `after`.
    #[must_use]
    pub fn new(size: Size, widths: Arc<Widths>, after: Generation) -> Self {
        Self {
            scanner: Scanner::default(),
            prepass: Prepass::new(size, widths),
            size,
            shown: Arc::new(Screen::blank(size, Generation(after.0 + 1))),
        }
    }

    /// Takes in bytes up to and including the first synchronisation end, and says how many.
    /// Call again with the rest; a picture may be published in between.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        let ends = self.prepass.sync_ends;
        while taken < bytes.len() && self.prepass.sync_ends == ends {
            let (n, token) = self.scanner.next(&bytes[taken..]);
            taken += n;
            if let Some(token) = token {
                self.prepass.take(token);
            }
        }
        self.prepass.grid.flush();
        taken
    }

    /// Changes the grid. What stood in it is cut or kept; tmux redraws it all.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.prepass.resize(size);
    }

    /// Its grid.
    #[must_use]
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether tmux is in the middle of a synchronised update.
    #[must_use]
    pub fn synchronizing(&self) -> bool {
        self.prepass.synchronizing
    }

    /// Synchronisation ends seen since the start.
    #[must_use]
    pub fn sync_ends(&self) -> u64 {
        self.prepass.sync_ends
    }

    /// Whether the last synchronised update drew every row, so that nothing of it can be missing.
    #[must_use]
    pub fn redrawn(&self) -> bool {
        self.prepass.redrawn
    }

    /// What the active pane asked for in extended keys. `None`, as at the start: tmux does not say, and
    /// what it announces to its terminal counts. Whether that is news.
    pub fn pane_keys(&mut self, keys: Option<ExtendedKeys>) -> bool {
        self.prepass.pane_keys(keys)
    }

    /// The picture now: the same `Arc` as last time if nothing changed, else one with the next
    /// generation, sharing the rows that did not change.
    pub fn screen(&mut self) -> Arc<Screen> {
        if !std::mem::take(&mut self.prepass.touched) {
            return Arc::clone(&self.shown);
        }
        let before = &self.shown;
        let dirty = &self.prepass.grid.dirty;
        let rows = (0..self.size.rows)
            .map(|row| match before.rows.get(usize::from(row)) {
                Some(shared) if !dirty.has(row) => {
                    debug_assert!(**shared == self.prepass.row(row), "row {row} changed");
                    Arc::clone(shared)
                }
                shared => {
                    let now = self.prepass.row(row);
                    match shared {
                        Some(shared) if **shared == now => Arc::clone(shared),
                        _ => Arc::new(now),
                    }
                }
            })
            .collect();
        self.prepass.grid.dirty.clear();
        let screen = Screen {
            generation: Generation(before.generation.0 + 1),
            size: self.size,
            rows,
            cursor: self.prepass.cursor(),
            modes: self.prepass.modes(),
            title: Arc::clone(&self.prepass.title),
        };
        if !screen.shows_same(before) {
            self.shown = Arc::new(screen);
        }
        Arc::clone(&self.shown)
    }

    /// Bytes that bring a new terminal of this size to the same state as far as anybody can see it.
    /// What tmux alone relies on (its pen, the scroll region) is not in them: tmux has to redraw.
    #[must_use]
    pub fn snapshot(&mut self) -> Vec<u8> {
        let mut bytes = repaint(None, &self.screen());
        // An empty update, so that the one above does not pass for tmux's redraw.
        bytes.extend(b"\x1b[?2026h\x1b[?2026l");
        bytes.extend(self.scanner.pending());
        bytes
    }

    /// The title now.
    #[must_use]
    pub const fn title(&self) -> &Arc<str> {
        &self.prepass.title
    }

    /// Whether [`Terminal::take_signals`] would give anything.
    #[must_use]
    pub fn signalled(&self) -> bool {
        self.prepass.signals != Signals::default()
    }

    /// Bells and clipboard since the last call.
    pub fn take_signals(&mut self) -> Signals {
        std::mem::take(&mut self.prepass.signals)
    }
}
