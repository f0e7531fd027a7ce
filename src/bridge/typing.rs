//! Input on its way to the pty: one message after the other, each written whole and by itself.
//!
//! Owns the message being written and the distance to the one before. It must not know where the
//! bytes go to. Pure: time comes in as an argument.

use super::handle::Input;
use crate::config::limits::INPUT_SPACING;
use crate::viewer::ViewerId;
use bytes::Buf;
use std::time::Instant;

/// The message being written, and when the last one was.
#[derive(Debug, Default)]
pub(super) struct Typing {
    current: Option<Input>,
    begun: bool,
    written: Option<Instant>,
}

impl Typing {
    /// Whether the next message may be given.
    pub(super) const fn idle(&self) -> bool {
        self.current.is_none()
    }

    /// Takes the next message.
    pub(super) fn take(&mut self, input: Input) {
        self.current = Some(input);
        self.begun = false;
    }

    /// The bytes to write next, and how long to wait first.
    pub(super) fn next(&self) -> Option<(&[u8], Option<Instant>)> {
        let input = self.current.as_ref()?;
        let apart = !self.begun && !is_mouse(&input.bytes);
        let wait = self.written.filter(|_| apart).map(|at| at + INPUT_SPACING);
        Some((&input.bytes, wait))
    }

    /// So many of them were written.
    pub(super) fn wrote(&mut self, bytes: usize, now: Instant) {
        let Some(input) = &mut self.current else {
            return;
        };
        self.begun = true;
        input.bytes.advance(bytes.min(input.bytes.len()));
        if input.bytes.is_empty() {
            self.current = None;
            self.written = Some(now);
        }
    }
}

/// A report of the terminal's focus, as a whole message.
pub(super) fn is_focus_report(bytes: &[u8]) -> bool {
    matches!(bytes, b"\x1b[I" | b"\x1b[O")
}

/// Mouse reports come in swarms and are never taken for pasted text.
fn is_mouse(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1b[<") || bytes.starts_with(b"\x1b[M")
}

/// Whether a message may go to the program: everything, but focus is only the leader's to report.
pub(super) fn admits(bytes: &[u8], from: ViewerId, leader: Option<ViewerId>) -> bool {
    !is_focus_report(bytes) || leader == Some(from)
}
