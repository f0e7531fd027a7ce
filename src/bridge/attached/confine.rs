//! Viewers who may not see other sessions: their pictures, and what tmux is asked for them.

use crate::bridge::attached::Live;
use crate::bridge::task::Lost;
use crate::tmux::{self, Overlay};
use std::sync::Arc;
use std::time::Instant;

impl Live<'_> {
    /// The terminal shows the picture that was published last.
    pub(super) fn show_confined(&mut self) {
        let state = &self.bridge.state;
        let Some(picture) = &state.picture else {
            return;
        };
        let given = state.confined.as_ref();
        if given.is_none_or(|given| !Arc::ptr_eq(given, picture)) {
            let picture = Arc::clone(picture);
            self.confined.shows(picture, self.canvas.shown_at());
        }
    }

    /// Asks tmux what has to be known before confined viewers see another picture.
    pub(super) fn confine(&mut self, now: Instant) {
        let watched = self.bridge.ends.shared.roster().confined();
        self.confined.watch(watched, !self.canvas.seen(), now);
        if !watched {
            return;
        }
        let (updates, fed) = self.canvas.whole();
        self.confined.redrawn(updates, fed);
        self.confined.still_shows(self.canvas.shown_at());
        if self.redraw.is_free() && self.confined.redraw_at().is_some_and(|at| at <= now) {
            self.confined.redraws(self.canvas.updates(), now);
            self.draw_anew();
        }
        if self.overlay.is_free() && self.confined.question(now) {
            self.confined.ask();
            let server = self.bridge.server.clone();
            let client = self.attach.client().to_owned();
            let id = self.bridge.state.session.id;
            self.overlay
                .ask(async move { server.overlay(&client, id).await });
        }
    }

    /// tmux says what it shows of its own.
    pub(super) fn covered(
        &mut self,
        overlay: Result<Option<Overlay>, tmux::Error>,
        now: Instant,
    ) -> Result<(), Lost> {
        // What they tell counts for this answer.
        while let Some(event) = self.bridge.next_event() {
            self.heard(event)?;
        }
        // Not knowing, it is taken to show something.
        let open = overlay.unwrap_or_else(|error| {
            tracing::debug!(%error, "tmux does not tell what it shows");
            Some(Overlay::Mode)
        });
        let picture = self.confined.answered(open.is_some(), now);
        let state = &mut self.bridge.state;
        if let Some(picture) = picture {
            self.confined.gave(|latest| Arc::ptr_eq(latest, &picture));
            state.confined = Some(picture);
            self.bridge.changed = true;
        }
        let covered = self.confined.covered();
        if state.covered != covered {
            state.covered = covered;
            self.bridge.changed = true;
        }
        Ok(())
    }
}
