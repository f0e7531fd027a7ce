//! [`Teller`]: what one viewer is told, in our protocol's words. In: states, and what its task wants
//! said. Out: frames in its [`Queue`], and the end if there is one. It must not know the socket.

use bytes::Bytes;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::LazyLock;
use std::time::Instant;

use crate::bridge::broadcast::Tally;
use crate::config::limits::PONGS;
use crate::viewer::{End, Kind, Label, Output, State, Viewer, message};
use crate::web::socket::protocol;
use crate::web::socket::protocol::{Role, Say};
use crate::web::socket::subprotocol::Subprotocol;
use crate::web::socket::write_queue::Queue;

/// Random per process image: a page that finds another one knows that it was restarted.
static INSTANCE: LazyLock<String> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => std::process::id().to_string(),
    }
});

/// A tick for the page's code and a ping for the browser, which are the same for everybody.
static ASKING: LazyLock<Bytes> = LazyLock::new(|| {
    let tick = message(Kind::Text, &[Say::Tick.to_json().as_bytes()]).0;
    [tick, message(Kind::Ping, &[]).0].concat().into()
});

/// What one viewer was told, and is to be told.
#[derive(Debug)]
pub(in crate::web) struct Teller {
    pub(in crate::web) viewer: Viewer,
    pub(in crate::web) speech: Subprotocol,
    role: Role,
    /// It has been greeted.
    greeted: bool,
    /// Ids of pings to answer, once the socket takes something.
    pongs: VecDeque<Option<Value>>,
    ping_due: bool,
}

impl Teller {
    pub(in crate::web) const fn new(viewer: Viewer, speech: Subprotocol, role: Role) -> Self {
        Self {
            viewer,
            speech,
            role,
            greeted: false,
            pongs: VecDeque::new(),
            ping_due: false,
        }
    }

    /// Whether the viewer was told anything yet.
    pub(in crate::web) const fn has_greeted(&self) -> bool {
        self.greeted
    }

    /// Puts all that is due into the queue, which is empty but for what was there before the
    /// greeting: what does not fit into the socket waits, and nothing more is asked for meanwhile.
    pub(in crate::web) fn tell(
        &mut self,
        state: &State,
        now: Instant,
        queue: &mut Queue,
        tally: &mut Tally,
    ) -> Option<End> {
        if !std::mem::replace(&mut self.greeted, true) {
            let hello = Say::hello(session(&state.session), self.role, &INSTANCE);
            self.say(&hello, queue);
        }
        while let Some(output) = self.viewer.next(state, now) {
            let say = match output {
                Output::Frame(frame) => {
                    tally.frame(&frame);
                    queue.push(frame.wire().clone());
                    continue;
                }
                Output::End(end) => return Some(end),
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
            self.say(&say, queue);
        }
        self.answer(queue);
        if std::mem::take(&mut self.ping_due) {
            self.ask(queue);
        }
        None
    }

    /// Puts the answers to pings into the queue.
    pub(in crate::web) fn answer(&mut self, queue: &mut Queue) {
        while let Some(id) = self.pongs.pop_front() {
            self.say(&Say::Pong { id }, queue);
        }
    }

    /// Asks the viewer whether it is there.
    pub(in crate::web) fn ask(&self, queue: &mut Queue) {
        queue.push(match self.speech {
            Subprotocol::Ours => ASKING.clone(),
            _ => message(Kind::Ping, &[]).0,
        });
    }

    /// The viewer is to be asked whether it is there, when something else is told.
    pub(in crate::web) const fn ping(&mut self) {
        self.ping_due = true;
    }

    /// The viewer asked.
    pub(in crate::web) fn pinged(&mut self, id: Option<Value>) {
        if self.pongs.len() == PONGS {
            self.pongs.pop_front();
        }
        self.pongs.push_back(id);
    }

    /// Says something to those who understand it.
    fn say(&self, say: &Say, queue: &mut Queue) {
        if self.speech == Subprotocol::Ours {
            queue.push(message(Kind::Text, &[say.to_json().as_bytes()]).0);
        }
    }
}

fn session(label: &Label) -> protocol::Session {
    protocol::Session {
        id: label.id.to_string(),
        name: label.name.as_ref().to_owned(),
    }
}
