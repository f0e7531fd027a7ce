//! [`Overlay`]: what tmux itself may show on a client in place of a session's panes, such as the tree of
//! all sessions. Asked for where viewers may not see other sessions.
//!
//! Modes are told of every pane. tmux tells of no prompt, menu or popup, but commands that would open
//! another one do nothing while one is open, and fail otherwise if their arguments are wrong: so whether
//! they fail is the answer, and they have no effect in either case.

use crate::tmux::{Error, Server, SessionId};
use tmux_interface::{ListPanes, TmuxCommand};

/// Something of tmux's own that covers what a session shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// A mode of a pane, such as choose-tree, or the output of a command.
    Mode,
    /// A prompt in the status line.
    Prompt,
    /// A menu or a popup.
    Popup,
}

/// The modes that show nothing but their own pane.
const OWN: [&str; 3] = ["", "copy-mode", "clock-mode"];
/// No type of prompt, and no lines of a border.
const WRONG: &str = "none-of-these";

impl Server {
    /// What covers a session's current window on a client of ours.
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn overlay(&self, client: &str, id: SessionId) -> Result<Option<Overlay>, Error> {
        let mut modes: TmuxCommand<'_> = ListPanes::new().format("#{pane_mode}").build();
        modes.push_option("-t", format!("{id}:"));
        let command = |words: &[&str]| {
            let mut command: TmuxCommand<'_> = TmuxCommand::new();
            command.name(words[0].to_owned());
            for word in &words[1..] {
                command.push_param((*word).to_owned());
            }
            command
        };
        let questions = [
            modes,
            // One argument is too few for a menu.
            command(&["display-menu", "-c", client, "x"]),
            // The size is looked at only for a new popup.
            command(&["display-popup", "-c", client, "-w", WRONG, "-b", WRONG]),
            command(&["command-prompt", "-b", "-t", client, "-T", WRONG]),
        ];
        let answer = self.ask_each("tell what it shows", &questions).await?;
        read(&answer.0, &answer.1)
    }
}

/// Reads the modes and what was wrong with the other commands.
fn read(modes: &str, wrong: &str) -> Result<Option<Overlay>, Error> {
    let says = |words: &str| wrong.lines().any(|line| line.contains(words));
    if says("can't find client") || says("no current client") {
        return Err(Error::NoSuchClient);
    }
    if says("can't find session") || says("can't find window") {
        return Err(Error::NoSuchSession);
    }
    if !modes.lines().all(|mode| OWN.contains(&mode)) {
        return Ok(Some(Overlay::Mode));
    }
    // Not before tmux 3.3, which knows neither types of prompts nor borders of popups.
    let told = !says("unknown flag") && !says("invalid option") && !says("usage:");
    if !says("not enough arguments") || (told && !says("width")) {
        return Ok(Some(Overlay::Popup));
    }
    if told && !says("unknown type") {
        return Ok(Some(Overlay::Prompt));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: &str = "not enough arguments\nwidth invalid\nunknown type: none-of-these\n";

    #[test]
    fn modes_that_show_more_than_their_pane_cover_it() {
        for (modes, covers) in [
            ("\n", false),
            ("\ncopy-mode\nclock-mode\n", false),
            ("\ntree-mode\n", true),
            ("view-mode\n", true),
            ("some-later-mode\n", true),
        ] {
            let overlay = read(modes, NOTHING).expect("told");
            assert_eq!(overlay, covers.then_some(Overlay::Mode), "{modes:?}");
        }
    }

    #[test]
    fn what_does_not_fail_is_open_already() {
        let prompt = "not enough arguments\nwidth invalid\n";
        assert_eq!(read("\n", prompt), Ok(Some(Overlay::Prompt)));
        // Up to tmux 3.7, and with 3.8.
        for popup in [
            "unknown type: none-of-these\n",
            "popup-border-lines unknown value: none-of-these\nunknown type: none-of-these\n",
            "not enough arguments\npopup-border-lines unknown value: x\nunknown type: x\n",
        ] {
            assert_eq!(read("\n", popup), Ok(Some(Overlay::Popup)), "{popup}");
        }
        assert_eq!(read("\n", NOTHING), Ok(None));
        assert_eq!(read("", "can't find client: x\n"), Err(Error::NoSuchClient));
    }
}
