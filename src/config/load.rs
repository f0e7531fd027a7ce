//! [`load`]: command line before environment before file before default; every wrong value is
//! named with its place and what would be right.

use super::listen::UNIX_OPTIONS;
use super::{Allow, Auth, Config, Create, Given, Listen, Origin, Place, Tmux};
use crate::config::cli_args::KEYS;
use crate::config::cli_args::Key;
use crate::config::cli_args::Options;
use crate::config::cli_args::keys;
use crate::config::validate::Conflict;
use crate::config::validate::check;
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::de::{DeTable, DeValue};

/// Why a configuration is refused. Each is a usage error: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that cannot be.
    #[error("{place}: \"{value}\" is not {wanted}")]
    Value {
        /// Where it stands.
        place: Place,
        /// What stands there.
        value: String,
        /// What may stand there.
        wanted: String,
    },
    /// A key nobody knows.
    #[error("{place} is no option; there are {known}")]
    Key {
        /// Where it stands.
        place: Place,
        /// Those there are.
        known: String,
    },
    /// Two options that cannot both be.
    #[error("{first} and {second} exclude each other: leave one out")]
    Both {
        /// One.
        first: Place,
        /// The other.
        second: Place,
    },
    /// The file cannot be read.
    #[error("{place}: cannot read {}: {cause}", path.display())]
    Unreadable {
        /// Where the file is named.
        place: Place,
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{}, line {line}: {cause}", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What the parser says.
        cause: String,
    },
    /// Options that do not go together.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// A configuration and what its author should know about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Sentences for stderr.
    pub warnings: Vec<String>,
}

/// Puts together what command line, environment and file say.
pub fn load(
    options: &Options,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Loaded, Error> {
    let environment = read_environment(environment);
    let mut layers = Layers {
        options,
        file: HashMap::new(),
        environment: environment.variables,
    };
    if let Some(given) = layers.one("config") {
        layers.file = read_file(&given)?;
    }
    let config = layers.config(&environment.system)?;
    let mut warnings = environment.warnings;
    // Whether the author knows what rights to type are worth.
    let narrow_drive = layers.yes("narrow-drive")?;
    warnings.extend(check(&config, narrow_drive)?);
    Ok(Loaded { config, warnings })
}

struct Layers<'a> {
    options: &'a Options,
    environment: HashMap<&'static str, Vec<Given>>,
    file: HashMap<&'static str, Vec<Given>>,
}

