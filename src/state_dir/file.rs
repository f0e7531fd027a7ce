//! One file of the state directory that only we can read. In: its name and text. Out: the same text,
//! whole or not at all. What others may have seen or made is an error, never silently replaced.

use rustix::fs::OFlags;
use std::io::{self, Read as _, Write as _};

use crate::config::limits::VAULT_BYTES;
use crate::state_dir::Error;
use crate::state_dir::directory::Directory;

/// The text of this file, or `None` if there is no such file.
pub(super) fn read(directory: &Directory, name: &str) -> Result<Option<String>, Error> {
    let Some(file) = directory.file(name, OFlags::RDONLY)? else {
        return Ok(None);
    };
    let mut text = String::new();
    match file.take(VAULT_BYTES).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Error::Damaged(directory.path(name)))
        }
        Err(cause) => Err(Error::Io {
            path: directory.path(name),
            cause,
        }),
    }
}

/// Makes `text` the content of this file: written aside, then renamed, so that nobody ever reads half
/// of it and a power cut leaves the old or the new.
pub(super) fn write(directory: &Directory, name: &str, text: &str) -> Result<(), Error> {
    let aside = format!("{name}.new");
    let failed = |cause| Error::Io {
        path: directory.path(name),
        cause,
    };
    // Left by one who was killed in between; exclusive, so that nobody else's is followed.
    directory.remove(&aside);
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let file = directory.file(&aside, new)?;
    let mut file = file.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let written = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| directory.replace(&aside, name));
    written.map_err(failed)
}
