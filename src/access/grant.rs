//! [`Grant`]: what its holder may do, session by session. In: a session. Out: [`Rights`]. Whoever
//! may not see a session is answered as if there were none. It must not know how it was earned.

use std::sync::Arc;

use super::{Rights, Rule, Share, Target};
use crate::tmux::{Creation, SessionId};

/// What someone may do, and where.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// Everything, everywhere.
    Owner,
    /// What the configuration says of this user.
    User {
        /// As the proxy names them.
        name: String,
        /// All rules.
        rules: Arc<[Rule]>,
    },
    /// To watch one session.
    Share {
        /// The session.
        session: SessionId,
        /// When it was created, and by which server.
        created: Creation,
        /// What it was called then, for the log.
        name: String,
        /// Nothing is compressed.
        confidential: bool,
    },
}

impl Grant {
    /// To watch what is shared.
    #[must_use]
    pub fn share(share: &Share) -> Self {
        Self::Share {
            session: share.session,
            created: share.creation(),
            name: share.name.clone(),
            confidential: share.confidential,
        }
    }

    /// What may be done there.
    #[must_use]
    pub fn rights<'a>(&self, session: impl Into<Target<'a>>) -> Rights {
        let session = session.into();
        match self {
            Self::Owner => Rights::ALL,
            Self::User { name, rules } => Rule::rights(rules, name, session.name),
            Self::Share {
                session: id,
                created,
                ..
            } => Rights {
                view: session.id == *id && session.created.is(*created),
                ..Rights::NONE
            },
        }
    }

    /// Whether a session of this name may be made.
    #[must_use]
    pub fn may_create(&self, name: &str) -> bool {
        match self {
            Self::Owner => true,
            Self::User { name: user, rules } => Rule::rights(rules, user, name).manage,
            Self::Share { .. } => false,
        }
    }

    /// Whether there is a name by which a session may be made.
    #[must_use]
    pub fn creates(&self) -> bool {
        match self {
            Self::Owner => true,
            Self::User { name, rules } => Rule::manages(rules, name),
            Self::Share { .. } => false,
        }
    }

    /// Whether it is the right to the service itself: its figures, its shares.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Owner => true,
            Self::User { name, rules } => Rule::is_whole(rules, name),
            Self::Share { .. } => false,
        }
    }

    /// Whether its holder may not see other sessions, even where tmux itself shows them. Who may type into
    /// one session may see them all.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        match self {
            Self::Owner => false,
            Self::User { name, rules } => !Rule::sees_all(rules, name),
            Self::Share { .. } => true,
        }
    }

    /// Whether nothing may be compressed for its holder: lengths would tell somebody who can print into the
    /// session of what else it shows.
    #[must_use]
    pub const fn is_confidential(&self) -> bool {
        matches!(self, Self::Share { confidential, .. } if *confidential)
    }

    /// Who it is, for the log and for others: never a secret.
    #[must_use]
    pub fn who(&self) -> &str {
        match self {
            Self::Owner => "owner",
            Self::User { name, .. } => name,
            Self::Share { .. } => "guest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Allow;
    use crate::tmux::ServerId;

    const WORK: Target<'_> = Target {
        id: SessionId(1),
        created: made(7, 41),
        name: "work",
    };

    const fn made(at: u64, pid: u32) -> Creation {
        let server = Some(ServerId { pid, started: 5 });
        Creation { at, server }
    }

    #[test]
    fn a_share_is_one_session_and_only_to_watch() {
        let grant = Grant::Share {
            session: SessionId(1),
            created: WORK.created,
            name: "work".to_owned(),
            confidential: false,
        };
        let rights = grant.rights(WORK);
        assert!(rights.view && !rights.drive && !rights.manage);
        let renamed = Target { name: "x", ..WORK };
        assert!(grant.rights(renamed).view);
        let other = Target {
            id: SessionId(2),
            ..WORK
        };
        assert_eq!(grant.rights(other), Rights::NONE);
        // Another tmux server's $1, later or within the same second.
        for created in [made(8, 41), made(7, 42)] {
            let other = Target { created, ..WORK };
            assert_eq!(grant.rights(other), Rights::NONE);
        }
        assert!(!grant.may_create("work") && !grant.creates() && !grant.is_whole());
        assert!(grant.is_confined() && !Grant::Owner.is_confined());
    }

    #[test]
    fn a_user_is_what_the_rules_say() {
        let rules = ["ann=manage", "bob=view:w*", "cy=manage:cy-*", "dan=view"];
        let rules = rules.map(|rule| Rule::from(&rule.parse::<Allow>().expect("right")));
        let rules: Arc<[Rule]> = Arc::new(rules);
        let user = |name: &str| Grant::User {
            name: name.to_owned(),
            rules: Arc::clone(&rules),
        };
        assert_eq!(user("ann").rights(WORK), Rights::ALL);
        assert!(user("ann").is_whole() && user("ann").may_create("new"));
        assert!(user("bob").rights(WORK).view && !user("bob").rights(WORK).drive);
        let renamed = Target { name: "x", ..WORK };
        assert_eq!(user("bob").rights(renamed), Rights::NONE);
        assert!(!user("bob").is_whole() && !user("bob").may_create("w"));
        assert_eq!(user("eve").rights(WORK), Rights::NONE);
        let confined = ["ann", "bob", "cy", "dan", "eve"].map(|name| user(name).is_confined());
        assert_eq!(confined, [false, true, false, false, true]);
        let creates = ["ann", "bob", "cy", "eve"].map(|name| user(name).creates());
        assert_eq!(creates, [true, false, true, false]);
    }
}
