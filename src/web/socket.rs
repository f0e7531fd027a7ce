//! One WebSocket is one viewer. In: an open socket and what its URL wished. Out: messages of
//! [`wire`] and frames, until the session, the service or the viewer ends. Reading and writing go
//! on side by side in one task: who does not read can still be heard, and who floods us with input
//! still gets frames. It must not know how frames are made or paced.

use bytes::Bytes;
use metrics::Counter;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::sync::watch;
use tokio::time::{sleep, sleep_until, timeout};

use super::Parts;
use super::access::Caller;
use super::carried::Carried;
use super::chatter::Chatter;
use super::connection::{Connection, Gone, Turn};
use super::handshake::Speech;
use super::input::Input;
use super::permit::Permit;
use super::presence::Joined;
use super::seating::{self, ByName, Seated};
use super::stopping::{Ending, Handover, Stopping};
use super::stream::{Door, Stream};
use super::tap::{Kind, Tap};
use super::visit::{self, Visit};
use super::wire::{self, Close, ENDED, Heard, Role, Say};
use crate::bridge::handle::{Driver, Join, Seat};
use crate::config::limits::{FAREWELL, PING_INTERVAL, PONGS, QUIET, SEAT_BYTES, SILENCE};
use crate::viewer::{End, Label, Output, State, Viewer, Window};

/// What a socket's URL and headers wished.
#[derive(Debug)]
pub(super) struct Wish {
    /// The session, by name or id.
    pub(super) name: String,
    pub(super) join: Join,
    pub(super) speech: Speech,
    /// It takes chunks.
    pub(super) deflate: bool,
    /// For counting who is turned away.
    pub(super) door: Arc<Door>,
}

/// A viewer between two processes: nobody reads or writes its socket.
#[derive(Debug)]
pub struct Frozen {
    /// Its socket.
    pub stream: Stream,
    /// All else.
    pub carried: Carried,
    /// Kept until nobody sizes windows any more: whoever leaves gives up its size.
    _seat: Seat,
}

/// Random per process image: a page that finds another one knows that it was restarted.
static INSTANCE: LazyLock<String> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => std::process::id().to_string(),
    }
});

/// What is counted too often to look its counter up each time.
struct Counters {
    frames: Counter,
    frame_bytes: Counter,
    saved_bytes: Counter,
    input_bytes: Counter,
}

static COUNTERS: LazyLock<Counters> = LazyLock::new(|| Counters {
    frames: metrics::counter!("muxview_frames_total"),
    frame_bytes: metrics::counter!("muxview_frame_bytes_total"),
    saved_bytes: metrics::counter!("muxview_deflate_saved_bytes_total"),
    input_bytes: metrics::counter!("muxview_input_bytes_total"),
});

/// Serves one viewer from its first byte to its last.
pub(super) async fn run(parts: Arc<Parts>, caller: Caller, wish: Wish, tap: Tap<Stream>) {
    let mut connection = Connection::new(tap).await;
    let stopping = parts.stopping.clone();
    let seated = match seating::first(&parts, &caller, &wish).await {
        Ok(seated) => seated,
        Err(close) => {
            visit::refuse(&parts.refusals, &caller, &wish, &close);
            return turn_away(&mut connection, &close).await;
        }
    };
    // What outlives the joining is only what a viewer needs.
    drop((parts, caller));
    let viewer = Viewer::new(seated.seat.viewer(), wish.join.visible).inflating(wish.deflate);
    Viewing::new(connection, seated, viewer, wish.speech, stopping)
        .run()
        .await;
}

async fn turn_away(connection: &mut Connection, close: &Close) {
    count_close(close.code);
    connection.close(close, drop).await;
}

/// Seats a viewer that another process served. What it gives is to be run as a task of its own.
pub(super) async fn resume(
    parts: &Parts,
    stream: Stream,
    carried: Carried,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let Carried { unread, unsent, .. } = &carried;
    let tap = Tap::carried(stream, unread.clone(), unsent.clone());
    let mut connection = Connection::new(tap).await;
    let seated = match seating::again(parts, &carried).await {
        Ok(seated) => seated,
        Err(close) => {
            visit::lose(&parts.audit, &carried, close.code);
            return Box::pin(async move { turn_away(&mut connection, &close).await });
        }
    };
    let window = Window::carried(carried.sent, carried.acked);
    let viewer = Viewer::carried(seated.seat.viewer(), carried.visible, window);
    let viewer = viewer.inflating(carried.deflate);
    let speech = if carried.ours {
        Speech::Ours
    } else {
        Speech::Raw
    };
    let stopping = parts.stopping.clone();
    let mut viewing = Viewing::new(connection, seated, viewer, speech, stopping);
    for message in carried.input {
        viewing.input.take(message);
    }
    Box::pin(async move {
        viewing.run().await;
    })
}

