//! `[::1]` beside `127.0.0.1`: browsers take `localhost` for either, so who listens on one of them and
//! leaves the other to anybody else shares its pages' origin. In: the addresses that are listened on.
//! Out: the listeners that are missing, or why one cannot be had. A machine without IPv6 has none.

use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::{TcpListener, TcpSocket};

use super::error::Error;
use super::inherited_fds::{self, InheritedFd};
use super::listener::{Listener, Named};
use crate::config::Listen;
use crate::config::limits::BACKLOG;

/// The address that must be ours as well, if there is one.
pub(super) fn of(address: SocketAddr) -> Option<SocketAddr> {
    let wanted = [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED].map(IpAddr::V4);
    wanted
        .contains(&address.ip())
        .then(|| (Ipv6Addr::LOCALHOST, address.port()).into())
}

/// The same for what is configured; `None` too where only the system knows the port.
pub(super) fn of_configured(listen: &Listen) -> Option<SocketAddr> {
    let Listen::Tcp { host, port } = listen else {
        return None;
    };
    let named = host.eq_ignore_ascii_case("localhost");
    let ip = if named {
        Ipv4Addr::LOCALHOST.into()
    } else {
        host.parse().ok()?
    };
    (*port != 0)
        .then(|| of(SocketAddr::new(ip, *port)))
        .flatten()
}

/// Listens there; `None` where this machine, or this unit, has no IPv6.
pub(super) fn bind(address: SocketAddr) -> io::Result<Option<TcpListener>> {
    let bound = socket(address).and_then(|socket| socket.listen(BACKLOG));
    absent(bound)
}

/// Whether it would go well.
pub(super) fn check(address: SocketAddr) -> io::Result<()> {
    absent(socket(address)).map(|_| ())
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v6()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn absent<T>(bound: io::Result<T>) -> io::Result<Option<T>> {
    match bound {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::AFNOSUPPORT.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the listener beside this address is called.
pub(super) fn called(address: SocketAddr) -> String {
    format!("{}{address},beside", inherited_fds::OURS)
}

/// Adds what is missing beside these; first of what the image before this one had open there. That one
/// may have been a build that listened on one address only: then it is too late to refuse.
pub(super) fn complete(listeners: &mut Vec<Named>, left: Vec<InheritedFd>) -> Result<(), Error> {
    let (mut left, goes_on) = (left, inherited_fds::is_successor());
    let open: Vec<SocketAddr> = listeners
        .iter()
        .filter_map(|named| named.listener.address())
        .collect();
    let covered = |wanted: &SocketAddr| {
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, wanted.port()));
        open.contains(wanted) || open.contains(&everywhere)
    };
    let missing = open.iter().copied().filter_map(of);
    for address in missing.filter(|wanted| !covered(wanted)) {
        let name = called(address);
        let same = left.iter().position(|passed| passed.name == name);
        let adopted = same.map(|at| Listener::adopt(left.remove(at).descriptor));
        let listener = match adopted {
            Some(Ok(listener)) => Some(listener),
            _ => match bind(address) {
                Ok(listener) => listener.map(Listener::Tcp),
                Err(cause) if goes_on => {
                    tracing::error!("{}", Error::beside(address, cause));
                    None
                }
                Err(cause) => return Err(Error::beside(address, cause)),
            },
        };
        listeners.extend(listener.map(|listener| Named {
            name,
            listener,
            beside: true,
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_answers_to_127_0_0_1_needs_another() {
        for (listen, wanted) in [
            ("127.0.0.1:80", Some("[::1]:80")),
            ("localhost:80", Some("[::1]:80")),
            ("0.0.0.0:80", Some("[::1]:80")),
            ("127.0.0.1:0", None),
            ("127.0.0.2:80", None),
            ("192.0.2.1:80", None),
            ("[::1]:80", None),
            ("[::]:80", None),
            ("unix:/a", None),
        ] {
            let listen: Listen = listen.parse().expect("right");
            let beside = of_configured(&listen).map(|address| address.to_string());
            assert_eq!(beside.as_deref(), wanted, "{listen}");
        }
    }

    #[test]
    fn a_machine_without_ipv6_is_no_error() {
        let error = |errno: Errno| Err::<(), _>(io::Error::from(errno));
        assert!(matches!(absent(error(Errno::AFNOSUPPORT)), Ok(None)));
        assert!(matches!(absent(error(Errno::ADDRNOTAVAIL)), Ok(None)));
        assert!(absent(error(Errno::ADDRINUSE)).is_err());
    }
}
