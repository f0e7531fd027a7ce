//! [`Scanner`]: bytes from the pty in, tokens out. It owns nothing but the unfinished end of the
//! last read (an incomplete sequence or UTF-8 tail survives any cut) and knows no meanings.
//!
//! The state machine is the part of <https://vt100.net/emu/dec_ansi_parser> that UTF-8 terminals
//! keep: 8-bit controls do not exist. Every buffer is bounded; what outgrows its bound is swallowed
//! up to its proper end, never spilled into the text.

use crate::config::limits::{CLIPBOARD_SEQUENCE_BYTES, CSI_BYTES, STRING_BYTES};

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
const CAN: u8 = 0x18;
const SUB: u8 = 0x1a;
const DEL: u8 = 0x7f;
/// How an OSC begins that sets the clipboard.
pub(super) const CLIPBOARD: &[u8] = b"52;";

/// One thing the terminal is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Printable text without controls.
    Text(&'a str),
    /// A C0 control other than ESC.
    Control(u8),
    /// `ESC [intermediate] last`.
    Escape { intermediate: Option<u8>, last: u8 },
    /// `CSI … last`.
    Csi(Csi<'a>),
    /// The payload of an operating system command.
    Osc(&'a [u8]),
    /// An operating system command longer than its bound: the beginning of its payload.
    LongOsc(&'a [u8]),
    /// The payload of a device control string.
    Dcs(&'a [u8]),
}

/// A control sequence, its parameters still as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Csi<'a> {
    /// `<`, `=`, `>` or `?`.
    pub prefix: Option<u8>,
    params: &'a [u8],
    /// The last byte of 0x20..=0x2f before the final one.
    pub intermediate: Option<u8>,
    /// 0x40..=0x7e.
    pub last: u8,
}

impl<'a> Csi<'a> {
    fn parse(body: &'a [u8], last: u8) -> Self {
        let (prefix, rest) = match body {
            [p @ b'<'..=b'?', rest @ ..] => (Some(*p), rest),
            _ => (None, body),
        };
        let end = rest.iter().position(|b| *b < 0x30).unwrap_or(rest.len());
        let (params, intermediates) = rest.split_at(end);
        Self {
            prefix,
            params,
            intermediate: intermediates.last().copied(),
            last,
        }
    }

    /// The parameters, each with its `:` sub-parameters; a missing number is `None`.
    pub(super) fn params(
        &self,
    ) -> impl Iterator<Item = impl Iterator<Item = Option<u16>> + Clone + use<'a>> + Clone + use<'a>
    {
        self.params
            .split(|b| *b == b';')
            .map(|param| param.split(|b| *b == b':').map(number))
    }

    /// The plain parameter at `index`, `default` where it is missing or 0.
    pub(super) fn param(&self, index: usize, default: u16) -> u16 {
        self.params()
            .nth(index)
            .and_then(|mut subs| subs.next().flatten())
            .filter(|n| *n != 0)
            .unwrap_or(default)
    }
}

/// Saturates: whatever is over 65535 is out of any range we know.
fn number(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u16, |n, d| {
        let d = d.is_ascii_digit().then(|| u16::from(d - b'0'))?;
        Some(n.saturating_mul(10).saturating_add(d))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Escape { intermediate: Option<u8> },
    Csi,
    String { kind: Kind, escaped: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Osc,
    Dcs,
    /// APC, PM and SOS: nobody wants them, but their end must be found.
    Other,
}

/// Cuts a byte stream into [`Token`]s.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    /// The body of the sequence that is open; longer than its bound means "swallow".
    body: Vec<u8>,
    /// An incomplete UTF-8 scalar: at most three bytes, or four for an instant.
    tail: [u8; 4],
    tail_len: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Self {
            state: State::Ground,
            body: Vec::new(),
            tail: [0; 4],
            tail_len: 0,
        }
    }
}

impl Scanner {
    /// The next token and how many of `bytes` it took; no token means all were taken and more are
    /// needed. A token may take none: a broken scalar ends where the next byte begins.
    pub(super) fn next<'s>(&'s mut self, bytes: &'s [u8]) -> (usize, Option<Token<'s>>) {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Ground if self.tail_len > 0 => {
                    let (taken, done) = self.grow_tail(byte);
                    at += taken;
                    if done {
                        let len = std::mem::take(&mut self.tail_len);
                        let text = str::from_utf8(&self.tail[..len]).unwrap_or("\u{fffd}");
                        return (at, Some(Token::Text(text)));
                    }
                }
                State::Ground => match byte {
                    ESC => {
                        self.state = State::Escape { intermediate: None };
                        at += 1;
                    }
                    DEL => at += 1,
                    0..0x20 => return (at + 1, Some(Token::Control(byte))),
                    _ => {
                        let run = &bytes[at..];
                        let end = run
                            .iter()
                            .position(|b| *b < 0x20 || *b == DEL)
                            .unwrap_or(run.len());
                        match text(&run[..end]) {
                            (0, None) => {
                                // The scalar is cut here; or it is broken by what follows, which
                                // grow_tail will find.
                                self.tail[..end].copy_from_slice(&run[..end]);
                                self.tail_len = end;
                                at += end;
                            }
                            (len, text) => return (at + len, text.map(Token::Text)),
                        }
                    }
                },
                State::Escape { intermediate } => {
                    at += 1;
                    if let Some(token) = self.escape(intermediate, byte) {
                        return (at, Some(token));
                    }
                }
                State::Csi => {
                    at += 1;
                    match byte {
                        0x40..=0x7e => {
                            self.state = State::Ground;
                            if self.body.len() <= CSI_BYTES {
                                return (at, Some(Token::Csi(Csi::parse(&self.body, byte))));
                            }
                        }
                        ESC => self.state = State::Escape { intermediate: None },
                        CAN | SUB => self.state = State::Ground,
                        0x20..=0x3f if self.body.len() <= CSI_BYTES => self.body.push(byte),
                        _ => {}
                    }
                }
                State::String { kind, escaped } => {
                    let (taken, done) = self.string(kind, escaped, &bytes[at..]);
                    at += taken;
                    if done {
                        let fits = self.body.len() <= self.string_bound(kind);
                        match kind {
                            Kind::Osc if fits => return (at, Some(Token::Osc(&self.body))),
                            Kind::Osc => return (at, Some(Token::LongOsc(&self.body))),
                            Kind::Dcs if fits => return (at, Some(Token::Dcs(&self.body))),
                            Kind::Dcs | Kind::Other => {}
                        }
                    }
                }
            }
        }
        (at, None)
    }

    /// The unfinished end of what was read, for a scanner that reads the rest.
    pub(super) fn pending(&self) -> Vec<u8> {
        let (start, body): (&[u8], &[u8]) = match self.state {
            State::Ground => (b"", &self.tail[..self.tail_len]),
            State::Escape { .. } => (b"\x1b", b""),
            State::Csi => (b"\x1b[", &self.body),
            State::String { kind, .. } => match kind {
                Kind::Osc => (b"\x1b]", &self.body),
                Kind::Dcs => (b"\x1bP", &self.body),
                Kind::Other => (b"\x1b_", b""),
            },
        };
        let end: &[u8] = match &self.state {
            State::Escape {
                intermediate: Some(byte),
            } => std::slice::from_ref(byte),
            State::String { escaped: true, .. } => b"\x1b",
            _ => b"",
        };
        [start, body, end].concat()
    }

    /// Adds `byte` to the unfinished scalar: (bytes taken, whether it is finished or broken).
    fn grow_tail(&mut self, byte: u8) -> (usize, bool) {
        if !(0x80..0xc0).contains(&byte) {
            return (0, true);
        }
        self.tail[self.tail_len] = byte;
        self.tail_len += 1;
        match str::from_utf8(&self.tail[..self.tail_len]) {
            Ok(_) => (1, true),
            Err(e) if e.error_len().is_none() => (1, false),
            Err(_) => {
                self.tail_len -= 1;
                (0, true)
            }
        }
    }

    fn escape(&mut self, intermediate: Option<u8>, byte: u8) -> Option<Token<'static>> {
        self.state = State::Ground;
        let string = |kind| State::String {
            kind,
            escaped: false,
        };
        match byte {
            0x20..=0x2f => {
                self.state = State::Escape {
                    intermediate: Some(byte),
                }
            }
            ESC => self.state = State::Escape { intermediate: None },
            0..0x20 | DEL.. => {}
            _ if intermediate.is_some() => {
                return Some(Token::Escape {
                    intermediate,
                    last: byte,
                });
            }
            b'[' => {
                self.body.clear();
                self.state = State::Csi;
            }
            b']' => self.state = string(Kind::Osc),
            b'P' => self.state = string(Kind::Dcs),
            b'X' | b'^' | b'_' => self.state = string(Kind::Other),
            _ => {
                return Some(Token::Escape {
                    intermediate: None,
                    last: byte,
                });
            }
        }
        if matches!(self.state, State::String { .. }) {
            self.body.clear();
            self.body.shrink_to(CSI_BYTES);
        }
        None
    }

    /// Takes string bytes: (bytes taken, whether the string has properly ended).
    fn string(&mut self, kind: Kind, escaped: bool, bytes: &[u8]) -> (usize, bool) {
        if escaped {
            // ESC ends the string whatever follows; only `\` belongs to it.
            self.state = State::Ground;
            if bytes[0] == b'\\' {
                return (1, true);
            }
            self.state = State::Escape { intermediate: None };
            return (0, false);
        }
        let end = bytes
            .iter()
            .position(|b| matches!(*b, ESC | CAN | SUB) || (*b == BEL && kind == Kind::Osc))
            .unwrap_or(bytes.len());
        if kind != Kind::Other {
            self.extend_string(kind, &bytes[..end]);
        }
        match bytes.get(end) {
            None => (end, false),
            Some(&ESC) => {
                self.state = State::String {
                    kind,
                    escaped: true,
                };
                (end + 1, false)
            }
            Some(&last) => {
                self.state = State::Ground;
                (end + 1, last == BEL)
            }
        }
    }
}

