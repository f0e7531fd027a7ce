//! Listeners: TCP, unix, or passed by systemd. In: `--listen`. Out: accepted [`Socket`]s and the
//! [`Door`] each came through. It must not know HTTP.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

use crate::config::Listen;
use crate::config::limits::{BACKLOG, NOTSENT_BYTES};
use crate::web::stream::{Door, Socket};

/// Why we cannot listen. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Someone is there already.
    #[error(
        "{0} is already in use: end the program that listens there, or choose another --listen"
    )]
    InUse(Listen),
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
    /// Anything else.
    #[error("cannot listen on {listen}: {cause}")]
    Other {
        /// Where.
        listen: Listen,
        /// What the system says.
        cause: io::Error,
    },
    /// systemd passed something we cannot use.
    #[error("socket {index} passed by systemd is no listening stream socket: {cause}")]
    Passed {
        /// Its place among those passed.
        index: usize,
        /// What is wrong.
        cause: io::Error,
    },
}

/// Something that accepts.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// The file we made for it, which goes when it goes.
        _made: Option<Made>,
    },
}

/// A socket file we made; dropping it removes it.
#[derive(Debug)]
pub(super) struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        // Already gone is as good as removed.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens where the configuration says.
    pub(super) async fn bind(listen: &Listen) -> Result<Self, Error> {
        let bound = match listen {
            Listen::Unix(path) => return bind_unix(listen, path),
            Listen::Tcp { host, port } => bind_tcp(host, *port).await,
        };
        bound.map(Self::Tcp).map_err(|cause| failed(listen, cause))
    }

    /// Where it really listens, for TCP.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
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
                Ok((Socket::Unix(stream), Door::Unix))
            }
        }
    }
}

async fn bind_tcp(host: &str, port: u16) -> io::Result<TcpListener> {
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
            socket.listen(BACKLOG)
        });
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind_unix(listen: &Listen, path: &Path) -> Result<Listener, Error> {
    clear(listen, path)?;
    let bind = || {
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let made = Made(path.to_owned());
        // Before it listens nobody can connect, so there is no moment of other permissions.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok((socket.listen(BACKLOG)?, made))
    };
    let (listener, made) = bind().map_err(|cause| failed(listen, cause))?;
    Ok(Listener::Unix {
        listener,
        _made: Some(made),
    })
}

/// Removes a socket nobody answers on; anything else is someone's.
fn clear(listen: &Listen, path: &Path) -> Result<(), Error> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket(path.to_owned()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(|cause| failed(listen, cause))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(failed(listen, cause)),
        Ok(_) => Err(Error::InUse(listen.clone())),
    }
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

/// The sockets systemd passed, if it passed any.
pub(super) fn passed() -> Result<Vec<Listener>, Error> {
    let mut passed = listenfd::ListenFd::from_env();
    let mut listeners = Vec::new();
    for index in 0..passed.len() {
        let wrong = |cause| Error::Passed { index, cause };
        let tcp = passed.take_tcp_listener(index);
        let listener = match tcp {
            Ok(Some(listener)) => {
                prepare(&listener).map_err(wrong)?;
                listener.set_nonblocking(true).map_err(wrong)?;
                Listener::Tcp(TcpListener::from_std(listener).map_err(wrong)?)
            }
            Ok(None) => continue,
            Err(_) => {
                let unix = passed.take_unix_listener(index).map_err(wrong)?;
                let Some(listener) = unix else { continue };
                prepare(&listener).map_err(wrong)?;
                listener.set_nonblocking(true).map_err(wrong)?;
                {
                    let listener = UnixListener::from_std(listener).map_err(wrong)?;
                    Listener::Unix {
                        listener,
                        _made: None,
                    }
                }
            }
        };
        listeners.push(listener);
    }
    Ok(listeners)
}

/// systemd passes descriptors that children inherit; a tmux server would keep our port for life.
fn prepare(listener: &impl AsFd) -> io::Result<()> {
    rustix::io::fcntl_setfd(listener, rustix::io::FdFlags::CLOEXEC)?;
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

    #[tokio::test]
    async fn a_unix_socket_is_ours_alone_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s");
        let listen = Listen::Unix(path.clone());
        let first = Listener::bind(&listen).await.expect("free");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(matches!(
            Listener::bind(&listen).await,
            Err(Error::InUse(_))
        ));
        drop(first);
        assert!(!path.exists());
        // A process that was killed leaves its file behind.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("free"));
        assert!(path.exists());
        drop(
            Listener::bind(&listen)
                .await
                .expect("the stale one is replaced"),
        );
        std::fs::write(&path, "mine").expect("written");
        assert!(matches!(
            Listener::bind(&listen).await,
            Err(Error::NotASocket(_))
        ));
        assert_eq!(std::fs::read(&path).expect("untouched"), b"mine");
    }
}