impl Layers<'_> {
    fn config(&self, system: &System) -> Result<Config, Error> {
        let mut listen = self.many("listen", parse::<Listen>)?;
        let auth = self.parsed("auth")?.unwrap_or_default();
        // A proxy connects to a unix socket, of which there is no usual one.
        if listen.is_empty() && auth != Auth::Proxy {
            listen.push(Listen::Tcp {
                host: "127.0.0.1".to_owned(),
                port: 7681,
            });
        }
        Ok(Config {
            listen,
            auth,
            allow: self.many("allow", parse::<Allow>)?,
            proxy_secret_file: self
                .one("proxy-secret-file")
                .map(|given| path(&given))
                .transpose()?,
            proxy_peers: self.many("proxy-peer", |given| Ok(given.value))?,
            proxy_user_header: self.one("proxy-user-header").map(header).transpose()?,
            tmux: self.tmux()?,
            create: self.many("create", create)?,
            size_policy: self.parsed("size-policy")?.unwrap_or_default(),
            base_path: self.parsed("base-path")?.unwrap_or_default(),
            public_origins: self.many("public-origin", parse::<Origin>)?,
            state_dir: self
                .one("state-dir")
                .map(|given| path(&given))
                .transpose()?
                .or_else(|| system.state_dir()),
            audit: self.parsed("audit")?.unwrap_or_default(),
            audit_file: self
                .one("audit-file")
                .map(|given| path(&given))
                .transpose()?,
            log: self.parsed("log")?,
            check_frames: self.yes("check-frames")?,
        })
    }

    fn yes(&self, name: &'static str) -> Result<bool, Error> {
        match self.one(name) {
            None => Ok(false),
            Some(given) => match given.value.as_str() {
                "yes" => Ok(true),
                "no" => Ok(false),
                _ => Err(wrong(given, "yes or no")),
            },
        }
    }

    fn tmux(&self) -> Result<Tmux, Error> {
        let (name, path_) = (self.one("tmux-socket-name"), self.one("tmux-socket-path"));
        match (name, path_) {
            (None, None) => Ok(Tmux::Default),
            (Some(name), None) => socket_name(name),
            (None, Some(given)) => Ok(Tmux::Path(path(&given)?)),
            // The nearer layer wins, as everywhere; within one layer it cannot be meant.
            (Some(name), Some(given)) => match rank(&name.place).cmp(&rank(&given.place)) {
                std::cmp::Ordering::Less => socket_name(name),
                std::cmp::Ordering::Greater => Ok(Tmux::Path(path(&given)?)),
                std::cmp::Ordering::Equal => Err(Error::Both {
                    first: name.place,
                    second: given.place,
                }),
            },
        }
    }

    fn all(&self, name: &'static str) -> Vec<Given> {
        let key = keys()
            .find(|key| key.name == name)
            .expect("asked for by its name in KEYS");
        let line = self.options.given(key);
        if !line.is_empty() {
            return line;
        }
        let layer = self.environment.get(name).or_else(|| self.file.get(name));
        layer.cloned().unwrap_or_default()
    }

    fn one(&self, name: &'static str) -> Option<Given> {
        self.all(name).pop()
    }

    fn parsed<T: FromStr<Err = &'static str>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, Error> {
        self.one(name).map(parse).transpose()
    }

    fn many<T>(
        &self,
        name: &'static str,
        read: impl Fn(Given) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.all(name).into_iter().map(read).collect()
    }
}

fn rank(place: &Place) -> u8 {
    match place {
        Place::CommandLine(_) => 0,
        Place::Environment(_) => 1,
        Place::File { .. } => 2,
    }
}

fn wrong(given: Given, wanted: impl Into<String>) -> Error {
    Error::Value {
        place: given.place,
        value: given.value,
        wanted: wanted.into(),
    }
}

fn parse<T: FromStr<Err = &'static str>>(given: Given) -> Result<T, Error> {
    given
        .value
        .parse()
        .map_err(|wanted: &str| wrong(given, wanted))
}

fn path(given: &Given) -> Result<PathBuf, Error> {
    if given.value.is_empty() {
        return Err(wrong(given.clone(), "a path"));
    }
    Ok(PathBuf::from(&given.value))
}

fn header(given: Given) -> Result<String, Error> {
    // RFC 9110, section 5.1; with a `_` nginx and others would drop it.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if given.value.is_empty() || !given.value.bytes().all(plain) {
        return Err(wrong(given, "the name of a header: letters, digits and -"));
    }
    Ok(given.value)
}

fn socket_name(given: Given) -> Result<Tmux, Error> {
    if given.value.is_empty() || given.value.contains('/') {
        return Err(wrong(
            given,
            "a name without / (for a path use tmux-socket-path)",
        ));
    }
    Ok(Tmux::Name(given.value))
}

fn create(given: Given) -> Result<Create, Error> {
    let (name, command) = match given.value.split_once('=') {
        Some((_, "")) => return Err(wrong(given, "NAME or NAME=COMMAND")),
        Some((name, command)) => (name.to_owned(), Some(command.to_owned())),
        None => (given.value, None),
    };
    Ok(Create {
        name,
        command,
        place: given.place,
    })
}

/// What the environment says about the system rather than about us.
#[derive(Default)]
struct System {
    /// systemd's `StateDirectory=`.
    state_directory: Option<OsString>,
    xdg_state_home: Option<OsString>,
    home: Option<OsString>,
}

impl System {
    fn state_dir(&self) -> Option<PathBuf> {
        let some = |value: &Option<OsString>| value.clone().filter(|value| !value.is_empty());
        if let Some(list) = some(&self.state_directory) {
            // Several are separated by colons; ours is the first.
            return std::env::split_paths(&list).next();
        }
        some(&self.xdg_state_home)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| some(&self.home).map(|home| Path::new(&home).join(".local/state")))
            .map(|base| base.join("muxview"))
    }
}

