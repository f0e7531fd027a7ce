//! `/healthz`, `/readyz`, `/metrics`: for machines that watch the service. The first two say
//! nothing a stranger could use and are open to all who pass the Host check; the numbers need the
//! secret, since a proxy makes every stranger a neighbour.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::audit;
use crate::tmux::Status;
use crate::web::api::sessions;
use crate::web::auth::caller::Caller;
use crate::web::gauges;
use crate::web::parts::Shared;
use crate::web::responses;

pub(in crate::web) const LIVE: &str = "/healthz";
pub(in crate::web) const READY: &str = "/readyz";
pub(in crate::web) const METRICS: &str = "/metrics";
/// All of them: answered as long as anything is.
pub(in crate::web) const PATHS: [&str; 3] = [LIVE, READY, METRICS];

/// `GET /healthz`: the process answers.
pub(in crate::web) async fn live() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: tmux answers, and what must be written down can be.
pub(in crate::web) async fn ready(State(parts): Shared) -> Response {
    let listing = parts.directory.watch();
    let listed = listing.borrow().status.clone();
    // The list waits longer for a tmux that hangs.
    let status = match parts.server.status().borrow().clone() {
        failed @ Status::Failed(_) => failed,
        _ => listed,
    };
    match status {
        Status::Ready { .. } if parts.audit.is_closed() => {
            let sentence = format!("{}\n", audit::CLOSED);
            (StatusCode::SERVICE_UNAVAILABLE, sentence).into_response()
        }
        Status::Ready { .. } if parts.audit.is_failing() => {
            "ready; the audit log cannot be written\n".into_response()
        }
        Status::Ready { .. } => "ready\n".into_response(),
        other => {
            let sentence = format!("{}\n", sessions::sentence(&other));
            (StatusCode::SERVICE_UNAVAILABLE, sentence).into_response()
        }
    }
}

/// `GET /metrics`
pub(in crate::web) async fn metrics(Extension(caller): Extension<Caller>) -> Response {
    match caller.grant() {
        None => return responses::sign_in(),
        Some(grant) if !grant.is_whole() => return responses::not_allowed(),
        Some(_) => {}
    }
    match gauges::render() {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
        None => responses::error(StatusCode::SERVICE_UNAVAILABLE, "nothing is being counted"),
    }
}
