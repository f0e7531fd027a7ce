//! EDGE: the state directory: what sign-in must still know after a restart. Owns two files, `keys`
//! and `ledger`, which only this user can read, and which the service and the command line change
//! side by side. In: the directory. Out: the keys and the ledger as they are now, and every later
//! state of them, whoever changed it. It must not know HTTP.

mod directory;
mod error;
mod file;
mod services;

pub use crate::state_dir::error::Error;
pub use services::Registration;
pub use services::Service;

use notify::{RecursiveMode, Watcher as _};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

use crate::access::{Credential, Keys, Ledger, Time};
use crate::state_dir::directory::Directory;

/// What the vault holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What credentials are signed with.
    pub keys: Keys,
    /// What was ended and what is shared.
    pub ledger: Ledger,
}

/// The vault. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault {
    dir: Arc<Path>,
    state: Arc<watch::Sender<Arc<State>>>,
    /// Grows after each change of `state`.
    version: Arc<AtomicU64>,
    /// Read by whoever acts by what a state gives.
    barrier: Arc<RwLock<()>>,
    /// What this process is registered as.
    own: Arc<Mutex<Option<String>>>,
}

/// What tells one state of the directory from another without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Which directory it is.
    pub directory: (u64, u64),
    files: [(u64, i64, i64); 2],
}

impl Vault {
    /// Opens the vault of this state directory; makes what is missing. One that cannot be written
    /// is good for as long as nothing needs to be.
    ///
    /// # Errors
    /// When it cannot be read, was not ours alone, or there is none and none can be made.
    pub fn open(state_dir: Option<&Path>) -> Result<Self, Error> {
        let dir: Arc<Path> = state_dir.ok_or(Error::NoPlace)?.into();
        let state = match read(&dir)? {
            Some(state) => state,
            None => {
                let dir = Directory::make(&dir)?;
                let _lock = lock(&dir)?;
                found(&dir)?
            }
        };
        let (state, _) = watch::channel(Arc::new(state));
        let vault = Self {
            dir,
            state: Arc::new(state),
            version: Arc::default(),
            barrier: Arc::default(),
            own: Arc::default(),
        };
        vault.rotate()?;
        Ok(vault)
    }

    /// The same, making nothing: for whoever asks about what must be there.
    ///
    /// # Errors
    /// Also when there is none.
    pub fn existing(state_dir: Option<&Path>) -> Result<Self, Error> {
        let dir = state_dir.ok_or(Error::NoPlace)?;
        match read(dir)? {
            Some(_) => Self::open(state_dir),
            None => Err(Error::None(dir.to_path_buf())),
        }
    }

    /// Whether [`Vault::open`] would go well, changing nothing.
    ///
    /// # Errors
    /// As it would.
    pub fn check(state_dir: Option<&Path>) -> Result<(), Error> {
        use rustix::fs::{Access, access};
        let dir = state_dir.ok_or(Error::NoPlace)?;
        if read(dir)?.is_some() {
            return Ok(());
        }
        // What of the way to it is there must let us make the rest.
        let there = dir.ancestors().find(|dir| dir.exists());
        let there = there.filter(|dir| !dir.as_os_str().is_empty());
        let may = Access::WRITE_OK | Access::EXEC_OK;
        access(there.unwrap_or(Path::new(".")), may).map_err(|cause| Error::Io {
            path: dir.to_path_buf(),
            cause: cause.into(),
        })
    }

    /// What it holds now.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// Another one for each state. Read before [`Vault::state`], it is of that state or of an earlier one.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Held by whoever acts by what the state gives, from looking at it to the end of the act, which must
    /// not wait: a change is shown to everybody only once all that act by the state before are done.
    pub fn barrier(&self) -> RwLockReadGuard<'_, ()> {
        self.barrier.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it holds now, and whatever it will.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// The secret of a new link that signs its owner in, once.
    ///
    /// # Errors
    /// When the system has no randomness; when the clock was put back and that cannot be written down.
    pub fn link(&self) -> Result<String, Error> {
        if self.state().ledger.is_doubtful(now()) {
            self.change(|ledger| ledger.mend(now()))?;
        }
        let state = self.state();
        Ok(Credential::link(random()?, &state.ledger, now()).sealed(&state.keys))
    }

    /// Changes the ledger as it is on disk, and there first: what is told to be ended stays ended,
    /// whatever happens next. Blocks for the time of a write.
    ///
    /// # Errors
    /// When it cannot be written; then nothing has changed.
    pub fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> Result<T, Error> {
        let dir = self.directory()?;
        let _lock = lock(&dir)?;
        let mut state = self.reread()?;
        let before = state.ledger.clone();
        let result = change(&mut state.ledger);
        if state.ledger != before {
            write(&dir, LEDGER, &state.ledger)?;
        }
        self.show(state);
        Ok(result)
    }

