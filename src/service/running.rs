//! [`Service`]: everything that runs, between start and stop. In: a [`Config`], and what the process
//! before this one left. Out: a service that answers, and at its end either nothing or what the next
//! process needs to go on. It must not know why it is ended.

use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::accept::{self, Entry, Places};
use super::following::Following;
use super::handoff::store;
use super::handoff::{self, Inherited};
use super::hold::Holders;
use super::notify::Notify;
use super::{Error, Urls, gate, sessions_to_create, status, tmux_server, watchdog, witness};
use crate::audit::Audit;
use crate::bridge::Kept;
use crate::config::limits::{FREEZE, METERS_INTERVAL, REQUESTS_END, SHUTDOWN};
use crate::config::{Auth, Config};
use crate::directory::{Address, Directory};
use crate::heartbeat::Pulse;
use crate::hub::{Hub, end_clients};
use crate::net::inherited_fds::{self, InheritedFd};
use crate::net::{self, Listener, Named, Sorted};
use crate::state_dir::Vault;
use crate::tmux::{self, Holder, NewSession, Status};
use crate::web::api::effects::Effects;
use crate::web::auth::budget::Budgets;
use crate::web::auth::caller::Access;
use crate::web::connection::limit::Connections;
use crate::web::shutdown;
use crate::web::shutdown::Stop;
use crate::web::socket::handover::Frozen;
use crate::web::viewer_counts::Presence;
use crate::web::{App, Parts, Refusals, Rounds, Throttle};

/// A running service.
#[derive(Debug)]
pub struct Service {
    urls: Urls,
    hub: Hub,
    server: tmux::Server,
    holders: Holders,
    presence: Presence,
    directory: Directory,
    pulse: Pulse,
    places: Places,
    stop: Stop,
    app: App,
    audit: Audit,
    /// The accept loops, by what their listeners are called.
    loops: Vec<(String, JoinHandle<Listener>)>,
    /// The service manager passed what it listens on.
    pub(super) given: bool,
    /// How many descriptors the service manager keeps for the next process.
    stored: usize,
    /// What is done and told now and then while this runs.
    reports: JoinSet<()>,
}

/// A service at rest: what the next process needs.
#[derive(Debug)]
pub(super) struct Rest {
    listeners: Vec<InheritedFd>,
    viewers: Vec<Frozen>,
    clients: Vec<Kept>,
    holders: Vec<Holder>,
    widths: Option<serde_json::Value>,
    app: App,
    places: Places,
}

impl Service {
    /// Listens, asks tmux once, makes the sessions that must exist, and answers from then on.
    pub async fn start(config: Config) -> Result<Self, Error> {
        Self::resume(config, vec![], &Notify::default()).await
    }

