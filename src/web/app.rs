//! [`App`]: the whole site. Judges every request before a route is looked for, and takes over viewers
//! that another process served.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use super::clock;
use super::parts::{Parts, Shared};
use super::routes;
use crate::access::budget::Limit;
use crate::audit::{self, Who};
use crate::bridge::Lease as _;
use crate::config::BasePath;
use crate::interleave;
use crate::net::Peer;
use crate::web::api::health;
use crate::web::api::thumbnails::Gallery;
use crate::web::auth::budget::Over;
use crate::web::auth::caller;
use crate::web::auth::caller::Caller;
use crate::web::auth::permit::Permit;
use crate::web::auth::refusal_log::Turned;
use crate::web::auth::signatures;
use crate::web::connection::limit::Connected;
use crate::web::connection::stream::Stream;
use crate::web::connection::write_gate;
use crate::web::socket::audit_record;
use crate::web::socket::carried::Carried;
use crate::web::socket::protocol::Close;
use crate::web::socket::run;
use crate::web::viewer_counts::Open;
use crate::web::{responses, shutdown};

/// The whole site.
#[derive(Debug, Clone)]
pub struct App {
    router: Router,
    base_path: BasePath,
    parts: Arc<Parts>,
}

impl App {
    /// The site with every URL there is, which are those of [`routes`].
    #[must_use]
    pub fn new(parts: Parts, base_path: BasePath) -> Self {
        let gallery = Gallery::open(&parts);
        let parts = Arc::new(parts);
        let router = routes::all()
            .into_iter()
            .fold(Router::new(), |router, route| {
                router.route(route.path, route.to)
            })
            .fallback(responses::not_found)
            .method_not_allowed_fallback(responses::method_not_allowed)
            .layer(Extension(gallery))
            .layer(middleware::from_fn_with_state(Arc::clone(&parts), admit))
            .layer(CatchPanicLayer::custom(responses::panicked))
            .layer(middleware::from_fn(responses::headers))
            .with_state(Arc::clone(&parts));
        Self {
            router,
            base_path,
            parts,
        }
    }

    /// Goes on with viewers that another process served. Returns when each has its seat again or
    /// has been told why not.
    pub async fn resume(&self, mut viewers: Vec<(Stream, Carried)>) {
        // The driver who acted last comes first: of those who come back, the first has the size.
        viewers.sort_by_key(|(_, viewer)| std::cmp::Reverse(viewer.acted));
        let mut sessions: HashMap<String, Vec<(Stream, Carried, Open)>> = HashMap::new();
        for (stream, viewer) in viewers {
            let session = sessions.entry(viewer.id.clone()).or_default();
            session.push((stream, viewer, self.parts.presence.open()));
        }
        let mut seating = tokio::task::JoinSet::new();
        for viewers in sessions.into_values() {
            let parts = Arc::clone(&self.parts);
            seating.spawn(async move {
                for (stream, viewer, present) in viewers {
                    let seated = run::resume(&parts, stream, viewer).await;
                    tokio::spawn(async move {
                        seated.await;
                        drop(present);
                    });
                }
            });
        }
        seating.join_all().await;
    }

    /// Tells viewers nobody can go on with to come again. With what is known of each.
    pub async fn dismiss(&self, viewers: Vec<(Stream, Option<Carried>)>) {
        let close = Close::restart(shutdown::spread(viewers.len()));
        let mut goodbyes = tokio::task::JoinSet::new();
        for (stream, viewer) in viewers {
            let close = close.clone();
            if let Some(viewer) = &viewer {
                audit_record::lose(&self.parts.audit, viewer, close.code);
            }
            let unsent = viewer.map_or_else(Bytes::new, |viewer| viewer.unsent);
            goodbyes.spawn(async move { run::dismiss(stream, unsent, &close).await });
        }
        goodbyes.join_all().await;
    }

    /// What the next process must know of signatures; none is accepted here any more.
    pub fn leave_signatures(&self) -> Option<signatures::Left> {
        self.parts.access.signatures().leave()
    }

    /// Tells that a viewer which another process left has no socket any more.
    pub fn lost(&self, viewer: &Carried) {
        audit_record::lose(&self.parts.audit, viewer, 1006);
    }

