//! [`Queue`]: what is still to be written to one viewer, in order. PURE. In: frames of ours, which share
//! their bytes with every other viewer, and what tungstenite answers by itself. Out: slices for one
//! write after the other. It must not know sockets, nor what a frame means.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// Frames of one write.
pub(in crate::web) const SLICES: usize = 16;

/// Whole frames, the first maybe partly written.
#[derive(Debug, Default)]
pub(in crate::web) struct Queue {
    frames: VecDeque<Bytes>,
    /// Bytes of answers since it was last empty.
    answers: usize,
}

impl Queue {
    /// Puts bytes behind what is still to be written.
    pub(in crate::web) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.frames.push_back(bytes);
        }
    }

    /// As [`Queue::push`], for what tungstenite wrote: see [`Queue::answers`].
    pub(in crate::web) fn answer(&mut self, bytes: &[u8]) {
        self.answers += bytes.len();
        self.push(Bytes::copy_from_slice(bytes));
    }

    /// Bytes of pongs and closes pushed since all was written. To be bounded by who pushes them: a
    /// peer that pings and never reads shall hold up its own pongs, not our memory.
    pub(in crate::web) const fn answers(&self) -> usize {
        self.answers
    }

    pub(in crate::web) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes in all.
    pub(in crate::web) fn len(&self) -> usize {
        self.frames.iter().map(Bytes::len).sum()
    }

    /// The only piece there is, if it is one: what is written most, and cheapest.
    pub(in crate::web) fn only(&self) -> Option<&[u8]> {
        match self.frames.len() {
            1 => self.frames.front().map(AsRef::as_ref),
            _ => None,
        }
    }

    /// The first pieces.
    pub(in crate::web) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES]) -> usize {
        for (slice, bytes) in slices.iter_mut().zip(&self.frames) {
            *slice = IoSlice::new(bytes);
        }
        self.frames.len().min(SLICES)
    }

    /// So many bytes were written.
    pub(in crate::web) fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front_mut() {
            if written < first.len() {
                return first.advance(written);
            }
            written -= first.len();
            self.frames.pop_front();
        }
        self.answers = 0;
        // A viewer that was behind once must not keep its queue's memory for ever.
        if self.frames.capacity() > SLICES {
            self.frames = VecDeque::new();
        }
    }

    /// All of it, as one.
    pub(in crate::web) fn take(&mut self) -> Bytes {
        let frames = std::mem::take(self).frames;
        let bytes: Vec<u8> = frames.iter().flatten().copied().collect();
        bytes.into()
    }
}
