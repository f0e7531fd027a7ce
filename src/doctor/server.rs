//! Checks of the tmux program and its server: version, socket, locale, terminal. In: what was found out
//! about them. Out: findings. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use super::finding::Finding;
use crate::tmux::Version;

/// What came of looking for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// Nobody listens on the socket.
    Absent,
    /// The socket is not for us.
    Refused,
    /// It took too long.
    Hung,
    /// Clients of the program in PATH cannot talk to it.
    Mismatch {
        /// The version of the program.
        program: String,
        /// The server's.
        server: String,
        /// The server's process.
        pid: String,
    },
    /// It did not answer as it should; its words.
    Failed(String),
    /// It answers.
    Up(Up),
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Up {
    pub(super) pid: u32,
    pub(super) version: String,
    /// `default-terminal`.
    pub(super) terminal: String,
    /// Whether the machine describes that terminal.
    pub(super) described: bool,
    /// What every new pane gets.
    pub(super) environment: Vec<(String, String)>,
}

pub(super) fn program(said: Result<&str, &str>) -> Finding {
    let install = "apt-get install tmux (or your system's way); tmux 3.2 or newer is needed";
    match said {
        Err(why) => Finding::fail("tmux", format!("it cannot be run: {why}"), install),
        Ok(said) => match Version::parse(said).supported() {
            Ok(version) => Finding::ok("tmux", version.text),
            Err(error) => Finding::fail("tmux", error.to_string(), install),
        },
    }
}

pub(super) fn server(server: &Server, path: &str) -> Finding {
    let what = "tmux server";
    match server {
        Server::Absent => Finding::ok(
            what,
            format!("none at {path} yet; the first session starts it"),
        ),
        Server::Refused => Finding::fail(
            what,
            format!("{path} is another user's, so its sessions cannot be shown"),
            "run muxview as that user, or say another server: --tmux-socket-path PATH",
        ),
        Server::Hung => Finding::fail(
            what,
            format!("the one at {path} does not answer: it may be stopped, or busy"),
            format!("kill -CONT $(fuser {path} 2>/dev/null)"),
        ),
        Server::Failed(words) => Finding::fail(
            what,
            format!("the one at {path} does not answer as it should: {words}"),
            "see what its process does; ending it ends every session",
        ),
        Server::Mismatch {
            program,
            server,
            pid,
        } => Finding::fail(
            what,
            format!(
                "the one at {path} is tmux {server}, the program in PATH is {program}, and they cannot \
                 work together"
            ),
            format!("save your work, then: kill {pid} (it ends every session of that server)"),
        ),
        Server::Up(up) => Finding::ok(
            what,
            format!("tmux {} answers at {path}, process {}", up.version, up.pid),
        ),
    }
}

/// Whether programs in the panes write UTF-8.
pub(super) fn locale(up: &Up) -> Finding {
    let value = |name: &str| {
        let set = up.environment.iter().find(|(key, _)| key == name);
        set.map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    };
    let named = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| Some((name, value(name)?)));
    let mend = "tmux set-environment -g LANG C.UTF-8 (for new panes; for good: LANG in the environment the server starts in)";
    match named {
        Some((name, value)) => {
            let plain = value.to_ascii_lowercase().replace('-', "");
            if plain.contains("utf8") {
                Finding::ok("locale", format!("panes have {name}={value}"))
            } else {
                Finding::warn(
                    "locale",
                    format!("panes have {name}={value}, so programs in them write no UTF-8"),
                    mend.replace("LANG C", &format!("{name} C")),
                )
            }
        }
        None => Finding::warn(
            "locale",
            "panes have no LANG, so programs in them write ? for what is not ASCII",
            mend,
        ),
    }
}

/// Whether the C library knows the locale our own clients run in.
pub(super) fn own_locale(charmap: Option<&str>) -> Option<Finding> {
    let charmap = charmap?.trim();
    (charmap != "UTF-8").then(|| {
        Finding::fail(
            "locale",
            format!("this system has no C.UTF-8 (it gives {charmap}), so tmux cannot draw UTF-8"),
            "apt-get install locales && locale-gen C.UTF-8, or a newer libc",
        )
    })
}

