//! One file of the state directory that only we can read. In: a path and text. Out: the same text,
//! whole or not at all. What others may have seen or made is an error, never silently replaced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::Error;
use crate::config::limits::VAULT_BYTES;

/// The text at `path`, or `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
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
    match file.take(VAULT_BYTES).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Error::Damaged(path.to_owned()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Puts `text` at `path`: written aside, then renamed, so that nobody ever reads half of it and a
/// power cut leaves the old or the new.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    let aside = path.with_extension("new");
    let written = (|| {
        // Left by one who was killed in between; exclusive, so that nobody else's is followed.
        let _ = fs::remove_file(&aside);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&aside, path)?;
        path.parent()
            .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    })();
    written.map_err(|cause| Error::Io {
        path: path.to_owned(),
        cause,
    })
}
