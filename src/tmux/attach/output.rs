//! [`ClientOutput`]: what of a tmux client's output is a picture, and what is its way in or out.
//! Pure.
//!
//! Which sequences a client begins and ends with depends on the version and on the user's
//! `terminal-overrides`. Its terminal tells reliably: tmux takes it out of canonical mode before it
//! writes the first byte of a picture, and puts it back before it writes the first byte of leaving.
//! So every read says, besides the bytes, whether the terminal was raw right after it.
//!
//! A client that leaves clears the screen and then says why, some milliseconds before the pty closes.
//! Nobody should see that, so it is held back until the client has ended or is back.
//!
//! A hook may lock or suspend a client as it attaches. Its terminal is back in canonical mode before
//! anything was read then, so that it looks like one that is still starting.

/// `rmkx`, the first thing a client writes when it leaves, if the user's configuration has not taken
/// it away. Only used to tell the end of the picture within one read.
const LEAVE: &[u8] = b"\x1b[?1l\x1b>";
/// More than this is not the way out: a lock program prints into our terminal. It is let through.
const HELD_BYTES: usize = 4096;
/// How much of the end is kept to read the reason from.
const RECENT_BYTES: usize = 1024;

/// Where a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// Not attached yet.
    #[default]
    Starting,
    /// Its output is a picture.
    Drawing,
    /// It has left its screen: it ends, or is suspended, or locked.
    Away,
    /// It is away, and what its terminal shows is let through: a lock program.
    Shown,
}

/// The filter and its memory.
#[derive(Debug, Default)]
pub(in crate::tmux) struct ClientOutput {
    state: State,
    /// Bytes held back since the client left, or was started.
    held: Vec<u8>,
    recent: Vec<u8>,
}

impl ClientOutput {
    /// That of a client which was attached before.
    pub(in crate::tmux) fn resumed() -> Self {
        Self {
            state: State::Drawing,
            ..Self::default()
        }
    }

    /// What is held back.
    pub(in crate::tmux) fn held(&self) -> &[u8] {
        &self.held
    }

    /// Takes in the bytes of one read and whether the terminal was raw after it. Appends those that
    /// draw to `out`.
    pub(in crate::tmux) fn feed(&mut self, bytes: &[u8], raw: bool, out: &mut Vec<u8>) {
        self.turned(raw);
        remember(&mut self.recent, bytes);
        match self.state {
            State::Starting => self.hold_start(bytes),
            State::Drawing | State::Shown => out.extend_from_slice(bytes),
            State::Away => {
                // Only the first read can begin with the end of a picture.
                let drawn = if self.held.is_empty() {
                    memchr::memmem::find(bytes, LEAVE).unwrap_or(0)
                } else {
                    0
                };
                out.extend_from_slice(&bytes[..drawn]);
                self.held.extend_from_slice(&bytes[drawn..]);
                if self.held.len() > HELD_BYTES {
                    self.show(out);
                }
            }
        }
    }

    /// Holds back what came before the client was known to be attached. If it has left again already,
    /// that may begin with a picture of the session, which a lock must hide.
    fn hold_start(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let picture = memchr::memmem::find(&self.held, LEAVE).unwrap_or(0);
        let excess = self.held.len().saturating_sub(HELD_BYTES);
        self.held.drain(..picture.max(excess));
    }

    /// The terminal is raw, or is not.
    pub(in crate::tmux) fn turned(&mut self, raw: bool) {
        self.state = match (self.state, raw) {
            (State::Starting | State::Away | State::Shown, true) => State::Drawing,
            (State::Drawing, false) => State::Away,
            (state, _) => state,
        };
        if self.state == State::Drawing {
            // It draws everything anew.
            self.held.clear();
        }
    }

    /// Whether the client ever was attached.
    pub(in crate::tmux) fn attached(&self) -> bool {
        self.state != State::Starting
    }

    /// Whether nobody is shown what the client's terminal shows: it has left its screen, or is not
    /// known to be attached yet.
    pub(in crate::tmux) fn hidden(&self) -> bool {
        matches!(self.state, State::Starting | State::Away)
    }

