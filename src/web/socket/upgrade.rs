//! `GET /s/NAME/ws`: from a request to a raw socket. In: an upgrade request that passed the gate.
//! Out: a 101 and a task that runs [`crate::web::socket::run`]. What a browser must learn (sign-in, role,
//! existence) is accepted here and closed with its code there: a refused upgrade tells it nothing.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::bridge::Join;
use crate::interleave;
use crate::net::Peer;
use crate::terminal::Size;
use crate::tmux::Theme;
use crate::web::auth::caller::{Caller, protocols};
use crate::web::connection::limit::Connected;
use crate::web::connection::stream::Stream;
use crate::web::parts::Shared;
use crate::web::responses;
use crate::web::socket::join_request::JoinRequest;
use crate::web::socket::protocol;
use crate::web::socket::protocol::{DEFLATE, PROTOCOL};
use crate::web::socket::run;
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::socket::tap::Tap;

/// `GET /s/{name}/ws`
pub(in crate::web) async fn open(
    State(parts): Shared,
    Extension(caller): Extension<Caller>,
    path: Result<Path<String>, PathRejection>,
    Query(query): Query<Vec<(String, String)>>,
    mut request: Request,
) -> Response {
    let key = match key(&request) {
        Ok(key) => key,
        Err(response) => return response,
    };
    if !caller.may_upgrade {
        let sentence = "a socket is opened by a page of ours, which sends its Origin, \
                        or by a program that sends Authorization: Bearer";
        return responses::error(StatusCode::FORBIDDEN, sentence);
    }
    let accept = derive_accept_key(key.as_bytes());
    let speech = Subprotocol::offered(request.headers());
    let door = request.extensions().get::<Arc<Peer>>().cloned();
    let wish = JoinRequest {
        // What is no text is no session's name.
        name: path.map(|Path(name)| name).unwrap_or_default(),
        join: join(&query),
        theme: theme(&query),
        speech,
        deflate: speech == Subprotocol::Ours
            && protocols(request.headers()).any(|protocol| protocol == DEFLATE),
        door: door.unwrap_or_else(|| Arc::new(Peer::Unix { uid: None })),
    };
    let connected = request.extensions().get::<Arc<Connected>>().cloned();
    let upgrade = hyper::upgrade::on(&mut request);
    let anonymous = caller.pass.is_none();
    let present = parts.presence.open();
    tokio::spawn(async move {
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => return tracing::debug!(%error, "the upgrade did not come about"),
        };
        interleave::at("upgraded").await;
        let Ok(raw) = upgraded.downcast::<TokioIo<Stream>>() else {
            return tracing::error!("an upgraded connection is not one of our listeners'");
        };
        let tap = Tap::new(raw.io.into_inner(), raw.read_buf);
        let running = run::run(parts, caller, wish, tap);
        match connected {
            // One who has not signed in is only told so, and gives way to others like them.
            Some(connected) if anonymous => tokio::select! {
                () = running => {}
                () = connected.ended() => {}
            },
            _ => running.await,
        }
        drop(present);
    });
    switched(&accept, speech)
}

/// The key of a right handshake, or the answer to a wrong one.
fn key(request: &Request) -> Result<String, Response> {
    let headers = request.headers();
    let upgrade = |name: HeaderName, wanted: &str| {
        let lines = headers
            .get_all(name)
            .into_iter()
            .filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(','))
            .any(|part| part.trim().eq_ignore_ascii_case(wanted))
    };
    // A proxy that drops Upgrade may still pass the key on, so the key alone proves nothing.
    if request.method() != Method::GET
        || request.version() != Version::HTTP_11
        || !upgrade(UPGRADE, "websocket")
        || !upgrade(CONNECTION, "upgrade")
    {
        let sentence =
            "this URL is a WebSocket (a proxy in between must pass Upgrade and Connection on)";
        let mut response = responses::error(StatusCode::UPGRADE_REQUIRED, sentence);
        response
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        return Err(response);
    }
    if headers
        .get(SEC_WEBSOCKET_VERSION)
        .is_none_or(|version| version != "13")
    {
        let sentence = "this WebSocket speaks version 13";
        let mut response = responses::error(StatusCode::UPGRADE_REQUIRED, sentence);
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        response
            .headers_mut()
            .insert(UPGRADE, HeaderValue::from_static("websocket"));
        return Err(response);
    }
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = match (keys.next().and_then(|key| key.to_str().ok()), keys.next()) {
        (Some(key), None) => key.trim(),
        _ => "",
    };
    let decoded = base64::prelude::BASE64_STANDARD.decode(key);
    if decoded.is_ok_and(|bytes| bytes.len() == 16) {
        Ok(key.to_owned())
    } else {
        Err(responses::error(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key must be 16 bytes in base64",
        ))
    }
}

