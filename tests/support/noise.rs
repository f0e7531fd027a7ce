//! Random programs: what a pane might print, from a seed that can be run again.

use std::fmt::Write as _;

/// A small generator of our own, so that a failing seed can be run again.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// What a program might print. With `wide`, half of a wide character may be overwritten: what the
/// other half's blank then looks like is each terminal's own affair (`Picture::but_blanks`).
///
/// It prints text of all widths on which all terminals agree, and every
/// sequence tmux knows, in no order.
pub fn noise(dice: &mut Dice, steps: usize, cols: u64, rows: u64, wide: bool) -> String {
    let mut out = String::new();
    for _ in 0..steps {
        let (r, c, n) = (dice.roll(rows) + 1, dice.roll(cols) + 1, dice.roll(8));
        match dice.roll(24) {
            0..=5 => {
                for _ in 0..dice.roll(30) {
                    let sides = if wide { 10 } else { 8 };
                    let char = ['a', 'Z', '7', '#', ' ', 'é', '─', 'я', '漢', '\u{1f600}'];
                    out.push(char[dice.roll(sides) as usize]);
                }
            }
            6 => {
                let _ = write!(out, "\x1b[{r};{c}H");
            }
            7 => {
                let _ = write!(out, "\x1b[{}m", dice.roll(10));
            }
            8 => {
                let _ = write!(out, "\x1b[3{n};4{}m", dice.roll(8));
            }
            9 => {
                let _ = write!(out, "\x1b[38;2;{};{n};{c}m", dice.roll(256));
            }
            10 => {
                let _ = write!(out, "\x1b[48;5;{}m", dice.roll(256));
            }
            11 => {
                let _ = write!(out, "\x1b[4:{}m", dice.roll(6));
            }
            12 => {
                let _ = write!(out, "\x1b[{}K", dice.roll(3));
            }
            13 => {
                let _ = write!(out, "\x1b[{n}@");
            }
            14 => {
                let _ = write!(out, "\x1b[{n}P");
            }
            15 => {
                let _ = write!(out, "\x1b[{n}L");
            }
            16 => {
                let _ = write!(out, "\x1b[{n}M");
            }
            17 => {
                let _ = write!(out, "\x1b[{n}X");
            }
            18 => out.push_str("\r\n"),
            19 => out.push_str("\x1bM"),
            20 => {
                let top = dice.roll(rows - 2) + 1;
                let _ = write!(
                    out,
                    "\x1b[{top};{}r\x1b[{top}H\x1b[{}{}",
                    rows.min(top + 2 + n),
                    dice.roll(4),
                    ["S", "T"][dice.roll(2) as usize]
                );
            }
            21 => {
                let _ = write!(out, "\x1b[{}J", dice.roll(2));
            }
            22 => out.push_str(
                ["\x1b[m", "\x1b[58:2::9:8:7;4m", "\x1b[53m", "\x1b[9m"][dice.roll(4) as usize],
            ),
            _ => out.push_str(
                [
                    "\x1b[r",
                    "\x1b[?25l",
                    "\x1b[?25h",
                    "\t",
                    "\x08",
                    "\x1b[?7l",
                    "\x1b[?7h",
                ][dice.roll(7) as usize],
            ),
        }
    }
    out
}
