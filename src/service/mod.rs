//! EDGE: the life of the process: listeners, signals, start and stop. In: a [`Config`]. Out: a
//! running [`Service`]. It must not know what is asked of it over HTTP.

mod accept;
mod listen;
pub mod log;
mod notify;
mod passed;
mod secret;
mod signals;
mod status;
mod url;
mod watchdog;

pub use secret::keep as keep_secret;
pub use url::Urls;

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

use crate::config::limits::{SHUTDOWN, TMUX_TIMEOUT};
use crate::config::{Auth, Config, Place, Tmux};
use crate::directory::{Address, Directory};
use crate::hub::Hub;
use crate::pulse::Pulse;
use crate::terminal::Widths;
use crate::tmux::{self, NewSession, SessionName, Status};
use crate::web::access::Access;
use crate::web::presence::Presence;
use crate::web::stopping::{self, Stop};
use crate::web::{App, Parts};
use accept::{Entry, Places};
use listen::Listener;
use notify::Notify;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name tmux may not have; a usage error.
    #[error("{place}: {cause}")]
    Name {
        /// Where it is written.
        place: Place,
        /// What is wrong with it.
        cause: tmux::name::BadName,
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
    /// No listener.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// No secret.
    #[error(transparent)]
    Secret(#[from] secret::Error),
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
            Self::Name { .. } | Self::NoneBeyondLoopback(_) | Self::NoPublicOrigin(_)
        )
    }
}

/// Serves until a signal says otherwise. Prints one line with the URL once it is ready.
pub async fn serve(config: Config) -> Result<(), Error> {
    let notify = Notify::from_environment();
    let mut signals = signals::Signals::new().map_err(Error::Signals)?;
    let service = tokio::select! {
        service = Service::start(config) => service?,
        signal = signals.stop() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
    };
    service.report_to(&notify);
    // Nobody may be reading any more, which is no reason not to serve.
    let _ = writeln!(std::io::stderr(), "muxview: {}", service.urls());
    let signal = signals.stop().await;
    notify.stopping();
    tracing::info!(signal, "stopping; a second signal stops at once");
    tokio::select! {
        () = service.stop() => Ok(()),
        signal = signals.stop() => {
            tracing::warn!(signal, "stopped at once");
            std::process::exit(1);
        }
    }
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

/// A running service.
#[derive(Debug)]
pub struct Service {
    urls: Urls,
    hub: Hub,
    presence: Presence,
    directory: Directory,
    pulse: Pulse,
    places: Places,
    stop: Stop,
    loops: Vec<tokio::task::JoinHandle<()>>,
}

impl Service {
    /// Listens, asks tmux once, makes the sessions that must exist, and answers from then on.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let create = sessions_to_create(&config)?;
        crate::web::record();
        let secret = match config.auth {
            Auth::Token => Some(secret::keep(config.state_dir.as_deref())?),
            // `proxy` is refused by the configuration.
            Auth::None | Auth::Proxy => None,
        };
        let listeners = listeners(&config).await?;
        let urls = Urls::new(
            &config,
            listeners.iter().map(Listener::address),
            secret.clone(),
        );

        let server = tmux::Server::new(match config.tmux {
            Tmux::Default => tmux::Socket::Default,
            Tmux::Name(name) => tmux::Socket::Name(name),
            Tmux::Path(path) => tmux::Socket::Path(path),
        });
        let pulse = Pulse::default();
        let directory = Directory::start(server.clone(), &pulse);
        let widths = timeout(TMUX_TIMEOUT, server.widths())
            .await
            .unwrap_or_else(|_| {
                tracing::warn!("tmux did not say how wide it draws characters in time");
                Widths::default()
            });
        let hub = Hub::new(
            server.clone(),
            Arc::new(widths),
            config.size_policy,
            pulse.clone(),
        );

        let (stop, stopping) = stopping::channel();
        let presence = Presence::default();
        let app = App::new(
            Parts {
                access: Access::new(secret, config.public_origins),
                server: server.clone(),
                directory: directory.clone(),
                hub: hub.clone(),
                presence: presence.clone(),
                stopping: stopping.clone(),
            },
            config.base_path,
        );
        let places = Places::new();
        let entry = Entry {
            app,
            places: places.clone(),
            stopping,
            pulse: pulse.clone(),
        };
        let accept = |listener| tokio::spawn(accept::accept(listener, entry.clone()));
        let loops = listeners.into_iter().map(accept).collect();

        ask(&directory).await;
        // The URL is the last thing said: what was just made shows up there.
        for new in create {
            make_sure(&server, &directory, new).await;
        }
        Ok(Self {
            urls,
            hub,
            presence,
            directory,
            pulse,
            places,
            stop,
            loops,
        })
    }

    /// Where it is reached.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Tells the service manager of readiness, and from then on how things stand.
    fn report_to(&self, notify: &Notify) {
        if !notify.is_heard() {
            return;
        }
        notify.ready();
        let (presence, listing) = (self.presence.clone(), self.directory.watch());
        tokio::spawn(status::keep_current(notify.clone(), presence, listing));
        if let Some(patience) = notify.watchdog() {
            tokio::spawn(watchdog::feed(notify.clone(), self.pulse.clone(), patience));
        }
    }

    /// Ends it: nothing new is accepted, requests are answered, what viewers typed is delivered
    /// and they are told when to come back.
    pub async fn stop(self) {
        let viewers = *self.presence.watch().borrow();
        self.stop.stop(viewers);
        for accepting in self.loops {
            // It panicked or it ended: both are an end.
            let _ = accepting.await;
        }
        // A socket holds its place until its viewer has said goodbye and its input is delivered.
        if timeout(SHUTDOWN * 7 / 10, self.places.empty())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        if timeout(SHUTDOWN / 5, self.hub.shutdown()).await.is_err() {
            tracing::warn!("tmux did not take all input in time");
        }
        tracing::info!("stopped");
    }
}

