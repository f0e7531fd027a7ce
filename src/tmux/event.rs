//! [`Event`]: what tmux tells us without being asked, read from one line of control mode. Pure.
//!
//! Events and the bytes of a pty come on separate descriptors without a common order, so an event
//! says "ask again", never "so it is" (DESIGN §2.4).

use super::name::{SessionId, WindowId};
use crate::terminal::Size;
use std::sync::Arc;

/// Something changed in tmux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Anything may have changed: the control client (re)connected, was lost, or fell behind.
    Reset,
    /// A session was created or ended.
    SessionsChanged,
    /// A session has a new name.
    SessionRenamed {
        /// Which.
        id: SessionId,
        /// Its name now.
        name: String,
    },
    /// A window was opened, closed, renamed or linked somewhere.
    WindowsChanged,
    /// Another window of a session is the current one.
    SessionWindow {
        /// Which session.
        id: SessionId,
        /// Its current window now.
        window: WindowId,
    },
    /// Another pane of a window is the active one, or it entered or left a mode.
    PanesChanged,
    /// A window changed its size or layout. Comes at once, but only for the session the control
    /// client sits on; [`Event::SessionState`] comes for all, within a second.
    LayoutChanged {
        /// Which.
        window: WindowId,
    },
    /// Some session's size, command, title, attached clients, alerts or activity changed: all sessions
    /// as they are. One copy serves every listener.
    SessionState(Arc<[SessionState]>),
    /// A client shows another session (or its first).
    ClientSession {
        /// The client: for an attach its terminal's path.
        client: String,
        /// The session it shows now.
        session: SessionId,
    },
    /// A client has gone.
    ClientDetached {
        /// Which.
        client: String,
    },
}

/// What the subscription tells of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Which.
    pub id: SessionId,
    /// Its current window.
    pub window: WindowId,
    /// The size of a pty that shows the window whole, status lines included.
    pub size: Size,
    /// Clients attached, ours included.
    pub attached: u32,
    /// What the status line would mark (alerts, zoom, panes), where it is, and which keys the active pane
    /// wants. Says only by being another that the windows are to be asked for.
    pub marks: String,
    /// What runs in the active pane.
    pub command: String,
    /// The active pane's title.
    pub title: String,
}

/// Between the fields and between the sessions of the subscription: control characters, which
/// [`harmless`] takes out of what programs say.
pub(super) const FIELD: char = '\t';
const RECORD: char = '\x1e';

/// What the subscription is called.
pub(super) const SUBSCRIPTION: &str = "muxview";

/// When the current window was last written to, in steps of 10 s: told so that a change of it is one,
/// and not read here. Cut and not divided, which costs tmux a tenth of the whole subscription.
const ACTIVITY: &str = "#{=9:window_activity}";

/// The subscription's format: one record per session of the server.
pub(super) fn subscription() -> String {
    let known = [
        "session_id",
        "window_id",
        "window_width",
        "window_height",
        "status",
        "session_attached",
    ];
    let known = known.map(|name| format!("#{{{name}}}"));
    // Short also for a thousand windows, since it is worked out every second. What it leaves out is
    // the zoom and the panes of a window that is not the current one.
    let marks = "#{session_alerts} #{window_zoomed_flag} #{window_panes} #{alternate_on}#{pane_in_mode}#{pane_key_mode} #{status} #{status-position}";
    let said = ["pane_current_command", "pane_title"].map(harmless);
    let told = [marks.to_owned(), ACTIVITY.to_owned()];
    let record = [&known[..], &told, &said[..]].concat().join("\t");
    format!("#{{S:{record}{RECORD}}}")
}

/// The format of something a program decides, without control characters: a program's name and
/// directory may contain line breaks, which would forge records and notifications.
pub(super) fn harmless(name: &str) -> String {
    format!("#{{s|[\x01-\x1f]|?|:{name}}}")
}

/// The height of a pty that shows a window of this height whole: the status lines come on top.
pub(super) fn with_status(height: u64, status: &str) -> u64 {
    height + u64::from(status_lines(status))
}

/// The rows of the status line, from the option `status`.
pub(super) fn status_lines(status: &str) -> u16 {
    match status {
        "off" | "" => 0,
        "on" => 1,
        lines => lines.parse().unwrap_or(1).min(5),
    }
}

