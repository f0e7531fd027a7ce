//! [`Replies`]: what we write to a tmux client ourselves, between the keys that people type. Pure:
//! time comes in as an argument.
//!
//! tmux reads keys and answers from one stream. An answer in the middle of a key would break both,
//! so it waits until what was typed last is a whole message and no key that is begun.

use crate::config::limits::ESCAPE_TIME;
use std::collections::VecDeque;
use std::time::Instant;

/// Own writes that are remembered, to be told from what people typed.
const REMEMBERED: usize = 32;

/// Own writes that wait, and the last that were made.
#[derive(Debug, Default)]
pub(in crate::tmux) struct Replies {
    /// Whole sequences.
    waiting: VecDeque<Vec<u8>>,
    /// Bytes written of the first one.
    begun: usize,
    /// Some of a typed message is written, and not all of it.
    mid_message: bool,
    /// Until then tmux may be waiting for the rest of a key.
    mid_key: Option<Instant>,
    written: VecDeque<Vec<u8>>,
}

impl Replies {
    /// Has this written as soon as it may be.
    pub(in crate::tmux) fn push(&mut self, reply: Vec<u8>) {
        if !reply.is_empty() {
            self.waiting.push_back(reply);
        }
    }

    /// What to write now.
    pub(in crate::tmux) fn due(&self, now: Instant) -> Option<&[u8]> {
        let first = self.waiting.front()?;
        let free = !self.mid_message && self.mid_key.is_none_or(|until| until <= now);
        (self.begun > 0 || free).then(|| &first[self.begun..])
    }

    /// So many bytes of that were written.
    pub(in crate::tmux) fn wrote(&mut self, bytes: usize) {
        self.begun += bytes;
        if self
            .waiting
            .front()
            .is_some_and(|first| self.begun >= first.len())
        {
            self.begun = 0;
            self.written.extend(self.waiting.pop_front());
            if self.written.len() > REMEMBERED {
                self.written.pop_front();
            }
        }
    }

    /// Whether typed bytes have to wait: one of ours is written in part.
    pub(in crate::tmux) const fn under_way(&self) -> bool {
        self.begun > 0
    }

    /// When [`Replies::due`] is worth another look though nothing happened.
    pub(in crate::tmux) fn wake_at(&self) -> Option<Instant> {
        self.mid_key.filter(|_| !self.waiting.is_empty())
    }

    /// The first bytes of what somebody typed were written; `whole`: it was all of the message.
    pub(in crate::tmux) fn typed(&mut self, bytes: &[u8], whole: bool, now: Instant) {
        self.mid_message = !whole;
        self.mid_key = is_begun_key(bytes).then(|| now + ESCAPE_TIME);
    }

    /// The same bytes without those that we wrote ourselves.
    pub(in crate::tmux) fn without_own(&self, mut unread: Vec<u8>) -> Vec<u8> {
        for own in self.written.iter().rev() {
            let found = unread.windows(own.len()).rposition(|some| some == own);
            if let Some(at) = found {
                unread.drain(at..at + own.len());
            }
        }
        unread
    }
}

/// Whether these bytes end with a key that is begun and not complete.
fn is_begun_key(bytes: &[u8]) -> bool {
    let Some(at) = memchr::memrchr(0x1b, bytes) else {
        return false;
    };
    match &bytes[at + 1..] {
        [] | [b'O'] => true,
        [b'[', parameters @ ..] => parameters.iter().all(|byte| matches!(byte, 0x20..=0x3f)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Replies that wait for nothing but what was typed.
    fn waiting(replies: &[&[u8]]) -> Replies {
        let mut waiting = Replies::default();
        for reply in replies {
            waiting.push(reply.to_vec());
        }
        waiting
    }

    #[test]
    fn each_is_written_whole_and_alone() {
        let now = Instant::now();
        let mut replies = waiting(&[b"abc", b"", b"de"]);
        assert_eq!(replies.due(now), Some(&b"abc"[..]));
        replies.wrote(2);
        assert!(replies.under_way());
        assert_eq!(replies.due(now), Some(&b"c"[..]));
        replies.wrote(1);
        assert!(!replies.under_way());
        assert_eq!(replies.due(now), Some(&b"de"[..]));
        replies.wrote(2);
        assert_eq!(replies.due(now), None);
    }

    #[test]
    fn a_message_is_not_interrupted() {
        let now = Instant::now();
        let mut replies = waiting(&[b"a"]);
        replies.typed(b"half of it", false, now);
        assert_eq!(replies.due(now), None);
        replies.typed(b"and the rest", true, now);
        assert_eq!(replies.due(now), Some(&b"a"[..]));
    }

    #[test]
    fn a_key_is_not_interrupted() {
        let now = Instant::now();
        for (typed, begun) in [
            (&b"\x1b"[..], true),
            (b"a\x1b[", true),
            (b"\x1b[<35;1", true),
            (b"\x1bO", true),
            (b"\x1bO[", false),
            (b"\x1b[A", false),
            (b"\x1bx", false),
            (b"\x1b[1;5Cls", false),
        ] {
            let mut replies = waiting(&[b"a"]);
            replies.typed(typed, true, now);
            assert_eq!(replies.due(now).is_none(), begun, "{typed:?}");
            assert_eq!(replies.wake_at(), begun.then_some(now + ESCAPE_TIME));
            assert!(replies.due(now + ESCAPE_TIME).is_some(), "{typed:?}");
            replies.typed(b"x", true, now + Duration::from_millis(1));
            assert!(replies.due(now).is_some(), "{typed:?}");
        }
    }

    #[test]
    fn own_writes_are_told_from_typed_ones() {
        let mut replies = waiting(&[b"\x1b[O", b"\x1b[?1;2c"]);
        replies.wrote(3);
        replies.wrote(7);
        let unread = b"a\x1b[Ob\x1b[?1;2cc\x1b[A".to_vec();
        assert_eq!(replies.without_own(unread), b"abc\x1b[A");
    }
}
