//! Input on its way to the pty: one message after the other, each written whole and by itself.
//!
//! Owns the message being written, the distance to the one before, and what a tmux client that ended
//! had not read, which the next one is given first. It must not know where the bytes go to. Pure: time
//! comes in as an argument.

use crate::bridge::order::Hold;
use crate::bridge::order::Input;
use crate::bridge::policy::input_log::Written;
use crate::bridge::policy::unfinished_input::Unfinished;
use crate::config::limits::{ESCAPE_TIME, INPUT_SPACING};
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

/// The message being written, and when the last one was.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Typing {
    /// Nobody has read these; they come before the current one.
    again: VecDeque<Bytes>,
    /// The current message, and at most one more.
    queue: VecDeque<Input>,
    /// The beginning of a key or a character, whose rest may come with the next message.
    unfinished: Unfinished,
    /// Some of the message written last is written, and not all of it.
    begun: bool,
    last: Written,
    /// When the last message was written, and whether it may have been such a key.
    written: Option<(Instant, bool)>,
    /// When an escape was written that nothing has followed.
    escape: Option<Instant>,
}

impl Typing {
    /// Whether the next message may be given.
    pub(in crate::bridge) fn idle(&self) -> bool {
        self.queue.is_empty() && self.again.is_empty()
    }

    /// Takes the next message. `escape` is what tmux takes for the Escape key.
    pub(in crate::bridge) fn take(&mut self, input: Input, escape: &'static [u8], now: Instant) {
        self.unfinished.take(input, escape, now, &mut self.queue);
        self.begun = false;
    }

    /// Takes what was held back for long enough, if a message may be taken.
    pub(in crate::bridge) fn release(&mut self, now: Instant) {
        if self.idle() && self.unfinished.until().is_some_and(|until| until <= now) {
            self.flush();
        }
    }

    /// Takes what is held back. True if there was something.
    pub(in crate::bridge) fn flush(&mut self) -> bool {
        let held = self.unfinished.flush();
        let any = held.is_some();
        if any {
            self.begun = false;
        }
        self.queue.extend(held);
        any
    }

    /// When to [`Typing::release`] though nothing happened.
    pub(in crate::bridge) fn wake_at(&self) -> Option<Instant> {
        self.unfinished.until().filter(|_| self.idle())
    }

    /// Forgets what nobody may type any more, were it half written.
    pub(in crate::bridge) fn forget_ended(&mut self) {
        let first = self
            .queue
            .front()
            .is_some_and(|input| !input.may_be_written());
        if first && self.again.is_empty() {
            self.begun = false;
        }
        self.queue.retain(Input::may_be_written);
    }

    /// Holds the right to write the message under way for the moment of writing; `None` if that has
    /// ended.
    pub(in crate::bridge) fn hold(&self) -> Option<Hold<'_>> {
        match self.queue.front().filter(|_| self.again.is_empty()) {
            Some(current) => current.hold(),
            None => Some(Hold::new(None)),
        }
    }

    /// The message to write next, or its rest.
    fn message(&self) -> Option<&Bytes> {
        let current = self.queue.front().map(|input| &input.bytes);
        self.again.front().or(current)
    }

    /// The bytes to write next, and until when to wait first: none if that is over, since even a
    /// timer that is due takes a millisecond.
    pub(in crate::bridge) fn next(&self, now: Instant) -> Option<(&[u8], Option<Instant>)> {
        let message = self.message()?;
        let apart = |bound: bool| bound || may_be_bound(message);
        let wait = self
            .written
            .filter(|(_, bound)| !self.begun && !is_mouse(message) && apart(*bound))
            .map(|(at, _)| at + INPUT_SPACING)
            .filter(|at| *at > now);
        Some((message, wait))
    }

    /// Another client is written to; what the one before was written is settled.
    pub(in crate::bridge) fn attached(&mut self) {
        self.last = Written::default();
    }

    /// The client has ended and has left this unread: the next one is given it.
    pub(in crate::bridge) fn left(&mut self, unread: &[u8]) {
        for message in std::mem::take(&mut self.last)
            .left(unread)
            .into_iter()
            .rev()
        {
            self.again.push_front(message);
        }
        self.begun = false;
    }

    /// Until when tmux may hold back the last byte: an escape may be the beginning of a key.
    pub(in crate::bridge) fn held_until(&self) -> Option<Instant> {
        self.escape.map(|at| at + ESCAPE_TIME)
    }

    /// So many of them were written.
    pub(in crate::bridge) fn wrote(&mut self, bytes: usize, now: Instant) {
        let current = self.queue.front_mut().map(|input| &mut input.bytes);
        let Some(message) = self.again.front_mut().or(current) else {
            return;
        };
        let bound = !self.begun && may_be_bound(message);
        let piece = message.split_to(bytes.min(message.len()));
        let over = message.is_empty();
        self.last.push(&piece, !self.begun);
        self.escape = (piece.last() == Some(&0x1b)).then_some(now);
        self.begun = !over;
        if over {
            if self.again.pop_front().is_none() {
                self.queue.pop_front();
            }
            self.written = Some((now, bound));
        }
    }
}

