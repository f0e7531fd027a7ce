//! Signing in and out. In: the secret of a link, or a credential. Out: credentials, which pages keep
//! and show with every request; no cookie, since those reach neighbours on the same host. It must
//! not know what they are good for.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use crate::access::Id;
use crate::access::credential::Rejected;
use crate::access::page_key::Offer;
use crate::access::{Credential, Grant, Identity, Kind, Ledger, PageKey, Share};
use crate::audit::{Event, Text, Who};
use crate::bridge::Lease as _;
use crate::client;
use crate::config::limits::SIGN_IN_BYTES;
use crate::interleave;
use crate::net::Peer;
use crate::state_dir;
use crate::state_dir::Vault;
use crate::web::api::sessions;
use crate::web::auth::caller;
use crate::web::auth::caller::Caller;
use crate::web::auth::refusal_log::Turned;
use crate::web::parts::{Parts, Shared};
use crate::web::responses;

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
    /// For a page that signs its requests, once.
    #[serde(flatten)]
    signing: Option<Signing>,
}

/// What a page that signs must know beside its own key.
#[derive(Debug, Serialize)]
struct Signing {
    /// What it signs with, if it has no key; in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// By what it knows later that it is this service which tells the time; in base64url.
    clock: String,
    /// The time, in milliseconds since 1970.
    time: u64,
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
            signing: None,
        }
    }

    /// With what its page needs to sign.
    fn signing(credential: &Credential, vault: &Vault, time: u64) -> Self {
        let state = vault.state();
        let (keys, id) = (&state.keys, &credential.id);
        let text = |bytes: [u8; 32]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signing = credential.key.as_ref().and_then(|key| {
            Some(Signing {
                secret: key.secret(keys, id).map(text),
                clock: key.clock_secret(keys, id).map(text)?,
                time,
            })
        });
        Self {
            signing,
            ..Self::new(credential, vault)
        }
    }
}

#[derive(Debug, Deserialize)]
struct Link {
    /// What stood behind `#t=`.
    t: String,
    /// What the page signs with: `p256.` and a point in base64url, or `hmac`. Without, the credential
    /// is good for whoever shows it.
    key: Option<String>,
}

fn offer(key: &str) -> Result<Offer, Response> {
    let sentence = "key is p256. and an uncompressed point in base64url, or hmac";
    Offer::parse(key)
        .ok_or_else(|| responses::error_in(StatusCode::UNPROCESSABLE_ENTITY, "key", sentence))
}

/// `POST /api/sign-in` `{t, key?}`: the secret of a link for a credential. A link of `muxview url` is good
/// once; one that shares a session, as often as it says.
pub(in crate::web) async fn sign_in(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    Extension(door): Extension<Arc<Peer>>,
    body: Body,
) -> Result<Response, Response> {
    let Some(vault) = parts.access.vault() else {
        let sentence = "there is nothing to sign in to here";
        return Err(responses::error(StatusCode::NOT_FOUND, sentence));
    };
    let Link { t, key } = sessions::read_at_most(body, SIGN_IN_BYTES).await?;
    // One who guesses is not worth a look at the disk; a right link is known without.
    if parts
        .throttle
        .waits(&door, crate::web::clock::now())
        .is_some()
        && !may_be_good(vault, &t)
    {
        return Err(refused(&parts, &door, caller.who(), Rejected::Forged));
    }
    let key = key.map(|key| offer(&key)).transpose()?;
    let key = key.map(|offer| PageKey::new(&offer, &vault.state().keys));
    match change(vault, move |vault| exchange(vault, &t, key)).await? {
        Ok((credential, uses_left)) => {
            let guest = credential.share.is_some();
            tracing::info!(peer = %caller.from, guest, "signed in");
            let who = Who {
                who: Some(Text(if guest { "guest" } else { "owner" })),
                credential: Some(credential.id.as_str()),
                share: credential.share.as_ref().map(Id::as_str),
                from: Some(Text(&caller.from)),
            };
            parts.audit.tell(&Event::SignIn { who, uses_left });
            let time = parts.access.signatures().now();
            Ok(Json(SignedIn::signing(&credential, vault, time)).into_response())
        }
        Err(why) => {
            metrics::counter!("muxview_refusals_total", "reason" => "sign_in").increment(1);
            Err(refused(&parts, &door, caller.who(), why))
        }
    }
}

/// Whether a link's secret is one by what is in memory.
fn may_be_good(vault: &Vault, secret: &str) -> bool {
    let (state, now) = (vault.state(), state_dir::now());
    if Share::is_secret(secret) {
        return state.ledger.has_secret(secret, now);
    }
    Credential::open(secret, &state.keys, &state.ledger, now).is_ok()
}

