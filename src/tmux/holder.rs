//! Holders: clients that keep a session attached while muxview is away.
//!
//! A session with `destroy-unattached` ends when its last client leaves. If that is ours, it must stay
//! until the next process of ours has attached, and nothing in our own process group, control group or
//! process tree outlives every restart. So the client is started by the tmux server itself. It goes
//! after [`HOLD_TIME`] whatever becomes of us.
//!
//! It is a control client, which is not neutral: while it is there, programs in the session get no focus
//! reports, and some versions of tmux answer questions about colours with its own. So it is used only
//! where the session would end, and is ended as soon as it is not needed.

use super::{Error, Server, SessionId};
use crate::config::limits::{HOLD_AGAIN, HOLD_TIME};
use crate::tmux::attach::process::Ours;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tmux_interface::{DetachClient, ListClients, RunShell, TmuxCommand};
use tokio::time::sleep;

/// A client that the tmux server started for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The session it holds.
    pub session: SessionId,
    /// What tmux calls it.
    pub client: String,
}

/// A client of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    name: String,
    /// It is a control client.
    control: bool,
    /// This process started it.
    ours: bool,
    /// Its session ends with its last client.
    fleeting: bool,
}

impl Listed {
    /// From a line of [`FORMAT`].
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(4, ' ');
        let (fleeting, control) = (fields.next()?, fields.next()?);
        let pid = fields.next()?.parse().ok()?;
        Some(Self {
            name: fields.next()?.to_owned(),
            control: control == "1",
            ours: Ours::contains(pid),
            fleeting: !matches!(fleeting, "0" | "off"),
        })
    }
}

/// What [`Listed::read`] reads.
const FORMAT: &str = "#{destroy-unattached} #{client_control_mode} #{client_pid} #{client_name}";

impl Server {
    /// If the session would end with our clients, has another one attached to it that outlives this
    /// process; returns when it is there. To be called while no other client starts or ends: up to 3.6,
    /// tmux can crash when something happens while a control client starts.
    ///
    /// # Errors
    /// Whatever keeps tmux from doing so. There is no limit of time.
    pub async fn hold(&self, session: SessionId) -> Result<Option<Holder>, Error> {
        let before = self.clients_of(session).await?;
        let ours = before.iter().all(|client| client.ours && client.fleeting);
        // Where nobody is attached, a holder that goes would end the session.
        if before.is_empty() || !ours {
            return Ok(None);
        }
        let mut command: TmuxCommand<'_> = RunShell::new().background().build();
        command.push_param(hold_command(&located(&self.program.path), session));
        self.program.run("hold the session", command).await?;
        loop {
            let mut now = self.clients_of(session).await?.into_iter();
            if let Some(new) = now.find(|client| client.control && !client.ours) {
                let client = new.name;
                return Ok(Some(Holder { session, client }));
            }
            sleep(HOLD_AGAIN).await;
        }
    }

    /// Ends a holder, unless the session has no other client yet.
    ///
    /// # Errors
    /// Whatever keeps tmux from doing so.
    pub async fn let_go(&self, holder: &Holder) -> Result<(), Error> {
        let clients = self.clients_of(holder.session).await?;
        let (held, others): (Vec<_>, Vec<_>) = clients
            .iter()
            .partition(|client| client.control && client.name == holder.client);
        if held.is_empty() || others.iter().all(|client| client.control) {
            return Ok(());
        }
        let command = DetachClient::new().target_client(&*holder.client).build();
        self.ask("end a client", command).await?;
        Ok(())
    }

    async fn clients_of(&self, session: SessionId) -> Result<Vec<Listed>, Error> {
        let command = ListClients::new()
            .target_session(session.to_string())
            .format(FORMAT)
            .build();
        let listed = self.ask("list the clients", command).await?;
        Ok(listed.lines().filter_map(Listed::read).collect())
    }
}

/// What the server's shell is to run. tmux shows what it prints in somebody's pane, and a status that is
/// not 0, so there is neither.
fn hold_command(tmux: &Path, session: SessionId) -> String {
    let seconds = HOLD_TIME.as_secs();
    // tmux expands formats in it, and the shell knows one character within such quotes.
    let tmux = tmux.to_string_lossy().replace('\'', r"'\''");
    let tmux = tmux.replace('#', "##");
    let mut command = format!("sleep {seconds} | '{tmux}' -C attach-session -E -t '{session}'");
    // Writing to a String cannot fail.
    let _ = write!(command, " -f no-output,ignore-size >/dev/null 2>&1; :");
    command
}

/// Where a program is that is looked up in `PATH`: the tmux server has another one.
fn located(program: &Path) -> PathBuf {
    if program.components().count() > 1 {
        return std::path::absolute(program).unwrap_or_else(|_| program.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|program| program.is_file())
        .unwrap_or_else(|| program.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_path_is_taken_for_a_format_or_ends_its_quotes() {
        let command = hold_command(Path::new("/it's #1/tmux"), SessionId(3));
        assert_eq!(
            command,
            "sleep 60 | '/it'\\''s ##1/tmux' -C attach-session -E -t '$3' -f no-output,ignore-size \
             >/dev/null 2>&1; :"
        );
    }

    #[test]
    fn a_line_is_read() {
        let client = Listed {
            name: "a b".to_owned(),
            control: true,
            ours: false,
            fleeting: true,
        };
        assert_eq!(Listed::read("1 1 4000000 a b"), Some(client.clone()));
        assert_eq!(Listed::read("keep-last 1 4000000 a b"), Some(client));
        assert!(!Listed::read("off 0 4000000 a").expect("whole").fleeting);
        assert_eq!(Listed::read("1 1"), None);
    }

    #[test]
    fn a_program_is_named_in_full() {
        assert!(located(Path::new("sh")).is_absolute());
        assert_eq!(located(Path::new("/bin/sh")), Path::new("/bin/sh"));
    }
}
