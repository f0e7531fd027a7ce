//! EDGE: the life of the process: listeners, signals, start and stop. In: a [`Config`]. Out: a
//! running [`Service`]; or why there is none, before anything was changed. It must not know what is
//! asked of it over HTTP.

mod accept;
mod following;
mod gate;
mod handoff;
mod hold;
pub mod log;
mod notify;
mod running;
mod serve;
pub mod share;
mod signals;
mod status;
mod url;
mod watchdog;
mod witness;

pub use running::Service;
pub use serve::serve;
pub use url::Urls;

use std::net::SocketAddr;

use crate::audit;
use crate::config::{Auditing, Config, Place, Tmux};
use crate::net;
use crate::tmux::{self, NewSession, SessionName};

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name tmux may not have; a usage error.
    #[error("{place}: {cause}")]
    Name {
        /// Where it is written.
        place: Place,
        /// What is wrong with it.
        cause: tmux::ids::BadName,
    },
    /// systemd's socket is open to others and `--auth none` is not for them; a usage error.
    #[error(
        "--auth none lets everyone who can connect run commands, so it is refused on {0}, \
         which systemd passed: use --auth token, or a socket unit on 127.0.0.1 or a path"
    )]
    NoneBeyondLoopback(SocketAddr),
    /// systemd's socket is reached under a name only its administrator knows; a usage error.
    #[error(
        "{0}, which systemd passed, is reached under a name only you know: say it with \
         --public-origin, as in --public-origin https://term.example.org"
    )]
    NoPublicOrigin(SocketAddr),
    /// `--auth proxy` and no unix socket; a usage error.
    #[error(
        "--auth proxy believes what its peer says, so it needs a unix socket: \
         --listen unix:PATH, or a path in the socket unit"
    )]
    ProxyBeyondUnix,
    /// No listener.
    #[error(transparent)]
    Listen(#[from] net::Error),
    /// Nobody can be let in.
    #[error(transparent)]
    Gate(#[from] gate::Error),
    /// What happens cannot be written down, and must be.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// No signals.
    #[error("cannot listen to signals: {0}")]
    Signals(std::io::Error),
}

impl Error {
    /// Whether what was asked for is wrong, rather than what was met.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Name { .. }
                | Self::NoneBeyondLoopback(_)
                | Self::NoPublicOrigin(_)
                | Self::ProxyBeyondUnix
        )
    }
}

/// Finds whatever [`serve`] would refuse at start, changing nothing. Gives what is no reason not to
/// start but may be one by then.
pub async fn check(config: &Config) -> Result<Vec<String>, Error> {
    sessions_to_create(config)?;
    gate::check(config)?;
    let mut warnings = vec![];
    match audit::check(config) {
        Err(error) if config.audit == Auditing::Required => return Err(error.into()),
        Err(error) => warnings.push(error.to_string()),
        Ok(()) => {}
    }
    if std::env::var_os("LISTEN_FDS").is_some_and(|count| count != "0") {
        // Then the addresses are not used, and may well be none this user or unit may use.
        return Ok(warnings);
    }
    let taken = net::check(&config.listen).await?;
    let taken = taken
        .iter()
        .map(|place| format!("{place} is in use now, maybe by the muxview that runs"));
    warnings.extend(taken);
    Ok(warnings)
}

/// The tmux server of this configuration.
fn tmux_server(config: &Config) -> tmux::Server {
    tmux::Server::new(match config.tmux.clone() {
        Tmux::Default => tmux::Socket::Default,
        Tmux::Name(name) => tmux::Socket::Name(name),
        Tmux::Path(path) => tmux::Socket::Path(path),
    })
}

/// What `--create` wants, with names tmux may have.
pub fn sessions_to_create(config: &Config) -> Result<Vec<NewSession>, Error> {
    let new = |create: &crate::config::Create| {
        let name: SessionName = create.name.parse().map_err(|cause| Error::Name {
            place: create.place.clone(),
            cause,
        })?;
        Ok(NewSession {
            name,
            command: create.command.clone(),
            cwd: None,
            size: None,
        })
    };
    config.create.iter().map(new).collect()
}
