//! `muxview share`: links that only watch one session, made, listed and ended beside the running
//! service, which sees it at once. In: a configuration and a wish. Out: lines for a terminal.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use super::{Urls, tmux_server};
use crate::access::Id;
use crate::access::revocations::TooManyShares;
use crate::access::share::{BadTerms, Terms};
use crate::access::{Share, Time};
use crate::audit::{self, Event, Text, Who};
use crate::client;
use crate::config::{Auditing, Auth, Config};
use crate::directory::Address;
use crate::state_dir;
use crate::state_dir::Vault;
use crate::tmux;

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Links are of `--auth token`.
    #[error("links are for --auth token: here people sign in elsewhere or not at all")]
    NotHere,
    /// No such session, or tmux does not answer.
    #[error(transparent)]
    Tmux(#[from] tmux::Error),
    /// A usage error.
    #[error(transparent)]
    Terms(#[from] BadTerms),
    /// Full.
    #[error(transparent)]
    Full(#[from] TooManyShares),
    /// The state directory.
    #[error(transparent)]
    Vault(#[from] state_dir::Error),
    /// It cannot be written down, and must be.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// No such link.
    #[error("there is no share {0}: `muxview share ls` lists them")]
    NoShare(String),
    /// Written down, and the service that runs has not said that it knows.
    #[error(
        "{}, but the muxview that runs has not confirmed it: {cause}. Until it does, or is restarted, {}",
        if *.there { "the link is written down" } else { "the share is removed from the state directory" },
        if *.there { "the link may not open" } else { "those who watch may go on watching" }
    )]
    Unconfirmed {
        /// Made, or ended.
        there: bool,
        /// Why not.
        cause: client::Error,
    },
    /// The service looks elsewhere.
    #[error(
        "the muxview that runs reads another state directory than this one: was it moved? Restart it \
         (systemctl restart muxview), and the change counts"
    )]
    Elsewhere,
    /// With port 0 nobody but the service knows where it is.
    #[error("with port 0 only the running service knows its port: say --listen or --public-origin")]
    NoUrl,
}

/// Shares a session, and says by which URL.
pub async fn add(
    config: &Config,
    session: &str,
    seconds: Option<u64>,
    uses: Option<u32>,
    confidential: bool,
) -> Result<String, Error> {
    let vault = vault(config, Vault::open)?;
    let terms = Terms::new(state_dir::now(), seconds, uses)?.confidential(confidential);
    let address = Address::parse(session);
    let sessions = tmux_server(config).sessions().await?;
    let session = sessions.iter().find(|session| address.is(session));
    let session = session.ok_or(tmux::Error::NoSuchSession)?;
    let (share, secret) = Share::new(state_dir::random()?, session, "command line", terms);
    let (id, shared) = (share.session.to_string(), share.clone());
    let urls = Urls::configured(config, Some(secret)).ok_or(Error::NoUrl)?;
    vault.change(|ledger| ledger.add(share, terms.now))??;
    confirm(&vault, &shared.id, true).await?;
    let from = from();
    let told = audit::tell(config, &Event::share_add(&shared, &id, by(&from)));
    if let Err(error) = told {
        if config.audit == Auditing::Required {
            vault.change(|ledger| ledger.remove(&shared.id))?;
            return Err(error.into());
        }
        warn(&error);
    }
    Ok(urls.first(Some(&id)))
}

/// All there are, a line each.
pub fn list(config: &Config) -> Result<String, Error> {
    let (state, now) = (existing(config)?.state(), state_dir::now());
    let mut lines = String::new();
    for share in state.ledger.shares().filter(|share| now < share.expires) {
        let Share {
            id,
            name,
            uses,
            expires,
            by,
            confidential,
            ..
        } = share;
        let left = span(expires - now);
        let confidential = if *confidential { ", confidential" } else { "" };
        // A name is anybody's text.
        let name = name.escape_debug();
        // Writing to a String cannot fail.
        let _ = writeln!(
            lines,
            "{}  {name}  {left} left, {uses} uses left, by {by}{confidential}",
            id.as_str()
        );
    }
    Ok(lines)
}

/// Ends one. Good only once the running service has said that it knows.
pub async fn remove(config: &Config, id: &str) -> Result<(), Error> {
    let none = || Error::NoShare(id.to_owned());
    let share = Id::parse(id).ok_or_else(none)?;
    let vault = existing(config)?;
    let ended = vault.change(|ledger| ledger.remove(&share))?;
    // Also for one that had ended before: perhaps that was not confirmed.
    let confirmed = confirm(&vault, &share, false).await;
    if !ended {
        return confirmed.and(Err(none()));
    }
    let (from, id) = (from(), share.as_str());
    let who = by(&from);
    // What was to end has ended, whether that can be written down or not.
    if let Err(error) = audit::tell(config, &Event::ShareEnd { who, id }) {
        warn(&error);
    }
    confirmed
}

/// Asks the running service whether it knows of the change: that this share is there, or not. It looks
/// into the state directory to answer, so it knows from then on at the latest.
async fn confirm(vault: &Vault, id: &Id, there: bool) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Row {
        id: String,
    }
    let answers = client::ask_all(vault, "/api/shares").await;
    let answers = answers.map_err(|cause| Error::Unconfirmed { there, cause })?;
    if answers.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "muxview: no muxview runs with this state directory; the next one goes by it"
        );
    }
    for answer in answers {
        let rows = serde_json::from_slice::<Vec<Row>>(&answer).map_err(|_| Error::Elsewhere)?;
        if rows.iter().any(|row| row.id == id.as_str()) != there {
            return Err(Error::Elsewhere);
        }
    }
    Ok(())
}

/// Who uses the command line.
fn by(from: &str) -> Who<'_> {
    Who {
        who: Some(Text("command line")),
        from: Some(Text(from)),
        ..Who::default()
    }
}

fn from() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

fn warn(error: &audit::Error) {
    let _ = writeln!(std::io::stderr(), "muxview: warning: {error}");
}

/// What is there already.
fn existing(config: &Config) -> Result<Vault, Error> {
    vault(config, Vault::existing)
}

fn vault(
    config: &Config,
    open: impl FnOnce(Option<&Path>) -> Result<Vault, state_dir::Error>,
) -> Result<Vault, Error> {
    match config.auth {
        Auth::Token => Ok(open(config.state_dir.as_deref())?),
        Auth::None | Auth::Proxy => Err(Error::NotHere),
    }
}

/// Seconds, in the largest unit that says enough.
fn span(seconds: Time) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