/// Whether a message may be a key tmux is bound to, its prefix above all. Such a key and the one after
/// it keep their distance also when a stalled network brings them at once. Letters, digits, the keys
/// that edit a line and pasted text are what programs are told, and are not held up.
fn may_be_bound(message: &[u8]) -> bool {
    const LONGEST_KEY: usize = 16;
    match message {
        [b'\r' | b'\n' | b'\t' | 0x08 | 0x7f | b' '] => false,
        [byte] => !byte.is_ascii_alphanumeric(),
        [0x1b, ..] => message.len() <= LONGEST_KEY,
        _ => false,
    }
}

/// A report of the terminal's focus, as a whole message: whether it has it.
pub(in crate::bridge) fn focus_report(bytes: &[u8]) -> Option<bool> {
    match bytes {
        b"\x1b[I" => Some(true),
        b"\x1b[O" => Some(false),
        _ => None,
    }
}

/// Mouse reports come in swarms and are never taken for pasted text.
fn is_mouse(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1b[<") || bytes.starts_with(b"\x1b[M")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::ViewerId;
    use bytes::Bytes;
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::sync::Semaphore;

    fn message(bytes: &'static [u8]) -> Input {
        let room = Arc::new(Semaphore::new(1));
        Input {
            from: ViewerId(1),
            bytes: Bytes::from_static(bytes),
            lease: None,
            _room: room.try_acquire_owned().ok(),
        }
    }

    #[test]
    fn each_message_is_written_whole_before_the_next() {
        let now = Instant::now();
        let mut typing = Typing::default();
        assert!(typing.idle() && typing.next(now).is_none());
        typing.take(message(b"hello"), b"\x1b", now);
        assert_eq!(typing.next(now), Some((&b"hello"[..], None)));
        typing.wrote(2, now);
        assert_eq!(
            typing.next(now),
            Some((&b"llo"[..], None)),
            "its rest does not wait"
        );
        typing.wrote(3, now);
        assert!(typing.idle());
    }

    #[test]
    fn keys_keep_their_distance_and_mouse_reports_do_not() {
        let now = Instant::now();
        let mut typing = Typing::default();
        typing.take(message(b"\x02"), b"\x1b", now);
        typing.wrote(1, now);
        typing.take(message(b"c"), b"\x1b", now);
        assert_eq!(
            typing.next(now),
            Some((&b"c"[..], Some(now + INPUT_SPACING)))
        );
        assert_eq!(
            typing.next(now + INPUT_SPACING),
            Some((&b"c"[..], None)),
            "the distance is there"
        );
        typing.wrote(1, now + Duration::from_millis(3));
        typing.take(message(b"\x1b[<35;1;1M"), b"\x1b", now);
        assert_eq!(typing.next(now).expect("taken").1, None);
    }

    #[test]
    fn plain_typing_and_pastes_are_not_held_up() {
        let now = Instant::now();
        let mut typing = Typing::default();
        for text in [
            &b"l"[..],
            b"s",
            b"\r",
            "é".as_bytes(),
            b"a pasted line, longer than any key",
        ] {
            typing.take(message(text), b"\x1b", now);
            assert_eq!(typing.next(now).expect("taken").1, None, "{text:?}");
            typing.wrote(text.len(), now);
        }
        typing.take(message(b"\x1b[A"), b"\x1b", now);
        assert_eq!(
            typing.next(now).expect("taken").1,
            Some(now + INPUT_SPACING)
        );
    }

    #[test]
    fn an_escape_is_held_until_it_is_no_key() {
        let now = Instant::now();
        let mut typing = Typing::default();
        for (bytes, held) in [(&b"a\x1b"[..], true), (b"[A", false), (b"\x1b", true)] {
            typing.take(message(bytes), b"\x1b", now);
            typing.wrote(bytes.len(), now);
            assert_eq!(
                typing.held_until(),
                held.then_some(now + ESCAPE_TIME),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn only_a_whole_message_is_a_focus_report() {
        assert_eq!(focus_report(b"\x1b[I"), Some(true));
        assert_eq!(focus_report(b"\x1b[O"), Some(false));
        assert_eq!(focus_report(b"\x1b[Ix"), None);
        assert_eq!(focus_report(b"ls\r"), None);
    }

    #[test]
    fn what_is_held_back_is_written_when_its_time_comes() {
        let now = Instant::now();
        let mut typing = Typing::default();
        typing.take(message(b"\x1b"), b"\x1bO[", now);
        assert!(typing.idle() && typing.next(now).is_none());
        let until = typing.wake_at().expect("it is held");
        typing.release(now);
        assert!(typing.idle());
        typing.release(until);
        assert_eq!(typing.next(until), Some((&b"\x1bO["[..], None)));
        assert!(!typing.flush());
    }
}
