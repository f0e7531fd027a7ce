//! [`Screen`]: an immutable picture of a terminal. Built from the grid, read by the repaint and by
//! tests; it knows no bytes. Rows are shared by `Arc` between neighbouring generations, pens are held
//! by value, so a screen outlives the tables it was made from.

use super::Size;
use super::pen::Pen;
use rustc_hash::FxHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

/// Number of a screen; grows with each change of a session's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

/// An immutable picture of a terminal.
#[derive(Debug, Clone)]
pub struct Screen {
    /// Its number.
    pub generation: Generation,
    /// Its grid.
    pub size: Size,
    /// The rows from the top; as many as `size.rows`.
    pub rows: Box<[Arc<Row>]>,
    /// The cursor.
    pub cursor: Cursor,
    /// The modes.
    pub modes: Modes,
    /// The title tmux set, cleaned, at most 256 characters.
    pub title: Arc<str>,
}

impl Screen {
    /// An empty picture, as after a reset.
    #[must_use]
    pub fn blank(size: Size, generation: Generation) -> Self {
        let row = Arc::new(Row::blank(size.cols));
        Self {
            generation,
            size,
            rows: (0..size.rows).map(|_| Arc::clone(&row)).collect(),
            cursor: Cursor::default(),
            modes: Modes::default(),
            title: "".into(),
        }
    }

    /// Whether both show the same, whatever their generations.
    #[must_use]
    pub fn shows_same(&self, other: &Self) -> bool {
        self.size == other.size
            && self.cursor == other.cursor
            && self.modes == other.modes
            && self.title == other.title
            && self.rows == other.rows
    }
}

/// One row: cells, and the pens and clusters they refer to.
#[derive(Debug, Clone)]
pub struct Row {
    cells: Box<[Cell]>,
    pens: Box<[Pen]>,
    clusters: Box<[Box<str>]>,
    hash: u64,
}

/// Pens and clusters are numbered in the order they first appear, so equal rows are equal in memory.
impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
            && self.cells == other.cells
            && self.pens == other.pens
            && self.clusters == other.clusters
    }
}

impl Eq for Row {}

/// A cell as its row keeps it: `text` is a scalar, 0 for an erased cell, or a cluster's number above
/// the scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Cell {
    text: u32,
    pen: u16,
    columns: u8,
}

const CLUSTER: u32 = char::MAX as u32 + 1;

/// One cell of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CellRef<'a> {
    /// What stands in it.
    pub text: CellText<'a>,
    /// How it is drawn. An erased cell has a background only.
    pub pen: &'a Pen,
    /// 1, 2 for the left half of a wide character, 0 for the right half.
    pub columns: u8,
}

/// The text of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellText<'a> {
    /// Nothing was written here since it was erased, or it is the right half of a wide character.
    Empty,
    /// One scalar.
    Scalar(char),
    /// A base and what combines with it, as tmux sent it.
    Cluster(&'a str),
}

impl Row {
    /// A row of erased cells.
    #[must_use]
    pub fn blank(cols: u16) -> Self {
        let mut row = RowBuilder::new(cols);
        for _ in 0..cols {
            row.push(std::iter::empty(), 1, &Pen::default());
        }
        row.finish()
    }

    /// The cell in column `col`.
    ///
    /// # Panics
    /// When the row is shorter.
    #[must_use]
    pub fn cell(&self, col: u16) -> CellRef<'_> {
        let cell = self.cells[usize::from(col)];
        let text = match cell.text {
            0 => CellText::Empty,
            n if n >= CLUSTER => CellText::Cluster(&self.clusters[(n - CLUSTER) as usize]),
            n => char::from_u32(n).map_or(CellText::Empty, CellText::Scalar),
        };
        CellRef {
            text,
            pen: &self.pens[usize::from(cell.pen)],
            columns: cell.columns,
        }
    }

    /// The cells from the left.
    pub fn cells(&self) -> impl DoubleEndedIterator<Item = CellRef<'_>> + ExactSizeIterator {
        // A row is at most 1000 columns wide.
        (0..self.cells.len()).map(|col| self.cell(col as u16))
    }

    /// The text from the left, a space for each erased cell, without trailing spaces.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for cell in self.cells().filter(|cell| cell.columns > 0) {
            match cell.text {
                CellText::Empty => text.push(' '),
                CellText::Scalar(c) => text.push(c),
                CellText::Cluster(s) => text.push_str(s),
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text
    }

    /// Equal rows have equal hashes.
    pub(super) fn hash(&self) -> u64 {
        self.hash
    }
}

