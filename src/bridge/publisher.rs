//! One attach's terminal behind the rules of what may be seen of it.
//!
//! Owns the terminal, the rhythm of its bytes ([`Publish`]) and what is known of their session
//! ([`Guard`]). In: bytes, answers of tmux, the time. Out: [`Shot`]s to publish, and whether tmux
//! has to be asked. It must not know the pty, tasks, clocks or viewers. Pure.

use crate::bridge::policy::frame_timing::Due;
use crate::bridge::policy::frame_timing::Publish;
use crate::bridge::policy::session_guard::Answer;
use crate::bridge::policy::session_guard::Guard;
use crate::config::limits::{
    CATCH_UP, FRAME_INTERVAL, REDRAW_INTERVAL, STARVED, TORN_TIMEOUT, UNWATCHED_INTERVAL,
};
use crate::terminal::{ExtendedKeys, Generation, Screen, Signals, Size, Terminal, Widths};
use crate::tmux::{Creation, SessionId, Whereabouts};
use std::sync::Arc;
use std::time::Instant;

/// A picture that may be published, and what happened with it.
#[derive(Debug)]
pub(super) struct Shot {
    pub(super) screen: Arc<Screen>,
    pub(super) signals: Signals,
}

/// A picture, the bytes it was made of, and whether its last update drew every row.
#[derive(Debug)]
struct Pending {
    shot: Shot,
    position: u64,
    redrawn: bool,
}

/// One attach's terminal.
#[derive(Debug)]
pub(super) struct Canvas {
    terminal: Terminal,
    publish: Publish,
    guard: Guard,
    /// A picture that waits for tmux to say it is ours.
    pending: Option<Pending>,
    /// Bytes tmux had thrown away for our client when it was asked last.
    discarded: u64,
    /// Since when the grid may lack some of what tmux drew: it threw bytes away, and has not drawn
    /// everything anew since. A synchronised update that lost its middle ends like any other.
    torn: Option<Instant>,
    /// When tmux was last known to have thrown more bytes away: a program prints faster than tmux lets
    /// our client have it, and only what was drawn anew is whole.
    lost: Option<Instant>,
    /// Synchronisation ends before the last picture that was taken.
    ends: u64,
    /// When tmux was last asked to draw everything anew.
    begged: Option<Instant>,
    /// When tmux was last asked whose picture it is.
    asked: Option<Instant>,
    /// It is to be asked though no picture waits for the answer.
    curious: bool,
    /// The last picture given out.
    shown: Option<Arc<Screen>>,
    /// What happened with a picture that was dropped for a later one.
    kept: Signals,
    /// A size change is under way: what is drawn is neither the old picture nor the new.
    held: bool,
    /// Since when somebody looks; none: nobody does.
    watched: Option<Instant>,
    /// When the last picture was given out.
    given: Option<Instant>,
    /// A picture was due and not taken, as nobody looked.
    skipped: bool,
    /// Bytes fed when the terminal showed the last picture given out.
    shown_at: u64,
    /// The last update that drew every row: how many updates there were then, and how many bytes were fed.
    whole: (u64, u64),
}

impl Canvas {
    /// For a new attach to the session of that creation. Its pictures come after generation `after`, its first frame keeps its
    /// distance to the one `published` before.
    pub(super) fn new(
        (session, created): (SessionId, Creation),
        size: Size,
        widths: Arc<Widths>,
        after: Generation,
        published: Option<Instant>,
    ) -> Self {
        let mut terminal = Terminal::new(size, widths, after);
        // Until tmux says whether a pane asked for more.
        terminal.pane_keys(Some(ExtendedKeys::Off));
        Self {
            terminal,
            publish: Publish::new(published),
            guard: Guard::new(session, created),
            pending: None,
            discarded: 0,
            torn: None,
            lost: None,
            ends: 0,
            begged: None,
            asked: None,
            curious: false,
            shown: None,
            kept: Signals::default(),
            held: false,
            watched: None,
            given: None,
            skipped: false,
            shown_at: 0,
            whole: (0, 0),
        }
    }

    /// What the active pane asked for in extended keys, as tmux says.
    pub(super) fn pane_keys(&mut self, keys: Option<ExtendedKeys>, now: Instant) {
        if self.terminal.pane_keys(keys) {
            self.publish.touch(now);
        }
    }

    /// Whether somebody looks.
    pub(super) const fn watch(&mut self, watched: bool, now: Instant) {
        if !watched {
            self.watched = None;
        } else if self.watched.is_none() {
            self.watched = Some(now);
            self.publish.looked_for(now);
        }
    }

    /// Whether the picture given out last is an old one that who comes to look need not see.
    pub(super) fn behind(&self, now: Instant) -> bool {
        self.skipped && self.watched.is_none_or(|since| now < since + CATCH_UP)
    }

