//! Checks of what the system grants: descriptors and ptys. In: numbers. Out: findings. Pure.

#![cfg_attr(not(test), deny(clippy::disallowed_methods, clippy::disallowed_types))]

use super::finding::Finding;
use crate::audit::Chain;
use crate::config::limits::{AUDIT_BYTES, AUDIT_GENERATIONS};
use crate::doctor::cgroup::Running;

/// Bytes of all files of an audit log.
const AUDIT_ALL_BYTES: u64 = AUDIT_BYTES * (AUDIT_GENERATIONS as u64 + 1);

/// Descriptors below which a handful of viewers meets the limit: a viewer takes one, a session some.
const FEW_FILES: u64 = 1024;

pub(super) fn files(own: Option<u64>, running: &[Running]) -> Finding {
    let what = "open files";
    let least = running
        .iter()
        .filter_map(|muxview| muxview.open_files)
        .min();
    match least.or(own) {
        Some(limit) if limit < FEW_FILES => Finding::warn(
            what,
            format!("at most {limit}, one for each viewer: more are turned away"),
            "systemctl edit muxview: LimitNOFILE=16384 under [Service], or ulimit -n 16384 in the shell that starts it",
        ),
        Some(limit) => Finding::ok(what, format!("at most {limit}")),
        None => Finding::ok(what, "no limit"),
    }
}

/// The audit log, as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Audit {
    pub(super) path: String,
    /// Why it cannot be written.
    pub(super) trouble: Option<String>,
    /// Bytes left on its disk.
    pub(super) room: Option<u64>,
    /// Whether its lines follow each other, or why that cannot be seen.
    pub(super) chain: Result<Chain, String>,
}

/// Whether each line of it follows the one before it.
pub(super) fn chain(audit: &Audit) -> Finding {
    let what = "audit chain";
    match &audit.chain {
        Ok(Chain::Whole { lines, files }) => Finding::ok(
            what,
            format!("{lines} lines in {files} files follow each other"),
        ),
        Ok(Chain::Gap(path)) => Finding::warn(
            what,
            format!(
                "the first line of {} does not follow the last of the file before it",
                path.display()
            ),
            "if something else rotates the log, look there for the lines between them",
        ),
        Ok(Chain::Broken {
            path,
            line,
            unlinked,
        }) => {
            let how = if *unlinked {
                "has no link to the one before it"
            } else {
                "does not follow the one before it"
            };
            Finding::fail(
                what,
                format!("line {line} of {} {how}", path.display()),
                "one of the two was changed, or lines between them were removed: compare with a copy, \
                 and move these files away to begin a new chain",
            )
        }
        Err(error) => Finding::warn(
            what,
            format!("cannot be read: {error}"),
            "run this as the user of the service",
        ),
    }
}

pub(super) fn audit(audit: &Audit) -> Finding {
    let (what, path) = ("audit log", &audit.path);
    if let Some(trouble) = &audit.trouble {
        return Finding::fail(
            what,
            trouble.clone(),
            "run this as the user of the service, or see --audit-file in muxview man",
        );
    }
    match audit.room {
        Some(room) if room < AUDIT_ALL_BYTES => Finding::warn(
            what,
            format!(
                "its disk has {} MiB left, and up to {} MiB are kept",
                room >> 20,
                AUDIT_ALL_BYTES >> 20
            ),
            format!("make room, or keep it elsewhere than {path}: --audit-file FILE"),
        ),
        _ => Finding::ok(what, path.clone()),
    }
}

/// Every pane and every watched session has a pty.
pub(super) fn ptys(used: u64, most: u64) -> Finding {
    if used.saturating_mul(10) >= most.saturating_mul(9) {
        Finding::warn(
            "ptys",
            format!("{used} of {most} are in use: soon no pane can be opened"),
            format!("sysctl kernel.pty.max={}", most.saturating_mul(2)),
        )
    } else {
        Finding::ok("ptys", format!("{used} of {most} in use"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn little_is_told() {
        assert_eq!(files(Some(256), &[]).level, Level::Warn);
        assert_eq!(files(Some(65_536), &[]).level, Level::Ok);
        assert_eq!(files(None, &[]).level, Level::Ok);
        let running = Running {
            pid: 1,
            root: false,
            cgroup: None,
            replaced: false,
            open_files: Some(64),
            kept: None,
        };
        assert_eq!(files(Some(65_536), &[running]).level, Level::Warn);
        let log = |trouble: Option<&str>, room| {
            audit(&Audit {
                path: "/a".to_owned(),
                trouble: trouble.map(ToOwned::to_owned),
                room,
                chain: Err(String::new()),
            })
            .level
        };
        assert_eq!(log(Some("no"), Some(u64::MAX)), Level::Fail);
        assert_eq!(log(None, Some(AUDIT_ALL_BYTES - 1)), Level::Warn);
        assert_eq!(log(None, Some(AUDIT_ALL_BYTES)), Level::Ok);
        assert_eq!(log(None, None), Level::Ok);
        let whole = Chain::Whole { lines: 3, files: 1 };
        let broken = Chain::Broken {
            path: "/a".into(),
            line: 7,
            unlinked: false,
        };
        for (found, level) in [
            (Ok(whole), Level::Ok),
            (Ok(Chain::Gap("/a".into())), Level::Warn),
            (Ok(broken), Level::Fail),
            (Err("no".to_owned()), Level::Warn),
        ] {
            let found = chain(&Audit {
                path: "/a".to_owned(),
                trouble: None,
                room: None,
                chain: found,
            });
            assert_eq!(found.level, level);
            assert!(level != Level::Fail || found.to_string().contains("line 7 of /a"));
        }
        assert_eq!(ptys(90, 100).level, Level::Warn);
        assert_eq!(ptys(1, 4096).level, Level::Ok);
    }
}
