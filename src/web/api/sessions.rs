//! The HTTP interface: list, create, rename and end sessions. In: requests with a [`Caller`]. Out:
//! JSON. It must not know sockets.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::time::timeout;

use crate::access::Grant;
use crate::audit::{self, Event, Text};
use crate::config::limits::{BODY_BYTES, HEAD_TIMEOUT};
use crate::directory::{Address, Listing};
use crate::interleave;
use crate::tmux::{self, NewSession, SessionName, Status};
use crate::web::api::bell_marks::Bells;
use crate::web::api::thumbnails::Gallery;
use crate::web::auth::caller::{Caller, granted};
use crate::web::parts::{Parts, Shared};
use crate::web::responses;
use crate::web::responses::not_allowed;
use crate::web::viewer_counts::{Presence, Viewers};

/// One session in the list.
#[derive(Debug, Serialize)]
pub(in crate::web) struct Row<'a> {
    /// What the caller may do there: `view`, `drive` or `manage`.
    role: &'static str,
    id: String,
    name: &'a str,
    windows: u32,
    created: u64,
    activity: u64,
    attached: u32,
    command: &'a str,
    start: &'a str,
    title: &'a str,
    cwd: &'a str,
    cols: Option<u16>,
    rows: Option<u16>,
    /// It rang, and nobody has looked since.
    bell: bool,
    viewers: u32,
    drive: u32,
    view: u32,
}

/// The sessions the holder of `grant` may see, as they are told.
pub(in crate::web) fn rows<'a>(
    listing: &'a Listing,
    presence: &Presence,
    bells: &Bells,
    grant: &Grant,
) -> Vec<Row<'a>> {
    let visible = |session: &&tmux::Session| grant.rights(*session).view;
    let row = |session: &'a tmux::Session, viewers: Viewers| Row {
        role: grant.rights(session).role(),
        id: session.id.to_string(),
        name: &session.name,
        windows: session.windows,
        created: session.created.at,
        activity: session.activity,
        attached: session.attached,
        command: &session.command,
        start: &session.start,
        title: &session.title,
        cwd: &session.cwd,
        cols: session.size.map(|size| size.cols),
        rows: session.size.map(|size| size.rows),
        bell: session.bell || bells.marked(session.id),
        viewers: viewers.all(),
        drive: viewers.drive,
        view: viewers.view,
    };
    let sessions = listing.sessions.iter().filter(visible);
    sessions
        .map(|session| row(session, presence.viewers(session.id)))
        .collect()
}

/// How tmux is, and whether a page may make sessions there.
#[derive(Debug, Serialize)]
pub(in crate::web) struct Tmux {
    state: &'static str,
    message: String,
    create: bool,
}

impl Tmux {
    pub(in crate::web) fn told(status: &Status, grant: &Grant) -> Self {
        let state = match status {
            Status::Starting => "starting",
            Status::Ready { .. } => "ready",
            Status::NoServer => "no-server",
            Status::Failed(tmux::Error::Missing) => "missing",
            Status::Failed(_) => "failed",
        };
        Self {
            state,
            message: sentence(status),
            create: grant.creates(),
        }
    }
}

/// How tmux is, in a sentence.
pub(in crate::web) fn sentence(status: &Status) -> String {
    match status {
        Status::Starting => "tmux has not been asked yet".to_owned(),
        Status::Ready { version } => format!("tmux {version} answers"),
        Status::NoServer => "no tmux server is running yet; the first session starts it".to_owned(),
        Status::Failed(error) => error.to_string(),
    }
}

/// `GET /api/sessions`
pub(in crate::web) async fn list(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    Extension(gallery): Extension<Gallery>,
) -> Result<Response, Response> {
    let grant = granted(&caller)?;
    let listing = Arc::clone(&parts.directory.watch().borrow());
    Ok(listed(&listing, &parts.presence, gallery.bells(), &grant))
}

fn listed(listing: &Listing, presence: &Presence, bells: &Bells, grant: &Grant) -> Response {
    match &listing.status {
        Status::Failed(error) => failed(error),
        // No sessions are known, which is not to know that there are none.
        Status::Starting => responses::error(
            StatusCode::SERVICE_UNAVAILABLE,
            &sentence(&Status::Starting),
        ),
        Status::Ready { .. } | Status::NoServer => {
            Json(rows(listing, presence, bells, grant)).into_response()
        }
    }
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    id: String,
    name: &'a str,
}

#[derive(Debug, Deserialize)]
struct Create {
    name: String,
    command: Option<String>,
    cwd: Option<PathBuf>,
}

