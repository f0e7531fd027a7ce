//! What `#{pane_start_command}` shows, read back into a command for the shell.
//!
//! tmux shows the arguments a pane was started with as its own parser would take them: quoted where they
//! need it, with escapes as `vis(3)` makes them. One argument is a command for the shell; several were
//! run without one.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

/// The command that starts the same again.
pub(super) fn shell_command(shown: &str) -> String {
    match &mut arguments(shown)[..] {
        [command] => std::mem::take(command),
        arguments => {
            let arguments: Vec<_> = arguments.iter().map(|word| for_shell(word)).collect();
            arguments.join(" ")
        }
    }
}

/// One word for the shell.
fn for_shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+=.,:/@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The arguments that are shown.
fn arguments(shown: &str) -> Vec<String> {
    let mut rest = shown.as_bytes();
    let mut arguments = Vec::new();
    while let Some(start) = rest.iter().position(|byte| *byte != b' ') {
        rest = &rest[start..];
        let (argument, end) = argument(rest);
        arguments.push(String::from_utf8_lossy(&argument).into_owned());
        rest = &rest[end..];
    }
    arguments
}

/// The argument at the start, and where it ends.
fn argument(shown: &[u8]) -> (Vec<u8>, usize) {
    let quote = shown.first().copied().filter(|byte| b"'\"".contains(byte));
    let end = quote.unwrap_or(b' ');
    let mut at = usize::from(quote.is_some());
    let mut argument = Vec::new();
    while let Some(&byte) = shown.get(at) {
        at += 1;
        match byte {
            _ if byte == end => break,
            b'\\' => {
                let (byte, length) = escape(&shown[at..]);
                argument.push(byte);
                at += length;
            }
            _ => argument.push(byte),
        }
    }
    (argument, at)
}

/// The byte an escape stands for, and how long that is without the backslash.
fn escape(escape: &[u8]) -> (u8, usize) {
    let octal = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    match *escape {
        [
            high @ b'0'..=b'3',
            middle @ b'0'..=b'7',
            low @ b'0'..=b'7',
            ..,
        ] => {
            let byte = octal(high) << 6 | octal(middle) << 3 | octal(low);
            (byte as u8, 3)
        }
        [b'n', ..] => (b'\n', 1),
        [b't', ..] => (b'\t', 1),
        [b'r', ..] => (b'\r', 1),
        [b's', ..] => (b' ', 1),
        [b'a', ..] => (0x07, 1),
        [b'b', ..] => (0x08, 1),
        [b'v', ..] => (0x0b, 1),
        [b'f', ..] => (0x0c, 1),
        [other, ..] => (other, 1),
        [] => (b'\\', 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmux::query::printed;
    use crate::tmux::query::printed::tests::{printed_by_3_4, substituted};
    use proptest::prelude::*;

    /// tmux's `args_escape`, the same from 3.2 to 3.8.
    fn shown(argument: &str) -> String {
        if argument.is_empty() {
            return "''".to_owned();
        }
        let double = argument.contains(|c| " #';${}%".contains(c));
        let single = !double && argument.contains('"');
        if argument.len() == 1 && argument != " " && (double || single || argument == "~") {
            return format!("\\{argument}");
        }
        let mut escaped = String::new();
        let mut characters = argument.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '$' if double
                    && characters
                        .peek()
                        .is_some_and(|c| c.is_ascii_alphabetic() || "_{".contains(*c)) =>
                {
                    escaped.push_str(r"\$");
                }
                '"' if double => escaped.push_str("\\\""),
                '\\' => escaped.push_str(r"\\"),
                '\n' => escaped.push_str(r"\n"),
                '\t' => escaped.push_str(r"\t"),
                '\r' => escaped.push_str(r"\r"),
                '\x07' => escaped.push_str(r"\a"),
                '\x08' => escaped.push_str(r"\b"),
                '\x0b' => escaped.push_str(r"\v"),
                '\x0c' => escaped.push_str(r"\f"),
                c if c.is_ascii_control() => escaped.push_str(&format!("\\{:03o}", u32::from(c))),
                c => escaped.push(c),
            }
        }
        let tilde = if escaped.starts_with('~') && !single {
            r"\"
        } else {
            ""
        };
        match (double, single) {
            (true, _) => format!("\"{tilde}{escaped}\""),
            (_, true) => format!("'{escaped}'"),
            _ => format!("{tilde}{escaped}"),
        }
    }

    #[test]
    fn one_argument_is_the_command_itself() {
        for (shown, command) in [
            ("", ""),
            ("''", ""),
            ("cat", "cat"),
            (r"\~", "~"),
            (r"\;", ";"),
            (
                r#""echo \"a  b\" \$HOME; cat""#,
                r#"echo "a  b" $HOME; cat"#,
            ),
            (r#""printf \\n; ls""#, r"printf \n; ls"),
            (r#""printf '\\033[1m\nx'""#, "printf '\\033[1m\nx'"),
            (r#"'say"x"\\'"#, r#"say"x"\"#),
            (r#""\~/bin/run 漢 #{x} %1""#, "~/bin/run 漢 #{x} %1"),
            (r"a\\b\033\303\244", "a\\b\x1bä"),
        ] {
            assert_eq!(shell_command(shown), command, "{shown}");
        }
    }

    #[test]
    fn several_arguments_are_quoted_for_the_shell() {
        for (shown, command) in [
            ("vim -R /etc/hosts", "vim -R /etc/hosts"),
            (r#""a b" "c d""#, "'a b' 'c d'"),
            (
                r#"printf "it's \$HOME\n" '' \;"#,
                "printf 'it'\\''s $HOME\n' '' ';'",
            ),
        ] {
            assert_eq!(shell_command(shown), command, "{shown}");
        }
    }

    #[test]
    fn tmux_3_4_shows_dollars_with_two_backslashes_and_ours_with_one() {
        let shown = shown("echo $HOME");
        assert_eq!(printed_by_3_4(&shown), r#""echo \\$HOME""#);
        assert_eq!(
            printed::read(&printed_by_3_4(&substituted(&shown))),
            r#""echo \$HOME""#
        );
    }

    proptest! {
        #[test]
        fn whatever_was_started_is_started_again(command in "[ -~é漢\n\t\r\x07\x1b\x7f]{0,30}", other in "[ -~\n]{0,10}") {
            let printed = printed_by_3_4(&substituted(&shown(&command)));
            prop_assert_eq!(shell_command(&printed::read(&printed)), command.as_str());
            let both = format!("{} {}", shown(&command), shown(&other));
            prop_assert_eq!(arguments(&both), [command, other]);
        }
    }
}
