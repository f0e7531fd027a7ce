//! [`Rule`]: what the configuration lets whom do in which sessions. In: a user and a session's
//! name. Out: [`Rights`]. No rule, no right. It must not know how a user is recognised.

use wildmatch::WildMatch;

use super::Rights;
use crate::config::{Allow, Role};

impl From<Role> for Rights {
    fn from(role: Role) -> Self {
        Self {
            view: true,
            drive: role >= Role::Drive,
            manage: role == Role::Manage,
        }
    }
}

/// One rule, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    user: WildMatch,
    sessions: WildMatch,
    /// Whether `sessions` are all there can be.
    everywhere: bool,
    role: Role,
}

impl From<&Allow> for Rule {
    fn from(allow: &Allow) -> Self {
        Self {
            user: WildMatch::new(&allow.user),
            sessions: WildMatch::new(&allow.sessions),
            everywhere: allow.is_everywhere(),
            role: allow.role,
        }
    }
}

impl Rule {
    /// Whether `user` may manage every session there can be.
    #[must_use]
    pub fn is_whole(rules: &[Self], user: &str) -> bool {
        let whole = |rule: &Self| rule.everywhere && rule.role == Role::Manage;
        rules
            .iter()
            .any(|rule| whole(rule) && rule.user.matches(user))
    }

    /// Whether `user` may see every session there can be, be it by typing into one of them.
    #[must_use]
    pub fn sees_all(rules: &[Self], user: &str) -> bool {
        let all = |rule: &Self| rule.everywhere || rule.role >= Role::Drive;
        rules
            .iter()
            .any(|rule| all(rule) && rule.user.matches(user))
    }

    /// Whether there is a session `user` could make, whatever it is called.
    #[must_use]
    pub fn manages(rules: &[Self], user: &str) -> bool {
        rules
            .iter()
            .any(|rule| rule.role == Role::Manage && rule.user.matches(user))
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
        let rules = ["*=view:public-*", "ann=drive", "*@ops=manage"];
        let rules = rules.map(|rule| Rule::from(&rule.parse::<Allow>().expect("right")));
        let rights = |user, name| Rule::rights(&rules, user, name);
        assert_eq!(rights("bob", "work"), Rights::NONE);
        assert_eq!(rights("bob", "public-1"), Role::View.into());
        assert_eq!(rights("ann", "public-1"), Role::Drive.into());
        assert_eq!(rights("eve@ops", "x"), Role::Manage.into());
        assert_eq!(rights("ANN", "work"), Rights::NONE);
        assert_eq!(rights("", "work"), Rights::NONE);
    }
}
