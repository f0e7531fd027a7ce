//! [`Refusals`]: who was turned away, in the log and in the audit log; a stranger's flood fills neither.
//! In: refusals. Out: lines, or in their place a count of those left out. It must not know why.

use std::sync::{Mutex, PoisonError};

use crate::audit::{Audit, Event, Flood, Text, Who};
use crate::net::Peer;
use crate::web::auth::rate_limit::Source;

/// All who were turned away.
#[derive(Debug)]
pub struct Refusals {
    audit: Audit,
    // A std mutex: held for a few instructions, and never across an await.
    flood: Mutex<Flood<(Source, &'static str)>>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Turned {
    /// Whoever asked may not have it.
    Refused,
    /// There is no more room.
    Full,
}

impl Refusals {
    /// Nobody yet.
    #[must_use]
    pub fn new(audit: Audit) -> Self {
        Self {
            audit,
            flood: Mutex::default(),
        }
    }

    /// Tells of one, if so many have not been told of already. `why` in a word, `about` what there is
    /// to say beside it.
    pub(in crate::web) fn tell(
        &self,
        source: impl Into<Source>,
        turned: Turned,
        why: &'static str,
        who: Who<'_>,
        about: Option<&str>,
    ) {
        self.tidy();
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        if !flood.tells((source.into(), why), why, crate::web::clock::now()) {
            return;
        }
        drop(flood);
        let from = who.from.map_or("", |from| from.0);
        let said = about.unwrap_or_default().escape_debug();
        match turned {
            Turned::Refused => {
                tracing::info!(peer = from, why, about = %said, "refused a request");
                let about = about.map(Text);
                self.audit.tell(&Event::Refused { who, why, about });
            }
            Turned::Full => {
                tracing::warn!(peer = from, limit = why, "there is no more room");
                self.audit.tell(&Event::Limit { who, limit: why });
            }
        }
    }

    /// Tells how many were left out, once the time is over in which they were.
    pub(in crate::web) fn tidy(&self) {
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        let over = flood.over(crate::web::clock::now());
        drop(flood);
        self.sum_up(over);
    }

    /// The same at the end of all.
    pub(in crate::web) fn end(&self) {
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        let left_out = flood.end();
        drop(flood);
        self.sum_up(left_out);
    }

    fn sum_up(&self, left_out: Option<std::collections::BTreeMap<&'static str, u64>>) {
        if let Some(refused) = left_out {
            tracing::info!(?refused, "refused requests that were not told one by one");
            self.audit.tell(&Event::LeftOut { refused: &refused });
        }
    }
}

/// The door of who has none, such as a whole listener.
impl From<Option<&Peer>> for Source {
    fn from(door: Option<&Peer>) -> Self {
        door.map_or(Self::Rest, Self::from)
    }
}
