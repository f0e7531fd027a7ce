//! [`Parser`]: the lines of tmux's control mode. Bytes go in, cut anywhere, of any kind; answers and
//! events come out. Pure, never panics, and holds a bounded amount. (A fuzz target needs only
//! [`Parser::feed`].)

use super::event::{self, Event};
use crate::config::limits::{CONTROL_LINE_BYTES, CONTROL_REPLY_BYTES};

/// What tmux says on a control client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The answer to a command.
    Reply(Reply),
    /// A change.
    Event(Event),
    /// This client is about to end.
    Exit,
}

/// One `%begin` … `%end` block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Whether it answers a line we wrote (and not the command this client was started with).
    pub ours: bool,
    /// `%end`, not `%error`.
    pub ok: bool,
    /// Its lines; bytes that are no UTF-8 are replaced.
    pub lines: Vec<String>,
    /// It was longer than we hold: the lines are not all of them.
    pub cut: bool,
}

/// The parser and what it has not made a message of yet.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    block: Option<Block>,
}

#[derive(Debug)]
struct Block {
    /// Time, number and flags as `%begin` gave them: `%end` repeats them. A line of an answer that
    /// merely looks like an end does not.
    tag: String,
    lines: Vec<String>,
    bytes: usize,
    cut: bool,
}

impl Parser {
    /// Takes bytes in and hands every whole message to `sink`, in order.
    pub fn feed(&mut self, bytes: &[u8], mut sink: impl FnMut(Message)) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|b| *b == b'\n') {
            self.extend(&rest[..end]);
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            if let Some(message) = self.line(&line) {
                sink(message);
            }
            // Its memory serves the next line.
            self.line = line;
            self.line.clear();
        }
        self.extend(rest);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = CONTROL_LINE_BYTES.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn line(&mut self, line: &[u8]) -> Option<Message> {
        let cut = line.len() >= CONTROL_LINE_BYTES;
        let line = String::from_utf8_lossy(line);
        let line = line.strip_suffix('\r').unwrap_or(&line);
        if let Some(block) = &mut self.block {
            let ended = |word: &str| {
                line.strip_prefix(word)
                    .is_some_and(|tag| tag == block.tag.as_str())
            };
            let ok = ended("%end ");
            if ok || ended("%error ") {
                let block = self.block.take()?;
                return Some(Message::Reply(Reply {
                    ours: block
                        .tag
                        .rsplit(' ')
                        .next()
                        .and_then(|flags| flags.parse::<u32>().ok())
                        .is_some_and(|flags| flags & 1 == 1),
                    ok,
                    lines: block.lines,
                    cut: block.cut,
                }));
            }
            // An empty line costs memory, too.
            block.bytes += line.len() + size_of::<String>();
            block.cut |= cut || block.bytes > CONTROL_REPLY_BYTES;
            if !block.cut {
                block.lines.push(line.to_owned());
            }
            return None;
        }
        if let Some(tag) = line.strip_prefix("%begin ") {
            self.block = Some(Block {
                tag: tag.to_owned(),
                lines: vec![],
                bytes: 0,
                cut: false,
            });
            return None;
        }
        if line == "%exit" || line.starts_with("%exit ") {
            return Some(Message::Exit);
        }
        if cut {
            // Something changed, but it does not fit: have everything asked again.
            return Some(Message::Event(Event::Reset));
        }
        event::read(line).map(Message::Event)
    }
}