    /// Takes a new key if the present one is old.
    ///
    /// # Errors
    /// When the new one cannot be written; then the old one stays.
    pub fn rotate(&self) -> Result<(), Error> {
        if !self.state().keys.are_stale(now()) {
            return Ok(());
        }
        let dir = self.directory()?;
        let _lock = lock(&dir)?;
        let mut state = self.reread()?;
        state.keys.rotate(random()?, now());
        write(&dir, KEYS, &state.keys)?;
        self.show(state);
        Ok(())
    }

    /// Shows the state as it is on disk, which others change: for where the system does not tell.
    ///
    /// # Errors
    /// When it cannot be read; then nothing has changed.
    pub fn refresh(&self) -> Result<(), Error> {
        self.show(self.reread()?);
        Ok(())
    }

    /// Tells others that a service runs with this state directory and where it is reached, for as long as
    /// what this gives lives. What others changed before they could know of it is to be read after this:
    /// by [`Vault::refresh`].
    ///
    /// # Errors
    /// When it cannot be written, or too many do.
    pub fn register(&self, address: &str) -> Result<Registration, Error> {
        let dir = self.directory()?;
        let _lock = lock(&dir)?;
        let registration = services::register(dir, random()?, address)?;
        *self.own() = Some(registration.name().to_owned());
        Ok(registration)
    }

    /// The services that run with this state directory, the newest first, and those that ended without
    /// saying so.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn services(&self) -> Result<Vec<Service>, Error> {
        let dir = self.directory()?;
        let _lock = lock(&dir)?;
        services::all(&dir, self.own().as_deref())
    }

    fn own(&self) -> MutexGuard<'_, Option<String>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another one whenever the directory or what is in it may be another.
    ///
    /// # Errors
    /// When something of it is not there.
    pub fn stamp(&self) -> Result<Stamp, Error> {
        let dir = self.directory()?;
        let stamp = |name| {
            let file = dir.file(name, rustix::fs::OFlags::RDONLY)?;
            let file = file.ok_or_else(|| self.missing())?;
            let found = file.metadata().map_err(|cause| Error::Io {
                path: dir.path(name),
                cause,
            })?;
            Ok::<_, Error>((found.ino(), found.mtime(), found.mtime_nsec()))
        };
        Ok(Stamp {
            directory: dir.identity()?,
            files: [stamp(KEYS)?, stamp(LEDGER)?],
        })
    }

    /// Shows from now on also what others change: `muxview share rm` is another process. Ends with
    /// what it gives back.
    ///
    /// # Errors
    /// When the system does not tell of changes; then only our own are seen.
    pub fn follow(&self) -> Result<impl Send + use<>, notify::Error> {
        let vault = self.clone();
        let changed = move |event: notify::Result<notify::Event>| {
            let ours = |path: &PathBuf| path.ends_with(LEDGER) || path.ends_with(KEYS);
            match event {
                Ok(event) if event.kind.is_access() || !event.paths.iter().any(ours) => {}
                Ok(_) => match vault.reread() {
                    Ok(state) => vault.show(state),
                    Err(error) => tracing::error!("{error}; until then, who is signed in stays so"),
                },
                Err(error) => tracing::error!("cannot follow what is signed out: {error}"),
            }
        };
        let mut watcher = notify::recommended_watcher(changed)?;
        watcher.watch(&self.dir, RecursiveMode::NonRecursive)?;
        // What changed before the watch began. One that cannot be read is told of when it changes.
        if let Ok(state) = self.reread() {
            self.show(state);
        }
        Ok(watcher)
    }

    fn reread(&self) -> Result<State, Error> {
        read(&self.dir)?.ok_or_else(|| self.missing())
    }

    fn directory(&self) -> Result<Directory, Error> {
        Directory::open(&self.dir)?.ok_or_else(|| self.missing())
    }

    /// One that was removed under us is not made anew: that would let nobody in and say nothing.
    fn missing(&self) -> Error {
        Error::Io {
            path: self.dir.join(KEYS),
            cause: io::ErrorKind::NotFound.into(),
        }
    }

    fn show(&self, state: State) {
        self.state.send_if_modified(|shown| {
            let new = **shown != state;
            if new {
                *shown = Arc::new(state);
                // Before whoever waits for it is woken, and while nobody reads the state.
                self.version.fetch_add(1, Ordering::Release);
            }
            new
        });
        // Whoever looked at the state before has acted when this is had.
        drop(self.barrier.write().unwrap_or_else(PoisonError::into_inner));
    }
}

