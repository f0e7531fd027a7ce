//! [`Squeezer`]: the one compressed stream of a session, shared by its viewers. PURE. In: frames in
//! the order their pictures were published. Out: chunks, and who may take them. It must not know
//! what frames mean.
//!
//! A viewer has one inflater, which is never reset: all chunks it gets go through it in order. A
//! chunk is raw deflate (RFC 1951) that ends at a sync flush: whole bytes, no last block. So any
//! chunk may follow any other, and one rule keeps the stream right: *what a chunk refers back to are
//! bytes this viewer got in the chunks just before it.*
//!
//! - The **chain** is a row of chunks with numbers, made by one compressor that remembers: each may
//!   refer back into the ones before it. Who got the chunk with the number before, and no other
//!   chunk since, takes the next. A frame that goes plain, as small ones do, does not touch it.
//! - An **entry** is a chunk of the chain before which the compressor forgot: anybody may take it.
//!   There is one when somebody waits for one, at most one in [`ENTRY_INTERVAL`], so that a viewer
//!   that lags now and then does not spoil the chain for all.
//! - A chunk that stands **alone** has a compressor of its own: for a repaint, and for who is not
//!   where the chain is. It leads out of the chain.

use crate::config::limits::{
    DEFLATE_LEVEL, DEFLATE_PAD_BYTES, DEFLATE_REST, DEFLATE_WINDOW_BITS, ENTRY_INTERVAL,
};
use crate::terminal::Generation;
use crate::viewer::Checker;
use crate::viewer::Frame;
use crate::viewer::frame::Coding;
use flate2::{Compress, Compression, FlushCompress};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// A chunk that does not save one part in this many is not worth inflating.
const GAIN: usize = 5;

/// The compressed stream of a session.
#[derive(Default)]
pub struct Squeezer {
    checker: Option<Checker>,
    /// Locked while one chunk is made: the chain has an order.
    chain: Mutex<Chain>,
}

/// The running end of the chain.
#[derive(Default)]
struct Chain {
    /// None while nobody reads chunks, and before there was one worth making.
    deflate: Option<Compress>,
    /// The newest picture that was given to one of them.
    given: Option<Generation>,
    /// Viewers that read chunks.
    readers: usize,
    /// Number of the last chunk.
    last: u64,
    /// The compressor has seen what no viewer got, or nothing at all.
    stale: bool,
    /// When the last entry was made.
    entered: Option<Instant>,
    /// Somebody stands outside.
    awaited: bool,
    /// Frames still to go plain, since one gained nothing.
    rest: u32,
}

/// The chain's part in one picture: what who stands right before it gets.
#[derive(Debug)]
pub(super) struct Link {
    frame: Frame,
    entry: bool,
}

impl Link {
    /// The frame, if a viewer that stands at `at` may take it.
    pub(super) fn taken_from(&self, at: Option<u64>) -> Option<Frame> {
        let may = match self.frame.coding() {
            Coding::Chain(number) => self.entry || at == Some(number - 1),
            Coding::Plain | Coding::Alone => true,
        };
        may.then(|| self.frame.clone())
    }
}

impl Squeezer {
    /// One whose chunks, and the frames in them, are checked.
    #[must_use]
    pub fn checked(checker: Checker) -> Self {
        Self {
            checker: Some(checker),
            ..Self::default()
        }
    }

    pub(super) const fn checker(&self) -> Option<&Checker> {
        self.checker.as_ref()
    }

    /// Takes note that `picture` is about to be given to viewers, and says which was before it.
    pub(super) fn follows(&self, picture: Generation) -> Option<Generation> {
        let mut chain = self.chain();
        if chain.given.is_some_and(|given| given >= picture) {
            return None;
        }
        chain.given.replace(picture)
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        // A panic in the compressor leaves a chain nobody may go on with.
        self.chain
            .lock()
            .unwrap_or_else(|poisoned: PoisonError<_>| {
                let mut chain = poisoned.into_inner();
                chain.stale = true;
                chain
            })
    }

    /// The chain's next link, which takes viewers from the picture before to the next as `plain`
    /// does: made by the first who may take it, a viewer that stands at `at`. None if this one may
    /// not. `cell` is where the picture keeps it.
    pub(super) fn link(
        &self,
        cell: &OnceLock<Link>,
        plain: &Frame,
        at: Option<u64>,
        now: Instant,
    ) -> Option<Frame> {
        let link = match cell.get() {
            Some(link) => link,
            None => {
                let mut chain = self.chain();
                match cell.get() {
                    Some(link) => link,
                    None => {
                        let link = chain.extend(plain, at, now, self.checker())?;
                        cell.get_or_init(|| link)
                    }
                }
            }
        };
        link.taken_from(at)
    }

    /// A frame by itself, for a viewer that is not where the chain is and would be.
    pub(super) fn alone(&self, plain: &Frame) -> Frame {
        let chunk = squeeze(&mut compressor(), plain.payload());
        let right = |chunk: &Vec<u8>| {
            let checker = self.checker.as_ref();
            checker.is_none_or(|checker| checker.alone(chunk, plain.payload()))
        };
        match chunk.filter(|chunk| gains(chunk, plain)).filter(right) {
            Some(chunk) => counted("alone", Frame::chunk(&chunk, plain, Coding::Alone)),
            None => plain.clone(),
        }
    }

