//! [`Following`]: a service keeps up with its state directory, which the command line and other services
//! change beside it, and tells them that it runs. In: the vault. Out: a vault that shows what is on disk. It must
//! not know what is kept there.
//!
//! The system tells of changes at once where it can. It does not on every file system, nor for a directory that
//! was moved and restored, so the files are looked at as well.

use std::any::Any;
use std::time::Instant;
use tokio::time::sleep;

use crate::config::limits::{KEY_CHECK, STATE_CHECK};
use crate::net::Address;
use crate::state_dir::Registration;
use crate::state_dir::Stamp;
use crate::state_dir::Vault;

/// What a service has of its state directory.
pub(super) struct Following {
    vault: Vault,
    /// Where clients reach us, as they read it. `null`, nowhere: they are to know that we run.
    address: String,
    /// What was read last; `None`: nothing is where it should be.
    seen: Option<Stamp>,
    /// Of the directory that was there at the last look.
    registration: Option<Registration>,
    watching: Option<Box<dyn Any + Send>>,
    /// When the keys' age is looked at again.
    rotate: Instant,
}

impl Following {
    /// Tells that we run and reads what was changed until then: whoever changes something later finds us.
    pub(super) fn begin(vault: Vault, address: Option<&Address>) -> Self {
        let address = serde_json::to_string(&address).expect("plain data");
        let mut following = Self {
            vault,
            address,
            seen: None,
            registration: None,
            watching: None,
            rotate: Instant::now() + KEY_CHECK,
        };
        following.enter();
        following.read();
        following
    }

    /// For as long as the service runs.
    pub(super) async fn keep(mut self) {
        loop {
            sleep(STATE_CHECK).await;
            // It may wait for a disk, or for another process.
            let look = move || {
                self.look();
                self
            };
            match tokio::task::spawn_blocking(look).await {
                Ok(following) => self = following,
                Err(panicked) => {
                    return tracing::error!(%panicked, "the state directory is not followed");
                }
            }
        }
    }

    fn look(&mut self) {
        let there = self.vault.stamp();
        match (&there, &self.seen) {
            (Ok(stamp), Some(seen)) if stamp == seen => {}
            (Ok(stamp), seen) => {
                if seen.as_ref().map(|seen| seen.directory) != Some(stamp.directory) {
                    tracing::warn!("the state directory is another one: it is read anew");
                    self.enter();
                }
                self.read();
            }
            (Err(error), Some(_)) => {
                tracing::error!(
                    "{error}; until it is back, nothing that is ended elsewhere counts"
                );
                self.seen = None;
            }
            (Err(_), None) => {}
        }
        if Instant::now() >= self.rotate {
            self.rotate = Instant::now() + KEY_CHECK;
            if let Err(error) = self.vault.rotate() {
                tracing::error!("{error}; signing goes on with the old key");
            }
        }
    }

    /// Tells of us in the directory that is there now, and is told of its changes.
    fn enter(&mut self) {
        self.registration = None;
        match self.vault.register(&self.address) {
            Ok(registration) => self.registration = Some(registration),
            Err(error) => {
                tracing::warn!("commands like `muxview share` will not find this service: {error}");
            }
        }
        self.watching = match self.vault.follow() {
            Ok(watching) => Some(Box::new(watching)),
            Err(error) => {
                tracing::warn!(%error, "changes of the state directory are only looked for now and then");
                None
            }
        };
    }

    /// Shows what is on disk.
    fn read(&mut self) {
        // Before it is read, so that what changes meanwhile is read next time.
        let stamp = self.vault.stamp();
        match self.vault.refresh() {
            Ok(()) => self.seen = stamp.ok(),
            Err(error) => tracing::error!("{error}; until then, who is signed in stays so"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Ledger;
    use std::fs;

    #[test]
    fn what_changes_is_seen_though_the_system_tells_of_nothing() {
        let home = tempfile::tempdir().expect("a directory");
        let (dir, away) = (home.path().join("state"), home.path().join("away"));
        let vault = Vault::open(Some(&dir)).expect("made");
        let address = Address {
            listen: crate::net::Endpoint::Unix("/m".into()),
            base_path: String::new(),
        };
        let mut following = Following::begin(vault.clone(), Some(&address));
        let registered = |dir| Vault::open(Some(dir)).expect("made").services();
        assert_eq!(registered(&dir).expect("read").len(), 1);
        // As where there is no inotify.
        following.watching = None;
        let other = Vault::open(Some(&dir)).expect("ours");
        other.change(Ledger::end_all).expect("written");
        assert_ne!(vault.state(), other.state());
        following.look();
        assert_eq!(vault.state(), other.state());

        // Moved away: what was read last stays.
        fs::rename(&dir, &away).expect("moved");
        following.look();
        assert_eq!(vault.state(), other.state());
        assert!(following.seen.is_none());
        // Restored as a copy.
        fs::create_dir(&dir).expect("made");
        for name in ["keys", "ledger"] {
            fs::copy(away.join(name), dir.join(name)).expect("copied");
        }
        let other = Vault::open(Some(&dir)).expect("ours");
        other.change(Ledger::end_all).expect("written");
        following.look();
        assert_eq!(vault.state(), other.state());
        let services = registered(&dir).expect("read");
        assert!(services.len() == 1 && services[0].alive, "{services:?}");
        assert_eq!(registered(&away).expect("read"), []);
    }
}