/// `POST /api/sessions`
pub(in crate::web) async fn create(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Response> {
    granted(&caller)?;
    let wanted: Create = read(body).await?;
    let name = name(&wanted.name)?;
    if !granted(&caller)?.may_create(&wanted.name) {
        return Err(not_allowed());
    }
    // A form sends fields a person left empty.
    let command = wanted.command.filter(|command| !command.trim().is_empty());
    let cwd = wanted.cwd.filter(|cwd| !cwd.as_os_str().is_empty());
    let new = NewSession {
        name,
        command,
        cwd,
        size: None,
    };
    let _effect = parts.effects.begin(&caller).await?;
    let session = parts
        .server
        .create(new)
        .await
        .map_err(|error| failed(&error))?;
    tracing::info!(id = %session.id, name = %session.name, "created a session");
    parts.audit.tell(&Event::SessionCreate {
        who: caller.who(),
        session: told(&session.id.to_string(), &session.name),
    });
    let address = Address::Id(session.id);
    let shown = |now: &Listing| now.find(&address).is_some();
    parts.directory.shows(shown).await;
    let named = Named {
        id: session.id.to_string(),
        name: &session.name,
    };
    Ok((StatusCode::CREATED, Json(named)).into_response())
}

#[derive(Debug, Deserialize)]
struct Rename {
    name: String,
}

/// `PATCH /api/sessions/{name}`
pub(in crate::web) async fn rename(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    body: Body,
) -> Result<Response, Response> {
    granted(&caller)?;
    let wanted: Rename = read(body).await?;
    let name = name(&wanted.name)?;
    let session = managed(&parts, &caller, path).await?;
    if !granted(&caller)?.may_create(&wanted.name) {
        return Err(not_allowed());
    }
    let _effect = parts.effects.begin(&caller).await?;
    parts
        .server
        .rename(session.id, &name)
        .await
        .map_err(|error| failed(&error))?;
    tracing::info!(id = %session.id, from = %session.name, to = %wanted.name, "renamed a session");
    parts.audit.tell(&Event::SessionRename {
        who: caller.who(),
        session: told(&session.id.to_string(), &session.name),
        to: Text(&wanted.name),
    });
    let address = Address::Id(session.id);
    let shown = |now: &Listing| now.find(&address).is_none_or(|now| now.name == wanted.name);
    parts.directory.shows(shown).await;
    Ok(Json(Named {
        id: session.id.to_string(),
        name: &wanted.name,
    })
    .into_response())
}

/// `DELETE /api/sessions/{name}`
pub(in crate::web) async fn kill(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Response> {
    let session = managed(&parts, &caller, path).await?;
    let _effect = parts.effects.begin(&caller).await?;
    parts
        .server
        .kill(session.id)
        .await
        .map_err(|error| failed(&error))?;
    tracing::info!(id = %session.id, name = %session.name, "ended a session");
    parts.audit.tell(&Event::SessionEnd {
        who: caller.who(),
        session: told(&session.id.to_string(), &session.name),
    });
    let address = Address::Id(session.id);
    let shown = |now: &Listing| now.find(&address).is_none();
    parts.directory.shows(shown).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A session as the audit log names it.
fn told<'a>(id: &'a str, name: &'a str) -> audit::Session<'a> {
    audit::Session {
        session: id,
        name: Text(name),
    }
}

/// The session of this name or id as tmux has it now. One the caller may not see is answered as if
/// it were not there.
pub(in crate::web) async fn find(
    parts: &Parts,
    caller: &Caller,
    name: &str,
) -> Result<tmux::Session, Response> {
    let found = parts.directory.ask(&Address::parse(name)).await;
    interleave::at("found").await;
    let grant = granted(caller)?;
    match found {
        Ok(Some(session)) if grant.rights(&session).view => Ok(session),
        Ok(_) | Err(tmux::Error::NoServer) => Err(failed(&tmux::Error::NoSuchSession)),
        Err(error) => Err(failed(&error)),
    }
}

/// The session to be changed.
async fn managed(
    parts: &Parts,
    caller: &Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<tmux::Session, Response> {
    // What is no text is no session's name.
    let Ok(Path(name)) = path else {
        return Err(failed(&tmux::Error::NoSuchSession));
    };
    let session = find(parts, caller, &name).await?;
    if granted(caller)?.rights(&session).manage {
        Ok(session)
    } else {
        Err(not_allowed())
    }
}

/// A body of JSON.
pub(in crate::web) async fn read<T: for<'de> Deserialize<'de>>(body: Body) -> Result<T, Response> {
    read_at_most(body, BODY_BYTES).await
}

/// A body of JSON of at most so many bytes.
pub(in crate::web) async fn read_at_most<T: for<'de> Deserialize<'de>>(
    body: Body,
    most: usize,
) -> Result<T, Response> {
    let read = timeout(HEAD_TIMEOUT, axum::body::to_bytes(body, most)).await;
    interleave::at("read").await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            let sentence = format!("the body is broken off or larger than {most} bytes");
            return Err(responses::error(StatusCode::PAYLOAD_TOO_LARGE, &sentence));
        }
        Err(_) => {
            return Err(responses::error(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come",
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let status = if error.is_data() {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::BAD_REQUEST
        };
        responses::error(
            status,
            &format!("the body is not the JSON it should be: {error}"),
        )
    })
}

fn name(text: &str) -> Result<SessionName, Response> {
    text.parse()
        .map_err(|error| failed(&tmux::Error::BadName(error)))
}

fn failed(error: &tmux::Error) -> Response {
    use tmux::Error as E;
    let status = match error {
        E::Exists { .. } => StatusCode::CONFLICT,
        E::BadName(_) | E::BadDirectory { .. } | E::BadCommand { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        E::NoSuchSession => StatusCode::NOT_FOUND,
        E::Failed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let field = match error {
        E::Exists { .. } | E::BadName(_) => Some("name"),
        E::BadDirectory { .. } => Some("cwd"),
        E::BadCommand { .. } => Some("command"),
        _ => None,
    };
    match field {
        Some(field) => responses::error_in(status, field, &error.to_string()),
        None => responses::error(status, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tmux_not_yet_asked_is_not_one_without_sessions() {
        let listed = |status| {
            let listing = Listing {
                sessions: vec![],
                status,
            };
            listed(
                &listing,
                &Presence::default(),
                &Bells::default(),
                &Grant::Owner,
            )
            .status()
        };
        assert_eq!(listed(Status::Starting), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(listed(Status::NoServer), StatusCode::OK);
    }
}
