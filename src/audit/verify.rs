//! Whether the audit log hangs together: reads all that is kept of it, the oldest first. EDGE. In: the path
//! of the newest file. Out: [`Chain`]. It changes nothing.

use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::chain::{Broken, Follower};
use super::file::generation;
use crate::config::limits::{AUDIT_BYTES, AUDIT_GENERATIONS};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chain {
    /// Every line follows the one before it.
    Whole {
        /// How many there are.
        lines: u64,
        /// In how many files.
        files: usize,
    },
    /// The first line of this file does not follow the last of the file before it: some that were between
    /// them are not here.
    Gap(PathBuf),
    /// This line does not follow the one before it.
    Broken {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// It has no link at all.
        unlinked: bool,
    },
}

/// Follows the lines of the log at `path` and of those put aside before it.
///
/// # Errors
/// When one cannot be read.
pub fn verify(path: &Path) -> io::Result<Chain> {
    let aside = (1..=AUDIT_GENERATIONS).rev();
    let paths = aside.map(|number| generation(path, number));
    let (mut follower, mut gap) = (Follower::default(), None);
    let (mut lines, mut files) = (0, 0);
    for path in paths.chain([path.to_owned()]) {
        let Some(file) = open(&path)? else { continue };
        files += 1;
        let mut reader = BufReader::new(file.take(2 * AUDIT_BYTES));
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            lines += 1;
            match follower.follow(&line) {
                Ok(()) => {}
                Err(Broken::Other) if number == 1 => {
                    gap.get_or_insert_with(|| path.clone());
                }
                Err(broken) => {
                    return Ok(Chain::Broken {
                        path,
                        line: number,
                        unlinked: broken == Broken::Unlinked,
                    });
                }
            }
        }
    }
    Ok(gap.map_or(Chain::Whole { lines, files }, Chain::Gap))
}

/// A regular file, if there is one.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
