//! Character sets of ISO 2022, as far as terminfo uses them: ASCII, the British set and DEC's line
//! drawing. tmux switches to line drawing for the borders of panes when a configuration says that the
//! terminal has no UTF-8 (`U8=0`).

/// Line drawing, from "`" to "~". The same characters as xterm.js.
const LINES: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼',
    '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Ascii,
    British,
    Lines,
}

/// The four designated sets (G0 to G3) and which of them text is in.
#[derive(Debug)]
pub(super) struct Charsets {
    designated: [Charset; 4],
    active: usize,
}

impl Default for Charsets {
    /// G1 is line drawing from the start: the terminfo entries we use designate it once, when a client
    /// attaches (`enacs`), and a terminal that takes over a running client does not see that.
    fn default() -> Self {
        Self {
            designated: [
                Charset::Ascii,
                Charset::Lines,
                Charset::Ascii,
                Charset::Ascii,
            ],
            active: 0,
        }
    }
}

impl Charsets {
    /// `ESC intermediate last`: designates a set where the intermediate byte says so.
    pub(super) fn designate(&mut self, intermediate: u8, last: u8) {
        let slot = match intermediate {
            b'(' => 0,
            b')' => 1,
            b'*' => 2,
            b'+' => 3,
            _ => return,
        };
        self.designated[slot] = match last {
            b'0' => Charset::Lines,
            b'A' => Charset::British,
            _ => Charset::Ascii,
        };
    }

    /// SI, SO, LS2 and LS3: text is in G0, G1, G2 or G3.
    pub(super) const fn shift(&mut self, to: usize) {
        self.active = to;
    }

    /// The character that `c` stands for.
    pub(super) fn translate(&self, c: char) -> char {
        match (self.designated[self.active], c) {
            (Charset::Lines, '`'..='~') => LINES[c as usize - '`' as usize],
            (Charset::British, '#') => '£',
            _ => c,
        }
    }

    /// Whether some character of the active set is not itself.
    pub(super) fn translates(&self) -> bool {
        self.designated[self.active] != Charset::Ascii
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(charsets: &Charsets, text: &str) -> String {
        text.chars().map(|c| charsets.translate(c)).collect()
    }

    #[test]
    fn borders_are_drawn_in_either_slot() {
        let mut charsets = Charsets::default();
        assert_eq!(text(&charsets, "lqk x"), "lqk x");
        charsets.designate(b'(', b'0');
        assert_eq!(text(&charsets, "lqk x Aé_"), "┌─┐ │ Aé_");
        charsets.designate(b'(', b'B');
        assert!(!charsets.translates());
        charsets.shift(1);
        assert_eq!(text(&charsets, "`~mjtuvwn"), "◆·└┘├┤┴┬┼");
        charsets.designate(b')', b'A');
        assert_eq!(text(&charsets, "#q"), "£q");
        charsets.designate(b'#', b'0');
        charsets.shift(0);
        assert_eq!(text(&charsets, "#q"), "#q");
    }
}
