//! [`State`]: what a viewer is told about its session, as one value in which the latest wins. Pure
//! data: the bridge publishes it, [`Viewer`](crate::viewer::Viewer) compares it with what it has told, so
//! nothing queues between them.

use crate::tmux::{SessionId, Windows};
use crate::viewer::Picture;
use std::fmt;
use std::sync::Arc;

/// One viewer of one bridge; never used twice by the same bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewerId(pub u64);

/// A session as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// tmux's id: stays.
    pub id: SessionId,
    /// tmux's name: may change.
    pub name: Arc<str>,
}

/// Something meant for one viewer only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressed<T> {
    /// Who it is for.
    pub to: ViewerId,
    /// Grows with each one (from 1), so that the same text twice is told twice.
    pub serial: u64,
    /// What is told.
    pub value: T,
}

/// Why a session can no longer be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The tmux session is gone.
    SessionEnded,
    /// The whole tmux server is gone.
    ServerEnded,
    /// muxview stops; the session goes on.
    ShuttingDown,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionEnded => "the session ended",
            Self::ServerEnded => "the tmux server ended",
            Self::ShuttingDown => "muxview restarts",
        })
    }
}

/// All a viewer needs to know. Written by the bridge only.
#[derive(Debug, Clone)]
pub struct State {
    /// Grows with each one that is published, so that who has seen one is not shown an older one.
    pub serial: u64,
    /// The session; follows renames.
    pub session: Label,
    /// The picture to show; none before the first complete one.
    pub picture: Option<Arc<Picture>>,
    /// The picture for those who may not see other sessions: the last one that is known to show only this
    /// one.
    pub confined: Option<Arc<Picture>>,
    /// tmux shows something of its own, such as the tree of all sessions, so that picture stays.
    pub covered: bool,
    /// The picture is an old one, as nobody looked; the current one follows at once.
    pub behind: bool,
    /// Viewers who may type.
    pub drive: u32,
    /// Viewers who only watch.
    pub view: u32,
    /// Bells since the bridge started.
    pub bells: u64,
    /// The text tmux last put on the clipboard, for the driver who typed last.
    pub clipboard: Option<Addressed<Arc<str>>>,
    /// The session our client was switched to (the bridge went back), for the driver who typed last.
    pub moved: Option<Addressed<Label>>,
    /// The session's windows; none before tmux has told them.
    pub windows: Option<Arc<Windows>>,
    /// Why something was not done, for the driver who wanted it.
    pub remark: Option<Addressed<Arc<str>>>,
    /// A sentence for the caption while something is wrong.
    pub notice: Option<Arc<str>>,
    /// Set once, as the last change.
    pub ended: Option<End>,
}

impl State {
    /// The picture for a viewer.
    #[must_use]
    pub const fn picture_for(&self, confined: bool) -> Option<&Arc<Picture>> {
        if confined {
            self.confined.as_ref()
        } else {
            self.picture.as_ref()
        }
    }

    /// The state of a bridge that has nothing to show yet.
    #[must_use]
    pub const fn new(session: Label) -> Self {
        Self {
            serial: 0,
            session,
            picture: None,
            confined: None,
            covered: false,
            behind: false,
            drive: 0,
            view: 0,
            bells: 0,
            clipboard: None,
            moved: None,
            windows: None,
            remark: None,
            notice: None,
            ended: None,
        }
    }
}
