//! [`Rule`]: what the configuration lets whom do in which sessions. In: a user and a session's
//! name. Out: [`Rights`]. No rule, no right. It must not know how a user is recognised.

use serde::Deserialize;
use wildmatch::WildMatch;

use super::Rights;

/// What a rule gives; each includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watch.
    View,
    /// Type and count for the size.
    Drive,
    /// Create, rename and end sessions.
    Manage,
}

impl From<Role> for Rights {
    fn from(role: Role) -> Self {
        Self {
            view: true,
            drive: role >= Role::Drive,
            manage: role == Role::Manage,
        }
    }
}

/// One line of the configuration: `*` is any text, `?` any character.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    user: WildMatch,
    sessions: WildMatch,
    /// Whether `sessions` are all there can be.
    everywhere: bool,
    role: Role,
}

impl Rule {
    /// `user` and `sessions` are patterns.
    #[must_use]
    pub fn new(user: &str, sessions: &str, role: Role) -> Self {
        Self {
            user: WildMatch::new(user),
            sessions: WildMatch::new(sessions),
            everywhere: !sessions.is_empty() && sessions.bytes().all(|byte| byte == b'*'),
            role,
        }
    }

    /// A right to type into some sessions only, which tmux does not hold to: whoever types may
    /// reach every session of the server (`prefix :`).
    #[must_use]
    pub fn is_narrow_drive(&self) -> bool {
        self.role >= Role::Drive && !self.everywhere
    }

    /// Whether `user` may manage every session there can be.
    #[must_use]
    pub fn is_whole(rules: &[Self], user: &str) -> bool {
        let whole = |rule: &Self| rule.everywhere && rule.role == Role::Manage;
        rules
            .iter()
            .any(|rule| whole(rule) && rule.user.matches(user))
    }

    /// What `user` may do in a session called `name`, by all the rules together.
    #[must_use]
    pub fn rights(rules: &[Self], user: &str, name: &str) -> Rights {
        let fitting = rules
            .iter()
            .filter(|rule| rule.user.matches(user) && rule.sessions.matches(name));
        let role = fitting.map(|rule| rule.role).max();
        role.map_or(Rights::NONE, Rights::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_a_rule_gives_and_nothing_without_one() {
        let rules = [
            Rule::new("*", "public-*", Role::View),
            Rule::new("ann", "*", Role::Drive),
            Rule::new("*@ops", "*", Role::Manage),
        ];
        let rights = |user, name| Rule::rights(&rules, user, name);
        assert_eq!(rights("bob", "work"), Rights::NONE);
        assert_eq!(rights("bob", "public-1"), Role::View.into());
        assert_eq!(rights("ann", "public-1"), Role::Drive.into());
        assert_eq!(rights("eve@ops", "x"), Role::Manage.into());
        assert_eq!(rights("ANN", "work"), Rights::NONE);
        assert_eq!(rights("", "work"), Rights::NONE);
    }

    #[test]
    fn who_may_type_somewhere_may_type_everywhere() {
        for (sessions, role, narrow) in [
            ("*", Role::Drive, false),
            ("*", Role::Manage, false),
            ("a*", Role::View, false),
            ("a*", Role::Drive, true),
            ("?*", Role::Manage, true),
            ("", Role::Drive, true),
            ("**", Role::Manage, false),
        ] {
            assert_eq!(
                Rule::new("u", sessions, role).is_narrow_drive(),
                narrow,
                "{sessions} {role:?}"
            );
        }
    }
}