    /// When a picture nobody looks at may be taken: the first one, and one that has something to
    /// tell besides.
    fn unwatched_at(&self, now: Instant) -> Option<Instant> {
        let Some(shown) = self.shown.as_ref().filter(|_| self.watched.is_none()) else {
            return Some(now);
        };
        let told = self.terminal.signalled() || *self.terminal.title() != shown.title;
        let free = self.given.map_or(now, |given| given + UNWATCHED_INTERVAL);
        told.then_some(free)
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
        if ended && self.terminal.redrawn() {
            self.whole = (self.terminal.sync_ends(), self.guard.position());
        }
        let synchronizing = self.terminal.synchronizing();
        self.publish.fed(ended, synchronizing, now);
        fed
    }

    /// Takes in all of these bytes; nobody looks at the pictures in between.
    pub(super) fn draw(&mut self, bytes: &[u8], now: Instant) {
        let mut fed = 0;
        while fed < bytes.len() {
            fed += self.feed(&bytes[fed..], now);
        }
    }

    /// What the terminal shows, for [`Canvas::restore`] elsewhere.
    pub(super) fn snapshot(&mut self) -> Vec<u8> {
        self.terminal.snapshot()
    }

    /// Goes on from a snapshot of a terminal that saw this client before. No picture is taken before
    /// tmux has drawn everything anew, which it is to be asked for: what it draws until then builds on a
    /// state that no snapshot has.
    pub(super) fn restore(&mut self, snapshot: &[u8], now: Instant) {
        let mut fed = 0;
        while fed < snapshot.len() {
            fed += self.terminal.feed(&snapshot[fed..]);
        }
        let _ = self.terminal.take_signals();
        self.ends = self.terminal.sync_ends();
        self.torn = Some(now);
        self.guard.missed();
        self.publish.touch(now);
    }

    /// The pty has no more bytes for now.
    pub(super) const fn drained(&mut self) {
        self.publish.drained();
    }

    /// All tmux wrote is here, and nothing is half drawn.
    pub(super) const fn quiet(&self) -> bool {
        self.publish.quiet()
    }

    /// Whether a picture was given out.
    pub(super) const fn seen(&self) -> bool {
        self.shown.is_some()
    }

    /// How many bytes had been fed when the terminal last showed the picture given out last.
    pub(super) const fn shown_at(&self) -> u64 {
        self.shown_at
    }

    /// Synchronised updates so far.
    pub(super) fn updates(&self) -> u64 {
        self.terminal.sync_ends()
    }

    /// The last update that drew every row: how many updates there were then, and how many bytes were
    /// fed.
    pub(super) const fn whole(&self) -> (u64, u64) {
        self.whole
    }

    /// The picture to publish now, if one is due and known to be ours.
    pub(super) fn look(&mut self, now: Instant) -> Option<Shot> {
        if self.held || self.pending.is_some() || self.publish.due(now) != Due::Now {
            return None;
        }
        if self.whole_at(now).is_some_and(|at| now < at) {
            return None;
        }
        if self.unwatched_at(now).is_none_or(|at| now < at) {
            self.skipped = true;
            return None;
        }
        let kept = std::mem::take(&mut self.kept);
        let fresh = self.terminal.take_signals();
        let shot = Shot {
            screen: self.terminal.screen(),
            signals: kept.then(fresh),
        };
        let seen = self.shown.as_ref();
        let news = seen.is_none_or(|seen| !Arc::ptr_eq(seen, &shot.screen));
        let signals = shot.signals != Signals::default();
        if !news && !signals {
            self.publish.nothing_new();
            self.skipped = false;
            self.shown_at = self.guard.position();
            return None;
        }
        self.publish.taken(now);
        let whole = self.terminal.sync_ends() > 0 && !self.terminal.synchronizing();
        let rows = self.terminal.size().rows;
        let fresh = self.terminal.sync_ends() > self.ends && self.terminal.redrawn();
        if fresh && self.starved_until(now).is_none() {
            self.torn = None;
        }
        if !signals && self.torn.is_none() && self.guard.free(rows, whole, &shot.screen.title) {
            return Some(self.give(shot, self.guard.position(), now));
        }
        self.pending = Some(Pending {
            shot,
            position: self.guard.position(),
            redrawn: self.redrawn(now),
        });
        self.ends = self.terminal.sync_ends();
        None
    }

    /// Until when what tmux draws is taken to be in parts; it counts what it throws away only ten times
    /// a second.
    fn starved_until(&self, now: Instant) -> Option<Instant> {
        let until = self.lost.map(|lost| lost + STARVED);
        until.filter(|until| now < *until)
    }

