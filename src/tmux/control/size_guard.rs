//! [`SizeGuard`]: keeps clients that only follow a window's size from deciding it.
//!
//! tmux honours `ignore-size` only while some client without that flag is attached anywhere in the
//! server (`ignore_client_size` in tmux's `resize.c`). With nobody but spectators or hidden pages, a new
//! session would get the size of our client, and so would a window that is selected. A control client
//! that has told no size is such a client without deciding anything itself. But programs in its session
//! take it for focused and, from tmux 3.6, for black: so there is one only while no other client counts,
//! it leaves when somebody attaches a terminal, and with `focus-events` it is never in a session whose
//! drivers look elsewhere.

use crate::config::limits::{RETRY, SHORT_LIVES_RETRY};
use crate::tmux::control::connection::ControlConnection;
use crate::tmux::control::protocol::Framing;
use crate::tmux::ids::SessionId;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tmux_interface::{ListClients, TmuxCommand};
use tokio::sync::watch;
use tokio::time::Instant;

/// The clients of ours that only follow a size, by a number of their own.
type All = BTreeMap<u64, Following>;

/// A client of ours that only follows a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Following {
    session: SessionId,
    /// Drivers are there, and what they say of their focus is for programs.
    driven: bool,
}

/// The clients of ours that only follow a size.
#[derive(Debug, Clone)]
pub(in crate::tmux) struct Followers(Arc<watch::Sender<All>>);

/// What the server connection knows of them.
#[derive(Debug, Clone)]
pub(in crate::tmux) struct FollowersSeen(watch::Receiver<All>);

/// One client that only follows, until this is dropped.
#[derive(Debug)]
pub struct Follower {
    number: u64,
    driven: bool,
    all: Followers,
}

impl Follower {
    /// Whether drivers are there, as it was said.
    #[must_use]
    pub const fn driven(&self) -> bool {
        self.driven
    }
}

impl Followers {
    pub(in crate::tmux) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }

    /// Adds a client that shows this session. It is to be attached already: programs are told the
    /// colours of the client that came first, and those of a control client are black.
    pub(in crate::tmux) fn add(&self, session: SessionId, driven: bool) -> Follower {
        let mut number = 0;
        self.0.send_modify(|all| {
            number = all.last_key_value().map_or(0, |(last, _)| last + 1);
            all.insert(number, Following { session, driven });
        });
        let all = self.clone();
        Follower {
            number,
            driven,
            all,
        }
    }

    pub(in crate::tmux) fn subscribe(&self) -> FollowersSeen {
        FollowersSeen(self.0.subscribe())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.all.0.send_modify(|all| {
            all.remove(&self.number);
        });
    }
}

/// The name tmux gives a client of this process that has no terminal (`server_client_dispatch_identify`).
pub(in crate::tmux) fn name() -> String {
    format!("client-{}", std::process::id())
}

/// What [`SizeGuard::listed`] reads.
pub(in crate::tmux) fn question() -> TmuxCommand<'static> {
    let mut command: TmuxCommand<'static> = ListClients::new().build();
    command.push_option(
        "-F",
        "#{client_control_mode} #{focus-events} #{client_flags}",
    );
    command
}

/// The clients of a server that count for sizes, ours apart.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counting {
    terminals: usize,
    controls: usize,
    /// Programs can ask for focus reports.
    focus_events: bool,
}

/// Reads the answer to [`question`].
fn read(answer: &str) -> Counting {
    let mut counting = Counting::default();
    for line in answer.lines() {
        let mut fields = line.splitn(3, ' ');
        let control = fields.next();
        counting.focus_events = matches!(fields.next(), Some("on" | "1"));
        let flags = fields.next().unwrap_or_default();
        if flags
            .split(',')
            .any(|flag| flag == "ignore-size" || flag == "suspended")
        {
            continue;
        }
        if control == Some("1") {
            counting.controls += 1;
        } else {
            counting.terminals += 1;
        }
    }
    counting
}