/// Ends a viewer's socket before it is anybody's.
pub(super) async fn dismiss(stream: Stream, unsent: Bytes, close: &Close) {
    let tap = Tap::carried(stream, Bytes::new(), unsent);
    count_close(close.code);
    Connection::new(tap).await.close(close, drop).await;
}

fn count_close(code: u16) {
    metrics::counter!("muxview_closes_total", "code" => counted_as(code)).increment(1);
}

/// A peer may close with any of thousands of codes; those that mean something here have a count each.
fn counted_as(code: u16) -> Cow<'static, str> {
    match code {
        1000..=1015 | 4400..=4429 | 4500..=4529 => code.to_string().into(),
        _ => "other".into(),
    }
}

/// A viewer at its seat.
struct Viewing {
    connection: Connection,
    speech: Speech,
    role: Role,
    seat: Seat,
    /// Counted with the others until this is dropped.
    _joined: Joined,
    permit: Permit,
    /// Dropped when it is of no more use.
    by_name: Option<ByName>,
    /// Only a driver has one: a spectator's task holds no handle to the input path.
    driver: Option<Driver>,
    viewer: Viewer,
    states: watch::Receiver<Arc<State>>,
    stopping: Stopping,
    input: Input,
    chatter: Chatter,
    /// Ids of pings to answer, once the socket takes something.
    pongs: VecDeque<Option<Value>>,
    ping_due: bool,
    visit: Visit,
}

/// How a viewing ended.
enum Exit {
    Close(Close),
    Gone(Gone),
    Handoff(Handover),
}

impl Viewing {
    fn new(
        connection: Connection,
        seated: Seated,
        viewer: Viewer,
        speech: Speech,
        stopping: Stopping,
    ) -> Self {
        let Seated {
            mut seat,
            joined,
            permit,
            visit,
            by_name,
        } = seated;
        let driver = seat.driver();
        Self {
            connection,
            speech,
            role: role(driver.as_ref()),
            viewer,
            states: seat.state().clone(),
            driver,
            seat,
            _joined: joined,
            permit,
            by_name,
            stopping,
            input: Input::default(),
            chatter: Chatter::new(super::now()),
            pongs: VecDeque::new(),
            ping_due: false,
            visit,
        }
    }

    /// Changes to another seat.
    fn sit(&mut self, seated: Seated) {
        let Seated {
            mut seat,
            joined,
            permit,
            visit,
            by_name,
        } = seated;
        let sent = self.viewer.window().sent();
        std::mem::replace(&mut self.visit, visit).end(ENDED, sent);
        self.driver = seat.driver();
        self.role = role(self.driver.as_ref());
        self.states = seat.state().clone();
        (self.seat, self._joined) = (seat, joined);
        (self.permit, self.by_name) = (permit, by_name);
    }

    async fn run(mut self) {
        let mut exit = self.watch().await;
        if matches!(&exit, Exit::Close(close) if close.code == ENDED) && self.move_on().await {
            exit = self.watch().await;
        }
        if let Exit::Handoff(handover) = exit {
            self.connection.freeze();
            exit = match self.pack(&handover).await {
                Ok(()) => return self.leave_with(&handover),
                Err(exit) => exit,
            };
            self.connection.thaw();
        }
        // Whatever ended it, what was received before is delivered: the viewer never sends it again.
        let code = match exit {
            Exit::Close(close) => {
                let code = close.code;
                self.close(close).await;
                Some(code)
            }
            Exit::Gone(Gone::Broken(close)) => {
                let code = close.code;
                tokio::join!(
                    self.connection.close(&close, drop),
                    self.input.deliver(self.driver.as_ref()),
                );
                Some(code)
            }
            Exit::Gone(Gone::Closed(code)) => {
                tokio::join!(
                    self.connection.bye(),
                    self.input.deliver(self.driver.as_ref()),
                );
                Some(code.unwrap_or(1005))
            }
            Exit::Gone(Gone::Lost) | Exit::Handoff(_) => {
                self.input.deliver(self.driver.as_ref()).await;
                None
            }
        };
        let code = code.unwrap_or(1006);
        count_close(code);
        let sent = self.viewer.window().sent();
        self.visit.end(code, sent);
    }

