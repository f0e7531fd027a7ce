//! The configuration and every limit. A leaf: plain data, no IO.

pub mod limits;

/// Who decides a session's size, as tmux's `window-size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SizePolicy {
    /// The driver who acted last.
    #[default]
    Latest,
    /// The largest driver.
    Largest,
    /// The smallest driver.
    Smallest,
    /// Never claim a size: always show the window as it is.
    Observe,
}
