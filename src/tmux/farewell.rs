//! [`Farewell`]: separates a tmux client's picture from its leaving. Pure.
//!
//! In go the bytes of the pty, cut anywhere; out come those that draw. When a client ends or is
//! suspended it first clears the screen and only then says why, some milliseconds before the pty
//! closes. That is no picture, and nobody should see it, so from tmux's "leave keypad mode" (which
//! it sends at no other time) everything is held until the client returns to its screen.

/// `rmkx`: the first thing of a farewell that nothing else contains.
const LEAVE: &[u8] = b"\x1b[?1l\x1b>";
/// `smcup`: the client shows its screen (again).
const ENTER: &[u8] = b"\x1b[?1049h";
/// `rmcup`: what follows is plain text.
const LEFT: &[u8] = b"\x1b[?1049l";
/// More than this is no farewell: a lock program prints into our terminal, or a program faked the
/// mark. It is let through.
const HELD_BYTES: usize = 4096;
/// How much of the end is kept to read the reason from.
const RECENT_BYTES: usize = 1024;

/// The filter and its memory.
#[derive(Debug, Default)]
pub(super) struct Farewell {
    /// Bytes held: a possible beginning of [`LEAVE`], or all since it.
    held: Vec<u8>,
    leaving: bool,
    entered: bool,
    recent: Vec<u8>,
}

impl Farewell {
    /// That of a client which showed its screen before.
    pub(super) fn resumed() -> Self {
        Self {
            entered: true,
            ..Self::default()
        }
    }

    /// What is held.
    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes bytes in and appends those that draw to `out`.
    pub(super) fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.entered {
            let before = self.recent.len().saturating_sub(ENTER.len() - 1);
            self.entered = find(&[&self.recent[before..], bytes].concat(), ENTER).is_some();
        }
        self.remember(bytes);
        self.held.extend_from_slice(bytes);
        loop {
            if self.leaving {
                if let Some(at) = find(&self.held, ENTER) {
                    self.held.drain(..at);
                    self.leaving = false;
                    continue;
                }
                if self.held.len() > HELD_BYTES {
                    self.release(out);
                }
                return;
            }
            if let Some(at) = find(&self.held, LEAVE) {
                self.show(at, out);
                self.leaving = true;
                continue;
            }
            let keep = (1..LEAVE.len())
                .rev()
                .find(|n| self.held.ends_with(&LEAVE[..*n]))
                .unwrap_or(0);
            self.show(self.held.len() - keep, out);
            return;
        }
    }

    fn show(&mut self, n: usize, out: &mut Vec<u8>) {
        out.extend(self.held.drain(..n));
    }

    fn remember(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(RECENT_BYTES)..];
        let excess = (self.recent.len() + bytes.len()).saturating_sub(RECENT_BYTES);
        self.recent.drain(..excess);
        self.recent.extend_from_slice(bytes);
    }

    /// Whether the client is leaving its screen.
    pub(super) fn leaving(&self) -> bool {
        self.leaving
    }

    /// Whether it has left without a word: so it ends, or is suspended.
    pub(super) fn silent(&self) -> bool {
        self.leaving && self.held.ends_with(LEFT)
    }

    /// It was no farewell after all: lets what was held pass.
    pub(super) fn release(&mut self, out: &mut Vec<u8>) {
        self.leaving = false;
        out.append(&mut self.held);
    }

    /// Whether the client ever showed its screen.
    pub(super) fn entered(&self) -> bool {
        self.entered
    }

    /// The plain text at the end: why it left, or why it never came.
    pub(super) fn words(&self) -> String {
        let from = self
            .recent
            .windows(LEFT.len())
            .rposition(|w| w == LEFT)
            .map_or(0, |at| at + LEFT.len());
        String::from_utf8_lossy(&self.recent[from..])
            .trim()
            .to_owned()
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    // Every needle here begins with ESC, which is rare in text.
    while let Some(at) = bytes[from..].iter().position(|b| *b == needle[0]) {
        if bytes[from + at..].starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DETACH: &[u8] = b"\x1b[1;7r\x1b[m\x0f\x1b[?1l\x1b>\x1b[H\x1b[J\x1b[34h\x1b[?25h\x1b[?1000l\x1b[?1049l[detached (from session a)]\r\n";

    fn cut(parts: &[&[u8]]) -> (Farewell, Vec<u8>) {
        let mut farewell = Farewell::default();
        let mut out = vec![];
        for part in parts {
            farewell.feed(part, &mut out);
        }
        (farewell, out)
    }

    #[test]
    fn a_farewell_is_held_wherever_it_is_cut() {
        let mut all = b"\x1b[?1049h\x1b[?1h\x1b=text".to_vec();
        all.extend_from_slice(DETACH);
        for at in 0..all.len() {
            let (farewell, out) = cut(&[&all[..at], &all[at..]]);
            assert_eq!(out, b"\x1b[?1049h\x1b[?1h\x1b=text\x1b[1;7r\x1b[m\x0f");
            assert!(farewell.leaving() && farewell.entered() && !farewell.silent());
            assert_eq!(farewell.words(), "[detached (from session a)]");
        }
    }

    #[test]
    fn a_suspended_client_goes_on_where_it_enters_again() {
        let (farewell, out) = cut(&[
            b"a\x1b[?1l\x1b>\x1b[H\x1b[J\x1b[?1049l",
            b"\x1b[?10",
            b"49hb",
        ]);
        assert_eq!(out, b"a\x1b[?1049hb");
        assert!(!farewell.leaving());
    }

    #[test]
    fn a_faked_mark_is_let_through_in_the_end() {
        let (mut farewell, mut out) = cut(&[b"\x1b[?1l\x1b>x"]);
        assert!(out.is_empty() && farewell.leaving() && !farewell.silent());
        farewell.release(&mut out);
        assert_eq!(out, b"\x1b[?1l\x1b>x");
        let long = [b"\x1b[?1l\x1b>".to_vec(), vec![b'x'; HELD_BYTES]].concat();
        assert_eq!(cut(&[&long]).1, long);
    }

    #[test]
    fn a_refusal_is_all_words() {
        let (farewell, _) = cut(&[b"can't find session: $9\r\n"]);
        assert!(!farewell.entered());
        assert_eq!(farewell.words(), "can't find session: $9");
    }

    proptest! {
        #[test]
        fn what_is_no_farewell_passes_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let all = parts.concat();
            prop_assume!(find(&all, LEAVE).is_none());
            let mut farewell = Farewell::default();
            let mut out = vec![];
            for part in &parts { farewell.feed(part, &mut out); }
            prop_assert!(all.starts_with(&out));
            prop_assert!(all.len() - out.len() < LEAVE.len());
        }
    }
}
