//! Where a client is, and what would come of its leaving: what a bridge must know of its own client
//! before it shows a picture or goes.

use crate::terminal::Size;
use crate::tmux::attach::terminal_queries::TERMINAL_NAME;
use crate::tmux::control::size_guard;
use crate::tmux::query::fields::with_status;
use crate::tmux::query::session_state::count_clients;
use crate::tmux::server_id;
use crate::tmux::server_id::Creation;
use crate::tmux::{Error, Server, SessionId};
use tmux_interface::{DisplayMessage, ListClients, TmuxCommand};

/// Which session a client shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whereabouts {
    /// The session it shows now.
    pub session: SessionId,
    /// When that was created, and by which server.
    pub created: Creation,
    /// Whether it showed another one before that still exists.
    pub switched: bool,
    /// The size of a pty that shows its window whole, status lines included.
    pub window: Size,
    /// Bytes tmux has thrown away for it because it did not take them in time.
    pub discarded: u64,
    /// Whether somebody else's terminal came to the session after this client. tmux answers programs
    /// that ask for colours with those of the client that came first.
    pub followed: bool,
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

/// One line of the list of clients.
#[derive(Debug, PartialEq, Eq)]
struct Listed<'a> {
    client: &'a str,
    /// It is a terminal, and not one of a muxview.
    elsewhere: bool,
    whereabouts: Whereabouts,
}

impl<'a> Listed<'a> {
    /// From a line of [`format`].
    fn read(line: &'a str) -> Option<Self> {
        let mut fields = line.splitn(13, '\t');
        let (session, client) = (fields.next()?.parse().ok()?, fields.next()?);
        let (cols, rows) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let window = Size::clamped(cols, with_status(rows, fields.next()?));
        let discarded = fields.next()?.parse().ok()?;
        let created = Creation::read(fields.next()?)?;
        let attached = fields.next()?.parse().ok()?;
        let next = fields.next()?.strip_prefix('$')?.parse::<u64>().ok()?;
        let living = fields.next()?.parse().ok();
        let ended = living.map(|living| next.saturating_sub(living));
        let epoch = Epoch { attached, ended };
        let control = fields.next()? == "1";
        let ours = fields.next()?.starts_with(TERMINAL_NAME);
        let switched = !fields.next()?.is_empty();
        let whereabouts = Whereabouts {
            session,
            created,
            switched,
            window,
            discarded,
            followed: false,
            epoch,
        };
        Some(Self {
            client,
            elsewhere: !control && !ours,
            whereabouts,
        })
    }
}

/// What [`Listed::read`] reads. Only the last field can contain a tab.
fn format() -> String {
    let created = server_id::FORMAT;
    format!(
        "#{{session_id}}\t#{{client_name}}\t#{{window_width}}\t#{{window_height}}\t#{{status}}\t#{{client_discarded}}\t{created}\t#{{session_last_attached}}\t#{{next_session_id}}\t#{{server_sessions}}\t#{{client_control_mode}}\t#{{client_termtype}}\t#{{client_last_session}}"
    )
}

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
            .push_param(format());
        let said = match self.ask("look for the client", command).await {
            Err(Error::NoServer | Error::NoSuchSession) => return Ok(None),
            said => said?,
        };
        Ok(find(&said, client))
    }

    /// Looks for a client among those of one session, or of all.
    async fn find_client(
        &self,
        client: &str,
        session: Option<SessionId>,
    ) -> Result<Option<Whereabouts>, Error> {
        let mut command: TmuxCommand<'_> = ListClients::new().build();
        command.push_option("-F", format());
        if let Some(session) = session {
            command.push_option("-t", session.to_string());
        }
        let clients = match self.ask("list the clients", command).await {
            // No server, no clients.
            Err(Error::NoServer) => return Ok(None),
            answer => answer?,
        };
        Ok(find(&clients, client))
    }

    /// Whether the session would end if one client left it (`destroy-unattached`).
    ///
    /// # Errors
    /// When tmux cannot say.
    pub async fn dies_unattached(&self, id: SessionId) -> Result<bool, Error> {
        let mut command: TmuxCommand<'_> = DisplayMessage::new().print().build();
        command
            .push_option("-t", format!("{id}:"))
            .push_param("#{session_attached_list} #{destroy-unattached}");
        let said = self.ask("look who is attached", command).await?;
        let (attached, destroyed) = said.trim().split_once(' ').unwrap_or(("", ""));
        let last = count_clients(attached, &size_guard::name()) <= 1;
        Ok(last && !matches!(destroyed, "" | "0" | "off"))
    }
}

/// Finds a client in the list, which is in the order in which they came.
fn find(list: &str, client: &str) -> Option<Whereabouts> {
    let mut list = list.lines().filter_map(Listed::read);
    let mut found = list.find(|listed| listed.client == client)?.whereabouts;
    found.followed =
        list.any(|listed| listed.elsewhere && listed.whereabouts.session == found.session);
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "$3\t/dev/pts/7\t80\t24\ton\t9\t1700000000 41 1690000000\t1700000007\t$5\t3\t0\tmuxview 1\t";
    const PERSON: &str =
        "$3\t/dev/pts/8\t99\t24\ton\t0\t1700000000 41 1690000000\t1700000007\t$5\t3\t0\txterm\t";

    #[test]
    fn a_line_is_read() {
        let whereabouts = Whereabouts {
            session: SessionId(3),
            created: Creation::read("1700000000 41 1690000000").expect("three numbers"),
            switched: false,
            window: Size { cols: 80, rows: 25 },
            discarded: 9,
            followed: false,
            epoch: Epoch {
                attached: 1_700_000_007,
                ended: Some(2),
            },
        };
        assert_eq!(find(OURS, "/dev/pts/7"), Some(whereabouts));
        let switched = "$3\tx\t80\t24\toff\t0\t1700000000 41 1690000000\t7\t$5\t\t0\t\ta\tb";
        let switched = find(switched, "x").expect("whole");
        assert!(switched.switched);
        assert_eq!(switched.epoch.ended, None);
        assert_eq!(find("$3\tx\t80", "x"), None);
    }

    #[test]
    fn only_terminals_of_others_that_came_later_follow() {
        let followed = |lines: &[&str]| {
            let found = find(&lines.join("\n"), "/dev/pts/7");
            found.expect("it is among them").followed
        };
        assert!(followed(&[OURS, PERSON]));
        assert!(!followed(&[PERSON, OURS]));
        let other = OURS.replace("pts/7", "pts/9");
        assert!(!followed(&[OURS, &other]), "of another muxview");
        let control = PERSON.replace("\t0\txterm", "\t1\t");
        assert!(!followed(&[OURS, &control]));
        let elsewhere = PERSON.replace("$3\t", "$4\t");
        assert!(!followed(&[OURS, &elsewhere]));
    }
}