/// The control client, while it is needed.
#[derive(Debug)]
pub(in crate::tmux) struct SizeGuard {
    followers: watch::Receiver<All>,
    attached: Option<Attached>,
    /// Something changed: the clients are to be asked for.
    due: bool,
    /// Not before then, as something throws it out.
    not_before: Option<Instant>,
    pause: Duration,
}

#[derive(Debug)]
struct Attached {
    connection: ControlConnection,
    follower: u64,
}

impl SizeGuard {
    pub(in crate::tmux) fn new(FollowersSeen(mut followers): FollowersSeen) -> Self {
        followers.mark_changed();
        Self {
            followers,
            attached: None,
            due: false,
            not_before: None,
            pause: RETRY.0,
        }
    }

    /// Whether the clients are to be asked for, with [`question`].
    pub(in crate::tmux) fn is_due(&self) -> bool {
        self.due
    }

    /// Clients may have come or gone.
    pub(in crate::tmux) fn look(&mut self) {
        self.due = self.attached.is_some() || !self.followers.borrow().is_empty();
    }

    /// Waits for a reason to ask for the clients. Cancel-safe.
    pub(in crate::tmux) async fn changed(&mut self) {
        let Some(attached) = &mut self.attached else {
            // The sender lives as long as the server it belongs to, which owns this.
            if self.followers.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            return self.look();
        };
        tokio::select! {
            changed = self.followers.changed() => if changed.is_err() {
                std::future::pending::<()>().await;
            },
            // It is told of every client that comes, and of little else.
            told = attached.connection.next(|_| {}) => if told.is_err() {
                self.attached = None;
                self.not_before = Some(Instant::now() + self.pause);
                self.pause = (self.pause * 2).min(SHORT_LIVES_RETRY);
            },
        }
        self.look();
    }

    /// Acts on the answer to [`question`].
    ///
    /// # Errors
    /// When the server cannot be connected to.
    pub(in crate::tmux) async fn listed(
        &mut self,
        answer: &str,
        path: &Path,
        framing: Framing,
    ) -> io::Result<()> {
        self.due = false;
        let counting = read(answer);
        let followers = self.followers.borrow_and_update().clone();
        let fits = |following: &Following| !(counting.focus_events && following.driven);
        if let Some(attached) = &self.attached {
            let stays = followers.get(&attached.follower).is_some_and(fits);
            if counting.terminals > 0 || !stays {
                self.attached = None;
                self.pause = RETRY.0;
                // Another client may need it; which ones count without it is to be asked for.
                self.due = counting.terminals == 0 && !followers.is_empty();
            }
            return Ok(());
        }
        let candidates = followers.iter().filter(|(_, following)| fits(following));
        // Rather where there are no drivers.
        let Some((&follower, Following { session, .. })) =
            candidates.min_by_key(|(_, following)| following.driven)
        else {
            return Ok(());
        };
        let early = self.not_before.is_some_and(|at| Instant::now() < at);
        if counting.terminals + counting.controls > 0 || early {
            return Ok(());
        }
        let target = session.to_string();
        let command = ["attach-session", "-E", "-t", &target, "-f", "no-output"];
        let connection = ControlConnection::open(path, framing, &command).await?;
        self.attached = Some(Attached {
            connection,
            follower,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_follow_or_sleep_do_not_count() {
        let counting = read(
            "0 1 attached,ignore-size,UTF-8\n0 1 attached,suspended\n0 1 attached,focused,UTF-8\n1 1 attached,control-mode\n",
        );
        let expected = Counting {
            terminals: 1,
            controls: 1,
            focus_events: true,
        };
        assert_eq!(counting, expected);
        assert_eq!(read(""), Counting::default());
    }

    #[test]
    fn a_follower_is_one_until_it_is_dropped() {
        let followers = Followers::new();
        let first = followers.add(SessionId(1), true);
        let second = followers.add(SessionId(1), false);
        drop(first);
        let third = followers.add(SessionId(2), false);
        let sessions = || -> Vec<_> {
            let all = followers.subscribe().0.borrow().clone();
            all.into_values().map(|one| one.session).collect()
        };
        assert_eq!(sessions(), [SessionId(1), SessionId(2)]);
        drop((second, third));
        assert!(sessions().is_empty());
    }
}