    /// Takes the viewer to the session it came for, if it was seated at one that had the name before.
    async fn move_on(&mut self) -> bool {
        let Some(by_name) = self.by_name.take().filter(ByName::is_fresh) else {
            return false;
        };
        let proof = self.permit.proof();
        let size = self.seat.standing().size;
        let visible = self.viewer.is_visible();
        let seated = tokio::select! {
            seated = by_name.follow(&proof, size, visible) => seated,
            _ = self.stopping.over() => None,
        };
        let Some(seated) = seated else {
            return false;
        };
        let inflates = self.viewer.inflates();
        self.viewer = Viewer::carried(seated.seat.viewer(), visible, self.viewer.window())
            .inflating(inflates);
        // What was typed was for the session that is no more.
        self.input = Input::default();
        self.sit(seated);
        true
    }

    /// Until it ends.
    async fn watch(&mut self) -> Exit {
        let mut state = Arc::clone(&self.states.borrow_and_update());
        if self.speech == Speech::Ours {
            let hello = Say::hello(session(&state.session), self.role, &INSTANCE);
            self.say(&hello);
        }
        let mut ping_at = super::now() + PING_INTERVAL;
        let mut resumed = super::now();
        let mut alarm = pin!(sleep_until(ping_at.into()));
        // The first picture follows the hello in one write.
        let mut fresh = true;
        loop {
            let now = super::now();
            let drained = self.connection.is_drained();
            if (drained || std::mem::take(&mut fresh))
                && let Some(close) = self.tell(&state, now)
            {
                return Exit::Close(close);
            }
            // While input waits or too much is said we do not read, and who is not read cannot be silent.
            let paused = self.chatter.pause(now);
            let reading = self.input.has_room() && paused.is_none();
            let silent_at = self.connection.heard().max(resumed) + SILENCE;
            let wake = [
                Some(ping_at),
                paused,
                reading.then_some(silent_at),
                self.viewer.wake_at().filter(|at| drained && *at > now),
            ];
            let wake = wake.into_iter().flatten().min().unwrap_or(ping_at);
            alarm.as_mut().reset(wake.into());

            tokio::select! {
                turn = self.connection.turn(reading) => match turn {
                    Turn::Drained => {}
                    Turn::Gone(gone) => return Exit::Gone(gone),
                    turn => {
                        if !self.is_input(&turn) {
                            self.chatter.said(now);
                        }
                        self.hear(turn);
                    }
                },
                changed = self.states.changed() => match changed {
                    Ok(()) => {
                        let before = state.session.clone();
                        state = Arc::clone(&self.states.borrow_and_update());
                        // Rights may go by a session's name.
                        if before != state.session
                            && let Err(close) = self.judge(&state.session)
                        {
                            return Exit::Close(close);
                        }
                    }
                    // The bridge died without a word; the page finds the next one.
                    Err(_) => return Exit::Close(Close::INTERNAL),
                },
                () = self.input.fed(self.driver.as_ref()) => {
                    if !reading {
                        resumed = super::now();
                    }
                }
                () = &mut alarm => {
                    let now = super::now();
                    if reading && now >= silent_at {
                        return Exit::Close(Close::SILENT);
                    }
                    if now >= ping_at {
                        self.ping_due = true;
                        ping_at = now + PING_INTERVAL;
                    }
                }
                changed = self.permit.changed() => {
                    if let Err(close) = changed.and_then(|()| self.judge(&state.session)) {
                        return Exit::Close(close);
                    }
                }
                ending = self.stopping.over() => return match ending {
                    Ending::Restart(spread) => Exit::Close(Close::restart(spread)),
                    Ending::Handoff(handover) => Exit::Handoff(handover),
                },
            }
        }
    }

    fn judge(&self, session: &Label) -> Result<(), Close> {
        self.permit.judge(session, self.driver.is_some())
    }

