//! One attach's terminal behind the rules of what may be seen of it.
//!
//! Owns the terminal, the rhythm of its bytes ([`Publish`]) and what is known of their session
//! ([`Guard`]). In: bytes, answers of tmux, the time. Out: [`Shot`]s to publish, and whether tmux
//! has to be asked. It must not know the pty, tasks, clocks or viewers. Pure.

use super::guard::{Answer, Guard};
use super::publish::{Due, Publish};
use crate::config::limits::{CATCH_UP, TORN_TIMEOUT, UNWATCHED_INTERVAL};
use crate::terminal::{Generation, Screen, Signals, Size, Terminal, Widths};
use crate::tmux::{SessionId, Whereabouts};
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
}

impl Canvas {
    /// For a new attach to the session that was made then. Its pictures come after generation `after`, its first frame keeps its
    /// distance to the one `published` before.
    pub(super) fn new(
        (session, created): (SessionId, u64),
        size: Size,
        widths: Arc<Widths>,
        after: Generation,
        published: Option<Instant>,
    ) -> Self {
        Self {
            terminal: Terminal::new(size, widths, after),
            publish: Publish::new(published),
            guard: Guard::new(session, created),
            pending: None,
            discarded: 0,
            torn: None,
            shown: None,
            kept: Signals::default(),
            held: false,
            watched: None,
            given: None,
            skipped: false,
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

    /// Whether a picture was given out.
    pub(super) const fn seen(&self) -> bool {
        self.shown.is_some()
    }

    /// The picture to publish now, if one is due and known to be ours.
    pub(super) fn look(&mut self, now: Instant) -> Option<Shot> {
        if self.held || self.pending.is_some() || self.publish.due(now) != Due::Now {
            return None;
        }
        if self.whole_at().is_some_and(|at| now < at) {
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
            self.skipped = false;
            return None;
        }
        self.publish.taken(now);
        let whole = self.terminal.sync_ends() > 0 && !self.terminal.synchronizing();
        let rows = self.terminal.size().rows;
        if !signals && self.torn.is_none() && self.guard.free(rows, whole, &shot.screen.title) {
            return Some(self.give(shot, now));
        }
        self.pending = Some(Pending {
            shot,
            position: self.guard.position(),
            redrawn: self.terminal.redrawn(),
        });
        None
    }

    /// Until when a torn picture is waited with; none for one that is whole.
    fn whole_at(&self) -> Option<Instant> {
        let torn = self.torn.filter(|_| !self.terminal.redrawn())?;
        Some(torn + TORN_TIMEOUT)
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
        Some(self.whole_at().map_or(due, |at| due.max(at)))
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
        self.torn = None;
        Ok(Some(self.give(pending.shot, now)))
    }

    /// Takes another picture instead; what happened with this one is told with that.
    fn drop_pending(&mut self, now: Instant) {
        if let Some(Pending { shot, .. }) = self.pending.take() {
            self.kept = shot.signals;
            self.publish.touch(now);
        }
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

    fn give(&mut self, shot: Shot, now: Instant) -> Shot {
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
mod tests {
    use super::*;
    use crate::config::limits::FRAME_INTERVAL;
    use std::fmt::Write as _;
    use std::time::Duration;

    const OURS: SessionId = SessionId(1);
    const MADE: u64 = 1_700_000_000;
    const OTHER: SessionId = SessionId(2);
    const SIZE: Size = Size { cols: 20, rows: 4 };

    fn canvas() -> Canvas {
        let mut canvas = Canvas::new((OURS, MADE), SIZE, Arc::default(), Generation(0), None);
        canvas.watch(true, Instant::now());
        canvas
    }

    const fn at(session: SessionId) -> Option<Whereabouts> {
        Some(Whereabouts {
            session,
            created: MADE,
            switched: false,
            window: Size { cols: 80, rows: 24 },
            discarded: 0,
        })
    }

    /// A whole redraw as tmux writes one, every row saying `text`.
    fn redraw(text: &str) -> String {
        let mut bytes = String::from("\x1bP=1s\x1b\\\x1b[?25l");
        for row in 1..=SIZE.rows {
            // A String takes everything written to it.
            let _ = write!(bytes, "\x1b[{row};1H{text}\x1b[K");
        }
        bytes + "\x1b[?25h\x1bP=2s\x1b\\"
    }

    /// One read that drains the pty. Gives what may be published at once.
    fn read(canvas: &mut Canvas, bytes: &str, now: Instant) -> Option<Shot> {
        canvas.read(bytes.len(), now);
        let mut fed = 0;
        let mut shot = None;
        while fed < bytes.len() {
            fed += canvas.feed(&bytes.as_bytes()[fed..], now);
            shot = shot.or(canvas.look(now));
        }
        canvas.drained();
        shot.or_else(|| canvas.look(now))
    }

    fn text(shot: &Shot) -> String {
        shot.screen.rows.iter().map(|row| row.text()).collect()
    }

    /// A canvas whose first picture was confirmed and shown.
    fn live(now: Instant) -> Canvas {
        let mut canvas = canvas();
        assert!(read(&mut canvas, "\x1b[H\x1b[J", now).is_none());
        assert!(read(&mut canvas, &redraw("ours"), now).is_none());
        assert!(canvas.question());
        assert!(!canvas.question(), "one question at a time");
        let shot = canvas.answered(at(OURS), now).expect("it is ours");
        assert_eq!(text(&shot.expect("covered")), "oursoursoursours");
        canvas
    }

    #[test]
    fn an_echo_is_seen_at_once() {
        let now = Instant::now();
        let mut canvas = live(now);
        let key = now + Duration::from_secs(1);
        let shot = read(&mut canvas, "x", key).expect("nothing to wait for");
        assert!(text(&shot).contains('x'));
        assert!(!canvas.question());
    }

    #[test]
    fn another_session_is_never_seen_whenever_the_answer_comes() {
        let now = Instant::now();
        for ask_before in [false, true] {
            let mut canvas = live(now);
            let later = now + Duration::from_secs(1);
            if ask_before {
                // A question on its way while the client is switched is answered "ours".
                assert!(read(&mut canvas, "1234567", later).is_some());
                assert!(canvas.question());
            }
            assert!(read(&mut canvas, &redraw("SECRET"), later + FRAME_INTERVAL).is_none());
            if ask_before {
                let shot = canvas.answered(at(OURS), later).expect("it was ours");
                assert!(shot.is_none(), "the question is older than the picture");
            }
            assert!(canvas.question());
            let stray = canvas.answered(at(OTHER), later).expect_err("elsewhere");
            assert_eq!(stray, Stray(Some(OTHER)));
        }
    }

    #[test]
    fn a_title_of_another_session_is_not_seen_before_its_redraw() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        assert!(read(&mut canvas, "\x1b]0;SECRET\x07", later).is_none());
        assert!(canvas.question());
        assert!(canvas.answered(at(OTHER), later).is_err());
    }

    #[test]
    fn a_redraw_cut_by_a_read_is_not_seen_in_part() {
        let now = Instant::now();
        let mut canvas = live(now);
        let redraw = redraw("SECRET");
        let mut at = now + Duration::from_secs(1);
        for cut in 1..redraw.len() - 1 {
            at += Duration::from_micros(10);
            let byte = &redraw[cut - 1..cut];
            assert!(read(&mut canvas, byte, at).is_none(), "after {cut} bytes");
        }
    }

    #[test]
    fn there_and_back_is_a_stray() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        assert!(read(&mut canvas, &redraw("SECRET"), later).is_none());
        assert!(canvas.question());
        assert!(canvas.event(OTHER).is_err());
        assert!(canvas.answered(at(OURS), later).is_err());
    }

    #[test]
    fn after_missed_events_a_later_picture_is_asked_for() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        assert!(read(&mut canvas, &redraw("maybe"), later).is_none());
        canvas.missed();
        assert!(canvas.question());
        assert!(matches!(canvas.answered(at(OURS), later), Ok(None)));
        assert!(read(&mut canvas, &redraw("back"), later).is_none());
        let next = later + FRAME_INTERVAL;
        assert_eq!(canvas.wake_at(later), Some(next));
        assert!(canvas.look(next).is_none());
        assert!(canvas.question());
        let shot = canvas.answered(at(OURS), next).expect("ours");
        assert_eq!(
            text(&shot.expect("asked after the gap")),
            "backbackbackback"
        );
    }

    #[test]
    fn what_happened_with_a_dropped_picture_is_told_with_the_next() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        assert!(
            read(&mut canvas, "\x07", later).is_none(),
            "a bell is asked about"
        );
        canvas.missed();
        assert!(canvas.question());
        assert!(matches!(canvas.answered(at(OURS), later), Ok(None)));
        let next = later + FRAME_INTERVAL;
        assert!(canvas.look(next).is_none());
        assert!(canvas.question());
        let shot = canvas.answered(at(OURS), next).expect("ours");
        assert!(shot.expect("a bell is news").signals.bell);
    }

    #[test]
    fn what_tmux_threw_away_is_waited_for() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        let lossy = |discarded| {
            Some(Whereabouts {
                discarded,
                ..at(OURS).expect("a place")
            })
        };
        // An update that lost its end: two rows of four.
        let torn = "\x1bP=1s\x1b\\\x1b[1;1Hnew!\x1b[K\x1b[2;1Hnew!\x1b[K\x1bP=2s\x1b\\";
        assert!(read(&mut canvas, torn, later).is_none());
        assert!(canvas.question());
        assert!(matches!(canvas.answered(lossy(999), later), Ok(None)));
        assert_eq!(canvas.wake_at(later), Some(later + TORN_TIMEOUT));
        let redrawn = later + FRAME_INTERVAL;
        assert!(
            read(&mut canvas, "x", redrawn).is_none(),
            "not even an echo"
        );
        assert!(read(&mut canvas, &redraw("new!"), redrawn).is_none());
        assert!(canvas.question());
        let shot = canvas.answered(lossy(999), redrawn).expect("ours");
        assert_eq!(text(&shot.expect("whole")), "new!new!new!new!");
        let key = redrawn + Duration::from_secs(1);
        assert!(read(&mut canvas, "x", key).is_some(), "all is well again");

        // A tmux that never draws anew does not hold the picture for ever.
        assert!(read(&mut canvas, torn, key + FRAME_INTERVAL).is_none());
        assert!(canvas.question());
        let asked = key + FRAME_INTERVAL;
        assert!(matches!(canvas.answered(lossy(1999), asked), Ok(None)));
        assert!(canvas.look(asked + TORN_TIMEOUT).is_none());
        assert!(canvas.question());
        let shot = canvas.answered(lossy(1999), asked + TORN_TIMEOUT);
        assert!(shot.expect("ours").is_some());
    }

