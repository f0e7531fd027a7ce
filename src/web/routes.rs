//! Every URL there is, and whom each answers: one line for each. In: nothing. Out: [`Route`]s. It must
//! not know what they answer.
//!
//! Each handler sees to its class itself, as the answer differs; `tests/web_routes.rs` holds every line
//! to its word.

use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, patch, post};
use std::sync::Arc;

use super::parts::Parts;
use super::{assets, page};
use crate::web::api::{events, health, sessions, shares};
use crate::web::auth::sign_in;
use crate::web::socket::upgrade;

/// Whom a route answers, of those who pass the Host and Origin checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everyone: nothing in it is anybody's.
    Everyone,
    /// Who has signed in, with what they may see; others get 401.
    SignedIn,
    /// As [`Who::SignedIn`], but others are let in and told by a close, which a page can read.
    Viewer,
    /// Who may manage the session it is about; others are answered as the session's existence allows.
    Manager,
    /// Who may do everything.
    Owner,
}

/// A method at a path, and what answers there.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// Below the base path.
    pub path: &'static str,
    /// Whom it answers.
    pub who: Who,
    pub(super) to: MethodRouter<Arc<Parts>>,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Route> {
    use Who::{Everyone, Manager, Owner, SignedIn, Viewer};
    const ONE: &str = "/api/sessions/{name}";
    let (read, make, change, end) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let table = [
        (&read, "/", Everyone, get(page::list)),
        (&read, "/s/{name}", Everyone, get(page::session)),
        (&read, "/s/{name}/", Everyone, get(page::session_with_slash)),
        (&read, "/s/{name}/ws", Viewer, get(upgrade::open)),
        (&read, "/api/sessions", SignedIn, get(sessions::list)),
        (&make, "/api/sessions", Manager, post(sessions::create)),
        (&change, ONE, Manager, patch(sessions::rename)),
        (&end, ONE, Manager, delete(sessions::kill)),
        (&read, "/api/events", SignedIn, get(events::stream)),
        (&make, "/api/sign-in", Everyone, post(sign_in::sign_in)),
        (&make, "/api/sign-in/renew", SignedIn, post(sign_in::renew)),
        (&make, "/api/sign-in/key", SignedIn, post(sign_in::bind)),
        (&make, "/api/sign-out", SignedIn, post(sign_in::sign_out)),
        (&read, "/api/shares", Owner, get(shares::list)),
        (&make, "/api/shares", Owner, post(shares::add)),
        (&end, "/api/shares/{id}", Owner, delete(shares::remove)),
        (&read, "/assets/{*path}", Everyone, get(assets::file)),
        (&read, health::LIVE, Everyone, get(health::live)),
        (&read, health::READY, Everyone, get(health::ready)),
        (&read, health::METRICS, Owner, get(health::metrics)),
    ];
    let route = |(method, path, who, to): (&Method, _, _, _)| Route {
        method: method.clone(),
        path,
        who,
        to,
    };
    table.into_iter().map(route).collect()
}
