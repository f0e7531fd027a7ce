//! Who gets a seat: sign-in, existence, rights, room, in this order. In: who asks and what their URL
//! wished, or what another process says of them. Out: a seat and what it is held by, or the close
//! they hear instead. It must not know the socket.

use tokio::time::timeout;

use super::Parts;
use super::access::{Caller, Pass};
use super::carried::Carried;
use super::handshake::Speech;
use super::permit::Permit;
use super::presence::Joined;
use super::socket::Wish;
use super::wire::Close;
use crate::bridge::handle::{Join, Seat};
use crate::config::limits::SEEK;
use crate::directory::Address;
use crate::hub::JoinError;
use crate::terminal::Size;
use crate::tmux;

/// As [`first`], for one who had a seat. Ids begin anew with another tmux server, so one that is
/// called otherwise now is followed only if no session has the old name.
pub(super) async fn again(
    parts: &Parts,
    carried: &Carried,
) -> Result<(Seat, Joined, Permit), Close> {
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
    };
    let (mut joined, mut drive) = join(parts, &pass, &session, wish).await?;
    if matches!(joined, Err(JoinError::NoSuchSession)) {
        session = found(parts.directory.ask(&name).await).map_err(gone)?;
        (joined, drive) = join(parts, &pass, &session, wish).await?;
    }
    let seat = joined.map_err(|error| gone(refused(error, parts)))?;
    let permit = Permit::new(parts, &pass, &session);
    Ok((seat, parts.presence.join(session.id, drive), permit))
}

/// Sign-in, existence, room: in this order, so that a stranger learns nothing of sessions.
pub(super) async fn first(
    parts: &Parts,
    caller: Caller,
    wish: &Wish,
) -> Result<(Seat, Joined, Permit), Close> {
    if wish.speech == Speech::TooNew {
        return Err(Close::TOO_OLD);
    }
    let pass = caller.pass.ok_or(Close::SIGN_IN)?;
    let address = Address::parse(&wish.name);
    let mut session = found(seek(parts, &pass, &address).await)?;
    let (mut joined, mut drive) = join(parts, &pass, &session, wish.join).await?;
    if matches!(
        (&joined, &address),
        (Err(JoinError::NoSuchSession), Address::Name(_))
    ) {
        // The listing lags a little: another session may have the name by now.
        session = found(parts.directory.ask(&address).await)?;
        (joined, drive) = join(parts, &pass, &session, wish.join).await?;
    }
    let seat = joined.map_err(|error| refused(error, parts))?;
    let permit = Permit::new(parts, &pass, &session);
    Ok((seat, parts.presence.join(session.id, drive), permit))
}

/// The session at this address as tmux has it now. The listing lags a little, and what it still has
/// under a name may just have ended. But a tmux that hangs holds up only those whose rights depend on
/// which session it is: who may see some of them only must not learn by the time it takes, either.
async fn seek(
    parts: &Parts,
    pass: &Pass,
    address: &Address,
) -> Result<Option<tmux::Session>, tmux::Error> {
    let asking = parts.directory.ask(address);
    if !pass.grant.is_whole() {
        return asking.await;
    }
    if let Address::Name(_) = address
        && let Ok(asked) = timeout(SEEK, asking).await
    {
        return asked;
    }
    parts.directory.find(address).await
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
    let seat = parts.hub.join(session, Join { drive, ..wish }).await;
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
