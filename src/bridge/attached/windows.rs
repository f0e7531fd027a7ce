//! The session's windows: asked for when something hints at a change, told to everybody; and what
//! drivers want done with them.
//!
//! What hints at a change: notifications of tmux, what it is asked about all sessions every second, and
//! a status line in the picture that reads another way or a program that asks for other keys (at once).

use crate::bridge::attached::Live;
use crate::bridge::attached::wake::Acted;
use crate::bridge::clock::now;
use crate::bridge::order::Lease;
use crate::bridge::policy::window_changes::is_output;
use crate::bridge::policy::window_changes::keys_another_way;
use crate::bridge::policy::window_changes::reads_another_way;
use crate::config::limits::WINDOW_ACT_INTERVAL;
use crate::terminal::Screen;
use crate::tmux::{Error, SessionState, WindowAct, Windows};
use crate::viewer::ViewerId;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep_until;

impl Live<'_> {
    /// Asks for the windows, if they may have changed.
    pub(super) fn ask_windows(&mut self, now: Instant) {
        if self.wonder.ask(self.windows.is_free(), now) {
            let (server, id) = (self.bridge.server.clone(), self.bridge.state.session.id);
            self.windows.ask(async move { server.windows(id).await });
        }
    }

    pub(super) fn windows_are(&mut self, windows: Result<Windows, Error>) {
        match windows {
            Ok(mut windows) => {
                // Viewers get this in their pictures, not with the windows.
                self.canvas.pane_keys(windows.extended_keys.take(), now());
                let known = &mut self.bridge.state.windows;
                if known.as_deref() != Some(&windows) {
                    *known = Some(Arc::new(windows));
                    self.bridge.changed = true;
                    self.wonder.changed(now());
                }
            }
            // The end of the session is seen at the pty; a tmux that hangs says so when it goes on.
            Err(error) => tracing::debug!(%error, "tmux does not tell the windows"),
        }
    }

    /// A picture is to be shown.
    pub(super) fn compare_status(&mut self, after: &Screen) {
        let state = &self.bridge.state;
        if let (Some(before), Some(windows)) = (&state.picture, &state.windows) {
            if reads_another_way(&before.screen, after, windows.status)
                || keys_another_way(&before.screen, after)
            {
                self.wonder.wonder();
            }
            // Where tmux does not tell, there is nothing to ask.
            let known = windows
                .windows
                .iter()
                .any(|window| window.brackets.is_some());
            if known && is_output(&before.screen, after) {
                self.wonder.wrote();
            }
        }
    }

    /// All sessions, as tmux was asked for them every second.
    pub(super) fn compare_marks(&mut self, states: &[SessionState]) {
        let id = self.bridge.state.session.id;
        let Some(ours) = states.iter().find(|state| state.id == id) else {
            return;
        };
        if self.bridge.marks.as_ref() != Some(&ours.marks) {
            self.bridge.marks = Some(ours.marks.clone());
            self.wonder.wonder();
        }
    }

    /// Does what a driver wants with the windows. That counts as a click, except scrolling, which is
    /// done with a wheel or a finger.
    pub(super) fn act(
        &mut self,
        from: ViewerId,
        act: WindowAct,
        (lease, room): (Option<Arc<dyn Lease>>, OwnedSemaphorePermit),
        now: Instant,
    ) {
        if !matches!(act, WindowAct::Scroll(_)) {
            self.bridge.ends.shared.roster().sizing.typed(from);
        }
        let at = self.act_at.map_or(now, |free| free.max(now));
        self.act_at = Some(at + WINDOW_ACT_INTERVAL);
        let (server, id) = (self.bridge.server.clone(), self.bridge.state.session.id);
        self.acted.ask(async move {
            if at > now {
                sleep_until(at.into()).await;
            }
            let done = if lease.is_none_or(|lease| lease.holds()) {
                server.window(id, act).await
            } else {
                Ok(())
            };
            drop(room);
            (from, done)
        });
    }

    pub(super) fn has_acted(&mut self, (from, done): Acted) {
        // Not every hint at a change comes before the answer.
        self.wonder.wonder();
        let Err(error) = done else {
            return;
        };
        tracing::info!(session = %self.bridge.state.session.name, %error, "a window was not changed");
        self.bridge.remark(from, sentence(&error).into());
    }
}

/// An error as a sentence for people.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    let mut sentence: String = first.chain(characters).collect();
    sentence.push('.');
    sentence
}
