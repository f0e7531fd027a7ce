//! The command line, and where a value may be written: command line, environment, file.

use std::fmt;
use std::path::PathBuf;

/// The command line as clap reads it. Values are checked later, beside those of the environment
/// and the file, so that all three are named alike.
#[derive(Debug, clap::Parser)]
#[command(
    name = "muxview",
    version,
    about = "tmux sessions live in the browser, one URL per session",
    override_help = HELP,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What is to be done; `serve` if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options.
    #[command(flatten)]
    pub options: Options,
}

/// What is to be done.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Serve the sessions, and print the URL to open. The default.
    #[command(override_help = HELP)]
    Serve,
    /// Print a URL to open, given the options the service was started with. Under `--auth token` it
    /// signs in once, within a quarter of an hour.
    #[command(override_help = HELP)]
    Url {
        /// A session's name: its URL rather than that of the list.
        name: Option<String>,
        /// Draw it as a QR code too, for a phone.
        #[arg(long)]
        qr: bool,
    },
    /// Check whatever `serve` would refuse at start, changing nothing.
    #[command(override_help = HELP)]
    Check,
    /// Let others watch one session by a link: make such links, list and end them.
    #[command(subcommand, override_help = HELP)]
    Share(Share),
    /// Check what commonly breaks, and say how to mend it.
    #[command(override_help = HELP)]
    Doctor {
        /// Look at the proxy that serves this URL, too.
        #[arg(long, value_name = "URL")]
        url: Option<String>,
    },
    /// Print completions for a shell.
    #[command(override_help = HELP)]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    #[command(override_help = HELP)]
    Man,
}

/// What is to be done with links that share a session.
#[derive(Debug, clap::Subcommand)]
pub enum Share {
    /// Make a link, and print it.
    #[command(override_help = HELP)]
    Add {
        /// The session, by name or id.
        name: String,
        /// How long it is good: 90m, 12h, 7d [default: 1h]
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        seconds: Option<u64>,
        /// How often it may be opened [default: 10]
        #[arg(long, value_name = "NUMBER")]
        uses: Option<u32>,
        /// Compress nothing for those who open it, so that lengths tell less.
        #[arg(long)]
        confidential: bool,
        /// Draw it as a QR code too.
        #[arg(long)]
        qr: bool,
    },
    /// List them.
    #[command(override_help = HELP)]
    Ls,
    /// End one: whoever came by it is shut out at once.
    #[command(override_help = HELP)]
    Rm {
        /// As `share ls` shows it.
        id: String,
    },
}

/// `90m` in seconds.
fn seconds(text: &str) -> Result<u64, &'static str> {
    const WANTED: &str = "a number and s, m, h or d, such as 90m";
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(WANTED)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(WANTED),
    };
    let number: u64 = number.parse().map_err(|_| WANTED)?;
    number.checked_mul(unit).ok_or(WANTED)
}

/// Written by hand so that it fits a screen; a test holds it against [`KEYS`].
const HELP: &str = "\
muxview shows tmux sessions live in the browser, one URL per session.

