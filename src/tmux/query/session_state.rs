//! [`SessionState`]: what changes in a session without a notification, asked for in one question for
//! all sessions. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::config::limits::WINDOW_NAME_CHARS;
use crate::terminal::Size;
use crate::tmux::ids::{SessionId, WindowId};
use crate::tmux::query::fields::{FIELD, with_status};
use crate::tmux::query::printed;
use tmux_interface::{ListSessions, TmuxCommand};

/// One session as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Which.
    pub id: SessionId,
    /// Its current window.
    pub window: WindowId,
    /// The size of a pty that shows the window whole, status lines included.
    pub size: Size,
    /// Clients attached, ours included, the one that guards sizes apart.
    pub attached: usize,
    /// What the status line would mark (alerts, zoom, panes), where it is, and which keys the active pane
    /// asked for. Only compared: when it differs, the windows are to be asked for.
    pub marks: String,
    /// What runs in the active pane.
    pub command: String,
    /// The active pane's title.
    pub title: String,
}

/// When the current window was last written to, in steps of 10 s: asked for so that a change of it
/// is a change, and not read here. Cutting digits costs tmux a tenth of what dividing would.
const ACTIVITY: &str = "#{=9:window_activity}";

/// The question: one line for each session.
pub(in crate::tmux) fn question() -> TmuxCommand<'static> {
    let known = [
        "session_id",
        "window_id",
        "window_width",
        "window_height",
        "status",
        "session_attached_list",
    ];
    let known = known.map(|name| format!("#{{{name}}}"));
    // Short also for a thousand windows, since tmux works it out every second. It leaves out the zoom
    // and the panes of windows that are not the current one.
    let marks = "#{session_windows} #{session_alerts} #{window_zoomed_flag} #{window_panes} #{alternate_on}#{pane_in_mode}#{pane_key_mode} #{status} #{status-position}";
    let marks = format!("{marks} {}", names_without_status());
    let said = ["pane_current_command", "pane_title"].map(printed::field);
    let told = [marks, ACTIVITY.to_owned()];
    let line = [&known[..], &told, &said[..]].concat();
    ListSessions::new()
        .format(line.join(&FIELD.to_string()))
        .build()
}

/// The names of a session's windows where its status line is off; else a change of a name is seen there.
fn names_without_status() -> String {
    let name = printed::field_within("window_name", WINDOW_NAME_CHARS);
    format!("#{{?#{{==:#{{status}},off}},#{{W:{name} }},}}")
}

/// Reads the answer. The client called `guard` is not counted: it comes and goes as it is needed.
pub(in crate::tmux) fn read(answer: &str, guard: &str) -> Vec<SessionState> {
    let lines = answer.lines();
    lines.filter_map(|line| read_line(line, guard)).collect()
}

/// The clients in a list of names (`session_attached_list`), without this one.
pub(in crate::tmux) fn count_clients(list: &str, without: &str) -> usize {
    let names = list.split(',').filter(|name| !name.is_empty());
    names.filter(|name| *name != without).count()
}

fn read_line(line: &str, guard: &str) -> Option<SessionState> {
    let mut fields = line.splitn(10, FIELD);
    let id = fields.next()?.parse().ok()?;
    let window = fields.next()?.parse().ok()?;
    let cols = fields.next()?.parse().ok()?;
    let rows: u64 = fields.next()?.parse().ok()?;
    let status = fields.next()?;
    let attached = count_clients(fields.next()?, guard);
    let marks = fields.next()?.to_owned();
    let _activity = fields.next()?;
    Some(SessionState {
        id,
        window,
        size: Size::clamped(cols, with_status(rows, status)),
        attached,
        marks,
        command: printed::read(fields.next()?),
        title: printed::read(fields.next()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_is_read_with_its_status_lines() {
        let answer = "$0\t@0\t40\t6\ton\t/dev/pts/1,client-7\t1! 0 1 on top\t17\tcat\tvm\n$1\t@1\t80\t24\t2\t\t 0 1 2 bottom\t17\tvim\ta : b\nhooked\n$2\t@2\t80\t24\toff\t/dev/pts/2,/dev/pts/3\t\t\tsh\t\n";
        let states = read(answer, "client-7");
        let told: Vec<_> = states
            .iter()
            .map(|s| (s.id.0, s.size.rows, s.attached, s.title.as_str()))
            .collect();
        assert_eq!(states[0].marks, "1! 0 1 on top");
        assert_eq!(told, [(0, 7, 1, "vm"), (1, 26, 0, "a : b"), (2, 24, 2, "")]);
    }
}
