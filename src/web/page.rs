//! The two pages: static shells without a name in them, the same for everyone. What they show they
//! fetch by themselves.

use axum::http::HeaderMap;
use axum::response::Response;

use super::assets::{Cache, answer};

/// `GET /`: the sessions.
pub(super) async fn list(request: HeaderMap) -> Response {
    answer("index.html", Cache::Ask, &request)
}

/// `GET /s/{name}`: one session, whether it runs or not; the page finds out.
pub(super) async fn session(request: HeaderMap) -> Response {
    answer("session.html", Cache::Ask, &request)
}
