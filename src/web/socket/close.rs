//! How a [`Viewing`] ends, here or in another process. In: why it ended. Out: the last words both
//! ways: whatever ended it, what was received before is delivered, since the viewer never sends it
//! again. It must not know what is shown.

use tokio::time::{sleep, timeout};

use crate::config::limits::{FAREWELL, QUIET, SEAT_BYTES};
use crate::web::socket::carried::Carried;
use crate::web::socket::handover::{Frozen, Handover};
use crate::web::socket::messages::{Gone, Turn};
use crate::web::socket::protocol::Close;
use crate::web::socket::run::count_close;
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::socket::task::{Exit, Viewing};

impl Viewing {
    /// Ends it.
    pub(in crate::web) async fn leave(mut self, mut exit: Exit) {
        if let Exit::Handoff(handover) = exit {
            self.connection.freeze();
            exit = match self.pack(&handover).await {
                Ok(()) => return self.leave_with(&handover),
                Err(exit) => exit,
            };
            self.connection.thaw();
        }
        // Nothing may stand behind the close.
        let teller = self.outlet.hush();
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
        let sent = teller.map_or(0, |teller| teller.viewer.window().sent());
        self.visit.end(code, sent);
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
        self.outlet.answer();
        self.input.deliver(self.driver.as_ref()).await;
        let weight = self.connection.weight();
        let weight = weight.map(|bytes| bytes + self.input.weight());
        let fits = weight.is_some_and(|bytes| bytes <= SEAT_BYTES && handover.reserve(bytes));
        if fits {
            Ok(())
        } else {
            Err(Exit::Close(Close::restart(handover.spread())))
        }
    }

    fn leave_with(self, handover: &Handover) {
        let label = self.seat.newest().session.clone();
        let standing = self.seat.standing();
        let (Some(teller), Some(held)) = (self.outlet.hush(), self.connection.into_held()) else {
            return tracing::error!("a viewer that is handed over has no socket");
        };
        let window = teller.viewer.window();
        let carried = Carried {
            id: label.id.to_string(),
            name: label.name.as_ref().to_owned(),
            peer: self.visit.peer().to_owned(),
            proof: self.permit.permit().proof(),
            drive: self.driver.is_some(),
            ours: self.speech == Subprotocol::Ours,
            deflate: teller.viewer.inflates(),
            visible: teller.viewer.is_visible(),
            size: standing.size.map(|size| (size.cols, size.rows)),
            acted: standing.acted,
            outvoted: standing.outvoted,
            theme: standing.theme.map(Carried::written),
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
                if typing && driver.is_some() && speech == Subprotocol::Raw && input.has_room() =>
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