const KEYS: &str = "keys";
const LEDGER: &str = "ledger";

/// Now, by the wall clock.
#[must_use]
pub fn now() -> Time {
    since_1970().as_secs()
}

/// How long it is until then, by the wall clock.
#[must_use]
pub fn until(time: Time) -> Duration {
    Duration::from_secs(time).saturating_sub(since_1970())
}

fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock before 1970 lets nobody in who was let in after it.
    since.unwrap_or_default()
}

/// Random bytes of the system.
///
/// # Errors
/// When it has none.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Random)?;
    Ok(bytes)
}

/// `None` if something of it is missing.
fn read(dir: &Path) -> Result<Option<State>, Error> {
    let Some(dir) = Directory::open(dir)? else {
        return Ok(None);
    };
    let (keys, ledger) = (read_one(&dir, KEYS)?, read_one(&dir, LEDGER)?);
    Ok(keys
        .zip(ledger)
        .map(|(keys, ledger)| State { keys, ledger }))
}

fn read_one<T: serde::de::DeserializeOwned>(
    dir: &Directory,
    name: &str,
) -> Result<Option<T>, Error> {
    let text = file::read(dir, name)?;
    let parsed = text.map(|text| serde_json::from_str(&text)).transpose();
    parsed.map_err(|_| Error::Damaged(dir.path(name)))
}

/// Makes what is missing.
fn found(dir: &Directory) -> Result<State, Error> {
    let ledger = match read_one(dir, LEDGER)? {
        Some(ledger) => ledger,
        None => written(dir, LEDGER, Ledger::new(random()?))?,
    };
    let keys = match read_one(dir, KEYS)? {
        Some(keys) => keys,
        None => written(dir, KEYS, Keys::new(random()?, now()))?,
    };
    Ok(State { keys, ledger })
}

fn written<T: serde::Serialize>(dir: &Directory, name: &str, value: T) -> Result<T, Error> {
    write(dir, name, &value)?;
    Ok(value)
}

fn write(dir: &Directory, name: &str, value: &impl serde::Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value).expect("plain data");
    file::write(dir, name, &(text + "\n"))
}

/// Keeps other processes out until it is dropped.
fn lock(dir: &Directory) -> Result<File, Error> {
    use rustix::fs::{FlockOperation, OFlags, flock};
    const LOCK: &str = "lock";
    let failed = |cause| Error::Io {
        path: dir.path(LOCK),
        cause,
    };
    let file = dir.file(LOCK, OFlags::WRONLY | OFlags::CREATE)?;
    let file = file.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    Ok(file)
}