/// Quotes one argument for a command line of control mode. Text of users never stands on such a line;
/// this is for formats and ids of our own.
#[must_use]
pub fn quoted(argument: &str) -> String {
    // A line break would begin a new command, whatever the quotes.
    let argument: String = argument
        .chars()
        .filter(|c| !matches!(c, '\n' | '\r' | '\0'))
        .collect();
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmux::SessionId;
    use proptest::prelude::*;

    fn parse(bytes: &[u8]) -> Vec<Message> {
        let mut messages = vec![];
        Parser::default().feed(bytes, |m| messages.push(m));
        messages
    }

    fn reply(ours: bool, ok: bool, lines: &[&str]) -> Message {
        Message::Reply(Reply {
            ours,
            ok,
            lines: lines.iter().map(|l| (*l).to_owned()).collect(),
            cut: false,
        })
    }

    const RECORDED: &[u8] = b"%begin 1795364138 277 0\n%end 1795364138 277 0\n%session-changed $0 a\n%begin 1795364110 283 1\n$0\t@0\t\tvm\ta\n$1\t@1\t\tvm\tb c\n%end 1795364110 283 1\n%begin 1795364110 284 1\ncan't find session: $9\n%error 1795364110 284 1\n%client-session-changed /dev/pts/4 $1 b c\n%exit\n";

    #[test]
    fn a_recorded_conversation_is_read() {
        assert_eq!(
            parse(RECORDED),
            [
                reply(false, true, &[]),
                reply(true, true, &["$0\t@0\t\tvm\ta", "$1\t@1\t\tvm\tb c"]),
                reply(true, false, &["can't find session: $9"]),
                Message::Event(Event::ClientSession {
                    client: "/dev/pts/4".into(),
                    session: SessionId(1)
                }),
                Message::Exit,
            ]
        );
    }

    #[test]
    fn an_answer_may_contain_what_looks_like_control_lines() {
        let bytes = b"%begin 1 2 1\n%end 1 3 1\n%exit\n%begin 9 9 1\n%sessions-changed\n\xff\n\n%end 1 2 1\n%exit now\n";
        assert_eq!(
            parse(bytes),
            [
                reply(
                    true,
                    true,
                    &[
                        "%end 1 3 1",
                        "%exit",
                        "%begin 9 9 1",
                        "%sessions-changed",
                        "\u{fffd}",
                        ""
                    ]
                ),
                Message::Exit
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_and_says_so() {
        let mut bytes = b"%begin 1 2 1\n".to_vec();
        for _ in 0..40 {
            bytes.extend(vec![b'x'; CONTROL_LINE_BYTES - 1]);
            bytes.push(b'\n');
        }
        bytes.extend(b"%end 1 2 1\n");
        bytes.extend(b"%session-renamed $1 ");
        bytes.extend(vec![b'x'; CONTROL_LINE_BYTES * 2]);
        bytes.push(b'\n');
        let messages = parse(&bytes);
        let [Message::Reply(reply), Message::Event(Event::Reset)] = &messages[..] else {
            panic!("{} messages", messages.len());
        };
        assert!(reply.cut);
        assert!(reply.lines.iter().map(String::len).sum::<usize>() <= CONTROL_REPLY_BYTES);
    }

    #[test]
    fn arguments_are_quoted_for_good() {
        assert_eq!(quoted("$3"), "'$3'");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted("a\nkill-server"), "'akill-server'");
    }

    proptest! {
        #[test]
        fn any_bytes_cut_anywhere_give_the_same_messages(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b' '), Just(b'%')], 0..400),
            cuts in prop::collection::vec(0usize..400, 0..8),
        ) {
            let whole = parse(&bytes);
            let mut parser = Parser::default();
            let mut parts = vec![];
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|c| *c <= bytes.len()).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut from = 0;
            for cut in cuts {
                parser.feed(&bytes[from..cut], |m| parts.push(m));
                from = cut;
            }
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn a_recording_cut_anywhere_gives_the_same_messages(at in 0usize..RECORDED.len()) {
            let mut parser = Parser::default();
            let mut messages = vec![];
            parser.feed(&RECORDED[..at], |m| messages.push(m));
            parser.feed(&RECORDED[at..], |m| messages.push(m));
            prop_assert_eq!(messages, parse(RECORDED));
        }

        #[test]
        fn control_lines_of_any_content_never_panic(lines in prop::collection::vec(
            ("(%begin|%end|%error|%exit|%session-renamed|%layout-change|%subscription-changed|%client-session-changed|x)", "[ $@:0-9a-z\t\x1e]{0,40}"), 0..30)) {
            let text: String = lines.iter().map(|(kind, rest)| format!("{kind} {rest}\n")).collect();
            parse(text.as_bytes());
        }
    }
}
