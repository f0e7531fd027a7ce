//! The handoff: what this process leaves to the next, and what one before has left to it. In: frozen
//! viewers and tmux clients, or descriptors that were passed. Out: descriptors to pass, or viewers and
//! clients to go on with. [`state`] is its pure core, [`image`] and [`store`] are the two ways it
//! travels. It does not know what viewers see.

pub(super) mod image;
pub(super) mod state;
pub(super) mod store;

use rustix::fs::{MemfdFlags, fstat, memfd_create};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::accept::Places;
use crate::bridge::Kept;
use crate::bridge::policy::sizing::Plan;
use crate::config::limits::STRANGER_WAIT;
use crate::hub::{Hub, end_clients};
use crate::net::Socket;
use crate::net::inherited_fds::{InheritedFd, STATE, VIEWER};
use crate::terminal::Size;
use crate::tmux::{Creation, Holder, Transfer};
use crate::web::App;
use crate::web::auth::signatures::Left;
use crate::web::connection::stream::Stream;
use crate::web::socket::carried::Carried;
use crate::web::socket::handover::Frozen;
use state::{Client, Held, Seat, State};

/// A viewer that waits for somebody to go on with it.
#[derive(Debug)]
pub(super) struct Waiting {
    descriptor: OwnedFd,
    viewer: Carried,
}

/// Viewers as an earlier process left them.
#[derive(Debug, Default)]
pub(super) struct Inherited {
    viewers: Vec<Waiting>,
    /// Those whose sockets are gone.
    gone: Vec<Carried>,
    /// Sockets nothing is known of.
    unknown: Vec<OwnedFd>,
    /// tmux clients.
    clients: Vec<Kept>,
    /// Terminals of tmux clients of which nothing is known.
    strangers: Vec<OwnedFd>,
    /// Clients that hold sessions meanwhile.
    holders: Vec<Holder>,
    signatures: Option<Left>,
    widths: Option<serde_json::Value>,
    /// When they were last served.
    since: Option<SystemTime>,
}

/// Packs frozen viewers and tmux clients: their state, their sockets and terminals, as the next process
/// will find them. Those whose state cannot be written are found without one: viewers are told to come
/// again then.
pub(super) fn pack(
    frozen: Vec<Frozen>,
    kept: Vec<Kept>,
    holders: Vec<Holder>,
    widths: Option<serde_json::Value>,
    app: &App,
) -> Vec<InheritedFd> {
    let (mut passed, clients): (Vec<_>, Vec<_>) = kept.into_iter().filter_map(described).unzip();
    let mut seats = vec![];
    for Frozen {
        stream, carried, ..
    } in frozen
    {
        let packed = stream.into_descriptor().and_then(|descriptor| {
            let inode = fstat(&descriptor)?.st_ino;
            Ok((inode, descriptor))
        });
        match packed {
            Ok((inode, descriptor)) => {
                seats.push(Seat {
                    inode,
                    viewer: carried,
                });
                let name = VIEWER.to_owned();
                passed.push(InheritedFd { name, descriptor });
            }
            Err(error) => {
                tracing::warn!(%error, peer = carried.peer, "cannot hand a viewer over");
                app.lost(&carried);
            }
        }
    }
    let signatures = app.leave_signatures();
    if seats.is_empty() && clients.is_empty() && holders.is_empty() && signatures.is_none() {
        return passed;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let state = State {
        since,
        seats,
        clients,
        holders: holders.into_iter().map(Held::from).collect(),
        signatures,
        widths,
    };
    match file(&state.encode()) {
        Ok(descriptor) => passed.push(InheritedFd {
            name: STATE.to_owned(),
            descriptor,
        }),
        Err(error) => tracing::error!(%error, "cannot write down how viewers were left"),
    }
    passed
}

/// A tmux client as it is passed. Under the name of viewers' sockets: a build that knows of no clients
/// takes its terminal then, and closes it when it proves to be no socket. What has another name it would
/// take for what it is to listen on.
fn described(kept: Kept) -> Option<(InheritedFd, Client)> {
    let Kept {
        session,
        created,
        name,
        plan: Plan { size, claim },
        transfer: Transfer { master, held },
        screen,
    } = kept;
    let client = Client {
        tty: Transfer::tty(&master)?,
        session: session.to_string(),
        created: created.at,
        server: created.server,
        name,
        size: (size.cols, size.rows),
        claim,
        screen: screen.into(),
        held: held.into(),
    };
    let passed = InheritedFd {
        name: VIEWER.to_owned(),
        descriptor: master,
    };
    Some((passed, client))
}

/// The way back; none where it is of no use.
fn adopted(client: Client, master: OwnedFd) -> Option<Kept> {
    let (cols, rows) = client.size;
    Some(Kept {
        session: client.session.parse().ok()?,
        created: Creation {
            at: client.created,
            server: client.server,
        },
        name: client.name,
        plan: Plan {
            size: Size::clamped(cols.into(), rows.into()),
            claim: client.claim,
        },
        transfer: Transfer {
            master,
            held: client.held.into(),
        },
        screen: client.screen.into(),
    })
}

impl Held {
    fn read(self) -> Option<Holder> {
        let session = self.session.parse().ok()?;
        let client = self.client;
        Some(Holder { session, client })
    }
}

impl From<Holder> for Held {
    fn from(holder: Holder) -> Self {
        Self {
            session: holder.session.to_string(),
            client: holder.client,
        }
    }
}

/// A file without a name.
fn file(contents: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create("muxview handoff", MemfdFlags::CLOEXEC)?);
    file.write_all(contents)?;
    Ok(file.into())
}

