//! Who is here: input on its way in, and when to leave.

use crate::bridge::attached::Live;
use crate::bridge::order::{Input, Order};
use crate::bridge::policy::input_pacing;
use crate::bridge::task::Lost;
use crate::config::limits::DELIVERY;
use std::io;
use std::time::Instant;
use tokio::time::{sleep_until, timeout};

impl Live<'_> {
    /// Whether to stay. Says when to ask again.
    pub(super) fn presence(&mut self, now: Instant) -> Result<Option<Instant>, Lost> {
        let (empty_since, stop) = {
            let roster = self.bridge.ends.shared.roster();
            (roster.empty_since, roster.stop)
        };
        if stop && self.stop_at.is_none() {
            self.bridge.ends.orders.close();
            self.stop_at = Some(now + DELIVERY);
        }
        if self.stop_at.is_some_and(|at| at <= now) {
            tracing::warn!(session = %self.bridge.state.session.name, "input was left: the program does not read it");
            return Err(Lost::Stopped);
        }
        let Some(empty_since) = empty_since else {
            self.leave_at = None;
            return Ok(None);
        };
        let leave_at = *self
            .leave_at
            .get_or_insert(empty_since + self.bridge.linger);
        if leave_at > now {
            return Ok(Some(leave_at));
        }
        if self.attach.is_locked() {
            // The next client would not be.
            self.leave_at = Some(now + self.bridge.linger);
            return Ok(self.leave_at);
        }
        if self.needed.is_free() {
            let (server, id) = (self.bridge.server.clone(), self.bridge.state.session.id);
            self.needed.ask(async move {
                // Not knowing, stay.
                server.dies_unattached(id).await.unwrap_or(true)
            });
        }
        Ok(None)
    }

    /// Leaves, if nobody came and the session does not need us.
    pub(super) fn may_leave(&mut self, needed: bool, now: Instant) -> Result<(), Lost> {
        if needed {
            self.leave_at = Some(now + self.bridge.linger);
            return Ok(());
        }
        if self.bridge.ends.shared.roster().close_if_empty() {
            return Err(Lost::Idle);
        }
        Ok(())
    }

    pub(super) fn ordered(&mut self, order: Option<Order>, now: Instant) -> Result<(), Lost> {
        match order {
            Some(Order::Type(input)) if !input.may_be_written() => {}
            Some(Order::Type(input)) => {
                self.input(input, now);
                return self.write(now);
            }
            Some(Order::Window {
                from,
                act,
                lease,
                room,
            }) => self.act(from, act, (lease, room), now),
            None => {}
        }
        Ok(())
    }

    /// Writes what can be written at once, as almost every key can; the rest is waited with.
    fn write(&mut self, now: Instant) -> Result<(), Lost> {
        self.bridge.typing.forget_ended();
        let Some((bytes, None)) = self.bridge.typing.next(now) else {
            return Ok(());
        };
        let written = {
            let Some(_held) = self.bridge.typing.hold() else {
                self.bridge.typing.forget_ended();
                return Ok(());
            };
            self.attach.try_write(bytes)
        };
        match written {
            Ok(written) => self.bridge.typing.wrote(written, now),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Lost::Ended),
        }
        Ok(())
    }

    fn input(&mut self, input: Input, now: Instant) {
        let mut roster = self.bridge.ends.shared.roster();
        if let Some(focused) = input_pacing::focus_report(&input.bytes) {
            roster.sizing.focus(input.from, focused);
            drop(roster);
            self.mirror_focus();
            return;
        }
        roster.sizing.sent(input.from, &input.bytes);
        drop(roster);
        // Who types may have become the one whose focus and colours count.
        self.mirror_focus();
        self.mirror_theme();
        let escape = self.attach.escape_key();
        self.bridge.typing.take(input, escape, now);
    }

    /// Tells tmux whether the driver who claims the size is looking.
    pub(super) fn mirror_focus(&self) {
        let focused = self.bridge.ends.shared.roster().sizing.focused();
        if let Some(focused) = focused {
            self.attach.set_focused(focused);
        }
    }

    /// Tells tmux the colours of the driver who acted last. When the last driver leaves, its colours
    /// stay: nothing has changed for programs.
    pub(super) fn mirror_theme(&mut self) {
        let theme = self.bridge.ends.shared.roster().sizing.theme();
        self.bridge.theme = theme.or(self.bridge.theme);
        if let Some(theme) = self.bridge.theme {
            self.attach.set_theme(theme);
        }
    }

    /// Whether everything that was received is written. Nothing is held back any more then.
    pub(super) fn all_delivered(&mut self) -> bool {
        let orders = &self.bridge.ends.orders;
        let received = orders.is_closed() && orders.is_empty();
        let idle = self.bridge.typing.idle() && self.acted.is_free();
        received && idle && !self.bridge.typing.flush()
    }

    /// Gives tmux the time to read what was written, before its client goes: the terminal's buffer
    /// goes with it. Each answer is one turn of tmux's loop, in which it reads some of every client.
    pub(super) async fn settle_delivery(&mut self) {
        let (server, client) = (&self.bridge.server, self.attach.client());
        let home = self.bridge.state.session.id;
        let read = async {
            while self.attach.has_unread() {
                server.client_whereabouts(client, home).await?;
            }
            if let Some(at) = self.bridge.typing.held_until() {
                sleep_until(at.into()).await;
            }
            // What it read last it has dealt with when it answers again.
            server.client_whereabouts(client, home).await
        };
        // Not answering, it does not read either.
        let _ = timeout(DELIVERY, read).await;
    }
}
