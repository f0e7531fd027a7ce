//! [`Windows`]: the windows of one session and where its status line is; and what may be done with
//! them. Addressed by id only, and a name never goes to tmux: it would expand it.

use crate::config::limits::{WINDOW_NAME_CHARS, WINDOWS};
use crate::terminal::ExtendedKeys;
use crate::tmux::query::fields::{FIELD, status_lines};
use crate::tmux::query::printed;
use crate::tmux::{Error, Server, SessionId, WindowId};
use serde::{Deserialize, Serialize};
use tmux_interface::{
    IfShell, KillWindow, ListWindows, NewWindow, ResizePane, SelectWindow, TmuxCommand,
};

/// A session's windows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Windows {
    /// Where tmux draws its status line in this session.
    pub status: StatusLine,
    /// By index; at most [`WINDOWS`], the current one always among them.
    pub windows: Vec<Window>,
    /// How many more there are.
    pub more: usize,
    /// What the active pane of the current window asked for in extended keys; `None` before tmux 3.5,
    /// which does not say.
    pub extended_keys: Option<ExtendedKeys>,
}

/// The rows tmux's status line takes of every client's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatusLine {
    /// How many; none when it is off.
    pub rows: u16,
    /// Whether they are at the top.
    pub top: bool,
}

/// A window as tmux tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Its id; never used twice by one server.
    pub id: WindowId,
    /// Its number in this session.
    pub index: u32,
    /// Whatever it is called, without control characters, at most [`WINDOW_NAME_CHARS`].
    pub name: String,
    /// It is the session's current one.
    pub active: bool,
    /// A bell rang in it since it was looked at.
    pub bell: bool,
    /// Something was written in it since it was looked at (where `monitor-activity` is on).
    pub activity: bool,
    /// One of its panes fills it.
    pub zoomed: bool,
    /// How many panes it has.
    pub panes: u32,
    /// A full-screen program has its active pane, which then has no history to scroll.
    pub alternate: bool,
    /// Its active pane tells pasted text from typed (bracketed paste); tmux before 3.7 does not say.
    pub brackets: Option<bool>,
}

/// What may be done with a session's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WindowAct {
    /// Makes it the session's current one, for everybody.
    Select(WindowId),
    /// Opens one, in the directory of the active pane.
    New,
    /// Ends it and what runs in it; with the last one the session ends.
    Close(WindowId),
    /// Has its active pane fill it, or not any more.
    Zoom(WindowId),
    /// Scrolls the history of the current one's active pane, as a wheel would where tmux has the mouse:
    /// negative lines are back, and beyond the last one the history is left.
    Scroll(i16),
}

/// What [`read`] reads. The name comes last: it is only cut and cleaned here, so that 10,000 long ones
/// do not outgrow an answer.
fn format() -> String {
    let known = [
        "status",
        "status-position",
        "window_id",
        "window_index",
        "window_active",
        "window_bell_flag",
        "window_activity_flag",
        "window_zoomed_flag",
        "window_panes",
        "alternate_on",
        "pane_in_mode",
        "bracket_paste_flag",
        "pane_key_mode",
    ];
    let known = known.map(|name| format!("#{{{name}}}")).join("\t");
    let name = printed::field_within("window_name", WINDOW_NAME_CHARS);
    format!("{known}{FIELD}{name}")
}

impl Window {
    fn read(line: &str) -> Option<(StatusLine, Option<ExtendedKeys>, Self)> {
        let mut fields = line.splitn(14, FIELD);
        let rows = status_lines(fields.next()?);
        let top = fields.next()? == "top";
        let id = fields.next()?.parse().ok()?;
        let index = fields.next()?.parse().ok()?;
        let mut flag = || Some(fields.next()? == "1");
        let (active, bell, activity, zoomed) = (flag()?, flag()?, flag()?, flag()?);
        let panes = fields.next()?.parse().ok()?;
        // tmux's own modes, of which there may be several, cover what the program shows.
        let alternate = (fields.next()?, fields.next()?) == ("1", "0");
        let brackets = match fields.next()? {
            "" => None,
            flag => Some(flag == "1"),
        };
        let keys = key_mode(fields.next()?);
        let name = printed::read(fields.next()?);
        let name = name.chars().take(WINDOW_NAME_CHARS).collect();
        let window = Self {
            id,
            index,
            name,
            active,
            bell,
            activity,
            zoomed,
            panes,
            alternate,
            brackets,
        };
        Some((StatusLine { rows, top }, keys, window))
    }
}

/// Reads tmux's `pane_key_mode`.
fn key_mode(said: &str) -> Option<ExtendedKeys> {
    match said {
        "VT10x" => Some(ExtendedKeys::Off),
        "Ext 1" => Some(ExtendedKeys::Ambiguous),
        "Ext 2" => Some(ExtendedKeys::All),
        _ => None,
    }
}