/// Tells viewers who cannot be handed over to come again.
pub(super) async fn dismiss(frozen: Vec<Frozen>, app: &App) {
    let known = |frozen: Frozen| (frozen.stream, Some(frozen.carried));
    app.dismiss(frozen.into_iter().map(known).collect()).await;
}

impl Inherited {
    /// Reads what was left. What cannot be understood is told and its viewers are sent away.
    pub(super) fn read(kept: Vec<InheritedFd>) -> Self {
        let (states, sockets): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|passed| passed.name == STATE);
        let mut terminals: HashMap<String, OwnedFd> = HashMap::new();
        let sockets = sockets.into_iter().filter_map(|passed| {
            let Some(tty) = Transfer::tty(&passed.descriptor) else {
                return Some(passed);
            };
            terminals.insert(tty, passed.descriptor);
            None
        });
        let inode =
            |passed: InheritedFd| Some((fstat(&passed.descriptor).ok()?.st_ino, passed.descriptor));
        let mut sockets: HashMap<u64, OwnedFd> = sockets.filter_map(inode).collect();
        let mut inherited = Self::default();
        for InheritedFd { descriptor, .. } in states {
            let read = contents(descriptor).map_err(|error| error.to_string());
            let state =
                read.and_then(|bytes| State::decode(&bytes).map_err(|refused| refused.to_string()));
            match state {
                Ok(State {
                    since,
                    seats,
                    clients,
                    holders,
                    signatures,
                    widths,
                }) => {
                    inherited.widths = widths.or(inherited.widths);
                    inherited.signatures = signatures.or(inherited.signatures);
                    let holders = holders.into_iter().filter_map(Held::read);
                    inherited.holders.extend(holders);
                    for client in clients {
                        // One that has ended meanwhile is not passed, and one that is is adopted.
                        let master = terminals.remove(&client.tty);
                        let kept = master.and_then(|master| adopted(client, master));
                        inherited.clients.extend(kept);
                    }
                    inherited.since = Some(UNIX_EPOCH + Duration::from_millis(since));
                    for Seat { inode, viewer } in seats {
                        // A peer that hung up meanwhile may have been dropped by who kept it.
                        match sockets.remove(&inode) {
                            Some(descriptor) => {
                                inherited.viewers.push(Waiting { descriptor, viewer });
                            }
                            None => inherited.gone.push(viewer),
                        }
                    }
                }
                Err(cause) => tracing::error!(
                    "what the process before this one left of its viewers is of no use, so they are \
                     told to come again: {cause}"
                ),
            }
        }
        inherited.unknown = sockets.into_values().collect();
        inherited.strangers = terminals.into_values().collect();
        inherited
    }

    /// Whether there is nobody.
    pub(super) fn is_empty(&self) -> bool {
        let strangers = self.unknown.is_empty() && self.strangers.is_empty();
        let clients = self.clients.is_empty() && self.holders.is_empty();
        self.viewers.is_empty() && self.gone.is_empty() && clients && strangers
    }

    /// The signatures that the process before this one accepted.
    pub(super) fn take_signatures(&mut self) -> Option<Left> {
        self.signatures.take()
    }

    /// What it measured of tmux's widths.
    pub(super) fn take_widths(&mut self) -> Option<serde_json::Value> {
        self.widths.take()
    }

    /// The clients that are to be ended now that this process is here.
    pub(super) fn take_holders(&mut self) -> Vec<Holder> {
        std::mem::take(&mut self.holders)
    }

    /// The tmux clients to go on with.
    pub(super) fn take_clients(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.clients)
    }

    /// How many there are to go on with.
    pub(super) fn len(&self) -> usize {
        self.viewers.len()
    }

    /// Tells all of them to come again.
    pub(super) async fn dismiss(self, app: &App, places: &Places) {
        end_clients(self.clients).await;
        self.gone.iter().for_each(|viewer| app.lost(viewer));
        let viewers = self.viewers.into_iter();
        let known = viewers.filter_map(|waiting| {
            let (stream, viewer) = waiting.taken(app, places)?;
            Some((stream, Some(viewer)))
        });
        let unknown = self.unknown.into_iter();
        let unknown = unknown.filter_map(|descriptor| Some((take(descriptor, places)?, None)));
        app.dismiss(known.chain(unknown).collect()).await;
    }

    /// Goes on with all of them, each in a place of its own.
    pub(super) async fn resume(self, app: App, places: Places, hub: Hub) {
        let all = self.viewers.len();
        self.gone.iter().for_each(|viewer| app.lost(viewer));
        let viewers: Vec<(Stream, Carried)> = self
            .viewers
            .into_iter()
            .filter_map(|waiting| waiting.taken(&app, &places))
            .collect();
        let unknown: Vec<(Stream, Option<Carried>)> = self
            .unknown
            .into_iter()
            .filter_map(|descriptor| Some((take(descriptor, &places)?, None)))
            .collect();
        let (taken, refused) = (viewers.len(), all - viewers.len() + unknown.len());
        let dismissing = tokio::spawn({
            let app = app.clone();
            async move { app.dismiss(unknown).await }
        });
        app.resume(viewers).await;
        hub.adopt_rest();
        let seconds = self
            .since
            .and_then(|since| since.elapsed().ok())
            .unwrap_or_default()
            .as_secs_f64();
        count(taken, refused, seconds);
        tracing::info!(
            viewers = taken,
            refused,
            seconds,
            "went on with the viewers of the process before"
        );
        // It has its own limit.
        let _ = dismissing.await;
        if !self.strangers.is_empty() {
            // Their sessions may live by them until the viewers are back and new clients attached.
            tokio::time::sleep(STRANGER_WAIT).await;
            for master in self.strangers {
                let held = vec![];
                Transfer { master, held }.end().await;
            }
        }
    }
}

