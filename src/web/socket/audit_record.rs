//! [`Visit`]: one viewer's stay, as the log and the audit log tell it: one line when it comes, one when
//! it leaves, however many processes serve it between. In: who, where, what was typed. Out: lines. It
//! must not know the socket.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::access::Grant;
use crate::access::budget::Limit;
use crate::access::principal::Kind;
use crate::audit::{Audit, Event, Session, Sum, Text, Who};
use crate::viewer::Label;
use crate::web::auth::caller::Caller;
use crate::web::auth::refusal_log::{Refusals, Turned};
use crate::web::socket::carried::{Carried, Stay};
use crate::web::socket::join_request::JoinRequest;
use crate::web::socket::protocol::{Close, Role};

/// A viewer's stay. One that is dropped has lost its connection.
#[derive(Debug)]
pub(in crate::web) struct Visit {
    audit: Audit,
    who: Visitor,
    peer: String,
    label: Label,
    role: Role,
    stay: Stay,
    /// It was told that it is over, or that is for another to tell.
    over: bool,
}

/// Who a viewer is, to be told again when it leaves: by then it may be nobody any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::web) struct Visitor {
    who: Option<String>,
    credential: Option<String>,
    share: Option<String>,
}

impl From<Who<'_>> for Visitor {
    fn from(who: Who<'_>) -> Self {
        Self {
            who: who.who.map(|who| who.0.to_owned()),
            credential: who.credential.map(ToOwned::to_owned),
            share: who.share.map(ToOwned::to_owned),
        }
    }
}

impl Visitor {
    fn as_who<'a>(&'a self, from: &'a str) -> Who<'a> {
        Who {
            who: self.who.as_deref().map(Text),
            credential: self.credential.as_deref(),
            share: self.share.as_deref(),
            from: Some(Text(from)),
        }
    }
}

/// One that begins now.
fn fresh() -> Stay {
    let mut number = [0; 8];
    // Without randomness nobody is let in; a number that is not unique is no reason to be the first to
    // fail.
    let _ = getrandom::fill(&mut number);
    Stay {
        number: u64::from_ne_bytes(number).max(1),
        since: now(),
        typed: 0,
        quiet: false,
    }
}

impl Visit {
    /// Tells that a viewer came, if not too many came on that account; one with a `stay` only goes on.
    pub(in crate::web) fn begin(
        audit: &Audit,
        (who, kind): (Who<'_>, Kind),
        label: Label,
        role: Role,
        stay: Option<Stay>,
    ) -> Self {
        let peer = who.from.map_or("", |from| from.0).to_owned();
        let known = stay.filter(|stay| stay.number != 0);
        let mut visit = Self {
            audit: audit.clone(),
            who: who.into(),
            peer,
            label,
            role,
            stay: known.unwrap_or_else(fresh),
            over: false,
        };
        let (id, role) = (visit.label.id.to_string(), visit.role.as_str());
        if known.is_none() {
            let lines = Limit::AuditLines.of(kind);
            let told = audit.visits(&who, visit.session(&id), role, lines);
            visit.stay.quiet = !told;
        }
        if visit.stay.quiet {
            tracing::debug!(peer = visit.peer, id, "a viewer came");
            return visit;
        }
        tracing::info!(
            peer = visit.peer, id, session = &*visit.label.name, role = ?visit.role, "a viewer came",
        );
        if known.is_none() {
            audit.tell(&Event::SocketOpen {
                who: visit.who.as_who(&visit.peer),
                viewer: &visit.viewer(),
                session: visit.session(&id),
                role,
            });
        }
        visit
    }

    /// Where it comes from.
    pub(in crate::web) fn peer(&self) -> &str {
        &self.peer
    }

    /// Counts what it typed.
    pub(in crate::web) fn typed(&mut self, bytes: usize) {
        self.stay.typed += bytes as u64;
    }

    /// Tells that it left, having been sent so many bytes.
    pub(in crate::web) fn end(mut self, code: u16, sent: u64) {
        self.over = true;
        self.leave(code, sent);
    }

    /// Leaves telling that to another process.
    pub(in crate::web) fn hand_over(mut self) -> Stay {
        self.over = true;
        self.stay
    }

    fn viewer(&self) -> String {
        format!("{:016x}", self.stay.number)
    }

    fn session<'a>(&'a self, id: &'a str) -> Session<'a> {
        Session {
            session: id,
            name: Text(&self.label.name),
        }
    }

    fn leave(&self, code: u16, sent: u64) {
        let Label { id, name } = &self.label;
        let seconds = now().saturating_sub(self.stay.since) / 1000;
        if self.stay.quiet {
            tracing::debug!(peer = self.peer, %id, code, seconds, "a viewer left");
            let sum = Sum {
                visits: 0,
                seconds,
                bytes_in: self.stay.typed,
                bytes_out: sent,
            };
            let who = self.who.as_who(&self.peer);
            let id = id.to_string();
            self.audit
                .sum(&who, self.session(&id), self.role.as_str(), sum);
            return;
        }
        tracing::info!(
            peer = self.peer, %id, session = &**name, code, seconds, "a viewer left",
        );
        let id = id.to_string();
        self.audit.tell(&Event::SocketClose {
            who: self.who.as_who(&self.peer),
            viewer: &self.viewer(),
            session: self.session(&id),
            role: self.role.as_str(),
            seconds,
            bytes_in: self.stay.typed,
            bytes_out: sent,
            code,
        });
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        if !self.over {
            self.leave(1006, 0);
        }
    }
}

/// Tells that a viewer which another process left is not gone on with.
pub(in crate::web) fn lose(audit: &Audit, viewer: &Carried, code: u16) {
    let Stay {
        number,
        since,
        typed,
        quiet,
    } = viewer.stay;
    if number == 0 || quiet {
        return;
    }
    tracing::info!(
        peer = viewer.peer,
        id = viewer.id,
        session = viewer.name,
        code,
        "a viewer was not gone on with",
    );
    let session = Session {
        session: &viewer.id,
        name: Text(&viewer.name),
    };
    let role = if viewer.drive {
        Role::Drive
    } else {
        Role::View
    };
    audit.tell(&Event::SocketClose {
        who: Who::at(&viewer.peer),
        viewer: &format!("{number:016x}"),
        session,
        role: role.as_str(),
        seconds: now().saturating_sub(since) / 1000,
        bytes_in: typed,
        bytes_out: viewer.sent,
        code,
    });
}

/// Tells that somebody was not let in. Who may see everything only named no session there is.
pub(in crate::web) fn refuse(
    refusals: &Refusals,
    caller: &Caller,
    wish: &JoinRequest,
    close: &Close,
) {
    let whole = caller.grant().is_some_and(Grant::is_whole);
    let (turned, why) = match close.code {
        // Told already, with what was wrong with it.
        4401 if caller.rejected.is_some() => return,
        4401 => (Turned::Refused, "sign-in"),
        4404 if whole => return,
        4403 | 4404 => (Turned::Refused, "session"),
        4529 => (Turned::Full, "viewers"),
        _ => return,
    };
    refusals.tell(&*wish.door, turned, why, caller.who(), Some(&wish.name));
}

/// Milliseconds since 1970: a stay may go on in another process.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}
