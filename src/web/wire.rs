//! The messages and close codes of `muxview.v1`: the only file mirrored in `static/wire.js`. In:
//! text as a viewer sent it. Out: what it means, or nothing. It must not know who sent it.

use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::time::Duration;

use crate::config::limits::{CONTROL_BYTES, PING_INTERVAL};
use crate::terminal::Size;

/// The subprotocol we speak.
pub const PROTOCOL: &str = "muxview.v1";
/// What every version of it begins with.
pub const PROTOCOL_FAMILY: &str = "muxview.v";
/// A second subprotocol carries the secret: a browser can set no header on a WebSocket.
pub const KEY_PREFIX: &str = "muxview.key.";

/// A session as messages name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Session {
    /// `$3`.
    pub id: String,
    /// Its name now.
    pub name: String,
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
    /// The bell rang.
    Bell,
    /// Something a person should know, in a sentence.
    Notice {
        /// The sentence.
        text: String,
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
        "ping" => Heard::Ping(message.remove("id")),
        _ => return None,
    })
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
    /// Ours.
    pub const INTERNAL: Self = Self::fixed(1011, "internal error");
    /// No or a wrong secret.
    pub const SIGN_IN: Self = Self::fixed(4401, "sign in");
    /// Signed in, but may not.
    pub const FORBIDDEN: Self = Self::fixed(4403, "not allowed");
    /// There is none of that name.
    pub const NO_SESSION: Self = Self::fixed(4404, "no such session");
    /// Offers only versions we do not speak.
    pub const TOO_OLD: Self = Self::fixed(4426, "page too old");
    /// Nothing heard for too long.
    pub const SILENT: Self = Self::fixed(4508, "silent");
    /// The session is full.
    pub const TOO_MANY: Self = Self::fixed(4529, "too many viewers");

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
            code: 4410,
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(cols: u16, rows: u16) -> Heard {
        Heard::Resize(Size { cols, rows })
    }

    #[test]
    fn what_viewers_say() {
        for (text, heard) in [
            (
                r#"{"type":"resize","cols":120,"rows":40}"#,
                Some(size(120, 40)),
            ),
            (
                r#"{"type":"resize","cols":80.9,"rows":24.0}"#,
                Some(size(80, 24)),
            ),
            (r#"{"type":"resize","cols":0,"rows":-5}"#, Some(size(2, 2))),
            (
                r#"{"type":"resize","cols":1e9,"rows":2}"#,
                Some(size(1000, 2)),
            ),
            (
                r#"{"type":"resize","cols":80,"rows":18446744073709551615}"#,
                Some(size(80, 500)),
            ),
            (
                r#"{"type":"resize","cols":80,"rows":-1e300}"#,
                Some(size(80, 2)),
            ),
            (r#"{"type":"resize","cols":"80","rows":24}"#, None),
            (r#"{"type":"resize","cols":null,"rows":24}"#, None),
            (r#"{"type":"resize","cols":80}"#, None),
            (r#"{"type":"resize","cols":1e400,"rows":24}"#, None),
            (r#"{"type":"resize","cols":NaN,"rows":24}"#, None),
            (
                r#"{"type":"ack","bytes":12,"new":[1]}"#,
                Some(Heard::Ack(12)),
            ),
            (r#"{"type":"ack","bytes":-1}"#, Some(Heard::Ack(0))),
            (r#"{"type":"ack","type":"repaint"}"#, Some(Heard::Repaint)),
            (r#"{"type":"ack"}"#, None),
            (
                r#"{"type":"visible","visible":false}"#,
                Some(Heard::Visible(false)),
            ),
            (r#"{"type":"visible","visible":1}"#, None),
            (r#"{"type":"repaint"}"#, Some(Heard::Repaint)),
            (r#"{"type":"ping"}"#, Some(Heard::Ping(None))),
            (
                r#"{"type":"ping","id":[1,{"a":null}]}"#,
                Some(Heard::Ping(Some(serde_json::json!([1, {"a": null}])))),
            ),
            (r#"{"type":"input","data":"x"}"#, None),
            (r#"{"type":5}"#, None),
            (r#"["resize"]"#, None),
            ("\u{feff}{\"type\":\"repaint\"}", None),
            ("", None),
            ("null", None),
            ("{", None),
        ] {
            assert_eq!(hear(text), heard, "{text}");
        }
        assert_eq!(hear(&"[".repeat(CONTROL_BYTES)), None);
        let deep = format!(
            r#"{{"type":"ping","id":{}{}}}"#,
            "[".repeat(2000),
            "]".repeat(2000)
        );
        assert_eq!(hear(&deep), None);
        let long = format!(
            r#"{{"type":"repaint","x":"{}"}}"#,
            "x".repeat(CONTROL_BYTES)
        );
        assert_eq!(hear(&long), None);
    }

    #[test]
    fn what_we_say() {
        let session = Session {
            id: "$3".into(),
            name: "a\"b".into(),
        };
        for (say, json) in [
            (
                Say::hello(session.clone(), Role::Drive, "x"),
                r#"{"type":"hello","protocol":1,"session":{"id":"$3","name":"a\"b"},"role":"drive","instance":"x","ping_ms":15000}"#,
            ),
            (
                Say::Size { cols: 80, rows: 24 },
                r#"{"type":"size","cols":80,"rows":24}"#,
            ),
            (
                Say::Title {
                    text: String::new(),
                },
                r#"{"type":"title","text":""}"#,
            ),
            (
                Say::Session(session.clone()),
                r#"{"type":"session","id":"$3","name":"a\"b"}"#,
            ),
            (
                Say::Moved { session },
                r#"{"type":"moved","session":{"id":"$3","name":"a\"b"}}"#,
            ),
            (
                Say::Viewers {
                    drive: 1,
                    view: 2,
                    you: Role::View,
                },
                r#"{"type":"viewers","drive":1,"view":2,"you":"view"}"#,
            ),
            (
                Say::Clipboard { text: "x".into() },
                r#"{"type":"clipboard","text":"x"}"#,
            ),
            (Say::Bell, r#"{"type":"bell"}"#),
            (Say::Tick, r#"{"type":"tick"}"#),
            (
                Say::Pong {
                    id: Some(Value::from(7)),
                },
                r#"{"type":"pong","id":7}"#,
            ),
            (Say::Pong { id: None }, r#"{"type":"pong"}"#),
        ] {
            assert_eq!(say.to_json(), json);
        }
    }

    #[test]
    fn a_reason_fits_its_frame() {
        assert_eq!(
            Close::restart(Duration::from_millis(1500)).reason,
            "spread=1500"
        );
        let long = "ä".repeat(100);
        assert_eq!(Close::busy(&long).reason.len(), 122);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,300}") {
            let _ = hear(&text);
        }

        #[test]
        fn no_message_panics(
            kind in "resize|ack|visible|repaint|ping|x",
            field in "cols|rows|bytes|visible|id",
            value in r#"-?[0-9]{1,40}(\.[0-9]{1,9})?([eE][-+]?[0-9]{1,3})?|null|true|"[^"\\]*"|\[\]|\{"a":1\}"#,
        ) {
            let text = format!(r#"{{"type":"{kind}","{field}":{value},"cols":{value},"rows":{value}}}"#);
            if let Some(Heard::Resize(size)) = hear(&text) {
                prop_assert!((2..=1000).contains(&size.cols) && (2..=500).contains(&size.rows));
            }
        }
    }
}