    /// Tells that there is no more room for connections.
    pub fn full(&self) {
        let (full, why) = (Turned::Full, "connections");
        self.parts
            .refusals
            .tell(None, full, why, Who::default(), None);
    }

    /// Tells what was left out of the logs, once it is time; or, at the `end`, all.
    pub fn sum_up(&self, end: bool) {
        if end {
            self.parts.refusals.end();
        } else {
            self.parts.refusals.tidy();
        }
        self.parts.audit.sum_up(end);
    }

    /// Answers one request that came through `door`. When the house is `full`, only those who
    /// watch the service are told more than that.
    pub async fn respond(
        &self,
        door: Arc<Peer>,
        full: bool,
        mut request: axum::http::Request<Body>,
    ) -> Response {
        if full {
            request.extensions_mut().insert(Full);
        }
        match below(self.base_path.as_str(), request.uri()) {
            Below::Same => {}
            Below::Uri(uri) => *request.uri_mut() = uri,
            // Pages use relative URLs, which need the slash.
            Below::Bare => {
                request
                    .extensions_mut()
                    .insert(Bare(format!("{}/", last_segment(self.base_path.as_str()))));
            }
        }
        request.extensions_mut().insert(door);
        let answered = self.router.clone().oneshot(request).await;
        let response = answered.unwrap_or_else(|never| match never {});
        metrics::counter!("muxview_http_requests_total", "status" => response.status().as_u16().to_string())
            .increment(1);
        response
    }
}

/// The gate before every route.
async fn admit(State(parts): Shared, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let door = head
        .extensions
        .get::<Arc<Peer>>()
        .cloned()
        .unwrap_or_else(|| Arc::new(Peer::Unix { uid: None }));
    let connected = head.extensions.get::<Arc<Connected>>().cloned();
    if let Some(connected) = &connected {
        // Refusals are for everybody.
        connected.gate.answer(None);
    }
    match parts.access.admit(&door, &head) {
        Ok(caller) => {
            if let Err(over) = within_budget(&parts, &caller, &head) {
                let limit = over.limit.name();
                let refusals = &parts.refusals;
                refusals.tell(&*door, Turned::Full, limit, caller.who(), None);
                refused("budget");
                return responses::over(over);
            }
            let watched = health::PATHS.contains(&head.uri.path());
            if head.extensions.get::<Full>().is_some() && !watched {
                refused("full");
                return responses::full();
            }
            if let Some(Bare(to)) = head.extensions.get() {
                return responses::moved(to);
            }
            if parts.audit.is_closed() && changes(&head) {
                return responses::error(StatusCode::SERVICE_UNAVAILABLE, audit::CLOSED);
            }
            let signs_out = head.uri.path() == "/api/sign-out";
            let (method, uri, who) = (head.method.clone(), head.uri.clone(), caller.clone());
            head.extensions.insert(caller);
            interleave::at("admitted").await;
            let mut answer = next.run(Request::from_parts(head, body)).await;
            let ended = who.pass.as_ref().is_some_and(|pass| !pass.permit.holds());
            // Nothing is told by what has ended meanwhile, unless it was this very request that ended it.
            if ended && !signs_out && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer = responses::sign_in();
            }
            // An upgraded connection has a gate of its own: its outlet.
            let free = ended || signs_out || answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            if let (Some(connected), Some(pass), false) = (connected, &who.pass, free) {
                connected.gate.answer(Some(by(&pass.permit)));
            }
            let why = turned_away(&who, answer.status());
            if let Some((why, about)) = why {
                let about = about.unwrap_or_else(|| format!("{method} {}", uri.path()));
                let refusals = &parts.refusals;
                refusals.tell(&*door, Turned::Refused, why, who.who(), Some(&about));
            }
            if let Some(time) = who.time.as_deref().map(HeaderValue::from_str) {
                let time = time.unwrap_or(HeaderValue::from_static(""));
                answer.headers_mut().insert(caller::TIME, time);
            }
            answer
        }
        Err(refusal) => {
            let (from, about) = (caller::from(&door, &head.headers), refusal.to_string());
            let (why, who) = (refusal.reason(), Who::at(&from));
            let refusals = &parts.refusals;
            refusals.tell(&*door, Turned::Refused, why, who, Some(&about));
            refused(why);
            refusal.into_response()
        }
    }
}

