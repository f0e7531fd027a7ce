//! Who gets a seat: sign-in, existence, rights, room, in this order. In: who asks and what their URL
//! wished, or what another process says of them. Out: a seat and what it is held by, or the close
//! they hear instead. It must not know the socket.
//!
//! Who comes by the name of a session that is listed is seated without a question to tmux, though the
//! listing lags a little: it may name a session that was just killed and made anew. Such a seat ends
//! within moments, and its holder is then given one at the session that has the name ([`ByName`]).

use std::sync::Arc;
use std::time::Instant;

use crate::access::Principal;
use crate::access::budget::Limit;
use crate::access::credential::Rejected;
use crate::audit;
use crate::bridge::{Join, Seat};
use crate::config::limits::RESEAT;
use crate::directory::Address;
use crate::hub::JoinError;
use crate::interleave;
use crate::terminal::Size;
use crate::tmux;
use crate::viewer::Label;
use crate::web::auth::budget::{Account, Held, Over};
use crate::web::auth::caller::{Caller, Pass, who};
use crate::web::auth::permit::Permit;
use crate::web::auth::viewer_permit::ViewerPermit;
use crate::web::parts::Parts;
use crate::web::socket::audit_record::Visit;
use crate::web::socket::carried::{Carried, Stay};
use crate::web::socket::join_request::JoinRequest;
use crate::web::socket::protocol::{Close, Role};
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::viewer_counts::Joined;

/// A seat and what it is held by.
pub(in crate::web) struct Seated {
    pub(in crate::web) seat: Seat,
    pub(in crate::web) joined: Joined,
    pub(in crate::web) permit: ViewerPermit,
    /// Nothing is compressed for it.
    pub(in crate::web) confidential: bool,
    pub(in crate::web) room: Room,
    /// What is told of it when it ends.
    pub(in crate::web) visit: Visit,
    /// For one who may have been seated by an old listing.
    pub(in crate::web) by_name: Option<ByName>,
}

/// What a viewer has on its principal's account.
#[derive(Debug)]
pub(in crate::web) struct Room {
    account: Arc<Account>,
    _socket: Held,
    /// Of one whose connection another process accepted.
    _connection: Option<Held>,
}

impl Room {
    /// For one who comes.
    fn new(parts: &Parts, pass: &Pass) -> Result<Self, Over> {
        let account = account(parts, pass);
        account.count(Limit::Visits, crate::web::clock::now())?;
        Ok(Self {
            _socket: account.hold(Limit::Sockets, 1)?,
            _connection: None,
            account,
        })
    }

    /// For one who was here before.
    fn again(parts: &Parts, pass: &Pass, connection: bool) -> Self {
        let account = account(parts, pass);
        Self {
            _socket: account.hold_again(Limit::Sockets),
            _connection: connection.then(|| account.hold_again(Limit::Connections)),
            account,
        }
    }

    /// For messages that have not arrived whole.
    pub(in crate::web) fn buffer(&self) -> Held {
        self.account.nothing(Limit::BufferedBytes)
    }
}

fn account(parts: &Parts, pass: &Pass) -> Arc<Account> {
    let principal = Principal::of(&pass.identity, &pass.grant);
    parts.budgets.account(&principal)
}

/// Who came by a name a moment ago.
pub(in crate::web) struct ByName {
    parts: Arc<Parts>,
    name: Address,
    wish: Join,
    /// Where they come from, for the logs.
    from: Arc<str>,
    until: Instant,
}

/// As [`first`], for one who had a seat. Ids begin anew with another tmux server, so one that is
/// called otherwise now is followed only if no session has the old name.
pub(in crate::web) async fn again(parts: &Parts, carried: &Carried) -> Result<Seated, Close> {
    let pass = parts.access.readmit(&carried.proof);
    let pass = pass.ok_or(Close::SIGN_IN)?;
    let ended = || Close::ended("the session ended while muxview restarted");
    let gone = |close: Close| {
        if close == Close::NO_SESSION {
            ended()
        } else {
            close
        }
    };
    let name = Address::Name(carried.name.clone());
    let id = Address::parse(&carried.id);
    let mut session = match found(parts.directory.find(&id).await) {
        Ok(session) if session.name == carried.name => session,
        same_id => match found(parts.directory.ask(&name).await) {
            Err(close) if close == Close::NO_SESSION => same_id.map_err(gone)?,
            same_name => same_name?,
        },
    };
    let wish = Join {
        drive: carried.drive,
        size: carried
            .size
            .map(|(cols, rows)| Size::clamped(cols.into(), rows.into())),
        visible: carried.visible,
        resume: true,
        outvoted: carried.outvoted,
        confined: false,
    };
    let (mut joined, mut drive) = join(parts, &pass, &session, wish).await?;
    if matches!(joined, Err(JoinError::NoSuchSession)) {
        session = found(parts.directory.ask(&name).await).map_err(gone)?;
        (joined, drive) = join(parts, &pass, &session, wish).await?;
    }
    let seat = joined.map_err(|error| gone(refused(error, parts)))?;
    let come = (&*carried.peer, Some(carried.stay));
    let room = Room::again(parts, &pass, true);
    if let (Some(driver), Some(theme)) = (seat.driver(), carried.theme()) {
        driver.restore_theme(theme);
    }
    Ok(seated(parts, &pass, &session, seat, drive, come, room))
}