/// Collects the cells of one row from the left.
#[derive(Debug)]
pub(super) struct RowBuilder {
    cells: Vec<Cell>,
    pens: Vec<Pen>,
    clusters: Vec<Box<str>>,
}

impl RowBuilder {
    pub(super) fn new(cols: u16) -> Self {
        Self {
            cells: Vec::with_capacity(usize::from(cols)),
            pens: Vec::new(),
            clusters: Vec::new(),
        }
    }

    /// Adds the next cell. `text` is empty for an erased cell and for a right half (`columns` 0).
    pub(super) fn push(&mut self, mut text: impl Iterator<Item = char>, columns: u8, pen: &Pen) {
        let text = match (text.next(), text.next()) {
            (None, _) => 0,
            (Some(c), None) => u32::from(c),
            (Some(first), Some(second)) => {
                let cluster: String = [first, second].into_iter().chain(text).collect();
                self.clusters.push(cluster.into());
                CLUSTER + (self.clusters.len() - 1) as u32
            }
        };
        let pen = self.pen(pen);
        self.cells.push(Cell { text, pen, columns });
    }

    /// The row-local number of `pen`.
    fn pen(&mut self, pen: &Pen) -> u16 {
        if let Some(last) = self.cells.last()
            && self.pens[usize::from(last.pen)] == *pen
        {
            return last.pen;
        }
        // Only the latest are looked at, so that a gradient over the row stays linear; whether a pen
        // is found depends on the cells before it alone, so equal rows still number alike.
        let recent = self.pens.len().saturating_sub(8);
        let known = self.pens[recent..].iter().position(|known| known == pen);
        let number = known.map_or_else(
            || {
                self.pens.push(pen.clone());
                self.pens.len() - 1
            },
            |found| recent + found,
        );
        // At most one pen a column.
        number as u16
    }

    pub(super) fn finish(self) -> Row {
        let mut hasher = FxHasher::default();
        self.cells.hash(&mut hasher);
        self.pens.hash(&mut hasher);
        self.clusters.hash(&mut hasher);
        Row {
            cells: self.cells.into(),
            pens: self.pens.into(),
            clusters: self.clusters.into(),
            hash: hasher.finish(),
        }
    }
}

/// Where and how the cursor shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// 0-based row.
    pub row: u16,
    /// 0-based column, always inside the grid.
    pub col: u16,
    /// DECTCEM.
    pub visible: bool,
    /// DECSCUSR: 0 is the terminal's own, 1..=6 block, underline, bar, each blinking then steady.
    pub shape: u8,
    /// The colour of OSC 12 as tmux wrote it; `None` is the terminal's own.
    pub color: Option<Arc<str>>,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            row: 0,
            col: 0,
            visible: true,
            shape: 0,
            color: None,
        }
    }
}

/// Which mouse events the program wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseMode {
    /// None.
    #[default]
    Off,
    /// `?9`.
    Press,
    /// `?1000`.
    PressRelease,
    /// `?1002`.
    ButtonMotion,
    /// `?1003`.
    AnyMotion,
}

/// How mouse events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MouseEncoding {
    /// X10 bytes.
    #[default]
    Default,
    /// `?1005`.
    Utf8,
    /// `?1006`.
    Sgr,
}

/// Which keys are sent in an extended form, that tells modifiers the older forms cannot: XTMODKEYS,
/// `CSI > 4 ; n m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtendedKeys {
    /// None.
    #[default]
    Off,
    /// `1`: those without an older form.
    Ambiguous,
    /// `2`: all with modifiers.
    All,
}

impl ExtendedKeys {
    /// From the `n` of `CSI > 4 ; n m`.
    #[must_use]
    pub const fn numbered(n: u16) -> Self {
        match n {
            0 => Self::Off,
            1 => Self::Ambiguous,
            _ => Self::All,
        }
    }
}

/// Modes that change what a viewer's keys and pointer send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modes {
    /// `?1`.
    pub application_cursor: bool,
    /// DECKPAM.
    pub application_keypad: bool,
    /// `?2004`.
    pub bracketed_paste: bool,
    /// `?1004`.
    pub focus_reports: bool,
    /// `?9`, `?1000`, `?1002`, `?1003`.
    pub mouse: MouseMode,
    /// `?1005`, `?1006`.
    pub mouse_encoding: MouseEncoding,
    /// `CSI > 4 ; n m`.
    pub extended_keys: ExtendedKeys,
}
