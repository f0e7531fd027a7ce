//! [`Parser`]: the lines tmux sends to a control client. Bytes go in, cut anywhere, of any kind;
//! events come out. Pure, never panics, and holds a bounded amount.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::NOTIFICATION_BYTES;
use crate::tmux::control::event;
use crate::tmux::control::event::Event;

/// The parser and what it has not made an event of yet.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// Inside the output of a command: the time, number and flags that `%begin` gave and its end
    /// repeats. A line of output that merely looks like an end does not.
    block: Option<String>,
}

impl Parser {
    /// Takes bytes in and hands every event to `sink`, in order.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Event)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.extend(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            if let Some(event) = self.line(&line) {
                sink(event);
            }
            // Its memory serves the next line.
            self.line = line;
            self.line.clear();
        }
        self.extend(rest);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = NOTIFICATION_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) -> Option<Event> {
        let cut = line.len() >= NOTIFICATION_BYTES;
        let line = String::from_utf8_lossy(line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if let Some(tag) = &self.block {
            let ends = |word| line.strip_prefix(word) == Some(tag.as_str());
            if ends("%end ") || ends("%error ") {
                self.block = None;
            }
            return None;
        }
        if let Some(tag) = line.strip_prefix("%begin ") {
            self.block = Some(tag.to_owned());
            return None;
        }
        if cut {
            // Something changed, but it does not fit: have everything asked again.
            return Some(Event::Reset);
        }
        event::read(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmux::SessionId;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Vec<Event> {
        let mut events = vec![];
        Parser::default().feed(bytes, |event| events.push(event));
        events
    }

    fn renamed(name: &str) -> Event {
        let id = SessionId(1);
        let name = name.to_owned();
        Event::SessionRenamed { id, name }
    }

    const RECORDED: &[u8] = b"%begin 1796074806 271 0\n%end 1796074806 271 0\n%sessions-changed\n%session-renamed $1 b c\n%client-detached /dev/pts/4\n%exit\n";

    #[test]
    fn recorded_notifications_are_read() {
        let client = "/dev/pts/4".to_owned();
        assert_eq!(
            parse(RECORDED),
            [
                Event::SessionsChanged,
                renamed("b c"),
                Event::ClientDetached { client }
            ]
        );
    }

    #[test]
    fn output_of_commands_may_look_like_notifications() {
        let bytes = b"%begin 1 2 1\n%end 1 3 1\n%exit\n%begin 9 9 1\n%sessions-changed\n\xff\n\n%end 1 2 1\n%session-renamed $1 x\n";
        assert_eq!(parse(bytes), [renamed("x")]);
    }

    #[test]
    fn a_notification_that_does_not_fit_stands_for_any_change() {
        let mut bytes = b"%session-renamed $1 ".to_vec();
        bytes.extend(vec![b'x'; NOTIFICATION_BYTES * 2]);
        bytes.extend(b"\n%session-renamed $1 x\n");
        assert_eq!(parse(&bytes), [Event::Reset, renamed("x")]);
    }

    proptest! {
        #[test]
        fn any_bytes_cut_anywhere_give_the_same_events(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'%')], 0..400),
            cuts in prop::collection::vec(0usize..400, 0..8),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c <= bytes.len()).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut parser = Parser::default();
            let mut parts = vec![];
            let mut from = 0;
            for cut in cuts {
                parser.feed(&bytes[from..cut], |event| parts.push(event));
                from = cut;
            }
            prop_assert_eq!(parse(&bytes), parts);
        }

        #[test]
        fn a_recording_cut_anywhere_gives_the_same_events(at in 0usize..RECORDED.len()) {
            let mut parser = Parser::default();
            let mut events = vec![];
            parser.feed(&RECORDED[..at], |event| events.push(event));
            parser.feed(&RECORDED[at..], |event| events.push(event));
            prop_assert_eq!(events, parse(RECORDED));
        }

        #[test]
        fn lines_of_any_content_never_panic(lines in prop::collection::vec(
            ("(%begin|%end|%error|%exit|%session-renamed|%session-window-changed|%client-detached|x)", "[ $@:0-9a-z\t\x1e]{0,40}"), 0..30)) {
            let text: String = lines.iter().map(|(kind, rest)| format!("{kind} {rest}\n")).collect();
            parse(text.as_bytes());
        }
    }
}
