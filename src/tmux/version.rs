//! [`Version`]: what `tmux -V` says, compared with what we need. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use super::error::Error;
use crate::config::limits::TMUX_OLDEST;

/// A tmux version, as far as it can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// As tmux writes it: `3.3a`, `next-3.6`, `master`.
    pub text: String,
    /// Major and minor; `None` for a build without a number (`master`), which is taken to be new.
    pub number: Option<(u32, u32)>,
}

impl Version {
    /// Reads `tmux 3.3a`, or the version alone.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let text = text.strip_prefix("tmux ").unwrap_or(text).trim();
        let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
        let leading = |part: &str| -> Option<u32> {
            let end = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part[..end].parse().ok()
        };
        let number = digits
            .split_once('.')
            .and_then(|(major, minor)| Some((leading(major)?, leading(minor)?)));
        Self {
            text: text.chars().take(40).collect(),
            number,
        }
    }

    /// This version, or that it is too old for us.
    ///
    /// # Errors
    /// [`Error::TooOld`].
    pub fn supported(self) -> Result<Self, Error> {
        match self.number {
            Some(number) if number < TMUX_OLDEST => Err(Error::TooOld { found: self.text }),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_tmux_writes_them() {
        for (text, number) in [
            ("tmux 3.3a\n", Some((3, 3))),
            ("tmux next-3.6", Some((3, 6))),
            ("tmux 3.2", Some((3, 2))),
            ("tmux 3.5-rc2", Some((3, 5))),
            ("tmux 10.12", Some((10, 12))),
            ("tmux master", None),
            ("tmux openbsd-7.4", Some((7, 4))),
            ("", None),
        ] {
            assert_eq!(Version::parse(text).number, number, "{text}");
        }
    }

    #[test]
    fn too_old_is_said_with_what_was_found() {
        assert_eq!(
            Version::parse("tmux 3.1c").supported(),
            Err(Error::TooOld {
                found: "3.1c".into()
            })
        );
        assert!(Version::parse("tmux 3.2").supported().is_ok());
        assert!(Version::parse("tmux master").supported().is_ok());
    }
}