/// Whether this state directory can be trusted, if it is there.
///
/// # Errors
/// When others can change it.
pub fn check_directory(dir: &Path) -> Result<(), Error> {
    Directory::open(dir).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, chown};

    fn page(vault: &Vault) -> Credential {
        let random = random().expect("randomness");
        Credential::page(random, &vault.state().ledger, None, now())
    }

    #[test]
    fn it_stays_the_same_and_is_ours_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let dir = dir.path().join("a/b");
        let vault = Vault::open(Some(&dir)).expect("made");
        let page = page(&vault);
        vault
            .change(|ledger| ledger.end(page.id.clone(), page.expires, now()))
            .expect("written");
        let again = Vault::open(Some(&dir)).expect("kept");
        assert_eq!(again.state(), vault.state());
        assert!(again.state().ledger.is_ended(&page.id));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for name in [KEYS, LEDGER, "lock"] {
            assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
        }
        assert_eq!(fs::read_dir(&dir).expect("there").count(), 3);
    }

    #[test]
    fn what_is_not_ours_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        Vault::open(Some(dir.path())).expect("made");
        for name in [KEYS, LEDGER] {
            let path = dir.path().join(name);
            let whole = fs::read_to_string(&path).expect("ours");
            let open = || Vault::open(Some(dir.path())).map(|_| ());
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
            assert!(matches!(open(), Err(Error::Exposed(_))), "{name}");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
            for damaged in ["", "{}", "null", &whole[..whole.len() / 2], "\u{0}"] {
                fs::write(&path, damaged).expect("ours");
                assert!(
                    matches!(open(), Err(Error::Damaged(_))),
                    "{name} {damaged:?}"
                );
            }
            fs::remove_file(&path).expect("ours");
            let elsewhere = dir.path().join("elsewhere");
            fs::write(&elsewhere, &whole).expect("ours");
            std::os::unix::fs::symlink(&elsewhere, &path).expect("free");
            assert!(matches!(open(), Err(Error::NotAFile(_))), "{name}");
            fs::remove_file(&path).expect("ours");
            fifo(&path);
            assert!(matches!(open(), Err(Error::NotAFile(_))), "{name}");
            fs::remove_file(&path).expect("ours");
            fs::create_dir(&path).expect("free");
            assert!(matches!(open(), Err(Error::NotAFile(_))), "{name}");
            fs::remove_dir(&path).expect("empty");
            let made = Directory::open(dir.path()).expect("ours").expect("there");
            file::write(&made, name, &whole).expect("ours");
            assert!(open().is_ok(), "{name}");
            // Only root can make it somebody else's.
            if rustix::process::geteuid().is_root() {
                chown(&path, Some(1), None).expect("root may");
                let error = open().expect_err("somebody else's");
                assert!(matches!(error, Error::Exposed(_)), "{name}: {error}");
                assert!(error.to_string().contains("remove it"), "{error}");
                chown(&path, Some(0), None).expect("root may");
            }
        }
        assert!(matches!(Vault::open(None), Err(Error::NoPlace)));
    }

    fn fifo(path: &Path) {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
            .expect("a FIFO");
    }

    #[test]
    fn a_directory_that_others_can_change_is_refused_by_start_check_and_changes() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let dir = parent.path().join("state");
        let vault = Vault::open(Some(&dir)).expect("made");
        let refused = |dir: &Path| {
            let checked = Vault::check(Some(dir)).expect_err("checked");
            let opened = Vault::open(Some(dir)).expect_err("opened");
            assert_eq!(checked.to_string(), opened.to_string());
            opened
        };
        let set = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("ours");
        for mode in [0o777, 0o1777, 0o770, 0o702] {
            set(mode);
            let error = refused(&dir);
            assert!(matches!(error, Error::OpenDirectory { .. }), "{error}");
            assert!(error.to_string().contains("chmod 700"), "{error}");
            assert!(vault.change(Ledger::end_all).is_err(), "{mode:o}");
        }
        set(0o755);
        assert!(Vault::open(Some(&dir)).is_ok());
        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&dir, &link).expect("free");
        assert!(Vault::open(Some(&link)).is_ok(), "our own link");
        // Only root can make anything somebody else's.
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(&link, Some(1), None).expect("root may");
            assert!(matches!(
                refused(&link),
                Error::ForeignDirectory { uid: 1, .. }
            ));
            chown(&dir, Some(1), None).expect("root may");
            assert!(matches!(
                refused(&dir),
                Error::ForeignDirectory { uid: 1, .. }
            ));
            chown(&dir, Some(0), None).expect("root may");
        }
        let file = parent.path().join("file");
        fs::write(&file, "").expect("free");
        assert!(matches!(refused(&file), Error::NotADirectory(_)));
        let lock = dir.join("lock");
        fs::remove_file(&lock).expect("ours");
        fifo(&lock);
        let error = vault.change(Ledger::end_all).expect_err("no lock");
        assert!(matches!(error, Error::NotAFile(_)), "{error}");
    }

    #[test]
    fn a_lost_ledger_undoes_no_end() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let vault = Vault::open(Some(dir.path())).expect("made");
        let page = page(&vault);
        fs::remove_file(dir.path().join(LEDGER)).expect("ours");
        let again = Vault::open(Some(dir.path())).expect("made anew").state();
        assert_eq!(again.keys, vault.state().keys);
        assert!(page.check(&again.ledger, now()).is_err());
    }

    #[test]
    fn two_who_change_it_lose_nothing() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let one = Vault::open(Some(dir.path())).expect("made");
        let ended = Mutex::new(vec![]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let vault = Vault::open(Some(dir.path())).expect("kept");
                    for _ in 0..8 {
                        let Credential { id, expires, .. } = page(&vault);
                        ended.lock().expect("whole").push(id.clone());
                        let first = vault.change(|ledger| ledger.end(id, expires, now()));
                        assert!(first.expect("written"));
                    }
                });
            }
        });
        let ledger = one.change(|ledger| ledger.clone()).expect("read");
        let ended = ended.into_inner().expect("whole");
        assert_eq!(ended.len(), 32);
        assert!(ended.iter().all(|id| ledger.is_ended(id)));
    }

    #[tokio::test]
    async fn what_another_process_changes_is_seen() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let service = Vault::open(Some(dir.path())).expect("made");
        let _following = service.follow().expect("the system tells of changes");
        let mut seen = service.watch();
        let before = service.state().ledger.epoch();
        let other = Vault::open(Some(dir.path())).expect("kept");
        other.change(Ledger::end_all).expect("written");
        let ended = seen.wait_for(|state| state.ledger.epoch() != before).await;
        assert!(ended.is_ok());
    }
}
