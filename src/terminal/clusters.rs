//! [`Clusters`]: tmux's text cut into the cells tmux has. In goes text, out come bytes for the grid:
//! plain characters as they are, and a stand-in for each cell that vt100 would give other columns or that
//! holds more than one code point.

use super::grid::Grid;
use super::stand_ins::StandIns;
use super::width::{Cell, Place, Widths};
use std::sync::Arc;

const START_ISOLATE: char = '\u{2066}';
const END_ISOLATE: char = '\u{2069}';

/// Cuts text into cells, and remembers what each stand-in stands for.
#[derive(Debug)]
pub(super) struct Clusters {
    widths: Arc<Widths>,
    stand_ins: StandIns,
    /// The cell written last, which the next code point may join.
    cell: Option<Cell>,
    /// Its text, if it has more than one code point.
    text: String,
    /// The text has grown since it was written.
    grown: bool,
    /// Columns it was written with.
    written: u8,
    /// Where in the pending bytes it begins; `None` once they went to the grid.
    at: Option<usize>,
    /// Whether there is a second column for it to grow into, as far as that was asked.
    room: Option<bool>,
    /// A border is being drawn between two marks.
    in_border: bool,
}

impl Clusters {
    pub(super) fn new(widths: Arc<Widths>) -> Self {
        Self {
            widths,
            stand_ins: StandIns::default(),
            cell: None,
            text: String::new(),
            grown: false,
            written: 0,
            at: None,
            room: None,
            in_border: false,
        }
    }

    /// Writes `text` to the grid, by [`Grid::print`] if it must be `careful`. Stops before a code point
    /// that makes the cell before it wide, and gives the bytes taken: the caller says with
    /// [`Clusters::set_room`] whether the cell can grow, and goes on with the rest.
    pub(super) fn write(&mut self, text: &str, grid: &mut Grid, careful: bool) -> Option<usize> {
        if careful || grid.out.is_empty() {
            self.at = None;
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let plain = rest.iter().position(|b| !b.is_ascii());
            let plain = plain.unwrap_or(rest.len());
            if let Some(last) = rest[..plain].last() {
                self.close(grid, careful);
                if careful {
                    rest[..plain]
                        .iter()
                        .for_each(|b| grid.print(char::from(*b)));
                } else {
                    grid.out.extend_from_slice(&rest[..plain]);
                }
                let start = (!careful).then(|| grid.out.len() - 1);
                self.open(Cell::new(char::from(*last), 1), start);
                at += plain;
                continue;
            }
            let Some(c) = text[at..].chars().next() else {
                break;
            };
            let class = self.widths.class(c);
            let place = self.widths.place(self.cell.as_ref(), c, class);
            match (place, &mut self.cell) {
                // tmux puts two marks around borders, so that text beside them cannot reorder them
                // (`Bidi`). They would be added to the border here. Text of a pane never begins with
                // a mark: tmux keeps it with the character it follows.
                (Place::Nowhere, None) if c == END_ISOLATE => self.in_border = true,
                (Place::Joined(_), _) if self.in_border && c == START_ISOLATE => {
                    self.in_border = false;
                }
                (Place::Joined(columns), Some(cell)) => {
                    let columns = if columns > cell.columns {
                        match self.room.take() {
                            None => return Some(at),
                            Some(true) => columns,
                            Some(false) => cell.columns,
                        }
                    } else {
                        cell.columns
                    };
                    if self.text.is_empty() {
                        self.text.push(cell.first);
                    }
                    self.text.push(c);
                    cell.add(c, columns);
                    self.grown = true;
                }
                (Place::Own, _) => {
                    self.close(grid, careful);
                    let columns = class.columns();
                    let shown = if class.needs_stand_in() {
                        self.stand_ins.intern(c.encode_utf8(&mut [0; 4]), columns)
                    } else {
                        c
                    };
                    let start = print(grid, careful, shown);
                    self.open(Cell::new(c, columns), start);
                }
                (Place::Nowhere | Place::Joined(_), _) => {}
            }
            at += c.len_utf8();
        }
        self.close(grid, careful);
        None
    }

    /// Begins a cell that was just written at `at`.
    fn open(&mut self, cell: Cell, at: Option<usize>) {
        self.text.clear();
        self.written = cell.columns;
        self.cell = Some(cell);
        self.at = at;
    }

    /// Writes the cell again if something joined it.
    fn close(&mut self, grid: &mut Grid, careful: bool) {
        let Some(cell) = self.cell.filter(|_| std::mem::take(&mut self.grown)) else {
            return;
        };
        match self.at {
            Some(at) => grid.out.truncate(at),
            None => (0..self.written).for_each(|_| grid.back()),
        }
        self.written = cell.columns;
        let stand_in = self.stand_ins.intern(&self.text, cell.columns);
        self.at = print(grid, careful, stand_in);
    }

    /// Whether the cell before the code point that [`Clusters::write`] stopped at can grow.
    pub(super) const fn set_room(&mut self, room: bool) {
        self.room = Some(room);
    }

    /// Something other than text follows: nothing joins the last cell any more. Gives its last code
    /// point.
    pub(super) fn end(&mut self) -> Option<char> {
        self.cell.take().map(|cell| cell.last)
    }

    /// The real text of a cell of the grid.
    pub(super) fn text<'a>(&'a self, cell: &'a str) -> &'a str {
        self.stand_ins.text(cell)
    }

    /// Whether [`Clusters::collect`] is due.
    pub(super) fn is_full(&self) -> bool {
        self.stand_ins.is_full()
    }

    /// Forgets what no cell in `used` stands for. Nothing may be pending.
    pub(super) fn collect<'a>(&mut self, used: impl Iterator<Item = &'a str>) {
        self.stand_ins.collect(used);
    }
}

/// Prints a character, and says where in the pending bytes it begins, if it is pending.
fn print(grid: &mut Grid, careful: bool, c: char) -> Option<usize> {
    if careful {
        grid.print(c);
        return None;
    }
    let at = grid.out.len();
    grid.out
        .extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(at)
}
