//! [`Allow`]: one rule of who may do what, as written: `USER=ROLE[:SESSIONS]`. `*` in USER or
//! SESSIONS is any text, `?` any character.

use std::fmt;
use std::str::FromStr;

/// What a rule gives; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Watch.
    View,
    /// Type and count for the size.
    Drive,
    /// Create, rename and end sessions.
    Manage,
}

/// `--allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    /// Whom, as a pattern.
    pub user: String,
    /// What.
    pub role: Role,
    /// In which sessions, as a pattern of names.
    pub sessions: String,
}

impl Allow {
    /// Whether it means every session there can be.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.sessions.bytes().all(|byte| byte == b'*')
    }

    /// A right to type into some sessions only, which tmux does not hold to: whoever types may
    /// reach every session of the server (`prefix :`).
    #[must_use]
    pub fn is_narrow_drive(&self) -> bool {
        self.role >= Role::Drive && !self.is_everywhere()
    }
}

impl FromStr for Allow {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "USER=ROLE or USER=ROLE:SESSIONS, where ROLE is view, drive or \
                              manage (ann=manage, *@ops=drive, *=view:public-*)";
        let (user, rest) = text.rsplit_once('=').ok_or(WANTED)?;
        let (role, sessions) = rest.split_once(':').unwrap_or((rest, "*"));
        let role = match role {
            "view" => Role::View,
            "drive" => Role::Drive,
            "manage" => Role::Manage,
            _ => return Err(WANTED),
        };
        if user.is_empty() || sessions.is_empty() {
            return Err(WANTED);
        }
        Ok(Self {
            user: user.to_owned(),
            role,
            sessions: sessions.to_owned(),
        })
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::View => "view",
            Role::Drive => "drive",
            Role::Manage => "manage",
        };
        write!(f, "{}={role}:{}", self.user, self.sessions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        for (text, wanted) in [
            ("ann=manage", Some(("ann", Role::Manage, "*"))),
            ("*@ops=drive", Some(("*@ops", Role::Drive, "*"))),
            ("*=view:public-*", Some(("*", Role::View, "public-*"))),
            ("ann=view:a:b", Some(("ann", Role::View, "a:b"))),
            ("ann", None),
            ("=view", None),
            ("ann=", None),
            ("ann=owner", None),
            ("ann=view:", None),
        ] {
            let read = text.parse::<Allow>().ok();
            let read = read.as_ref();
            let read = read.map(|a| (a.user.as_str(), a.role, a.sessions.as_str()));
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn who_may_type_somewhere_may_type_everywhere() {
        for (text, narrow) in [
            ("u=drive", false),
            ("u=manage:**", false),
            ("u=view:a*", false),
            ("u=drive:a*", true),
            ("u=manage:?*", true),
        ] {
            let allow: Allow = text.parse().expect("right");
            assert_eq!(allow.is_narrow_drive(), narrow, "{text}");
        }
    }
}
