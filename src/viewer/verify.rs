//! [`Checker`]: applies every frame a session encodes to a terminal of its own and looks whether it
//! then shows what the frame is for. PURE; for debugging, as it costs more than all else together.
//! In: a frame, where it starts and where it leads; a chunk and what it stands for. Out: whether it
//! is right, and a [`Mismatch`] if not. It must not know who gets the frame.

use crate::terminal::{Generation, Screen, Terminal, Widths, repaint};
use flate2::{Decompress, FlushDecompress};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a frame that a report quotes.
const QUOTED_BYTES: usize = 4096;

/// A frame that does not give what it is for.
pub struct Mismatch {
    /// What was expected: the screen, or that a chunk gives its frame.
    pub wanted: String,
    /// What came out.
    pub got: String,
    /// The frame, escaped, its beginning.
    pub frame: String,
}

/// Checks the frames of one session.
pub struct Checker {
    report: fn(&Mismatch),
    far: Mutex<Option<Far>>,
}

/// A viewer that gets every frame.
struct Far {
    terminal: Terminal,
    /// The screen it was last brought to.
    shows: Option<Generation>,
    /// Its inflater: has seen every chunk of the chain.
    inflate: Decompress,
}

impl Checker {
    /// A checker that tells `report` of what is wrong.
    #[must_use]
    pub fn new(report: fn(&Mismatch)) -> Self {
        Self {
            report,
            far: Mutex::default(),
        }
    }

    /// Whether `frame` takes a terminal that shows `from` (without it, any terminal) to `to`.
    pub(super) fn frame(&self, from: Option<&Screen>, frame: &[u8], to: &Screen) -> bool {
        self.with(to, |far| {
            if let Some(from) = from
                && far.shows != Some(from.generation)
            {
                far.bring(from, &repaint(None, from));
            }
            let seen = far.bring(to, frame);
            if seen.shows_same(to) {
                return true;
            }
            // What cannot be shown is sent as something else, so a repaint is what it is held against.
            let shown = far.bring(to, &repaint(None, to));
            if from.is_some() && seen.shows_same(&shown) {
                return true;
            }
            if from.is_none() && same_places(&seen, to) {
                return true;
            }
            self.tell(describe(to), describe(&seen), frame);
            false
        })
    }

    /// Whether a chunk of the chain gives `plain` to who got all before it, and an `entry` to anybody.
    pub(super) fn link(&self, chunk: &[u8], entry: bool, plain: &[u8]) -> bool {
        let mut far = self.far.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(far) = far.as_mut() else {
            return true;
        };
        self.inflates(&mut far.inflate, chunk, plain) && (!entry || self.alone(chunk, plain))
    }

    /// Whether a chunk by itself gives `plain`.
    pub(super) fn alone(&self, chunk: &[u8], plain: &[u8]) -> bool {
        self.inflates(&mut Decompress::new(false), chunk, plain)
    }

    fn inflates(&self, inflate: &mut Decompress, chunk: &[u8], plain: &[u8]) -> bool {
        let got = inflated(inflate, chunk, plain.len());
        let right = got.as_deref() == Some(plain);
        if !right {
            let got = got.unwrap_or_default();
            self.tell(quoted(plain), quoted(&got), chunk);
        }
        right
    }

    fn with<T>(&self, to: &Screen, check: impl FnOnce(&mut Far) -> T) -> T {
        let mut far = self.far.lock().unwrap_or_else(PoisonError::into_inner);
        check(far.get_or_insert_with(|| Far {
            terminal: Terminal::new(to.size, Widths::of_viewers(), Generation(0)),
            shows: None,
            inflate: Decompress::new(false),
        }))
    }

    fn tell(&self, wanted: String, got: String, frame: &[u8]) {
        metrics::counter!("muxview_wrong_frames_total").increment(1);
        (self.report)(&Mismatch {
            wanted,
            got,
            frame: quoted(frame),
        });
    }
}

impl Far {
    /// Applies a frame that leads to `to`.
    fn bring(&mut self, to: &Screen, frame: &[u8]) -> Arc<Screen> {
        if self.terminal.size() != to.size {
            self.terminal.resize(to.size);
        }
        let mut rest = frame;
        while !rest.is_empty() {
            rest = &rest[self.terminal.feed(rest)..];
        }
        self.shows = Some(to.generation);
        self.terminal.screen()
    }
}

/// Whether a repaint gave all but the text of cells that terminals do not agree on.
fn same_places(seen: &Screen, to: &Screen) -> bool {
    // A viewer's terminal may leave the right half of a character blank.
    let same_pens = seen.rows.iter().zip(&to.rows).all(|(seen, to)| {
        seen.cells()
            .zip(to.cells())
            .all(|(seen, to)| match to.columns {
                0 => seen.pen.background == to.pen.background,
                _ => seen.pen == to.pen,
            })
    });
    seen.size == to.size
        && seen.cursor == to.cursor
        && seen.modes == to.modes
        && seen.title == to.title
        && same_pens
}

fn inflated(inflate: &mut Decompress, chunk: &[u8], len: usize) -> Option<Vec<u8>> {
    // A byte more than is to come, so that one too many is seen.
    let mut out = Vec::with_capacity(len + 1);
    inflate
        .decompress_vec(chunk, &mut out, FlushDecompress::Sync)
        .ok()?;
    Some(out)
}

fn describe(screen: &Screen) -> String {
    let rows: Vec<_> = screen.rows.iter().map(|row| row.text()).collect();
    format!(
        "{:?} {:?} {:?}\n{}",
        screen.cursor,
        screen.modes,
        screen.title,
        rows.join("\n").escape_debug()
    )
}

fn quoted(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(QUOTED_BYTES)]
        .escape_ascii()
        .to_string()
}

impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").finish_non_exhaustive()
    }
}
