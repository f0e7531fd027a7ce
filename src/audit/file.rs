//! One audit file, to which lines are only ever added. EDGE. In: whole lines. Out: they are in the file
//! at its path, all of them or none; which of several processes wrote them does not matter. A file that
//! was moved away is begun anew; of those that are full some are kept. It must not know what lines say.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Error;
use super::chain::{self, Link};
use crate::config::limits::{AUDIT_BYTES, AUDIT_GENERATIONS, AUDIT_SETTLE, AUDIT_TAIL_BYTES};

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
    /// The link to the last line, and how many bytes of which file (by its inode) there were then.
    last: Option<(Link, u64, u64)>,
}

impl AuditFile {
    /// The one at this path, which need not be there yet.
    pub(super) fn new(path: PathBuf, makes_directory: bool) -> Self {
        Self {
            path,
            makes_directory,
            bytes: AUDIT_BYTES,
            file: None,
            last: None,
        }
    }

    /// Opens it, or makes it.
    pub(super) fn open(&mut self) -> Result<&File, Error> {
        let (there, moved) = match self.file.take() {
            Some(file) if is_at(&self.path, &file) => (Some(file), None),
            moved => (None, moved),
        };
        if let Some(moved) = moved {
            // Others may have written to it after us.
            let last = Tail::of(&moved).map(|tail| tail.link);
            self.last = last
                .ok()
                .flatten()
                .map(|link| (link, 0, 0))
                .or(self.last.take());
        }
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

    /// Adds whole lines of JSON, each linked to the one before it.
    pub(super) fn append(&mut self, lines: &str) -> Result<(), Error> {
        for _ in 0..TRIES {
            let (path, bytes) = (self.path.clone(), self.bytes);
            let failed = |cause| Error::Io {
                path: path.clone(),
                cause,
            };
            self.open()?;
            let Some(file) = &self.file else { continue };
            let _held = hold(file).map_err(failed)?;
            // Somebody else may have put it aside meanwhile.
            if !is_at(&path, file) {
                continue;
            }
            let found = file.metadata().map_err(failed)?;
            let before = found.len();
            let full = before > 0 && before.saturating_add(lines.len() as u64) > bytes;
            // Where the directory is not ours to change, whoever made the file sees to its size.
            if full && put_aside(&path) {
                continue;
            }
            let tail = match &self.last {
                Some((link, inode, len)) if (*inode, *len) == (found.ino(), before) => Tail {
                    link: Some(link.clone()),
                    torn: false,
                },
                _ => Tail::of(file).map_err(failed)?,
            };
            let follows = tail.link.unwrap_or_else(|| self.follows(&path));
            let (mut text, last) = chain::linked(lines, follows);
            if tail.torn {
                text.insert(0, '\n');
            }
            let mut to = file;
            to.write_all(text.as_bytes()).map_err(|cause| {
                // Half a line would spoil the next one, too.
                let _ = file.set_len(before);
                failed(cause)
            })?;
            self.last = Some((last, found.ino(), before + text.len() as u64));
            return Ok(());
        }
        Err(Error::Io {
            path: self.path.clone(),
            cause: io::Error::other("it is moved away again and again"),
        })
    }

    /// What the first line of a new file follows: the last we know of, or of the file that was put aside
    /// last, if somebody else did that.
    fn follows(&self, path: &Path) -> Link {
        let aside = || {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            let mut options = OpenOptions::new();
            options.read(true).custom_flags(flags.bits() as i32);
            Tail::of(&options.open(generation(path, 1)).ok()?)
                .ok()?
                .link
        };
        let known = || self.last.as_ref().map(|(link, ..)| link.clone());
        known().or_else(aside).unwrap_or_else(Link::none)
    }
}

/// The end of a file of lines.
struct Tail {
    /// The link to its last line; none if there is no line.
    link: Option<Link>,
    /// That line was not written whole.
    torn: bool,
}

impl Tail {
    fn of(file: &File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        let (mut start, mut read) = (len, Vec::new());
        loop {
            let (text, torn) = match read.strip_suffix(b"\n") {
                Some(text) => (text, false),
                None => (&read[..], true),
            };
            let newline = text.iter().rposition(|byte| *byte == b'\n');
            if newline.is_some() || start == 0 {
                let begins = newline.map_or(0, |at| at + 1);
                let mut line = text[begins..].to_vec();
                line.push(b'\n');
                return Ok(Self {
                    link: (len > 0).then(|| Link::to(&line)),
                    torn: torn && len > 0,
                });
            }
            let more = start.min(AUDIT_TAIL_BYTES);
            start -= more;
            let mut chunk = vec![0; usize::try_from(more).unwrap_or_default()];
            file.read_exact_at(&mut chunk, start)?;
            chunk.append(&mut read);
            read = chunk;
        }
    }
}

/// The file that was put aside so many times ago.
pub(super) fn generation(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    name.into()
}

/// Makes room for a new file; whether that could be.
fn put_aside(path: &Path) -> bool {
    for number in (1..AUDIT_GENERATIONS).rev() {
        // There may be none yet.
        let _ = fs::rename(generation(path, number), generation(path, number + 1));
    }
    fs::rename(path, generation(path, 1)).is_ok()
}

fn open(path: &Path) -> Result<File, Error> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let failed = |cause| Error::Io {
        path: path.to_owned(),
        cause,
    };
    let file = OpenOptions::new()
        .append(true)
        .read(true)
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
    use super::super::verify::{Chain, verify};
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// What the lines say, without their links.
    fn read(path: &Path) -> String {
        let text = fs::read_to_string(path).expect("there");
        let said = |line: &str| -> String {
            let read: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{}\n", read["said"].as_str().unwrap_or_default())
        };
        text.lines().map(said).collect()
    }

