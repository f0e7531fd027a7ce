use crate::terminal::{CellText, Color, Generation, Screen, Size, Terminal, Widths};
use proptest::prelude::*;
use std::sync::Arc;

const COLS: usize = 12;
const ROWS: usize = 7;

type Cell = (char, Color);

fn terminal() -> Terminal {
    let size = Size {
        cols: COLS as u16,
        rows: ROWS as u16,
    };
    Terminal::new(size, Arc::new(Widths::default()), Generation(0))
}

fn cells(screen: &Screen) -> Vec<Vec<Cell>> {
    let cell = |cell: crate::terminal::CellRef<'_>| {
        let text = match cell.text {
            CellText::Scalar(c) => c,
            CellText::Cluster(s) => s.chars().next().unwrap_or(' '),
            CellText::Empty => ' ',
        };
        (text, cell.pen.background)
    };
    let rows = screen.rows.iter();
    rows.map(|row| row.cells().map(cell).collect()).collect()
}

fn drawn(bytes: &str) -> Vec<String> {
    let mut terminal = terminal();
    terminal.feed(bytes.as_bytes());
    let screen = terminal.screen();
    screen.rows.iter().map(|row| row.text()).collect()
}

/// A terminal of one loop per sequence, as DEC's manual describes them.
struct Model {
    cells: Vec<Vec<Cell>>,
    at: (usize, usize),
    wraps: bool,
    background: Color,
    region: (usize, usize),
    margins: (usize, usize),
}

#[derive(Debug, Clone)]
enum Op {
    Text(usize),
    Feed,
    ReverseIndex,
    Return,
    Goto(usize, usize),
    Right(usize),
    Left(usize),
    Scroll(i32),
    Lines(i32),
    Cells(i32),
    Fill([usize; 4], char),
    EraseLine,
    EraseCells(usize),
    Background(Option<u8>),
    Region(usize, usize),
    Margins(usize, usize),
    NoMargins,
}

impl Model {
    fn new() -> Self {
        Self {
            cells: vec![vec![(' ', Color::Default); COLS]; ROWS],
            at: (0, 0),
            wraps: false,
            background: Color::Default,
            region: (0, ROWS - 1),
            margins: (0, COLS - 1),
        }
    }

    fn narrow(&self) -> bool {
        self.margins != (0, COLS - 1)
    }

    fn inside(&self) -> bool {
        (self.margins.0..=self.margins.1).contains(&self.at.1)
    }

    /// Moves what is between the margins from row `top` to the end of the region.
    fn move_rows(&mut self, top: usize, by: i32, background: Color) {
        let (bottom, (left, right)) = (self.region.1, self.margins);
        let before = self.cells.clone();
        for y in top..=bottom {
            let from = y as i32 + by;
            let stays = (top as i32..=bottom as i32).contains(&from);
            let between = left..=right;
            if stays {
                self.cells[y][between.clone()].copy_from_slice(&before[from as usize][between]);
            } else {
                self.cells[y][between].fill((' ', background));
            }
        }
    }

    fn line_feed(&mut self) {
        if self.at.0 == self.region.1 {
            if self.inside() {
                self.move_rows(self.region.0, 1, self.background);
            }
        } else if self.at.0 + 1 < ROWS {
            self.at.0 += 1;
        }
    }

    fn carriage_return(&mut self) {
        let left = self.margins.0;
        self.at.1 = if self.at.1 < left { 0 } else { left };
    }

    fn print(&mut self, c: char) {
        if std::mem::take(&mut self.wraps) {
            self.carriage_return();
            self.line_feed();
        }
        self.cells[self.at.0][self.at.1] = (c, self.background);
        let right = if self.at.1 <= self.margins.1 {
            self.margins.1
        } else {
            COLS - 1
        };
        if self.at.1 == right {
            self.wraps = true;
        } else {
            self.at.1 += 1;
        }
    }