/// Reads the answer to a question with [`format`].
fn read(listed: &str) -> Windows {
    let mut found = listed.lines().filter_map(Window::read).peekable();
    let status = found.peek().map(|(status, ..)| *status).unwrap_or_default();
    let mut windows = vec![];
    let mut more = 0;
    let mut extended_keys = None;
    for (_, keys, window) in found {
        if window.active {
            extended_keys = keys;
        }
        if windows.len() < WINDOWS {
            windows.push(window);
            continue;
        }
        more += 1;
        if window.active {
            windows.pop();
            windows.push(window);
        }
    }
    Windows {
        status,
        windows,
        more,
        extended_keys,
    }
}

impl Server {
    /// The windows of a session.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], and whatever else keeps tmux from saying.
    pub async fn windows(&self, id: SessionId) -> Result<Windows, Error> {
        let command = ListWindows::new()
            .target_session(id.to_string())
            .format(format())
            .build();
        let windows = read(&self.ask("list the windows", command).await?);
        if windows.windows.is_empty() {
            return Err(Error::NoSuchSession);
        }
        Ok(windows)
    }

    /// Does something with the windows of a session. A window of another session is none of it.
    ///
    /// # Errors
    /// [`Error::NoSuchWindow`], [`Error::NoSuchSession`], and whatever else keeps tmux from doing it.
    pub async fn window(&self, id: SessionId, act: WindowAct) -> Result<(), Error> {
        // With the session before it, tmux itself refuses a window that is not in it.
        let target = |window: WindowId| format!("{id}:{window}");
        let (what, command): (_, TmuxCommand<'_>) = match act {
            WindowAct::Select(window) => {
                let command = SelectWindow::new().target_window(target(window)).build();
                ("switch to the window", command)
            }
            WindowAct::Close(window) => {
                let command = KillWindow::new().target_window(target(window)).build();
                ("close the window", command)
            }
            WindowAct::Zoom(window) => {
                let mut command: TmuxCommand<'_> = ResizePane::new().build();
                command.push_flag("-Z").push_option("-t", target(window));
                ("zoom the pane", command)
            }
            WindowAct::New => {
                let mut command: TmuxCommand<'_> = NewWindow::new().build();
                // A format of ours, so that tmux fills the directory in: handed to it as text, one
                // called `#(command)` would be run.
                command
                    .push_option("-c", "#{pane_current_path}")
                    .push_option("-t", format!("{id}:"));
                ("open a window", command)
            }
            WindowAct::Scroll(lines) => {
                // In one step: between two, a program could get keys that were meant for the history.
                let by = lines.unsigned_abs();
                let scroll = |way: &str| format!("send-keys -X -N {by} -t '{id}:' scroll-{way}");
                let command = IfShell::new()
                    .not_execute()
                    .target_pane(format!("{id}:"))
                    .shell_command("#{pane_in_mode}");
                let command = if lines < 0 {
                    let mut command = command.command(scroll("up")).build();
                    command.push_param(format!("copy-mode -e -t '{id}:' ; {}", scroll("up")));
                    command
                } else {
                    command.command(scroll("down")).build()
                };
                ("scroll", command)
            }
        };
        self.change(what, self.ask(what, command)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, active: bool) -> String {
        let active = u8::from(active);
        format!("on\tbottom\t@{number}\t{number}\t{active}\t0\t1\t0\t2\t1\t1\t\tVT10x\tw{number}")
    }

    #[test]
    fn a_listed_window_is_read_with_its_name_whole() {
        let listed =
            "2\ttop\t@3\t1\t1\t0\t1\t0\t4\t1\t0\t1\tExt 2\tna me\twith #(x)\non\ttop\tbroken\n";
        let windows = read(listed);
        assert_eq!(windows.status, StatusLine { rows: 2, top: true });
        let [window] = &windows.windows[..] else {
            panic!("{windows:?}");
        };
        assert_eq!((window.id, window.index), (WindowId(3), 1));
        assert!(window.active && !window.bell && window.activity && !window.zoomed);
        assert_eq!(window.panes, 4);
        assert_eq!(windows.extended_keys, Some(ExtendedKeys::All));
        assert!(window.alternate);
        assert_eq!(window.brackets, Some(true));
        assert_eq!(window.name, "na me\twith #(x)");
        assert_eq!(read("").status, StatusLine::default());
    }

    #[test]
    fn many_windows_and_long_names_are_cut_and_the_current_one_stays() {
        let listed: Vec<String> = (0..WINDOWS + 10)
            .map(|n| line(n, n == WINDOWS + 5))
            .collect();
        let windows = read(&listed.join("\n"));
        assert_eq!((windows.windows.len(), windows.more), (WINDOWS, 10));
        let current = &windows.windows[WINDOWS - 1];
        assert_eq!(current.index as usize, WINDOWS + 5);
        assert_eq!(current.brackets, None, "an older tmux");
        assert!(!current.alternate, "its history is what is seen");
        let long = line(1, true) + &"ä".repeat(10_000);
        let name = read(&long).windows[0].name.clone();
        assert_eq!(name.chars().count(), WINDOW_NAME_CHARS);
    }
}
