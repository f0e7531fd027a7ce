//! How wide tmux thinks text is.

/// How tmux joins scalars into one cell; differs by tmux version, so it is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joins {
    /// U+FE0F widens a narrow base to two columns (tmux ≥ 3.6).
    pub vs16_widens: bool,
    /// The scalar after U+200D joins the cell before it.
    pub zwj_joins: bool,
    /// A skin tone joins the emoji before it (tmux ≥ 3.6).
    pub modifier_joins: bool,
}

/// tmux's widths, as probed on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Widths(());

impl Widths {
    /// The code points whose width must be asked of tmux.
    pub fn contested() -> impl Iterator<Item = char> {
        std::iter::empty()
    }
    /// Widths from what tmux answered: one entry per `contested()` char, in order
    /// (columns 0, 1 or 2; `None` where tmux drops the character).
    #[must_use]
    pub fn probed(columns: &[Option<u8>], joins: Joins) -> Self {
        let _ = (columns, joins);
        todo!()
    }
}

impl Default for Widths {
    /// tmux 3.3a on glibc 2.36.
    fn default() -> Self {
        Self(())
    }
}