fn switched(accept: &str, speech: Subprotocol) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let accept = HeaderValue::from_str(accept).expect("base64 is visible ASCII");
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if speech == Subprotocol::Ours {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    response
}

/// The colours that ride on the URL, as `rrggbb-rrggbb`: in time for what tmux asks first.
fn theme(query: &[(String, String)]) -> Option<Theme> {
    let (_, colours) = query.iter().rev().find(|(key, _)| key == "theme")?;
    let (foreground, background) = colours.split_once('-')?;
    Some(Theme::new(
        protocol::colour(foreground)?,
        protocol::colour(background)?,
    ))
}

/// What rides on the URL. Bad numbers are as if absent; who asks for an unknown role gets the
/// lesser one.
fn join(query: &[(String, String)]) -> Join {
    let value = |name: &str| {
        query
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let count = |name| {
        let number: f64 = value(name)?.parse().ok()?;
        // `as` saturates; infinities are no numbers of anyone's.
        number.is_finite().then_some(number as u64)
    };
    Join {
        drive: value("role").is_none_or(|role| role == "drive" || role.is_empty()),
        size: count("cols")
            .zip(count("rows"))
            .map(|(cols, rows)| Size::clamped(cols, rows)),
        visible: value("visible") != Some("0"),
        resume: value("resume") == Some("1"),
        outvoted: false,
        confined: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tmux::Rgb;

    #[test]
    fn colours_ride_on_the_url() {
        let read = |value: &str| theme(&[("theme".to_owned(), value.to_owned())]);
        let (white, black) = (Rgb::new(255, 255, 255), Rgb::new(0, 0, 0));
        assert_eq!(read("ffFFff-000000"), Some(Theme::new(white, black)));
        for bad in [
            "",
            "ffffff",
            "ffffff-",
            "fff-000",
            "#ffffff-#000000",
            "+fffff-000000",
            "ffffff-000000-000000",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(theme(&[]), None);
    }

    #[test]
    fn what_rides_on_the_url() {
        let read = |query: &[(&str, &str)]| {
            join(
                &query
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect::<Vec<_>>(),
            )
        };
        for (cols, rows, size) in [
            ("80", "24", Some((80, 24))),
            ("0", "9999", Some((2, 500))),
            ("-5", "24", Some((2, 24))),
            ("80.7", "24", Some((80, 24))),
            ("1e9", "2", Some((1000, 2))),
            ("inf", "24", None),
            ("nan", "24", None),
            ("", "24", None),
            ("x", "24", None),
        ] {
            let size = size.map(|(cols, rows)| Size { cols, rows });
            assert_eq!(
                read(&[("cols", cols), ("rows", rows)]).size,
                size,
                "{cols} {rows}"
            );
        }
        let plain = read(&[]);
        assert!(plain.drive && plain.size.is_none() && plain.visible && !plain.resume);
        let other = read(&[
            ("role", "view"),
            ("visible", "0"),
            ("resume", "1"),
            ("cols", "80"),
        ]);
        assert!(!other.drive && other.size.is_none() && !other.visible && other.resume);
        assert!(!read(&[("role", "viewer")]).drive);
    }
}
