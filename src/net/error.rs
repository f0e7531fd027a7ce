//! Why muxview cannot listen.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::Listen;

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
    pub(super) fn beside(address: SocketAddr, cause: io::Error) -> Self {
        if cause.kind() == io::ErrorKind::AddrInUse {
            Self::BesideInUse(address)
        } else {
            Self::Beside { address, cause }
        }
    }
}

pub(super) fn failed(listen: &Listen, cause: io::Error) -> Error {
    let listen = listen.clone();
    match cause.kind() {
        io::ErrorKind::AddrInUse => Error::InUse(listen),
        io::ErrorKind::PermissionDenied => Error::Permission { listen, cause },
        io::ErrorKind::AddrNotAvailable => Error::NotOurs { listen, cause },
        _ => Error::Other { listen, cause },
    }
}
