//! [`Prepass`]: what stands between tmux and vt100. Tokens in; to the grid goes only what it models,
//! with the pen carried as a number and text in tmux's widths; the rest (pens, character sets, modes,
//! title, cursor colour, synchronisation, bells, clipboard) is kept here.
//!
//! It is a whitelist: with `allow-passthrough` a pane may inject any bytes into tmux's stream, and what
//! is not known to be harmless is dropped. Alternate screen and saved cursors are dropped too, so there
//! is one grid; queries are never answered (tmux-facts: an honest answer changes what tmux sends).

use crate::config::limits::{CLIPBOARD_BYTES, COLS, LINK_BYTES, TITLE_CHARS};
use crate::terminal::ClipboardLoss;
use crate::terminal::Signals;
use crate::terminal::Size;
use crate::terminal::charset::Charsets;
use crate::terminal::clusters::Clusters;
use crate::terminal::grid::Grid;
use crate::terminal::grid::cells;
use crate::terminal::grid::pen_id;
use crate::terminal::parser::CLIPBOARD;
use crate::terminal::parser::Csi;
use crate::terminal::parser::Token;
use crate::terminal::pen::Color;
use crate::terminal::pen::Link;
use crate::terminal::pen::Pen;
use crate::terminal::pen_table::Pens;
use crate::terminal::redraw_coverage::Drawn;
use crate::terminal::screen::Cursor;
use crate::terminal::screen::ExtendedKeys;
use crate::terminal::screen::Modes;
use crate::terminal::screen::MouseEncoding;
use crate::terminal::screen::MouseMode;
use crate::terminal::screen::Row;
use crate::terminal::screen::RowBuilder;
use crate::terminal::width::Widths;
use base64::Engine as _;
use std::num::NonZeroU16;
use std::sync::Arc;

/// The grid and everything vt100 does not keep.
pub(super) struct Prepass {
    pub(super) grid: Grid,
    clusters: Clusters,
    charsets: Charsets,
    pens: Pens,
    pen: Pen,
    pub(super) modes: Modes,
    /// What tmux last said by XTMODKEYS.
    announced_keys: ExtendedKeys,
    /// What the active pane asked for, if tmux says.
    pane_keys: Option<ExtendedKeys>,
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
}

