//! [`Signals`]: what happened besides the picture: bells and the clipboard.

/// What happened besides the picture since the last [`Terminal::take_signals`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signals {
    /// A bell rang.
    pub bell: bool,
    /// tmux set the clipboard to this text, at most [`CLIPBOARD_BYTES`](crate::config::limits::CLIPBOARD_BYTES).
    pub clipboard: Option<String>,
    /// What could not be kept of the last text tmux set the clipboard to.
    pub clipboard_loss: Option<ClipboardLoss>,
}

impl Signals {
    /// Both in one: what came `later` counts where only one can.
    #[must_use]
    pub fn then(self, later: Self) -> Self {
        let copied = later.clipboard.is_some() || later.clipboard_loss.is_some();
        Self {
            bell: self.bell || later.bell,
            clipboard_loss: if copied {
                later.clipboard_loss
            } else {
                self.clipboard_loss
            },
            clipboard: later.clipboard.or(self.clipboard),
        }
    }
}

/// What a text for the clipboard lost on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipboardLoss {
    /// It was not UTF-8: U+FFFD stands for what was not.
    Replaced,
    /// It was too long, and is not passed on.
    TooLong,
}
