//! PURE: when tmux is asked for the session's windows: whenever something hints at a change, at most
//! once in [`WINDOWS_INTERVAL`], the first time at once. It must not know what they are asked with.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::{PANE_MODES_INTERVAL, WINDOWS_INTERVAL, WINDOWS_RECHECK};
use crate::terminal::Screen;
use crate::tmux::StatusLine;
use std::sync::Arc;
use std::time::Instant;

/// Whether the windows may be others than those known.
#[derive(Debug)]
pub(in crate::bridge) struct Wonder {
    wondering: bool,
    /// Output hints at a change, which can wait longer.
    output: bool,
    /// When to ask again whether they are still the same.
    recheck: Option<Instant>,
    asked: Option<Instant>,
}

impl Wonder {
    /// Of an attach that knows nothing yet.
    pub(in crate::bridge) const fn new() -> Self {
        Self {
            wondering: true,
            output: false,
            recheck: None,
            asked: None,
        }
    }

    /// Something hints at a change. While a question is under way it may have been asked too early,
    /// so one more follows.
    pub(in crate::bridge) const fn wonder(&mut self) {
        self.wondering = true;
    }

    /// A program wrote more than an echo.
    pub(in crate::bridge) const fn wrote(&mut self) {
        self.output = true;
    }

    /// They are not as they were known.
    pub(in crate::bridge) fn changed(&mut self, now: Instant) {
        self.recheck = Some(now + WINDOWS_RECHECK);
    }

    /// Whether to ask now. If so, ask at once. `free`: no question is under way.
    pub(in crate::bridge) fn ask(&mut self, free: bool, now: Instant) -> bool {
        let ask = free && self.due_at(now).is_some_and(|at| at <= now);
        if ask {
            self.wondering = false;
            self.output = false;
            self.recheck = None;
            self.asked = Some(now);
        }
        ask
    }

    /// When to look again though nothing happened.
    pub(in crate::bridge) fn wake_at(&self, free: bool) -> Option<Instant> {
        // Never asked, it is looked at in the turn that found the hint.
        self.asked
            .and_then(|asked| self.due_at(asked))
            .filter(|_| free)
    }

    /// When to ask; at once is `now`.
    fn due_at(&self, now: Instant) -> Option<Instant> {
        let after = |interval| self.asked.map_or(now, |asked| asked + interval);
        match (self.wondering, self.output) {
            (true, _) => Some(after(WINDOWS_INTERVAL)),
            (_, true) => Some(after(PANE_MODES_INTERVAL)),
            _ => self.recheck,
        }
    }
}

/// Whether tmux's status line reads another way: a bell, another name, a zoom are seen there first.
pub(in crate::bridge) fn reads_another_way(
    before: &Screen,
    after: &Screen,
    status: StatusLine,
) -> bool {
    let (all, rows) = (after.rows.len(), usize::from(status.rows));
    let shown = match all.checked_sub(rows) {
        _ if before.size != after.size => return true,
        // A terminal this low has no status line.
        None | Some(0) => return false,
        Some(_) if status.top => 0..rows,
        Some(first) => first..all,
    };
    before.rows[shown.clone()] != after.rows[shown]
}

/// Whether more changed than a key that is echoed does.
pub(in crate::bridge) fn is_output(before: &Screen, after: &Screen) -> bool {
    let rows = before.rows.iter().zip(&after.rows);
    let changed = rows.filter(|(before, after)| !Arc::ptr_eq(before, after));
    before.cursor.row != after.cursor.row || changed.count() > 1
}

