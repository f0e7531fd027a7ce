//! Texts in what a tmux command prints: [`field`] is the format to ask with, [`read`] gives the text
//! back.
//!
//! tmux 3.4 puts a backslash before every `$` that a letter follows when it prints something (a name, a
//! directory, a title), whatever the text was; 3.4 and 3.5 write control characters as `\033`. So none of
//! these may be in what is printed: `$` travels as two other characters, and control characters, which
//! would also forge lines and fields, become `?`. Notifications are not printed.

/// Begins each character that travels in another form. Any printable character would do.
const MARK: char = '¤';
/// What follows it if it stands for itself, and if it stands for `$`.
const MARK_ITSELF: char = '0';
/// See [`MARK_ITSELF`].
const DOLLAR: char = '1';

/// The format of the text that tmux knows as `name`.
pub(in crate::tmux) fn field(name: &str) -> String {
    format!("#{{{}:{name}}}", substitutions())
}

/// The same, not wider than about `columns`.
pub(in crate::tmux) fn field_within(name: &str, columns: usize) -> String {
    format!("#{{={columns};{}:{name}}}", substitutions())
}

fn substitutions() -> String {
    format!("s|[\x01-\x1f\x7f]|?|;s|{MARK}|{MARK}{MARK_ITSELF}|;s|[$]|{MARK}{DOLLAR}|")
}

/// The text, from what tmux printed for its [`field`].
pub(in crate::tmux) fn read(printed: &str) -> String {
    let mut text = String::with_capacity(printed.len());
    let mut characters = printed.chars();
    while let Some(character) = characters.next() {
        if character != MARK {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some(MARK_ITSELF) => text.push(MARK),
            Some(DOLLAR) => text.push('$'),
            // Cut here by a limit of columns.
            None => {}
            Some(other) => text.extend([MARK, other]),
        }
    }
    text
}

#[cfg(test)]
pub(in crate::tmux) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What tmux makes of [`field`]: the substitutions, carried out one after the other.
    pub(in crate::tmux) fn substituted(text: &str) -> String {
        text.replace(|c: char| matches!(c, '\x01'..='\x1f' | '\x7f'), "?")
            .replace(MARK, &format!("{MARK}{MARK_ITSELF}"))
            .replace('$', &format!("{MARK}{DOLLAR}"))
    }

    /// How tmux 3.4 prints: `utf8_strvis` with `VIS_OCTAL|VIS_CSTYLE|VIS_NOSLASH`, which there escapes a
    /// `$` without being asked to.
    pub(in crate::tmux) fn printed_by_3_4(text: &str) -> String {
        let mut printed = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let next = characters.peek();
            if character == '$'
                && next.is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '_' | '{'))
            {
                printed.push('\\');
            }
            if character.is_ascii_control() && !matches!(character, '\t' | '\n') {
                printed.push_str(&format!("\\{:03o}", u32::from(character)));
            } else {
                printed.push(character);
            }
        }
        printed
    }

    #[test]
    fn a_text_is_what_it_was_whatever_tmux_prints_it_with() {
        for text in [
            "$HOME",
            "a$b ${c} $_d $1 $",
            r"\$HOME \\ \033",
            "5¤ $x¤1",
            "漢字 #{x}",
        ] {
            let asked = substituted(text);
            assert_eq!(read(&asked), text);
            assert_eq!(read(&printed_by_3_4(&asked)), text);
        }
        assert_eq!(
            printed_by_3_4("$HOME $1"),
            r"\$HOME $1",
            "what it does otherwise"
        );
        assert_eq!(read("cut ¤"), "cut ");
        assert_eq!(
            read(&printed_by_3_4(&substituted("a\x1bb\nc\x7f"))),
            "a?b?c?"
        );
    }

    proptest! {
        #[test]
        fn any_text(text in "[ -~¤é漢\u{f8ff}]{0,40}") {
            prop_assert_eq!(&read(&printed_by_3_4(&substituted(&text))), &text);
            prop_assert_eq!(&read(&substituted(&text)), &text);
        }
    }
}