    /// Takes an operation and gives the bytes of it.
    fn take(&mut self, op: &Op) -> String {
        // Erasing in a line leaves a wrap pending in the last column, and the character before it.
        let past_the_end = self.wraps && self.at.1 == COLS - 1;
        let keeps = match op {
            Op::Text(_) | Op::Background(_) => true,
            Op::EraseLine => past_the_end,
            _ => false,
        };
        self.wraps &= keeps;
        let sequence = |by: &i32, up: char, down: char| {
            let n = by.unsigned_abs();
            format!("\x1b[{n}{}", if *by > 0 { up } else { down })
        };
        match op {
            Op::Text(n) => {
                let text: String = ('a'..='z').cycle().skip(n * 7).take(*n).collect();
                text.chars().for_each(|c| self.print(c));
                text
            }
            Op::Feed => {
                self.line_feed();
                "\n".into()
            }
            Op::ReverseIndex => {
                if self.at.0 == self.region.0 {
                    if self.inside() {
                        self.move_rows(self.region.0, -1, self.background);
                    }
                } else {
                    self.at.0 = self.at.0.saturating_sub(1);
                }
                "\x1bM".into()
            }
            Op::Return => {
                self.carriage_return();
                "\r".into()
            }
            Op::Goto(row, col) => {
                self.at = (*row, *col);
                format!("\x1b[{};{}H", row + 1, col + 1)
            }
            Op::Right(n) => {
                let inside = self.at.1 <= self.margins.1;
                let end = if inside { self.margins.1 } else { COLS - 1 };
                self.at.1 = (self.at.1 + n).min(end);
                format!("\x1b[{n}C")
            }
            Op::Left(n) => {
                let inside = self.at.1 >= self.margins.0;
                let end = if inside { self.margins.0 } else { 0 };
                self.at.1 = self.at.1.saturating_sub(*n).max(end);
                format!("\x1b[{n}D")
            }
            Op::Scroll(by) => {
                // xterm.js gives no background to what SD brings in.
                let plain = *by < 0 && !self.narrow();
                let background = if plain {
                    Color::Default
                } else {
                    self.background
                };
                self.move_rows(self.region.0, *by, background);
                sequence(by, 'S', 'T')
            }
            Op::Lines(by) => {
                if (self.region.0..=self.region.1).contains(&self.at.0) && self.inside() {
                    self.move_rows(self.at.0, *by, self.background);
                }
                sequence(by, 'M', 'L')
            }
            Op::Cells(by) => {
                if self.inside() {
                    let (start, end) = (self.at.1 as i32, self.margins.1 as i32);
                    let before = self.cells[self.at.0].clone();
                    for x in start..=end {
                        let from = x + by;
                        self.cells[self.at.0][x as usize] = if (start..=end).contains(&from) {
                            before[from as usize]
                        } else {
                            (' ', self.background)
                        };
                    }
                }
                sequence(by, 'P', '@')
            }
            Op::Fill([top, left, bottom, right], c) => {
                for row in self.cells.iter_mut().take(bottom + 1).skip(*top) {
                    for cell in row.iter_mut().take(right + 1).skip(*left) {
                        *cell = (*c, self.background);
                    }
                }
                let [t, l, b, r] = [top + 1, left + 1, bottom + 1, right + 1];
                format!("\x1b[{};{t};{l};{b};{r}$x", *c as u32)
            }
            Op::EraseLine if past_the_end => "\x1b[K".into(),
            Op::EraseLine => {
                for cell in &mut self.cells[self.at.0][self.at.1..] {
                    *cell = (' ', self.background);
                }
                "\x1b[K".into()
            }
            Op::EraseCells(n) => {
                for cell in self.cells[self.at.0].iter_mut().skip(self.at.1).take(*n) {
                    *cell = (' ', self.background);
                }
                format!("\x1b[{n}X")
            }
            Op::Background(color) => {
                self.background = color.map_or(Color::Default, Color::Ansi);
                color.map_or("\x1b[m".into(), |n| format!("\x1b[4{n}m"))
            }
            Op::Region(top, bottom) => {
                if top < bottom {
                    self.region = (*top, *bottom);
                    self.at = (0, 0);
                }
                format!("\x1b[{};{}r", top + 1, bottom + 1)
            }
            Op::Margins(left, right) => {
                if left < right {
                    self.margins = (*left, *right);
                    self.at = (0, 0);
                }
                format!("\x1b[?69h\x1b[{};{}s", left + 1, right + 1)
            }
            Op::NoMargins => {
                self.margins = (0, COLS - 1);
                "\x1b[?69l".into()
            }
        }
    }
}

