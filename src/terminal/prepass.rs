//! [`Prepass`]: what stands between tmux and vt100. Tokens in; to the grid goes only what it models,
//! with the pen carried as a number and text in tmux's widths; the rest (pens, modes, title, cursor
//! colour, synchronisation, bells, clipboard) is kept here.
//!
//! It is a whitelist: with `allow-passthrough` a pane may inject any bytes into tmux's stream, and what
//! is not known to be harmless is dropped. Alternate screen and saved cursors are dropped too, so there
//! is one grid; queries are never answered (tmux-facts: an honest answer changes what tmux sends).

use super::dirty::Dirty;
use super::drawn::Drawn;
use super::pen::{Color, Link, Pen};
use super::pens::{PenId, Pens};
use super::scan::{CLIPBOARD, Csi, Token};
use super::screen::{Cursor, Modes, MouseEncoding, MouseMode, Row, RowBuilder};
use super::width::{Stand, Widths};
use super::{ClipboardLoss, Signals, Size};
use crate::config::limits::{CLIPBOARD_BYTES, COLS, LINK_BYTES, TITLE_CHARS};
use base64::Engine as _;
use std::io::Write as _;
use std::num::NonZeroU16;
use std::sync::Arc;

/// The grid and everything vt100 does not keep.
pub(super) struct Prepass {
    grid: vt100::Parser,
    /// Bytes on their way to the grid.
    out: Vec<u8>,
    widths: Arc<Widths>,
    pens: Pens,
    pen: Pen,
    /// First and last row of the scroll region.
    region: (u16, u16),
    /// The scalar before, for those that join it; a control in between ends a cluster.
    previous: Option<char>,
    pub(super) modes: Modes,
    pub(super) title: Arc<str>,
    cursor_visible: bool,
    cursor_shape: u8,
    cursor_color: Option<Arc<str>>,
    pub(super) synchronizing: bool,
    pub(super) sync_ends: u64,
    drawn: Drawn,
    /// The last synchronised update drew every row.
    pub(super) redrawn: bool,
    pub(super) signals: Signals,
    /// Something may have changed since the last picture.
    pub(super) touched: bool,
    pub(super) dirty: Dirty,
}

/// Where rows scroll in.
#[derive(Clone, Copy)]
enum Edge {
    Top,
    Bottom,
}

