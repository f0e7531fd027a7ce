//! (previous screen?, screen) → bytes. The one way a picture becomes what a viewer's terminal reads.
//!
//! Without a previous screen the bytes start with a reset (`ESC c`) and give the whole picture on any
//! terminal in any state; with one they assume a terminal that shows exactly it: the cursor where it
//! has it, the default pen, no margins. Every frame leaves the terminal like that.

use super::screen::{ExtendedKeys, Modes, MouseEncoding, MouseMode, Row, Screen};
use crate::terminal::cell_writer::Brush;
use crate::terminal::scroll_detect;
use std::sync::Arc;

/// A delta longer than this is wrapped in a synchronised update, so that no terminal shows half of
/// it; a shorter one is drawn in one go anyway and an echoed key costs nothing extra.
const SYNCHRONIZED_OVER_BYTES: usize = 256;
const SYNC_START: &[u8] = b"\x1b[?2026h";
const SYNC_END: &[u8] = b"\x1b[?2026l";

/// The bytes that take a terminal showing `previous` (or, without one, any terminal in any state)
/// to `current`. Empty where both show the same. A previous screen of another size is none.
#[must_use]
pub fn repaint(previous: Option<&Screen>, current: &Screen) -> Vec<u8> {
    match previous {
        Some(previous) if previous.size == current.size => delta(previous, current),
        _ => full(current),
    }
}

fn full(current: &Screen) -> Vec<u8> {
    let blank = Screen::blank(current.size, current.generation);
    let mut brush = Brush::new(current.size.cols, (0, 0));
    // The reset closes a synchronised update, so it comes first. It ends an open link in xterm.js,
    // but not everywhere, and keeps the title, the cursor's colour and its visibility.
    brush.write(format_args!("\x1bc\x1b[?2026h\x1b]8;;\x1b\\"));
    write_title(&mut brush, current);
    write_cursor_color(&mut brush, current);
    brush.write(format_args!("\x1b[{} q", current.cursor.shape));
    brush.write(format_args!("\x1b[?25l"));
    // Not every terminal resets this one.
    write_extended_keys(&mut brush, current.modes.extended_keys);
    write_modes(&mut brush, blank.modes, current.modes);
    paint(&mut brush, &blank.rows, &current.rows);
    let mut out = brush.finish(current.cursor.row, current.cursor.col);
    if current.cursor.visible {
        out.extend(b"\x1b[?25h");
    }
    out.extend(SYNC_END);
    out
}

fn delta(previous: &Screen, current: &Screen) -> Vec<u8> {
    let from = (previous.cursor.row, previous.cursor.col);
    let mut brush = Brush::new(current.size.cols, from);
    if previous.title != current.title {
        write_title(&mut brush, current);
    }
    if previous.cursor.color != current.cursor.color {
        write_cursor_color(&mut brush, current);
    }
    if previous.cursor.shape != current.cursor.shape {
        brush.write(format_args!("\x1b[{} q", current.cursor.shape));
    }
    if previous.cursor.visible && !current.cursor.visible {
        brush.write(format_args!("\x1b[?25l"));
    }
    if previous.modes.extended_keys != current.modes.extended_keys {
        write_extended_keys(&mut brush, current.modes.extended_keys);
    }
    write_modes(&mut brush, previous.modes, current.modes);
    match scroll_detect::find(&previous.rows, &current.rows) {
        None => paint(&mut brush, &previous.rows, &current.rows),
        Some(scroll) => {
            let (top, bottom) = (usize::from(scroll.top), usize::from(scroll.bottom));
            brush.scroll(scroll.top, scroll.bottom, current.size.rows, scroll.by);
            let mut moved = previous.rows.to_vec();
            let by = scroll.by.unsigned_abs() as usize;
            let blank = Arc::new(Row::blank(current.size.cols));
            let incoming = if scroll.by > 0 {
                moved[top..=bottom].rotate_left(by);
                bottom + 1 - by..bottom + 1
            } else {
                moved[top..=bottom].rotate_right(by);
                top..top + by
            };
            moved[incoming].fill(blank);
            paint(&mut brush, &moved, &current.rows);
        }
    }
    let drawn = brush.len();
    let mut out = brush.finish(current.cursor.row, current.cursor.col);
    if !previous.cursor.visible && current.cursor.visible {
        out.extend(b"\x1b[?25h");
    }
    if drawn > SYNCHRONIZED_OVER_BYTES {
        out.splice(..0, SYNC_START.iter().copied());
        out.extend(SYNC_END);
    }
    out
}

