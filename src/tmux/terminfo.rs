//! Which terminal our tmux clients say they run in: the first of ours the machine describes.

use super::error::Error;
use std::path::{Path, PathBuf};

/// Both have no `bce`: with it tmux leaves the background of erased cells to the terminal, and vt100
/// does not paint all of it (facts §1). The second has no italics.
const OURS: [&str; 2] = ["tmux-256color", "screen-256color"];

/// Where ncurses looks when nobody says otherwise, on the systems we know.
const USUAL: [&str; 6] = [
    "/etc/terminfo",
    "/lib/terminfo",
    "/usr/share/terminfo",
    "/usr/lib/terminfo",
    "/usr/local/share/terminfo",
    "/usr/local/lib/terminfo",
];

/// The value for `TERM`.
pub(super) fn term() -> Result<&'static str, Error> {
    first(&directories())
}

/// Whether this machine describes a terminal of that name.
#[must_use]
pub fn described(name: &str) -> bool {
    directories().iter().any(|d| describes(d, name))
}

fn directories() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let mut directories: Vec<PathBuf> = Vec::new();
    directories.extend(variable("TERMINFO"));
    directories.extend(variable("HOME").map(|home| home.join(".terminfo")));
    if let Some(list) = std::env::var_os("TERMINFO_DIRS") {
        directories.extend(std::env::split_paths(&list));
    }
    directories.extend(USUAL.map(PathBuf::from));
    directories
}

fn first(directories: &[PathBuf]) -> Result<&'static str, Error> {
    OURS.into_iter()
        .find(|name| directories.iter().any(|d| describes(d, name)))
        .ok_or(Error::Terminfo)
}

/// Entries lie below their first letter, or below its code on systems that ignore case.
fn describes(directory: &Path, name: &str) -> bool {
    let Some(letter) = name.chars().next().filter(|_| !name.contains('/')) else {
        return false;
    };
    let code = format!("{:x}", u32::from(letter));
    let letter = letter.to_string();
    directory.join(letter).join(name).is_file() || directory.join(code).join(name).is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_description_wins_and_none_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let dirs = [dir.path().to_owned()];
        assert_eq!(first(&dirs), Err(Error::Terminfo));
        std::fs::create_dir(dir.path().join("s")).unwrap();
        std::fs::write(dir.path().join("s/screen-256color"), "").unwrap();
        assert_eq!(first(&dirs), Ok("screen-256color"));
        std::fs::create_dir(dir.path().join("74")).unwrap();
        std::fs::write(dir.path().join("74/tmux-256color"), "").unwrap();
        assert_eq!(first(&dirs), Ok("tmux-256color"));
    }
}
