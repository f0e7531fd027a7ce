//! [`Viewing`]: the task of one viewer. In: what comes in at its socket, the rules, the end of the
//! service. Out: input for the session; and at its [`Outlet`] what is nobody else's to send: the first
//! picture, answers, and what waited for the socket. Reading and writing go on side by side:
//! who does not read can still be heard, and who floods us with input still gets frames. It must not
//! know how frames are made or paced.

use bytes::Bytes;
use metrics::Counter;
use std::pin::pin;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::time::sleep_until;

use crate::bridge::{Driver, Seat};
use crate::config::limits::SILENCE;
use crate::interleave;
use crate::viewer::{End, Label, State, Viewer};
use crate::web::auth::viewer_permit::ViewerPermit;
use crate::web::shutdown::{Ending, Stopping};
use crate::web::socket::audit_record::Visit;
use crate::web::socket::encoder::Teller;
use crate::web::socket::handover::Handover;
use crate::web::socket::input_queue::{Input, Message};
use crate::web::socket::join::{ByName, Room, Seated};
use crate::web::socket::message_rate::Chatter;
use crate::web::socket::messages::{Connection, Gone, Turn};
use crate::web::socket::protocol;
use crate::web::socket::protocol::{Close, ENDED, Heard, Role};
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::socket::writer::{Outlet, Over};
use crate::web::viewer_counts::Joined;

/// Counted too often to look it up each time.
static INPUT_BYTES: LazyLock<Counter> =
    LazyLock::new(|| metrics::counter!("muxview_input_bytes_total"));

/// A viewer at its seat.
pub(in crate::web) struct Viewing {
    pub(in crate::web) connection: Connection,
    pub(in crate::web) outlet: Arc<Outlet>,
    pub(in crate::web) speech: Subprotocol,
    pub(in crate::web) seat: Seat,
    /// Counted with the others until this is dropped.
    _joined: Joined,
    pub(in crate::web) permit: ViewerPermit,
    _room: Room,
    /// Dropped when it is of no more use.
    by_name: Option<ByName>,
    /// Only a driver has one: a spectator's task holds no handle to the input path.
    pub(in crate::web) driver: Option<Driver>,
    stopping: Stopping,
    pub(in crate::web) input: Input,
    chatter: Chatter,
    pub(in crate::web) visit: Visit,
}

/// How a viewing ended.
pub(in crate::web) enum Exit {
    Close(Close),
    Gone(Gone),
    Handoff(Handover),
}

impl Viewing {
    pub(in crate::web) fn new(
        connection: Connection,
        seated: Seated,
        viewer: Viewer,
        speech: Subprotocol,
        stopping: Stopping,
    ) -> Self {
        let Seated {
            seat,
            joined,
            permit,
            confidential,
            room,
            visit,
            by_name,
        } = seated;
        let driver = seat.driver();
        let outlet = Arc::clone(connection.outlet());
        let inflates = viewer.inflates() && !confidential;
        let viewer = viewer.confined(seat.is_confined()).inflating(inflates);
        let teller = Teller::new(viewer, speech, role(driver.as_ref()));
        outlet.open(teller, permit.permit());
        Self {
            connection,
            outlet,
            speech,
            driver,
            seat,
            _joined: joined,
            permit,
            _room: room,
            by_name,
            stopping,
            input: Input::default(),
            chatter: Chatter::new(crate::web::clock::now()),
            visit,
        }
    }

    /// Takes in what another process did not deliver.
    pub(in crate::web) fn take(&mut self, messages: Vec<Message>) {
        self.input = Input::carried(messages, self.driver.is_some());
    }

    /// Until it ends.
    pub(in crate::web) async fn run(mut self) {
        let mut exit = self.watch().await;
        // Boxed: the task of one who watches keeps no room for what comes at the end.
        if matches!(&exit, Exit::Close(close) if close.code == ENDED)
            && Box::pin(self.move_on()).await
        {
            exit = Box::pin(self.watch()).await;
        }
        Box::pin(self.leave(exit)).await;
    }

    /// Takes the viewer to the session it came for, if it was seated at one that had the name before.
    async fn move_on(&mut self) -> bool {
        let Some(by_name) = self.by_name.take().filter(ByName::is_fresh) else {
            return false;
        };
        let told = self.outlet.with(|Teller { viewer, .. }| {
            (viewer.is_visible(), viewer.window(), viewer.inflates())
        });
        let Some((visible, window, inflates)) = told else {
            return false;
        };
        let permit = self.permit.permit().clone();
        let size = self.seat.standing().size;
        let seated = tokio::select! {
            seated = by_name.follow(&permit, size, visible) => seated,
            _ = self.stopping.over() => None,
        };
        let Some(seated) = seated else {
            return false;
        };
        let viewer = Viewer::carried(seated.seat.viewer(), visible, window).inflating(inflates);
        // What was typed was for the session that is no more.
        self.input = Input::default();
        self.sit(seated, viewer);
        true
    }

    /// Changes to another seat.
    fn sit(&mut self, seated: Seated, viewer: Viewer) {
        let Seated {
            seat,
            joined,
            permit,
            confidential,
            room,
            visit,
            by_name,
        } = seated;
        let sent = viewer.window().sent();
        std::mem::replace(&mut self.visit, visit).end(ENDED, sent);
        self.driver = seat.driver();
        let role = role(self.driver.as_ref());
        let inflates = viewer.inflates() && !confidential;
        let viewer = viewer.confined(seat.is_confined()).inflating(inflates);
        let teller = Teller::new(viewer, self.speech, role);
        self.outlet.open(teller, permit.permit());
        (self.seat, self._joined) = (seat, joined);
        (self.permit, self.by_name) = (permit, by_name);
        self._room = room;
    }

