//! Listeners: TCP, unix, or passed by systemd. In: `--listen`. Out: accepted [`Socket`]s and the
//! [`Door`] each came through. It must not know HTTP.

mod beside;
mod unix;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::passed::{self, Passed};
use crate::client;
use crate::config::limits::{BACKLOG, NOTSENT_BYTES, PORT_TRIES};
use crate::config::{Listen, UnixListen};
use crate::web::stream::{Door, Socket};
use unix::Made;

/// Why we cannot listen. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Someone is there already.
    #[error(
        "{0} is already in use: end the program that listens there, or choose another --listen"
    )]
    InUse(Listen),
    /// Someone is where `localhost` leads as well.
    #[error(
        "{0} is already in use, and browsers that are told localhost:{port} would come to that program \
         instead of muxview: end it, or choose another port with --listen", port = .0.port()
    )]
    BesideInUse(SocketAddr),
    /// It cannot be listened to where `localhost` leads as well.
    #[error(
        "cannot listen on {address}, where browsers that are told localhost:{port} may come: {cause}. \
         Choose another port with --listen", port = address.port()
    )]
    Beside {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        cause: io::Error,
    },
    /// Not ours to use.
    #[error("{listen} may not be used by this user: {cause}. Choose another --listen")]
    Permission {
        /// Where.
        listen: Listen,
        /// What the system says.
        cause: io::Error,
    },
    /// Not of this machine.
    #[error("{listen} is no address of this machine: {cause}")]
    NotOurs {
        /// Where.
        listen: Listen,
        /// What the system says.
        cause: io::Error,
    },
    /// Something else lies at the path.
    #[error("{} exists and is not a socket: move it away, or choose another --listen", .0.display())]
    NotASocket(PathBuf),
    /// Somebody else's socket lies at the path.
    #[error(
        "{} is a socket of another user (uid {uid}): have it removed, or choose another --listen",
        path.display()
    )]
    Foreign {
        /// Where.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// The path leads nowhere.
    #[error("{} is no directory: make it, or choose another --listen", .0.display())]
    NoDirectory(PathBuf),
    /// The socket cannot be given to its group.
    #[error("{listen} cannot be given to the group {group}: {cause}")]
    Group {
        /// Where.
        listen: Listen,
        /// As written.
        group: String,
        /// What is wrong.
        cause: String,
    },
    /// Anything else.
    #[error("cannot listen on {listen}: {cause}")]
    Other {
        /// Where.
        listen: Listen,
        /// What the system says.
        cause: io::Error,
    },
    /// What was passed cannot be told.
    #[error("cannot take the sockets that were passed (LISTEN_FDS): {0}")]
    Passing(io::Error),
    /// A socket that was passed cannot be used.
    #[error("the socket \"{name}\" passed by the service manager cannot be used: {cause}")]
    Passed {
        /// Its name.
        name: String,
        /// What is wrong.
        cause: io::Error,
    },
}

impl Error {
    fn beside(address: SocketAddr, cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::AddrInUse {
            Self::BesideInUse(address)
        } else {
            Self::Beside { address, cause }
        }
    }
}

/// Whether listening there would go well, changing nothing. Gives the places where somebody is now,
/// which may well be the muxview that runs.
pub(super) async fn check(listen: &[Listen]) -> Result<Vec<String>, Error> {
    let mut taken = vec![];
    for listen in listen {
        if !check_one(listen).await? {
            taken.push(listen.to_string());
        }
        let Some(address) = beside::of_configured(listen) else {
            continue;
        };
        match beside::check(address).map_err(|cause| Error::beside(address, cause)) {
            Ok(()) => {}
            Err(Error::BesideInUse(_)) => taken.push(address.to_string()),
            Err(error) => return Err(error),
        }
    }
    taken.dedup();
    Ok(taken)
}

async fn check_one(listen: &Listen) -> Result<bool, Error> {
    let checked = match listen {
        Listen::Tcp { host, port } => bind_tcp(host, *port, |_| Ok(()))
            .await
            .map_err(|cause| failed(listen, cause)),
        Listen::Unix(unix) => unix::check(listen, unix).await,
    };
    match checked {
        Ok(()) => Ok(true),
        Err(Error::InUse(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Something that accepts.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// The file we made for it, which goes when it goes.
        made: Option<Made>,
    },
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => address.fmt(f),
                Err(_) => f.write_str("tcp"),
            },
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                write!(f, "unix:{}", path.unwrap_or(Path::new("?")).display())
            }
        }
    }
}

