//! PURE: what one viewer gets next, and when.
//!
//! Owns what one viewer was last told and shown. In: the bridge's [`State`], acks, visibility and
//! requests of the viewer, the time. Out: [`Output`], one at a time, each to be sent in order. It
//! must not know sockets, tasks, clocks or tmux. Calling [`Viewer::next`] more often than needed is
//! harmless.
//!
//! The invariant: the viewer's terminal shows exactly `shown`, or, when that is none, anything at
//! all; so every frame is a delta from `shown` or a repaint.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

mod compression;
mod flow_control;
mod frame;
mod frame_cache;
mod session_state;
mod verify;

pub use compression::Squeezer;
pub use flow_control::Seldom;
pub use flow_control::Window;
pub use frame::{Frame, Kind, message};
pub use frame_cache::Picture;
pub use session_state::Addressed;
pub use session_state::End;
pub use session_state::Label;
pub use session_state::State;
pub use session_state::ViewerId;
pub use verify::Checker;
pub use verify::Mismatch;

use crate::config::limits::{BELL_INTERVAL, GENERATIONS_BEHIND, REPAINT_INTERVAL};
use crate::terminal::{Screen, Size};
use crate::tmux::Windows;
use compression::Reader;
use std::sync::Arc;
use std::time::Instant;

/// What a confined viewer reads while tmux shows something of its own.
const COVERED: &str = "The picture stands still: somebody has opened a view, a prompt or a popup of tmux that may show other sessions.";

/// What to send to the viewer next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The grid of the next frame; the frame follows at once.
    Size(Size),
    /// Terminal bytes, one binary message.
    Frame(Frame),
    /// The title tmux set.
    Title(Arc<str>),
    /// The session was renamed.
    Session(Label),
    /// The bridge's client was switched to this session and went back.
    Moved(Label),
    /// Who is here.
    Viewers {
        /// Viewers who may type.
        drive: u32,
        /// Viewers who only watch.
        view: u32,
    },
    /// Text for the viewer's clipboard.
    Clipboard(Arc<str>),
    /// The session's windows are these.
    Windows(Arc<Windows>),
    /// A bell rang.
    Bell,
    /// A sentence in passing: why something the viewer wanted was not done.
    Remark(Arc<str>),
    /// A sentence for the caption; empty when all is well again.
    Notice(Arc<str>),
    /// No more will come.
    End(End),
}

/// One viewer: what it was told and shown.
#[derive(Debug)]
pub struct Viewer {
    me: ViewerId,
    visible: bool,
    ended: bool,
    /// The screen its terminal shows; none: not known, the next frame is a repaint.
    shown: Option<Arc<Screen>>,
    /// Whether messages may flow: the first frame was sent, or it was seen hidden.
    open: bool,
    /// A frame did not fit the window; nothing changes that but an ack, or so much time.
    full: Option<Full>,
    window: Window,
    /// It takes chunks.
    inflates: bool,
    /// It may not see other sessions.
    confined: bool,
    /// Where it stands in the session's compressed stream, once it was given a picture.
    reader: Option<Reader>,
    /// Repaints the viewer causes itself, by asking or by returning from hidden.
    repaint: Seldom,
    bell: Seldom,
    told: Told,
}

/// It is to wait for an ack.
#[derive(Debug, Clone, Copy)]
struct Full {
    /// Or so long.
    until: Option<Instant>,
}

/// What it was last told of the state.
#[derive(Debug, Default)]
struct Told {
    size: Option<Size>,
    title: Option<Arc<str>>,
    /// The first one seen was told by `hello`.
    session: Option<Label>,
    viewers: Option<(u32, u32)>,
    /// Bells before it came are not its bells.
    bells: Option<u64>,
    clipboard: u64,
    moved: u64,
    windows: Option<Arc<Windows>>,
    remark: u64,
    notice: Option<Arc<str>>,
}

impl Viewer {
    /// A viewer that was told `hello` and shows nothing yet. The `hello` must carry the session of
    /// the first state given to [`Viewer::next`].
    #[must_use]
    pub fn new(me: ViewerId, visible: bool) -> Self {
        Self::carried(me, visible, Window::default())
    }

