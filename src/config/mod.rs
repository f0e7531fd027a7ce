//! The configuration and every limit: plain data, parsed once. A leaf: every module may import it,
//! it imports none. What a person wrote comes in through [`load`]; nothing else here does IO.

mod cli_args;
pub mod limits;
mod listen;
mod load;
mod man_page;
mod origin;
mod rules;
mod validate;

pub use cli_args::Cli;
pub use cli_args::Command;
pub use cli_args::Given;
pub use cli_args::Place;
pub use cli_args::Share;
pub use listen::{Listen, UnixListen};
pub use load::{Error, Loaded, load};
pub use man_page::completions;
pub use man_page::man;
pub use origin::Origin;
pub use rules::Allow;
pub use rules::Role;
pub use validate::Conflict;

use std::path::PathBuf;
use std::str::FromStr;

/// All that can be configured, checked.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Where we listen, unless systemd passes sockets. Empty after [`load`] only with
    /// [`Auth::Proxy`].
    pub listen: Vec<Listen>,
    /// Who may do what.
    pub auth: Auth,
    /// What a proxy's users may do.
    pub allow: Vec<Allow>,
    /// What proves that it is the proxy that names a user: the first line of this file.
    pub proxy_secret_file: Option<PathBuf>,
    /// Who may connect for users: names or numbers of users of this machine. Ourselves if empty.
    pub proxy_peers: Vec<String>,
    /// The header in which the proxy names the user.
    pub proxy_user_header: Option<String>,
    /// Which tmux server.
    pub tmux: Tmux,
    /// Sessions that must exist once we run.
    pub create: Vec<Create>,
    /// Who decides a session's size.
    pub size_policy: SizePolicy,
    /// What stands before every path, for proxies that do not strip it.
    pub base_path: BasePath,
    /// How browsers reach us besides the listeners' own addresses.
    pub public_origins: Vec<Origin>,
    /// Where the secret is kept; `None` when the system names no place.
    pub state_dir: Option<PathBuf>,
    /// Whether it is written down who did what.
    pub audit: Auditing,
    /// Where; in the state directory if not said.
    pub audit_file: Option<PathBuf>,
    /// The form of the log on stderr; if none is said, as whoever reads it likes it.
    pub log: Option<Log>,
    /// Apply every frame to a terminal and tell of those that are wrong.
    pub check_frames: bool,
}

impl Config {
    /// Where it is written down who did what; `None` when the system names no place.
    #[must_use]
    pub fn audit_path(&self) -> Option<PathBuf> {
        let usual = || Some(self.state_dir.as_ref()?.join("audit.jsonl"));
        self.audit_file.clone().or_else(usual)
    }
}

/// `--auth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Whoever opened a link of ours drives and manages.
    #[default]
    Token,
    /// A proxy says who it is, and [`Config::allow`] what they may do.
    Proxy,
    /// Everyone drives and manages.
    None,
}

/// `--tmux-socket-name`, `--tmux-socket-path`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tmux {
    /// The user's default server.
    #[default]
    Default,
    /// As `tmux -L`.
    Name(String),
    /// As `tmux -S`.
    Path(PathBuf),
}

/// `--create NAME[=COMMAND]`. Whether tmux may have the name is decided by `tmux::SessionName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Create {
    /// The session's name.
    pub name: String,
    /// What runs in it; the shell if absent.
    pub command: Option<String>,
    /// Where it was written, for messages.
    pub place: Place,
}

/// Who decides a session's size, as tmux's `window-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizePolicy {
    /// The driver who acted last.
    #[default]
    Latest,
    /// The largest driver.
    Largest,
    /// The smallest driver.
    Smallest,
    /// Never claim a size: always show the window as it is.
    Observe,
}

/// `--audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auditing {
    /// It is written down; if that fails, it goes on all the same.
    #[default]
    On,
    /// It is not.
    Off,
    /// Nothing new may be done while it cannot be written down.
    Required,
}

/// `--log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Log {
    /// A line a person reads.
    #[default]
    Text,
    /// An object a line.
    Json,
    /// Without time, each line led by its priority `<N>`.
    Journald,
}

/// `--base-path`: empty, or `/a/b` without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BasePath(String);

impl BasePath {
    /// Empty, or `/a/b`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BasePath {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "a path that starts with / and has only letters, digits and - . _ ~ /";
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        let path = text.strip_suffix('/').unwrap_or(text);
        let clean = path
            .split('/')
            .skip(1)
            .all(|part| !matches!(part, "" | "." | ".."));
        if !text.starts_with('/') || !path.chars().all(plain) || !clean {
            return Err(WANTED);
        }
        Ok(Self(path.to_owned()))
    }
}

/// A value that is one of a few words; the table is what messages offer, but for what is `unoffered`.
macro_rules! words {
    ($kind:ty { $($word:literal => $value:expr),+ $(,)? } $(unoffered $hidden:literal => $other:expr)?) => {
        impl $kind {
            /// What may be written.
            const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl FromStr for $kind {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok($value),)+
                    $($hidden => Ok($other),)?
                    _ => Err(words!(@list $($word),+)),
                }
            }
        }
    };
    (@list $first:literal $(, $rest:literal)*) => { concat!("one of ", $first $(, ", ", $rest)*) };
}

words!(Auth { "token" => Self::Token, "none" => Self::None, "proxy" => Self::Proxy });
words!(Auditing { "on" => Self::On, "off" => Self::Off, "required" => Self::Required });
words!(Log { "text" => Self::Text, "json" => Self::Json, "journald" => Self::Journald });
words!(SizePolicy {
    "latest" => Self::Latest, "largest" => Self::Largest,
    "smallest" => Self::Smallest, "observe" => Self::Observe,
});