    /// Whether the client has left its screen.
    pub(in crate::tmux) fn left(&self) -> bool {
        matches!(self.state, State::Away | State::Shown)
    }

    /// Whether keys reach tmux, or the program that runs in its place.
    pub(in crate::tmux) fn takes_input(&self) -> bool {
        matches!(self.state, State::Drawing | State::Shown)
    }

    /// Whether it has left without a word so far: it ends, or is suspended.
    pub(in crate::tmux) fn silent(&self) -> bool {
        self.hidden() && text_after_sequences(&self.held).is_empty()
    }

    /// It is away for longer: shows what its terminal shows.
    pub(in crate::tmux) fn show(&mut self, out: &mut Vec<u8>) {
        if self.hidden() {
            self.state = State::Shown;
            out.append(&mut self.held);
        }
    }

    /// The plain text at the end: why it left, or why it never came.
    pub(in crate::tmux) fn words(&self) -> String {
        text_after_sequences(&self.recent)
    }
}

fn remember(recent: &mut Vec<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(RECENT_BYTES)..];
    let excess = (recent.len() + bytes.len()).saturating_sub(RECENT_BYTES);
    recent.drain(..excess);
    recent.extend_from_slice(bytes);
}

/// What follows the last control sequence, without blanks around it. The client writes its reason
/// itself, after everything the server wrote.
fn text_after_sequences(bytes: &[u8]) -> String {
    let text = match memchr::memrchr(0x1b, bytes) {
        None => bytes,
        Some(at) => after_sequence(&bytes[at + 1..]),
    };
    String::from_utf8_lossy(text).trim().to_owned()
}