/// Reads one notification; `None` for those that say nothing to us.
pub(super) fn read(line: &str) -> Option<Event> {
    let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
    let mut words = rest.split(' ');
    Some(match kind {
        "%sessions-changed" => Event::SessionsChanged,
        "%session-renamed" => {
            let (id, name) = rest.split_once(' ')?;
            Event::SessionRenamed {
                id: id.parse().ok()?,
                name: name.to_owned(),
            }
        }
        "%window-add"
        | "%window-close"
        | "%window-renamed"
        | "%unlinked-window-add"
        | "%unlinked-window-close"
        | "%unlinked-window-renamed" => Event::WindowsChanged,
        "%session-window-changed" => Event::SessionWindow {
            id: words.next()?.parse().ok()?,
            window: words.next()?.parse().ok()?,
        },
        "%window-pane-changed" | "%pane-mode-changed" => Event::PanesChanged,
        "%layout-change" => Event::LayoutChanged {
            window: words.next()?.parse().ok()?,
        },
        "%client-session-changed" => Event::ClientSession {
            client: words.next()?.to_owned(),
            session: words.next()?.parse().ok()?,
        },
        "%client-detached" => Event::ClientDetached {
            client: rest.to_owned(),
        },
        "%subscription-changed" => {
            // "%subscription-changed muxview $0 - - - : value"
            let (about, value) = rest.split_once(" : ")?;
            if about.split(' ').next() != Some(SUBSCRIPTION) {
                return None;
            }
            Event::SessionState(value.split(RECORD).filter_map(state).collect())
        }
        _ => return None,
    })
}

fn state(record: &str) -> Option<SessionState> {
    let mut fields = record.splitn(10, FIELD);
    let id = fields.next()?.parse().ok()?;
    let window = fields.next()?.parse().ok()?;
    let cols = fields.next()?.parse().ok()?;
    let rows: u64 = fields.next()?.parse().ok()?;
    let status = fields.next()?;
    let attached = fields.next()?.parse().ok()?;
    let marks = fields.next()?.to_owned();
    let _activity = fields.next()?;
    Some(SessionState {
        id,
        window,
        size: Size::clamped(cols, with_status(rows, status)),
        attached,
        marks,
        command: fields.next()?.to_owned(),
        title: fields.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_notifications_are_read() {
        for (line, event) in [
            ("%sessions-changed", Event::SessionsChanged),
            (
                "%session-renamed $3 b c",
                Event::SessionRenamed {
                    id: SessionId(3),
                    name: "b c".into(),
                },
            ),
            ("%unlinked-window-add @4", Event::WindowsChanged),
            ("%unlinked-window-renamed @4 vim", Event::WindowsChanged),
            (
                "%session-window-changed $1 @5",
                Event::SessionWindow {
                    id: SessionId(1),
                    window: WindowId(5),
                },
            ),
            ("%window-pane-changed @1 %7", Event::PanesChanged),
            (
                "%layout-change @2 b25f,80x24,0,0,2 b25f,80x24,0,0,2 *",
                Event::LayoutChanged {
                    window: WindowId(2),
                },
            ),
            (
                "%client-session-changed /dev/pts/5 $1 b c",
                Event::ClientSession {
                    client: "/dev/pts/5".into(),
                    session: SessionId(1),
                },
            ),
            (
                "%client-detached /dev/pts/5",
                Event::ClientDetached {
                    client: "/dev/pts/5".into(),
                },
            ),
        ] {
            assert_eq!(read(line), Some(event), "{line}");
        }
        for line in [
            "%output %1 x",
            "%session-renamed $3",
            "%session-renamed x y",
            "",
            "%",
            "%subscription-changed other $0 - - - : $0",
            "%layout-change",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn the_subscription_tells_every_session_with_its_status_lines() {
        let line = "%subscription-changed muxview $0 - - - : $0\t@0\t40\t6\ton\t1\t1! 0 1 on top\t17\tcat\tvm\x1e$1\t@1\t80\t24\t2\t0\t 0 1 2 bottom\t17\tvim\ta : b\x1e$2\t@2\t80\t24\toff\t0\t\t\tsh\t\x1e";
        let Some(Event::SessionState(states)) = read(line) else {
            panic!("not read");
        };
        let told: Vec<_> = states
            .iter()
            .map(|s| (s.id.0, s.size.rows, s.attached, s.title.as_str()))
            .collect();
        assert_eq!(states[0].marks, "1! 0 1 on top");
        assert_eq!(told, [(0, 7, 1, "vm"), (1, 26, 0, "a : b"), (2, 24, 0, "")]);
    }
}