fn refused(parts: &Parts, door: &Peer, who: Who<'_>, why: Rejected) -> Response {
    let (refusals, wait) = (
        &parts.refusals,
        parts.throttle.failed(door, crate::web::clock::now()),
    );
    let (turned, limit) = match wait {
        Some(_) => (Turned::Full, "sign-ins"),
        None => (Turned::Refused, "sign-in"),
    };
    refusals.tell(door, turned, limit, who, Some(&why.to_string()));
    if let Some(wait) = wait {
        let sentence = "too many links that are none: wait a minute";
        let mut response = responses::error(StatusCode::TOO_MANY_REQUESTS, sentence);
        let seconds = HeaderValue::from(wait.as_secs() + 1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
        return response;
    }
    let sentence = "this link is no good any more: it was opened before, has expired or was \
                    revoked. `muxview url`, given the same options, prints a new one";
    responses::error(StatusCode::UNAUTHORIZED, sentence)
}

/// A page's credential, and for a guest's how often the link may still be opened.
type Exchanged = Result<(Credential, Option<u32>), Rejected>;

/// A page's credential for a link's secret, which is used up by it.
fn exchange(
    vault: &Vault,
    secret: &str,
    key: Option<PageKey>,
) -> Result<Exchanged, state_dir::Error> {
    let (now, random) = (state_dir::now(), state_dir::random()?);
    let page = |ledger: &Ledger, terms| {
        let credential = Credential::page(random, ledger, terms, now);
        match key {
            Some(key) => credential.bound(key),
            None => credential,
        }
    };
    if Share::is_secret(secret) {
        return vault.change(|ledger| {
            let (share, opening) = ledger.open(secret, now).ok_or(Rejected::Revoked)?;
            let (terms, left) = ((share.id.clone(), share.expires, opening), share.uses);
            Ok((page(ledger, Some(terms)), Some(left)))
        });
    }
    let state = vault.state();
    let link = match Credential::open(secret, &state.keys, &state.ledger, now) {
        Ok(link) if link.kind == Kind::Link => link,
        Ok(_) => return Ok(Err(Rejected::Forged)),
        Err(why) => return Ok(Err(why)),
    };
    vault.change(|ledger| {
        // As it is on disk now: of two who open it, one is first.
        link.check(ledger, now)?;
        let last = link.last(ledger);
        let first = ledger.end(link.id, last, now);
        let page = || (page(ledger, None), None);
        first.then(page).ok_or(Rejected::Revoked)
    })
}

/// `POST /api/sign-in/renew`: the same credential with a later end, or 204 while that is far.
pub(in crate::web) async fn renew(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
) -> Result<Response, Response> {
    let (vault, credential) = signed(&parts, &caller)?;
    let renewed = credential.renewed(&vault.state().ledger, state_dir::now());
    Ok(match renewed {
        Some(renewed) => Json(SignedIn::new(&renewed, vault)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

#[derive(Debug, Deserialize)]
struct Key {
    key: String,
}

/// `POST /api/sign-in/key` `{key}`: the same credential, good only with signatures by this key: for
/// pages that signed in before pages had keys. The one without stays good for those of them that are
/// open; both end together.
pub(in crate::web) async fn bind(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Response> {
    caller::granted(&caller)?;
    let Key { key } = sessions::read(body).await?;
    let (vault, credential) = signed(&parts, &caller)?;
    let key = PageKey::new(&offer(&key)?, &vault.state().keys);
    if credential.key.is_some() {
        let sentence = "this sign-in has a key already";
        return Err(responses::error(StatusCode::CONFLICT, sentence));
    }
    let (bound, time) = (credential.bound(key), parts.access.signatures().now());
    Ok(Json(SignedIn::signing(&bound, vault, time)).into_response())
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Out {
    /// Not this page only.
    everywhere: bool,
}

/// `POST /api/sign-out` `{everywhere?}`: ends this credential, or the owner's everywhere.
pub(in crate::web) async fn sign_out(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Response> {
    signed(&parts, &caller)?;
    let Out { everywhere } = sessions::read(body).await?;
    let (vault, credential) = signed(&parts, &caller)?;
    if everywhere && caller::granted(&caller)? != Grant::Owner {
        return Err(responses::not_allowed());
    }
    let end = move |ledger: &mut Ledger| {
        // As it is on disk now: whoever was signed out by then signs nobody out.
        credential.check(ledger, state_dir::now())?;
        if everywhere {
            ledger.sign_out_everywhere();
        } else {
            credential.sign_out(ledger, state_dir::now());
        }
        Ok(())
    };
    let ended: Result<(), Rejected> = change(vault, move |vault| vault.change(end)).await?;
    ended.map_err(|_| responses::sign_in())?;
    parts.effects.settle().await;
    tracing::info!(peer = %caller.from, everywhere, "signed out");
    let who = caller.who();
    parts.audit.tell(&Event::SignOut { who, everywhere });
    confirmed(vault).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whether the other services of the state directory go by what was ended. They read it to answer.
pub(in crate::web) async fn confirmed(vault: &Vault) -> Result<(), Response> {
    let answers = client::ask_all(vault, "/api/shares").await;
    answers.map(drop).map_err(|error| {
        tracing::error!("another service may not know yet what was ended: {error}");
        let sentence = "it has ended here, but another muxview with the same state directory has not \
                        confirmed that it knows";
        responses::error(StatusCode::SERVICE_UNAVAILABLE, sentence)
    })
}

/// Where credentials are kept, and the caller's.
fn signed<'a>(parts: &'a Parts, caller: &Caller) -> Result<(&'a Vault, Credential), Response> {
    let held = caller.pass.as_ref().filter(|pass| pass.permit.holds());
    match (parts.access.vault(), held.map(|pass| &pass.identity)) {
        (Some(vault), Some(Identity::Signed(credential))) => Ok((vault, credential.clone())),
        (Some(_), _) => Err(responses::sign_in()),
        (None, _) => {
            let sentence = "nobody signs in to this muxview itself";
            Err(responses::error(StatusCode::NOT_FOUND, sentence))
        }
    }
}

/// Changes the vault where waiting for the disk holds up nobody.
pub(in crate::web) async fn change<T: Send + 'static>(
    vault: &Vault,
    change: impl FnOnce(&Vault) -> Result<T, state_dir::Error> + Send + 'static,
) -> Result<T, Response> {
    let vault = vault.clone();
    interleave::at("change").await;
    let changed = tokio::task::spawn_blocking(move || change(&vault)).await;
    let error = match changed {
        Ok(Ok(changed)) => return Ok(changed),
        Ok(Err(error)) => error.to_string(),
        Err(panicked) => panicked.to_string(),
    };
    tracing::error!("{error}");
    Err(responses::error(StatusCode::SERVICE_UNAVAILABLE, &error))
}
