//! Opens what `--listen` asks for, with what a service manager or the process before this one left open.

use std::io;

use super::error::{Error, failed};
use super::inherited_fds::{self, InheritedFd};
use super::listener::{Listener, Named, bind_tcp};
use super::loopback;
use super::unix_listener::{self, Made};
use crate::config::limits::PORT_TRIES;
use crate::config::{Listen, UnixListen};

/// Whether listening there would go well, changing nothing. Gives the places where somebody is now,
/// which may well be the muxview that runs.
pub(crate) async fn check(listen: &[Listen]) -> Result<Vec<String>, Error> {
    let mut taken = vec![];
    for listen in listen {
        if !check_one(listen).await? {
            taken.push(listen.to_string());
        }
        let Some(address) = loopback::of_configured(listen) else {
            continue;
        };
        match loopback::check(address).map_err(|cause| Error::beside(address, cause)) {
            Ok(()) => {}
            Err(Error::BesideInUse(_)) => taken.push(address.to_string()),
            Err(error) => return Err(error),
        }
    }
    taken.dedup();
    Ok(taken)
}

pub(super) async fn check_one(listen: &Listen) -> Result<bool, Error> {
    let checked = match listen {
        Listen::Tcp { host, port } => bind_tcp(host, *port, |_| Ok(()))
            .await
            .map_err(|cause| failed(listen, cause)),
        Listen::Unix(unix) => unix_listener::check(listen, unix).await,
    };
    match checked {
        Ok(()) => Ok(true),
        Err(Error::InUse(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What an open one of ours is called: all that its configuration says.
fn called(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { .. } => format!("{}{listen}", inherited_fds::OURS),
        Listen::Unix(UnixListen { mode, group, .. }) => {
            let group = group.as_deref().unwrap_or_default();
            format!(
                "{}{listen},mode={mode:o},group={group}",
                inherited_fds::OURS
            )
        }
    }
}

/// Listens where the configuration says, and beside that; with what the image before this one had open
/// there, so that nobody who connects meanwhile is refused.
pub(crate) async fn open(listen: &[Listen], left: Vec<InheritedFd>) -> Result<Vec<Named>, Error> {
    let mut left = left;
    let mut listeners = vec![];
    for listen in listen {
        let name = called(listen);
        let same = left.iter().position(|passed| passed.name == name);
        let adopted = same.map(|at| Listener::adopt(left.remove(at).descriptor));
        let listener = match (adopted, listen) {
            (Some(Ok(Listener::Unix { listener, .. })), Listen::Unix(unix)) => Listener::Unix {
                listener,
                made: Made::at(&unix.path).ok(),
            },
            (Some(Ok(listener)), _) => listener,
            (_, Listen::Tcp { port: 0, .. }) => {
                listeners.extend(any_port(listen, name).await?);
                continue;
            }
            _ => Listener::bind(listen).await?,
        };
        listeners.push(Named {
            name,
            listener,
            beside: false,
        });
    }
    loopback::complete(&mut listeners, left)?;
    Ok(listeners)
}

/// Adds what is missing beside the sockets that were passed.
pub(crate) fn complete(mut given: Vec<Named>, ours: Vec<InheritedFd>) -> Result<Vec<Named>, Error> {
    loopback::complete(&mut given, ours)?;
    Ok(given)
}

/// Listens on a port that the system chooses, until it is one that is free beside that, too.
async fn any_port(listen: &Listen, name: String) -> Result<Vec<Named>, Error> {
    // Held, so that the system chooses another one.
    let mut tried = vec![];
    loop {
        let listener = Listener::bind(listen).await?;
        let address = listener.address().and_then(loopback::of);
        let bound = address.map(|address| (address, loopback::bind(address)));
        let besides = match bound {
            None | Some((_, Ok(None))) => None,
            Some((address, Ok(Some(listener)))) => Some(Named {
                name: loopback::called(address),
                listener: Listener::Tcp(listener),
                beside: true,
            }),
            Some((_, Err(error)))
                if error.kind() == io::ErrorKind::AddrInUse && tried.len() < PORT_TRIES =>
            {
                tried.push(listener);
                continue;
            }
            Some((address, Err(cause))) => return Err(Error::beside(address, cause)),
        };
        let chosen = Named {
            name,
            listener,
            beside: false,
        };
        return Ok([Some(chosen), besides].into_iter().flatten().collect());
    }
}

/// What was passed, by what it is for.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// The service manager's sockets.
    pub(crate) listeners: Vec<Named>,
    /// Listeners of ours that the image before this one had open.
    pub(crate) ours: Vec<InheritedFd>,
    /// What an earlier process of ours left, which is nothing to listen on.
    pub(crate) kept: Vec<InheritedFd>,
}

/// Sorts what was passed.
pub(crate) fn sort(passed: Vec<InheritedFd>) -> Result<Sorted, Error> {
    let mut sorted = Sorted::default();
    let mut useless = None;
    for InheritedFd { name, descriptor } in passed {
        if inherited_fds::KEPT.contains(&name.as_str()) {
            sorted.kept.push(InheritedFd { name, descriptor });
            continue;
        }
        if name.starts_with(inherited_fds::OURS) {
            sorted.ours.push(InheritedFd { name, descriptor });
            continue;
        }
        // What is called otherwise than it is should not be is served all the same: it was put
        // there for us, and who connects would wait for ever.
        match Listener::adopt(descriptor) {
            Ok(listener) => {
                tracing::info!(name, at = %listener, "listening on a socket that was passed");
                sorted.listeners.push(Named {
                    name,
                    listener,
                    beside: false,
                });
            }
            Err(cause) => {
                let error = Error::Passed { name, cause };
                tracing::warn!("{error}");
                useless = Some(error);
            }
        }
    }
    match useless {
        // Not what the administrator meant: listening elsewhere instead would hide it.
        Some(error) if sorted.listeners.is_empty() => Err(error),
        _ => Ok(sorted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bind(text: &str) -> Result<Listener, Error> {
        Listener::bind(&text.parse().expect("an address")).await
    }

    #[tokio::test]
    async fn port_0_is_a_real_port_and_a_taken_one_is_said_so() {
        let first = bind("127.0.0.1:0").await.expect("a free port");
        let address = first.address().expect("TCP");
        assert_ne!(address.port(), 0);
        let error = bind(&address.to_string()).await.expect_err("taken");
        assert!(matches!(error, Error::InUse(_)), "{error}");
        assert!(
            error
                .to_string()
                .starts_with(&format!("{address} is already in use"))
        );
        let error = bind("192.0.2.1:0")
            .await
            .expect_err("a documentation address");
        assert!(matches!(error, Error::NotOurs { .. }), "{error}");
    }
}