async fn listeners(config: &Config) -> Result<Vec<Listener>, Error> {
    let (passed, _kept) = listen::passed()?;
    if !passed.is_empty() {
        let open = passed.iter().filter_map(Listener::address);
        let open = open
            .into_iter()
            .find(|address| !address.ip().to_canonical().is_loopback());
        return match (config.auth, open) {
            (Auth::None, Some(address)) => Err(Error::NoneBeyondLoopback(address)),
            (Auth::Token, Some(address)) if config.public_origins.is_empty() => {
                Err(Error::NoPublicOrigin(address))
            }
            _ => Ok(passed),
        };
    }
    let mut listeners = Vec::new();
    for listen in &config.listen {
        listeners.push(Listener::bind(listen).await?);
    }
    Ok(listeners)
}

/// Ready means that tmux has been asked once; a tmux that does not answer is a state, not a reason
/// to wait.
async fn ask(directory: &Directory) {
    let mut listing = directory.watch();
    let asked = listing.wait_for(|listing| listing.status != Status::Starting);
    match timeout(Duration::from_secs(1), asked).await {
        Ok(Ok(listing)) => match &listing.status {
            Status::Failed(error) => tracing::warn!("{error}"),
            status => tracing::info!(?status, "asked tmux"),
        },
        _ => tracing::warn!("tmux has not answered yet"),
    }
}

async fn make_sure(server: &tmux::Server, directory: &Directory, new: NewSession) {
    let name = new.name.clone();
    match server.create(new).await {
        Ok(session) => {
            tracing::info!(id = %session.id, name = session.name, "created a session");
            let address = Address::Id(session.id);
            directory.shows(|now| now.find(&address).is_some()).await;
        }
        Err(tmux::Error::Exists { .. }) => tracing::debug!(?name, "the session exists"),
        Err(error) => tracing::error!("--create {name}: {error}"),
    }
}