struct Environment {
    variables: HashMap<&'static str, Vec<Given>>,
    system: System,
    warnings: Vec<String>,
}

fn read_environment(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
    let mut read = Environment {
        variables: HashMap::new(),
        system: System::default(),
        warnings: vec![],
    };
    for (name, value) in environment {
        match name.to_str() {
            Some("STATE_DIRECTORY") => read.system.state_directory = Some(value),
            Some("XDG_STATE_HOME") => read.system.xdg_state_home = Some(value),
            Some("HOME") => read.system.home = Some(value),
            Some(name) if name.starts_with("MUXVIEW_") => {
                let Some(key) = keys().find(|key| key.variable() == name) else {
                    // Not refused: container platforms set MUXVIEW_PORT and the like by themselves.
                    read.warnings.push(format!(
                        "{name} in the environment is no option and is ignored; there are {}",
                        list(Key::variable)
                    ));
                    continue;
                };
                let value = value.to_string_lossy().into_owned();
                let place = Place::Environment(name.to_owned());
                let given = |value: &str| Given {
                    value: value.trim().to_owned(),
                    place: place.clone(),
                };
                let values = if key.repeatable {
                    parts(key, &value)
                        .filter(|part| !part.trim().is_empty())
                        .map(given)
                        .collect()
                } else {
                    vec![given(&value)]
                };
                read.variables.insert(key.name, values);
            }
            _ => {}
        }
    }
    read
}

/// The parts of a list separated by commas; what belongs to a unix socket stays with it.
fn parts<'a>(key: &Key, list: &'a str) -> impl Iterator<Item = &'a str> {
    let options: &[&str] = match key.name {
        "listen" => &UNIX_OPTIONS,
        _ => &[],
    };
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let text = rest?;
        let ends = text.match_indices(',').map(|(at, _)| at);
        let end = ends.into_iter().find(|at| {
            let next = text[at + 1..].trim_start();
            !options.iter().any(|option| next.starts_with(option))
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

fn list(written: impl Fn(&Key) -> String) -> String {
    KEYS.iter().map(written).collect::<Vec<_>>().join(", ")
}

fn read_file(named: &Given) -> Result<HashMap<&'static str, Vec<Given>>, Error> {
    let path = PathBuf::from(&named.value);
    let text = std::fs::read_to_string(&path).map_err(|cause| Error::Unreadable {
        place: named.place.clone(),
        path: path.clone(),
        cause,
    })?;
    let line = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let table = DeTable::parse(&text).map_err(|error| Error::Toml {
        path: path.clone(),
        line: line(error.span().map_or(0, |span| span.start)),
        cause: error.message().to_owned(),
    })?;
    let mut read = HashMap::new();
    for (name, value) in table.get_ref() {
        let written = name.get_ref().as_ref();
        let place = |offset| Place::File {
            key: written.to_owned(),
            path: path.clone(),
            line: line(offset),
        };
        let here = place(name.span().start);
        let known = |key: &&Key| key.name == written && key.name != "config";
        let Some(key) = keys().find(known) else {
            return Err(Error::Key {
                place: here,
                known: list(|key| key.name.to_owned()),
            });
        };
        let given = |value: &DeValue<'_>, place: Place| match value {
            DeValue::String(value) => Ok(Given {
                value: value.to_string(),
                place,
            }),
            other => Err(Error::Value {
                place,
                value: other.type_str().to_owned(),
                wanted: if key.repeatable {
                    "a string or a list of strings"
                } else {
                    "a string"
                }
                .to_owned(),
            }),
        };
        let values = match value.get_ref() {
            DeValue::Array(parts) if key.repeatable => parts
                .iter()
                .map(|part| given(part.get_ref(), place(part.span().start)))
                .collect::<Result<_, _>>()?,
            other => vec![given(other, here)?],
        };
        read.insert(key.name, values);
    }
    Ok(read)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
