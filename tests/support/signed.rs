//! Those who sign in to a service in this process, and what they ask and open with that.

#![allow(dead_code, unreachable_pub)] // each test binary uses its own part of this
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a failed step is a failed test

use super::http::{Answer, PATIENCE, Site, Upgrade};
use super::tmux::Tmux;
use futures_util::StreamExt as _;
use muxview::config::{self, Auth};
use muxview::state_dir::Vault;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub async fn site(tmux: &Tmux) -> Site {
    Site::open_with(Auth::Token, |config| {
        config.tmux = config::Tmux::Name(tmux.name.clone());
    })
    .await
}

pub async fn post(site: &Site, path: &str, bearer: Option<&str>, body: Value) -> Answer {
    send(site, "POST", path, bearer, body).await
}

pub async fn send(
    site: &Site,
    method: &str,
    path: &str,
    bearer: Option<&str>,
    body: Value,
) -> Answer {
    let body = body.to_string();
    let length = format!("Content-Length: {}", body.len());
    let mut headers = vec!["Content-Type: application/json", &length];
    let bearer = bearer.map(|bearer| format!("Authorization: Bearer {bearer}"));
    headers.extend(bearer.as_deref());
    site.ask(&format!("{method} {path}"), &headers, &body).await
}

pub async fn get(site: &Site, path: &str, bearer: &str) -> Answer {
    let bearer = format!("Authorization: Bearer {bearer}");
    site.ask(&format!("GET {path}"), &[&bearer], "").await
}

/// A fresh link's secret, as `muxview url` would print it.
pub fn link(site: &Site) -> String {
    vault(site).link().expect("randomness")
}

/// The vault as another process has it.
pub fn vault(site: &Site) -> Vault {
    Vault::open(Some(&site.dir.path().join("state"))).expect("the service's")
}

pub async fn sign_in(site: &Site, link: &str) -> String {
    let answer = post(site, "/api/sign-in", None, json!({ "t": link })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["credential"]
        .as_str()
        .expect("text")
        .to_owned()
}

pub type Socket = WebSocketStream<TcpStream>;

pub async fn watch(site: &Site, name: &str, credential: &str) -> Socket {
    let key = format!("Sec-WebSocket-Protocol: muxview.v1, muxview.key.{credential}");
    let headers = ["Origin: http://localhost:PORT", &key];
    let path = format!("/s/{name}/ws?cols=80&rows=24");
    match site.upgrade(&path, &headers).await {
        Upgrade::Open(_, socket) => socket,
        refused => panic!("{refused:?}"),
    }
}

/// The `hello` of a socket, or the code it is closed with instead.
pub async fn hello(socket: &mut Socket) -> Result<Value, u16> {
    match timeout(PATIENCE, socket.next()).await.expect("in time") {
        Some(Ok(Message::Text(text))) => Ok(serde_json::from_str(&text).expect("JSON")),
        Some(Ok(Message::Close(Some(frame)))) => Err(frame.code.into()),
        other => panic!("{other:?}"),
    }
}

/// The code a socket is closed with.
pub async fn closed(socket: &mut Socket) -> u16 {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("in time") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}