impl Prepass {
    pub(super) fn new(size: Size, widths: Arc<Widths>) -> Self {
        let (rows, cols) = dimensions(size);
        Self {
            grid: vt100::Parser::new(rows, cols, 0),
            out: Vec::new(),
            widths,
            pens: Pens::default(),
            pen: Pen::default(),
            region: (0, rows.get() - 1),
            previous: None,
            modes: Modes::default(),
            title: "".into(),
            cursor_visible: true,
            cursor_shape: 0,
            cursor_color: None,
            synchronizing: false,
            sync_ends: 0,
            drawn: Drawn::new(rows.get()),
            redrawn: false,
            signals: Signals::default(),
            touched: true,
            dirty: Dirty::new(rows.get(), cols.get()),
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        let (rows, cols) = dimensions(size);
        self.flush();
        self.grid.set_size(rows, cols);
        self.region = (0, rows.get() - 1);
        self.drawn = Drawn::new(rows.get());
        self.touched = true;
        self.dirty = Dirty::new(rows.get(), cols.get());
    }

    /// Takes in one token.
    pub(super) fn take(&mut self, token: Token<'_>) {
        self.touched = true;
        let previous = self.previous.take();
        self.drawn.follow(&token);
        match token {
            Token::Text(text) => self.text(previous, text),
            Token::Control(byte) => match byte {
                0x07 => self.signals.bell = true,
                0x0a..=0x0c if self.pen.background != Color::Default => {
                    self.scroll(b"\n", Edge::Bottom);
                }
                0x0a..=0x0c => self.step(&[byte], Edge::Bottom),
                0x0d => {
                    self.out.push(byte);
                    self.dirty.back();
                }
                0x08 => self.out.push(byte),
                0x09 => self.go(&[byte]),
                _ => {}
            },
            Token::Escape {
                intermediate: None,
                last,
            } => match last {
                b'M' if self.pen.background != Color::Default => {
                    self.scroll(b"\x1bM", Edge::Top);
                }
                b'M' => self.step(b"\x1bM", Edge::Top),
                b'=' => self.modes.application_keypad = true,
                b'>' => self.modes.application_keypad = false,
                b'c' => self.reset(),
                _ => {}
            },
            Token::Escape { .. } => {}
            Token::Csi(csi) => self.csi(&csi),
            Token::Osc(body) => self.osc(body),
            Token::LongOsc(body) => self.long_osc(body),
            // tmux before 3.4 marks synchronised updates this way.
            Token::Dcs(b"=1s") => self.synchronize(true),
            Token::Dcs(b"=2s") => self.synchronize(false),
            Token::Dcs(_) => {}
        }
    }

    /// Hands what is pending to the grid.
    pub(super) fn flush(&mut self) {
        if !self.out.is_empty() {
            self.dirty.wrote(self.grid.screen().cursor_position().0);
            self.grid.process(&self.out);
            self.out.clear();
        }
    }

    /// Moves the cursor, which changes nothing else.
    fn go(&mut self, sequence: &[u8]) {
        self.flush();
        self.grid.process(sequence);
    }

    /// A line feed or reverse index: moves the cursor, or the rows when it stands at the edge.
    fn step(&mut self, sequence: &[u8], edge: Edge) {
        self.flush();
        // vt100 scrolls at the top of the screen, too, wherever the region is.
        if self.at(edge) || self.grid.screen().cursor_position().0 == 0 {
            self.dirty.all();
        }
        self.grid.process(sequence);
    }

    /// Whether the cursor stands at an edge of the scroll region. Nothing may be pending.
    fn at(&self, edge: Edge) -> bool {
        let row = self.grid.screen().cursor_position().0;
        row == match edge {
            Edge::Top => self.region.0,
            Edge::Bottom => self.region.1,
        }
    }

    fn text(&mut self, mut previous: Option<char>, text: &str) {
        // Nothing is wider than two columns.
        let wide = text.chars().filter(|c| !c.is_ascii()).count();
        let columns = text.len().min(text.chars().count() + wide);
        let column = self.grid.screen().cursor_position().1;
        self.dirty.text(column, columns as u32);
        let mut utf8 = [0; 4];
        for c in text.chars() {
            match self.widths.stand(previous, c) {
                Stand::Print(c) => self.out.extend(c.encode_utf8(&mut utf8).as_bytes()),
                Stand::Widen(wide) => {
                    self.out.push(0x08);
                    self.out.extend(wide.encode_utf8(&mut utf8).as_bytes());
                }
                Stand::Drop => {}
            }
            previous = Some(c);
        }
        self.previous = previous;
    }

    fn reset(&mut self) {
        self.dirty.all();
        self.out.extend(b"\x1bc");
        self.region = (0, self.grid.screen().size().0.get() - 1);
        self.pen = Pen::default();
        self.modes = Modes::default();
        self.cursor_shape = 0;
        self.synchronizing = false;
    }

    fn synchronize(&mut self, on: bool) {
        if self.synchronizing && !on {
            self.sync_ends += 1;
            self.redrawn = self.drawn.all();
        } else if on && !self.synchronizing {
            self.drawn.begin();
        }
        self.synchronizing = on;
    }

    fn csi(&mut self, csi: &Csi<'_>) {
        match (csi.prefix, csi.intermediate, csi.last) {
            (None, None, b'm') => {
                let pen = self.pen.clone();
                self.pen.apply(csi);
                if pen != self.pen {
                    self.carry_pen();
                }
            }
            (None, None, b'S') if self.pen.background != Color::Default => {
                self.scroll_up(csi.param(0, 0));
            }
            // Cursor, erase, insert, delete, scroll; REP and tabs are not tmux's.
            (
                None,
                None,
                b'A'..=b'H' | b'J'..=b'M' | b'P' | b'S' | b'T' | b'X' | b'@' | b'd' | b'f',
            ) => {
                // No grid is larger; a huge count would only cost time.
                let (first, second) = (
                    csi.param(0, 0).min(*COLS.end()),
                    csi.param(1, 0).min(*COLS.end()),
                );
                let moves = matches!(csi.last, b'A'..=b'H' | b'd' | b'f');
                if moves {
                    self.flush();
                } else if !matches!(csi.last, b'K' | b'P' | b'X' | b'@') {
                    self.dirty.all();
                }
                let _ = write!(self.out, "\x1b[{first};{second}{}", char::from(csi.last));
                if moves {
                    self.grid.process(&self.out);
                    self.out.clear();
                }
            }
            (None, None, b'r') => self.set_region(csi.param(0, 0), csi.param(1, 0)),
            (None, Some(b' '), b'q') => self.cursor_shape = csi.param(0, 0).min(6) as u8,
            (Some(b'?'), None, b'h' | b'l') => {
                for mode in csi.params() {
                    for number in mode.take(1).flatten() {
                        self.mode(number, csi.last == b'h');
                    }
                }
            }
            _ => {}
        }
    }

    /// A line feed or reverse index under a background. Rows that scroll in are painted with it, in
    /// xterm and in tmux's own grid (which sends both so, even without `bce`); vt100 leaves them blank.
    fn scroll(&mut self, sequence: &[u8], edge: Edge) {
        self.flush();
        let at_edge = self.at(edge);
        self.step(sequence, edge);
        if at_edge {
            self.out.extend(b"\x1b[2K");
        }
    }

    /// Scrolls the region up under a background, as [`Self::scroll`].
    fn scroll_up(&mut self, count: u16) {
        self.flush();
        self.dirty.all();
        let (row, col) = self.grid.screen().cursor_position();
        let (top, bottom) = self.region;
        let count = count.clamp(1, bottom - top + 1);
        let _ = write!(self.out, "\x1b[{count}S");
        for fresh in bottom + 1 - count..=bottom {
            let _ = write!(self.out, "\x1b[{}H\x1b[2K", fresh + 1);
        }
        let _ = write!(self.out, "\x1b[{};{}H", row + 1, col + 1);
    }

    /// DECSTBM as xterm has it: an empty region is ignored, and the cursor goes to the corner of the
    /// screen, where vt100 takes the region's.
    fn set_region(&mut self, top: u16, bottom: u16) {
        let rows = self.grid.screen().size().0.get();
        let top = top.max(1);
        let bottom = if bottom == 0 { rows } else { bottom.min(rows) };
        if top < bottom {
            self.dirty.all();
            let _ = write!(self.out, "\x1b[{top};{bottom}r\x1b[H");
            self.region = (top - 1, bottom - 1);
        }
    }

    /// DECSET and DECRST. Resetting any mouse mode turns the mouse off, as in xterm.
    fn mode(&mut self, number: u16, on: bool) {
        let modes = &mut self.modes;
        let mouse = |mode| if on { mode } else { MouseMode::Off };
        let encoding = |mode| if on { mode } else { MouseEncoding::Default };
        match number {
            1 => modes.application_cursor = on,
            9 => modes.mouse = mouse(MouseMode::Press),
            25 => self.cursor_visible = on,
            1000 => modes.mouse = mouse(MouseMode::PressRelease),
            1002 => modes.mouse = mouse(MouseMode::ButtonMotion),
            1003 => modes.mouse = mouse(MouseMode::AnyMotion),
            1004 => modes.focus_reports = on,
            1005 => modes.mouse_encoding = encoding(MouseEncoding::Utf8),
            1006 => modes.mouse_encoding = encoding(MouseEncoding::Sgr),
            2004 => modes.bracketed_paste = on,
            2026 => self.synchronize(on),
            _ => {}
        }
    }

    fn osc(&mut self, body: &[u8]) {
        let mut parts = body.splitn(2, |b| *b == b';');
        let command = parts.next().unwrap_or_default();
        let rest = parts.next().unwrap_or_default();
        match command {
            b"0" | b"2" => self.title = title(&String::from_utf8_lossy(rest)).into(),
            b"8" => self.link(rest),
            b"12" => self.cursor_color = color(rest),
            b"112" => self.cursor_color = None,
            b"52" => self.clipboard(rest),
            _ => {}
        }
    }

    /// A command cut off at its bound.
    fn long_osc(&mut self, body: &[u8]) {
        if body.starts_with(CLIPBOARD) {
            self.signals.clipboard_loss = Some(ClipboardLoss::TooLong);
        } else if let [b'0' | b'2', b';', ..] = body {
            // A title is cut anyway.
            self.osc(body);
        }
    }

    fn link(&mut self, rest: &[u8]) {
        let text = str::from_utf8(rest).unwrap_or_default();
        let (params, uri) = text.split_once(';').unwrap_or_default();
        let fits = text.len() <= LINK_BYTES && !text.contains(char::is_control);
        self.pen.link = (fits && !uri.is_empty()).then(|| {
            Arc::new(Link {
                params: params.into(),
                uri: uri.into(),
            })
        });
        self.carry_pen();
    }

    /// OSC 52: `targets;base64`. Reading the clipboard (`?`) is never answered.
    fn clipboard(&mut self, rest: &[u8]) {
        let Some(data) = rest.splitn(2, |b| *b == b';').nth(1) else {
            return;
        };
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(data) else {
            return;
        };
        let (text, loss) = match String::from_utf8(bytes) {
            Ok(text) => (text, None),
            Err(error) => {
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                (text, Some(ClipboardLoss::Replaced))
            }
        };
        // U+FFFD takes three bytes where one may have been.
        if text.len() > CLIPBOARD_BYTES {
            self.signals.clipboard_loss = Some(ClipboardLoss::TooLong);
        } else {
            self.signals.clipboard = Some(text);
            self.signals.clipboard_loss = loss;
        }
    }

    /// Gives the grid the number of the current pen as its colour.
    fn carry_pen(&mut self) {
        if self.pens.is_full() {
            self.flush();
            let current = self.pens.intern(&self.pen);
            let screen = self.grid.screen();
            let (rows, cols) = screen.size();
            let used = (0..rows.get())
                .flat_map(|row| (0..cols.get()).map(move |col| (row, col)))
                .filter_map(|(row, col)| Some(pen_id(screen.cell(row, col)?)));
            self.pens.collect(used.chain([current]));
        }
        match self.pens.intern(&self.pen) {
            0 => self.out.extend(b"\x1b[m"),
            id => {
                let [_, r, g, b] = id.to_be_bytes();
                let _ = write!(self.out, "\x1b[38;2;{r};{g};{b}m");
            }
        }
    }

    /// The cursor now. A pending wrap is told as the last column.
    pub(super) fn cursor(&self) -> Cursor {
        let screen = self.grid.screen();
        let (row, col) = screen.cursor_position();
        let (rows, cols) = screen.size();
        Cursor {
            row: row.min(rows.get() - 1),
            col: col.min(cols.get() - 1),
            visible: self.cursor_visible,
            shape: self.cursor_shape,
            color: self.cursor_color.clone(),
        }
    }

    /// Row `row` of the grid, its pens and clusters restored.
    pub(super) fn row(&self, row: u16) -> Row {
        let screen = self.grid.screen();
        let cols = screen.size().1.get();
        let mut built = RowBuilder::new(cols);
        for col in 0..cols {
            let Some(cell) = screen.cell(row, col) else {
                continue;
            };
            let pen = self.pens.get(pen_id(cell));
            if cell.is_wide_continuation() {
                // The right half is drawn with the left one's pen, which vt100 leaves out.
                let left = col.checked_sub(1).and_then(|left| screen.cell(row, left));
                let pen = left.map_or(pen, |left| self.pens.get(pen_id(left)));
                built.push(std::iter::empty(), 0, pen);
            } else if cell.has_contents() {
                let columns = if cell.is_wide() { 2 } else { 1 };
                built.push(Widths::cluster(cell.contents()), columns, pen);
            } else {
                built.push(std::iter::empty(), 1, &pen.erased());
            }
        }
        built.finish()
    }
}

impl std::fmt::Debug for Prepass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepass").finish_non_exhaustive()
    }
}

