//! How answers of tmux are put together: fields, and the rows of the status line. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

/// Between the fields of an answer: a control character, which [`printed`](crate::tmux::query::printed) takes out of
/// what programs say.
pub(in crate::tmux) const FIELD: char = '\t';

/// The height of a pty that shows a window of this height whole: the status lines come on top.
pub(in crate::tmux) fn with_status(height: u64, status: &str) -> u64 {
    height + u64::from(status_lines(status))
}

/// The rows of the status line, from the option `status`.
pub(in crate::tmux) fn status_lines(status: &str) -> u16 {
    match status {
        "off" | "" => 0,
        "on" => 1,
        lines => lines.parse().unwrap_or(1).min(5),
    }
}
