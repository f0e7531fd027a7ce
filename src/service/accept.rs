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
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use crate::config::limits::{
    ACCEPT_PAUSE, COMPLAINT_INTERVAL, CONNECTIONS, FAREWELL, FEW_DESCRIPTORS, FIRST_REQUEST,
    HEAD_BYTES, HEAD_TIMEOUT, HEADERS, SPARE_DESCRIPTORS, STANDING,
};
use crate::heartbeat::Beat;
use crate::heartbeat::Pulse;
use crate::heartbeat::careful;
use crate::net::{Listener, Peer};
use crate::web::App;
use crate::web::connection::limit::{Connected, Connections};
use crate::web::connection::stream;
use crate::web::connection::stream::Stream;
use crate::web::shutdown::Stopping;

/// What connections share.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) app: App,
    pub(super) places: Places,
    pub(super) connections: Connections,
    pub(super) stopping: Stopping,
    pub(super) pulse: Pulse,
}

/// Places for connections: as many as there are descriptors for, and a few beyond for those who
/// are told that there are no more.
#[derive(Debug, Clone)]
pub(super) struct Places {
    seats: Arc<Semaphore>,
    standing: Arc<Semaphore>,
    all: u32,
}

/// One of them.
#[derive(Debug)]
struct Place {
    permit: OwnedSemaphorePermit,
    standing: bool,
}

impl Places {
    /// Raises our own limit of descriptors as far as we may, and keeps some to spare for tmux.
    pub(super) fn new() -> Self {
        let descriptors = descriptors();
        let spare = SPARE_DESCRIPTORS.min(descriptors / 2);
        let standing = STANDING.min(spare / 8).max(1);
        let seats = CONNECTIONS.min(descriptors - spare);
        if descriptors < FEW_DESCRIPTORS {
            tracing::warn!(
                "only {descriptors} files may be open, so at most {seats} connections: \
                 raise the limit (ulimit -n, LimitNOFILE=)"
            );
        }
        Self::of(seats, standing)
    }

    fn of(seats: usize, standing: usize) -> Self {
        Self {
            seats: Arc::new(Semaphore::new(seats)),
            standing: Arc::new(Semaphore::new(standing)),
            all: u32::try_from(seats).unwrap_or(u32::MAX),
        }
    }

    /// How many there are.
    pub(super) fn all(&self) -> usize {
        usize::try_from(self.all).unwrap_or(usize::MAX)
    }

    /// Waits until every connection that had a seat is gone.
    pub(super) async fn empty(&self) {
        self.at_most(0).await;
    }

    /// Waits until no more connections have a seat than these. Cancel-safe.
    pub(super) async fn at_most(&self, connections: usize) {
        let connections = u32::try_from(connections).unwrap_or(u32::MAX);
        let free = self.all.saturating_sub(connections);
        // Never closed, so an error cannot be.
        let _ = self.seats.acquire_many(free).await;
    }

    /// A seat for one that another process accepted, if there is one.
    pub(super) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    /// The next place there is. Cancel-safe.
    async fn next(&self) -> io::Result<Place> {
        let (seats, standing) = (Arc::clone(&self.seats), Arc::clone(&self.standing));
        let (permit, standing) = tokio::select! {
            biased;
            seat = seats.acquire_owned() => (seat, false),
            standing = standing.acquire_owned() => (standing, true),
        };
        let permit = permit.map_err(io::Error::other)?;
        Ok(Place { permit, standing })
    }

    /// Another place for one who has come, if a better one was left meanwhile.
    fn better(&self, place: Place) -> Place {
        if place.standing
            && let Ok(permit) = Arc::clone(&self.seats).try_acquire_owned()
        {
            return Place {
                permit,
                standing: false,
            };
        }
        place
    }
}

fn descriptors() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let raised = setrlimit(Resource::Nofile, raised).map_or(limit.current, |()| limit.maximum);
    raised.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Accepts until the service stops; then gives the listener back, which may go on elsewhere.
pub(super) async fn accept(listener: Listener, entry: Entry) -> Listener {
    let mut beat = entry.pulse.beat(format!("the listener {listener}"));
    while careful(accept_all(&listener, &entry, &mut beat))
        .await
        .is_none()
    {
        sleep(ACCEPT_PAUSE).await;
    }
    listener
}

async fn accept_all(listener: &Listener, entry: &Entry, beat: &mut Beat) {
    let mut stopping = entry.stopping.clone();
    let mut complaint = Complaint::default();
    loop {
        let next = async {
            // The place comes first: who finds none at all waits in the backlog.
            let place = entry.places.next().await?;
            // What was told to go is gone first, so that no flood fills all places.
            let room = entry.connections.room().await;
            let (socket, door) = listener.accept().await?;
            Ok::<_, io::Error>((socket, door, entry.places.better(place), room))
        };
        let accepted = tokio::select! {
            accepted = beat.during(next) => accepted,
            () = stopping.wait() => return,
        };
        match accepted {
            Ok((socket, door, place, room)) => {
                if place.standing && complaint.is_due() {
                    let most = entry.places.all;
                    entry.app.full();
                    tracing::warn!(
                        most,
                        "as many connections as there may be: more are refused"
                    );
                }
                // In the order they came, whichever task runs first.
                let connected = entry.connections.open(room);
                let place_of = stream::Place::new(place.permit, Arc::clone(&connected));
                let stream = Stream::new(socket, place_of);
                let served = serve(
                    stream,
                    Arc::new(door),
                    place.standing,
                    connected,
                    entry.clone(),
                );
                tokio::spawn(served);
            }
            // It went away between the handshake and us.
            Err(error) if gone(&error) => {}
            Err(error) => {
                if complaint.is_due() {
                    tracing::warn!(%error, "cannot accept connections now");
                }
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// When something was complained of last.
#[derive(Debug, Default)]
pub(super) struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether it may be again.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() > COMPLAINT_INTERVAL);
        if due {
            self.0 = Some(Instant::now());
        }
        due
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
async fn serve(
    stream: Stream,
    door: Arc<Peer>,
    full: bool,
    connected: Arc<Connected>,
    entry: Entry,
) {
    let Entry {
        app, mut stopping, ..
    } = entry;
    let asking = Arc::clone(&connected);
    let asked = Arc::new(Notify::new());
    let asks = Arc::clone(&asked);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (app, door, asking) = (app.clone(), Arc::clone(&door), Arc::clone(&asking));
        asks.notify_one();
        asking.asks();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Arc::clone(&asking));
            let response = app.respond(door, full, request).await;
            asking.waits();
            Ok::<_, Infallible>(response)
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(!full)
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
        () = connected.ended() => return,
        () = stopping.wait() => {
            tokio::select! {
                ended = &mut connection => return told(ended),
                () = asked.notified() => {}
                () = sleep(FIRST_REQUEST) => {}
            }
            connection.as_mut().graceful_shutdown();
            // A request that was only half sent would keep us.
            match timeout(FAREWELL, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    told(ended);
}

fn told(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
