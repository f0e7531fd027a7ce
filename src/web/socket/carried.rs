//! [`Carried`]: one viewer, as another process needs it to go on with. PURE. In: what its task knows
//! when it is frozen. Out: the same, readable by builds that know a field more or less. It must not
//! know how it is carried.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::access::Proof;
use crate::tmux::{Rgb, Theme};
use crate::web::socket::input_queue::Message;

/// A viewer and all that is on its way to and from it. A field a build does not know is ignored; one
/// that is missing has its default, so a field whose default would be wrong needs a new version of
/// the state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The session's id, `$3`.
    pub id: String,
    /// Its name: ids begin anew with another tmux server.
    pub name: String,
    /// For the log.
    pub peer: String,
    /// Who it is; what that gives is for the next process to say.
    pub proof: Proof,
    /// It may type.
    pub drive: bool,
    /// It offered `muxview.v1`; else its text is input and it gets only binaries.
    pub ours: bool,
    /// It offered `muxview.deflate` too; its inflater is never reset.
    #[serde(default)]
    pub deflate: bool,
    /// Its page is shown.
    pub visible: bool,
    /// Columns and rows it asked for.
    pub size: Option<(u16, u16)>,
    /// When it acted last among the drivers of its session; 0: it did not.
    pub acted: u64,
    /// Somebody at a terminal decides the size: do not claim it.
    pub outvoted: bool,
    /// Red, green and blue of its foreground and its background, if programs are told those.
    #[serde(default)]
    pub theme: Option<[u8; 6]>,
    /// Binary bytes sent since open.
    pub sent: u64,
    /// Binary bytes it said it has parsed.
    pub acked: Option<u64>,
    /// Read and not yet a whole message.
    #[serde(with = "in_base64")]
    pub unread: Bytes,
    /// To be written before anything else: may begin within a frame.
    #[serde(with = "in_base64")]
    pub unsent: Bytes,
    /// Input the session has not taken.
    #[serde(default)]
    pub input: Vec<Message>,
    /// When it came, for the audit log.
    #[serde(default)]
    pub stay: Stay,
}

impl Carried {
    /// [`Carried::theme`] of a driver.
    pub(in crate::web) fn written(theme: Theme) -> [u8; 6] {
        let (fore, back) = (theme.foreground, theme.background);
        [
            fore.red, fore.green, fore.blue, back.red, back.green, back.blue,
        ]
    }

    /// The colours that programs are told, if they are those of this viewer.
    pub(in crate::web) fn theme(&self) -> Option<Theme> {
        let [red, green, blue, rest @ ..] = self.theme?;
        let foreground = Rgb::new(red, green, blue);
        let [red, green, blue] = rest;
        Some(Theme::new(foreground, Rgb::new(red, green, blue)))
    }
}

/// What of a stay the next process must know to go on with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stay {
    /// What tells it from others; 0: nobody has told that it began.
    pub number: u64,
    /// When it began, in milliseconds since 1970.
    pub since: u64,
    /// Bytes typed.
    pub typed: u64,
    /// It is not told one by one.
    #[serde(default)]
    pub quiet: bool,
}

/// Bytes in JSON.
pub(crate) mod in_base64 {
    use super::{BASE64_STANDARD, Bytes, Deserialize, Deserializer, Serializer};
    use base64::Engine as _;

    pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Bytes, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        let bytes = BASE64_STANDARD.decode(text.as_bytes());
        bytes.map(Bytes::from).map_err(serde::de::Error::custom)
    }
}
