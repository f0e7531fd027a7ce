//! [`Written`]: what was written to a tmux client last. In: each piece, and what the client left
//! unread when it ended. Out: the messages to be written again, which nobody has read. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use bytes::Bytes;
use std::collections::VecDeque;

use crate::config::limits::{UNREAD_BYTES, UNREAD_MESSAGES};

/// The last of what was written, as far as it is remembered.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Written {
    bytes: VecDeque<u8>,
    /// Bytes of each message, the last one maybe in part.
    messages: VecDeque<usize>,
}

impl Written {
    /// A piece of a message was written, the first or another.
    pub(in crate::bridge) fn push(&mut self, piece: &[u8], first: bool) {
        match self.messages.back_mut() {
            Some(last) if !first => *last += piece.len(),
            _ => self.messages.push_back(piece.len()),
        }
        self.bytes.extend(piece);
        while self.bytes.len() > UNREAD_BYTES || self.messages.len() > UNREAD_MESSAGES {
            let Some(oldest) = self.messages.front_mut() else {
                return;
            };
            let over = self.bytes.len().saturating_sub(UNREAD_BYTES);
            let gone = if over == 0 {
                *oldest
            } else {
                over.min(*oldest)
            };
            *oldest -= gone;
            if *oldest == 0 {
                self.messages.pop_front();
            }
            self.bytes.drain(..gone);
        }
    }

    /// The messages, or their ends, that were left unread. Nothing if what was left is not what was
    /// written: the terminal of a client that has gone edits lines.
    pub(in crate::bridge) fn left(mut self, unread: &[u8]) -> Vec<Bytes> {
        let known = unread.len().min(self.bytes.len());
        let from = self.bytes.len() - known;
        let unread = &unread[unread.len() - known..];
        // Such a terminal makes this one of the other.
        let same = |(wrote, left): (&u8, &u8)| wrote == left || (*wrote, *left) == (b'\r', b'\n');
        let bytes = self.bytes.make_contiguous();
        if !bytes[from..].iter().zip(unread).all(same) {
            return Vec::new();
        }
        let mut end = bytes.len();
        let mut messages = Vec::new();
        for length in self.messages.iter().rev() {
            let begin = end.saturating_sub(*length).max(from);
            if begin == end {
                break;
            }
            messages.push(Bytes::copy_from_slice(&bytes[begin..end]));
            end = begin;
        }
        messages.reverse();
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(messages: &[&[u8]]) -> Written {
        let mut written = Written::default();
        for message in messages {
            written.push(message, true);
        }
        written
    }

    #[test]
    fn what_was_left_is_given_again_message_by_message() {
        let all: &[&[u8]] = &[b"ab", b"\x02", b"c\r"];
        for (left, again) in [
            (&b""[..], vec![]),
            (b"\r", vec!["\r"]),
            (b"c\n", vec!["c\r"]),
            (b"\x02c\r", vec!["\x02", "c\r"]),
            (b"b\x02c\r", vec!["b", "\x02", "c\r"]),
            (b"forgottenab\x02c\r", vec!["ab", "\x02", "c\r"]),
            // Its terminal has changed it.
            (b"bc\r", vec![]),
            (b"\x02x\r", vec![]),
        ] {
            assert_eq!(written(all).left(left), again, "{left:?}");
        }
    }

    proptest! {
        #[test]
        fn of_whatever_was_left_the_end_is_given_again(
            pieces in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..3000), any::<bool>()), 1..40),
            left in 0_usize..40_000,
        ) {
            let mut written = Written::default();
            let mut all = Vec::new();
            for (piece, first) in &pieces {
                written.push(piece, *first);
                all.extend(piece);
            }
            prop_assert!(written.bytes.len() <= UNREAD_BYTES);
            prop_assert_eq!(written.messages.iter().sum::<usize>(), written.bytes.len());
            let left = &all[all.len() - left.min(all.len())..];
            let again = written.left(left).concat();
            prop_assert_eq!(&again[..], &left[left.len() - left.len().min(UNREAD_BYTES)..]);
        }
    }

    #[test]
    fn only_so_many_messages_are_remembered() {
        let mut written = Written::default();
        for _ in 0..10 * UNREAD_MESSAGES {
            written.push(b"xy", true);
        }
        assert_eq!(written.messages.len(), UNREAD_MESSAGES);
        assert_eq!(written.bytes.len(), 2 * UNREAD_MESSAGES);
    }
}
