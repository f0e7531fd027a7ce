//! The state directory, open. In: its path. Out: [`Directory`], in which files are opened by name, so
//! that what was checked is what is used. Everything in it is trusted, so a directory that others can
//! change is refused.

use rustix::fs::{Dir, Mode, OFlags, fstat, open, openat, renameat, unlinkat};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::state_dir::Error;

/// An open state directory that only we, or root, can change.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl Directory {
    /// Opens it; `None` if there is none.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Error> {
        let failed = |cause| Error::Io {
            path: path.to_owned(),
            cause,
        };
        let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        // systemd makes the state directory of a dynamic user a link, which is root's. A link of
        // anybody else chooses for us.
        let link = match fs::symlink_metadata(path) {
            Ok(found) => found,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if !trusted(link.uid()) {
            return Err(foreign(path, link.uid()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = match open(path, flags, Mode::empty()).map_err(io::Error::from) {
            Ok(descriptor) => descriptor,
            Err(error) if missing(&error) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(Error::NotADirectory(path.to_owned()));
            }
            Err(error) => return Err(failed(error)),
        };
        let found = fstat(&descriptor).map_err(|error| failed(error.into()))?;
        if !trusted(found.st_uid) {
            return Err(foreign(path, found.st_uid));
        }
        let mode = found.st_mode & 0o7777;
        if mode & 0o022 != 0 {
            return Err(Error::OpenDirectory {
                path: path.to_owned(),
                mode,
            });
        }
        Ok(Some(Self {
            path: path.to_owned(),
            descriptor,
        }))
    }

    /// Opens it, and makes it where it is missing.
    pub(super) fn make(path: &Path) -> Result<Self, Error> {
        let failed = |cause| Error::Io {
            path: path.to_owned(),
            cause,
        };
        if let Some(directory) = Self::open(path)? {
            return Ok(directory);
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(failed)?;
        Self::open(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// Where this file of it is, for messages.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a file of it, or makes it, as `flags` say: never through a link, never waiting for
    /// whoever may be at the other end of a FIFO, and only if it is a regular file that nobody else
    /// can read or write.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> Result<Option<File>, Error> {
        let path = || self.path(name);
        let failed = |cause: io::Error| Error::Io {
            path: path(),
            cause,
        };
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let opened = openat(&self.descriptor, name, flags, mode).map_err(io::Error::from);
        let file = match opened {
            Ok(descriptor) => File::from(descriptor),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                // A link, or a FIFO, a socket or a directory, none of which opens for writing.
                let found = fs::symlink_metadata(path());
                return Err(match found {
                    Ok(found) if !found.is_file() => Error::NotAFile(path()),
                    _ => failed(error),
                });
            }
        };
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(Error::NotAFile(path()));
        }
        if found.uid() != own() || found.mode() & 0o077 != 0 {
            return Err(Error::Exposed(path()));
        }
        Ok(Some(file))
    }

    /// What of it is called so.
    pub(super) fn names(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let failed = |cause: rustix::io::Errno| Error::Io {
            path: self.path.clone(),
            cause: cause.into(),
        };
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_str().ok();
            names.extend(
                name.filter(|name| name.starts_with(prefix))
                    .map(str::to_owned),
            );
        }
        Ok(names)
    }

    /// Which directory this is, whatever it is called.
    pub(super) fn identity(&self) -> Result<(u64, u64), Error> {
        let found = fstat(&self.descriptor).map_err(|error| Error::Io {
            path: self.path.clone(),
            cause: error.into(),
        })?;
        Ok((found.st_dev, found.st_ino))
    }

    /// Removes a file of it, if it is there.
    pub(super) fn remove(&self, name: &str) {
        let _ = unlinkat(&self.descriptor, name, rustix::fs::AtFlags::empty());
    }

    /// Puts one file of it in the place of another, for good.
    pub(super) fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        renameat(&self.descriptor, from, &self.descriptor, to)?;
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }
}

fn foreign(path: &Path, uid: u32) -> Error {
    let path = path.to_owned();
    Error::ForeignDirectory { path, uid }
}

fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Root can do all that we can.
fn trusted(uid: u32) -> bool {
    uid == 0 || uid == own()
}