    /// As [`Viewer::new`], for a viewer another process served before: its ack totals go on.
    #[must_use]
    pub fn carried(me: ViewerId, visible: bool, window: Window) -> Self {
        Self {
            me,
            visible,
            ended: false,
            shown: None,
            open: false,
            full: None,
            window,
            inflates: false,
            confined: false,
            reader: None,
            repaint: Seldom::every(REPAINT_INTERVAL),
            bell: Seldom::every(BELL_INTERVAL),
            told: Told::default(),
        }
    }

    /// As it is, and able to take chunks: its inflater is at the end of one, or was not used yet.
    #[must_use]
    pub const fn inflating(mut self, inflates: bool) -> Self {
        self.inflates = inflates;
        self
    }

    /// As it is, and not to see anything of other sessions.
    #[must_use]
    pub const fn confined(mut self, confined: bool) -> Self {
        self.confined = confined;
        self
    }

    /// Whether it takes chunks.
    #[must_use]
    pub const fn inflates(&self) -> bool {
        self.inflates
    }

    /// Whether anyone can see it.
    #[must_use]
    pub const fn is_visible(&self) -> bool {
        self.visible
    }

    /// The next thing to send, if any. Call until none after every wake-up, each time with the
    /// newest state; afterwards wait for a new state, an input, or [`Viewer::wake_at`].
    pub fn next(&mut self, state: &State, now: Instant) -> Option<Output> {
        if self.ended {
            return None;
        }
        if let Some(end) = state.ended {
            self.ended = true;
            self.shown = None;
            return Some(Output::End(end));
        }
        self.take_note(state);
        if let Some(frame) = self.next_frame(state, now) {
            return Some(frame);
        }
        let notice = self.notice(state);
        if notice != self.told.notice {
            self.told.notice.clone_from(&notice);
            return Some(Output::Notice(notice.unwrap_or_else(|| Arc::from(""))));
        }
        if self.open {
            self.next_message(state, now)
        } else {
            None
        }
    }