impl Listener {
    /// Listens where the configuration says.
    pub(super) async fn bind(listen: &Listen) -> Result<Self, Error> {
        let bound = match listen {
            Listen::Unix(unix) => return unix::bind(listen, unix).await,
            Listen::Tcp { host, port } => {
                bind_tcp(host, *port, |socket| socket.listen(BACKLOG)).await
            }
        };
        bound.map(Self::Tcp).map_err(|cause| failed(listen, cause))
    }

    /// One that is open already.
    pub(super) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        listens(&descriptor)?;
        rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        let unix = socket2::SockRef::from(&descriptor).domain()? == socket2::Domain::UNIX;
        if unix {
            let listener = UnixListener::from_std(descriptor.into())?;
            // Whoever made the file keeps it.
            return Ok(Self::Unix {
                listener,
                made: None,
            });
        }
        TcpListener::from_std(descriptor.into()).map(Self::Tcp)
    }

    /// Takes it out of this process's event loop; its file stays.
    pub(super) fn into_descriptor(self) -> io::Result<OwnedFd> {
        Ok(match self {
            Self::Tcp(listener) => listener.into_std()?.into(),
            Self::Unix { listener, made } => {
                if let Some(made) = made {
                    made.keep();
                }
                listener.into_std()?.into()
            }
        })
    }

    /// Where it really listens, for TCP.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    /// Where clients beside us reach it.
    pub(super) fn reached(&self) -> Option<client::Socket> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(client::Socket::Tcp),
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok()?;
                let path = std::path::absolute(address.as_pathname()?).ok()?;
                Some(client::Socket::Unix(path))
            }
        }
    }

    /// The next connection. Cancel-safe.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Door)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                // A viewer that never acks is paced by its socket, so the socket must not be deep.
                #[cfg(any(target_os = "linux", target_os = "android"))]
                socket2::SockRef::from(&stream).set_tcp_notsent_lowat(NOTSENT_BYTES)?;
                Ok((Socket::Tcp(stream), Door::Tcp { local, peer }))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok((Socket::Unix(stream), Door::Unix { uid }))
            }
        }
    }
}

async fn bind_tcp<T>(
    host: &str,
    port: u16,
    then: impl Fn(TcpSocket) -> io::Result<T>,
) -> io::Result<T> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((host, port)).await? {
        let bound = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .and_then(|socket| {
            // A restart must not wait for the last process's connections to be forgotten.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            then(socket)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn failed(listen: &Listen, cause: io::Error) -> Error {
    let listen = listen.clone();
    match cause.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(listen),
        io::ErrorKind::PermissionDenied => Error::Permission { listen, cause },
        io::ErrorKind::AddrNotAvailable => Error::NotOurs { listen, cause },
        _ => Error::Other { listen, cause },
    }
}

/// A listener and what it is called: by whoever passed it, or after where we opened it.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) listener: Listener,
    /// Nobody asked for it: it keeps others from where `localhost` leads as well.
    pub(super) beside: bool,
}

/// What an open one of ours is called: all that its configuration says.
fn called(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { .. } => format!("{}{listen}", passed::OURS),
        Listen::Unix(UnixListen { mode, group, .. }) => {
            let group = group.as_deref().unwrap_or_default();
            format!("{}{listen},mode={mode:o},group={group}", passed::OURS)
        }
    }
}

/// Listens where the configuration says, and beside that; with what the image before this one had open
/// there, so that nobody who connects meanwhile is refused.
pub(super) async fn open(listen: &[Listen], left: Vec<Passed>) -> Result<Vec<Named>, Error> {
    let mut left = left;
    let mut listeners = vec![];
    for listen in listen {
        let name = called(listen);
        let same = left.iter().position(|passed| passed.name == name);
        let adopted = same.map(|at| Listener::adopt(left.remove(at).descriptor));
        let listener = match (adopted, listen) {
            (Some(Ok(Listener::Unix { listener, .. })), Listen::Unix(unix)) => Listener::Unix {
                listener,
                made: Made::at(&unix.path).ok(),
            },
            (Some(Ok(listener)), _) => listener,
            (_, Listen::Tcp { port: 0, .. }) => {
                listeners.extend(any_port(listen, name).await?);
                continue;
            }
            _ => Listener::bind(listen).await?,
        };
        listeners.push(Named {
            name,
            listener,
            beside: false,
        });
    }
    beside::complete(&mut listeners, left)?;
    Ok(listeners)
}

