//! [`Picture`]: a published screen and its frames, each encoded once and shared by every viewer
//! that stands at the same screen. Pure but for counting what was encoded.

use crate::config::limits::DEFLATE_FROM_BYTES;
use crate::terminal::{Generation, Screen, repaint};
use crate::viewer::Frame;
use crate::viewer::compression::Link;
use crate::viewer::compression::Squeezer;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Distinct deltas kept per picture. Viewers stand at the last few published screens; a straggler
/// beyond that gets its own encoding, which nobody else would have shared anyway.
const SHARED_DELTAS: usize = 8;

/// A frame that is encoded by whoever needs it first: as it is, and as a chunk by itself.
struct Encoded {
    plain: OnceLock<Frame>,
    alone: OnceLock<Frame>,
}

/// A published screen with its frames.
pub struct Picture {
    /// What it shows.
    pub screen: Arc<Screen>,
    squeezer: Arc<Squeezer>,
    /// The picture that viewers who read chunks were given before it: where `link` starts.
    follows: OnceLock<Option<Generation>>,
    repaint: Encoded,
    /// Locked only to find the cell, never while encoding, so that viewers at other generations
    /// do not wait for each other.
    deltas: Mutex<Vec<(Generation, Arc<Encoded>)>>,
    /// The delta from that one, in the session's compressed stream.
    link: OnceLock<Link>,
}

impl Picture {
    /// A picture of `screen` among those whose frames `squeezer` compresses, nothing encoded yet.
    #[must_use]
    pub const fn new(screen: Arc<Screen>, squeezer: Arc<Squeezer>) -> Self {
        Self {
            screen,
            squeezer,
            follows: OnceLock::new(),
            repaint: Encoded::new(),
            deltas: Mutex::new(Vec::new()),
            link: OnceLock::new(),
        }
    }

    /// The session's compressed stream.
    pub(super) const fn squeezer(&self) -> &Arc<Squeezer> {
        &self.squeezer
    }

    /// The frame that takes a terminal showing `shown` (or, without one, any terminal) to this
    /// picture. Empty when nothing visible changed. `shown` must be a screen of the same bridge:
    /// its generation names it.
    #[must_use]
    pub fn frame(&self, shown: Option<&Arc<Screen>>) -> Frame {
        let Some(shown) = shown else {
            return self.repaint.plain(|| self.encode(None)).clone();
        };
        if Arc::ptr_eq(shown, &self.screen) || shown.generation == self.screen.generation {
            return Frame::default();
        }
        match self.shared(shown.generation) {
            Some(cell) => cell.plain(|| self.encode(Some(shown))).clone(),
            None => self.encode(Some(shown)),
        }
    }

    /// As [`Picture::frame`], for a viewer that reads chunks and stands at `at` in the chain.
    pub(super) fn chunk(
        &self,
        shown: Option<&Arc<Screen>>,
        at: Option<u64>,
        now: Instant,
    ) -> Frame {
        let follows = || self.squeezer.follows(self.screen.generation);
        let follows = *self.follows.get_or_init(follows);
        let plain = self.frame(shown);
        if plain.terminal_bytes() < DEFLATE_FROM_BYTES {
            return plain;
        }
        if let Some(shown) = shown
            && Some(shown.generation) == follows
            && let Some(frame) = self.squeezer.link(&self.link, &plain, at, now)
        {
            return frame;
        }
        self.squeezer.await_entry();
        let alone = || self.squeezer.alone(&plain);
        match shown {
            None => self.repaint.alone.get_or_init(alone).clone(),
            Some(shown) => match self.shared(shown.generation) {
                Some(cell) => cell.alone.get_or_init(alone).clone(),
                None => plain,
            },
        }
    }

    fn shared(&self, from: Generation) -> Option<Arc<Encoded>> {
        // A panic while the list is locked cannot leave it half changed.
        let mut deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = deltas.iter().find(|(generation, _)| *generation == from) {
            return Some(cell.clone());
        }
        if deltas.len() >= SHARED_DELTAS {
            return None;
        }
        let cell = Arc::new(Encoded::new());
        deltas.push((from, cell.clone()));
        Some(cell)
    }

    fn encode(&self, shown: Option<&Arc<Screen>>) -> Frame {
        if shown.is_some_and(|shown| shown.shows_same(&self.screen)) {
            return Frame::default();
        }
        let from = shown.map(AsRef::as_ref);
        let mut bytes = repaint(from, &self.screen);
        if let Some(checker) = self.squeezer.checker()
            && !checker.frame(from, &bytes, &self.screen)
        {
            bytes = repaint(None, &self.screen);
        }
        let kind = if shown.is_some() { "delta" } else { "repaint" };
        metrics::counter!("muxview_frames_encoded_total", "kind" => kind).increment(1);
        metrics::counter!("muxview_frame_encoded_bytes_total", "kind" => kind)
            .increment(bytes.len() as u64);
        Frame::plain(&bytes)
    }
}

impl Encoded {
    const fn new() -> Self {
        Self {
            plain: OnceLock::new(),
            alone: OnceLock::new(),
        }
    }

    fn plain(&self, encode: impl FnOnce() -> Frame) -> &Frame {
        self.plain.get_or_init(encode)
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
