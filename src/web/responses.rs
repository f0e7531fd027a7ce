//! Short answers and the headers every answer carries. In: a status and a sentence. Out: a
//! response. It must not know why.

use axum::Json;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use std::any::Any;

use crate::access::budget::Limit;
use crate::web::auth::budget::Over;

/// An error as every part of the service answers it: `{"error": "a sentence"}`.
pub(super) fn error(status: StatusCode, sentence: &str) -> Response {
    (status, Json(serde_json::json!({ "error": sentence }))).into_response()
}

/// There are as many connections as there may be.
pub(super) fn full() -> Response {
    let sentence = "muxview has as many connections as it can have; try again in a moment";
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, sentence);
    let soon = HeaderValue::from_static("5");
    response.headers_mut().insert(header::RETRY_AFTER, soon);
    response
}

/// Somebody has as much as they may.
pub(super) fn over(over: Over) -> Response {
    let Over { limit, wait } = over;
    let sentence = format!("too many {} at once; try again in a moment", limit.name());
    let mut response = error(StatusCode::TOO_MANY_REQUESTS, &sentence);
    let seconds = HeaderValue::from(wait.as_secs().max(1));
    response.headers_mut().insert(header::RETRY_AFTER, seconds);
    if limit == Limit::Connections {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// As [`error`], with the field of the request that is wrong.
pub(super) fn error_in(status: StatusCode, field: &str, sentence: &str) -> Response {
    let body = serde_json::json!({ "error": sentence, "field": field });
    (status, Json(body)).into_response()
}

/// No such URL: a page for browsers, which links to the list; JSON for programs.
pub(super) async fn not_found(uri: Uri, headers: HeaderMap) -> Response {
    if !accepts_html(&headers) {
        let kind = if uri.path().starts_with("/api/") {
            "interface"
        } else {
            "page"
        };
        return error(StatusCode::NOT_FOUND, &format!("there is no such {kind}"));
    }
    // Relative, as a proxy may have taken a prefix away.
    let above = uri.path().matches('/').count().saturating_sub(1);
    let list = if above == 0 {
        "./".to_owned()
    } else {
        "../".repeat(above)
    };
    (
        StatusCode::NOT_FOUND,
        Html(NOT_FOUND.replace("LIST", &list)),
    )
        .into_response()
}

const NOT_FOUND: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width\">\n\
    <meta name=\"color-scheme\" content=\"light dark\">\n\
    <title>Not found · muxview</title>\n\
    <h1>Not found</h1>\n\
    <p>There is no such page. <a href=\"LIST\">All sessions</a></p>\n";

fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("text/html"))
}

/// The same at another address, which is relative: a proxy may have taken a prefix away.
pub(super) fn moved(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The URL is right and the method is not; `Allow` is set by the router.
pub(super) async fn method_not_allowed(method: Method) -> Response {
    error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("{method} cannot be done here"),
    )
}

/// A handler panicked: one request fails, the service goes on.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a request handler panicked");
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "muxview made a mistake; its log says more",
    )
}

/// What a browser is told with every answer, errors too.
const HEADERS: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        // Styles: xterm.js writes its colours into a style element.
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        // The clipboard is left to us: pasting by button reads it.
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), midi=()",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// Adds [`HEADERS`] where the answer does not say something itself.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// The answer to who may not.
pub(super) fn not_allowed() -> Response {
    error(StatusCode::FORBIDDEN, "you may not do this here")
}

/// The answer to who has not signed in.
pub(super) fn sign_in() -> Response {
    let sentence = "sign in first: open the link that muxview printed when it started, or that \
                    `muxview url` prints when given the same options";
    let mut response = error(StatusCode::UNAUTHORIZED, sentence);
    let bearer = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, bearer);
    response
}