Usage: muxview [serve] [OPTIONS]     serve, and print the URL to open
       muxview url [NAME] [--qr]     print a URL to open; give serve's options
       muxview share add NAME        a link that only watches; share ls, rm ID
       muxview check [OPTIONS]       check whatever serve would refuse at start
       muxview doctor [--url URL]    check tmux, systemd and the proxy at URL
       muxview man                   the manual: muxview man | man -l -
       muxview completions SHELL     for bash, zsh, fish, elvish or powershell

  --listen ADDR            HOST:PORT or unix:PATH[,mode=MODE][,group=GROUP],
                           repeatable [127.0.0.1:7681]
  --auth HOW               token, none or proxy [token]
  --allow RULE             a proxy's users: USER=ROLE[:SESSIONS], where ROLE is
                           view, drive or manage; --proxy-secret-file FILE,
                           --proxy-peer USER, --proxy-user-header NAME and
                           --narrow-drive YES: see muxview man
  --tmux-socket-name NAME  the tmux server, as tmux -L [the user's default]
  --tmux-socket-path PATH  the tmux server, as tmux -S
  --create NAME[=COMMAND]  make sure this session exists, repeatable
  --size-policy WHO        latest, largest, smallest or observe [latest]
  --base-path PATH         what stands before every path [/]
  --public-origin URL      how browsers reach it through a proxy, repeatable
  --state-dir DIR          where sign-ins are kept [~/.local/state/muxview]
  --audit HOW              who did what is written down: on, off or required
                           [on]; --audit-file FILE [in the state dir]
  --config FILE            read options from a TOML file
  --log FORM               text, json or journald [text; journald in a unit]
  -h, --help               this
  -V, --version            the version

An option is also MUXVIEW_OPTION in the environment (MUXVIEW_LISTEN=a,b) and a
key in the file (listen = [\"a\", \"b\"]). The command line wins, then the
environment. Exit codes: 0 good, 1 could not go on, 2 wrong usage.
";

/// The options as written. Each name here is in [`KEYS`].
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Where to listen: HOST:PORT, or unix:PATH, whose file has mode 0600 and our group unless
    /// `,mode=MODE` and `,group=GROUP` say otherwise. Repeatable. Sockets passed by systemd win
    /// [default: 127.0.0.1:7681]
    #[arg(long, global = true, value_name = "ADDR")]
    listen: Vec<String>,
    /// Who may use it: `token`, whoever opened the printed URL; `none`, everyone who can connect,
    /// which needs a loopback address or a unix socket; or `proxy`, whom a reverse proxy names and
    /// `--allow` lets in [default: token]
    #[arg(long, global = true, value_name = "HOW")]
    auth: Option<String>,
    /// With `--auth proxy`: what a user may do, as USER=ROLE[:SESSIONS] where ROLE is view, drive or
    /// manage; `*` in USER or SESSIONS is any text, `?` any character. Repeatable; the most counts
    #[arg(long, global = true, value_name = "RULE")]
    allow: Vec<String>,
    /// With `--auth proxy`: `yes` accepts rules that let somebody type into some sessions only,
    /// although whoever types into one can reach all of them through tmux itself [default: no]
    #[arg(long, global = true, value_name = "YES")]
    narrow_drive: Option<String>,
    /// With `--auth proxy`: the file whose first line the proxy sends as X-Muxview-Proxy-Secret:
    /// root's or our own, with mode 0600 or 0640
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    proxy_secret_file: Option<String>,
    /// With `--auth proxy`: the user the proxy runs as, by name or number. Repeatable
    /// [default: the user muxview runs as]
    #[arg(long, global = true, value_name = "USER")]
    proxy_peer: Vec<String>,
    /// With `--auth proxy`: the header that names the user [default: X-Muxview-User]
    #[arg(long, global = true, value_name = "NAME")]
    proxy_user_header: Option<String>,
    /// The tmux server, as `tmux -L` [default: the user's default server]
    #[arg(long, global = true, value_name = "NAME")]
    tmux_socket_name: Option<String>,
    /// The tmux server, as `tmux -S`
    #[arg(long, global = true, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    tmux_socket_path: Option<String>,
    /// Make sure this session exists at start, running COMMAND or the shell. Repeatable
    #[arg(long, global = true, value_name = "NAME[=COMMAND]")]
    create: Vec<String>,
    /// Who decides a session's size, as tmux's `window-size`; `observe` never claims one
    /// [default: latest]
    #[arg(long, global = true, value_name = "WHO")]
    size_policy: Option<String>,
    /// What stands before every path, for proxies that do not strip it [default: /]
    #[arg(long, global = true, value_name = "PATH")]
    base_path: Option<String>,
    /// How browsers reach it through a proxy, as in https://term.example.org. Repeatable
    #[arg(long, global = true, value_name = "URL")]
    public_origin: Vec<String>,
    /// Where sign-ins are kept [default: $STATE_DIRECTORY, else $XDG_STATE_HOME/muxview, else
    /// ~/.local/state/muxview]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    state_dir: Option<String>,
    /// Whether it is written down, a line of JSON each, who came, left, signed in, failed to, shared,
    /// created, renamed and ended: never what was typed or shown. With `required` nothing new may be
    /// done while that cannot be written [default: on]
    #[arg(long, global = true, value_name = "HOW")]
    audit: Option<String>,
    /// Where. It may be moved away at any time, and is put aside as FILE.1 at 64 MiB
    /// [default: audit.jsonl in the state directory]
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    audit_file: Option<String>,
    /// Read options from a TOML file
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<String>,
    /// The form of the log on stderr: `journald` is led by priorities and has no time
    /// [default: journald if the journal reads it, else text]
    #[arg(long, global = true, value_name = "FORM")]
    log: Option<String>,
    /// `yes` applies every frame to a terminal before it is sent, and tells of those that give
    /// another picture than they should; costs more than all else together [default: no]
    #[arg(long, global = true, value_name = "YES", hide = true)]
    check_frames: Option<String>,
}

impl Options {
    /// What the command line says for `key`.
    pub(super) fn given(&self, key: &Key) -> Vec<Given> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        let values: Vec<String> = match key.name {
            "listen" => self.listen.clone(),
            "auth" => one(&self.auth),
            "allow" => self.allow.clone(),
            "narrow-drive" => one(&self.narrow_drive),
            "proxy-secret-file" => one(&self.proxy_secret_file),
            "proxy-peer" => self.proxy_peer.clone(),
            "proxy-user-header" => one(&self.proxy_user_header),
            "tmux-socket-name" => one(&self.tmux_socket_name),
            "tmux-socket-path" => one(&self.tmux_socket_path),
            "create" => self.create.clone(),
            "size-policy" => one(&self.size_policy),
            "base-path" => one(&self.base_path),
            "public-origin" => self.public_origin.clone(),
            "state-dir" => one(&self.state_dir),
            "audit" => one(&self.audit),
            "audit-file" => one(&self.audit_file),
            "config" => one(&self.config),
            "log" => one(&self.log),
            "check-frames" => one(&self.check_frames),
            other => unreachable!("{other} is in KEYS but not an option"),
        };
        let given = |value| Given {
            value,
            place: Place::CommandLine(key.name),
        };
        values.into_iter().map(given).collect()
    }
}

/// An option's name and whether it may be given more than once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) repeatable: bool,
}