/// What follows a sequence, of which this is all but its ESC.
fn after_sequence(bytes: &[u8]) -> &[u8] {
    let end = match bytes {
        [b'[', rest @ ..] => {
            let last = rest.iter().position(|byte| matches!(byte, 0x40..=0x7e));
            last.map(|last| last + 2)
        }
        [b']' | b'P' | b'_' | b'^', rest @ ..] => rest
            .iter()
            .position(|byte| *byte == 0x07)
            .map(|bell| bell + 2),
        // Those with intermediate bytes, such as `ESC ( B`, and those without.
        _ => bytes
            .iter()
            .position(|byte| !matches!(byte, 0x20..=0x2f))
            .map(|last| last + 1),
    };
    end.map_or(&[], |end| &bytes[end..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What each version writes when a client is detached, and what some configurations make of it.
    const DETACHES: [&[u8]; 5] = [
        b"\x1b[1;24r\x1b[m\x0f\x1b[?1l\x1b>\x1b[H\x1b[J\x1b[34h\x1b[?25h\x1b[?1000l\x1b[?7727l\x1b[?1004l\x1b[?1049l[detached (from session a)]\r\n",
        b"\x1b[1;24r\x1b[m\x0f\x1b[?1l\x1b>\x1b[H\x1b[J\x1b[?25h\x1b[?2004l\x1b[?1004l\x1b[?1049l\x1b[?2031l[detached (from session a)]\r\n",
        // smcup and rmcup taken away.
        b"\x1b[1;24r\x1b[m\x0f\x1b[?1l\x1b>\x1b[H\x1b[J\x1b[?25h\x1b[?2004l\x1b[?1004l\x1b[?2031l[detached (from session a)]\r\n",
        // Nor any sequence that we know.
        b"\x1b[H\x1b[2J[detached (from session a)]\r\n",
        b"\x1b[H\x1b[2J\x1b(B\x1b]112\x07[detached (from session a)]\r\n",
    ];

    fn cut(reads: &[(&[u8], bool)]) -> (ClientOutput, Vec<u8>) {
        let mut output = ClientOutput::default();
        let mut out = vec![];
        for (bytes, raw) in reads {
            output.feed(bytes, *raw, &mut out);
        }
        (output, out)
    }

    #[test]
    fn the_way_out_is_held_wherever_it_is_cut() {
        for detach in DETACHES {
            for at in 0..detach.len() {
                let reads = [
                    (&b"\x1b[?1h\x1b=text"[..], true),
                    (&detach[..at], false),
                    (&detach[at..], false),
                ];
                let (output, out) = cut(&reads);
                assert!(out.starts_with(b"\x1b[?1h\x1b=text"));
                assert!(!out.ends_with(b"J") && !out.ends_with(b"]\r\n"), "{out:?}");
                assert!(output.left() && output.attached() && !output.takes_input());
                assert!(!output.silent());
                assert_eq!(output.words(), "[detached (from session a)]");
            }
        }
    }

    #[test]
    fn what_was_drawn_before_in_the_same_read_is_shown() {
        let (_, out) = cut(&[(b"a", true), (b"b\x1b[?1l\x1b>\x1b[H\x1b[J", false)]);
        assert_eq!(out, b"ab");
    }

    #[test]
    fn a_suspended_client_goes_on_where_it_is_raw_again() {
        let (output, out) = cut(&[
            (b"a", true),
            (b"\x1b[?1l\x1b>\x1b[H\x1b[J", false),
            (b"\x1b[H\x1b[Jb", true),
        ]);
        assert_eq!(out, b"a\x1b[H\x1b[Jb");
        assert!(!output.left() && output.takes_input());
    }

    #[test]
    fn input_is_taken_from_the_first_raw_read_on() {
        let mut output = ClientOutput::default();
        let mut out = vec![];
        output.feed(b"motd", false, &mut out);
        assert!(!output.attached() && !output.takes_input() && out.is_empty());
        output.feed(b"\x1b[H\x1b[J", true, &mut out);
        assert!(output.attached() && output.takes_input());
        assert_eq!(out, b"\x1b[H\x1b[J");
    }

    #[test]
    fn a_lock_program_is_shown() {
        let reads: [(&[u8], bool); 2] =
            [(b"a", true), (b"\x1b[?1l\x1b>\x1b[H\x1b[JPassword:", false)];
        let (mut output, mut out) = cut(&reads);
        assert_eq!(out, b"a");
        assert!(output.hidden() && !output.silent());
        output.show(&mut out);
        assert_eq!(out, b"a\x1b[?1l\x1b>\x1b[H\x1b[JPassword:");
        assert!(output.left() && output.takes_input());
        let long = [b"x".as_slice(); HELD_BYTES + 1].concat();
        assert_eq!(cut(&[(b"", true), (&long, false)]).1, long);
    }

    #[test]
    fn a_lock_program_that_runs_from_the_start_is_shown_without_the_picture_before() {
        let mut output = ClientOutput::default();
        let mut out = vec![];
        let picture = b"\x1b[?1049h\x1b[H\x1b[Jsecret".repeat(1000);
        output.feed(&picture, false, &mut out);
        output.feed(b"\x1b[?1l", false, &mut out);
        output.feed(b"\x1b>\x1b[H\x1b[JPassword:", false, &mut out);
        assert!(output.hidden() && !output.attached() && out.is_empty());
        output.show(&mut out);
        assert_eq!(out, b"\x1b[?1l\x1b>\x1b[H\x1b[JPassword:");
        assert!(output.left() && output.attached() && output.takes_input());
    }

    #[test]
    fn what_is_held_of_a_start_is_bounded() {
        let (output, out) = cut(&[(&b"x".repeat(HELD_BYTES * 2), false)]);
        assert_eq!(output.held().len(), HELD_BYTES);
        assert!(out.is_empty());
    }

    #[test]
    fn a_refusal_is_all_words() {
        let (output, out) = cut(&[(b"can't find session: $9\r\n", false)]);
        assert!(!output.attached() && out.is_empty());
        assert_eq!(output.words(), "can't find session: $9");
    }

    #[test]
    fn a_client_whose_server_died_has_not_left_its_screen() {
        let (output, _) = cut(&[(b"\x1b[5;1Htext[server exited unexpectedly]\r\n", true)]);
        assert_eq!(output.words(), "text[server exited unexpectedly]");
    }

    proptest! {
        #[test]
        fn a_picture_passes_whole(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20)) {
            let mut output = ClientOutput::default();
            let mut out = vec![];
            for part in &parts { output.feed(part, true, &mut out); }
            prop_assert_eq!(out, parts.concat());
        }

        #[test]
        fn any_bytes_have_words(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            text_after_sequences(&bytes);
        }
    }
}
