//! [`Picture`]: a published screen and its frames, each encoded once and shared by every viewer
//! that stands at the same screen. Pure but for counting what was encoded.

use super::Frame;
use crate::terminal::{Generation, Screen, repaint};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Distinct deltas kept per picture. Viewers stand at the last few published screens; a straggler
/// beyond that gets its own encoding, which nobody else would have shared anyway.
const SHARED_DELTAS: usize = 8;

/// A frame that is encoded by whoever needs it first.
type Cell = Arc<OnceLock<Frame>>;

/// A published screen with its frames.
pub struct Picture {
    /// What it shows.
    pub screen: Arc<Screen>,
    repaint: OnceLock<Frame>,
    /// Locked only to find the cell, never while encoding, so that viewers at other generations
    /// do not wait for each other.
    deltas: Mutex<Vec<(Generation, Cell)>>,
}

impl Picture {
    /// A picture of `screen`, nothing encoded yet.
    #[must_use]
    pub const fn new(screen: Arc<Screen>) -> Self {
        Self {
            screen,
            repaint: OnceLock::new(),
            deltas: Mutex::new(Vec::new()),
        }
    }

    /// The frame that takes a terminal showing `shown` (or, without one, any terminal) to this
    /// picture. Empty when nothing visible changed. `shown` must be a screen of the same bridge:
    /// its generation names it.
    #[must_use]
    pub fn frame(&self, shown: Option<&Arc<Screen>>) -> Frame {
        let Some(shown) = shown else {
            return self.repaint.get_or_init(|| self.encode(None)).clone();
        };
        if Arc::ptr_eq(shown, &self.screen) || shown.generation == self.screen.generation {
            return Frame::default();
        }
        match self.shared(shown.generation) {
            Some(cell) => cell.get_or_init(|| self.encode(Some(shown))).clone(),
            None => self.encode(Some(shown)),
        }
    }

    fn shared(&self, from: Generation) -> Option<Cell> {
        // A panic while the list is locked cannot leave it half changed.
        let mut deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = deltas.iter().find(|(generation, _)| *generation == from) {
            return Some(cell.clone());
        }
        if deltas.len() >= SHARED_DELTAS {
            return None;
        }
        let cell = Cell::default();
        deltas.push((from, cell.clone()));
        Some(cell)
    }

    fn encode(&self, shown: Option<&Arc<Screen>>) -> Frame {
        if shown.is_some_and(|shown| shown.shows_same(&self.screen)) {
            return Frame::default();
        }
        let bytes = repaint(shown.map(AsRef::as_ref), &self.screen);
        let kind = if shown.is_some() { "delta" } else { "repaint" };
        metrics::counter!("muxview_frames_encoded_total", "kind" => kind).increment(1);
        metrics::counter!("muxview_frame_encoded_bytes_total", "kind" => kind)
            .increment(bytes.len() as u64);
        Frame::plain(&bytes)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture")
            .field("generation", &self.screen.generation)
            .field("size", &self.screen.size)
            .finish_non_exhaustive()
    }
}
