//! [`Rights`]: what someone may do in one session, the [`Target`].

use crate::tmux::{Creation, Session, SessionId};

/// What someone may do. A drive right on one session is one on the whole tmux server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Watch.
    pub view: bool,
    /// Type and count for the size.
    pub drive: bool,
    /// Create, rename and end sessions.
    pub manage: bool,
}

impl Rights {
    /// Everything.
    pub const ALL: Self = Self {
        view: true,
        drive: true,
        manage: true,
    };
    /// Nothing.
    pub const NONE: Self = Self {
        view: false,
        drive: false,
        manage: false,
    };
}

impl Rights {
    /// The most of it in a word; empty for nothing.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self { manage: true, .. } => "manage",
            Self { drive: true, .. } => "drive",
            Self { view: true, .. } => "view",
            _ => "",
        }
    }
}

/// The session a right is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Its id.
    pub id: SessionId,
    /// A new tmux server uses ids again.
    pub created: Creation,
    /// What it is called now.
    pub name: &'a str,
}

impl<'a> From<&'a Session> for Target<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            id: session.id,
            created: session.created,
            name: &session.name,
        }
    }
}