fn paint(brush: &mut Brush, before: &[Arc<Row>], after: &[Arc<Row>]) {
    for (y, (before, after)) in before.iter().zip(after).enumerate() {
        if !Arc::ptr_eq(before, after) && before != after {
            brush.row(y as u16, before, after);
        }
    }
}

fn write_title(brush: &mut Brush, screen: &Screen) {
    brush.write(format_args!("\x1b]2;{}\x1b\\", screen.title));
}

fn write_cursor_color(brush: &mut Brush, screen: &Screen) {
    match &screen.cursor.color {
        Some(color) => brush.write(format_args!("\x1b]12;{color}\x1b\\")),
        None => brush.write(format_args!("\x1b]112\x1b\\")),
    }
}

fn write_extended_keys(brush: &mut Brush, keys: ExtendedKeys) {
    brush.write(format_args!(
        "{}",
        match keys {
            ExtendedKeys::Off => "\x1b[>4m",
            ExtendedKeys::Ambiguous => "\x1b[>4;1m",
            ExtendedKeys::All => "\x1b[>4;2m",
        }
    ));
}

/// All but the extended keys.
fn write_modes(brush: &mut Brush, from: Modes, to: Modes) {
    let mut set = |number: u16, on: bool| {
        brush.write(format_args!("\x1b[?{number}{}", if on { 'h' } else { 'l' }));
    };
    for (number, from, to) in [
        (1, from.application_cursor, to.application_cursor),
        (1004, from.focus_reports, to.focus_reports),
        (2004, from.bracketed_paste, to.bracketed_paste),
    ] {
        if from != to {
            set(number, to);
        }
    }
    if from.mouse_encoding != to.mouse_encoding {
        match to.mouse_encoding {
            MouseEncoding::Default => set(encoding_number(from.mouse_encoding), false),
            encoding => set(encoding_number(encoding), true),
        }
    }
    if from.mouse != to.mouse {
        match to.mouse {
            MouseMode::Off => set(mouse_number(from.mouse), false),
            mouse => set(mouse_number(mouse), true),
        }
    }
    if from.application_keypad != to.application_keypad {
        brush.write(format_args!(
            "\x1b{}",
            if to.application_keypad { '=' } else { '>' }
        ));
    }
}

/// Off has no number of its own: any mouse mode's reset turns the mouse off.
fn mouse_number(mode: MouseMode) -> u16 {
    match mode {
        MouseMode::Press => 9,
        MouseMode::Off | MouseMode::PressRelease => 1000,
        MouseMode::ButtonMotion => 1002,
        MouseMode::AnyMotion => 1003,
    }
}