/// An answer that is given by this permit.
fn by(permit: &Permit) -> write_gate::Answer {
    let mut watch = permit.watch();
    let ended = async move { while watch.changed().await.is_ok() {} };
    write_gate::Answer::new(Arc::new(permit.clone()), ended)
}

/// Counts a request and its connection on its caller's account. What is the same for all costs next to
/// nothing, and who wants to sign in must not wait for those who do not: see [`Throttle`].
fn within_budget(
    parts: &Parts,
    caller: &Caller,
    head: &axum::http::request::Parts,
) -> Result<(), Over> {
    let account = parts.budgets.account(&caller.principal());
    if let Some(connected) = head.extensions.get::<Arc<Connected>>() {
        connected.is_of(&account)?;
    }
    let path = head.uri.path();
    let is_free = !path.starts_with("/api/") && !path.ends_with("/ws");
    if caller.pass.is_none() && (is_free || path == "/api/sign-in") {
        return Ok(());
    }
    account.count(Limit::Requests, clock::now())
}

/// Whether a request does something new. Ending what somebody may do is always possible.
fn changes(head: &axum::http::request::Parts) -> bool {
    let reads = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let path = head.uri.path();
    let ends = path == "/api/sign-out"
        || (head.method == Method::DELETE && path.starts_with("/api/shares/"));
    !reads && !ends
}

/// Why somebody was turned away by a route, if that is to be told.
fn turned_away(who: &Caller, status: StatusCode) -> Option<(&'static str, Option<String>)> {
    match &who.rejected {
        // Pages and the service itself are there for everyone; a socket is let in to be told.
        Some(why) if status != StatusCode::OK => Some(("credential", Some(why.to_string()))),
        _ if status == StatusCode::FORBIDDEN => Some(("rights", None)),
        _ => None,
    }
}

/// Counts one who was turned away before any route.
fn refused(reason: &'static str) {
    metrics::counter!("muxview_refusals_total", "reason" => reason).increment(1);
}

/// Marks a request beyond the last place.
#[derive(Debug, Clone, Copy)]
struct Full;

/// Marks a request for the base path without its slash.
#[derive(Debug, Clone)]
struct Bare(String);

enum Below {
    Same,
    Bare,
    Uri(Uri),
}

/// Takes the base path away where it stands; a proxy may have done so already.
fn below(base: &str, uri: &Uri) -> Below {
    let Some(rest) = uri.path().strip_prefix(base).filter(|_| !base.is_empty()) else {
        return Below::Same;
    };
    if rest.is_empty() {
        return Below::Bare;
    }
    if !rest.starts_with('/') {
        return Below::Same;
    }
    let rest = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    // What was part of a URI is one; an authority stays for the Host check.
    let mut parts = uri.clone().into_parts();
    match rest.parse() {
        Ok(path) => parts.path_and_query = Some(path),
        Err(_) => return Below::Same,
    }
    Uri::from_parts(parts).map_or(Below::Same, Below::Uri)
}

/// What stands behind the last slash.
fn last_segment(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, last)| last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_path_is_taken_where_it_stands() {
        for (base, uri, wanted) in [
            ("", "/s/a", None),
            ("/mux", "/mux/s/a?x=1", Some("/s/a?x=1")),
            ("/mux", "/s/a", None),
            ("/mux", "/muxer", None),
            ("/a/b", "/a/b/", Some("/")),
            ("/mux", "/mux//evil", Some("//evil")),
        ] {
            let below = below(base, &uri.parse().expect("a URI"));
            let read = match below {
                Below::Uri(uri) => Some(uri.to_string()),
                Below::Same => None,
                Below::Bare => Some("bare".to_owned()),
            };
            assert_eq!(read.as_deref(), wanted, "{base} {uri}");
        }
        assert!(matches!(
            below("/mux", &Uri::from_static("/mux")),
            Below::Bare
        ));
    }
}