impl Scanner {
    /// Appends to the open string, up to one byte over its bound, which marks it as too long.
    fn extend_string(&mut self, kind: Kind, bytes: &[u8]) {
        // Only the first bytes of an OSC tell which bound it has.
        let (start, rest) = bytes.split_at(bytes.len().min(CLIPBOARD.len()));
        for piece in [start, rest] {
            let room = (self.string_bound(kind) + 1).saturating_sub(self.body.len());
            self.body.extend_from_slice(&piece[..piece.len().min(room)]);
        }
    }

    /// The most bytes the open string may have.
    fn string_bound(&self, kind: Kind) -> usize {
        if kind == Kind::Osc && self.body.starts_with(CLIPBOARD) {
            CLIPBOARD_SEQUENCE_BYTES
        } else {
            STRING_BYTES
        }
    }
}

/// The longest valid start of `run`, or one replacement character for a broken byte; nothing where
/// the whole run is the start of one scalar.
fn text(run: &[u8]) -> (usize, Option<&str>) {
    match str::from_utf8(run) {
        Ok(text) => (run.len(), Some(text)),
        Err(e) if e.valid_up_to() > 0 => {
            let valid = &run[..e.valid_up_to()];
            (valid.len(), str::from_utf8(valid).ok())
        }
        Err(e) => match e.error_len() {
            Some(len) => (len, Some("\u{fffd}")),
            None => (0, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(chunks: &[&[u8]]) -> Vec<String> {
        let mut scanner = Scanner::default();
        let mut out: Vec<String> = Vec::new();
        for chunk in chunks {
            let mut rest = *chunk;
            while !rest.is_empty() {
                let (n, token) = scanner.next(rest);
                assert!(n > 0 || token.is_some(), "no progress on {rest:?}");
                rest = &rest[n..];
                match token {
                    // Where a text is cut is no property of the stream.
                    Some(Token::Text(text)) => match out.last_mut() {
                        Some(last) if last.starts_with("text ") => last.push_str(text),
                        _ => out.push(format!("text {text}")),
                    },
                    Some(token) => out.push(format!("{token:?}")),
                    None => assert!(rest.is_empty()),
                }
            }
        }
        out
    }

    #[test]
    fn every_kind_of_token() {
        let stream = "aé\x1b[1;38:2::1:2:3m\x1b(B\x1bM\x1b]0;t\x07\x1b]2;u\x1b\\\x1bP=1s\x1b\\\x1b_x\x1b\\z\n";
        let seen = tokens(&[stream.as_bytes()]);
        assert_eq!(seen.len(), 9, "{seen:#?}");
        assert_eq!(seen[0], "text aé");
        assert!(seen[6].starts_with("Dcs"), "{seen:#?}");
        assert_eq!(seen[7], "text z");
    }

    #[test]
    fn cut_anywhere_gives_the_same_tokens() {
        let stream =
            "x❤️\x1b[?2026h\u{1F600}\x1b]8;;http://a/\x1b\\b\x1bP=2s\x1b\\\x1b[4:3;58:5:9m"
                .as_bytes();
        let whole = tokens(&[stream]);
        for cut in 0..stream.len() {
            assert_eq!(
                whole,
                tokens(&[&stream[..cut], &stream[cut..]]),
                "cut at {cut}"
            );
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(whole, tokens(&bytes));
    }

    #[test]
    fn a_string_over_its_bound_is_swallowed_to_its_end() {
        for (start, bound) in [("P", STRING_BYTES), ("_", STRING_BYTES)] {
            let stream = format!("a\x1b{start}{}\x1b\\b", "A".repeat(bound + 1));
            assert_eq!(tokens(&[stream.as_bytes()]), ["text ab"]);
        }
    }

    #[test]
    fn a_command_has_the_bound_of_its_kind() {
        for (start, bound) in [
            ("2;", STRING_BYTES),
            ("520;", STRING_BYTES),
            ("52;", CLIPBOARD_SEQUENCE_BYTES),
        ] {
            for (length, kind) in [(bound, "Osc"), (bound + 1, "LongOsc")] {
                let body = format!("{start}{}", "A".repeat(length - start.len()));
                let stream = format!("a\x1b]{body}\x07b").into_bytes();
                for chunk in [1, 1000, stream.len()] {
                    let mut scanner = Scanner::default();
                    let mut found = Vec::new();
                    for mut bytes in stream.chunks(chunk) {
                        while !bytes.is_empty() {
                            let (taken, token) = scanner.next(bytes);
                            match token {
                                Some(Token::Osc(seen)) => found.push(("Osc", seen.len())),
                                Some(Token::LongOsc(seen)) => found.push(("LongOsc", seen.len())),
                                _ => {}
                            }
                            bytes = &bytes[taken..];
                        }
                    }
                    assert_eq!(found, [(kind, length)], "{start} in pieces of {chunk}");
                    assert!(scanner.body.capacity() <= 2 * bound + CSI_BYTES);
                }
            }
        }
    }

    #[test]
    fn broken_utf8_is_one_replacement() {
        assert_eq!(tokens(&[b"a\xffb"]), ["text a\u{fffd}b"]);
        assert_eq!(tokens(&[b"a\xe2\x82", b"b"]), ["text a\u{fffd}b"]);
        assert_eq!(tokens(&[b"\xe2\x82\n"]), ["text \u{fffd}", "Control(10)"]);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_cut_anywhere(bytes in proptest::collection::vec(any::<u8>(), 0..400), cut in 0usize..400) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(tokens(&[&bytes]), tokens(&[&bytes[..cut], &bytes[cut..]]));
        }

        #[test]
        fn another_scanner_goes_on_from_what_is_pending(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), proptest::sample::select(&b"\x1b[]P_^\\\x07;?1hm\xe6\xbc"[..])], 0..60),
            cut in 0usize..60,
        ) {
            let (before, after) = bytes.split_at(cut.min(bytes.len()));
            let mut scanner = Scanner::default();
            let mut rest = before;
            while !rest.is_empty() {
                let (taken, _) = scanner.next(rest);
                rest = &rest[taken..];
            }
            let pending = scanner.pending();
            let mut same = Scanner::default();
            let mut rest = &pending[..];
            while !rest.is_empty() {
                let (taken, token) = same.next(rest);
                prop_assert_eq!(token, None);
                rest = &rest[taken..];
            }
            let (mut on, mut anew) = (after, after);
            loop {
                let ((taken, token), (taken_anew, token_anew)) = (scanner.next(on), same.next(anew));
                prop_assert_eq!((taken, &token), (taken_anew, &token_anew));
                if token.is_none() {
                    break;
                }
                (on, anew) = (&on[taken..], &anew[taken..]);
            }
        }
    }
}
