//! Signing in and out. In: the secret of a link, or a credential. Out: credentials, which pages keep
//! and show with every request; no cookie, since those reach neighbours on the same host. It must
//! not know what they are good for.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::access::{Caller, Pass};
use super::stream::Door;
use super::{Parts, Shared, answer, sessions};
use crate::access::{Credential, Grant, Identity, Kind, Ledger, Share};
use crate::vault::{self, Vault};

/// What a page gets.
#[derive(Debug, Serialize)]
struct SignedIn {
    /// For `Authorization: Bearer` and the second subprotocol.
    credential: String,
    /// Seconds since 1970.
    expires: u64,
    /// `owner` or `guest`.
    who: &'static str,
    /// The id of the one session a guest may watch.
    session: Option<String>,
}

impl SignedIn {
    fn new(credential: &Credential, vault: &Vault) -> Self {
        let state = vault.state();
        let share = credential.share.as_ref();
        let share = share.and_then(|share| state.ledger.share(share));
        Self {
            credential: credential.sealed(&state.keys),
            expires: credential.expires,
            who: if credential.share.is_some() {
                "guest"
            } else {
                "owner"
            },
            session: share.map(|share| share.session.to_string()),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Link {
    /// What stood behind `#t=`.
    t: String,
}

/// `POST /api/sign-in` `{t}`: the secret of a link for a credential. A link of `muxview url` is good
/// once; one that shares a session, as often as it says.
pub(super) async fn sign_in(
    State(parts): Shared,
    Extension(door): Extension<Arc<Door>>,
    body: Body,
) -> Result<Response, Response> {
    let Some(vault) = parts.access.vault() else {
        let sentence = "there is nothing to sign in to here";
        return Err(answer::error(StatusCode::NOT_FOUND, sentence));
    };
    let Link { t } = sessions::read(body).await?;
    match change(vault, move |vault| exchange(vault, &t)).await? {
        Some(credential) => {
            let guest = credential.share.is_some();
            tracing::info!(peer = %door, guest, "signed in");
            Ok(Json(SignedIn::new(&credential, vault)).into_response())
        }
        None => {
            metrics::counter!("muxview_refusals_total", "reason" => "sign_in").increment(1);
            Err(refused(&parts, &door))
        }
    }
}

fn refused(parts: &Parts, door: &Door) -> Response {
    if let Some(wait) = parts.throttle.failed(door, super::now()) {
        let sentence = "too many links that are none: wait a minute";
        let mut response = answer::error(StatusCode::TOO_MANY_REQUESTS, sentence);
        let seconds = HeaderValue::from(wait.as_secs() + 1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        return response;
    }
    tracing::warn!(peer = %door, "a sign-in failed");
    let sentence = "this link is no good any more: it was opened before, has expired or was \
                    revoked. `muxview url`, given the same options, prints a new one";
    answer::error(StatusCode::UNAUTHORIZED, sentence)
}

/// A page's credential for a link's secret, which is used up by it.
fn exchange(vault: &Vault, secret: &str) -> Result<Option<Credential>, vault::Error> {
    let (now, random) = (vault::now(), vault::random()?);
    if Share::is_secret(secret) {
        return vault.change(|ledger| {
            let share = ledger.open(secret, now)?;
            let terms = (share.id.clone(), share.expires);
            Some(Credential::page(random, ledger, Some(terms), now))
        });
    }
    let state = vault.state();
    let Ok(link) = Credential::open(secret, &state.keys, &state.ledger, now) else {
        return Ok(None);
    };
    if link.kind != Kind::Link {
        return Ok(None);
    }
    vault.change(|ledger| {
        // As it is on disk now: of two who open it, one is first.
        link.check(ledger, now).ok()?;
        let first = ledger.end(link.id, link.expires, now);
        first.then(|| Credential::page(random, ledger, None, now))
    })
}

/// `POST /api/sign-in/renew`: the same credential with a later end, or 204 while that is far.
pub(super) async fn renew(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Response> {
    let (vault, credential) = signed(&parts, caller)?;
    let renewed = credential.renewed(&vault.state().ledger, vault::now());
    Ok(match renewed {
        Some(renewed) => Json(SignedIn::new(&renewed, vault)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Out {
    /// Not this page only.
    everywhere: bool,
}

/// `POST /api/sign-out` `{everywhere?}`: ends this credential, or the owner's everywhere.
pub(super) async fn sign_out(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    Extension(door): Extension<Arc<Door>>,
    body: Body,
) -> Result<Response, Response> {
    let owner = matches!(caller.grant(), Some(Grant::Owner));
    let (vault, credential) = signed(&parts, caller)?;
    let Out { everywhere } = sessions::read(body).await?;
    if everywhere && !owner {
        return Err(sessions::not_allowed());
    }
    let end = move |ledger: &mut Ledger| {
        if everywhere {
            ledger.end_all();
        } else {
            ledger.end(credential.id, credential.expires, vault::now());
        }
    };
    change(vault, move |vault| vault.change(end)).await?;
    tracing::info!(peer = %door, everywhere, "signed out");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where credentials are kept, and the caller's.
fn signed(parts: &Parts, caller: Caller) -> Result<(&Vault, Credential), Response> {
    let identity = caller.pass.map(|Pass { identity, .. }| identity);
    match (parts.access.vault(), identity) {
        (Some(vault), Some(Identity::Signed(credential))) => Ok((vault, credential)),
        (Some(_), _) => Err(sessions::sign_in()),
        (None, _) => {
            let sentence = "nobody signs in to this muxview itself";
            Err(answer::error(StatusCode::NOT_FOUND, sentence))
        }
    }
}

/// Changes the vault where waiting for the disk holds up nobody.
pub(super) async fn change<T: Send + 'static>(
    vault: &Vault,
    change: impl FnOnce(&Vault) -> Result<T, vault::Error> + Send + 'static,
) -> Result<T, Response> {
    let vault = vault.clone();
    let changed = tokio::task::spawn_blocking(move || change(&vault)).await;
    let error = match changed {
        Ok(Ok(changed)) => return Ok(changed),
        Ok(Err(error)) => error.to_string(),
        Err(panicked) => panicked.to_string(),
    };
    tracing::error!("{error}");
    Err(answer::error(StatusCode::SERVICE_UNAVAILABLE, &error))
}
