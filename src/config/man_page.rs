//! The manual page and the completions of shells, made of the command line's own definition. In: a
//! shell. Out: text. Pure.

use clap::CommandFactory as _;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;

use crate::config::Auditing;
use crate::config::Auth;
use crate::config::Cli;
use crate::config::Log;
use crate::config::SizePolicy;
use crate::config::cli_args::KEYS;

/// The command line, with the words that some options may have: they are checked elsewhere,
/// beside those of the environment and the file.
fn command() -> clap::Command {
    let words = [
        ("auth", Auth::WORDS),
        ("audit", Auditing::WORDS),
        ("log", Log::WORDS),
        ("size_policy", SizePolicy::WORDS),
    ];
    words
        .into_iter()
        .fold(Cli::command(), |command, (option, words)| {
            command.mut_arg(option, |arg| {
                arg.value_parser(PossibleValuesParser::new(words))
            })
        })
}

/// Completions for a shell.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut command(), "muxview", &mut script);
    script
}

/// The manual page, section 1.
///
/// # Errors
/// Never, in memory.
pub fn man() -> io::Result<Vec<u8>> {
    let command = Cli::command();
    let commands: Vec<(String, String)> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(|command| {
            let arguments = command.get_positionals().map(|argument| {
                let name = argument.get_id().as_str().to_uppercase();
                if argument.is_required_set() {
                    format!(" {name}")
                } else {
                    format!(" [{name}]")
                }
            });
            let line = command.get_name().to_owned() + &arguments.collect::<String>();
            let about = command.get_about().map(ToString::to_string);
            (line, about.unwrap_or_default())
        })
        .collect();
    let mut page = vec![];
    let manual = Man::new(command).manual("muxview");
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    section(
        &mut page,
        "DESCRIPTION",
        "muxview serves web pages that show the sessions of one tmux server, live: a list, and a \
         page for each session. Whoever may type into one can run anything as the user it runs as.",
    )?;
    let mut list = Roff::new();
    list.control("SH", ["COMMANDS"]);
    for (line, about) in commands {
        list.control("TP", []);
        list.text([bold(line)]);
        list.text([roman(about)]);
    }
    list.to_writer(&mut page)?;
    manual.render_options_section(&mut page)?;
    let mut list = Roff::new();
    list.control("SH", ["ENVIRONMENT"]);
    for key in KEYS {
        list.control("TP", []);
        list.text([bold(key.variable())]);
        let several = if key.repeatable {
            "; several are separated by commas"
        } else {
            ""
        };
        list.text([roman(format!("As --{}{several}.", key.name))]);
    }
    for (name, what) in [
        (
            "RUST_LOG",
            "Narrows or widens the log, as in RUST_LOG=debug.",
        ),
        (
            "NOTIFY_SOCKET, WATCHDOG_USEC",
            "Set by systemd (Type=notify): it is told when requests are answered, how things \
             stand, and, while all that must go on does, that it does.",
        ),
        (
            "LISTEN_FDS, LISTEN_FDNAMES",
            "Set by systemd: the sockets of socket units, on which muxview listens instead of --listen.",
        ),
        (
            "FDSTORE",
            "Set by systemd from version 254 on: how many descriptors it keeps over a restart \
             (FileDescriptorStoreMax=). Unset, any number is taken to be kept by one that passed \
             sockets; 0 has viewers told to come back instead.",
        ),
        ("STATE_DIRECTORY", "Set by systemd: see --state-dir."),
    ] {
        list.control("TP", []);
        list.text([bold(name)]);
        list.text([roman(what)]);
    }
    list.to_writer(&mut page)?;
    section(
        &mut page,
        "CONFIGURATION FILE",
        "The file of --config is TOML. Its keys are the long options without their dashes, \
         repeatable ones may be lists: listen = [\"127.0.0.1:7681\", \"unix:/run/muxview/http\"]. \
         The command line wins over the environment, which wins over the file.",
    )?;
    section(
        &mut page,
        "SIGNALS",
        "SIGTERM and SIGINT end it within five seconds: input that was received is delivered, and \
         viewers are left to the next process where a service manager keeps them for it (FDSTORE), \
         else told to come back. A second one ends it at once. SIGHUP has it check the program that \
         is at its path now (muxview check) and become it in place, with every viewer; where the \
         check fails it goes on as it is, and says why.",
    )?;
    section(
        &mut page,
        "EXIT STATUS",
        "0: all is well. 1: it could not go on. 2: what was asked for is wrong.",
    )?;
    section(&mut page, "SEE ALSO", "tmux(1), systemd.service(5)")?;
    Ok(page)
}

fn section(page: &mut Vec<u8>, title: &str, text: &str) -> io::Result<()> {
    let mut section = Roff::new();
    section.control("SH", [title]);
    section.text([roman(text)]);
    section.to_writer(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    #[test]
    fn the_manual_names_every_option_and_command() {
        let page = String::from_utf8(man().expect("in memory")).expect("text");
        let page = page.replace("\\-", "-");
        for key in KEYS {
            assert!(page.contains(&format!("--{}", key.name)), "{}", key.name);
            assert!(page.contains(&key.variable()), "{}", key.name);
        }
        for command in Cli::command().get_subcommands() {
            let named = page.contains(&format!("fB{}", command.get_name()));
            assert_eq!(named, !command.is_hide_set(), "{}", command.get_name());
        }
    }

    #[test]
    fn every_option_says_what_it_does() {
        for argument in Cli::command().get_arguments() {
            assert!(argument.get_help().is_some(), "{}", argument.get_id());
        }
    }

    #[test]
    fn every_shell_is_completed() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(completions(*shell)).expect("text");
            for word in ["size-policy", "completions", "tmux-socket-name"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            // These two cannot tell values.
            let knows = !matches!(shell, Shell::Elvish | Shell::PowerShell);
            assert!(!knows || script.contains("smallest"), "{shell}");
        }
    }
}