    #[test]
    fn nothing_is_seen_while_the_size_changes() {
        let now = Instant::now();
        let mut canvas = live(now);
        let later = now + Duration::from_secs(1);
        canvas.resize(Size { cols: 30, rows: 4 });
        assert!(read(&mut canvas, "x", later).is_none());
        assert_eq!(canvas.wake_at(later), None);
        assert!(read(&mut canvas, &redraw("wide"), later).is_none());
        assert!(canvas.quiet());
        canvas.release(later);
        assert!(canvas.look(later).is_none(), "a redraw is asked about");
        assert!(canvas.question());
        let shot = canvas.answered(at(OURS), later).expect("ours");
        assert_eq!(shot.expect("covered").screen.size.cols, 30);
    }

    #[test]
    fn nothing_is_taken_for_nobody_and_all_at_once_for_somebody() {
        let now = Instant::now();
        let mut canvas = live(now);
        canvas.watch(false, now);
        let mut later = now;
        for round in 0..100 {
            later += FRAME_INTERVAL;
            assert!(read(&mut canvas, "x", later).is_none(), "{round}");
            assert_eq!(canvas.wake_at(later), None, "there is nothing to wait for");
        }
        assert!(canvas.behind(later));
        later += FRAME_INTERVAL;
        canvas.watch(true, later);
        assert_eq!(canvas.wake_at(later), Some(later));
        assert!(canvas.look(later).is_none(), "so much is asked about");
        assert!(canvas.question() && canvas.behind(later));
        let shot = canvas.answered(at(OURS), later).expect("ours");
        assert!(text(&shot.expect("due")).contains('x'));
        assert!(!canvas.behind(later));
    }

