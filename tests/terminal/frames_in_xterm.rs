//! The promise: for arbitrary pairs of screens, *previous screen + frame = next screen* in a real
//! xterm.js, too, not only in our own terminal; and a repaint does not care what it lands on.

use crate::support::Xterm;
use muxview::terminal::{Flags, Generation, Joins, Screen, Size, Terminal, Tones, Widths, repaint};
use std::sync::Arc;

/// A small generator of its own, so that a failure's seed is all there is to repeat it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// Something tmux might write, for a grid of this size.
    fn piece(&mut self, size: Size) -> String {
        let row = self.below(u64::from(size.rows)) + 1;
        let col = self.below(u64::from(size.cols)) + 1;
        match self.below(14) {
            0..4 => {
                let words = [
                    "hello world",
                    "x",
                    "    ",
                    "漢字かな",
                    "e\u{301}o\u{308}",
                    "😀",
                    "❤\u{fe0f}",
                    "👩\u{200d}💻",
                    "👍\u{1f3fd}",
                    "🇩🇪",
                    "±①■★",
                    "│─┼",
                    "\u{ad}",
                    "\u{3248}",
                    "\u{4dc0}",
                    "\u{1faf0}",
                    "नमस्ते",
                    "สวัสดี",
                    "ｆｕｌｌ",
                    "\u{fffd}",
                    "🇩🇪🇫🇷",
                    "☝\u{1f3fd}",
                    "🤷\u{200d}♀\u{fe0f}",
                    "1\u{fe0f}\u{20e3}",
                    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
                    "\u{600}1",
                    "\u{e0b0}\u{f0001}\u{10fffd}",
                    "\u{898}",
                    "\u{1f93b}",
                ];
                self.one_of(&words).repeat(1 + self.below(4) as usize)
            }
            4..7 => format!("\x1b[{row};{col}H"),
            7 => format!(
                "\x1b[{}{}",
                self.below(5),
                self.one_of(&["K", "X", "J", "P", "@", "L", "M"])
            ),
            8 => format!(
                "\x1b[m\x1b[{};{}H\x1b[{}{}",
                row,
                col,
                1 + self.below(3),
                self.one_of(&["S", "T"])
            ),
            9 => format!(
                "\x1b[{}m",
                self.one_of(&[
                    "",
                    "1",
                    "2",
                    "3",
                    "4",
                    "4:3",
                    "4:5;58:2::9:8:7",
                    "5",
                    "7",
                    "8",
                    "9",
                    "53",
                    "21",
                    "31",
                    "94",
                    "42",
                    "105",
                    "38;5;200",
                    "48;5;17",
                    "38;2;1;2;3",
                    "48;2;200;100;50",
                    "22;24",
                    "39;49",
                    "58;5;3",
                ])
            ),
            10 => format!(
                "\x1b]8;;{}\x1b\\",
                self.one_of(&["", "http://a.example/", "https://b.example/x"])
            ),
            11 => self.one_of(&["\r\n", "\r", "\x08", "\n", "\x1bM"]).into(),
            12 => format!(
                "\x1b[?{}{}",
                self.one_of(&["1", "25", "1000", "1002", "1003", "1004", "1006", "2004"]),
                self.one_of(&["h", "l"])
            ),
            _ => self
                .one_of(&[
                    "\x1b[5 q",
                    "\x1b[2 q",
                    "\x1b]2;a title\x1b\\",
                    "\x1b]12;#123456\x1b\\",
                    "\x1b]112\x1b\\",
                    "\x1b=",
                    "\x1b>",
                ])
                .into(),
        }
    }

    fn stream(&mut self, size: Size, pieces: u64) -> Vec<u8> {
        let count = self.below(pieces);
        (0..count)
            .map(|_| self.piece(size))
            .collect::<String>()
            .into_bytes()
    }

    /// Bytes no reset may survive: half a sequence, other charsets, margins, modes, an open link.
    fn dirt(&mut self) -> String {
        (0..self.below(6))
            .map(|_| {
                self.one_of(&[
                    "\x1b(0",
                    "\x0e",
                    "\x1b[3;5r",
                    "\x1b[?6h",
                    "\x1b[?25l",
                    "\x1b[?1049h",
                    "\x1b[?1003h\x1b[?1006h",
                    "\x1b]2;old\x07",
                    "\x1b]8;;http://old/\x1b\\",
                    "\x1b[4h",
                    "\x1b[?7l",
                    "\x1b[1;7;38;5;9m",
                    "\x1b[?2026h",
                    "text\r\n",
                    "\x1b[5 q",
                    "\x1b[?2004h",
                    "\x1b]0;unfinished",
                    "\x1b[12;",
                    "\x1bP+q",
                ])
            })
            .collect()
    }
}

