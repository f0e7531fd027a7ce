//! (previous screen?, screen) → bytes.

use super::Screen;

/// The bytes that take a terminal showing `previous` (or, without one, any terminal in any state)
/// to `current`.
#[must_use]
pub fn repaint(previous: Option<&Screen>, current: &Screen) -> Vec<u8> {
    let _ = (previous, current);
    todo!()
}