/// Adds what is missing beside the sockets that were passed.
pub(super) fn complete(mut given: Vec<Named>, ours: Vec<Passed>) -> Result<Vec<Named>, Error> {
    beside::complete(&mut given, ours)?;
    Ok(given)
}

/// Listens on a port that the system chooses, until it is one that is free beside that, too.
async fn any_port(listen: &Listen, name: String) -> Result<Vec<Named>, Error> {
    // Held, so that the system chooses another one.
    let mut tried = vec![];
    loop {
        let listener = Listener::bind(listen).await?;
        let address = listener.address().and_then(beside::of);
        let bound = address.map(|address| (address, beside::bind(address)));
        let besides = match bound {
            None | Some((_, Ok(None))) => None,
            Some((address, Ok(Some(listener)))) => Some(Named {
                name: beside::called(address),
                listener: Listener::Tcp(listener),
                beside: true,
            }),
            Some((_, Err(error)))
                if error.kind() == io::ErrorKind::AddrInUse && tried.len() < PORT_TRIES =>
            {
                tried.push(listener);
                continue;
            }
            Some((address, Err(cause))) => return Err(Error::beside(address, cause)),
        };
        let chosen = Named {
            name,
            listener,
            beside: false,
        };
        return Ok([Some(chosen), besides].into_iter().flatten().collect());
    }
}

/// What was passed, by what it is for.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// The service manager's sockets.
    pub(super) listeners: Vec<Named>,
    /// Listeners of ours that the image before this one had open.
    pub(super) ours: Vec<Passed>,
    /// What an earlier process of ours left, which is nothing to listen on.
    pub(super) kept: Vec<Passed>,
}

/// Sorts what was passed.
pub(super) fn sort(passed: Vec<Passed>) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    let mut useless = None;
    for Passed { name, descriptor } in passed {
        if passed::KEPT.contains(&name.as_str()) {
            sorted.kept.push(Passed { name, descriptor });
            continue;
        }
        if name.starts_with(passed::OURS) {
            sorted.ours.push(Passed { name, descriptor });
            continue;
        }
        // What is called otherwise than it is should not be is served all the same: it was put
        // there for us, and who connects would wait for ever.
        match Listener::adopt(descriptor) {
            Ok(listener) => {
                tracing::info!(name, at = %listener, "listening on a socket that was passed");
                sorted.listeners.push(Named {
                    name,
                    listener,
                    beside: false,
                });
            }
            Err(cause) => {
                let error = Error::Passed { name, cause };
                tracing::warn!("{error}");
                useless = Some(error);
            }
        }
    }
    match useless {
        // Not what the administrator meant: listening elsewhere instead would hide it.
        Some(error) if sorted.listeners.is_empty() => Err(error),
        _ => Ok(sorted),
    }
}

/// Whether it is a stream socket of this domain that listens.
fn listens(descriptor: impl AsFd) -> io::Result<()> {
    let socket = socket2::SockRef::from(&descriptor);
    let wrong = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let kind = socket.r#type().map_err(|_| wrong("it is no socket"))?;
    if kind != socket2::Type::STREAM {
        return Err(wrong("it is no stream socket"));
    }
    #[cfg(target_os = "linux")]
    if !socket.is_listener()? {
        return Err(wrong("it does not listen"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bind(text: &str) -> Result<Listener, Error> {
        Listener::bind(&text.parse().expect("an address")).await
    }

    #[tokio::test]
    async fn port_0_is_a_real_port_and_a_taken_one_is_said_so() {
        let first = bind("127.0.0.1:0").await.expect("a free port");
        let address = first.address().expect("TCP");
        assert_ne!(address.port(), 0);
        let error = bind(&address.to_string()).await.expect_err("taken");
        assert!(matches!(error, Error::InUse(_)), "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{address} is already in use"))
        );
        let error = bind("192.0.2.1:0")
            .await
            .expect_err("a documentation address");
        assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    }
}
