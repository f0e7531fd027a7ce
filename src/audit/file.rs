//! One audit file, to which lines are only ever added. EDGE. In: whole lines. Out: they are in the file
//! at its path, all of them or none; which of several processes wrote them does not matter. A file that
//! was moved away is begun anew; one that is full is put aside. It must not know what lines say.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Error;
use crate::config::limits::{AUDIT_BYTES, AUDIT_SETTLE};

/// How often a file may be moved away while lines are being added, before that is an error.
const TRIES: u32 = 8;

/// An audit file.
#[derive(Debug)]
pub(super) struct AuditFile {
    path: PathBuf,
    /// Its directory is ours to make.
    makes_directory: bool,
    /// Bytes of a full one.
    bytes: u64,
    file: Option<File>,
}

impl AuditFile {
    /// The one at this path, which need not be there yet.
    pub(super) fn new(path: PathBuf, makes_directory: bool) -> Self {
        Self {
            path,
            makes_directory,
            bytes: AUDIT_BYTES,
            file: None,
        }
    }

    /// Opens it, or makes it.
    pub(super) fn open(&mut self) -> Result<&File, Error> {
        let there = self.file.take().filter(|file| is_at(&self.path, file));
        let file = match there {
            Some(file) => file,
            None => {
                if let Some(directory) = self.path.parent().filter(|_| self.makes_directory) {
                    // If that fails, opening says why.
                    let _ = DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(directory);
                }
                open(&self.path)?
            }
        };
        Ok(self.file.insert(file))
    }

    /// Adds lines.
    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (path, bytes) = (self.path.clone(), self.bytes);
            let failed = |cause| Error::Io {
                path: path.clone(),
                cause,
            };
            let file = self.open()?;
            let _held = hold(file).map_err(failed)?;
            // Somebody else may have put it aside meanwhile.
            if !is_at(&path, file) {
                continue;
            }
            let before = file.metadata().map_err(failed)?.len();
            let full = before > 0 && before.saturating_add(lines.len() as u64) > bytes;
            // Where the directory is not ours to change, whoever made the file sees to its size.
            if full && fs::rename(&path, aside(&path)).is_ok() {
                continue;
            }
            let mut to = file;
            return to.write_all(lines).map_err(|cause| {
                // Half a line would spoil the next one, too.
                let _ = file.set_len(before);
                failed(cause)
            });
        }
        Err(Error::Io {
            path: self.path.clone(),
            cause: io::Error::other("it is moved away again and again"),
        })
    }
}

fn aside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".1");
    name.into()
}

fn open(path: &Path) -> Result<File, Error> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        cause,
    };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(failed)?;
    let own = rustix::process::geteuid().as_raw();
    judge(path, &file.metadata().map_err(failed)?, own)?;
    Ok(file)
}

/// Whether others can have written it, or everybody reads it.
fn judge(path: &Path, found: &Metadata, owner: u32) -> Result<(), Error> {
    if !found.is_file() || found.uid() != owner || found.mode() & 0o027 != 0 {
        return Err(Error::Exposed(path.to_owned()));
    }
    Ok(())
}

