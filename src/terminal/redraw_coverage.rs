//! [`Drawn`]: which rows a synchronised update has drawn, as far as its cursor movements tell. Once
//! too much is due to a client, tmux throws the rest of an update away and still ends it (`tty.c`,
//! `tty_block_maybe`); an update that drew every row is whole all the same.
//!
//! A guess on the safe side: rows reached by automatic wrap are not counted.

use crate::terminal::parser::Token;

/// The rows of one update.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    rows: Vec<bool>,
    count: usize,
    row: usize,
}

impl Drawn {
    /// For a grid of so many rows.
    pub(super) fn new(rows: u16) -> Self {
        Self {
            rows: vec![false; usize::from(rows)],
            count: 0,
            row: 0,
        }
    }

    /// A new update begins.
    pub(super) fn begin(&mut self) {
        self.rows.fill(false);
        self.count = 0;
    }

    /// Takes note of where a token moves the cursor and whether it draws there.
    pub(super) fn follow(&mut self, token: &Token<'_>) {
        match token {
            Token::Text(_) => self.mark(),
            Token::Control(0x0a..=0x0c) => self.go(self.row + 1),
            Token::Escape {
                intermediate: None,
                last: b'M',
            } => self.go(self.row.saturating_sub(1)),
            Token::Csi(csi) if csi.prefix.is_none() && csi.intermediate.is_none() => {
                let first = usize::from(csi.param(0, 1));
                match csi.last {
                    b'H' | b'f' | b'd' => self.go(first - 1),
                    b'A' | b'F' => self.go(self.row.saturating_sub(first)),
                    b'B' | b'E' => self.go(self.row + first),
                    b'r' => self.go(0),
                    b'K' | b'X' => self.mark(),
                    b'J' => {
                        let row = self.row;
                        let from = match csi.param(0, 0) {
                            0 => row,
                            2 => 0,
                            _ => return,
                        };
                        for erased in from..self.rows.len() {
                            self.go(erased);
                            self.mark();
                        }
                        self.go(row);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn go(&mut self, row: usize) {
        self.row = row.min(self.rows.len().saturating_sub(1));
    }

    fn mark(&mut self) {
        if let Some(row) = self.rows.get_mut(self.row)
            && !std::mem::replace(row, true)
        {
            self.count += 1;
        }
    }

    /// Every row was drawn since the update began.
    pub(super) fn all(&self) -> bool {
        self.count == self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::parser::Scanner;

    fn all(update: &str) -> bool {
        let mut drawn = Drawn::new(3);
        drawn.begin();
        let mut scanner = Scanner::default();
        let mut rest = update.as_bytes();
        while !rest.is_empty() {
            let (n, token) = scanner.next(rest);
            if let Some(token) = token {
                drawn.follow(&token);
            }
            rest = &rest[n..];
        }
        drawn.all()
    }

    #[test]
    fn an_update_is_whole_when_every_row_was_drawn() {
        assert!(all("\x1b[Ha\r\nb\r\n\x1b[K"));
        assert!(all("\x1b[3;1Hc\x1b[Aa\x1b[1dx"));
        assert!(all("\x1b[H\x1b[J"));
        assert!(!all("\x1b[Ha\r\nb"));
        assert!(!all("\x1b[2;1H\x1b[J"));
        assert!(!all("\x1b[2;1H\x1b[1J"));
        assert!(!all("text in one row only"));
    }
}
