//! [`Finding`]: what one check came to, as a person reads it. In: nothing. Out: lines. It must not know
//! what is checked. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It works, but something will surprise somebody.
    Warn,
    /// It does not work, or will lose something.
    Fail,
}

/// One check, one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub level: Level,
    /// What was looked at, in a word or two.
    pub subject: &'static str,
    /// What was found, and what comes of it.
    pub sentence: String,
    /// The command, or the words of a configuration, that mend it.
    pub mend: Option<String>,
}

impl Finding {
    pub(super) fn ok(subject: &'static str, sentence: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            subject,
            sentence: sentence.into(),
            mend: None,
        }
    }

    pub(super) fn warn(
        subject: &'static str,
        sentence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Warn,
            subject,
            sentence: sentence.into(),
            mend: Some(mend.into()),
        }
    }

    pub(super) fn fail(
        subject: &'static str,
        sentence: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(subject, sentence, mend)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        // Words of tmux and of proxies are in here; a terminal shall not obey them.
        let plain = |text: &str| -> String {
            text.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect()
        };
        write!(f, "{level:<5} {}: {}", self.subject, plain(&self.sentence))?;
        if let Some(mend) = &self.mend {
            for line in mend.lines() {
                write!(f, "\n      mend: {}", plain(line))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_what_mends_it() {
        assert_eq!(Finding::ok("tmux", "3.4").to_string(), "ok    tmux: 3.4");
        let fail = Finding::fail("locale", "\x1b[31mbad", "do\nthat");
        assert_eq!(
            fail.to_string(),
            "fail  locale:  [31mbad\n      mend: do\n      mend: that"
        );
        assert!(Level::Fail > Level::Warn && Level::Warn > Level::Ok);
    }
}