    /// Somebody could not take the chain's link: makes an entry when it is time.
    pub(super) fn await_entry(&self) {
        self.chain().awaited = true;
    }
}

impl Chain {
    fn extend(
        &mut self,
        plain: &Frame,
        at: Option<u64>,
        now: Instant,
        checker: Option<&Checker>,
    ) -> Option<Link> {
        if self.rest > 0 {
            self.rest -= 1;
            return Some(Link {
                frame: plain.clone(),
                entry: false,
            });
        }
        let fresh = self.stale || self.deflate.is_none();
        let inside = !fresh && at == Some(self.last);
        let may_enter = self.entered.is_none_or(|last| now >= last + ENTRY_INTERVAL);
        let entry = fresh || (may_enter && (!inside || self.awaited));
        if !entry && !inside {
            return None;
        }
        let deflate = self.deflate.get_or_insert_with(compressor);
        if entry {
            deflate.reset();
        }
        let chunk = squeeze(deflate, plain.payload());
        let chunk = chunk.filter(|chunk| gains(chunk, plain));
        let right = |chunk: &Vec<u8>| {
            checker.is_none_or(|checker| checker.link(chunk, entry, plain.payload()))
        };
        let Some(chunk) = chunk.filter(right) else {
            self.stale = true;
            self.rest = DEFLATE_REST;
            let frame = plain.clone();
            return Some(Link { frame, entry });
        };
        self.last += 1;
        self.stale = false;
        if entry {
            self.entered = Some(now);
            self.awaited = false;
        }
        let frame = Frame::chunk(&chunk, plain, Coding::Chain(self.last));
        let frame = counted(if entry { "entry" } else { "link" }, frame);
        Some(Link { frame, entry })
    }
}

fn compressor() -> Compress {
    Compress::new_with_window_bits(Compression::new(DEFLATE_LEVEL), false, DEFLATE_WINDOW_BITS)
}

/// One sync-flushed piece of deflate. None if the compressor fails, which it does not.
fn squeeze(deflate: &mut Compress, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
    let before = deflate.total_in();
    loop {
        let taken = (deflate.total_in() - before) as usize;
        deflate
            .compress_vec(&bytes[taken..], &mut out, FlushCompress::Sync)
            .ok()?;
        // A flush is done when it leaves room.
        if out.len() < out.capacity() {
            pad(&mut out);
            return Some(out);
        }
        out.reserve(bytes.len() / 2 + 64);
    }
}

/// Adds empty blocks up to a multiple of [`DEFLATE_PAD_BYTES`], so that lengths tell less of what is
/// compressed. Of five and six bytes, which together make up every number from 20.
fn pad(chunk: &mut Vec<u8>) {
    /// A stored block.
    const FIVE: [u8; 5] = [0, 0, 0, 0xff, 0xff];
    /// A block with the fixed code, and a stored one.
    const SIX: [u8; 6] = [2, 0, 0, 0, 0xff, 0xff];
    let mut lacking = chunk.len().next_multiple_of(DEFLATE_PAD_BYTES) - chunk.len();
    while lacking % FIVE.len() > lacking / FIVE.len() {
        lacking += DEFLATE_PAD_BYTES;
    }
    let sixes = lacking % FIVE.len();
    let fives = (lacking - sixes * SIX.len()) / FIVE.len();
    chunk.extend(SIX.repeat(sixes));
    chunk.extend(FIVE.repeat(fives));
}

fn gains(chunk: &[u8], plain: &Frame) -> bool {
    let plain = plain.payload().len();
    chunk.len() + plain / GAIN <= plain
}

fn counted(kind: &'static str, frame: Frame) -> Frame {
    metrics::counter!("muxview_chunks_made_total", "kind" => kind).increment(1);
    frame
}

impl fmt::Debug for Squeezer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Squeezer").finish_non_exhaustive()
    }
}

/// Where one viewer that reads chunks stands. While there is none, the session keeps no compressor.
#[derive(Debug)]
pub(super) struct Reader {
    squeezer: Arc<Squeezer>,
    /// Number of the chain's chunk it got last, if it got no other chunk since.
    at: Option<u64>,
}

impl Reader {
    /// A viewer whose inflater is at a chunk's end and remembers nothing that counts.
    pub(super) fn new(squeezer: &Arc<Squeezer>) -> Self {
        squeezer.chain().readers += 1;
        Self {
            squeezer: Arc::clone(squeezer),
            at: None,
        }
    }

    pub(super) const fn at(&self) -> Option<u64> {
        self.at
    }

    /// Whether it reads this session's stream.
    pub(super) fn reads(&self, squeezer: &Arc<Squeezer>) -> bool {
        Arc::ptr_eq(&self.squeezer, squeezer)
    }

    /// It was sent this.
    pub(super) const fn sent(&mut self, frame: &Frame) {
        match frame.coding() {
            Coding::Plain => {}
            Coding::Alone => self.at = None,
            Coding::Chain(number) => self.at = Some(number),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut chain = self.squeezer.chain();
        chain.readers -= 1;
        if chain.readers == 0 {
            chain.deflate = None;
        }
    }
}

#[cfg(test)]
mod tests;