    /// As [`Service::start`]; goes on with the viewers another process left among what was passed.
    pub(super) async fn resume(
        config: Config,
        passed: Vec<InheritedFd>,
        notify: &Notify,
    ) -> Result<Self, Error> {
        let create = sessions_to_create(&config)?;
        crate::web::record();
        // First of all: it looks at whether the place of the audit log can be trusted.
        let sign_in = gate::sign_in(&config)?;
        let audit = Audit::open(&config)?;
        let Sorted {
            listeners: given,
            ours,
            kept,
        } = net::sort(passed)?;
        let passes = !given.is_empty();
        let stored = store::capacity(notify, passes);
        let listeners = listeners(&config, given, ours).await?;
        let mut inherited = Inherited::read(kept);
        let left = inherited.take_signatures();
        if left.is_some() && notify.is_heard() {
            // The process after this one must not find them again.
            store::forget(notify);
        }
        // Only an image in the same process has had the sockets open all the time.
        let left = left.map(|left| match inherited_fds::is_successor() {
            true => left,
            false => left.from_now(),
        });
        let access = Access::new(sign_in, config.public_origins.clone()).resuming(left);
        if let Some(vault) = access.vault() {
            let sockets = listeners
                .iter()
                .filter_map(|named| named.listener.reached());
            let address = net::Address::best(sockets, config.base_path.as_str());
            // Before anybody is served: what others change from now on they ask us about.
            let following = Following::begin(vault.clone(), address.as_ref());
            tokio::spawn(following.keep());
            tokio::spawn(gate::expire(vault.clone(), audit.clone()));
        }
        let link = access.vault().map(Vault::link).transpose();
        let link = link.map_err(gate::Error::Vault)?;
        let urls = Urls::new(
            &config,
            listeners
                .iter()
                .filter(|named| !named.beside)
                .map(|named| named.listener.address()),
            link,
        );
        witness::started(&audit, &config, inherited.len());

        let server = tmux_server(&config);
        if let Some(left) = inherited.take_widths() {
            server.resume_widths(left);
        }
        let pulse = Pulse::default();
        let directory = Directory::start(server.clone(), &pulse);
        // Measured before the first viewer comes; who comes first waits for it.
        let measuring = server.clone();
        tokio::spawn(async move { measuring.widths().await });
        let hub = Hub::new(server.clone(), &config, pulse.clone());

        let (stop, stopping) = shutdown::channel();
        let presence = Presence::default();
        let places = Places::new();
        let budgets = Budgets::new(places.all());
        let app = App::new(
            Parts {
                access,
                server: server.clone(),
                directory: directory.clone(),
                hub: hub.clone(),
                presence: presence.clone(),
                stopping: stopping.clone(),
                throttle: Throttle::default(),
                budgets: budgets.clone(),
                refusals: Refusals::new(audit.clone()),
                audit: audit.clone(),
                rounds: Rounds::default(),
                effects: Effects::default(),
            },
            config.base_path,
        );
        let holders = Holders::default();
        if !inherited.is_empty() {
            // Before a byte is read or written: whoever takes them out of the store after that would
            // find them elsewhere than they were left.
            if notify.is_heard() {
                store::forget(notify);
            }
            hub.adopt(inherited.take_clients());
            holders.adopt(inherited.take_holders(), &server);
            tokio::spawn(inherited.resume(app.clone(), places.clone(), hub.clone()));
        }
        let entry = Entry {
            app: app.clone(),
            places: places.clone(),
            connections: Connections::new(places.all(), budgets),
            stopping,
            pulse: pulse.clone(),
        };
        let accept = |Named { name, listener, .. }| {
            (name, tokio::spawn(accept::accept(listener, entry.clone())))
        };
        let loops = listeners.into_iter().map(accept).collect();

        let mut reports = JoinSet::new();
        let summing_up = app.clone();
        reports.spawn(async move {
            loop {
                sleep(METERS_INTERVAL).await;
                crate::web::tidy();
                summing_up.sum_up(false);
            }
        });
        reports.spawn(witness::watch_tmux(audit.clone(), directory.watch()));
        ask(&directory).await;
        // The URL is the last thing said: what was just made shows up there.
        for new in create {
            make_sure(&server, &directory, &audit, new).await;
        }
        Ok(Self {
            urls,
            hub,
            server,
            holders,
            presence,
            directory,
            pulse,
            places,
            stop,
            app,
            audit,
            loops,
            given: passes,
            stored,
            reports,
        })
    }

    /// Where it is reached.
    #[must_use]
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Tells the service manager of readiness, and from then on how things stand.
    pub(super) fn report_to(&mut self, notify: &Notify) {
        if !notify.is_heard() {
            return;
        }
        notify.ready();
        let (presence, listing) = (self.presence.clone(), self.directory.watch());
        self.reports
            .spawn(status::keep_current(notify.clone(), presence, listing));
        if let Some(patience) = notify.watchdog() {
            let (told, pulse) = (notify.clone(), self.pulse.clone());
            self.reports
                .spawn(watchdog::feed(move || told.alive(), pulse, patience));
        }
    }

    /// Ends it. Viewers are left to the next process, if the service manager keeps them for it.
    pub(super) async fn retire(self, notify: &Notify, why: &str) {
        let viewers = *self.presence.watch().borrow();
        // One for the state.
        let room = self.stored.saturating_sub(1);
        if (viewers == 0 && self.hub.is_idle()) || room == 0 {
            if notify.is_heard() {
                // The next process may be started at once.
                self.holders.hold(&self.hub, &self.server).await;
            }
            return self.end(why).await;
        }
        let audit = self.audit.clone();
        let mut rest = self.leave(why).await;
        let too_many = rest.viewers.split_off(room.min(rest.viewers.len()));
        let room = room - rest.viewers.len();
        let unkept = rest.clients.split_off(room.min(rest.clients.len()));
        let (app, places) = (rest.app.clone(), rest.places.clone());
        let left = rest.viewers.len();
        rest.listeners.clear();
        let passed = rest.pack();
        let stored = store::keep(notify, &passed);
        match &stored {
            Ok(()) => tracing::info!(viewers = left, "left the viewers to the next process"),
            Err(error) => {
                tracing::error!(%error, "the service manager does not keep the viewers: they are told to come again");
                store::forget(notify);
                Inherited::read(passed).dismiss(&app, &places).await;
            }
        }
        end_clients(unkept).await;
        handoff::dismiss(too_many, &app).await;
        audit.settle().await;
        tracing::info!("stopped");
    }