    /// When to call [`Viewer::next`] again though nothing happened.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let frame = match self.full {
            _ if !self.visible => None,
            None => self.repaint.wake_at(),
            Some(Full { until }) => until,
        };
        [frame, self.bell.wake_at()].into_iter().flatten().min()
    }

    /// The viewer's terminal has parsed `total` binary bytes since open.
    pub fn acked(&mut self, total: u64, now: Instant) {
        self.window.ack(total, now);
        self.full = None;
    }

    /// Hidden viewers get no frames; on return one repaint.
    pub fn set_visible(&mut self, visible: bool) {
        if visible && !self.visible {
            self.repaint.want();
        }
        if !visible {
            self.shown = None;
        }
        self.full = None;
        self.window.excuse();
        self.visible = visible;
    }

    /// The viewer asks for a repaint: given at most once in [`REPAINT_INTERVAL`], never forgotten.
    pub fn resync(&mut self, _now: Instant) {
        self.repaint.want();
    }

    /// Whether the state is of the session this viewer was told of last, by name too.
    #[must_use]
    pub fn knows(&self, session: &Label) -> bool {
        self.told.session.as_ref() == Some(session)
    }

    /// The bytes sent and acked so far.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    fn notice(&self, state: &State) -> Option<Arc<str>> {
        let covered = self.confined && state.covered;
        let covered = || covered.then(|| Arc::from(COVERED));
        state.notice.clone().or_else(covered)
    }

    /// Takes over what the state says without a message for it.
    fn take_note(&mut self, state: &State) {
        if self.told.session.is_none() {
            self.told.session = Some(state.session.clone());
        }
        let heard = *self.told.bells.get_or_insert(state.bells);
        if state.bells > heard {
            self.told.bells = Some(state.bells);
            self.bell.want();
        }
        if !self.visible {
            self.open |= state.picture_for(self.confined).is_some();
        }
        // A viewer this far behind gets a repaint, so its old screen is of no more use.
        if let (Some(shown), Some(picture)) = (&self.shown, state.picture_for(self.confined))
            && behind(shown, &picture.screen) > GENERATIONS_BEHIND
        {
            metrics::counter!("muxview_viewer_resyncs_total").increment(1);
            self.shown = None;
        }
    }

    fn next_frame(&mut self, state: &State, now: Instant) -> Option<Output> {
        let picture = state.picture_for(self.confined)?;
        self.full = self
            .full
            .filter(|full| full.until.is_none_or(|at| now < at));
        if !self.visible || self.full.is_some() || state.behind {
            return None;
        }
        // Returning from hidden waits for its turn; a repaint that was asked for does not hold up
        // the deltas before it.
        let asked = self.repaint.due(now);
        if self.shown.is_none() && self.repaint.wanted() && !asked {
            return None;
        }
        let current = &picture.screen;
        let base = self.shown.as_ref().filter(|shown| {
            !asked
                && shown.size == current.size
                && behind(shown, current) <= GENERATIONS_BEHIND
                && self.told.size == Some(current.size)
        });
        if base.is_some_and(|shown| shown.generation == current.generation) {
            return None;
        }
        let repaint = base.is_none();
        let frame = if self.inflates {
            let squeezer = picture.squeezer();
            let reader = self.reader.take().filter(|reader| reader.reads(squeezer));
            let reader = reader.unwrap_or_else(|| Reader::new(squeezer));
            let at = self.reader.insert(reader).at();
            picture.chunk(base, at, now)
        } else {
            picture.frame(base)
        };
        if frame.is_empty() {
            self.shown = Some(current.clone());
            return None;
        }
        if !self.window.admits(frame.terminal_bytes(), now) {
            let until = self.window.lapses_at().filter(|at| *at > now);
            self.full = Some(Full { until });
            metrics::counter!("muxview_viewer_lags_total").increment(1);
            return None;
        }
        if self.told.size != Some(current.size) {
            self.told.size = Some(current.size);
            return Some(Output::Size(current.size));
        }
        if asked {
            self.repaint.done(now);
        } else if repaint {
            self.repaint.forget();
        }
        self.window.send(frame.terminal_bytes(), now);
        if let Some(reader) = &mut self.reader {
            reader.sent(&frame);
        }
        self.shown = Some(current.clone());
        self.open = true;
        Some(Output::Frame(frame))
    }

    fn next_message(&mut self, state: &State, now: Instant) -> Option<Output> {
        let told = &mut self.told;
        if told.session.as_ref() != Some(&state.session) {
            told.session = Some(state.session.clone());
            return Some(Output::Session(state.session.clone()));
        }
        if let Some(picture) = state.picture_for(self.confined)
            && told.title.as_ref() != Some(&picture.screen.title)
        {
            let title = picture.screen.title.clone();
            told.title = Some(title.clone());
            return Some(Output::Title(title));
        }
        let (drive, view) = (state.drive, state.view);
        if told.viewers != Some((drive, view)) {
            told.viewers = Some((drive, view));
            return Some(Output::Viewers { drive, view });
        }
        if let Some(text) = news(state.clipboard.as_ref(), self.me, &mut told.clipboard) {
            return Some(Output::Clipboard(text));
        }
        if let Some(label) = news(state.moved.as_ref(), self.me, &mut told.moved) {
            return Some(Output::Moved(label));
        }
        if told.windows != state.windows {
            told.windows.clone_from(&state.windows);
            if let Some(windows) = &state.windows {
                return Some(Output::Windows(Arc::clone(windows)));
            }
        }
        if let Some(text) = news(state.remark.as_ref(), self.me, &mut told.remark) {
            return Some(Output::Remark(text));
        }
        if self.bell.due(now) {
            self.bell.done(now);
            return Some(Output::Bell);
        }
        None
    }
}

/// Generations from `shown` to `current`. A screen ahead of the current one cannot be of this
/// state; treated as infinitely far.
const fn behind(shown: &Screen, current: &Screen) -> u64 {
    match current.generation.0.checked_sub(shown.generation.0) {
        Some(generations) => generations,
        None => u64::MAX,
    }
}

/// The value, if it is addressed to me and I was not told this one.
fn news<T: Clone>(it: Option<&Addressed<T>>, me: ViewerId, told: &mut u64) -> Option<T> {
    let it = it.filter(|it| it.to == me && it.serial > *told)?;
    *told = it.serial;
    Some(it.value.clone())
}

#[cfg(test)]
mod tests;
