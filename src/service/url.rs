//! [`Urls`]: where a person opens it. In: listeners, public origins, base path, the secret of a
//! link that signs in. Out: a line. It must not know whether anyone listens.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::{Config, Listen};

/// What stands in a path as it is: what no browser and no shell takes for something else.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'-')
    .remove(b'.')
    .remove(b'@');

/// The URLs of a service. Displayed: all in one line, with what signs in.
#[derive(Debug, Clone)]
pub struct Urls {
    /// Without path, in the order they are offered.
    roots: Vec<String>,
    path: String,
    link: Option<String>,
}

impl Urls {
    /// With the real addresses of the listeners, `None` for those that have none.
    #[must_use]
    pub fn new(
        config: &Config,
        addresses: impl IntoIterator<Item = Option<SocketAddr>>,
        link: Option<String>,
    ) -> Self {
        let local = addresses.into_iter().flatten().map(|address| {
            let ip = match address.ip() {
                // "Every address" is none to open; this machine's own is among them.
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            format!("http://{}", SocketAddr::new(ip, address.port()))
        });
        let public = config.public_origins.iter().map(ToString::to_string);
        let mut roots: Vec<String> = local.chain(public).collect();
        if roots.is_empty() {
            roots.push("http://localhost".to_owned());
        }
        Self {
            roots,
            path: config.base_path.as_str().to_owned(),
            link,
        }
    }

    /// As far as the configuration alone tells: for `muxview url`, beside the running service.
    /// `None` where only the service knows the port.
    #[must_use]
    pub fn configured(config: &Config, link: Option<String>) -> Option<Self> {
        let mut roots: Vec<String> = config
            .public_origins
            .iter()
            .map(ToString::to_string)
            .collect();
        for listen in &config.listen {
            match listen {
                Listen::Tcp { port: 0, .. } if roots.is_empty() => return None,
                Listen::Tcp { port: 0, .. } | Listen::Unix(_) => {}
                Listen::Tcp { host, port } => {
                    let open = match host.as_str() {
                        "0.0.0.0" => "127.0.0.1",
                        "::" => "::1",
                        host => host,
                    };
                    let open = Listen::Tcp {
                        host: open.to_owned(),
                        port: *port,
                    };
                    roots.push(format!("http://{open}"));
                }
            }
        }
        if roots.is_empty() {
            roots.push("http://localhost".to_owned());
        }
        Some(Self {
            roots,
            path: config.base_path.as_str().to_owned(),
            link,
        })
    }

    /// The first URL, of the list or of one session.
    #[must_use]
    pub fn first(&self, session: Option<&str>) -> String {
        self.url(&self.roots[0], session)
    }

    /// All in one line for those who keep it: without what signs in.
    #[must_use]
    pub fn without_link(&self) -> String {
        let bare = Self {
            link: None,
            ..self.clone()
        };
        match self.link {
            Some(_) => format!("{bare} (a link that signs in: muxview url)"),
            None => bare.to_string(),
        }
    }

    fn url(&self, root: &str, session: Option<&str>) -> String {
        let session = session.map(|name| format!("s/{}", utf8_percent_encode(name, PLAIN)));
        let link = self.link.as_ref().map(|link| format!("#t={link}"));
        let (session, link) = (session.unwrap_or_default(), link.unwrap_or_default());
        format!("{root}{}/{session}{link}", self.path)
    }
}

impl fmt::Display for Urls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, root) in self.roots.iter().enumerate() {
            let or = if index == 0 { "" } else { " or " };
            write!(f, "{or}{}", self.url(root, None))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(origins: &[&str], listen: &[&str]) -> Config {
        Config {
            listen: listen
                .iter()
                .map(|text| text.parse().expect("right"))
                .collect(),
            public_origins: origins
                .iter()
                .map(|text| text.parse().expect("right"))
                .collect(),
            base_path: "/mux".parse().expect("right"),
            ..Config::default()
        }
    }

    #[test]
    fn a_person_can_open_them() {
        let link = "1.link.seal";
        let here: SocketAddr = "127.0.0.1:7".parse().expect("an address");
        let plain = Urls::new(&Config::default(), [Some(here)], None);
        assert_eq!(plain.to_string(), "http://127.0.0.1:7/");
        assert_eq!(
            plain.first(Some("ä b$")),
            "http://127.0.0.1:7/s/%C3%A4%20b%24"
        );
        let everywhere: SocketAddr = "[::]:7".parse().expect("an address");
        let config = config(&["https://term.example"], &["[::]:7"]);
        let open = Urls::new(&config, [None, Some(everywhere)], Some(link.to_owned()));
        let t = link;
        let line = format!("http://[::1]:7/mux/#t={t} or https://term.example/mux/#t={t}");
        assert_eq!(open.to_string(), line);
    }

    #[test]
    fn the_configuration_tells_what_it_can() {
        for (origins, listen, wanted) in [
            (
                &[][..],
                &["127.0.0.1:7681"][..],
                Some("http://127.0.0.1:7681/mux/"),
            ),
            (&[], &["0.0.0.0:1"], Some("http://127.0.0.1:1/mux/")),
            (&[], &["127.0.0.1:0"], None),
            (&["https://a"], &["127.0.0.1:0"], Some("https://a/mux/")),
            (&["https://a"], &["127.0.0.1:1"], Some("https://a/mux/")),
            (&[], &["unix:/x"], Some("http://localhost/mux/")),
        ] {
            let urls = Urls::configured(&config(origins, listen), None);
            assert_eq!(
                urls.map(|urls| urls.first(None)).as_deref(),
                wanted,
                "{listen:?}"
            );
        }
    }
}
