//! Why there is no audit log.

use std::io;
use std::path::PathBuf;

/// Why there is no audit log. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system names no place.
    #[error(
        "there is no place for the audit log: HOME is not set, so say --audit-file FILE, \
         --state-dir DIR or --audit off"
    )]
    NoPlace,
    /// It cannot be written.
    #[error("cannot write the audit log {}: {cause}. Say another place with --audit-file", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Others can write it, or made it.
    #[error(
        "the audit log {} may have been written or read by others: it must be a file of this user with \
         mode 0600 or 0640. Move it away, and a new one is begun", .0.display()
    )]
    Exposed(PathBuf),
    /// No thread.
    #[error("cannot start what writes the audit log: {0}")]
    Thread(io::Error),
}