    /// Until something ends it.
    async fn watch(&mut self) -> Exit {
        let mut judged = self.seat.newest().session.clone();
        self.seat.stand(Arc::clone(&self.outlet) as _);
        let mut resumed = crate::web::clock::now();
        let mut alarm = pin!(sleep_until((resumed + SILENCE).into()));
        loop {
            let now = crate::web::clock::now();
            if let Err(close) = self.look(&judged) {
                return self.revoked(close);
            }
            let told = self.tell(&mut judged, now);
            let again = match told {
                Ok(again) => again,
                Err(close) => return Exit::Close(close),
            };
            if self.chatter.is_flood(now) {
                return Exit::Close(Close::FLOOD);
            }
            // While input waits or too much is said we do not read, and who is not read cannot be silent.
            let paused = self.chatter.pause(now);
            let reading = self.input.has_room() && paused.is_none();
            let silent_at = self.connection.heard().max(resumed) + SILENCE;
            let wakes = [paused, reading.then_some(silent_at), again];
            let wake = wakes.into_iter().flatten().min().unwrap_or(now + SILENCE);
            // Rung too early it does no harm, and setting it costs more than looking.
            if wake < alarm.deadline().into_std() || alarm.is_elapsed() {
                alarm.as_mut().reset(wake.into());
            }

            tokio::select! {
                turn = self.connection.turn(reading) => match turn {
                    Turn::Drained => {}
                    Turn::Gone(gone) => return Exit::Gone(gone),
                    turn => {
                        interleave::at("heard").await;
                        // It may have ended while this was waited for.
                        if let Err(close) = self.look(&judged) {
                            return self.revoked(close);
                        }
                        if !self.is_input(&turn) {
                            self.chatter.said(now);
                        }
                        self.hear(turn);
                    }
                },
                () = self.outlet.attention() => {}
                () = self.input.fed(self.driver.as_ref()) => {
                    if !reading {
                        resumed = crate::web::clock::now();
                    }
                }
                () = &mut alarm => {
                    // A long message may have been arriving all the while.
                    let silent_at = self.connection.heard().max(resumed) + SILENCE;
                    if reading && crate::web::clock::now() >= silent_at {
                        return Exit::Close(Close::SILENT);
                    }
                }
                changed = self.permit.changed() => {
                    if let Err(close) = changed.and_then(|()| self.judge(&judged)) {
                        return self.revoked(close);
                    }
                }
                ending = self.stopping.over() => return match ending {
                    Ending::Restart(spread) => Exit::Close(Close::restart(spread)),
                    Ending::Handoff(handover) => Exit::Handoff(handover),
                },
            }
        }
    }

    /// Tells what the session is like now, if the viewer still may see it. Gives the time to do so
    /// again.
    fn tell(&self, judged: &mut Label, now: Instant) -> Result<Option<Instant>, Close> {
        let state: Arc<State> = self.seat.newest();
        // Rights may go by a session's name.
        if state.session != *judged {
            judged.clone_from(&state.session);
            self.judge(judged)?;
        }
        self.outlet.tell(&state, now).map_err(|over| match over {
            Over::End(End::ShuttingDown) => Close::restart(self.stopping.spread()),
            Over::End(end) => Close::ended(&end.to_string()),
            Over::Failed => Close::INTERNAL,
        })
    }

    /// Judges anew if the rules changed.
    fn look(&mut self, session: &Label) -> Result<(), Close> {
        if self.permit.look()? {
            self.judge(session)?;
        }
        Ok(())
    }

    /// It may not stay. What was not written yet stays unwritten: where that would leave half a message,
    /// the connection ends without a close, and the page hears the reason when it comes back.
    fn revoked(&mut self, close: Close) -> Exit {
        // Nor is what was typed and not taken yet.
        self.input = Input::default();
        if self.outlet.revoke() {
            Exit::Close(close)
        } else {
            Exit::Gone(Gone::Lost)
        }
    }

    fn judge(&self, session: &Label) -> Result<(), Close> {
        self.permit.judge(session, self.driver.is_some())
    }

    /// Deals with what came in.
    pub(in crate::web) fn hear(&mut self, turn: Turn) {
        match turn {
            Turn::Binary(bytes) => self.type_in(bytes),
            Turn::Text(text) if self.speech == Subprotocol::Ours => match protocol::hear(&text) {
                Some(Heard::Resize(size)) => {
                    if let Some(driver) = &self.driver {
                        driver.resize(size);
                    }
                }
                Some(Heard::Theme(theme)) => {
                    if let Some(driver) = &self.driver {
                        driver.theme(theme);
                    }
                }
                Some(Heard::Ack(total)) => {
                    self.outlet
                        .with(|teller| teller.viewer.acked(total, crate::web::clock::now()));
                }
                Some(Heard::Visible(visible)) => {
                    self.outlet
                        .with(|teller| teller.viewer.set_visible(visible));
                    self.seat.set_visible(visible);
                }
                Some(Heard::Repaint) => {
                    self.outlet
                        .with(|teller| teller.viewer.resync(crate::web::clock::now()));
                }
                Some(Heard::Ping(id)) => {
                    self.outlet.with(|teller| teller.pinged(id));
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
            Turn::Text(text) => self.speech == Subprotocol::Raw && !text.is_empty(),
            Turn::Alive | Turn::Drained | Turn::Gone(_) => false,
        };
        bytes && self.driver.is_some()
    }

    /// Input of a driver; a spectator's is ignored.
    fn type_in(&mut self, bytes: Bytes) {
        if let Some(driver) = self.driver.as_ref().filter(|_| !bytes.is_empty()) {
            INPUT_BYTES.increment(bytes.len() as u64);
            self.visit.typed(bytes.len());
            self.input.give(bytes, driver);
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
