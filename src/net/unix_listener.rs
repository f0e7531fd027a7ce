//! Unix sockets by their path: made with a mode and a group, taken over from a process that is no more,
//! never from one that runs or from somebody else, and removed with the listener. In: `--listen unix:…`.
//! Out: a [`Listener`]. It must not know what comes in.

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::{Instant, sleep, timeout};

use super::error::{Error, failed};
use crate::config::limits::{BACKLOG, HOLD};
use crate::config::{Listen, UnixListen};

/// A socket file we made; dropping it removes it, unless somebody has put another in its place.
#[derive(Debug)]
pub(crate) struct Made {
    path: PathBuf,
    /// Device and number of the file.
    file: (u64, u64),
}

impl Made {
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        let file = identity(&path)?;
        Ok(Self { path, file })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = std::fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

impl Made {
    /// Leaves the file to whoever listens there next.
    pub(super) fn keep(mut self) {
        self.path.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file) {
            // Already gone is as good as removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Whether listening there would go well, changing nothing.
pub(super) async fn check(listen: &Listen, unix: &UnixListen) -> Result<(), Error> {
    use rustix::fs::{Access, access};
    group(listen, unix)?;
    let _held = hold(&unix.path).await?;
    find(listen, &unix.path).await?;
    access(directory(&unix.path), Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|cause| failed(listen, cause.into()))
}

/// Listens there, with the mode and the group that are asked for.
pub(super) async fn bind(
    listen: &Listen,
    unix: &UnixListen,
) -> Result<(UnixListener, Made), Error> {
    let path = unix.path.as_path();
    let group = group(listen, unix)?;
    let _held = hold(path).await?;
    clear(listen, path).await?;
    let other = |cause| failed(listen, cause);
    let socket = UnixSocket::new_stream().map_err(other)?;
    socket.bind(path).map_err(other)?;
    let made = Made::at(path).map_err(other)?;
    // Before it listens nobody can connect, so there is no moment of other permissions.
    if let Some((name, gid)) = group {
        std::os::unix::fs::chown(path, None, Some(gid)).map_err(|cause| Error::Group {
            listen: listen.clone(),
            group: name,
            cause: format!("{cause}. Run as a member of it"),
        })?;
    }
    let permissions = std::fs::Permissions::from_mode(unix.mode);
    std::fs::set_permissions(path, permissions).map_err(other)?;
    Ok((socket.listen(BACKLOG).map_err(other)?, made))
}

/// The group's name as written and its number.
fn group(listen: &Listen, unix: &UnixListen) -> Result<Option<(String, u32)>, Error> {
    let Some(name) = &unix.group else {
        return Ok(None);
    };
    let wrong = |cause| Error::Group {
        listen: listen.clone(),
        group: name.clone(),
        cause,
    };
    let gid = match name.parse() {
        Ok(gid) => gid,
        Err(_) => match nix::unistd::Group::from_name(name) {
            Ok(Some(group)) => group.gid.as_raw(),
            Ok(None) => return Err(wrong("there is no such group".to_owned())),
            Err(error) => return Err(wrong(error.to_string())),
        },
    };
    Ok(Some((name.clone(), gid)))
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Keeps others of us from the directory while a socket in it is looked at and replaced: two that
/// start together would each take the other's new one for a stale one. In a directory of everybody's
/// somebody else may hold it for ever, so it is not waited for long: without it, only such a race is lost.
async fn hold(path: &Path) -> Result<Option<OwnedFd>, Error> {
    let parent = directory(path);
    if !parent.is_dir() {
        return Err(Error::NoDirectory(parent.to_owned()));
    }
    let Ok(directory) = std::fs::File::open(parent) else {
        // A directory one may enter but not read; then it goes without.
        return Ok(None);
    };
    let deadline = Instant::now() + HOLD;
    loop {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(directory.into())),
            Err(Errno::WOULDBLOCK) if Instant::now() < deadline => sleep(HOLD / 100).await,
            Err(error) => {
                let directory = parent.display();
                tracing::warn!(%error, %directory, "somebody else holds the socket's directory; going on without");
                return Ok(None);
            }
        }
    }
}

/// Removes a socket of ours that nobody answers on; anything else is someone's.
async fn clear(listen: &Listen, path: &Path) -> Result<(), Error> {
    if find(listen, path).await? {
        std::fs::remove_file(path).map_err(|cause| failed(listen, cause))?;
    }
    Ok(())
}

/// Whether a socket lies there that may be replaced.
async fn find(listen: &Listen, path: &Path) -> Result<bool, Error> {
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(false);
    };
    if !found.file_type().is_socket() {
        return Err(Error::NotASocket(path.to_owned()));
    }
    let uid = found.uid();
    if uid != rustix::process::geteuid().as_raw() {
        return Err(Error::Foreign {
            path: path.to_owned(),
            uid,
        });
    }
    use io::ErrorKind as K;
    // Whoever listens there may be stuck, with as many waiting as may.
    let knocked = timeout(HOLD, UnixStream::connect(path)).await;
    match knocked.unwrap_or_else(|_| Err(K::WouldBlock.into())) {
        Err(error) if error.kind() == K::ConnectionRefused => Ok(true),
        Err(error) if error.kind() == K::NotFound => Ok(false),
        Err(cause) if cause.kind() != K::WouldBlock => Err(failed(listen, cause)),
        Ok(_) | Err(_) => Err(Error::InUse(listen.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::listener::Listener;
    use super::super::open::check_one;
    use super::*;

    #[tokio::test]
    async fn a_unix_socket_is_ours_alone_and_leaves_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s");
        let listen = Listen::Unix(UnixListen::private(&path));
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

    #[tokio::test]
    async fn a_directory_that_somebody_else_holds_holds_up_nobody_for_long() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let listen = Listen::Unix(UnixListen::private(dir.path().join("s")));
        // As another user can in /tmp.
        let held = std::fs::File::open(dir.path()).expect("there");
        flock(&held, FlockOperation::LockExclusive).expect("free");
        let both = async {
            assert!(check_one(&listen).await.expect("it goes on"));
            Listener::bind(&listen).await.expect("it goes on")
        };
        let bound = timeout(10 * HOLD, both).await.expect("in time");
        assert!(matches!(bound, Listener::Unix { .. }));
    }

    #[tokio::test]
    async fn one_that_listens_and_is_stuck_is_found_at_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("s");
        let socket = UnixSocket::new_stream().expect("a socket");
        socket.bind(&path).expect("free");
        let _stuck = socket.listen(1).expect("it listens");
        let mut waiting = vec![];
        let full = loop {
            match timeout(HOLD, UnixStream::connect(&path)).await {
                Ok(Ok(one)) => waiting.push(one),
                full => break full,
            }
            assert!(waiting.len() < 1000, "the queue has an end");
        };
        assert!(!matches!(full, Ok(Ok(_))));
        let listen = Listen::Unix(UnixListen::private(&path));
        let found = timeout(10 * HOLD, async {
            (check_one(&listen).await, Listener::bind(&listen).await)
        });
        let (checked, bound) = found.await.expect("in time");
        assert!(matches!(checked, Ok(false)), "{checked:?}");
        assert!(matches!(bound, Err(Error::InUse(_))), "{bound:?}");
        assert!(path.exists());
    }
}
