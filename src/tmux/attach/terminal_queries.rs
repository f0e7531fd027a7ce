//! [`Queries`]: finds what tmux asks the terminal of our client, and writes the answers. Pure.
//!
//! tmux asks its client's terminal what it is, which colours it has and whether it can synchronise.
//! While answers are due, tmux 3.6 and later hold a lone Escape back for half a second, and programs
//! that ask for colours are told black on black. So every question is answered, and only what was
//! asked: an answer that tmux does not wait for reaches the program as typed text.
//!
//! The answers claim as little as possible. A terminal that looks like a modern xterm would be sent
//! margins and rectangles, which our terminal does not draw.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::tmux::theme::{Rgb, Theme};

/// DA1: a VT100 with the advanced video option.
const PRIMARY: &[u8] = b"\x1b[?1;2c";
/// DA2: a VT100 of version 0.
const SECONDARY: &[u8] = b"\x1b[>0;0;0c";
/// XTVERSION. tmux shows it as `client_termtype` and knows no terminal of this name.
const NAME: &str = concat!("\x1bP>|muxview ", env!("CARGO_PKG_VERSION"), "\x1b\\");
/// How the name of every muxview's terminal begins, as tmux shows it.
pub(in crate::tmux) const TERMINAL_NAME: &str = "muxview ";
/// DECRPM for mode 2026: known, and reset.
const SYNCHRONISED: &[u8] = b"\x1b[?2026;2$y";
/// Longer sequences are no questions.
const LONGEST: usize = 24;

/// What was asked so far.
#[derive(Debug, Default)]
pub(in crate::tmux) struct Queries {
    state: State,
    /// Parameters of the sequence being read.
    sequence: Vec<u8>,
    /// Asked once per client; a second answer would be taken for input.
    answered: Vec<Once>,
    /// Colours were asked for, so tmux takes them when they change, too.
    colours: bool,
    /// tmux wants to know when the theme changes (`?2031`).
    subscribed: bool,
    /// tmux takes an Escape key that is told from the beginning of a sequence (`?7727`).
    application_escape: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi,
    Osc,
    /// After an ESC inside an OSC: its end, if a backslash follows.
    OscEscape,
}

/// Questions that tmux asks once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    Primary,
    Secondary,
    Name,
    Synchronised,
}