impl Prepass {
    pub(super) fn new(size: Size, widths: Arc<Widths>) -> Self {
        let (rows, cols) = dimensions(size);
        Self {
            grid: Grid::new(rows, cols),
            clusters: Clusters::new(widths),
            charsets: Charsets::default(),
            pens: Pens::default(),
            pen: Pen::default(),
            modes: Modes::default(),
            announced_keys: ExtendedKeys::Off,
            pane_keys: None,
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
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        let (rows, cols) = dimensions(size);
        self.grid.resize(rows, cols);
        self.drawn = Drawn::new(rows.get());
        self.touched = true;
    }

    /// Takes in one token.
    pub(super) fn take(&mut self, token: Token<'_>) {
        self.touched = true;
        self.drawn.follow(&token);
        // Nothing joins a character across a control.
        let previous = match token {
            Token::Text(_) => None,
            _ => self.clusters.end(),
        };
        match token {
            Token::Text(text) => self.text(text),
            Token::Control(byte) => match byte {
                0x07 => self.signals.bell = true,
                0x08 => self.grid.back(),
                0x09 => self.grid.go(&[byte]),
                0x0a..=0x0c => self.grid.line_feed(byte),
                0x0d => self.grid.carriage_return(),
                0x0e => self.charsets.shift(1),
                0x0f => self.charsets.shift(0),
                _ => {}
            },
            Token::Escape {
                intermediate: None,
                last,
            } => match last {
                b'M' => self.grid.reverse_index(),
                b'=' => self.modes.application_keypad = true,
                b'>' => self.modes.application_keypad = false,
                b'c' => self.reset(),
                b'n' => self.charsets.shift(2),
                b'o' => self.charsets.shift(3),
                _ => {}
            },
            Token::Escape {
                intermediate: Some(slot),
                last,
            } => self.charsets.designate(slot, last),
            Token::Csi(csi) => self.csi(previous, &csi),
            Token::Osc(body) => self.osc(body),
            Token::LongOsc(body) => self.long_osc(body),
            // tmux before 3.4 marks synchronised updates this way.
            Token::Dcs(b"=1s") => self.synchronize(true),
            Token::Dcs(b"=2s") => self.synchronize(false),
            Token::Dcs(_) => {}
        }
    }

    fn text(&mut self, text: &str) {
        if self.charsets.translates() {
            let text: String = text.chars().map(|c| self.charsets.translate(c)).collect();
            self.print(&text);
        } else {
            self.print(text);
        }
    }

    fn print(&mut self, text: &str) {
        if self.clusters.is_full() {
            self.grid.flush();
            let used = cells(self.grid.screen()).map(vt100::Cell::contents);
            self.clusters.collect(used);
        }
        let mut rest = text;
        loop {
            // Nothing is wider than two columns.
            let wide = rest.chars().filter(|c| !c.is_ascii()).count();
            let columns = rest.len().min(rest.chars().count() + wide);
            let careful = self.grid.needs_care(columns as u32);
            let Some(taken) = self.clusters.write(rest, &mut self.grid, careful) else {
                return;
            };
            self.clusters.set_room(self.grid.has_room());
            rest = &rest[taken..];
        }
    }

    fn reset(&mut self) {
        self.grid.reset();
        self.charsets = Charsets::default();
        self.pen = Pen::default();
        self.modes = Modes::default();
        self.announced_keys = ExtendedKeys::Off;
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

    fn csi(&mut self, previous: Option<char>, csi: &Csi<'_>) {
        // No grid is larger; a huge count would only cost time.
        let param = |index| csi.param(index, 0).min(*COLS.end());
        let count = i32::from(param(0).max(1));
        match (csi.prefix, csi.intermediate, csi.last) {
            (None, None, b'm') => {
                let pen = self.pen.clone();
                self.pen.apply(csi);
                if pen != self.pen {
                    self.carry_pen();
                }
            }
            (None, None, b'A'..=b'H' | b'd' | b'f') => {
                self.grid.step(param(0), param(1), csi.last);
            }
            // HPA, HPR and VPR, which are the same as these.
            (None, None, b'`') => self.grid.step(param(0), 0, b'G'),
            (None, None, b'a') => self.grid.step(param(0), 0, b'C'),
            (None, None, b'e') => self.grid.step(param(0), 0, b'B'),
            (None, None, b'J' | b'K' | b'X') => self.grid.erase(param(0), csi.last),
            (None, None, b'L') => self.grid.shift_lines(-count),
            (None, None, b'M') => self.grid.shift_lines(count),
            (None, None, b'@') => self.grid.shift_cells(-count),
            (None, None, b'P') => self.grid.shift_cells(count),
            (None, None, b'S') => self.grid.scroll(count),
            (None, None, b'T') => self.grid.scroll(-count),
            (None, None, b'b') => self.repeat(previous, csi.param(0, 1)),
            (None, None, b'r') => self.grid.set_region(csi.param(0, 0), csi.param(1, 0)),
            (None, None, b's') => self.grid.set_margins(param(0), param(1)),
            (None, Some(b'$'), b'x') => self.fill(csi),
            (None, Some(b' '), b'q') => self.cursor_shape = csi.param(0, 0).min(6) as u8,
            (Some(b'>'), None, b'm') if csi.param(0, 0) == 4 => {
                self.announced_keys = ExtendedKeys::numbered(csi.param(1, 0));
            }
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

    /// REP: prints the character before it again, no more often than there are cells.
    fn repeat(&mut self, previous: Option<char>, count: u16) {
        let Some(c) = previous else {
            return;
        };
        let (rows, cols) = self.grid.screen().size();
        let cells = u32::from(rows.get()) * u32::from(cols.get());
        let count = u32::from(count).min(cells) as usize;
        let text: String = std::iter::repeat_n(c, count).collect();
        self.print(&text);
    }

    /// DECFRA.
    fn fill(&mut self, csi: &Csi<'_>) {
        let Some(c @ (' '..='~' | '\u{a0}'..='\u{ff}')) = char::from_u32(csi.param(0, 0).into())
        else {
            return;
        };
        let rectangle = [1, 2, 3, 4].map(|index| csi.param(index, 0));
        let erased = c == ' ' && self.pen == self.pen.erased();
        self.grid.fill(c, rectangle, erased);
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
            69 => self.grid.reset_margins(),
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
            self.grid.flush();
            let current = self.pens.intern(&self.pen);
            let used = cells(self.grid.screen()).map(pen_id);
            self.pens.collect(used.chain([current]));
        }
        let painted = self.pen.background != Color::Default;
        self.grid.take_pen(self.pens.intern(&self.pen), painted);
    }

    /// What the active pane asked for; none where tmux does not say.
    /// Whether that is news.
    pub(super) fn pane_keys(&mut self, keys: Option<ExtendedKeys>) -> bool {
        let before = self.modes();
        self.pane_keys = keys;
        let news = before != self.modes();
        self.touched |= news;
        news
    }

    /// The modes now. tmux up to 3.4 does not say what a pane asked for, only whether it passes extended
    /// keys on at all; from 3.5 on it says, and what it announces to its own terminal means nothing.
    pub(super) fn modes(&self) -> Modes {
        Modes {
            extended_keys: self.pane_keys.unwrap_or(self.announced_keys),
            ..self.modes
        }
    }

    /// The cursor now. A pending wrap is told as the last column.
    pub(super) fn cursor(&self) -> Cursor {
        let (row, col) = self.grid.cursor();
        Cursor {
            row,
            col,
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
                let text = self.clusters.text(cell.contents());
                built.push(text.chars(), columns, pen);
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