/// Every option people are told of.
pub(super) const KEYS: [Key; 18] = [
    Key {
        name: "listen",
        repeatable: true,
    },
    Key {
        name: "auth",
        repeatable: false,
    },
    Key {
        name: "allow",
        repeatable: true,
    },
    Key {
        name: "narrow-drive",
        repeatable: false,
    },
    Key {
        name: "proxy-secret-file",
        repeatable: false,
    },
    Key {
        name: "proxy-peer",
        repeatable: true,
    },
    Key {
        name: "proxy-user-header",
        repeatable: false,
    },
    Key {
        name: "tmux-socket-name",
        repeatable: false,
    },
    Key {
        name: "tmux-socket-path",
        repeatable: false,
    },
    Key {
        name: "create",
        repeatable: true,
    },
    Key {
        name: "size-policy",
        repeatable: false,
    },
    Key {
        name: "base-path",
        repeatable: false,
    },
    Key {
        name: "public-origin",
        repeatable: true,
    },
    Key {
        name: "state-dir",
        repeatable: false,
    },
    Key {
        name: "audit",
        repeatable: false,
    },
    Key {
        name: "audit-file",
        repeatable: false,
    },
    Key {
        name: "config",
        repeatable: false,
    },
    Key {
        name: "log",
        repeatable: false,
    },
];

/// For who works on muxview itself: in no help, but an option like the others.
const HIDDEN: Key = Key {
    name: "check-frames",
    repeatable: false,
};

/// Every option, also what is hidden.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain([&HIDDEN])
}

impl Key {
    /// `MUXVIEW_LISTEN`.
    pub(super) fn variable(&self) -> String {
        format!(
            "MUXVIEW_{}",
            self.name.replace('-', "_").to_ascii_uppercase()
        )
    }
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// As written.
    pub value: String,
    /// Where.
    pub place: Place,
}

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An option of the command line.
    CommandLine(&'static str),
    /// A variable of the environment.
    Environment(String),
    /// A key of the configuration file.
    File {
        /// The key as written.
        key: String,
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine(name) => write!(f, "--{name}"),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::File { key, path, line } => {
                write!(f, "{key} in {}, line {line}", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_help_fits_a_screen_and_names_every_option() {
        Cli::command().debug_assert();
        assert!(HELP.lines().count() <= 40);
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
        for key in KEYS {
            assert!(HELP.contains(&format!("--{} ", key.name)), "{}", key.name);
            assert!(Options::default().given(&key).is_empty());
        }
    }

    #[test]
    fn times_are_read() {
        for (text, wanted) in [
            ("90m", Some(5400)),
            ("1h", Some(3600)),
            ("7d", Some(604_800)),
            ("5s", Some(5)),
            ("", None),
            ("h", None),
            ("-1h", None),
            ("1.5h", None),
            ("10", None),
            ("1\u{e4}", None),
            ("99999999999999999999d", None),
            ("9999999999999999999d", None),
        ] {
            assert_eq!(seconds(text).ok(), wanted, "{text}");
        }
    }
}
