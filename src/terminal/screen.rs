//! [`Screen`]: an immutable picture. Rows are shared between neighbouring generations.

use super::Size;
use std::sync::Arc;

/// Number of a screen; grows with each change of a session's picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Generation(pub u64);

/// Where and how the cursor shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// 0-based row.
    pub row: u16,
    /// 0-based column, always inside the grid.
    pub col: u16,
    /// DECTCEM.
    pub visible: bool,
    /// DECSCUSR.
    pub shape: CursorShape,
    /// OSC 12 colour as tmux wrote it; `None` is the terminal's own.
    pub color: Option<Arc<str>>,
}

/// DECSCUSR 0..6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CursorShape(pub u8);

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
}

/// An immutable picture of a terminal.
#[derive(Debug)]
pub struct Screen {
    /// Its number.
    pub generation: Generation,
    /// Its grid.
    pub size: Size,
    /// The cursor.
    pub cursor: Cursor,
    /// The modes.
    pub modes: Modes,
    /// The title tmux set, cleaned, at most 256 characters.
    pub title: Arc<str>,
}