    fn say(text: &str) -> String {
        format!("{{\"said\":\"{text}\"}}\n")
    }

    fn whole(path: &Path) -> u64 {
        match verify(path).expect("readable") {
            Chain::Whole { lines, .. } => lines,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_is_ours_alone_and_only_grows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("made/a");
        let mut file = AuditFile::new(path.clone(), true);
        file.append(&say("one")).expect("written");
        file.append(&say("two")).expect("written");
        AuditFile::new(path.clone(), false)
            .append(&say("three"))
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
            assert_eq!(file.append(&say("x")).is_ok(), good, "{mode:o}");
            assert_eq!(check(&path).is_ok(), good, "{mode:o}");
        }
        fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink(dir.path().join("b"), &path).expect("free");
        assert!(file.append(&say("x")).is_err() && check(&path).is_err());
        assert!(!dir.path().join("b").exists());
        fs::remove_file(&path).expect("ours");
        fs::create_dir(&path).expect("free");
        assert!(file.append(&say("x")).is_err() && check(&path).is_err());
        fs::remove_dir(&path).expect("ours");
        // One that nobody reads does not hold us up.
        let fifo = mkfifo(&path);
        assert!(fifo && file.append(&say("x")).is_err());
        for path in ["/dev/full", "/nowhere/a"] {
            assert!(
                AuditFile::new(path.into(), false)
                    .append(&say("x"))
                    .is_err()
            );
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
        file.append(&say("one")).expect("written");
        fs::rename(&path, &old).expect("ours");
        file.append(&say("two")).expect("written");
        assert_eq!((read(&old), read(&path)), ("one\n".into(), "two\n".into()));
        fs::remove_file(&path).expect("ours");
        file.append(&say("three")).expect("written");
        assert_eq!(read(&path), "three\n");
    }

    #[test]
    fn a_full_one_is_put_aside_whoever_writes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let full = || AuditFile {
            bytes: 8000,
            ..AuditFile::new(path.clone(), false)
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                scope.spawn(move || {
                    let mut file = full();
                    for line in 0..200 {
                        let line = say(&format!("{writer} {line}"));
                        file.append(&line).expect("written");
                    }
                });
            }
        });
        for path in [
            path.clone(),
            generation(&path, 1),
            generation(&path, AUDIT_GENERATIONS),
        ] {
            let text = read(&path);
            let whole = |line: &str| {
                line.split_once(' ')
                    .is_some_and(|(_, n)| n.parse::<u32>().is_ok())
            };
            assert!(text.lines().all(whole) && text.len() < 8000, "{text}");
        }
        let files = fs::read_dir(dir.path()).expect("there").count();
        assert_eq!(files, AUDIT_GENERATIONS as usize + 1);
        assert!(whole(&path) > 10);
        // A long line is in a file of its own rather than nowhere.
        let long = "x".repeat(30_000);
        full().append(&say(&long)).expect("written");
        assert_eq!(read(&path), format!("{long}\n"));
        full().append(&say("y")).expect("written");
        assert!(whole(&path) > 10);
    }

    #[test]
    fn the_chain_goes_on_whoever_moves_the_file_and_whoever_writes() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let new = || AuditFile::new(path.clone(), false);
        let (mut ours, mut others) = (new(), new());
        ours.append(&say("1")).expect("written");
        others.append(&(say("2") + &say("3"))).expect("written");
        ours.append(&say("4")).expect("written");
        assert_eq!(whole(&path), 4);
        // As logrotate does, while one of them has written since we did.
        others.append(&say("5")).expect("written");
        fs::rename(&path, generation(&path, 1)).expect("ours");
        ours.append(&say("6")).expect("written");
        assert_eq!(whole(&path), 6);
        // While nobody runs.
        fs::rename(generation(&path, 1), generation(&path, 2)).expect("ours");
        fs::rename(&path, generation(&path, 1)).expect("ours");
        new().append(&say("7")).expect("written");
        assert_eq!(whole(&path), 7);
        // With copytruncate.
        fs::rename(generation(&path, 2), generation(&path, 3)).expect("ours");
        fs::rename(generation(&path, 1), generation(&path, 2)).expect("ours");
        fs::copy(&path, generation(&path, 1)).expect("ours");
        fs::write(&path, "").expect("ours");
        new().append(&say("8")).expect("written");
        ours.append(&say("9")).expect("written");
        assert_eq!(whole(&path), 9);
        // Under another name: what is missing is said, and is no forgery.
        fs::rename(&path, dir.path().join("b")).expect("ours");
        ours.append(&say("10")).expect("written");
        let found = verify(&path).expect("readable");
        assert_eq!(found, Chain::Gap(path.clone()));
    }

    #[test]
    fn half_a_line_spoils_no_other_and_shows() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a");
        let mut file = AuditFile::new(path.clone(), false);
        file.append(&say("one")).expect("written");
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, text + "{\"said\":\"tw").expect("ours");
        file.append(&say("three")).expect("written");
        file.append(&say("four")).expect("written");
        let broken = |line, unlinked| Chain::Broken {
            path: path.clone(),
            line,
            unlinked,
        };
        assert_eq!(verify(&path).expect("readable"), broken(2, true));
        let text = fs::read_to_string(&path).expect("there");
        assert_eq!(text.lines().count(), 4);
        // Without it, the next one shows that there was something.
        let without: String = text
            .split_inclusive('\n')
            .enumerate()
            .filter(|(number, _)| *number != 1)
            .map(|(_, line)| line)
            .collect();
        fs::write(&path, without).expect("ours");
        assert_eq!(verify(&path).expect("readable"), broken(2, false));
    }
}