    /// Brings everything to rest: nothing new is accepted, requests are answered, what viewers typed
    /// is delivered, and from then on nobody reads or writes their sockets.
    pub(super) async fn leave(self, why: &str) -> Rest {
        // While everything goes on, so that nobody waits for it.
        let holders = self.holders.hold(&self.hub, &self.server).await;
        let mut open = self.presence.watch();
        self.stop.close();
        let mut listeners = vec![];
        for (name, accepting) in self.loops {
            // One that panicked is opened anew.
            let Ok(listener) = accepting.await else {
                continue;
            };
            match listener.into_descriptor() {
                Ok(descriptor) => listeners.push(InheritedFd { name, descriptor }),
                Err(error) => tracing::warn!(%error, name, "cannot hand a listener over"),
            }
        }
        let requests_end = async {
            loop {
                let viewers = *open.borrow_and_update();
                tokio::select! {
                    () = self.places.at_most(viewers) => return,
                    changed = open.changed() => if changed.is_err() { return },
                }
            }
        };
        if timeout(REQUESTS_END, requests_end).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        let all = *open.borrow();
        let mut frozen = self.stop.freeze(all);
        if timeout(FREEZE, open.wait_for(|open| *open == 0))
            .await
            .is_err()
        {
            tracing::warn!("some viewers could not be frozen in time; they lose their connection");
        }
        let viewers: Vec<Frozen> = std::iter::from_fn(|| frozen.try_recv().ok()).collect();
        let clients = self.hub.hand_over().await;
        tracing::info!(viewers = viewers.len(), of = all, "everything is at rest");
        self.app.sum_up(true);
        witness::stopped(&self.audit, why, viewers.len()).await;
        Rest {
            listeners,
            viewers,
            clients,
            holders,
            widths: self.server.leave_widths(),
            app: self.app,
            places: self.places,
        }
    }

    /// Ends it for good: nothing new is accepted, requests are answered, what viewers typed is
    /// delivered and they are told when to come back.
    pub async fn stop(self) {
        self.end("asked to").await;
    }

    async fn end(self, why: &str) {
        let viewers = *self.presence.watch().borrow();
        self.stop.stop(viewers);
        for (_, accepting) in self.loops {
            // It panicked or it ended: both are an end.
            let _ = accepting.await;
        }
        // A socket holds its place until its viewer has said goodbye and its input is delivered.
        if timeout(SHUTDOWN * 3 / 5, self.places.empty())
            .await
            .is_err()
        {
            tracing::warn!("some connections did not end in time");
        }
        self.hub.shutdown().await;
        self.app.sum_up(true);
        witness::stopped(&self.audit, why, 0).await;
        tracing::info!("stopped");
    }
}

impl Rest {
    /// As the next process will find it.
    pub(super) fn pack(self) -> Vec<InheritedFd> {
        let mut passed = self.listeners;
        passed.extend(handoff::pack(
            self.viewers,
            self.clients,
            self.holders,
            self.widths,
            &self.app,
        ));
        passed
    }
}

async fn listeners(
    config: &Config,
    passed: Vec<Named>,
    ours: Vec<InheritedFd>,
) -> Result<Vec<Named>, Error> {
    if !passed.is_empty() {
        let open = passed.iter().filter_map(|named| named.listener.address());
        let open = open
            .into_iter()
            .find(|address| !address.ip().to_canonical().is_loopback());
        return match (config.auth, open) {
            (Auth::None, Some(address)) => Err(Error::NoneBeyondLoopback(address)),
            (Auth::Proxy, _)
                if passed
                    .iter()
                    .any(|named| named.listener.address().is_some()) =>
            {
                Err(Error::ProxyBeyondUnix)
            }
            (Auth::Token, Some(address)) if config.public_origins.is_empty() => {
                Err(Error::NoPublicOrigin(address))
            }
            _ => Ok(net::complete(passed, ours)?),
        };
    }
    if config.listen.is_empty() {
        return Err(Error::ProxyBeyondUnix);
    }
    Ok(net::open(&config.listen, ours).await?)
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

async fn make_sure(server: &tmux::Server, directory: &Directory, audit: &Audit, new: NewSession) {
    let name = new.name.clone();
    match server.create(new).await {
        Ok(session) => {
            tracing::info!(id = %session.id, name = session.name, "created a session");
            witness::created(audit, &session);
            let address = Address::Id(session.id);
            directory.shows(|now| now.find(&address).is_some()).await;
        }
        Err(tmux::Error::Exists { .. }) => tracing::debug!(?name, "the session exists"),
        Err(error) => tracing::error!("--create {name}: {error}"),
    }
}
