//! The audit log: who did what and when, a line of JSON each, in a file that only grows. [`event`] is
//! what it tells, [`flood`] and [`visits`] how often, [`chain`] how lines hang together; these are pure.
//! [`Audit`] hands lines to a thread that writes
//! them, so that no request and no viewer waits for a disk. In: events. Out: lines in the file, and
//! whether it can be written. It must not know HTTP.

mod chain;
mod clock;
mod error;
pub mod event;
mod file;
pub mod rate;
mod verify;
mod visits;
mod writer;

pub use error::Error;
pub use event::{Event, Session, Sum, Text, Who};
pub use rate::Flood;
pub use verify::{Chain, verify};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::config::limits::{AUDIT_QUEUE, AUDIT_SETTLE};
use crate::config::{Auditing, Config};
use clock::now;
use file::AuditFile;
use visits::Visits;
use writer::{Health, Order};

/// What who is refused hears while nothing can be written and all must be.
pub const CLOSED: &str =
    "the audit log cannot be written, and until it can, nothing new may be done here";

/// The audit log. Cheap to clone; one made by default tells nobody anything.
#[derive(Debug, Clone, Default)]
pub struct Audit(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    orders: mpsc::Sender<Order>,
    health: Arc<Health>,
    required: bool,
    // A std mutex: held for a few instructions, and never across an await.
    visits: Mutex<Visits>,
}

impl Audit {
    /// The one of this configuration.
    ///
    /// # Errors
    /// When it cannot be written and must be; otherwise that is told, and tried again.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let required = config.audit == Auditing::Required;
        if config.audit == Auditing::Off {
            return Ok(Self::default());
        }
        let health = Arc::new(Health::default());
        let mut file = match place(config) {
            Err(error) if !required => {
                tracing::error!("{error}");
                return Ok(Self::default());
            }
            file => file?,
        };
        match file.open().map(|_| ()) {
            Err(error) if !required => health.fail(&error),
            opened => opened?,
        }
        let (orders, inbox) = mpsc::channel(AUDIT_QUEUE);
        let writes = Arc::clone(&health);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer::run(file, inbox, &writes))
            .map_err(Error::Thread)?;
        Ok(Self(Some(Arc::new(Inner {
            orders,
            health,
            required,
            visits: Mutex::default(),
        }))))
    }

    /// Tells what happened. Never waits: what there is no room for is counted.
    pub fn tell(&self, event: &Event<'_>) {
        let Some(inner) = &self.0 else { return };
        let line = Order::Line(event::line(now(), event));
        if inner.orders.try_send(line).is_err() {
            inner.health.lose();
        }
    }

    /// A visit begins, of which so many lines may tell with all others of the same principal. Whether it is
    /// told one by one; else [`Audit::sum`] is to be told of its end.
    pub fn visits(
        &self,
        who: &Who<'_>,
        session: Session<'_>,
        role: &'static str,
        lines: u64,
    ) -> bool {
        let Some(inner) = &self.0 else { return true };
        self.sum_up(false);
        let (mut visits, now) = (inner.visits(), Instant::now());
        let told = visits.tells(who, lines, now);
        if !told {
            let one = Sum {
                visits: 1,
                ..Sum::default()
            };
            visits.add(who, session, role, one, now);
        }
        told
    }

    /// A visit ended that was not told one by one.
    pub fn sum(&self, who: &Who<'_>, session: Session<'_>, role: &'static str, sum: Sum) {
        if let Some(inner) = &self.0 {
            inner.visits().add(who, session, role, sum, Instant::now());
        }
    }

    /// Tells the sums of visits, once it is time; or, at the `end`, all.
    pub fn sum_up(&self, end: bool) {
        let Some(inner) = &self.0 else { return };
        let sums = if end {
            inner.visits().end()
        } else {
            inner.visits().over(Instant::now())
        };
        sums.events().for_each(|event| self.tell(&event));
    }

    /// Whether lines do not reach the file now.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|inner| inner.health.is_failing())
    }

    /// Whether nothing new may be done, as it would not be told.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_failing() && self.0.as_ref().is_some_and(|inner| inner.required)
    }

    /// Waits until all that was told is written, but not for long.
    pub async fn settle(&self) {
        let Some(inner) = &self.0 else { return };
        let (done, settled) = oneshot::channel();
        if inner.orders.try_send(Order::Settle(done)).is_ok() {
            // What is not written by then may be by whoever comes next, or is lost with the disk.
            let _ = timeout(AUDIT_SETTLE, settled).await;
        }
    }
}

impl Inner {
    fn visits(&self) -> MutexGuard<'_, Visits> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells what a command of the terminal is about to do, or did. Waits for the disk.
///
/// # Errors
/// When it cannot be written.
pub fn tell(config: &Config, event: &Event<'_>) -> Result<(), Error> {
    if config.audit == Auditing::Off {
        return Ok(());
    }
    place(config)?.append(&event::line(now(), event))
}

/// Whether [`Audit::open`] would find a file it can write, changing nothing.
///
/// # Errors
/// As it would.
pub fn check(config: &Config) -> Result<(), Error> {
    let path = match config.audit {
        Auditing::Off => return Ok(()),
        _ => config.audit_path().ok_or(Error::NoPlace)?,
    };
    if config.audit_file.is_none() && path.parent().is_some_and(|dir| !dir.exists()) {
        // It is made; whether it can be is the vault's to say.
        return Ok(());
    }
    file::check(&path)
}

/// The file of this configuration.
fn place(config: &Config) -> Result<AuditFile, Error> {
    let path = config.audit_path().ok_or(Error::NoPlace)?;
    Ok(AuditFile::new(path, config.audit_file.is_none()))
}
