//! [`Principal`]: on whose account something is, for budgets. In: who somebody is and what they may do.
//! Out: one name for all that counts together. It must not know what is counted.

use super::Id;
use super::{Grant, Identity};
use crate::config::limits::Budget;

/// On whose account something is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// All who have not signed in.
    Anonymous,
    /// Everybody who opened this share.
    Share(Id),
    /// A user of the proxy who may not do everything.
    User(String),
    /// Those who may do everything.
    Owner,
}

/// What a principal is. Tokens for programs will be one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`Principal::Anonymous`].
    Anonymous,
    /// See [`Principal::Share`].
    Share,
    /// See [`Principal::User`].
    User,
    /// See [`Principal::Owner`].
    Owner,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Anonymous, Self::Share, Self::User, Self::Owner];

    /// What this kind of principal may have of it.
    #[must_use]
    pub const fn of(self, budget: &Budget) -> u64 {
        match self {
            Self::Anonymous => budget.anonymous,
            Self::Share => budget.share,
            Self::User => budget.user,
            Self::Owner => budget.owner,
        }
    }

    /// Whether places are kept from it: it is neither the owner nor somebody who may yet sign in.
    #[must_use]
    pub const fn is_guest(self) -> bool {
        matches!(self, Self::Share | Self::User)
    }
}

impl Principal {
    /// The account of somebody who has signed in.
    #[must_use]
    pub fn of(identity: &Identity, grant: &Grant) -> Self {
        match identity {
            Identity::Signed(credential) => match &credential.share {
                Some(share) => Self::Share(share.clone()),
                None => Self::Owner,
            },
            Identity::User(name) if !grant.is_whole() => Self::User(name.clone()),
            Identity::User(_) | Identity::Anyone => Self::Owner,
        }
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Anonymous => Kind::Anonymous,
            Self::Share(_) => Kind::Share,
            Self::User(_) => Kind::User,
            Self::Owner => Kind::Owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Credential, Ledger, Rule};
    use super::*;
    use crate::config::Allow;

    #[test]
    fn a_share_is_one_account_and_whoever_may_do_everything_is_the_owner() {
        let ledger = Ledger::default();
        let signed = |terms| Identity::Signed(Credential::page([1; 12], &ledger, terms, 5));
        let share = Id::new([7; 12]);
        let watch = Grant::Share {
            session: crate::tmux::SessionId(1),
            created: crate::tmux::Creation {
                at: 1,
                server: None,
            },
            confidential: false,
            name: String::new(),
        };
        for opening in 0..3 {
            let guest = signed(Some((share.clone(), 100, opening)));
            let account = Principal::of(&guest, &watch);
            assert_eq!(account, Principal::Share(share.clone()));
            assert!(account.kind().is_guest());
        }
        assert_eq!(
            Principal::of(&signed(None), &Grant::Owner),
            Principal::Owner
        );
        assert_eq!(
            Principal::of(&Identity::Anyone, &Grant::Owner),
            Principal::Owner
        );
        let rules = ["ann=manage", "bob=drive"];
        let rules = rules.map(|rule| Rule::from(&rule.parse::<Allow>().expect("right")));
        let of = |name: &str| {
            let grant = Grant::User {
                name: name.to_owned(),
                rules: std::sync::Arc::new(rules.clone()),
            };
            Principal::of(&Identity::User(name.to_owned()), &grant)
        };
        assert_eq!(of("ann"), Principal::Owner);
        assert_eq!(of("bob"), Principal::User("bob".to_owned()));
    }
}