/// A seat that is taken by one who comes from somewhere, or goes on with a stay.
fn seated(
    parts: &Parts,
    pass: &Pass,
    session: &tmux::Session,
    seat: Seat,
    drive: bool,
    (from, stay): (&str, Option<Stay>),
    room: Room,
) -> Seated {
    let label = Label {
        id: session.id,
        name: session.name.as_str().into(),
    };
    let who = who(&pass.identity, &pass.grant, from);
    let role = if drive { Role::Drive } else { Role::View };
    Seated {
        seat,
        joined: parts.presence.join(session.id, drive),
        permit: ViewerPermit::new(&pass.permit, pass.grant.clone(), session),
        confidential: pass.grant.is_confidential(),
        visit: Visit::begin(&parts.audit, (who, room.account.kind()), label, role, stay),
        room,
        by_name: None,
    }
}

/// Sign-in, existence, room: in this order, so that a stranger learns nothing of sessions.
pub(in crate::web) async fn first(
    parts: &Arc<Parts>,
    caller: &Caller,
    wish: &JoinRequest,
) -> Result<Seated, Close> {
    if wish.speech == Subprotocol::TooNew {
        return Err(Close::TOO_OLD);
    }
    let unknown = || match (caller.rejected, &caller.time) {
        (Some(Rejected::Untimely | Rejected::Replayed), Some(time)) => Close::sign_again(time),
        _ => Close::SIGN_IN,
    };
    let pass = caller.pass.as_ref().ok_or_else(unknown)?;
    if parts.audit.is_closed() {
        return Err(Close::busy(audit::CLOSED));
    }
    let room = Room::new(parts, pass).map_err(Close::over)?;
    let address = Address::parse(&wish.name);
    let mut session = found(seek(parts, pass, &address).await)?;
    interleave::at("sought").await;
    let (mut joined, mut drive) = join(parts, pass, &session, wish.join).await?;
    // The listing lags a little: the session may be gone, or called otherwise, which rights go by.
    let outdated = match &mut joined {
        Ok(seat) => seat.state().borrow().session.name.as_ref() != session.name,
        Err(error) => *error == JoinError::NoSuchSession,
    };
    if outdated {
        session = found(parts.directory.ask(&address).await)?;
        (joined, drive) = join(parts, pass, &session, wish.join).await?;
    }
    let seat = joined.map_err(|error| refused(error, parts))?;
    if let (Some(driver), Some(theme)) = (seat.driver(), wish.theme) {
        driver.theme(theme);
    }
    let mut seated = seated(
        parts,
        pass,
        &session,
        seat,
        drive,
        (&caller.from, None),
        room,
    );
    if let Address::Name(_) = address {
        seated.by_name = Some(ByName {
            parts: Arc::clone(parts),
            name: address,
            wish: wish.join,
            from: Arc::clone(&caller.from),
            until: crate::web::clock::now() + RESEAT,
        });
    }
    Ok(seated)
}

impl ByName {
    /// Whether a session that ends now may have been taken for another one.
    pub(in crate::web) fn is_fresh(&self) -> bool {
        crate::web::clock::now() < self.until
    }

    /// A seat at the session that has the name now that the one it was taken for has ended.
    pub(in crate::web) async fn follow(
        self,
        permit: &Permit,
        size: Option<Size>,
        visible: bool,
    ) -> Option<Seated> {
        let parts = &self.parts;
        let pass = Pass::of(permit)?;
        let session = found(parts.directory.ask(&self.name).await).ok()?;
        let wish = Join {
            size,
            visible,
            ..self.wish
        };
        let (joined, drive) = join(parts, &pass, &session, wish).await.ok()?;
        let come = (&*self.from, None);
        let room = Room::again(parts, &pass, false);
        Some(seated(
            parts,
            &pass,
            &session,
            joined.ok()?,
            drive,
            come,
            room,
        ))
    }
}

/// The session at this address. One that is listed and may be seen is taken from the listing; for all
/// others tmux is asked, so that one who may see some sessions only does not learn of the rest by
/// the time it takes.
async fn seek(
    parts: &Parts,
    pass: &Pass,
    address: &Address,
) -> Result<Option<tmux::Session>, tmux::Error> {
    let listing = parts.directory.watch();
    let listed = listing.borrow().find(address).cloned();
    match listed {
        Some(session) if pass.grant.rights(&session).view => Ok(Some(session)),
        _ => parts.directory.ask(address).await,
    }
}

/// Joins as what the rights allow, and says whether that is as a driver. A session one may not see is
/// not there.
async fn join(
    parts: &Parts,
    pass: &Pass,
    session: &tmux::Session,
    wish: Join,
) -> Result<(Result<Seat, JoinError>, bool), Close> {
    let rights = pass.grant.rights(session);
    if !rights.view {
        return Err(Close::NO_SESSION);
    }
    let drive = wish.drive && rights.drive;
    let wish = Join {
        drive,
        confined: pass.grant.is_confined(),
        ..wish
    };
    let lease = Arc::new(pass.permit.clone());
    let seat = parts.hub.join_by(session, wish, lease).await;
    interleave::at("joined").await;
    Ok((seat, drive))
}

fn refused(error: JoinError, parts: &Parts) -> Close {
    match error {
        JoinError::NoSuchSession => Close::NO_SESSION,
        JoinError::TooManyViewers => Close::TOO_MANY,
        JoinError::ShuttingDown => Close::restart(parts.stopping.spread()),
    }
}

fn found(found: Result<Option<tmux::Session>, tmux::Error>) -> Result<tmux::Session, Close> {
    match found {
        Ok(Some(session)) => Ok(session),
        Ok(None) | Err(tmux::Error::NoServer) => Err(Close::NO_SESSION),
        Err(error) => Err(Close::busy(&error.to_string())),
    }
}