/// Whether programs in the panes find their terminal described.
pub(super) fn terminal(up: &Up) -> Finding {
    let name = &up.terminal;
    let ours = ["tmux", "screen"]
        .iter()
        .any(|family| name == family || name.starts_with(&format!("{family}-")));
    if !up.described {
        Finding::fail(
            "TERM",
            format!(
                "panes have TERM={name}, which this machine does not describe: programs draw wrongly"
            ),
            "apt-get install ncurses-term, or tmux set-option -g default-terminal screen-256color",
        )
    } else if ours {
        Finding::ok("TERM", format!("panes have {name}"))
    } else {
        Finding::warn(
            "TERM",
            format!("panes have TERM={name}, but tmux is no {name}: some programs draw wrongly"),
            "tmux set-option -g default-terminal tmux-256color",
        )
    }
}

/// Whether the terminal our own tmux clients say they run in is described.
pub(super) fn own_terminal(described: bool) -> Option<Finding> {
    (!described).then(|| {
        Finding::fail(
            "TERM",
            "this machine describes neither tmux-256color nor screen-256color, so no session can be shown",
            "apt-get install ncurses-base ncurses-term",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn up(environment: &[(&str, &str)]) -> Up {
        Up {
            pid: 7,
            version: "3.3a".into(),
            terminal: "tmux-256color".into(),
            described: true,
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        }
    }

    #[test]
    fn the_program_and_the_server_are_judged() {
        assert_eq!(program(Ok("tmux 3.3a\n")).level, Level::Ok);
        assert_eq!(program(Ok("tmux 3.1c")).level, Level::Fail);
        assert_eq!(program(Err("not found")).level, Level::Fail);
        let judge = |state: Server| server(&state, "/s").level;
        assert_eq!(judge(Server::Absent), Level::Ok);
        assert_eq!(judge(Server::Refused), Level::Fail);
        assert_eq!(judge(Server::Hung), Level::Fail);
        assert_eq!(judge(Server::Failed("x".into())), Level::Fail);
        assert_eq!(judge(Server::Up(up(&[]))), Level::Ok);
        let mismatch = Server::Mismatch {
            program: "3.8".into(),
            server: "3.3a".into(),
            pid: "77".into(),
        };
        let found = server(&mismatch, "/s");
        assert_eq!(found.level, Level::Fail);
        let said = found.to_string();
        for part in ["tmux 3.3a", "is 3.8", "kill 77"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn the_locale_that_holds_is_the_one_that_counts() {
        for (environment, level) in [
            (&[("LANG", "de_DE.UTF-8")][..], Level::Ok),
            (&[("LANG", "C.utf8")], Level::Ok),
            (&[("LANG", "C.UTF-8"), ("LC_ALL", "C")], Level::Warn),
            (&[("LANG", "C"), ("LC_ALL", "")], Level::Warn),
            (&[], Level::Warn),
        ] {
            assert_eq!(locale(&up(environment)).level, level, "{environment:?}");
        }
        assert!(own_locale(None).is_none() && own_locale(Some("UTF-8\n")).is_none());
        assert!(own_locale(Some("ANSI_X3.4-1968")).is_some());
    }

    #[test]
    fn a_pane_is_a_tmux_and_described() {
        let judge = |terminal: &str, described| {
            terminal_level(&Up {
                terminal: terminal.into(),
                described,
                ..up(&[])
            })
        };
        assert_eq!(judge("screen", true), Level::Ok);
        assert_eq!(judge("tmux-256color", true), Level::Ok);
        assert_eq!(judge("tmux-256color", false), Level::Fail);
        assert_eq!(judge("xterm-256color", true), Level::Warn);
        assert!(own_terminal(true).is_none() && own_terminal(false).is_some());
    }

    fn terminal_level(up: &Up) -> Level {
        terminal(up).level
    }
}
