//! The messages and close codes of `muxview.v1`: the only file mirrored in `static/wire.js`. In:
//! text as a viewer sent it. Out: what it means, or nothing. It must not know who sent it.

use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::time::Duration;

use crate::config::limits::{CONTROL_BYTES, PING_INTERVAL, ROWS};
use crate::terminal::Size;
use crate::tmux::{self, Rgb, Theme, WindowAct};
use crate::web::auth::budget::Over;

/// The subprotocol we speak.
pub const PROTOCOL: &str = "muxview.v1";
/// Offered beside [`PROTOCOL`], and never selected: I take chunks too. To such a viewer a binary message
/// that begins with a NUL is a chunk, every other one is terminal bytes as ever (no frame of ours
/// begins with a NUL, so an echoed key costs no byte more). A chunk is the NUL, how many terminal bytes
/// it holds (LEB128: seven bits a byte, the lowest first, the high bit set on all but the last) and
/// those as raw deflate (RFC 1951, a window of at most 32 KiB) that ends in a sync flush and has no last
/// block. All chunks of a socket go through one inflater, which is never reset, not even by a new
/// `hello`; what a chunk refers back to are bytes of the chunks before it. `ack` counts terminal bytes.
/// Which frames are chunks is ours to say: [`crate::viewer::Squeezer`].
pub const DEFLATE: &str = "muxview.deflate";
/// What every version of it begins with.
pub const PROTOCOL_FAMILY: &str = "muxview.v";
/// The code that closes a viewer whose session has ended.
pub const ENDED: u16 = 4410;
/// A second subprotocol carries the credential: a browser can set no header on a WebSocket.
pub const KEY_PREFIX: &str = "muxview.key.";

/// A session as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// `$3`.
    pub id: String,
    /// Its name now.
    pub name: String,
}

/// Where tmux's status line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    /// `top`, `bottom` or `off`.
    pub at: &'static str,
    /// Rows of the grid it takes there.
    pub rows: u16,
}

/// A window of the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Window {
    /// `@3`.
    pub id: String,
    /// Its number in the session.
    pub index: u32,
    /// What it is called.
    pub name: String,
    /// It is the current one.
    pub active: bool,
    /// A bell rang in it unseen.
    pub bell: bool,
    /// Something was written in it unseen.
    pub activity: bool,
    /// One of its panes fills it.
    pub zoomed: bool,
    /// Its panes.
    pub panes: u32,
    /// A full-screen program has its active pane: there is no history to scroll.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alternate: bool,
    /// Whether what runs in its active pane tells pasted text from typed, where tmux knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brackets: Option<bool>,
}

/// May a viewer type?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It may, and counts for the size.
    Drive,
    /// It may not.
    View,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Drive => "drive",
            Self::View => "view",
        }
    }
}

/// What we tell a viewer as text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Say {
    /// First of all.
    Hello {
        /// Of the protocol: 1.
        protocol: u32,
        /// What is watched.
        session: Session,
        /// What the viewer may.
        role: Role,
        /// Random per process image.
        instance: &'static str,
        /// Between two ticks.
        ping_ms: u128,
    },
    /// The grid of the next binary message.
    Size {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// The title changed.
    Title {
        /// To this.
        text: String,
    },
    /// The session was renamed.
    Session(Session),
    /// Our tmux client was switched to another session; the driver's page may follow.
    Moved {
        /// The other session.
        session: Session,
    },
    /// Presence changed.
    Viewers {
        /// Drivers.
        drive: u32,
        /// Spectators.
        view: u32,
        /// What the reader of this is.
        you: Role,
    },
    /// tmux set the clipboard.
    Clipboard {
        /// To this.
        text: String,
    },
    /// The session's windows changed, or where tmux's status line is.
    Windows {
        /// Rows a page may leave out of the picture.
        status: Status,
        /// By their numbers.
        windows: Vec<Window>,
        /// How many more there are than are told.
        #[serde(skip_serializing_if = "is_none")]
        more: usize,
    },
    /// The bell rang.
    Bell,
    /// Something a person should know, in a sentence.
    Notice {
        /// The sentence.
        text: String,
        /// It is about something that is over; else it holds until the next one, which may be empty.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        passing: bool,
    },
    /// Life, for page code that sees no protocol ping.
    Tick,
    /// The answer to a `ping`.
    Pong {
        /// As sent.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Value>,
    },
}

impl Say {
    /// A `hello`.
    #[must_use]
    pub fn hello(session: Session, role: Role, instance: &'static str) -> Self {
        Self::Hello {
            protocol: 1,
            session,
            role,
            instance,
            ping_ms: PING_INTERVAL.as_millis(),
        }
    }

    /// The `windows` of a session.
    #[must_use]
    pub fn windows(told: &tmux::Windows) -> Self {
        let at = match told.status {
            tmux::StatusLine { rows: 0, .. } => "off",
            tmux::StatusLine { top: true, .. } => "top",
            tmux::StatusLine { top: false, .. } => "bottom",
        };
        let window = |window: &tmux::Window| Window {
            id: window.id.to_string(),
            index: window.index,
            name: window.name.clone(),
            active: window.active,
            bell: window.bell,
            activity: window.activity,
            zoomed: window.zoomed,
            panes: window.panes,
            alternate: window.alternate,
            brackets: window.brackets,
        };
        Self::Windows {
            status: Status {
                at,
                rows: told.status.rows,
            },
            windows: told.windows.iter().map(window).collect(),
            more: told.more,
        }
    }

    /// The message.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings, numbers and JSON values always serialise")
    }
}

