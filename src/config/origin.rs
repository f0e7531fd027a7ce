//! [`Origin`]: scheme, host and port, compared exactly. No patterns: an unanchored one is how
//! others let `evil-example.com` in.

use std::fmt;
use std::str::FromStr;

/// `http` or `https`, a host in lower case (IPv6 in brackets) and a port, the default one filled in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin a plain request to `authority` (a Host header) has.
    #[must_use]
    pub fn of_host(authority: &str) -> Option<Self> {
        Self::with_scheme(false, authority)
    }

    /// The host, in lower case; IPv6 in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a Host header `authority` names this origin's host, whatever scheme it was reached by.
    #[must_use]
    pub fn answers_to(&self, authority: &str) -> bool {
        Self::with_scheme(self.https, authority)
            .is_some_and(|other| other.host == self.host && other.port == self.port)
    }

    fn with_scheme(https: bool, authority: &str) -> Option<Self> {
        let default = if https { 443 } else { 80 };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inner, after) = rest.split_once(']')?;
                inner.parse::<std::net::Ipv6Addr>().ok()?;
                (&authority[..inner.len() + 2], after)
            }
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            // As everyone writes it: without a sign, a zero before it, or nothing.
            Some(digits) => {
                let port: u16 = digits.parse().ok()?;
                Some(port).filter(|port| port.to_string() == digits)?
            }
            None if port.is_empty() => default,
            None => return None,
        };
        let name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let plain = host.starts_with('[') || (!host.is_empty() && host.chars().all(name));
        plain.then(|| Self {
            https,
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "an origin like https://term.example.org (http or https, host, maybe a port; no path, no *)";
        let (scheme, authority) = text.split_once("://").ok_or(WANTED)?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(WANTED),
        };
        Self::with_scheme(https, authority).ok_or(WANTED)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = if self.https {
            ("https", 443)
        } else {
            ("http", 80)
        };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_exact() {
        for (text, written) in [
            ("https://Term.Example", Some("https://term.example")),
            ("https://term.example:443", Some("https://term.example")),
            ("http://[::1]:7681", Some("http://[::1]:7681")),
            ("http://localhost:80", Some("http://localhost")),
            ("null", None),
            ("", None),
            ("https://", None),
            ("ftp://a", None),
            ("https://a/", None),
            ("https://a/b", None),
            ("https://*.a", None),
            ("https://user@a", None),
            ("https://a:", None),
            ("https://a:+80", None),
            ("https://a:0443", None),
            ("https://a:65536", None),
            ("https://a b", None),
            ("http://[::1", None),
            ("http://[::1]x", None),
        ] {
            let read = text.parse::<Origin>().ok().map(|origin| origin.to_string());
            assert_eq!(read.as_deref(), written, "{text}");
        }
    }
}
