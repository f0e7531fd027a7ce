//! Why the state directory cannot be used.

use std::io;
use std::path::PathBuf;

/// Why there is no vault, or why it cannot be changed. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system names no place.
    #[error("there is no place to keep sign-ins: HOME is not set, so say --state-dir DIR")]
    NoPlace,
    /// It cannot be read or written.
    #[error("cannot keep sign-ins in {}: {cause}. Say another place with --state-dir", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
    /// Nothing is there.
    #[error(
        "nothing is kept in {}: was it moved, or does muxview run with another --state-dir?",
        .0.display()
    )]
    None(PathBuf),
    /// Others can read it, or made it.
    #[error(
        "{} may have been seen by others (it must belong to this user, with mode 0600): remove it, \
         and the next start makes a new one; everyone signs in again", .0.display()
    )]
    Exposed(PathBuf),
    /// Others can change the directory.
    #[error(
        "other users can change the state directory {path} (mode {mode:04o}): chmod 700 {path}, or say \
         another place with --state-dir", path = path.display()
    )]
    OpenDirectory {
        /// Where.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The directory, or the link to it, is somebody else's.
    #[error(
        "the state directory {} belongs to another user (uid {uid}): say another place with \
         --state-dir", path.display()
    )]
    ForeignDirectory {
        /// Where.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Something else is there.
    #[error(
        "{} is not a directory: move it away, or say another place with --state-dir", .0.display()
    )]
    NotADirectory(PathBuf),
    /// A link, a FIFO or the like.
    #[error(
        "{} is not a regular file: remove it, and the next start makes a new one; everyone signs in \
         again", .0.display()
    )]
    NotAFile(PathBuf),
    /// It holds something else.
    #[error(
        "{} is damaged: remove it, and the next start makes a new one; everyone signs in again",
        .0.display()
    )]
    Damaged(PathBuf),
    /// More than there is a use for.
    #[error(
        "more than {} services run with the state directory {}: give some another --state-dir",
        crate::config::limits::SERVICES, .0.display()
    )]
    TooManyServices(PathBuf),
    /// No randomness.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
}