    /// Whether every row was drawn by the last update; if tmux throws bytes away, since the last
    /// picture.
    fn redrawn(&self, now: Instant) -> bool {
        let fresh = self.starved_until(now).is_none() || self.terminal.sync_ends() > self.ends;
        fresh && self.terminal.redrawn()
    }

    /// Until when a torn picture is waited with; none for one that is whole.
    fn whole_at(&self, now: Instant) -> Option<Instant> {
        let late = self.torn.filter(|_| !self.redrawn(now))? + TORN_TIMEOUT;
        let over = self.starved_until(now).filter(|_| self.terminal.redrawn());
        Some(over.map_or(late, |over| late.min(over)))
    }

    /// When tmux is to be asked to draw everything anew: while it throws bytes away, it does so by
    /// itself only ten times a second.
    pub(super) fn redraw_at(&self, now: Instant) -> Option<Instant> {
        let wanted = self.torn.filter(|_| !self.held && self.watched.is_some())?;
        self.starved_until(now)?;
        Some(self.begged.map_or(wanted, |at| at + REDRAW_INTERVAL))
    }

    /// Whether that is now. If so, ask at once.
    pub(super) fn beg(&mut self, now: Instant) -> bool {
        let due = self.redraw_at(now).is_some_and(|at| at <= now);
        if due {
            self.begged = Some(now);
        }
        due
    }

    /// When to [`Canvas::look`] again though nothing happened.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        // Who waits for a picture that does not come is shown the old one then.
        let late = self.watched.filter(|_| self.skipped);
        let late = late.map(|since| since + CATCH_UP).filter(|at| now < *at);
        [self.due_at(now), late].into_iter().flatten().min()
    }

    fn due_at(&self, now: Instant) -> Option<Instant> {
        if self.held || self.pending.is_some() {
            return None;
        }
        let due = match self.publish.due(now) {
            Due::Never => return None,
            Due::Now => now,
            Due::At(at) => at,
        };
        let due = due.max(self.unwatched_at(now)?);
        Some(self.whole_at(now).map_or(due, |at| due.max(at)))
    }

    /// Whether tmux should be asked which session our client shows. If so, ask at once.
    pub(super) fn question(&mut self, now: Instant) -> bool {
        let rows = self.terminal.size().rows;
        // In passing no more often than for frames: a flood would ask all the time.
        let rested = self.asked.is_none_or(|at| now >= at + FRAME_INTERVAL);
        let in_passing = self.curious || self.guard.stale(rows);
        let wanted = self.pending.is_some() || (rested && in_passing);
        let ask = !self.guard.asking() && wanted;
        if ask {
            self.curious = false;
            self.guard.ask();
            self.asked = Some(now);
        }
        ask
    }

    /// tmux answered, and every event before the answer was passed on. `Err`: our client left.
    pub(super) fn answered(
        &mut self,
        client: Option<Whereabouts>,
        now: Instant,
    ) -> Result<Option<Shot>, Stray> {
        match self.guard.answered(client) {
            Answer::Ours => {}
            Answer::LookAgain => self.drop_pending(now),
            Answer::Elsewhere(session) => return Err(Stray(session)),
            Answer::Vanished => return Err(Stray(None)),
        }
        let discarded = client.map_or(self.discarded, |client| client.discarded);
        if std::mem::replace(&mut self.discarded, discarded) != discarded {
            self.torn.get_or_insert(now);
            self.lost = Some(now);
        }
        let guard = &self.guard;
        let Some(pending) = self
            .pending
            .take_if(|pending| guard.covers(pending.position))
        else {
            return Ok(None);
        };
        let waits = self.torn.is_some_and(|torn| now < torn + TORN_TIMEOUT);
        if waits && !pending.redrawn {
            self.pending = Some(pending);
            self.drop_pending(now);
            return Ok(None);
        }
        self.torn = self.starved_until(now).map(|_| now);
        Ok(Some(self.give(pending.shot, pending.position, now)))
    }

    /// Takes another picture instead; what happened with this one is told with that.
    fn drop_pending(&mut self, now: Instant) {
        if let Some(Pending { shot, .. }) = self.pending.take() {
            self.kept = shot.signals;
            self.publish.touch(now);
        }
    }

    /// Events may have been missed.
    pub(super) const fn missed(&mut self) {
        self.guard.missed();
    }

    /// Somebody came to the session or left it: what the answer says of that is worth asking for.
    pub(super) const fn wonder(&mut self) {
        self.curious = true;
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

    fn give(&mut self, shot: Shot, position: u64, now: Instant) -> Shot {
        self.shown_at = position;
        self.given = Some(now);
        self.skipped = false;
        self.guard.published(&shot.screen.title);
        self.shown = Some(Arc::clone(&shot.screen));
        shot
    }
}

/// Our client does not show our session (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stray(pub(super) Option<SessionId>);

#[cfg(test)]
mod tests;
