//! Where a client is, and what would come of its leaving: what a bridge must know of its own client
//! before it shows a picture or goes.

use super::{Error, Server, SessionId};
use tmux_interface::{DisplayMessage, ListClients, TmuxCommand};

/// Which session a client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// The session it shows now.
    pub session: SessionId,
    /// Whether it showed another one before that still exists.
    pub switched: bool,
}

impl Server {
    /// Which session a client shows now, and whether it was ever switched; `None` when there is no
    /// such client.
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn client_whereabouts(&self, client: &str) -> Result<Option<Whereabouts>, Error> {
        let mut command: TmuxCommand<'_> = ListClients::new().build();
        // Nothing in between can contain a tab but the name of the last session, which comes last.
        command.push_option(
            "-F",
            "#{session_id}\t#{client_name}\t#{client_last_session}",
        );
        let clients = match self.ask("list the clients", command).await {
            // No server, no clients.
            Err(Error::NoServer) => return Ok(None),
            answer => answer?,
        };
        Ok(clients.lines().find_map(|line| {
            let mut fields = line.splitn(3, '\t');
            let (id, name) = (fields.next()?, fields.next()?);
            let last = fields.next().unwrap_or_default();
            (name == client).then_some(Whereabouts {
                session: id.parse().ok()?,
                switched: !last.is_empty(),
            })
        }))
    }

    /// Whether the session would end if one client left it (`destroy-unattached`).
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn dies_unattached(&self, id: SessionId) -> Result<bool, Error> {
        let mut command: TmuxCommand<'_> = DisplayMessage::new().print().build();
        command
            .push_option("-t", format!("{id}:"))
            .push_param("#{session_attached} #{destroy-unattached}");
        let said = self.ask("look who is attached", command).await?;
        let (attached, destroyed) = said.trim().split_once(' ').unwrap_or(("", ""));
        let last = attached.parse::<u32>().is_ok_and(|attached| attached <= 1);
        Ok(last && !matches!(destroyed, "" | "0" | "off"))
    }
}