impl Queries {
    /// Reads what tmux wrote to the terminal, cut anywhere, and appends answers.
    pub(in crate::tmux) fn feed(&mut self, bytes: &[u8], theme: &Theme, answers: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.state == State::Ground {
                let Some(escape) = memchr::memchr(0x1b, rest) else {
                    return;
                };
                self.state = State::Escape;
                rest = &rest[escape + 1..];
                continue;
            }
            rest = after;
            self.step(byte, theme, answers);
        }
    }

    fn step(&mut self, byte: u8, theme: &Theme, answers: &mut Vec<u8>) {
        self.state = match (self.state, byte) {
            (State::Osc, 0x1b) => State::OscEscape,
            (State::Osc, 0x07) | (State::OscEscape, b'\\') => {
                self.osc(theme, answers);
                State::Ground
            }
            // An ESC ends whatever was begun.
            (_, 0x1b) => State::Escape,
            (State::Escape | State::OscEscape, b'[') => self.begin(State::Csi),
            (State::Escape | State::OscEscape, b']') => self.begin(State::Osc),
            (State::Csi, 0x40..=0x7e) => {
                self.csi(byte, theme, answers);
                State::Ground
            }
            (State::Csi | State::Osc, 0x20..) => {
                // What is too long is cut, so that it matches nothing.
                if self.sequence.len() < LONGEST {
                    self.sequence.push(byte);
                }
                self.state
            }
            (State::Osc, _) => State::Osc,
            _ => State::Ground,
        };
    }

    fn begin(&mut self, state: State) -> State {
        self.sequence.clear();
        state
    }

    fn csi(&mut self, last: u8, theme: &Theme, answers: &mut Vec<u8>) {
        match (&self.sequence[..], last) {
            (b"" | b"0", b'c') => self.once(Once::Primary, PRIMARY, answers),
            (b">" | b">0", b'c') => self.once(Once::Secondary, SECONDARY, answers),
            (b">" | b">0", b'q') => self.once(Once::Name, NAME.as_bytes(), answers),
            (b"?2026$", b'p') => self.once(Once::Synchronised, SYNCHRONISED, answers),
            (b"?996", b'n') => answers.extend_from_slice(scheme(theme)),
            (b"?2031", b'h' | b'l') => self.subscribed = last == b'h',
            (b"?7727", b'h' | b'l') => self.application_escape = last == b'h',
            _ => {}
        }
    }

    fn once(&mut self, what: Once, answer: &[u8], answers: &mut Vec<u8>) {
        if !self.answered.contains(&what) {
            self.answered.push(what);
            answers.extend_from_slice(answer);
        }
    }

    fn osc(&mut self, theme: &Theme, answers: &mut Vec<u8>) {
        match &self.sequence[..] {
            b"10;?" => {
                self.colours = true;
                answers.extend(colour("10", theme.foreground));
            }
            b"11;?" => {
                self.colours = true;
                answers.extend(colour("11", theme.background));
            }
            other => answers.extend(palette(other).unwrap_or_default()),
        }
    }

    /// What tmux has asked and set, as it would write it: read again, it gives the same state.
    pub(in crate::tmux) fn seen(&self) -> Vec<u8> {
        let once = self.answered.iter().map(|once| match once {
            Once::Primary => &b"\x1b[c"[..],
            Once::Secondary => b"\x1b[>c",
            Once::Name => b"\x1b[>q",
            Once::Synchronised => b"\x1b[?2026$p",
        });
        let set = [
            (self.colours, &b"\x1b]10;?\x1b\\"[..]),
            (self.subscribed, b"\x1b[?2031h"),
            (self.application_escape, b"\x1b[?7727h"),
        ];
        let set = set.into_iter().filter_map(|(is, seen)| is.then_some(seen));
        once.chain(set).flatten().copied().collect()
    }

    /// What to tell tmux of a changed theme without being asked: nothing, unless it takes that.
    pub(in crate::tmux) fn changed(&self, theme: &Theme) -> Vec<u8> {
        if self.subscribed {
            // It asks for the colours then. Telling them as well would be told programs twice.
            return scheme(theme).to_vec();
        }
        if !self.colours {
            return Vec::new();
        }
        let foreground = colour("10", theme.foreground);
        [foreground, colour("11", theme.background)].concat()
    }

    /// Whether tmux tells programs the colours of its clients' terminals.
    pub(in crate::tmux) const fn colours(&self) -> bool {
        self.colours
    }

    /// Whether tmux takes `ESC O [` for the Escape key, as it does not have to wait then for what
    /// may follow a lone ESC.
    pub(in crate::tmux) const fn application_escape(&self) -> bool {
        self.application_escape
    }
}

/// The answer to `?996n`, which also tells a change.
const fn scheme(theme: &Theme) -> &'static [u8] {
    if theme.dark {
        b"\x1b[?997;1n"
    } else {
        b"\x1b[?997;2n"
    }
}

fn colour(number: &str, colour: Rgb) -> Vec<u8> {
    format!("\x1b]{number};{colour}\x1b\\").into_bytes()
}

