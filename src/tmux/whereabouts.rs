//! Where a client is, and what would come of its leaving: what a bridge must know of its own client
//! before it shows a picture or goes.

use super::event::with_status;
use super::{Error, Server, SessionId};
use crate::terminal::Size;
use tmux_interface::{DisplayMessage, ListClients, TmuxCommand};

/// Which session a client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// The session it shows now.
    pub session: SessionId,
    /// When that was made: another server numbers from 0 again.
    pub created: u64,
    /// Whether it showed another one before that still exists.
    pub switched: bool,
    /// The size of a pty that shows its window whole, status lines included.
    pub window: Size,
    /// Bytes tmux has thrown away for it because it did not take them in time.
    pub discarded: u64,
    /// Differs from the epoch of an earlier answer if the client may have shown a session that has
    /// ended since.
    pub epoch: Epoch,
}

/// What changes when a client comes to a session, and when any session of the server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// When a client last came to the session, in seconds since 1970.
    pub attached: u64,
    /// How many sessions of the server have ended; tmux up to 3.3 does not tell.
    pub ended: Option<u64>,
}

impl Whereabouts {
    /// From a line of our own format: the client's name and where it is.
    fn read(line: &str) -> Option<(&str, Self)> {
        let mut fields = line.splitn(11, '\t');
        let (session, client) = (fields.next()?.parse().ok()?, fields.next()?);
        let (cols, rows) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let window = Size::clamped(cols, with_status(rows, fields.next()?));
        let discarded = fields.next()?.parse().ok()?;
        let created = fields.next()?.parse().ok()?;
        let attached = fields.next()?.parse().ok()?;
        let next = fields.next()?.strip_prefix('$')?.parse::<u64>().ok()?;
        let living = fields.next()?.parse().ok();
        let ended = living.map(|living| next.saturating_sub(living));
        let epoch = Epoch { attached, ended };
        let switched = !fields.next()?.is_empty();
        let whereabouts = Self {
            session,
            created,
            switched,
            window,
            discarded,
            epoch,
        };
        Some((client, whereabouts))
    }
}

/// What [`Whereabouts::read`] reads. Only the last field can contain a tab.
const FORMAT: &str = "#{session_id}\t#{client_name}\t#{window_width}\t#{window_height}\t#{status}\t#{client_discarded}\t#{session_created}\t#{session_last_attached}\t#{next_session_id}\t#{server_sessions}\t#{client_last_session}";

impl Server {
    /// Which session a client shows now, and whether it was ever switched; `None` when there is no
    /// such client. It is looked for at `home` first: tmux takes its time for each client it tells of,
    /// and a first picture waits for the answer.
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn client_whereabouts(
        &self,
        client: &str,
        home: SessionId,
    ) -> Result<Option<Whereabouts>, Error> {
        match self.find_client(client, Some(home)).await {
            Ok(None) | Err(Error::NoSuchSession) => {}
            found => return found,
        }
        match self.find_client(client, None).await? {
            None => self.find_unlisted_client(client, home).await,
            found => Ok(found),
        }
    }

    /// Looks for a client that shows `home` among those that tmux 3.7 and later do not list: it is
    /// suspended or locked.
    async fn find_unlisted_client(
        &self,
        client: &str,
        home: SessionId,
    ) -> Result<Option<Whereabouts>, Error> {
        let mut command: TmuxCommand<'_> = DisplayMessage::new().print().build();
        // Another client of the session answers for one that is not there.
        command
            .push_option("-t", format!("{home}:"))
            .push_option("-c", client)
            .push_param(FORMAT);
        let said = match self.ask("look for the client", command).await {
            Err(Error::NoServer | Error::NoSuchSession) => return Ok(None),
            said => said?,
        };
        let found = said.lines().find_map(Whereabouts::read);
        Ok(found.and_then(|(name, found)| (name == client).then_some(found)))
    }

    /// Looks for a client among those of one session, or of all.
    async fn find_client(
        &self,
        client: &str,
        session: Option<SessionId>,
    ) -> Result<Option<Whereabouts>, Error> {
        let mut command: TmuxCommand<'_> = ListClients::new().build();
        command.push_option("-F", FORMAT);
        if let Some(session) = session {
            command.push_option("-t", session.to_string());
        }
        let clients = match self.ask("list the clients", command).await {
            // No server, no clients.
            Err(Error::NoServer) => return Ok(None),
            answer => answer?,
        };
        let mut found = clients.lines().filter_map(Whereabouts::read);
        Ok(found.find_map(|(name, found)| (name == client).then_some(found)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "$3\t/dev/pts/7\t80\t24\ton\t9\t1700000000\t1700000007\t$5\t3\t";
        let whereabouts = Whereabouts {
            session: SessionId(3),
            created: 1_700_000_000,
            switched: false,
            window: Size { cols: 80, rows: 25 },
            discarded: 9,
            epoch: Epoch {
                attached: 1_700_000_007,
                ended: Some(2),
            },
        };
        assert_eq!(Whereabouts::read(line), Some(("/dev/pts/7", whereabouts)));
        let switched =
            Whereabouts::read("$3\tx\t80\t24\toff\t0\t1700000000\t7\t$5\t\ta\tb").expect("whole");
        assert!(switched.1.switched);
        assert_eq!(switched.1.epoch.ended, None);
        assert_eq!(Whereabouts::read("$3\tx\t80"), None);
    }
}
