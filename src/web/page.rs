//! The two pages: static shells without a name in them, the same for everyone. What they show they
//! fetch by themselves.

use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::assets::{Cache, answer};
use super::responses::moved;

/// `GET /`: the sessions.
pub(super) async fn list(request: HeaderMap) -> Response {
    answer("index.html", Cache::Ask, &request)
}

/// `GET /s/{name}`: one session, whether it runs or not; the page finds out.
pub(super) async fn session(request: HeaderMap) -> Response {
    answer("session.html", Cache::Ask, &request)
}

/// `GET /s/{name}/`: the page's URLs are relative, so it has one address.
pub(super) async fn session_with_slash(uri: Uri) -> Response {
    let name = uri.path().trim_end_matches('/');
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    let query = uri.query().map(|query| format!("?{query}"));
    moved(&format!("../{name}{}", query.unwrap_or_default()))
}
