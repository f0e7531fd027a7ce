//! [`Unfinished`]: the end of a message that is not complete by itself, kept until the next message
//! brings the rest or time is up. Pure: time comes in as an argument.
//!
//! tmux puts characters and keys together from what it reads, but waits no longer than `escape-time`
//! for the rest, and that may be 0. Two messages of one driver can be further apart than that. And
//! where tmux takes the Escape key in a form that it need not wait after, that form is what a lone
//! ESC becomes.

use crate::bridge::order::Input;
use crate::config::limits::{CHARACTER_WAIT, ESCAPE_WAIT};
use crate::viewer::ViewerId;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

const ESCAPE: &[u8] = b"\x1b";

/// What is held back, if anything.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Unfinished(Option<Held>);

#[derive(Debug)]
struct Held {
    input: Input,
    /// What it becomes if nothing follows.
    alone: Bytes,
    until: Instant,
}

impl Unfinished {
    /// Takes the next message and adds to `out` what is to be written now: nothing, this message, or
    /// what was held back and this message. `escape` is what tmux takes for the Escape key.
    pub(in crate::bridge) fn take(
        &mut self,
        mut input: Input,
        escape: &'static [u8],
        now: Instant,
        out: &mut VecDeque<Input>,
    ) {
        if let Some(held) = self.0.take() {
            if held.is_continued_by(&input) {
                input.bytes = [held.input.bytes, input.bytes].concat().into();
            } else {
                out.push_back(held.alone());
            }
        }
        let (from, lease) = (input.from, input.lease.clone());
        if input.bytes == ESCAPE {
            if escape == ESCAPE {
                out.push_back(input);
            } else {
                self.hold(input, Bytes::from_static(escape), now + ESCAPE_WAIT);
            }
            return;
        }
        let whole = input.bytes.len() - unfinished_character(&input.bytes);
        let rest = input.bytes.split_off(whole);
        if !input.bytes.is_empty() {
            out.push_back(input);
        }
        if !rest.is_empty() {
            let input = Input {
                from,
                bytes: rest.clone(),
                lease,
                _room: None,
            };
            self.hold(input, rest, now + CHARACTER_WAIT);
        }
    }

    fn hold(&mut self, input: Input, alone: Bytes, until: Instant) {
        self.0 = Some(Held {
            input,
            alone,
            until,
        });
    }

    /// Until when something is held back.
    pub(in crate::bridge) fn until(&self) -> Option<Instant> {
        self.0.as_ref().map(|held| held.until)
    }

    /// What is held back, which nothing follows.
    pub(in crate::bridge) fn flush(&mut self) -> Option<Input> {
        self.0.take().map(Held::alone)
    }
}

impl Held {
    fn alone(self) -> Input {
        Input {
            bytes: self.alone,
            ..self.input
        }
    }

    fn is_continued_by(&self, next: &Input) -> bool {
        let same: ViewerId = self.input.from;
        if same != next.from {
            return false;
        }
        // Other bytes after an ESC are another key, pressed after Escape.
        self.input.bytes != ESCAPE || matches!(next.bytes.first(), Some(b'[' | b'O'))
    }
}

/// How many bytes at the end begin a UTF-8 character without ending it.
fn unfinished_character(bytes: &[u8]) -> usize {
    let tail = &bytes[bytes.len().saturating_sub(3)..];
    let begins = tail.iter().rposition(|byte| *byte & 0xc0 != 0x80);
    let Some(character) = begins.map(|at| &tail[at..]) else {
        return 0;
    };
    let length = match character[0] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if character.len() < length {
        character.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &[u8] = b"\x1bO[";

    fn message(from: u64, bytes: &[u8]) -> Input {
        Input {
            from: ViewerId(from),
            bytes: Bytes::copy_from_slice(bytes),
            lease: None,
            _room: None,
        }
    }

    /// What is written of these messages, and then of what is held back.
    fn written(escape: &'static [u8], messages: &[(u64, &[u8])]) -> Vec<Vec<u8>> {
        let mut unfinished = Unfinished::default();
        let mut out = VecDeque::new();
        for (from, bytes) in messages {
            unfinished.take(message(*from, bytes), escape, Instant::now(), &mut out);
        }
        out.extend(unfinished.flush());
        out.into_iter().map(|input| input.bytes.to_vec()).collect()
    }

    #[test]
    fn a_character_is_put_together() {
        let character = "\u{1f600}".as_bytes();
        for at in 1..4 {
            let parts = [(1, &character[..at]), (1, &character[at..])];
            assert_eq!(written(ESCAPE, &parts), [character]);
        }
        let bytes: Vec<(u64, &[u8])> = character.chunks(1).map(|byte| (1, byte)).collect();
        assert_eq!(written(ESCAPE, &bytes), [character]);
    }

    #[test]
    fn what_two_drivers_type_is_not_put_together() {
        let typed = [(1, &b"a\xc3"[..]), (2, b"b"), (1, b"\xa9")];
        assert_eq!(written(ESCAPE, &typed), [&b"a"[..], b"\xc3", b"b", b"\xa9"]);
    }

    #[test]
    fn a_lone_escape_becomes_the_form_that_tmux_need_not_wait_after() {
        assert_eq!(written(FORM, &[(1, ESCAPE)]), [FORM]);
        assert_eq!(written(FORM, &[(1, ESCAPE), (1, b":")]), [FORM, b":"]);
        assert_eq!(written(FORM, &[(1, ESCAPE), (1, ESCAPE)]), [FORM, FORM]);
        assert_eq!(written(FORM, &[(1, ESCAPE), (2, b"[A")]), [FORM, b"[A"]);
        assert_eq!(written(ESCAPE, &[(1, ESCAPE), (1, b":")]), [ESCAPE, b":"]);
    }

    #[test]
    fn a_key_that_came_in_two_messages_is_put_together() {
        assert_eq!(written(FORM, &[(1, ESCAPE), (1, b"[A")]), [b"\x1b[A"]);
        assert_eq!(written(FORM, &[(1, ESCAPE), (1, b"OB")]), [b"\x1bOB"]);
        assert_eq!(written(FORM, &[(1, b"\x1bx")]), [b"\x1bx"]);
    }

    #[test]
    fn lone_high_bytes_pass() {
        let typed = [(1, &b"\xff"[..]), (1, b"\x80"), (1, b"\xe2"), (1, b"x")];
        assert_eq!(written(ESCAPE, &typed), [&b"\xff"[..], b"\x80", b"\xe2x"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_no_character_is_cut(text in ".{0,40}", cuts in prop::collection::vec(1usize..5, 1..60)) {
            let mut messages: Vec<(u64, &[u8])> = Vec::new();
            let mut rest = text.as_bytes();
            for cut in cuts {
                if rest.is_empty() { break; }
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                messages.push((1, head));
                rest = tail;
            }
            messages.push((1, rest));
            let written = written(ESCAPE, &messages);
            prop_assert_eq!(written.concat(), text.as_bytes());
            for message in written {
                prop_assert!(std::str::from_utf8(&message).is_ok());
            }
        }
    }
}
