//! Which services run with a state directory, and where each is reached. Each keeps a file there that it
//! locks for as long as it lives: one that is killed leaves the file, but not the lock. In: a directory
//! whose lock is held. Out: [`Registration`], and what the files say.

use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::SystemTime;

use crate::config::limits::{ADDRESS_BYTES, SERVICES};
use crate::state_dir::Error;
use crate::state_dir::directory::Directory;

const PREFIX: &str = "service-";

/// A service that runs, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Different from that of every other one.
    pub name: String,
    /// Where it is reached, as it wrote.
    pub address: String,
    /// Whether it holds its lock. One that does not may still run where the directory was copied.
    pub alive: bool,
    /// Whether it is the one that looks.
    pub own: bool,
}

/// What tells others that a service runs, until it is dropped or the process ends.
#[derive(Debug)]
pub struct Registration {
    directory: Directory,
    name: String,
    _locked: File,
}

impl Registration {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.directory.remove(&self.name);
    }
}

/// Registers a service that is reached at `address`, and removes what dead ones left.
pub(super) fn register(
    directory: Directory,
    random: [u8; 8],
    address: &str,
) -> Result<Registration, Error> {
    for (name, file) in files(&directory)? {
        if !is_locked(&file) {
            directory.remove(&name);
        }
    }
    let name = format!("{PREFIX}{:016x}", u64::from_ne_bytes(random));
    let failed = |cause| Error::Io {
        path: directory.path(&name),
        cause,
    };
    // Under its own name once it is locked, or another service could take it for a dead one's. Held open
    // for reading only: a disk with a file that is open for writing cannot become read-only.
    let aside = format!("new-{name}");
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    let missing = || failed(io::ErrorKind::NotFound.into());
    let mut file = directory.file(&aside, new)?.ok_or_else(missing)?;
    let written = file.write_all(address.as_bytes());
    drop(file);
    let locked = match (written, directory.file(&aside, OFlags::RDONLY)) {
        (Ok(()), Ok(file)) => {
            let file = file.ok_or_else(missing)?;
            let locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
            let named = locked.map_err(io::Error::from);
            let named = named.and_then(|()| directory.replace(&aside, &name));
            named.map(|()| file).map_err(failed)
        }
        (Err(cause), _) => Err(failed(cause)),
        (_, Err(error)) => Err(error),
    };
    match locked {
        Ok(locked) => Ok(Registration {
            directory,
            name,
            _locked: locked,
        }),
        Err(error) => {
            directory.remove(&aside);
            Err(error)
        }
    }
}

/// All that run, the newest first, and those that ended without saying so.
pub(super) fn all(directory: &Directory, own: Option<&str>) -> Result<Vec<Service>, Error> {
    let mut found = Vec::new();
    for (name, file) in files(directory)? {
        let alive = is_locked(&file);
        let since = file.metadata().and_then(|found| found.modified());
        let mut address = String::new();
        match file.take(ADDRESS_BYTES).read_to_string(&mut address) {
            Ok(_) => {}
            Err(cause) => {
                let path = directory.path(&name);
                return Err(Error::Io { path, cause });
            }
        }
        let service = Service {
            own: own == Some(&*name),
            name,
            address,
            alive,
        };
        found.push((since.unwrap_or(SystemTime::UNIX_EPOCH), service));
    }
    found.sort_by_key(|(since, service)| (service.alive, *since));
    Ok(found
        .into_iter()
        .rev()
        .map(|(_, service)| service)
        .collect())
}

fn files(directory: &Directory) -> Result<Vec<(String, File)>, Error> {
    let mut files = Vec::new();
    for name in directory.names(PREFIX)? {
        // Gone meanwhile: its service has ended.
        if let Some(file) = directory.file(&name, OFlags::RDONLY)? {
            files.push((name, file));
        }
        if files.len() > SERVICES {
            return Err(Error::TooManyServices(directory.path("")));
        }
    }
    Ok(files)
}

/// The lock goes with this very file: a copy of it has none.
fn is_locked(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::Vault;
    use std::fs;

    #[test]
    fn those_that_live_are_known_from_those_that_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(Some(dir.path())).expect("made");
        let told = || {
            let all = vault.services().expect("read").into_iter();
            all.map(|service| (service.address, service.alive))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(), []);
        let first = vault.register("first").expect("registered");
        let second = vault.register("second").expect("registered");
        assert_eq!(told().len(), 2);
        assert!(told().iter().all(|(_, alive)| *alive));
        drop(first);
        assert_eq!(told(), [("second".into(), true)]);

        // Killed: its file stays, until the next one comes.
        let name = vault.services().expect("read").remove(0).name;
        let left = dir.path().join(&name);
        let text = fs::read(&left).expect("ours");
        drop(second);
        assert!(!left.exists());
        let again = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let directory = Directory::open(dir.path()).expect("ours").expect("there");
        let file = directory.file(&name, again).expect("made").expect("made");
        io::Write::write_all(&mut &file, &text).expect("written");
        drop(file);
        assert_eq!(told(), [("second".into(), false)]);
        let _third = vault.register("third").expect("registered");
        assert_eq!(told(), [("third".into(), true)]);
    }

    #[test]
    fn there_are_not_more_than_can_be_asked() {
        let dir = tempfile::tempdir().expect("a directory");
        let vault = Vault::open(Some(dir.path())).expect("made");
        let held: Vec<_> = (0..SERVICES + 2)
            .map_while(|_| vault.register("x").ok())
            .collect();
        assert!(held.len() <= SERVICES + 1, "{}", held.len());
        assert!(matches!(
            vault.register("x"),
            Err(Error::TooManyServices(_))
        ));
    }
}