fn any_op() -> impl Strategy<Value = Op> {
    let by = prop_oneof![-9i32..0, 1i32..9];
    prop_oneof![
        3 => (1usize..30).prop_map(Op::Text),
        2 => Just(Op::Feed),
        1 => Just(Op::ReverseIndex),
        1 => Just(Op::Return),
        3 => (0..ROWS, 0..COLS).prop_map(|(row, col)| Op::Goto(row, col)),
        1 => (1usize..9).prop_map(Op::Right),
        1 => (1usize..9).prop_map(Op::Left),
        1 => by.clone().prop_map(Op::Scroll),
        1 => by.clone().prop_map(Op::Lines),
        1 => by.prop_map(Op::Cells),
        1 => (0..ROWS, 0..COLS, 0..ROWS, 0..COLS, any::<bool>())
            .prop_map(|(t, l, b, r, blank)| Op::Fill([t, l, b, r], if blank { ' ' } else { '#' })),
        1 => Just(Op::EraseLine),
        1 => (1usize..9).prop_map(Op::EraseCells),
        2 => prop::option::of(1u8..8).prop_map(Op::Background),
        1 => (0..ROWS, 0..ROWS).prop_map(|(top, bottom)| Op::Region(top, bottom)),
        1 => (0..COLS, 0..COLS).prop_map(|(left, right)| Op::Margins(left, right)),
        1 => Just(Op::NoMargins),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn scrolling_is_as_in_the_manual(ops in prop::collection::vec(any_op(), 1..40)) {
        let (mut model, mut terminal) = (Model::new(), terminal());
        for op in &ops {
            // Turning margins on for an empty pair leaves those of before, but none are known then.
            if matches!(op, Op::Margins(left, right) if left >= right) {
                model.take(&Op::NoMargins);
            }
            let cursor = terminal.screen().cursor.clone();
            let bytes = model.take(op);
            terminal.feed(bytes.as_bytes());
            let screen = terminal.screen();
            prop_assert_eq!(cells(&screen), &model.cells[..], "after {:?} at {:?}", op, cursor);
            let at = (usize::from(screen.cursor.row), usize::from(screen.cursor.col));
            prop_assert_eq!(at, model.at, "after {:?} at {:?}", op, cursor);
        }
    }
}

#[test]
fn wide_characters_and_marks_move_whole_between_margins() {
    let page = "\x1b[1;1Hxx漢字éxx\x1b[2;1Hyye\u{301}漢字yy\x1b[3;1Hzz\x1b[?69h\x1b[3;7s\x1b[1;3r";
    assert_eq!(drawn(page)[..3], ["xx漢字éxx", "yye\u{301}漢字yy", "zz"]);
    let rows = drawn(&format!("{page}\x1b[3;3H\n"));
    assert_eq!(
        rows[..3],
        [
            "xxe\u{301}漢字yy"[..].replace("yy", "xx"),
            "yy     yy".into(),
            "zz".into()
        ]
    );
    // Cut in two by a margin, half of one is a blank.
    let rows = drawn("漢字漢字\r\n\x1b[?69h\x1b[2;5s\x1b[1;2r\x1b[2;2H\n");
    assert_eq!(rows[0], "      字");
}

#[test]
fn a_line_wraps_at_the_margin_and_marks_join_its_last_character() {
    let rows = drawn("\x1b[?69h\x1b[3;6s\x1b[1;3Habcd\u{301}\x1b[31mefg漢h");
    assert_eq!(rows[..3], ["  abcd\u{301}", "  efg", "  漢h"]);
}

#[test]
fn rep_repeats_what_was_printed_and_no_more_than_there_are_cells() {
    assert_eq!(drawn("ab\x1b[3b漢\x1b[2b")[0], "abbbb漢漢漢");
    assert_eq!(drawn("\x1b(0q\x1b[3b\x1b(Bq")[0], "────q");
    assert_eq!(drawn("a\x1b[m\x1b[3bz")[0], "az");
    let rows = drawn("a\x1b[65535b");
    assert!(rows[..ROWS - 1].iter().all(|row| row == &"a".repeat(COLS)));
    assert_eq!(rows[ROWS - 1], "a");
}

#[test]
fn a_border_between_marks_is_a_border() {
    let page = "pane\x1b[1;6H\x1b[m\u{2069}│\u{2066}\x1b[1;7Hleft\u{2066}";
    assert_eq!(drawn(page)[0], "pane │left\u{2066}");
}