impl Waiting {
    /// Takes its socket into this process's event loop; tells its end if that cannot be.
    fn taken(self, app: &App, places: &Places) -> Option<(Stream, Carried)> {
        let stream = take(self.descriptor, places);
        if stream.is_none() {
            app.lost(&self.viewer);
        }
        Some((stream?, self.viewer))
    }
}

/// Takes a socket into this process's event loop, if there is a place for it.
fn take(descriptor: OwnedFd, places: &Places) -> Option<Stream> {
    let place = places.seat()?;
    let socket = Socket::adopt(descriptor);
    let socket = socket.inspect_err(|error| tracing::warn!(%error, "a viewer's socket is none"));
    Some(Stream::new(socket.ok()?, place))
}

/// All of a file, from its beginning: whoever wrote it left its position at the end.
fn contents(descriptor: OwnedFd) -> io::Result<Vec<u8>> {
    let mut file = File::from(descriptor);
    file.rewind()?;
    let mut bytes = vec![];
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn count(taken: usize, refused: usize, seconds: f64) {
    metrics::counter!("muxview_handoffs_total").increment(1);
    metrics::counter!("muxview_handoff_viewers_total", "result" => "resumed")
        .increment(taken as u64);
    metrics::counter!("muxview_handoff_viewers_total", "result" => "refused")
        .increment(refused as u64);
    metrics::gauge!("muxview_handoff_seconds").set(seconds);
}