fn dimensions(size: Size) -> (NonZeroU16, NonZeroU16) {
    let at_least_one = |n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
    (at_least_one(size.rows), at_least_one(size.cols))
}

fn pen_id(cell: &vt100::Cell) -> PenId {
    match cell.fgcolor() {
        vt100::Color::Rgb(r, g, b) => PenId::from_be_bytes([0, r, g, b]),
        _ => 0,
    }
}

/// A title as people may see it: no controls, none of the marks that reorder text (UAX #9), bounded.
fn title(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !c.is_control()
                && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .take(TITLE_CHARS)
        .collect()
}

/// A colour in one of X's notations; anything else might be a query or worse.
fn color(text: &[u8]) -> Option<Arc<str>> {
    let text = str::from_utf8(text).ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '#' | ':' | '/' | '.');
    (!text.is_empty() && text.len() <= 64 && text.chars().all(plain)).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{Generation, Terminal};

    fn terminal() -> Terminal {
        let size = Size { cols: 80, rows: 24 };
        Terminal::new(size, Arc::new(Widths::default()), Generation(0))
    }

    fn copied(content: &[u8]) -> Signals {
        let mut terminal = terminal();
        let data = base64::engine::general_purpose::STANDARD.encode(content);
        terminal.feed(format!("\x1b]52;c;{data}\x07").as_bytes());
        terminal.take_signals()
    }

    #[test]
    fn a_copy_is_passed_on_up_to_its_bound_and_what_is_lost_is_told() {
        let longest = "ü".repeat(CLIPBOARD_BYTES / 2);
        let broken = b"a\xffb\xe2\x82c\xed\xa0\x80";
        let (replaced, too_long) = (ClipboardLoss::Replaced, ClipboardLoss::TooLong);
        for (content, text, loss) in [
            (&b"hello"[..], Some("hello"), None),
            (longest.as_bytes(), Some(&*longest), None),
            (format!("{longest}x").as_bytes(), None, Some(too_long)),
            (&[b'x'; CLIPBOARD_BYTES * 2], None, Some(too_long)),
            (
                broken,
                Some("a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\u{fffd}"),
                Some(replaced),
            ),
            // Three times as long once replaced.
            (&[0xff; CLIPBOARD_BYTES / 2], None, Some(too_long)),
        ] {
            let signals = copied(content);
            assert!(signals.clipboard.as_deref() == text, "{}", content.len());
            assert_eq!(signals.clipboard_loss, loss, "{}", content.len());
        }
    }

    #[test]
    fn of_several_copies_the_last_counts_and_a_lost_one_takes_nothing_away() {
        let (good, other) = (copied(b"good"), copied(b"other"));
        let (broken, long) = (copied(b"\xff"), copied(&[b'x'; CLIPBOARD_BYTES + 1]));
        for (first, last, text, loss) in [
            (&good, &other, "other", None),
            (&broken, &good, "good", None),
            (&long, &good, "good", None),
            (&good, &long, "good", Some(ClipboardLoss::TooLong)),
            (&good, &Signals::default(), "good", None),
            (
                &broken,
                &Signals::default(),
                "\u{fffd}",
                Some(ClipboardLoss::Replaced),
            ),
        ] {
            let both = first.clone().then(last.clone());
            assert_eq!(
                (both.clipboard.as_deref(), both.clipboard_loss),
                (Some(text), loss)
            );
        }
    }

    #[test]
    fn a_question_for_the_clipboard_changes_nothing() {
        let mut terminal = terminal();
        terminal.feed(b"\x1b]52;c;?\x07\x1b]52;c;not base64\x07\x1b]52;\x07");
        assert_eq!(terminal.take_signals(), Signals::default());
    }

    #[test]
    fn a_title_of_any_length_is_cut() {
        let mut terminal = terminal();
        terminal.feed(format!("\x1b]2;{}\x07", "ü".repeat(100_000)).as_bytes());
        assert_eq!(**terminal.title(), *"ü".repeat(TITLE_CHARS));
    }
}
