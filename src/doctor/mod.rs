//! `muxview doctor`: checks what commonly breaks, and says how to mend it. `gather` and `ask` find out, the
//! others judge, and are pure. In: the configuration. Out: findings. It must not change anything, nor
//! know the running service's inside.

mod cgroup;
mod facts;
mod finding;
mod limits;
mod proxy;
mod server;
mod socket;
mod url_probe;

pub use finding::{Finding, Level};

use crate::config::{Config, Tmux};
use crate::tmux::{self, Socket};
use server::Server;

/// A URL that is none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUrl(&'static str);

/// Looks at everything, at a proxy too if one is to be asked.
///
/// # Errors
/// When `url` is none.
pub async fn examine(config: &Config, url: Option<&str>) -> Result<Vec<Finding>, BadUrl> {
    let target = url
        .map(url_probe::Target::parse)
        .transpose()
        .map_err(BadUrl)?;
    let socket = match &config.tmux {
        Tmux::Default => Socket::Default,
        Tmux::Name(name) => Socket::Name(name.clone()),
        Tmux::Path(path) => Socket::Path(path.clone()),
    };
    let mut found = Vec::new();

    let version = facts::tmux_version().await;
    found.push(server::program(version.as_deref().map_err(String::as_str)));
    let running = facts::running().await;
    if version.is_ok() {
        let state = facts::server(&socket).await;
        let path = socket.path();
        found.push(server::server(&state, &path.to_string_lossy()));
        if let Server::Up(up) = &state {
            let home = facts::cgroup(up.pid);
            found.push(cgroup::home(
                home.as_ref(),
                &running,
                &facts::family(up.pid),
            ));
            found.push(server::locale(up));
            found.push(server::terminal(up));
        }
        found.extend(server::own_locale(facts::charmap().await.as_deref()));
        let described = ["tmux-256color", "screen-256color"];
        found.extend(server::own_terminal(
            described.into_iter().any(tmux::terminal_described),
        ));
    }
    for muxview in &running {
        found.extend(cgroup::running(muxview));
    }
    let proxies = facts::proxies();
    for door in facts::doors(config).await {
        found.extend(socket::door(&door, &proxies));
    }
    found.extend(facts::secrets(config).iter().filter_map(socket::secret));
    if let Some(audit) = facts::audit(config) {
        found.extend([limits::audit(&audit), limits::chain(&audit)]);
    }
    found.push(limits::files(facts::own_open_files(), &running));
    if let Some((used, most)) = facts::ptys() {
        found.push(limits::ptys(used, most));
    }
    if let Some(target) = target {
        found.extend(through(&target).await);
    }
    Ok(found)
}

/// Asks as a browser would.
async fn through(target: &url_probe::Target) -> Vec<Finding> {
    let (url, origin) = (target.url(), target.origin());
    let health = url_probe::health(target).await;
    let answer = health.answer.as_ref().map_err(String::as_str);
    let reached = proxy::reached(&url, &origin, answer);
    let mut found = Vec::new();
    if health.untrusted {
        found.push(Finding::warn(
            "certificate",
            format!("this system does not trust that of {origin}, and browsers may not either"),
            "get one from an authority (certbot, Caddy), or make the browser trust yours",
        ));
    }
    let there = reached.level == Level::Ok;
    found.push(reached);
    if there {
        let upgrade = url_probe::upgrade(target).await;
        let answer = upgrade.answer.as_ref().map_err(String::as_str);
        found.push(proxy::upgraded(&origin, answer));
    }
    found
}