/// Whether lines could be added to the file at `path`, changing nothing. Root also looks after services
/// of others: there it is to be of whoever has its directory.
pub(super) fn check(path: &Path) -> Result<(), Error> {
    use rustix::fs::{Access, access};
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        cause,
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    let may = |path: &Path, what| access(path, what).map_err(|cause| failed(cause.into()));
    match fs::symlink_metadata(path) {
        Ok(found) => {
            let own = rustix::process::geteuid();
            let owner = match fs::metadata(dir) {
                Ok(dir) if own.is_root() => dir.uid(),
                _ => own.as_raw(),
            };
            judge(path, &found, owner)?;
            may(path, Access::WRITE_OK)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            may(dir, Access::WRITE_OK | Access::EXEC_OK)
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// Whether this file is the one at `path`.
fn is_at(path: &Path, file: &File) -> bool {
    let same = || {
        let (there, open) = (fs::symlink_metadata(path)?, file.metadata()?);
        io::Result::Ok((there.dev(), there.ino()) == (open.dev(), open.ino()))
    };
    same().unwrap_or(false)
}

/// Keeps other processes of ours from the file until it is dropped; nobody else can open it.
fn hold(file: &File) -> io::Result<Held<'_>> {
    let deadline = Instant::now() + AUDIT_SETTLE;
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Held(file)),
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

struct Held<'a>(&'a File);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Of a descriptor that is open, this cannot fail.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn read(path: &Path) -> String {
        fs::read_to_string(path).expect("there")
    }

    #[test]
    fn it_is_ours_alone_and_only_grows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("made/a");
        let mut file = AuditFile::new(path.clone(), true);
        file.append(b"one\n").expect("written");
        file.append(b"two\n").expect("written");
        AuditFile::new(path.clone(), false)
            .append(b"three\n")
            .expect("written");
        assert_eq!(read(&path), "one\ntwo\nthree\n");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        check(&path).expect("good");
    }

    #[test]
    fn what_others_may_have_written_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let mut file = AuditFile::new(path.clone(), false);
        for (mode, good) in [(0o600, true), (0o640, true), (0o660, false), (0o644, false)] {
            fs::write(&path, "").expect("ours");
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
            file.file = None;
            assert_eq!(file.append(b"x\n").is_ok(), good, "{mode:o}");
            assert_eq!(check(&path).is_ok(), good, "{mode:o}");
        }
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink(dir.path().join("b"), &path).expect("free");
        assert!(file.append(b"x\n").is_err() && check(&path).is_err());
        assert!(!dir.path().join("b").exists());
        fs::remove_file(&path).expect("ours");
        fs::create_dir(&path).expect("free");
        assert!(file.append(b"x\n").is_err() && check(&path).is_err());
        fs::remove_dir(&path).expect("ours");
        // One that nobody reads does not hold us up.
        let fifo = mkfifo(&path);
        assert!(fifo && file.append(b"x\n").is_err());
        for path in ["/dev/full", "/nowhere/a"] {
            assert!(AuditFile::new(path.into(), false).append(b"x\n").is_err());
            assert!(check(Path::new(path)).is_err(), "{path}");
        }
    }

    fn mkfifo(path: &Path) -> bool {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        made.expect("mkfifo runs").success()
    }

    #[test]
    fn one_that_was_moved_away_is_begun_anew() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, old) = (dir.path().join("a"), dir.path().join("b"));
        let mut file = AuditFile::new(path.clone(), false);
        file.append(b"one\n").expect("written");
        fs::rename(&path, &old).expect("ours");
        file.append(b"two\n").expect("written");
        assert_eq!((read(&old), read(&path)), ("one\n".into(), "two\n".into()));
        fs::remove_file(&path).expect("ours");
        file.append(b"three\n").expect("written");
        assert_eq!(read(&path), "three\n");
    }

    #[test]
    fn a_full_one_is_put_aside_whoever_writes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let full = || AuditFile {
            bytes: 100,
            ..AuditFile::new(path.clone(), false)
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    let mut file = full();
                    for line in 0..200 {
                        let line = format!("{writer} {line}\n");
                        file.append(line.as_bytes()).expect("written");
                    }
                });
            }
        });
        let both = read(&aside(&path)) + &read(&path);
        assert!(both.len() <= 200 && both.len() > 80, "{both}");
        let whole = |line: &str| {
            line.split_once(' ')
                .is_some_and(|(_, n)| n.parse::<u32>().is_ok())
        };
        assert!(both.lines().all(whole), "{both}");
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 2);
        // A long line is in a file of its own rather than nowhere.
        let long = format!("{}\n", "x".repeat(300));
        full().append(long.as_bytes()).expect("written");
        assert_eq!(read(&path), long);
    }
}