fn feed(terminal: &mut Terminal, mut bytes: &[u8]) -> Arc<Screen> {
    while !bytes.is_empty() {
        let n = terminal.feed(bytes);
        bytes = &bytes[n..];
    }
    terminal.screen()
}

/// Widths and rules of one version or another, and some that no version has.
fn widths() -> Vec<Arc<Widths>> {
    let rules_3_5 = Joins {
        vs16_widens: true,
        tones: Tones::AnyButAscii,
        flags: Flags::AnyButAscii,
        ..Joins::default()
    };
    let rules_3_7 = Joins {
        limit: 32,
        tones: Tones::Listed,
        tone_first: true,
        flags: Flags::Pair,
        ..rules_3_5
    };
    let wide = [('\u{261d}', '\u{261d}', 2), ('\u{e000}', '\u{f8ff}', 2)];
    let odd = [
        ('\u{1f600}', '\u{1f64f}', 1),
        ('\u{300}', '\u{36f}', 1),
        ('\u{2500}', '\u{257f}', 2),
        ('\u{e9}', '\u{e9}', 0),
        ('\u{600}', '\u{605}', 2),
        ('\u{4e00}', '\u{6fff}', 1),
    ];
    [
        Widths::default(),
        Widths::probed(&wide[..1], &[], rules_3_5),
        Widths::probed(&wide, &['👍', '☝'], rules_3_7),
        Widths::probed(&odd, &[], rules_3_7),
    ]
    .map(Arc::new)
    .to_vec()
}

#[tokio::test]
async fn previous_and_frame_are_next_in_xterm() {
    let rounds = crate::support::soak(600, 20_000);
    let xterm = Xterm::start();
    let widths = widths();
    for seed in 0..rounds {
        let mut dice = Dice(seed);
        let size = Size {
            cols: 4 + dice.below(40) as u16,
            rows: 2 + dice.below(14) as u16,
        };
        let widths = &widths[(seed / 2) as usize % widths.len()];
        let mut source = Terminal::new(size, Arc::clone(widths), Generation(0));
        let before = dice.stream(size, 60);
        let previous = feed(&mut source, &before);
        let pieces = if seed % 2 == 0 { 5 } else { 60 };
        let change = dice.stream(size, pieces);
        let current = feed(&mut source, &change);
        let delta = repaint(Some(&previous), &current);

        let follower = xterm.terminal(size.cols, size.rows);
        follower.write(dice.dirt().as_bytes());
        follower.write(&repaint(None, &previous));
        follower.write(&delta);
        let newcomer = xterm.terminal(size.cols, size.rows);
        newcomer.write(&repaint(None, &current));
        let (follower_sees, newcomer_sees) = (follower.picture().await, newcomer.picture().await);
        assert!(
            follower_sees == newcomer_sees,
            "seed {seed}: {}\nbefore {}\nchange {}\ndelta {}",
            follower_sees.differences(&newcomer_sees),
            before.escape_ascii(),
            change.escape_ascii(),
            delta.escape_ascii(),
        );
        follower.dispose();
        newcomer.dispose();
    }
}
