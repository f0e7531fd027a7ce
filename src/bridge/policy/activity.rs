//! [`Activity`]: tells what a person typed or clicked from what a terminal reports by itself.
//!
//! One per driver, fed with its input in order: a report may be split over messages, and a message may
//! hold reports and keys. Moving the pointer with no button held, turning the wheel, focus reports and
//! answers to questions are no activity: they must not take the size from whoever works. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// The bytes of a sequence that are remembered. No report is longer; keys need less.
const SEQUENCE_BYTES: usize = 32;
/// The bytes of an answer that is a string. A longer one is text somebody pasted.
const ANSWER_BYTES: usize = 256;

/// How far one driver's input has been read.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::bridge) struct Activity {
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi(Parameters),
    /// A mouse report as X10 has it: three bytes follow `CSI M`.
    X10 {
        read: usize,
        bytes: [u8; 3],
    },
    /// After such a report with this column: if it was in UTF-8, more bytes of it follow.
    AfterX10 {
        wide: bool,
    },
    /// An answer that is a string, and how much of it was read.
    String {
        read: usize,
        escape: bool,
    },
}

#[derive(Debug, Clone, Copy, Default)]
struct Parameters {
    bytes: [u8; SEQUENCE_BYTES],
    len: usize,
}

impl Parameters {
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Activity {
    /// Takes the next message in. Whether a person did something in it.
    pub(in crate::bridge) fn is_in(&mut self, message: &[u8]) -> bool {
        // A terminal sends this for the Escape key; an escape that ends a longer message begins something.
        let mut active = message == [ESC];
        for (at, byte) in message.iter().enumerate() {
            let last = at + 1 == message.len();
            active |= self.step(*byte, last);
        }
        active
    }

    /// Whether this byte completes something a person did.
    fn step(&mut self, byte: u8, last: bool) -> bool {
        let state = std::mem::take(&mut self.state);
        match (state, byte) {
            (State::Ground, ESC) => self.to(State::Escape),
            (State::Ground, _) => true,
            (State::Escape, b'[') => self.to(State::Csi(Parameters::default())),
            // At the end of a message it is Alt and that key.
            (State::Escape, b']' | b'P' | b'_') if !last => self.to(State::String {
                read: 0,
                escape: false,
            }),
            (State::Escape, ESC) => {
                self.state = State::Escape;
                true
            }
            (State::Escape, _) => true,
            (State::Csi(parameters), b'M') if parameters.len == 0 => self.to(State::X10 {
                read: 0,
                bytes: [0; 3],
            }),
            (State::Csi(mut parameters), 0x20..=0x3f) if parameters.len < SEQUENCE_BYTES => {
                parameters.bytes[parameters.len] = byte;
                parameters.len += 1;
                self.to(State::Csi(parameters))
            }
            (State::Csi(parameters), 0x40..=0x7e) => is_key(parameters.as_slice(), byte),
            (State::Csi(_), ESC) => self.to(State::Escape),
            (State::Csi(_), _) => true,
            (State::X10 { read, mut bytes }, _) => {
                bytes[read] = byte;
                if read < 2 {
                    let read = read + 1;
                    return self.to(State::X10 { read, bytes });
                }
                let [button, column, row] = bytes;
                let wide = (0xc2..=0xdf).contains(&column) && is_continuation(row);
                self.state = State::AfterX10 { wide };
                is_click(u32::from(button).wrapping_sub(32))
            }
            (State::AfterX10 { wide: true }, 0x20..=0xff) => {
                self.to(State::AfterX10 { wide: false })
            }
            (State::AfterX10 { .. }, _) if is_continuation(byte) => {
                self.to(State::AfterX10 { wide: false })
            }
            (State::AfterX10 { .. }, _) => self.step(byte, last),
            (State::String { escape: true, .. }, b'\\') | (State::String { .. }, BEL) => false,
            (State::String { escape: true, .. }, _) => {
                // It was no answer, but keys.
                self.state = State::Escape;
                self.step(byte, last);
                true
            }
            (State::String { read, .. }, 0x20..=0x7e | ESC) if read < ANSWER_BYTES => {
                self.to(State::String {
                    read: read + 1,
                    escape: byte == ESC,
                })
            }
            (State::String { .. }, _) => true,
        }
    }

    /// Goes on; nothing was done so far.
    const fn to(&mut self, state: State) -> bool {
        self.state = state;
        false
    }
}

/// Whether a control sequence is a key or a click.
fn is_key(parameters: &[u8], last: u8) -> bool {
    match (parameters, last) {
        // The pointer, as SGR and as urxvt have it.
        ([b'<', numbers @ ..], b'M' | b'm') => is_click(number(numbers)),
        ([b'0'..=b'9', ..], b'M') => is_click(number(parameters).wrapping_sub(32)),
        // The focus.
        ([], b'I' | b'O') => false,
        // Answers: what the terminal is, its modes, its theme.
        ([b'<'..=b'?', ..], _) | ([_, ..], b'y' | b'n' | b't') => false,
        // Where the cursor is; with 1 it is F3 and a modifier.
        ([_, ..], b'R') => parameters.starts_with(b"1;") && number(&parameters[2..]) <= 16,
        _ => true,
    }
}

/// Whether a mouse report of this code is of a button pressed, held or let go.
const fn is_click(code: u32) -> bool {
    const NO_BUTTON: u32 = 3;
    const MOTION: u32 = 32;
    const WHEEL: u32 = 64;
    const MORE_BUTTONS: u32 = 128;
    let none_held = code & (NO_BUTTON | MOTION | MORE_BUTTONS) == NO_BUTTON | MOTION;
    code < 256 && code & WHEEL == 0 && !none_held
}

/// The number the parameters begin with. `bytes` are bounded, so it saturates only if made up.
fn number(bytes: &[u8]) -> u32 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u32::from(digit - b'0'))
    })
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What no driver does on purpose, in every encoding a terminal may have.
    const REPORTS: &[&[u8]] = &[
        b"\x1b[<35;10;20M",
        b"\x1b[<35;10;20m",
        b"\x1b[<39;300;200M",
        b"\x1b[<64;10;20M",
        b"\x1b[<65;10;20M",
        b"\x1b[<67;10;20M",
        b"\x1b[MC*4",
        b"\x1b[MG*4",
        b"\x1b[M`*4",
        b"\x1b[MC\x1b*",
        b"\x1b[MC\xff\xfe",
        b"\x1b[MC\xc3\xa9\xc3\xa8",
        b"\x1b[MC*\xc3\xa8",
        b"\x1b[MC\xc3\xa94",
        b"\x1b[67;10;20M",
        b"\x1b[I",
        b"\x1b[O",
        b"\x1b[?1;2c",
        b"\x1b[>0;276;0c",
        b"\x1b[?2026;2$y",
        b"\x1b[4;2$y",
        b"\x1b[0n",
        b"\x1b[?997;1n",
        b"\x1b[24;80R",
        b"\x1b[1;80R",
        b"\x1b[8;24;80t",
        b"\x1b[?0u",
        b"\x1bP>|xterm(370)\x1b\\",
        b"\x1b]11;rgb:0000/0000/0000\x1b\\",
        b"\x1b]10;rgb:ffff/ffff/ffff\x07",
    ];

    const ACTS: &[&[u8]] = &[
        b"a",
        b"\r",
        b"\x02",
        "é漢".as_bytes(),
        b"\x1b",
        b"\x1b\x1b",
        b"\x1bj",
        b"\x1b]",
        b"\x1bP",
        b"\x1b[A",
        b"\x1b[1;5A",
        b"\x1b[3~",
        b"\x1b[1;2R",
        b"\x1bOP",
        b"\x1b[97;5u",
        b"\x1b[27;5;97~",
        b"\x1b[200~text\x1b[201~",
        b"\x1b[<0;10;20M",
        b"\x1b[<2;10;20M",
        b"\x1b[<16;10;20M",
        b"\x1b[<128;10;20M",
        b"\x1b[<0;10;20m",
        b"\x1b[<32;10;20M",
        b"\x1b[M *4",
        b"\x1b[M\"*4",
        b"\x1b[M#*4",
        b"\x1b[M@*4",
        b"\x1b[32;10;20M",
        b"\x1b[35;10;20M",
        b"\x1b[Z",
        b"\x1b[c",
    ];

    #[test]
    fn reports_are_no_activity_and_keys_and_clicks_are() {
        for report in REPORTS {
            assert!(!Activity::default().is_in(report), "{report:?}");
        }
        for act in ACTS {
            assert!(Activity::default().is_in(act), "{act:?}");
        }
    }

    #[test]
    fn a_report_split_over_messages_is_one() {
        for report in REPORTS {
            // A message that is a lone escape is that key.
            for first in 2..report.len() {
                let (begin, end) = report.split_at(first);
                // So is Alt and the key that begins a string.
                if matches!(begin, b"\x1bP" | b"\x1b]") {
                    continue;
                }
                let mut activity = Activity::default();
                assert!(!activity.is_in(begin), "{begin:?} of {report:?}");
                assert!(!activity.is_in(end), "{end:?} of {report:?}");
                assert!(activity.is_in(b"x"), "after {report:?}");
            }
            let mut activity = Activity::default();
            assert!(!activity.is_in(&[report, &b"\x1b"[..]].concat()));
            assert!(
                !activity.is_in(&report[1..]),
                "{report:?} cut after its escape"
            );
        }
    }

    #[test]
    fn one_key_among_reports_is_activity() {
        // After this one a byte may be the rest of a column in UTF-8.
        for report in REPORTS
            .iter()
            .filter(|report| !report.ends_with(b"\xc3\xa9"))
        {
            for act in ACTS {
                for message in [[*report, act, report].concat(), [*act, report].concat()] {
                    assert!(Activity::default().is_in(&message), "{message:?}");
                }
            }
        }
    }

    #[test]
    fn what_never_ends_is_text() {
        let digits = [&b"\x1b["[..], &[b'1'; 100]].concat();
        assert!(Activity::default().is_in(&digits));
        let string = [&b"\x1b]1"[..], &[b'1'; 1000]].concat();
        assert!(Activity::default().is_in(&string));
        assert!(Activity::default().is_in(b"\x1b]1\r"));
    }
}
