//! The accept loop: from a listener to HTTP. In: connections. Out: requests for [`App`], at most
//! [`CONNECTIONS`] at a time, each head within its time and size. It must not know URLs.

use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::listen::Listener;
use crate::config::limits::{
    ACCEPT_PAUSE, CONNECTIONS, FAREWELL, HEAD_BYTES, HEAD_TIMEOUT, HEADERS, SPARE_DESCRIPTORS,
};
use crate::web::App;
use crate::web::stopping::Stopping;
use crate::web::stream::{Door, Stream};

/// What connections share.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) app: App,
    pub(super) places: Arc<Semaphore>,
    pub(super) stopping: Stopping,
}

/// How many connections there may be at once: as many as we have descriptors for, and some to
/// spare for tmux. Raises our own limit as far as we may.
pub(super) fn places() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let raised = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| limit.maximum);
    let descriptors = raised.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let spare = SPARE_DESCRIPTORS.min(descriptors / 2);
    CONNECTIONS.min(descriptors - spare)
}

/// Accepts until the service stops.
pub(super) async fn accept(listener: Listener, entry: Entry) {
    let mut stopping = entry.stopping.clone();
    let mut complained: Option<Instant> = None;
    loop {
        let places = Arc::clone(&entry.places);
        let next = async {
            // The place comes first: who finds none waits in the backlog.
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let (socket, door) = listener.accept().await?;
            Ok::<_, io::Error>((Stream::new(socket, place), door))
        };
        let accepted = tokio::select! {
            accepted = next => accepted,
            () = stopping.wait() => return,
        };
        match accepted {
            Ok((stream, door)) => {
                tokio::spawn(serve(stream, Arc::new(door), entry.clone()));
            }
            // It went away between the handshake and us.
            Err(error) if gone(&error) => {}
            Err(error) => {
                if complained.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
                    complained = Some(Instant::now());
                    tracing::warn!(%error, "cannot accept connections now");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn gone(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted
            | K::ConnectionReset
            | K::ConnectionRefused
            | K::InvalidInput
            | K::NotConnected
    )
}

/// One connection: requests until it is closed, falls silent or becomes a WebSocket.
async fn serve(stream: Stream, door: Arc<Door>, entry: Entry) {
    let Entry {
        app,
        mut stopping,
        places: _,
    } = entry;
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, door) = (app.clone(), Arc::clone(&door));
        async move { Ok::<_, Infallible>(app.respond(door, request.map(Body::new)).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // The same clock runs while a kept connection is idle.
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES)
        .max_buf_size(4 * HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            // A request that was only half sent would keep us.
            match timeout(FAREWELL, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
