//! Descriptors that whoever started us left open, by name: what a service manager passes
//! (`LISTEN_FDS`, `LISTEN_FDNAMES`: the sockets of its socket units, and what an earlier process of
//! ours had it keep), or what the image that ran in this process before left to this one. In: the
//! environment. Out: each owned once, close-on-exec. It must not know what they are for.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys;

/// What an earlier process of ours had the service manager keep: its state, and its viewers'
/// sockets. One short name for all of them, as all names together are one variable.
pub(crate) const STATE: &str = "state";
pub(crate) const VIEWER: &str = "c";
pub(crate) const KEPT: [&str; 2] = [STATE, VIEWER];

/// What begins the name of a listener that nobody but us opened; what follows is where. No service
/// manager allows this name.
pub(crate) const OURS: &str = "listen:";

/// Where one image tells the next in this process what it left open. Not an option, so not named
/// like one. It is written as `PID NAME=NUMBERS NAME=NUMBERS`, with runs of numbers as `10-209`: all
/// descriptors there can be fit into what a variable may hold.
pub(crate) const LEFT: &str = "_MUXVIEW_LEFT";

/// A descriptor and what it is called.
#[derive(Debug)]
pub(crate) struct InheritedFd {
    pub(crate) name: String,
    pub(crate) descriptor: OwnedFd,
}

/// All that were passed; a second call gets none. Whoever executes another image in this process
/// must say anew what it passes: the variables are still those of its own start.
pub(crate) fn take() -> io::Result<Vec<InheritedFd>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Ok(vec![]);
    }
    if let Some(left) = left() {
        let own = |(name, number)| {
            let descriptor = sys::inherited(number).ok()?;
            Some(InheritedFd { name, descriptor })
        };
        return Ok(left.into_iter().filter_map(own).collect());
    }
    // Marks them close-on-exec: a tmux server that inherits our port keeps it for life.
    let passed = sd_notify::listen_fds_with_names()?;
    let owned = |(number, name)| {
        let descriptor = sys::inherited(number)?;
        Ok(InheritedFd { name, descriptor })
    };
    passed.map(owned).collect()
}

/// Whether an image of ours ran in this process before.
pub(crate) fn is_successor() -> bool {
    left().is_some()
}

fn left() -> Option<Vec<(String, RawFd)>> {
    let (pid, left) = read(&std::env::var(LEFT).ok()?)?;
    // A child inherits the variable, but not the descriptors.
    (pid == std::process::id()).then_some(left)
}

/// What to put into [`LEFT`] for the next image.
pub(crate) fn leave(passed: &[InheritedFd]) -> String {
    let left = passed.iter();
    let left = left.map(|passed| (passed.name.as_str(), passed.descriptor.as_raw_fd()));
    write(std::process::id(), left.collect())
}

fn write(pid: u32, mut left: Vec<(&str, RawFd)>) -> String {
    left.sort_unstable();
    let mut text = pid.to_string();
    for named in left.chunk_by(|a, b| a.0 == b.0) {
        let name = utf8_percent_encode(named[0].0, NON_ALPHANUMERIC);
        let mut between = '=';
        // Writing to a string cannot fail.
        let _ = write!(text, " {name}");
        for run in named.chunk_by(|a, b| a.1 + 1 == b.1) {
            let (first, last) = (run[0].1, run[run.len() - 1].1);
            let _ = write!(text, "{between}{first}");
            if last > first {
                let _ = write!(text, "-{last}");
            }
            between = ',';
        }
    }
    text
}

fn read(text: &str) -> Option<(u32, Vec<(String, RawFd)>)> {
    let mut words = text.split(' ');
    let pid = words.next()?.parse().ok()?;
    let mut left: Vec<(String, RawFd)> = vec![];
    for word in words {
        let (name, numbers) = word.split_once('=')?;
        let name = percent_decode_str(name).decode_utf8().ok()?;
        for run in numbers.split(',') {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            let (first, last): (RawFd, RawFd) = (first.parse().ok()?, last.parse().ok()?);
            // Input, output and errors are nobody's to give away.
            if first < 3 || last < first || last - first > 1 << 20 {
                return None;
            }
            left.extend((first..=last).map(|number| (name.to_string(), number)));
        }
    }
    // None has two owners.
    let mut numbers: Vec<RawFd> = left.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    let once = numbers.windows(2).all(|pair| pair[0] != pair[1]);
    once.then_some((pid, left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_left_is_one_short_line() {
        let left = vec![
            ("c", 12),
            ("state", 7),
            ("c", 10),
            ("listen:unix:/a b", 3),
            ("c", 11),
        ];
        let text = write(5, left);
        assert_eq!(text, "5 c=10-12 listen%3Aunix%3A%2Fa%20b=3 state=7");
        // The most there can be, no two in a row.
        let most = (0..16_384).map(|n| ("c", 100_000 + 2 * n)).collect();
        assert!(write(u32::MAX, most).len() < 128 * 1024);
    }

    #[test]
    fn what_cannot_be_is_nothing() {
        for text in [
            "",
            "x",
            "5 c",
            "5 c=",
            "5 c=2",
            "5 c=9-3",
            "5 c=3,3",
            "5 c=3 d=3",
            "5 c=3-9999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_found(left in prop::collection::btree_map(3..5000, "[a-z:/ =,%ä-]{0,8}", 0..60)) {
            let given = left.iter().map(|(number, name)| (name.as_str(), *number)).collect();
            let (pid, mut found) = read(&write(9, given)).expect("readable");
            found.sort_unstable_by_key(|(_, number)| *number);
            let wanted: Vec<_> = left.into_iter().map(|(number, name)| (name, number)).collect();
            prop_assert_eq!((pid, found), (9, wanted));
        }
    }
}
