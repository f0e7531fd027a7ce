//! [`Address`]: where a running muxview is reached from this machine, as it writes it into its state
//! directory. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a service listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// One of its listeners.
    pub listen: Endpoint,
    /// What its paths begin with; empty or `/PREFIX`.
    #[serde(default)]
    pub base_path: String,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// An address of this machine.
    Tcp(SocketAddr),
    /// A path.
    Unix(PathBuf),
}

impl Address {
    /// The best of these listeners for a client on this machine: a loopback address, else a path, else
    /// any other address. Those that accept on every address accept on loopback.
    #[must_use]
    pub fn best(listeners: impl IntoIterator<Item = Endpoint>, base_path: &str) -> Option<Self> {
        let listeners = listeners.into_iter().map(|listen| match listen {
            Endpoint::Tcp(mut address) if address.ip().is_unspecified() => {
                let loopback: std::net::IpAddr = if address.is_ipv4() {
                    std::net::Ipv4Addr::LOCALHOST.into()
                } else {
                    std::net::Ipv6Addr::LOCALHOST.into()
                };
                address.set_ip(loopback);
                Endpoint::Tcp(address)
            }
            listen => listen,
        });
        let listen = listeners.min_by_key(|listen| match listen {
            Endpoint::Tcp(address) if address.ip().is_loopback() => 0,
            Endpoint::Unix(_) => 1,
            Endpoint::Tcp(_) => 2,
        })?;
        let base_path = base_path.to_owned();
        Some(Self { listen, base_path })
    }

    /// Whether only this machine is reached there: nothing is signed for anywhere else.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.listen {
            Endpoint::Tcp(address) => address.ip().is_loopback(),
            Endpoint::Unix(_) => true,
        }
    }

    /// What a request names as its host.
    #[must_use]
    pub fn host(&self) -> String {
        match &self.listen {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listen {
            Endpoint::Tcp(address) => write!(f, "http://{address}{}/", self.base_path),
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(text: &str) -> Endpoint {
        Endpoint::Tcp(text.parse().expect("an address"))
    }

    #[test]
    fn the_listener_nearest_to_a_client_here_is_taken() {
        let unix = Endpoint::Unix("/run/m.sock".into());
        let best = |listeners: &[Endpoint]| {
            let best = Address::best(listeners.iter().cloned(), "/mux");
            best.map(|address| (address.to_string(), address.is_local()))
        };
        let lan = tcp("192.0.2.1:7");
        let all = [lan.clone(), unix.clone(), tcp("0.0.0.0:9")];
        assert_eq!(best(&all), Some(("http://127.0.0.1:9/mux/".into(), true)));
        let six = best(&[tcp("[::]:9")]);
        assert_eq!(six, Some(("http://[::1]:9/mux/".into(), true)));
        let path = best(&[lan.clone(), unix]);
        assert_eq!(path, Some(("unix:/run/m.sock".into(), true)));
        let far = best(&[lan]);
        assert_eq!(far, Some(("http://192.0.2.1:7/mux/".into(), false)));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for listen in [tcp("[::1]:7681"), Endpoint::Unix("/a b".into())] {
            let address = Address {
                listen,
                base_path: "/x".to_owned(),
            };
            let text = serde_json::to_string(&address).expect("plain data");
            assert_eq!(serde_json::from_str::<Address>(&text).ok(), Some(address));
        }
    }
}