    #[test]
    fn a_bell_and_a_title_are_told_though_nobody_looks_but_not_often() {
        let now = Instant::now();
        let mut canvas = live(now);
        canvas.watch(false, now);
        let at_once = now + FRAME_INTERVAL;
        assert!(read(&mut canvas, "\x1b]2;new\x07\x07", at_once).is_none());
        let then = now + UNWATCHED_INTERVAL;
        assert_eq!(canvas.wake_at(at_once), Some(then));
        assert!(canvas.look(then).is_none(), "asked about");
        assert!(canvas.question());
        let shot = canvas
            .answered(at(OURS), then)
            .expect("ours")
            .expect("told");
        assert!(shot.signals.bell && &*shot.screen.title == "new");
        assert_eq!(canvas.wake_at(then), None);
    }

    #[test]
    fn who_comes_to_look_is_not_kept_waiting_by_a_tmux_that_does_not_answer() {
        let now = Instant::now();
        let mut canvas = live(now);
        canvas.watch(false, now);
        let later = now + FRAME_INTERVAL;
        assert!(read(&mut canvas, &redraw("new!"), later).is_none());
        canvas.watch(true, later);
        assert!(canvas.look(later).is_none() && canvas.question());
        assert!(canvas.behind(later));
        assert_eq!(canvas.wake_at(later), Some(later + CATCH_UP));
        assert!(!canvas.behind(later + CATCH_UP));
    }
}
