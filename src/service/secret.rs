//! Where the secret lies between two runs: a file of the state directory that only we can read.
//! In: the directory. Out: a [`Secret`], the same until the file is removed. A damaged or open
//! file is an error, never a silent new secret.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::web::access::Secret;

/// Below the state directory.
const FILE: &str = "secret";

/// Why there is no secret. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system names no place.
    #[error("there is no place to keep the secret: HOME is not set, so say --state-dir DIR")]
    NoPlace,
    /// It cannot be read or written.
    #[error("cannot keep the secret in {}: {cause}. Say another place with --state-dir", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Others can read it, or made it.
    #[error(
        "{} may have been seen by others (it must belong to this user, with mode 0600): \
         remove it, and the next start makes a new one", .0.display()
    )]
    Exposed(PathBuf),
    /// It holds something else.
    #[error("{} holds no secret of muxview: remove it, and the next start makes a new one", .0.display())]
    Damaged(PathBuf),
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Whether [`keep`] would go well, changing nothing.
pub(super) fn check(state_dir: Option<&Path>) -> Result<(), Error> {
    use rustix::fs::{Access, access};
    let dir = state_dir.ok_or(Error::NoPlace)?;
    let path = dir.join(FILE);
    if read(&path)?.is_some() {
        return Ok(());
    }
    // What of the way to it is there must let us make the rest.
    let there = dir.ancestors().find(|dir| dir.exists());
    let there = there.filter(|dir| !dir.as_os_str().is_empty());
    let may = Access::WRITE_OK | Access::EXEC_OK;
    access(there.unwrap_or(Path::new(".")), may).map_err(|cause| Error::Io {
        path,
        cause: cause.into(),
    })
}

/// The secret of this state directory; made now if there was none.
pub fn keep(state_dir: Option<&Path>) -> Result<Secret, Error> {
    let dir = state_dir.ok_or(Error::NoPlace)?;
    let path = dir.join(FILE);
    let failed = |cause| Error::Io {
        path: path.clone(),
        cause,
    };
    if let Some(secret) = read(&path)? {
        return Ok(secret);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(failed)?;
    let secret = Secret::random().map_err(Error::Random)?;
    // Written aside and then linked: whoever comes at the same moment finds a whole file, and
    // only one of us wins.
    let aside = dir.join(format!(".{FILE}.{}", std::process::id()));
    let written = write(&aside, &secret).and_then(|()| match fs::hard_link(&aside, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let cleared = fs::remove_file(&aside);
    written.and(cleared).map_err(failed)?;
    // The name must survive a power cut too.
    fs::File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(failed)?;
    read(&path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn write(path: &Path, secret: &Secret) -> io::Result<()> {
    // Left by one who was killed in between; exclusive, so that nobody else's is followed.
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", secret.reveal())?;
    file.sync_all()
}

fn read(path: &Path) -> Result<Option<Secret>, Error> {
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        cause,
    };
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let found = file.metadata().map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    if !found.is_file() || found.uid() != own || found.mode() & 0o077 != 0 {
        return Err(Error::Exposed(path.to_owned()));
    }
    let mut text = String::new();
    file.take(4096)
        .read_to_string(&mut text)
        .map_err(|_| Error::Damaged(path.to_owned()))?;
    Secret::parse(text.trim_end())
        .map(Some)
        .ok_or_else(|| Error::Damaged(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_stays_the_same_and_is_ours_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let dir = dir.path().join("a/b");
        let secret = keep(Some(&dir)).expect("made");
        assert_eq!(keep(Some(&dir)).expect("kept"), secret);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join(FILE))), (0o700, 0o600));
        assert_eq!(fs::read_dir(&dir).expect("there").count(), 1);
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(FILE);
        keep(Some(dir.path())).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        assert!(matches!(keep(Some(dir.path())), Err(Error::Exposed(_))));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        fs::write(&path, "").expect("ours");
        assert!(matches!(keep(Some(dir.path())), Err(Error::Damaged(_))));
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink("/etc/hostname", &path).expect("free");
        assert!(matches!(keep(Some(dir.path())), Err(Error::Io { .. })));
        assert!(matches!(keep(None), Err(Error::NoPlace)));
    }
}
