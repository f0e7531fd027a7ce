//! [`Event`]: what tmux tells us without being asked, read from one line of control mode. Pure.
//!
//! Events and the bytes of a pty come on separate descriptors without a common order, so an event
//! says "ask again", never "so it is" (DESIGN §2.4).

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use crate::tmux::ids::{SessionId, WindowId};
use crate::tmux::query::session_state::SessionState;
use std::sync::Arc;

/// Something changed in tmux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Anything may have changed: the connection to tmux was made or lost, or fell behind.
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
    /// Another window of a session is the current one.
    SessionWindow {
        /// Which session.
        id: SessionId,
        /// Its current window now.
        window: WindowId,
    },
    /// Another pane of a window is the active one.
    PanesChanged,
    /// A pane entered or left a mode.
    PaneMode,
    /// Some session's size, command, title, attached clients, alerts or activity changed: all sessions
    /// as they are. One copy serves every listener.
    SessionState(Arc<[SessionState]>),
    /// A client has gone.
    ClientDetached {
        /// Which.
        client: String,
    },
}

/// Reads one notification; `None` for those that say nothing to us.
pub(in crate::tmux) fn read(line: &str) -> Option<Event> {
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
        "%session-window-changed" => Event::SessionWindow {
            id: words.next()?.parse().ok()?,
            window: words.next()?.parse().ok()?,
        },
        "%window-pane-changed" => Event::PanesChanged,
        "%pane-mode-changed" => Event::PaneMode,
        "%client-detached" => Event::ClientDetached {
            client: rest.to_owned(),
        },
        _ => return None,
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
            (
                "%session-window-changed $1 @5",
                Event::SessionWindow {
                    id: SessionId(1),
                    window: WindowId(5),
                },
            ),
            ("%window-pane-changed @1 %7", Event::PanesChanged),
            ("%pane-mode-changed %7", Event::PaneMode),
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
            "%layout-change @2 b25f,80x24,0,0,2",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
