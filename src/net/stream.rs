//! [`Socket`]: an accepted connection, and [`Peer`]: how it came in.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use tokio::net::{TcpStream, UnixStream};

/// The socket itself.
#[derive(Debug)]
pub enum Socket {
    /// From a TCP listener.
    Tcp(TcpStream),
    /// From a unix listener.
    Unix(UnixStream),
}

impl Socket {
    /// One that another process accepted.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = socket2::SockRef::from(&descriptor);
        // A peer that went away meanwhile is found out by reading.
        if socket.r#type()? != socket2::Type::STREAM {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let unix = socket.domain()? == socket2::Domain::UNIX;
        socket.set_nonblocking(true)?;
        if unix {
            return UnixStream::from_std(descriptor.into()).map(Self::Unix);
        }
        TcpStream::from_std(descriptor.into()).map(Self::Tcp)
    }
}

/// How a connection came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// By TCP.
    Tcp {
        /// Our end.
        local: SocketAddr,
        /// The other end.
        peer: SocketAddr,
    },
    /// By a unix socket.
    Unix {
        /// The user at the other end, if the system says.
        uid: Option<u32>,
    },
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { peer, .. } => peer.fmt(f),
            Self::Unix { uid: Some(uid) } => write!(f, "unix, uid {uid}"),
            Self::Unix { uid: None } => f.write_str("unix"),
        }
    }
}
