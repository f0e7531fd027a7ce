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
    /// Print the URL to open, given the options the service was started with.
    #[command(override_help = HELP)]
    Url {
        /// A session's name: its URL rather than that of the list.
        name: Option<String>,
    },
    /// Check whatever `serve` would refuse at start, changing nothing.
    #[command(override_help = HELP)]
    Check,
    /// Not built yet.
    #[command(hide = true, override_help = HELP)]
    Share {
        /// Taken and ignored.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
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

impl Command {
    /// The name of a command that is foreseen and not there.
    #[must_use]
    pub fn unbuilt(&self) -> Option<&'static str> {
        match self {
            Self::Serve
            | Self::Url { .. }
            | Self::Check
            | Self::Doctor { .. }
            | Self::Completions { .. }
            | Self::Man => None,
            Self::Share { .. } => Some("share"),
        }
    }
}

/// Written by hand so that it fits a screen; a test holds it against [`KEYS`].
const HELP: &str = "\
muxview shows tmux sessions live in the browser, one URL per session.

Usage: muxview [serve] [OPTIONS]     serve, and print the URL to open
       muxview url [NAME] [OPTIONS]  print the URL; give it serve's options
       muxview check [OPTIONS]       check whatever serve would refuse at start
       muxview doctor [--url URL]    check tmux, systemd and the proxy at URL
       muxview man                   the manual: muxview man | man -l -
       muxview completions SHELL     for bash, zsh, fish, elvish or powershell

  --listen ADDR            HOST:PORT or unix:PATH[,mode=MODE][,group=GROUP],
                           repeatable [127.0.0.1:7681]
  --auth HOW               token or none [token]
  --tmux-socket-name NAME  the tmux server, as tmux -L [the user's default]
  --tmux-socket-path PATH  the tmux server, as tmux -S
  --create NAME[=COMMAND]  make sure this session exists, repeatable
  --size-policy WHO        latest, largest, smallest or observe [latest]
  --base-path PATH         what stands before every path [/]
  --public-origin URL      how browsers reach it through a proxy, repeatable
  --state-dir DIR          where sign-ins are kept [~/.local/state/muxview]
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
    /// Who may use it: `token`, whoever opened the printed URL; or `none`, everyone who can
    /// connect, which needs a loopback address or a unix socket [default: token]
    #[arg(long, global = true, value_name = "HOW")]
    auth: Option<String>,
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
    /// Where the secret is kept [default: $STATE_DIRECTORY, else ~/.local/state/muxview]
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    state_dir: Option<String>,
    /// Read options from a TOML file
    #[arg(long, global = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    config: Option<String>,
    /// The form of the log on stderr: `journald` is led by priorities and has no time
    /// [default: journald if the journal reads it, else text]
    #[arg(long, global = true, value_name = "FORM")]
    log: Option<String>,
}

impl Options {
    /// What the command line says for `key`.
    pub(super) fn given(&self, key: &Key) -> Vec<Given> {
        let one = |value: &Option<String>| value.iter().cloned().collect();
        let values: Vec<String> = match key.name {
            "listen" => self.listen.clone(),
            "auth" => one(&self.auth),
            "tmux-socket-name" => one(&self.tmux_socket_name),
            "tmux-socket-path" => one(&self.tmux_socket_path),
            "create" => self.create.clone(),
            "size-policy" => one(&self.size_policy),
            "base-path" => one(&self.base_path),
            "public-origin" => self.public_origin.clone(),
            "state-dir" => one(&self.state_dir),
            "config" => one(&self.config),
            "log" => one(&self.log),
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

/// Every option there is.
pub(super) const KEYS: [Key; 11] = [
    Key {
        name: "listen",
        repeatable: true,
    },
    Key {
        name: "auth",
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
        name: "config",
        repeatable: false,
    },
    Key {
        name: "log",
        repeatable: false,
    },
];

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
        assert!(HELP.lines().count() <= 32);
        assert!(HELP.lines().all(|line| line.chars().count() <= 80));
        for key in KEYS {
            assert!(HELP.contains(&format!("--{} ", key.name)), "{}", key.name);
            assert!(Options::default().given(&key).is_empty());
        }
    }
}