    /// Pushes all that is due; what does not fit into the socket waits there, and nothing more is
    /// asked for meanwhile.
    fn tell(&mut self, state: &State, now: Instant) -> Option<Close> {
        while let Some(output) = self.viewer.next(state, now) {
            let say = match output {
                Output::Frame(frame) => {
                    COUNTERS.frames.increment(1);
                    let bytes = frame.payload().len() as u64;
                    COUNTERS.frame_bytes.increment(bytes);
                    let saved = frame.terminal_bytes().saturating_sub(bytes);
                    COUNTERS.saved_bytes.increment(saved);
                    self.connection.push_frame(&frame);
                    continue;
                }
                Output::End(End::ShuttingDown) => {
                    return Some(Close::restart(self.stopping.spread()));
                }
                Output::End(end) => return Some(Close::ended(&end.to_string())),
                Output::Size(size) => Say::Size {
                    cols: size.cols,
                    rows: size.rows,
                },
                Output::Title(text) => Say::Title {
                    text: text.as_ref().to_owned(),
                },
                Output::Session(label) => Say::Session(session(&label)),
                Output::Moved(label) => Say::Moved {
                    session: session(&label),
                },
                Output::Viewers { drive, view } => Say::Viewers {
                    drive,
                    view,
                    you: self.role,
                },
                Output::Clipboard(text) => Say::Clipboard {
                    text: text.as_ref().to_owned(),
                },
                Output::Bell => Say::Bell,
                Output::Windows(windows) => Say::windows(&windows),
                Output::Notice(text) => Say::Notice {
                    text: text.as_ref().to_owned(),
                    passing: false,
                },
                Output::Remark(text) => Say::Notice {
                    text: text.as_ref().to_owned(),
                    passing: true,
                },
            };
            self.say(&say);
        }
        self.tell_pongs();
        if std::mem::take(&mut self.ping_due) {
            self.say(&Say::Tick);
            self.connection.push(Kind::Ping, Bytes::new());
        }
        None
    }

    fn tell_pongs(&mut self) {
        while let Some(id) = self.pongs.pop_front() {
            self.say(&Say::Pong { id });
        }
    }

    /// Deals with all that came whole before the connection was frozen. The rest can be carried,
    /// or it ends otherwise.
    async fn pack(&mut self, handover: &Handover) -> Result<(), Exit> {
        while let Some(turn) = self.connection.last() {
            match turn {
                Turn::Gone(gone) => return Err(Exit::Gone(gone)),
                turn => self.hear(turn),
            }
        }
        self.tell_pongs();
        self.input.deliver(self.driver.as_ref()).await;
        let weight = self.connection.weight();
        let fits = weight.is_some_and(|bytes| bytes <= SEAT_BYTES && handover.reserve(bytes));
        if fits {
            Ok(())
        } else {
            Err(Exit::Close(Close::restart(handover.spread())))
        }
    }

    fn leave_with(self, handover: &Handover) {
        let label = self.states.borrow().session.clone();
        let standing = self.seat.standing();
        let held = self.connection.into_held();
        let window = self.viewer.window();
        let carried = Carried {
            id: label.id.to_string(),
            name: label.name,
            peer: self.visit.peer().to_owned(),
            proof: self.permit.proof(),
            drive: self.driver.is_some(),
            ours: self.speech == Speech::Ours,
            deflate: self.viewer.inflates(),
            visible: self.viewer.is_visible(),
            size: standing.size.map(|size| (size.cols, size.rows)),
            acted: standing.acted,
            outvoted: standing.outvoted,
            sent: window.sent(),
            acked: window.acked(),
            unread: held.unread,
            unsent: held.unsent,
            input: self.input.into_rest(),
            stay: self.visit.hand_over(),
        };
        handover.give(Frozen {
            stream: held.stream,
            carried,
            _seat: self.seat,
        });
    }

    /// Says something to those who understand it.
    fn say(&mut self, say: &Say) {
        if self.speech == Speech::Ours {
            self.connection.push(Kind::Text, say.to_json().into());
        }
    }

