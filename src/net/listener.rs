//! [`Listener`]: a socket that accepts connections, TCP or unix.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::{fmt, io};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::address::Endpoint;
use super::error::{Error, failed};
use super::unix_listener::{self, Made};
use crate::config::Listen;
use crate::config::limits::{BACKLOG, NOTSENT_BYTES};
use crate::net::{Peer, Socket};

/// Something that accepts.
#[derive(Debug)]
pub(crate) enum Listener {
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
    pub(crate) async fn bind(listen: &Listen) -> Result<Self, Error> {
        let bound = match listen {
            Listen::Unix(unix) => {
                let (listener, made) = unix_listener::bind(listen, unix).await?;
                return Ok(Self::Unix {
                    listener,
                    made: Some(made),
                });
            }
            Listen::Tcp { host, port } => {
                bind_tcp(host, *port, |socket| socket.listen(BACKLOG)).await
            }
        };
        bound.map(Self::Tcp).map_err(|cause| failed(listen, cause))
    }

    /// One that is open already.
    pub(crate) fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
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
    pub(crate) fn into_descriptor(self) -> io::Result<OwnedFd> {
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
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }

    /// Where clients beside us reach it.
    pub(crate) fn reached(&self) -> Option<Endpoint> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(Endpoint::Tcp),
            Self::Unix { listener, .. } => {
                let address = listener.local_addr().ok()?;
                let path = std::path::absolute(address.as_pathname()?).ok()?;
                Some(Endpoint::Unix(path))
            }
        }
    }

    /// The next connection. Cancel-safe.
    pub(crate) async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                let local = stream.local_addr()?;
                stream.set_nodelay(true)?;
                // A viewer that never acks is paced by its socket, so the socket must not be deep.
                #[cfg(any(target_os = "linux", target_os = "android"))]
                socket2::SockRef::from(&stream).set_tcp_notsent_lowat(NOTSENT_BYTES)?;
                Ok((Socket::Tcp(stream), Peer::Tcp { local, peer }))
            }
            Self::Unix { listener, .. } => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok((Socket::Unix(stream), Peer::Unix { uid }))
            }
        }
    }
}

pub(super) async fn bind_tcp<T>(
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

/// A listener and what it is called: by whoever passed it, or after where we opened it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) listener: Listener,
    /// Nobody asked for it: it keeps others from where `localhost` leads as well.
    pub(crate) beside: bool,
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
