//! [`Event`]: what the audit log tells, and its line. PURE. In: what happened, and when. Out: one line
//! of JSON. Keys, output and secrets have no place in it: a credential is named by its public id. It
//! must not know where the line goes.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use crate::access::Share;
use crate::config::limits::AUDIT_TEXT_CHARS;

/// A text that somebody else may have written: at most so long, whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(pub &'a str);

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text)
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bounded(self.0))
    }
}

fn bounded(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(AUDIT_TEXT_CHARS) {
        None => text.into(),
        Some((end, _)) => format!("{}\u{2026}", &text[..end]).into(),
    }
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Who<'a> {
    /// `owner`, `guest`, `anyone`, a user of the proxy, or `command line`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<Text<'a>>,
    /// The public id of the credential it was done by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<&'a str>,
    /// The share that credential was given for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<&'a str>,
    /// The address, or the system user at the other end of a unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Text<'a>>,
}

impl<'a> Who<'a> {
    /// Somebody of whom only the address is known.
    #[must_use]
    pub fn at(from: &'a str) -> Self {
        Self {
            from: Some(Text(from)),
            ..Self::default()
        }
    }
}

/// A session: its id, and what it is called at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Session<'a> {
    /// `$3`.
    pub session: &'a str,
    /// Its name.
    pub name: Text<'a>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Event<'a> {
    /// A process begins to serve.
    Start {
        /// Its version.
        version: &'a str,
        /// Of its configuration, to see whether it is another.
        config: &'a str,
        /// Its number.
        pid: u32,
        /// Viewers it goes on with, whose opening the process before told.
        viewers: usize,
    },
    /// It ends, or leaves all to the next.
    Stop {
        /// Why.
        why: &'a str,
        /// Its number.
        pid: u32,
        /// Viewers it leaves to the next, which tells their end.
        viewers: usize,
    },
    /// A link was exchanged for a credential.
    SignIn {
        /// Who.
        #[serde(flatten)]
        who: Who<'a>,
        /// How often the share may still be opened.
        #[serde(skip_serializing_if = "Option::is_none")]
        uses_left: Option<u32>,
    },
    /// A credential was ended, or all of them.
    SignOut {
        /// Whose.
        #[serde(flatten)]
        who: Who<'a>,
        /// All.
        everywhere: bool,
    },
    /// A viewer came.
    SocketOpen {
        /// Who.
        #[serde(flatten)]
        who: Who<'a>,
        /// What tells this viewer from others of the same person.
        viewer: &'a str,
        /// What it watches.
        #[serde(flatten)]
        session: Session<'a>,
        /// `drive` or `view`.
        role: &'a str,
    },
    /// It left.
    SocketClose {
        /// Who.
        #[serde(flatten)]
        who: Who<'a>,
        /// As it was told when it came.
        viewer: &'a str,
        /// What it watched.
        #[serde(flatten)]
        session: Session<'a>,
        /// `drive` or `view`.
        role: &'a str,
        /// How long it was there, over restarts too.
        seconds: u64,
        /// Bytes typed.
        bytes_in: u64,
        /// Bytes of pictures.
        bytes_out: u64,
        /// The close code; 1006: none was said.
        code: u16,
    },
    /// Viewers that came and left and were not told one by one.
    Visits {
        /// Whose: of a share or of a user, all.
        #[serde(flatten)]
        who: Who<'a>,
        /// What they watched.
        #[serde(flatten)]
        session: Session<'a>,
        /// `drive` or `view`.
        role: &'a str,
        /// How many, and for how long.
        #[serde(flatten)]
        sum: Sum,
    },
    /// A request was not served.
    Refused {
        /// Who.
        #[serde(flatten)]
        who: Who<'a>,
        /// In a word.
        why: &'a str,
        /// What was asked, or the name that was claimed.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<Text<'a>>,
    },
    /// Something has no more room.
    Limit {
        /// Whom it met.
        #[serde(flatten)]
        who: Who<'a>,
        /// Which.
        limit: &'a str,
    },
    /// Refusals and limits that were not told one by one.
    LeftOut {
        /// How many, by why.
        refused: &'a BTreeMap<&'static str, u64>,
    },
    /// Lines that could not be written, nor kept until they could.
    Lost {
        /// How many.
        lines: u64,
    },
    /// A link to watch a session was made.
    ShareAdd {
        /// By whom.
        #[serde(flatten)]
        who: Who<'a>,
        /// Its public id.
        id: &'a str,
        /// What it shows.
        #[serde(flatten)]
        session: Session<'a>,
        /// Until when, in seconds since 1970.
        expires: u64,
        /// How often it may be opened.
        uses: u32,
    },
    /// It was ended.
    ShareEnd {
        /// By whom.
        #[serde(flatten)]
        who: Who<'a>,
        /// Its public id.
        id: &'a str,
    },
    /// Its time was over.
    ShareExpired {
        /// Its public id.
        id: &'a str,
        /// What it showed.
        #[serde(flatten)]
        session: Session<'a>,
    },
    /// A session was made.
    SessionCreate {
        /// By whom.
        #[serde(flatten)]
        who: Who<'a>,
        /// It.
        #[serde(flatten)]
        session: Session<'a>,
    },
    /// It was renamed.
    SessionRename {
        /// By whom.
        #[serde(flatten)]
        who: Who<'a>,
        /// It, by its old name.
        #[serde(flatten)]
        session: Session<'a>,
        /// Its new name.
        to: Text<'a>,
    },
    /// It was ended.
    SessionEnd {
        /// By whom.
        #[serde(flatten)]
        who: Who<'a>,
        /// It.
        #[serde(flatten)]
        session: Session<'a>,
    },
    /// tmux is not there any more, or does not answer.
    TmuxLost {
        /// In what way.
        why: Text<'a>,
    },
    /// It is there again.
    TmuxBack {
        /// Its version.
        version: Text<'a>,
    },
}