    fn hear(&mut self, turn: Turn) {
        match turn {
            Turn::Binary(bytes) => self.type_in(bytes),
            Turn::Text(text) if self.speech == Speech::Ours => match wire::hear(&text) {
                Some(Heard::Resize(size)) => {
                    if let Some(driver) = &self.driver {
                        driver.resize(size);
                    }
                }
                Some(Heard::Ack(total)) => self.viewer.acked(total),
                Some(Heard::Visible(visible)) => {
                    self.viewer.set_visible(visible);
                    self.seat.set_visible(visible);
                }
                Some(Heard::Repaint) => self.viewer.resync(super::now()),
                Some(Heard::Ping(id)) => {
                    if self.pongs.len() == PONGS {
                        self.pongs.pop_front();
                    }
                    self.pongs.push_back(id);
                }
                Some(Heard::Window(act)) if self.driver.is_some() => self.input.act(act),
                // A spectator's is ignored.
                Some(Heard::Window(_)) | None => {}
            },
            Turn::Text(text) => self.type_in(text.into()),
            Turn::Alive | Turn::Drained | Turn::Gone(_) => {}
        }
    }

    /// Whether it goes to the session, which then says how fast.
    fn is_input(&self, turn: &Turn) -> bool {
        let bytes = match turn {
            Turn::Binary(bytes) => !bytes.is_empty(),
            Turn::Text(text) => self.speech == Speech::Raw && !text.is_empty(),
            Turn::Alive | Turn::Drained | Turn::Gone(_) => false,
        };
        bytes && self.driver.is_some()
    }

    /// Input of a driver; a spectator's is ignored.
    fn type_in(&mut self, bytes: Bytes) {
        if self.driver.is_some() && !bytes.is_empty() {
            COUNTERS.input_bytes.increment(bytes.len() as u64);
            self.visit.typed(bytes.len());
            self.input.push(bytes);
        }
    }

    /// Ends it from our side. What the viewer typed until it heard of the end is delivered: it
    /// never sends it again. The connection is kept until then, as the service waits for those.
    async fn close(&mut self, close: Close) {
        let typing = close.code == 1012;
        if typing {
            // What has already come in, before we say that we go. A flood has no end; what the
            // kernel held is long in by then.
            let _ = timeout(FAREWELL / 2, self.receive()).await;
        }
        self.input.deliver(self.driver.as_ref()).await;
        let (input, driver, speech) = (&mut self.input, &self.driver, self.speech);
        let visit = &mut self.visit;
        // Past what it may hold, all that follows is dropped, so that no input has a hole.
        let late = |turn| match turn {
            Turn::Binary(bytes) if typing && driver.is_some() && input.has_room() => {
                visit.typed(bytes.len());
                input.push(bytes);
            }
            Turn::Text(text)
                if typing && driver.is_some() && speech == Speech::Raw && input.has_room() =>
            {
                visit.typed(text.len());
                input.push(text.into());
            }
            _ => {}
        };
        self.connection.close(&close, late).await;
        if typing {
            self.input.deliver(self.driver.as_ref()).await;
        }
    }

    /// Takes in what the socket still gives, until it gives nothing for [`QUIET`].
    async fn receive(&mut self) {
        loop {
            let reading = self.input.has_room();
            tokio::select! {
                turn = self.connection.turn(reading) => match turn {
                    Turn::Gone(_) => return,
                    turn => self.hear(turn),
                },
                () = self.input.fed(self.driver.as_ref()) => {}
                () = sleep(QUIET), if reading => return,
            }
        }
    }
}

const fn role(driver: Option<&Driver>) -> Role {
    if driver.is_some() {
        Role::Drive
    } else {
        Role::View
    }
}

fn session(label: &Label) -> wire::Session {
    wire::Session {
        id: label.id.to_string(),
        name: label.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_peer_cannot_make_counts_without_end() {
        let counts: HashSet<_> = (0..=u16::MAX).map(counted_as).collect();
        assert!(counts.len() < 100, "{}", counts.len());
        let close = Close::restart(std::time::Duration::ZERO);
        for Close { code, .. } in [
            close,
            Close::busy(""),
            Close::ended(""),
            Close::SIGN_IN,
            Close::FORBIDDEN,
            Close::NO_SESSION,
            Close::TOO_OLD,
            Close::RIGHTS_CHANGED,
            Close::SILENT,
            Close::TOO_MANY,
            Close::BROKEN,
        ] {
            assert_eq!(counted_as(code), code.to_string());
        }
    }
}