/// What a viewer tells us as text.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// My size now.
    Resize(Size),
    /// Binary bytes my terminal has parsed since open.
    Ack(u64),
    /// Whether anyone can see me.
    Visible(bool),
    /// Send me a repaint.
    Repaint,
    /// Answer me.
    Ping(Option<Value>),
    /// Do this with the session's windows.
    Window(WindowAct),
    /// My colours now.
    Theme(Theme),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

/// Reads a viewer's text message. Nothing for what is broken, too long or unknown: newer pages
/// and other people's programs are not punished.
#[must_use]
pub fn hear(text: &str) -> Option<Heard> {
    if text.len() > CONTROL_BYTES {
        return None;
    }
    let mut message: Map<String, Value> = serde_json::from_str(text).ok()?;
    Some(match message.get("type")?.as_str()? {
        "resize" => Heard::Resize(Size::clamped(
            number(&message, "cols")?,
            number(&message, "rows")?,
        )),
        "ack" => Heard::Ack(number(&message, "bytes")?),
        "visible" => Heard::Visible(message.get("visible")?.as_bool()?),
        "repaint" => Heard::Repaint,
        "theme" => {
            let colour = |field| colour(message.get(field)?.as_str()?.strip_prefix('#')?);
            Heard::Theme(Theme::new(colour("foreground")?, colour("background")?))
        }
        "ping" => Heard::Ping(message.remove("id")),
        "window" => {
            let id = message.get("id").and_then(Value::as_str);
            let id = || id?.parse().ok();
            Heard::Window(match message.get("do")?.as_str()? {
                "select" => WindowAct::Select(id()?),
                "new" => WindowAct::New,
                "close" => WindowAct::Close(id()?),
                "zoom" => WindowAct::Zoom(id()?),
                "scroll" => WindowAct::Scroll(lines(&message)?),
                _ => return None,
            })
        }
        _ => return None,
    })
}

/// A colour as `rrggbb`.
pub fn colour(digits: &str) -> Option<Rgb> {
    if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
    Some(Rgb::new(red, green, blue))
}

/// How far to scroll: not at all is nothing, and further than a screen is high is more than a hand can.
fn lines(message: &Map<String, Value>) -> Option<i16> {
    let lines = message.get("lines")?.as_i64().filter(|lines| *lines != 0)?;
    let most = i64::from(*ROWS.end());
    i16::try_from(lines.clamp(-most, most)).ok()
}

/// A JSON number of any kind as a count: negative ones are 0, parts are cut off.
fn number(message: &Map<String, Value>, field: &str) -> Option<u64> {
    let number = message.get(field)?;
    // `as` saturates, and JSON has no NaN.
    number
        .as_u64()
        .or_else(|| number.as_f64().map(|number| number as u64))
}

/// Why we end a socket: a code and a short reason. 4400–4499 are final, all others are retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The close code.
    pub code: u16,
    /// At most 123 bytes.
    pub reason: Cow<'static, str>,
}

impl Close {
    const fn fixed(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// The client broke RFC 6455.
    pub const BROKEN: Self = Self::fixed(1002, "not as RFC 6455 has it");
    /// Text that is no UTF-8.
    pub const NOT_UTF8: Self = Self::fixed(1007, "text that is not UTF-8");
    /// A message over the limit.
    pub const TOO_BIG: Self = Self::fixed(1009, "message too big");
    /// A flood of messages that are no input.
    pub const FLOOD: Self = Self::fixed(1008, "too many messages");
    /// Ours.
    pub const INTERNAL: Self = Self::fixed(1011, "internal error");
    /// No credential, or none that is good any more.
    pub const SIGN_IN: Self = Self::fixed(4401, "sign in");
    /// Signed at another time than now, which is this.
    #[must_use]
    pub fn sign_again(time: &str) -> Self {
        Self {
            code: 4401,
            reason: Cow::Owned(format!("sign in; time={time}")),
        }
    }

    /// Signed in, but may not.
    pub const FORBIDDEN: Self = Self::fixed(4403, "not allowed");
    /// There is none of that name.
    pub const NO_SESSION: Self = Self::fixed(4404, "no such session");
    /// Offers only versions we do not speak.
    pub const TOO_OLD: Self = Self::fixed(4426, "page too old");
    /// May do less than before: come back as that.
    pub const RIGHTS_CHANGED: Self = Self::fixed(4503, "what you may do has changed");
    /// Nothing heard for too long.
    pub const SILENT: Self = Self::fixed(4508, "silent");
    /// The session is full.
    pub const TOO_MANY: Self = Self::fixed(4529, "too many viewers");

    /// Somebody has as much as they may.
    #[must_use]
    pub fn over(over: Over) -> Self {
        Self {
            code: Self::TOO_MANY.code,
            reason: format!("too many {}", over.limit.name()).into(),
        }
    }

    /// We restart; the first try is to be drawn once from `spread`.
    #[must_use]
    pub fn restart(spread: Duration) -> Self {
        Self {
            code: 1012,
            reason: format!("spread={}", spread.as_millis()).into(),
        }
    }

    /// tmux does not answer; try again.
    #[must_use]
    pub fn busy(reason: &str) -> Self {
        Self {
            code: 1013,
            reason: short(reason).into(),
        }
    }

    /// The session ended.
    #[must_use]
    pub fn ended(reason: &str) -> Self {
        Self {
            code: ENDED,
            reason: short(reason).into(),
        }
    }
}

/// A close frame has room for 123 bytes of reason.
fn short(reason: &str) -> String {
    let mut end = reason.len().min(123);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

#[cfg(test)]
mod tests;
