//! One attach's terminal behind the rules of what may be seen of it.
//!
//! Owns the terminal, the rhythm of its bytes ([`Publish`]) and what is known of their session
//! ([`Guard`]). In: bytes, answers of tmux, the time. Out: [`Shot`]s to publish, and whether tmux
//! has to be asked. It must not know the pty, tasks, clocks or viewers. Pure.

use super::guard::{Answer, Guard};
use super::publish::{Due, Publish};
use crate::terminal::{Generation, Screen, Signals, Size, Terminal, Widths};
use crate::tmux::SessionId;
use std::sync::Arc;
use std::time::Instant;

/// A picture that may be published, and what happened with it.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) screen: Arc<Screen>,
    pub(super) signals: Signals,
}

/// One attach's terminal.
#[derive(Debug)]
pub(super) struct Canvas {
    terminal: Terminal,
    publish: Publish,
    guard: Guard,
    /// A picture that waits for tmux to say it is ours, and the bytes it was made of.
    pending: Option<(Shot, u64)>,
    /// The last picture given out.
    shown: Option<Arc<Screen>>,
    /// What happened with a picture that was dropped for a later one.
    kept: Signals,
    /// A size change is under way: what is drawn is neither the old picture nor the new.
    held: bool,
}

impl Canvas {
    /// For a new attach. Its pictures come after generation `after`, its first frame keeps its
    /// distance to the one `published` before.
    pub(super) fn new(
        session: SessionId,
        size: Size,
        widths: Arc<Widths>,
        after: Generation,
        published: Option<Instant>,
    ) -> Self {
        Self {
            terminal: Terminal::new(size, widths, after),
            publish: Publish::new(published),
            guard: Guard::new(session),
            pending: None,
            shown: None,
            kept: Signals::default(),
            held: false,
        }
    }

    /// One read of the pty gave so many bytes; they follow through [`Canvas::feed`].
    pub(super) fn read(&mut self, bytes: usize, now: Instant) {
        self.publish.read(bytes, now);
    }

    /// Takes in bytes up to the next synchronisation end, and says how many. A picture may be due
    /// in between.
    pub(super) fn feed(&mut self, bytes: &[u8], now: Instant) -> usize {
        let ends = self.terminal.sync_ends();
        let fed = self.terminal.feed(bytes);
        self.guard.fed(fed);
        let ended = self.terminal.sync_ends() != ends;
        let synchronizing = self.terminal.synchronizing();
        self.publish.fed(ended, synchronizing, now);
        fed
    }

    /// The pty has no more bytes for now.
    pub(super) const fn drained(&mut self) {
        self.publish.drained();
    }

    /// All tmux wrote is here, and nothing is half drawn.
    pub(super) const fn quiet(&self) -> bool {
        self.publish.quiet()
    }

    /// The picture to publish now, if one is due and known to be ours.
    pub(super) fn look(&mut self, now: Instant) -> Option<Shot> {
        if self.held || self.pending.is_some() || self.publish.due(now) != Due::Now {
            return None;
        }
        let kept = std::mem::take(&mut self.kept);
        let fresh = self.terminal.take_signals();
        let shot = Shot {
            screen: self.terminal.screen(),
            signals: Signals {
                bell: kept.bell || fresh.bell,
                clipboard: fresh.clipboard.or(kept.clipboard),
            },
        };
        let seen = self.shown.as_ref();
        let news = seen.is_none_or(|seen| !Arc::ptr_eq(seen, &shot.screen));
        let signals = shot.signals != Signals::default();
        if !news && !signals {
            self.publish.nothing_new();
            return None;
        }
        self.publish.taken(now);
        let whole = self.terminal.sync_ends() > 0 && !self.terminal.synchronizing();
        let rows = self.terminal.size().rows;
        if !signals && self.guard.free(rows, whole, &shot.screen.title) {
            return Some(self.give(shot));
        }
        self.pending = Some((shot, self.guard.position()));
        None
    }

    /// When to [`Canvas::look`] again though nothing happened.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        if self.held || self.pending.is_some() {
            return None;
        }
        match self.publish.due(now) {
            Due::Never => None,
            Due::Now => Some(now),
            Due::At(at) => Some(at),
        }
    }

    /// Whether tmux should be asked which session our client shows. If so, ask at once.
    pub(super) fn question(&mut self) -> bool {
        let rows = self.terminal.size().rows;
        let ask = !self.guard.asking() && (self.pending.is_some() || self.guard.stale(rows));
        if ask {
            self.guard.ask();
        }
        ask
    }

    /// tmux answered, and every event before the answer was passed on. `Err`: our client left.
    pub(super) fn answered(
        &mut self,
        session: Option<SessionId>,
        now: Instant,
    ) -> Result<Option<Shot>, Stray> {
        match self.guard.answered(session) {
            Answer::Ours => {}
            Answer::LookAgain => {
                if let Some((shot, _)) = self.pending.take() {
                    self.kept = shot.signals;
                    self.publish.touch(now);
                }
            }
            Answer::Elsewhere(id) => return Err(Stray(Some(id))),
            Answer::Vanished => return Err(Stray(None)),
        }
        let guard = &self.guard;
        let covered = self
            .pending
            .take_if(|(_, position)| guard.covers(*position));
        Ok(covered.map(|(shot, _)| self.give(shot)))
    }

    /// tmux says our client shows this session now. `Err` if that is not ours.
    pub(super) fn event(&mut self, session: SessionId) -> Result<(), Stray> {
        if self.guard.event(session) {
            Err(Stray(Some(session)))
        } else {
            Ok(())
        }
    }

    /// Events may have been missed.
    pub(super) const fn missed(&mut self) {
        self.guard.missed();
    }

    /// A size change begins: nothing is seen until [`Canvas::release`].
    pub(super) fn resize(&mut self, size: Size) {
        self.held = true;
        self.terminal.resize(size);
    }

    /// The size change is complete.
    pub(super) fn release(&mut self, now: Instant) {
        self.held = false;
        self.publish.touch(now);
    }

    fn give(&mut self, shot: Shot) -> Shot {
        self.guard.published(&shot.screen.title);
        self.shown = Some(Arc::clone(&shot.screen));
        shot
    }
}

/// Our client does not show our session (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stray(pub(super) Option<SessionId>);
