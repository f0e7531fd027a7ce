//! [`SessionId`], [`WindowId`], [`SessionName`]: ids and names, parsed once at the edge. Pure.
//!
//! tmux is only ever addressed by id. A name is text that tmux may expand (`#(command)` runs a
//! command), take for a pattern or for an option, so the names we give are held to letters, digits,
//! `_` and `-`.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A session as tmux numbers it: `$3`. Never used twice by one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(pub u32);

/// A window as tmux numbers it: `@3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WindowId(pub u32);

/// A name we may give to a session: `[A-Za-z0-9_][A-Za-z0-9_-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionName(String);

/// The longest name we give, in characters: it stands in URLs and tab titles.
const NAME_CHARS: usize = 64;

/// A text that is no id.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("{text:?} is not a tmux id: it should be {sigil} and a number, such as {sigil}3")]
pub struct BadId {
    text: String,
    sigil: char,
}

/// A text that is no name we give to a session.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("{name:?} cannot be the name of a session: {reason}")]
pub struct BadName {
    /// The name as asked for (shortened).
    pub name: String,
    /// What is wrong, and what is allowed.
    pub reason: &'static str,
}

fn number(text: &str, sigil: char) -> Result<u32, BadId> {
    text.strip_prefix(sigil)
        // `u32::from_str` takes a plus sign; an id has none.
        .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| BadId {
            text: text.chars().take(NAME_CHARS).collect(),
            sigil,
        })
}

macro_rules! id {
    ($id:ident, $sigil:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $sigil, self.0)
            }
        }
        impl FromStr for $id {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                number(text, $sigil).map(Self)
            }
        }
        impl TryFrom<String> for $id {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.to_string()
            }
        }
    };
}
id!(SessionId, '$');
id!(WindowId, '@');

impl SessionName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for SessionName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = BadName;
    fn from_str(name: &str) -> Result<Self, BadName> {
        let bad = |reason| {
            Err(BadName {
                name: name.chars().take(NAME_CHARS).collect(),
                reason,
            })
        };
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        match name.as_bytes() {
            [] => bad("it is empty; use letters, digits, _ and -"),
            [b'-', ..] => bad("it begins with -; begin with a letter, a digit or _"),
            all if !all.iter().all(|b| letter(*b) || *b == b'-') => {
                bad("only letters, digits, _ and - are allowed")
            }
            all if all.len() > NAME_CHARS => {
                bad("it is too long; at most 64 characters are allowed")
            }
            _ => Ok(Self(name.to_owned())),
        }
    }
}

impl TryFrom<String> for SessionName {
    type Error = BadName;
    fn try_from(name: String) -> Result<Self, BadName> {
        name.parse()
    }
}

impl From<SessionName> for String {
    fn from(name: SessionName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_a_sigil_and_digits() {
        assert_eq!("$3".parse(), Ok(SessionId(3)));
        assert_eq!("@0".parse(), Ok(WindowId(0)));
        assert_eq!(SessionId(12).to_string(), "$12");
        for text in [
            "",
            "$",
            "3",
            "$+3",
            "$-1",
            "@3",
            "$3 ",
            "$99999999999",
            "$x",
        ] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
        assert_eq!(
            "x".parse::<SessionId>().unwrap_err().to_string(),
            r#""x" is not a tmux id: it should be $ and a number, such as $3"#
        );
    }

    #[test]
    fn names_are_what_a_url_and_tmux_take_as_they_are() {
        let longest = "a".repeat(64);
        for name in ["a", "_", "0", "my-work_2", longest.as_str()] {
            assert_eq!(name.parse::<SessionName>().unwrap().as_str(), name);
        }
        let too_long = "a".repeat(65);
        for name in [
            "", "-x", "a b", "a.b", "a:b", "#(id)", "ä", "a\n", "$1", "=a", "a;", &too_long,
        ] {
            assert!(name.parse::<SessionName>().is_err(), "{name}");
        }
    }

    #[test]
    fn they_travel_as_text_in_json() {
        assert_eq!(serde_json::to_string(&SessionId(3)).unwrap(), r#""$3""#);
        assert!(serde_json::from_str::<SessionName>(r##""#(id)""##).is_err());
    }
}
