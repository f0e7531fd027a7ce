//! [`Listen`]: where to listen, as `--listen` says it. In: text. Out: an address or a path, and who
//! may use the path. Whether it can be had is not known here. Pure.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// `--listen`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// `HOST:PORT`; the host is a name or an address without brackets.
    Tcp {
        /// Name or address.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
    /// `unix:PATH[,mode=MODE][,group=GROUP]`.
    Unix(UnixListen),
}

/// A socket in the file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixListen {
    /// Where.
    pub path: PathBuf,
    /// Who may connect: those who may write.
    pub mode: u32,
    /// The group of the socket, by name or number; ours if none is said.
    pub group: Option<String>,
}

impl UnixListen {
    /// Whom a socket lets in by default: this user.
    const MODE: u32 = 0o600;

    /// For this user only.
    #[must_use]
    pub fn private(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: Self::MODE,
            group: None,
        }
    }
}

/// What begins an option of a unix socket. In a list separated by commas such a part belongs to
/// the one before.
pub(super) const UNIX_OPTIONS: [&str; 2] = ["mode=", "group="];

impl Listen {
    /// Whether only this machine can connect: a loopback address or a unix socket.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host
                        .parse()
                        .is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
            }
        }
    }
}

const WANTED: &str =
    "HOST:PORT (127.0.0.1:7681, [::1]:7681) or unix:PATH (unix:/run/mux,mode=0660,group=www-data)";

impl FromStr for UnixListen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut rest = text;
        let (mut mode, mut group) = (None, None);
        // From the end, so that a path may have commas.
        while let Some((before, option)) = rest.rsplit_once(',') {
            if let Some(digits) = option.strip_prefix("mode=") {
                let octal = digits.bytes().all(|digit| (b'0'..=b'7').contains(&digit));
                let parsed = u32::from_str_radix(digits, 8)
                    .ok()
                    .filter(|mode| octal && *mode <= 0o777 && mode & 0o600 == 0o600);
                let parsed = parsed.ok_or(
                    "unix:PATH,mode=MODE with MODE in octal, 0600 to 0777: this user must be able to connect",
                )?;
                if mode.replace(parsed).is_some() {
                    return Err("unix:PATH with one mode");
                }
            } else if let Some(name) = option.strip_prefix("group=") {
                if name.is_empty() {
                    return Err("unix:PATH,group=GROUP with the name or the number of a group");
                }
                if group.replace(name.to_owned()).is_some() {
                    return Err("unix:PATH with one group");
                }
            } else {
                break;
            }
            rest = before;
        }
        if rest.is_empty() {
            return Err(WANTED);
        }
        // Linux; elsewhere less, which binding will tell.
        if rest.len() > 107 {
            return Err("unix:PATH with at most 107 bytes of path");
        }
        Ok(Self {
            path: rest.into(),
            mode: mode.unwrap_or(Self::MODE),
            group,
        })
    }
}

impl FromStr for Listen {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(unix) = text.strip_prefix("unix:") {
            return unix.parse().map(Self::Unix);
        }
        let (host, port) = text.rsplit_once(':').ok_or(WANTED)?;
        let port = port.parse().map_err(|_| WANTED)?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(inner) if inner.parse::<std::net::Ipv6Addr>().is_ok() => inner,
            Some(_) => return Err(WANTED),
            None if host.is_empty() || host.contains([':', '/', '@', '[', ']', ' ']) => {
                return Err(WANTED);
            }
            None => host,
        };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(unix) => write!(f, "unix:{}", unix.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_socket_says_who_may_connect() {
        let read = |text: &str| text.parse::<Listen>();
        let unix = |path: &str, mode, group: Option<&str>| {
            Ok(Listen::Unix(UnixListen {
                path: path.into(),
                mode,
                group: group.map(str::to_owned),
            }))
        };
        assert_eq!(read("unix:/a"), unix("/a", 0o600, None));
        assert_eq!(read("unix:/a,mode=0660"), unix("/a", 0o660, None));
        assert_eq!(
            read("unix:/a,b,group=www-data,mode=666"),
            unix("/a,b", 0o666, Some("www-data"))
        );
        for wrong in [
            "unix:",
            "unix:,mode=0660",
            "unix:/a,mode=",
            "unix:/a,mode=8",
            "unix:/a,mode=0060",
            "unix:/a,mode=4755",
            "unix:/a,mode=+660",
            "unix:/a,group=",
            "unix:/a,mode=660,mode=600",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&format!("unix:/{}", "x".repeat(107))).is_err());
    }
}
