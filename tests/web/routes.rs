//! Every route there is, held to whom it says it answers: without a credential, with a guest's and with
//! the owner's. A route that is not in the table cannot be reached, and one in it cannot be left out.

use crate::http::{Answer, Outcome, Site};
use axum::http::Method;
use muxview::access::share::Terms;
use muxview::access::{Share, Target};
use muxview::config::Auth;
use muxview::state_dir;
use muxview::state_dir::Vault;
use muxview::tmux::{Creation, SessionId};
use muxview::web::routes::{self, Route, Who};

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

/// A path of the route, of nothing that exists.
fn example(route: &Route) -> String {
    route
        .path
        .replace("{name}", "nobody")
        .replace("{id}", &"0".repeat(24))
        .replace("{*path}", "nothing.js")
}

/// The route, asked for by the holder of this credential.
async fn ask(site: &Site, method: &Method, path: &str, credential: Option<&str>) -> Answer {
    let body = match *method {
        Method::GET | Method::HEAD => "",
        _ => r#"{"name":"a","session":"a","t":"x"}"#,
    };
    let length = format!("Content-Length: {}", body.len());
    let mut headers = vec!["Content-Type: application/json", &length];
    let bearer = credential.map(|credential| format!("Authorization: Bearer {credential}"));
    headers.extend(bearer.as_deref());
    site.ask(&format!("{method} {path}"), &headers, body).await
}

/// The credential of someone with whom a session was shared that is no more.
async fn guest(site: &Site) -> String {
    let vault = Vault::open(Some(&site.dir.path().join("state"))).expect("the service's");
    let session = Target {
        id: SessionId(1),
        created: Creation {
            at: 1,
            server: None,
        },
        name: "shared",
    };
    let terms = Terms::new(state_dir::now(), None, None).expect("the usual");
    let random = state_dir::random().expect("randomness");
    let (share, secret) = Share::new(random, session, "owner", terms);
    let added = vault.change(|ledger| ledger.add(share, terms.now));
    added.expect("written").expect("room");
    let body = format!(r#"{{"t":"{secret}"}}"#);
    let length = format!("Content-Length: {}", body.len());
    let headers = ["Content-Type: application/json", &length];
    let answer = site.ask("POST /api/sign-in", &headers, &body).await;
    let credential = answer.json()["credential"].as_str().map(str::to_owned);
    credential.unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_whom_it_says() {
    let site = Site::open(Auth::Token).await;
    let guest = guest(&site).await;
    let owner = site.secret.clone().expect("a link");
    for route in routes::all() {
        let path = example(&route);
        let what = format!("{} {path} ({:?})", route.method, route.who);
        if route.who == Who::Viewer {
            for (key, code) in [("", 4401), (&*guest, 4404), (&*owner, 4404)] {
                let key = format!("Sec-WebSocket-Protocol: muxview.v1, muxview.key.{key}");
                let headers = ["Origin: http://localhost:PORT", &key];
                let outcome = site.upgrade(&path, &headers).await.outcome().await;
                let closed = Outcome::Closed(code, Some("muxview.v1".to_owned()));
                assert_eq!(outcome, closed, "{what}");
            }
            continue;
        }
        // An event stream never ends, so its first line must do.
        let streams = route.path == "/api/events";
        let stranger = ask(&site, &route.method, &path, None).await;
        if route.who == Who::Everyone {
            let signs_in = route.path == "/api/sign-in";
            assert!(
                stranger.status != 403 && (stranger.status != 401 || signs_in),
                "{what}: {stranger:?}"
            );
            assert_eq!(stranger.header("www-authenticate"), None, "{what}");
            continue;
        }
        assert_eq!(stranger.status, 401, "{what}: {stranger:?}");
        assert_eq!(
            stranger.header("www-authenticate").as_deref(),
            Some("Bearer"),
            "{what}"
        );
        for wrong in ["", "x", "1.e30.x", "share.x"] {
            let answer = ask(&site, &route.method, &path, Some(wrong)).await;
            assert_eq!(answer.status, 401, "{what} with {wrong}: {answer:?}");
        }
        if streams || route.path.starts_with("/api/sign-") {
            continue;
        }
        let guest = ask(&site, &route.method, &path, Some(&guest)).await.status;
        let wanted: &[u16] = match route.who {
            // A session one may not see is none.
            Who::Manager => &[403, 404],
            Who::Owner => &[403],
            _ => &[200],
        };
        assert!(wanted.contains(&guest), "{what}: a guest got {guest}");
        if !(route.method == Method::POST && route.path == "/api/sessions") {
            let owner = ask(&site, &route.method, &path, Some(&owner)).await;
            assert!(![401, 403].contains(&owner.status), "{what}: {owner:?}");
        }
    }
    site.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_route_is_beside_the_table() {
    let site = Site::open(Auth::Token).await;
    let owner = site.secret.clone().expect("a link");
    let all = routes::all();
    for route in &all {
        for method in METHODS {
            let listed = |other: &Route| other.path == route.path && other.method == method;
            if !all.iter().any(listed) {
                let path = example(route);
                let answer = ask(&site, &method, &path, Some(&owner)).await;
                assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            }
        }
    }
    // What the router is made of.
    let source = include_str!("../../src/web/app.rs");
    assert_eq!(source.matches("route(").count(), 1);
    for other in ["route_service(", ".nest(", ".merge(", ".fallback_service("] {
        assert!(!source.contains(other), "{other}");
    }
    site.service.stop().await;
}
