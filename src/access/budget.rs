//! [`Limit`]: what a [`Principal`](super::Principal) may have so much of, all in one list. PURE. In: a
//! kind of principal. Out: its limit, and for rates the time it is counted in. It must not know who counts.

use std::time::Duration;

use super::principal::Kind;
use crate::config::limits::{
    BUDGET_AUDIT_LINES, BUDGET_BUFFERED_BYTES, BUDGET_CONNECTIONS, BUDGET_EVENT_STREAMS,
    BUDGET_REQUESTS, BUDGET_SOCKETS, BUDGET_VISITS, Budget, REFUSALS_WINDOW, REQUESTS_WINDOW,
    VISITS_WINDOW,
};

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $budget:ident, $window:expr;)*) => {
        /// Something of which a principal may have so much at a time, or so much in some time.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Limit {
            $($(#[$doc])* $name,)*
        }

        impl Limit {
            /// All of them.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$name),*];

            /// As logs name it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            const fn budget(self) -> &'static Budget {
                match self { $(Self::$name => &$budget,)* }
            }

            /// In which time so much; `None`: so much at a time.
            #[must_use]
            pub const fn window(self) -> Option<Duration> {
                match self { $(Self::$name => $window,)* }
            }
        }
    };
}

limits! {
    /// Open connections.
    Connections = "connections", BUDGET_CONNECTIONS, None;
    /// Open WebSockets.
    Sockets = "sockets", BUDGET_SOCKETS, None;
    /// Open event streams.
    EventStreams = "event streams", BUDGET_EVENT_STREAMS, None;
    /// Bytes of messages that have not arrived whole.
    BufferedBytes = "buffered bytes", BUDGET_BUFFERED_BYTES, None;
    /// Joins.
    Visits = "visits", BUDGET_VISITS, Some(VISITS_WINDOW);
    /// Requests.
    Requests = "requests", BUDGET_REQUESTS, Some(REQUESTS_WINDOW);
    /// Audit lines about visits.
    AuditLines = "audit lines", BUDGET_AUDIT_LINES, Some(REFUSALS_WINDOW);
}

impl Limit {
    /// The most there may be for a principal of this kind.
    #[must_use]
    pub const fn of(self, kind: Kind) -> u64 {
        kind.of(self.budget())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_may_have_the_most_of_everything() {
        for limit in Limit::ALL {
            let [anonymous, share, user, owner] = Kind::ALL.map(|kind| limit.of(kind));
            assert!(owner > user && user >= share, "{limit:?}");
            assert!(owner > anonymous, "{limit:?}");
        }
        assert!(Limit::Requests.of(Kind::Owner) >= 50);
    }
}