impl<'a> Event<'a> {
    /// A share was made; `session` is its id, written out.
    #[must_use]
    pub fn share_add(share: &'a Share, session: &'a str, who: Who<'a>) -> Self {
        Self::ShareAdd {
            who,
            id: share.id.as_str(),
            session: Session {
                session,
                name: Text(&share.name),
            },
            expires: share.expires,
            uses: share.uses,
        }
    }

    /// A share's time was over.
    #[must_use]
    pub fn share_expired(share: &'a Share, session: &'a str) -> Self {
        Self::ShareExpired {
            id: share.id.as_str(),
            session: Session {
                session,
                name: Text(&share.name),
            },
        }
    }
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(flatten)]
    event: &'a Event<'a>,
}

/// The line of what happened so many milliseconds after 1970, with its end. It is ASCII, whatever names
/// hold: nothing in it can be taken for another line, or turn what a terminal shows around.
#[must_use]
pub fn line(at: u64, event: &Event<'_>) -> String {
    let at = humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at)).to_string();
    let json = serde_json::to_string(&Line { at, event }).expect("texts and numbers");
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            line.push(character);
            continue;
        }
        // JSON is ASCII but for what its texts hold, where this means the same.
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(line, "\\u{unit:04x}");
        }
    }
    line.push('\n');
    line
}

/// What is told of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// How many began.
    pub visits: u64,
    /// How long those that ended were there, together.
    pub seconds: u64,
    /// Bytes typed.
    pub bytes_in: u64,
    /// Bytes of pictures.
    pub bytes_out: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const AT: u64 = 1_795_384_575_042;

    fn read(line: &str) -> Value {
        serde_json::from_str(line).expect("JSON")
    }

    fn made<'a>(name: &'a str, by: &'a str) -> Event<'a> {
        Event::SessionCreate {
            who: Who {
                who: Some(Text(by)),
                credential: Some("0123"),
                share: None,
                from: Some(Text("127.0.0.1:5")),
            },
            session: Session {
                session: "$3",
                name: Text(name),
            },
        }
    }

    #[test]
    fn a_line_says_what_who_and_when() {
        let line = line(AT, &made("work", "ann@example.org"));
        assert_eq!(
            line,
            "{\"at\":\"2026-11-22T21:56:15.042Z\",\"what\":\"session-create\",\
             \"who\":\"ann@example.org\",\"credential\":\"0123\",\"from\":\"127.0.0.1:5\",\
             \"session\":\"$3\",\"name\":\"work\"}\n"
        );
    }

    #[test]
    fn what_is_not_known_is_not_there() {
        let refused = Event::Refused {
            who: Who::at("unix, uid 7"),
            why: "host",
            about: None,
        };
        let wanted = json!({"at": "1970-01-01T00:00:00.000Z", "what": "refused",
            "from": "unix, uid 7", "why": "host"});
        assert_eq!(read(&line(0, &refused)), wanted);
    }

    #[test]
    fn a_name_forges_no_line_and_turns_none_around() {
        let long = "\u{1f4a9}".repeat(5000);
        for name in [
            "a\n{\"what\":\"stop\"}",
            "\r\n\r\n",
            "\",\"who\":\"owner\",\"x\":\"",
            "\\",
            "\\u0022",
            "\u{202e}gnp.exe\u{202c}",
            "\u{1b}]0;owned\u{7}\u{9b}2J\u{7f}",
            "\u{2028}\u{2029}\u{85}\u{feff}\u{200b}",
            "\0",
            "b\u{e4}\u{df}\u{1f600}",
            "",
            &long,
        ] {
            let line = line(AT, &made(name, name));
            assert!(line.ends_with("}\n") && line.matches('\n').count() == 1);
            let plain = |byte: u8| (b' '..=b'~').contains(&byte);
            assert!(line.trim_end().bytes().all(plain), "{line}");
            assert!(line.len() < 4096, "{}", line.len());
            let found = read(&line);
            assert_eq!(found["what"], "session-create");
            let told: String = name.chars().take(AUDIT_TEXT_CHARS).collect();
            let cut = if told == name { "" } else { "\u{2026}" };
            assert_eq!(found["name"], format!("{told}{cut}"));
            assert_eq!(found["who"], found["name"]);
        }
    }

    proptest! {
        #[test]
        fn whatever_it_is_called_it_is_one_line(name: String, by in ".{0,300}") {
            let line = line(AT, &made(&name, &by));
            prop_assert!(line.is_ascii() && line.lines().count() == 1);
            let told: String = name.chars().take(AUDIT_TEXT_CHARS).collect();
            prop_assert!(read(&line)["name"].as_str().expect("text").starts_with(&told));
        }
    }
}