/// Whether a program wants keys or the mouse sent in another way. One that asks for extended keys, of
/// which tmux tells nothing by itself, mostly asks for this in the same breath.
pub(in crate::bridge) fn keys_another_way(before: &Screen, after: &Screen) -> bool {
    let wanted = |screen: &Screen| {
        let modes = screen.modes;
        (
            modes.application_cursor,
            modes.application_keypad,
            modes.mouse,
        )
    };
    wanted(before) != wanted(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{Generation, Size, Terminal, Widths};

    #[test]
    fn many_hints_are_one_question_and_the_last_is_not_lost() {
        let now = Instant::now();
        let mut wonder = Wonder::new();
        assert!(wonder.ask(true, now), "nothing is known yet");
        assert!(!wonder.ask(true, now) && wonder.wake_at(true).is_none());
        wonder.wonder();
        assert!(!wonder.ask(false, now), "one is under way");
        assert_eq!(wonder.wake_at(false), None, "its answer wakes");
        wonder.wonder();
        assert!(!wonder.ask(true, now));
        let then = now + WINDOWS_INTERVAL;
        assert_eq!(wonder.wake_at(true), Some(then));
        assert!(wonder.ask(true, then));
        assert!(!wonder.ask(true, then + WINDOWS_INTERVAL));
    }

    #[test]
    fn output_is_asked_about_later_and_not_for_ever() {
        let now = Instant::now();
        let mut wonder = Wonder::new();
        assert!(wonder.ask(true, now));
        wonder.wrote();
        let soon = now + WINDOWS_INTERVAL;
        let then = now + PANE_MODES_INTERVAL;
        assert!(!wonder.ask(true, soon));
        assert_eq!(wonder.wake_at(true), Some(then));
        assert!(wonder.ask(true, then) && wonder.wake_at(true).is_none());
        wonder.wrote();
        wonder.wonder();
        assert!(
            wonder.ask(true, then + WINDOWS_INTERVAL),
            "another hint is sooner"
        );
        assert_eq!(wonder.wake_at(true), None);
    }

    #[test]
    fn what_changed_is_asked_for_once_more() {
        let now = Instant::now();
        let mut wonder = Wonder::new();
        assert!(wonder.ask(true, now));
        wonder.changed(now);
        let then = now + WINDOWS_RECHECK;
        assert_eq!(wonder.wake_at(true), Some(then));
        assert!(!wonder.ask(true, now + WINDOWS_INTERVAL));
        assert!(wonder.ask(true, then));
        assert_eq!(wonder.wake_at(true), None, "it is still the same");
    }

    #[test]
    fn an_echoed_key_is_no_output() {
        let size = Size { cols: 10, rows: 4 };
        let mut terminal = Terminal::new(size, Arc::new(Widths::default()), Generation(0));
        terminal.feed(b"$ ");
        let before = terminal.screen();
        terminal.feed(b"x");
        let typed = terminal.screen();
        assert!(!is_output(&before, &typed));
        terminal.feed(b"\r\n");
        let entered = terminal.screen();
        assert!(is_output(&typed, &entered));
        terminal.feed(b"a\r\nb\x1b[H\x1b[2;1H");
        assert!(is_output(&entered, &terminal.screen()));
    }

    fn screen(rows: u16, text: &str) -> Arc<Screen> {
        let size = Size { cols: 10, rows };
        let mut terminal = Terminal::new(size, Arc::new(Widths::default()), Generation(0));
        terminal.feed(text.as_bytes());
        terminal.screen()
    }

    #[test]
    fn other_modes_of_keys_and_mouse_are_a_hint_and_a_prompt_is_not() {
        let plain = screen(4, "");
        for (modes, hint) in [
            ("\x1b[?1h", true),
            ("\x1b=", true),
            ("\x1b[?1000h", true),
            ("\x1b[?2004h", false),
            ("$ ", false),
        ] {
            assert_eq!(
                keys_another_way(&plain, &screen(4, modes)),
                hint,
                "{modes:?}"
            );
        }
    }

    #[test]
    fn only_the_rows_of_the_status_line_count() {
        let bottom = StatusLine {
            rows: 2,
            top: false,
        };
        let top = StatusLine { rows: 1, top: true };
        let before = screen(4, "a\r\nb\r\nc\r\nd");
        for (text, at_bottom, at_top) in [
            ("a\r\nb\r\nc\r\nd", false, false),
            ("a\r\nx\r\nc\r\nd", false, false),
            ("a\r\nb\r\nx\r\nd", true, false),
            ("a\r\nb\r\nc\r\nx", true, false),
            ("x\r\nb\r\nc\r\nd", false, true),
        ] {
            let after = screen(4, text);
            assert_eq!(
                reads_another_way(&before, &after, bottom),
                at_bottom,
                "{text}"
            );
            assert_eq!(reads_another_way(&before, &after, top), at_top, "{text}");
        }
        let off = StatusLine::default();
        assert!(!reads_another_way(&before, &screen(4, "x"), off));
        assert!(reads_another_way(&before, &screen(5, ""), off));
        let low = (screen(2, "a"), screen(2, "x"));
        assert!(!reads_another_way(&low.0, &low.1, bottom));
    }
}
