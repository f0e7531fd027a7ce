//! Links by which others may watch one session: list, make and end them. In: requests of those who
//! may do everything. Out: JSON; the secret of a link is in the answer that made it and never again.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use crate::access::Id;
use crate::access::share::{BadTerms, Terms};
use crate::access::{Grant, Share};
use crate::audit::Event;
use crate::state_dir;
use crate::state_dir::Vault;
use crate::web::api::sessions;
use crate::web::auth::caller;
use crate::web::auth::caller::Caller;
use crate::web::auth::permit::Permit;
use crate::web::auth::refusal_log::Turned;
use crate::web::auth::sign_in::{change, confirmed};
use crate::web::parts::{Parts, Shared};
use crate::web::responses;

/// A share, as far as it is told.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    session: String,
    name: &'a str,
    by: &'a str,
    made: u64,
    expires: u64,
    uses: u32,
    confidential: bool,
    opened: Option<u64>,
}

impl<'a> From<&'a Share> for Row<'a> {
    fn from(share: &'a Share) -> Self {
        Self {
            id: share.id.as_str(),
            session: share.session.to_string(),
            name: &share.name,
            by: &share.by,
            made: share.made,
            expires: share.expires,
            uses: share.uses,
            confidential: share.confidential,
            opened: share.opened,
        }
    }
}

/// Where shares are kept, for those who may.
fn shares<'a>(parts: &'a Parts, caller: &Caller) -> Result<(&'a Vault, Grant), Response> {
    let grant = caller::granted(caller)?;
    if !grant.is_whole() {
        return Err(responses::not_allowed());
    }
    let vault = parts.access.vault().ok_or_else(|| {
        let sentence = "links are for --auth token: here people sign in elsewhere or not at all";
        responses::error(StatusCode::NOT_FOUND, sentence)
    })?;
    Ok((vault, grant))
}

/// What the caller is let in by.
fn permit(caller: &Caller) -> Result<Permit, Response> {
    let pass = caller.pass.as_ref().ok_or_else(responses::sign_in)?;
    Ok(pass.permit.clone())
}

/// `GET /api/shares`
pub(in crate::web) async fn list(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Response> {
    let (vault, _) = shares(&parts, &caller)?;
    // `muxview share` changes them beside us, and asks for the list to know that we have seen it.
    change(vault, Vault::refresh).await?;
    let (state, now) = (vault.state(), state_dir::now());
    let live = state.ledger.shares().filter(|share| now < share.expires);
    Ok(Json(live.map(Row::from).collect::<Vec<_>>()).into_response())
}

#[derive(Debug, Deserialize)]
struct Add {
    /// By name or id.
    session: String,
    /// How long it is good.
    seconds: Option<u64>,
    /// How often it may be opened.
    uses: Option<u32>,
    /// Whether nothing is compressed for those who open it.
    #[serde(default)]
    confidential: bool,
}

/// What made a share.
#[derive(Debug, Serialize)]
struct Added<'a> {
    /// Below the base path, with the secret in its fragment.
    link: String,
    #[serde(flatten)]
    row: Row<'a>,
}

/// `POST /api/shares` `{session, seconds?, uses?, confidential?}` → 201 with the link.
pub(in crate::web) async fn add(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Response> {
    shares(&parts, &caller)?;
    let wanted: Add = sessions::read(body).await?;
    let terms = Terms::new(state_dir::now(), wanted.seconds, wanted.uses);
    let terms = terms.map_err(|error: BadTerms| {
        responses::error(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())
    })?;
    let terms = terms.confidential(wanted.confidential);
    let session = sessions::find(&parts, &caller, &wanted.session).await?;
    let (vault, grant) = shares(&parts, &caller)?;
    let by = grant.who().to_owned();
    let permit = permit(&caller)?;
    let made = change(vault, move |vault| {
        let (share, secret) = Share::new(state_dir::random()?, &session, &by, terms);
        // As it is on disk now: what was revoked by then adds nothing.
        let kept = vault.change(|ledger| {
            let stands = permit.is_in(ledger);
            stands.then(|| ledger.add(share.clone(), terms.now))
        })?;
        Ok(kept.map(|kept| kept.map(|()| (share, secret))))
    });
    let made = made.await?.ok_or_else(responses::sign_in)?;
    let (share, secret) = made.map_err(|full| {
        let (refusals, who) = (&parts.refusals, caller.who());
        refusals.tell(None, Turned::Full, "shares", who, None);
        responses::error(StatusCode::CONFLICT, &full.to_string())
    })?;
    let who = caller.who();
    let session = share.session.to_string();
    parts.audit.tell(&Event::share_add(&share, &session, who));
    tracing::info!(
        id = share.id.as_str(),
        session = share.name,
        "shared a session"
    );
    let added = Added {
        link: format!("s/{}#t={secret}", share.session),
        row: Row::from(&share),
    };
    Ok((StatusCode::CREATED, Json(added)).into_response())
}

/// `DELETE /api/shares/ID`
pub(in crate::web) async fn remove(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Response> {
    let (vault, _) = shares(&parts, &caller)?;
    let none = || responses::error(StatusCode::NOT_FOUND, "there is no such share");
    let id = path
        .ok()
        .and_then(|Path(id)| Id::parse(&id))
        .ok_or_else(none)?;
    let (ended, permit) = (id.clone(), permit(&caller)?);
    let removed = change(vault, move |vault| {
        vault.change(|ledger| permit.is_in(ledger).then(|| ledger.remove(&id)))
    });
    if removed.await?.ok_or_else(responses::sign_in)? {
        tracing::info!(id = ended.as_str(), "ended a share");
        let (who, id) = (caller.who(), ended.as_str());
        parts.audit.tell(&Event::ShareEnd { who, id });
        confirmed(vault).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(none())
    }
}