/// The answer to a program's question for a colour of the palette, which tmux 3.6 and later pass on.
/// Only for those that are the same in every theme: the cube and the greys.
fn palette(query: &[u8]) -> Option<Vec<u8>> {
    let query = std::str::from_utf8(query).ok()?;
    let number = query.strip_prefix("4;")?.strip_suffix(";?")?;
    let index: u8 = number.parse().ok()?;
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    let rgb = match index {
        0..16 => return None,
        16..232 => {
            let cell = index - 16;
            Rgb::new(level(cell / 36), level(cell / 6 % 6), level(cell % 6))
        }
        232.. => {
            let grey = 8 + 10 * (index - 232);
            Rgb::new(grey, grey, grey)
        }
    };
    Some(colour(&format!("4;{index}"), rgb))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THEME: Theme = Theme {
        foreground: Rgb::new(0x10, 0x20, 0x30),
        background: Rgb::new(0xf0, 0xf1, 0xf2),
        dark: false,
    };
    /// All that tmux 3.8 asks while it attaches.
    const OPENING: &[u8] = b"\x1b[?1049h\x1b[?2031h\x1b[?996n\x1b[c\x1b[>c\x1b[>q\x1b[?2026$p\x1b]10;?\x1b\\\x1b]11;?\x1b\\\x1b[?7727h";

    fn answers(parts: &[&[u8]]) -> (Queries, String) {
        let mut queries = Queries::default();
        let mut answers = Vec::new();
        for part in parts {
            queries.feed(part, &THEME, &mut answers);
        }
        (queries, String::from_utf8(answers).expect("all is text"))
    }

    #[test]
    fn all_of_an_opening_is_answered_wherever_it_is_cut() {
        let expected = format!(
            "\x1b[?997;2n\x1b[?1;2c\x1b[>0;0;0c{NAME}\x1b[?2026;2$y\
             \x1b]10;rgb:1010/2020/3030\x1b\\\x1b]11;rgb:f0f0/f1f1/f2f2\x1b\\"
        );
        for at in 0..OPENING.len() {
            let (queries, answers) = answers(&[&OPENING[..at], &OPENING[at..]]);
            assert_eq!(answers, expected, "cut at {at}");
            assert!(queries.application_escape());
        }
    }

    #[test]
    fn what_is_not_asked_is_not_answered() {
        // tmux 3.3a asks two questions only.
        let opening = b"\x1b[?1049h\x1b[1;24r\x1b]0;title ESC[c\x07\x1b[>c\x1b[>q";
        let (queries, answers) = answers(&[opening]);
        assert_eq!(answers, format!("\x1b[>0;0;0c{NAME}"));
        assert!(queries.changed(&THEME).is_empty());
    }

    #[test]
    fn a_second_question_is_answered_only_where_tmux_waits_for_it() {
        let (_, answers) = answers(&[b"\x1b[c\x1b[c\x1b[>c\x1b]11;?\x07\x1b[0c\x1b]11;?\x07"]);
        let background = "\x1b]11;rgb:f0f0/f1f1/f2f2\x1b\\";
        assert_eq!(
            answers,
            format!("\x1b[?1;2c\x1b[>0;0;0c{background}{background}")
        );
    }

    #[test]
    fn what_was_seen_can_be_read_again() {
        let (queries, _) = answers(&[OPENING]);
        let (again, _) = answers(&[&queries.seen()]);
        assert_eq!(format!("{again:?}"), format!("{queries:?}"));
        assert!(answers(&[b"text"]).0.seen().is_empty());
    }

    #[test]
    fn a_change_is_told_as_tmux_takes_it() {
        let told = |asked: &[u8]| {
            let told = answers(&[asked]).0.changed(&THEME);
            String::from_utf8(told).expect("text")
        };
        assert_eq!(told(b"\x1b[?2031h\x1b]10;?\x1b\\"), "\x1b[?997;2n");
        assert_eq!(
            told(b"\x1b]10;?\x1b\\"),
            "\x1b]10;rgb:1010/2020/3030\x1b\\\x1b]11;rgb:f0f0/f1f1/f2f2\x1b\\"
        );
        assert_eq!(told(b"\x1b[>c"), "");
    }

    #[test]
    fn fixed_colours_of_the_palette_are_known() {
        let asked = b"\x1b]4;7;?\x1b\\\x1b]4;16;?\x1b\\\x1b]4;214;?\x1b\\\x1b]4;255;?\x1b\\\x1b]4;256;?\x1b\\";
        let expected = "\x1b]4;16;rgb:0000/0000/0000\x1b\\\x1b]4;214;rgb:ffff/afaf/0000\x1b\\\x1b]4;255;rgb:eeee/eeee/eeee\x1b\\";
        assert_eq!(answers(&[asked]).1, expected);
    }

    proptest! {
        #[test]
        fn other_output_asks_nothing(parts in prop::collection::vec("[ -~\u{a0}-\u{ff}\r\n]{0,40}|\x1b\\[[0-9;]{1,9}[ABHJKmr]|\x1b\\]0;[a-z?;]{0,30}\x07", 0..20)) {
            let all = parts.concat();
            let mut queries = Queries::default();
            let mut answers = Vec::new();
            queries.feed(all.as_bytes(), &THEME, &mut answers);
            prop_assert!(answers.is_empty(), "{:?} {:?}", all, answers);
        }
    }
}
