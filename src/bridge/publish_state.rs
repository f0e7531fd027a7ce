//! What viewers are told: turns pictures, events and trouble into the published state.

use crate::bridge::publisher;
use crate::bridge::task::Bridge;
use crate::config::limits::CLIPBOARD_BYTES;
use crate::terminal::ClipboardLoss;
use crate::tmux::{Error, Event, SessionId, SessionState, Status};
use crate::viewer::{Addressed, Label, Picture, ViewerId};
use metrics::Counter;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::sync::broadcast::error::RecvError;

/// Looked up once: they are many.
static PICTURES: LazyLock<Counter> = LazyLock::new(|| metrics::counter!("muxview_pictures_total"));

impl Bridge {
    /// Takes note of what tmux says about our session's name. Gives back what is about clients and
    /// sizes; events that were missed are a [`Event::Reset`].
    pub(super) fn heard(&mut self, event: Result<Event, RecvError>) -> Option<Event> {
        match event {
            Ok(Event::SessionRenamed { id, name }) => {
                if id == self.state.session.id {
                    self.renamed(name);
                }
                None
            }
            Ok(Event::Reset) | Err(RecvError::Lagged(_)) => {
                self.ask_name();
                Some(Event::Reset)
            }
            Ok(event) => Some(event),
            Err(RecvError::Closed) => None,
        }
    }

    pub(super) fn ask_name(&mut self) {
        let (server, id, created) = (self.server.clone(), self.state.session.id, self.created);
        self.name
            .ask(async move { server.name_of(id, created).await.ok().flatten() });
    }

    pub(super) fn renamed(&mut self, name: impl Into<Option<String>>) {
        if let Some(name) = name
            .into()
            .filter(|name| **name != *self.state.session.name)
        {
            self.state.session.name = name.into();
            self.changed = true;
        }
    }

    /// Takes note of who else is attached. True if the window's size is worth asking for: it is a
    /// hint that may be a second old, so what it says is asked for and not taken from it.
    pub(super) fn company(&mut self, states: &[SessionState]) -> bool {
        let id = self.state.session.id;
        let Some(ours) = states.iter().find(|state| state.id == id) else {
            return false;
        };
        let company = (ours.size, ours.attached);
        let before = self.company.replace(company);
        if let Some((_, attached)) = before
            && attached != ours.attached
        {
            let mut roster = self.ends.shared.roster();
            roster.sizing.company_changed(ours.attached < attached);
        }
        before != Some(company)
    }

    /// Says what keeps people from their session: it cannot be attached to, or tmux hangs.
    pub(super) fn tell_trouble(&mut self) {
        let notice = if self.reattach.troubled() {
            let cause = self
                .cause
                .as_deref()
                .unwrap_or("tmux ends the connection again and again");
            let notice = format!("Not connected to the session: {cause}. Trying again.");
            Some(Arc::from(notice))
        } else {
            match &*self.status.borrow() {
                Status::Failed(error @ (Error::Timeout | Error::Mismatch { .. })) => {
                    Some(Arc::from(error.to_string()))
                }
                _ => None,
            }
        };
        if notice != self.state.notice {
            self.state.notice = notice;
            self.changed = true;
        }
    }

    /// A picture is to be seen.
    pub(super) fn show(&mut self, shot: publisher::Shot, now: Instant) {
        if self.reattach.live() {
            tracing::info!(session = %self.state.session.name, "attached again");
        }
        self.cause = None;
        self.tell_trouble();
        let known = self.state.picture.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(&known.screen, &shot.screen)) {
            let picture = Picture::new(shot.screen, Arc::clone(&self.squeezer));
            self.state.picture = Some(Arc::new(picture));
            self.framed = Some(now);
            PICTURES.increment(1);
        }
        if shot.signals.bell {
            self.state.bells += 1;
        }
        self.copied(shot.signals.clipboard, shot.signals.clipboard_loss);
        self.changed = true;
    }

    /// Gives the driver who typed last what tmux copied, and says what was lost of it.
    fn copied(&mut self, text: Option<String>, loss: Option<ClipboardLoss>) {
        let Some(to) = self.ends.shared.roster().sizing.typed_last() else {
            return;
        };
        if let Some(text) = text {
            let last = self.state.clipboard.as_ref();
            let serial = last.map_or(1, |last| last.serial + 1);
            let value = text.into();
            self.state.clipboard = Some(Addressed { to, serial, value });
        }
        if let Some(loss) = loss {
            self.remark(to, sentence(loss).into());
        }
    }

    /// Tells one viewer something in passing.
    pub(super) fn remark(&mut self, to: ViewerId, value: Arc<str>) {
        let last = self.state.remark.as_ref();
        let serial = last.map_or(1, |last| last.serial + 1);
        self.state.remark = Some(Addressed { to, serial, value });
        self.changed = true;
    }

    /// Takes note of whether the picture is older than it need be.
    pub(super) const fn behind(&mut self, behind: bool) {
        if self.state.behind != behind {
            self.state.behind = behind;
            self.changed = true;
        }
    }

    /// Publishes the state if there is news in it.
    pub(super) fn publish(&mut self, now: Instant) {
        let (drive, view) = {
            let roster = self.ends.shared.roster();
            (roster.drive, roster.view)
        };
        if let Some((drive, view)) = self.presence.news((drive, view), now) {
            (self.state.drive, self.state.view) = (drive, view);
            self.changed = true;
        }
        if std::mem::take(&mut self.changed) {
            self.state.serial += 1;
            let state = Arc::new(self.state.clone());
            self.ends.state.send_replace(Arc::clone(&state));
            let typist = self.ends.shared.roster().sizing.typed_last();
            self.ends.shared.broadcast.publish(&state, typist, now);
        }
    }

    pub(super) async fn tell_moved(&mut self, strayed: SessionId) {
        let Ok(sessions) = self.server.sessions().await else {
            return;
        };
        let Some(session) = sessions.into_iter().find(|session| session.id == strayed) else {
            return;
        };
        tracing::info!(session = %self.state.session.name, other = %session.name, "tmux switched our client to another session");
        // Told only if it happens again and again. Without a name: guests are told as well.
        self.cause = Some("tmux switches our client to another session each time, as a hook in its configuration may do".to_owned());
        let Some(to) = self.ends.shared.roster().sizing.typed_last() else {
            return;
        };
        let serial = self
            .state
            .moved
            .as_ref()
            .map_or(1, |moved| moved.serial + 1);
        let value = Label {
            id: strayed,
            name: session.name.into(),
        };
        self.state.moved = Some(Addressed { to, serial, value });
        self.changed = true;
    }
}

fn sentence(loss: ClipboardLoss) -> String {
    match loss {
        ClipboardLoss::Replaced => {
            "Some of what tmux copied is not UTF-8: \u{fffd} stands for it.".to_owned()
        }
        ClipboardLoss::TooLong => format!(
            "tmux copied more than {} MiB: too much to pass on, so your clipboard is unchanged.",
            CLIPBOARD_BYTES / (1024 * 1024)
        ),
    }
}