fn encoding_number(encoding: MouseEncoding) -> u16 {
    match encoding {
        MouseEncoding::Utf8 => 1005,
        MouseEncoding::Default | MouseEncoding::Sgr => 1006,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{Flags, Generation, Joins, Size, Terminal, Tones, Widths};
    use proptest::prelude::*;

    const SIZE: Size = Size { cols: 20, rows: 6 };

    fn terminal(size: Size) -> Terminal {
        Terminal::new(size, Arc::new(Widths::default()), Generation(0))
    }

    fn viewer(size: Size) -> Terminal {
        Terminal::new(size, Widths::of_viewers(), Generation(0))
    }

    fn feed(terminal: &mut Terminal, mut bytes: &[u8]) -> Arc<Screen> {
        while !bytes.is_empty() {
            let n = terminal.feed(bytes);
            bytes = &bytes[n..];
        }
        terminal.screen()
    }

    /// Pieces of what tmux writes, and of what it should not.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let text = prop_oneof![
            "[ -~]{1,12}",
            "[漢字한글ｆ]{1,4}",
            "[é±─│█Ωж]{1,4}",
            "e\u{301}{1,2}",
        ];
        let number = || 0u16..9;
        prop_oneof![
            4 => text.prop_map(String::into_bytes),
            3 => (number(), 0u16..22).prop_map(|(r, c)| format!("\x1b[{r};{c}H").into_bytes()),
            2 => (number(), "[ABCDEFGJKLMPSTX@d]").prop_map(|(n, f)| format!("\x1b[{n}{f}").into_bytes()),
            1 => (number(), number()).prop_map(|(a, b)| format!("\x1b[{a};{b}r").into_bytes()),
            1 => (number(), 0u16..22).prop_map(|(a, b)| format!("\x1b[{a};{b}s").into_bytes()),
            1 => (number(), number()).prop_map(|(a, b)| format!("\x1b[35;{a};{b};5;9$x").into_bytes()),
            1 => "[()][0AB]".prop_map(|set| format!("\x1b{set}").into_bytes()),
            1 => "[\x0e\x0f]".prop_map(String::into_bytes),
            1 => (0u16..4).prop_map(|n| format!("\x1b[>4;{n}m").into_bytes()),
            2 => crate::terminal::pen::tests::any_pen().prop_map(|pen| {
                let mut out = b"\x1b[m".to_vec();
                pen.write(&crate::terminal::Pen::default(), &mut out);
                out
            }),
            2 => "[\r\n\x08\t\x07]{1,3}".prop_map(String::into_bytes),
            1 => Just(b"\x1bM".to_vec()),
            1 => (prop_oneof![Just(1u16), Just(25), Just(1000), Just(1002), Just(1003), Just(1004), Just(1006), Just(2004), Just(2026)], any::<bool>())
                .prop_map(|(n, on)| format!("\x1b[?{n}{}", if on { 'h' } else { 'l' }).into_bytes()),
            1 => (0u16..7).prop_map(|n| format!("\x1b[{n} q").into_bytes()),
            1 => "[a-z ]{0,6}".prop_map(|t| format!("\x1b]2;{t}\x1b\\").into_bytes()),
            1 => prop_oneof![Just(""), Just("http://a/"), Just("https://b/c")].prop_map(|u| format!("\x1b]8;;{u}\x1b\\").into_bytes()),
            1 => prop_oneof![Just("\x1b]112\x1b\\"), Just("\x1b]12;#ff0000\x1b\\"), Just("\x1b="), Just("\x1b>")].prop_map(|s| s.as_bytes().to_vec()),
        ]
    }

    fn stream(pieces: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(piece(), 0..pieces).prop_map(|pieces| pieces.concat())
    }

    /// Text that terminals have different ideas of.
    fn contested() -> impl Strategy<Value = Vec<u8>> {
        let text = "[a1é漢☝❤♀👍👩💻🇩🇪\u{600}\u{898}\u{301}\u{fe0f}\u{200d}\u{1f3fd}\u{e0b0}\u{f0001}\u{10fffd}]{1,12}";
        prop_oneof![3 => text.prop_map(String::into_bytes), 1 => piece()]
    }

    fn rules() -> impl Strategy<Value = Arc<Widths>> {
        let tones = prop_oneof![
            Just(Tones::Never),
            Just(Tones::AnyButAscii),
            Just(Tones::Listed)
        ];
        let flags = prop_oneof![
            Just(Flags::Never),
            Just(Flags::AnyButAscii),
            Just(Flags::Run),
            Just(Flags::Pair)
        ];
        (tones, flags, any::<bool>(), 0u8..3, 0u8..3, 15usize..40).prop_map(
            |(tones, flags, vs16_widens, mark, sign, limit)| {
                let joins = Joins {
                    limit,
                    vs16_widens,
                    tones,
                    flags,
                    tone_first: vs16_widens,
                    ..Joins::default()
                };
                let runs = [
                    ('\u{301}', '\u{301}', mark),
                    ('☝', '☝', sign),
                    ('\u{e0b0}', '\u{e0b0}', sign),
                ];
                Arc::new(Widths::probed(&runs, &['👍', '☝'], joins))
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn whatever_the_rules(
            widths in rules(),
            pieces in proptest::collection::vec(contested(), 0..30),
            cut in 0usize..400,
        ) {
            let bytes = pieces.concat();
            let cut = cut.min(bytes.len());
            let terminal = || Terminal::new(SIZE, Arc::clone(&widths), Generation(0));
            let whole = feed(&mut terminal(), &bytes);
            let mut parts = terminal();
            let previous = feed(&mut parts, &bytes[..cut]);
            let current = feed(&mut parts, &bytes[cut..]);
            prop_assert!(whole.shows_same(&current), "{whole:#?}\n{current:#?}");
            let mut follower = viewer(SIZE);
            feed(&mut follower, &repaint(None, &previous));
            let seen = feed(&mut follower, &repaint(Some(&previous), &current));
            let shown = feed(&mut viewer(SIZE), &repaint(None, &current));
            prop_assert!(seen.shows_same(&shown), "{shown:#?}\n{seen:#?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn a_repaint_gives_the_whole_picture_on_any_terminal(dirt in stream(30), picture in stream(40)) {
            let current = feed(&mut terminal(SIZE), &picture);
            let mut viewer = viewer(SIZE);
            feed(&mut viewer, &dirt);
            let seen = feed(&mut viewer, &repaint(None, &current));
            prop_assert!(seen.shows_same(&current), "{current:#?}\n{seen:#?}");
        }

        #[test]
        fn previous_screen_and_delta_give_the_current_one(first in stream(40), second in stream(12)) {
            let mut source = terminal(SIZE);
            let mut viewer = viewer(SIZE);
            let previous = feed(&mut source, &first);
            feed(&mut viewer, &repaint(None, &previous));
            let current = feed(&mut source, &second);
            let frame = repaint(Some(&previous), &current);
            let seen = feed(&mut viewer, &frame);
            prop_assert!(seen.shows_same(&current), "{}\n{current:#?}\n{seen:#?}", frame.escape_ascii());
        }

        #[test]
        fn unrelated_screens_too(first in stream(40), second in stream(40)) {
            let previous = feed(&mut terminal(SIZE), &first);
            let current = feed(&mut terminal(SIZE), &second);
            let mut viewer = viewer(SIZE);
            feed(&mut viewer, &repaint(None, &previous));
            let frame = repaint(Some(&previous), &current);
            let seen = feed(&mut viewer, &frame);
            prop_assert!(seen.shows_same(&current), "{}\n{current:#?}\n{seen:#?}", frame.escape_ascii());
        }

        #[test]
        fn arbitrary_bytes_cut_anywhere(bytes in proptest::collection::vec(any::<u8>(), 0..600), cut in 0usize..600) {
            let cut = cut.min(bytes.len());
            let whole = feed(&mut terminal(SIZE), &bytes);
            let mut parts = terminal(SIZE);
            let previous = feed(&mut parts, &bytes[..cut]);
            let current = feed(&mut parts, &bytes[cut..]);
            prop_assert!(whole.shows_same(&current));
            let mut viewer = viewer(SIZE);
            feed(&mut viewer, &repaint(None, &previous));
            let seen = feed(&mut viewer, &repaint(Some(&previous), &current));
            // What cannot be shown is sent as something else, so a repaint is what it is held against.
            let shown = feed(&mut self::viewer(SIZE), &repaint(None, &current));
            prop_assert!(seen.shows_same(&shown), "{shown:#?}\n{seen:#?}");
        }
    }

    #[test]
    fn an_echoed_key_is_one_byte() {
        let mut source = terminal(SIZE);
        let previous = feed(&mut source, b"$ l");
        let current = feed(&mut source, b"s");
        assert_eq!(repaint(Some(&previous), &current), b"s");
    }

    #[test]
    fn the_cursor_moves_the_shortest_way() {
        let size = Size { cols: 80, rows: 24 };
        let mut source = terminal(size);
        for (from, to, bytes) in [
            ((5, 9), (5, 10), "\x1b[C"),
            ((5, 9), (5, 6), "\x08\x08\x08"),
            ((5, 70), (5, 60), "\x1b[10D"),
            ((5, 70), (5, 7), "\x1b[8G"),
            ((5, 9), (5, 0), "\r"),
            ((5, 9), (6, 0), "\r\n"),
            ((5, 9), (7, 0), "\r\n\n"),
            ((5, 9), (6, 9), "\x1b[B"),
            ((5, 9), (4, 9), "\x1b[A"),
            ((5, 9), (6, 8), "\x1b[B\x08"),
            ((20, 40), (21, 3), "\r\n\x1b[3C"),
            ((5, 40), (22, 61), "\x1b[23;62H"),
            ((20, 40), (0, 0), "\x1b[H"),
            ((20, 40), (4, 0), "\x1b[5H"),
        ] {
            let place = |(row, col): (i32, i32)| format!("\x1b[{};{}H", row + 1, col + 1);
            let previous = feed(&mut source, place(from).as_bytes());
            let current = feed(&mut source, place(to).as_bytes());
            let frame = repaint(Some(&previous), &current);
            assert_eq!(
                frame.escape_ascii().to_string(),
                bytes.as_bytes().escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn full_rows_follow_each_other_without_a_place() {
        let mut source = terminal(SIZE);
        let rows = "12345678901234567890".repeat(6);
        let current = feed(&mut source, rows.as_bytes());
        let frame = repaint(None, &current).escape_ascii().to_string();
        assert!(frame.contains(r"67890\r\n12345"), "{frame}");
    }

    #[test]
    fn the_same_picture_is_no_bytes() {
        let screen = feed(&mut terminal(SIZE), b"hello");
        assert_eq!(repaint(Some(&screen), &screen), b"");
    }

    #[test]
    fn a_log_line_does_not_resend_the_screen() {
        let size = Size { cols: 80, rows: 24 };
        let mut source = terminal(size);
        let mut log = String::from("\x1b[H");
        for n in 0..23 {
            log += &format!(
                "{n} the quick brown fox jumps over the lazy dog {}\r\n",
                n * n
            );
        }
        let previous = feed(&mut source, log.as_bytes());
        let current = feed(&mut source, b"23 a new line\r\n");
        let frame = repaint(Some(&previous), &current);
        assert!(
            frame.len() < 40,
            "{}: {}",
            frame.len(),
            frame.escape_ascii()
        );
    }

    #[test]
    fn a_status_line_stays_out_of_the_scroll() {
        let size = Size { cols: 40, rows: 10 };
        let mut source = terminal(size);
        let mut first = String::from("\x1b[10;1H\x1b[42m[0] status\x1b[K\x1b[m\x1b[1;9r\x1b[H");
        for n in 0..9 {
            first += &format!("line {n} with enough text to be worth it");
            first += if n < 8 { "\r\n" } else { "" };
        }
        let previous = feed(&mut source, first.as_bytes());
        let current = feed(&mut source, b"\nmore");
        let frame = repaint(Some(&previous), &current);
        let mut viewer = viewer(size);
        feed(&mut viewer, &repaint(None, &previous));
        assert!(feed(&mut viewer, &frame).shows_same(&current));
        assert!(frame.len() < 40, "{}", frame.escape_ascii());
    }
}
