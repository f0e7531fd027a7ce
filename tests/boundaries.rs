//! The promise: the pure parts stay pure, and data flows one way. Reads the sources and fails on an
//! import the map in `src/lib.rs` forbids.

use std::fs;
use std::path::{Path, PathBuf};

/// Pure: no runtime, no IO, no clock, no randomness of their own.
const PURE: &[&str] = &[
    "src/access",
    "src/audit/chain.rs",
    "src/audit/event.rs",
    "src/audit/flood.rs",
    "src/audit/visits.rs",
    "src/terminal",
    "src/viewer",
    "src/bridge/guard.rs",
    "src/bridge/publish.rs",
    "src/bridge/reattach.rs",
    "src/bridge/sizing.rs",
    "src/bridge/windows.rs",
    "src/bridge/written.rs",
    "src/doctor/finding.rs",
    "src/doctor/limits.rs",
    "src/doctor/proxy.rs",
    "src/doctor/server.rs",
    "src/doctor/socket.rs",
    "src/doctor/unit.rs",
    "src/tmux/notification_parser.rs",
    "src/service/handoff/state.rs",
    "src/tmux/name.rs",
    "src/web/carried.rs",
    "src/web/chatter.rs",
    "src/web/frame_header.rs",
    "src/web/oversize.rs",
    "src/web/queue.rs",
    "src/web/tape.rs",
];

const IMPURE: &[&str] = &[
    "tokio::",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::env",
    "std::io::stdin",
    "std::io::stdout",
    "Instant::now",
    "SystemTime",
    "getrandom",
    "rustix::",
    "tracing::",
];

/// Who may not know whom.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/config",
        &[
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::viewer",
            "crate::directory",
        ],
    ),
    (
        "src/access",
        &[
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::viewer",
            "crate::directory",
            "crate::vault",
        ],
    ),
    (
        "src/audit",
        &[
            "crate::tmux",
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::viewer",
            "crate::directory",
            "crate::vault",
            "axum",
            "hyper",
        ],
    ),
    ("src/os.rs", &["crate::"]),
    (
        "src/vault",
        &[
            "crate::tmux",
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::viewer",
            "crate::directory",
            "axum",
            "hyper",
        ],
    ),
    (
        "src/terminal",
        &[
            "crate::tmux",
            "crate::viewer",
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::directory",
        ],
    ),
    (
        "src/viewer",
        &[
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::directory",
        ],
    ),
    (
        "src/tmux",
        &[
            "crate::viewer",
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::directory",
        ],
    ),
    (
        "src/bridge",
        &[
            "crate::hub",
            "crate::web",
            "crate::service",
            "axum",
            "hyper",
        ],
    ),
    (
        "src/doctor",
        &[
            "crate::bridge",
            "crate::hub",
            "crate::web",
            "crate::service",
            "crate::viewer",
            "crate::directory",
        ],
    ),
    (
        "src/hub.rs",
        &["crate::web", "crate::service", "axum", "hyper"],
    ),
    (
        "src/directory.rs",
        &[
            "crate::web",
            "crate::service",
            "crate::bridge",
            "crate::hub",
            "axum",
            "hyper",
        ],
    ),
];

fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .flatten()
        .flat_map(|entry| sources(&entry.path()))
        .collect()
}

/// The lines of code before the file's tests: (number, text).
fn code(file: &Path) -> Vec<(usize, String)> {
    fs::read_to_string(file)
        .expect("a source file is readable")
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number + 1, line.to_owned()))
        .collect()
}

fn offences(area: &str, words: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files: Vec<_> = sources(&root.join(area))
        .into_iter()
        .filter(|file| !file.ends_with("tests.rs"))
        .collect();
    assert!(
        !files.is_empty(),
        "{area} is gone: mend the table in this file"
    );
    files
        .iter()
        .flat_map(|file| {
            code(file).into_iter().filter_map(move |(number, line)| {
                let word = words.iter().find(|word| line.contains(**word))?;
                let file = file.strip_prefix(root).unwrap_or(file).display();
                Some(format!("{file}:{number} names {word}"))
            })
        })
        .collect()
}

#[test]
fn pure_parts_are_pure() {
    let found: Vec<_> = PURE
        .iter()
        .flat_map(|area| offences(area, IMPURE))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_is_unsafe_is_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let word = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        words.any(|word| word == "unsafe" || word == "unsafe_code")
    };
    let mut files: Vec<_> = [root.join("src"), root.join("static/build.rs")]
        .iter()
        .flat_map(|path| sources(path))
        .filter(|file| code(file).iter().any(|(_, line)| word(line)))
        .collect();
    files.sort();
    assert_eq!(files, [root.join("src/os.rs")]);
}

#[test]
fn nobody_imports_against_the_flow() {
    let found: Vec<_> = FORBIDDEN
        .iter()
        .flat_map(|(area, words)| offences(area, words))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// SECURITY.md names the tests behind each promise, as `tests/FILE` or `tests/FILE::TEST`.
#[test]
fn the_tests_that_security_promises_exist() {
    let page = fs::read_to_string("SECURITY.md").expect("here");
    let (_, table) = page
        .split_once("## The tests behind this page")
        .expect("a table of tests");
    let named: Vec<&str> = table
        .split('`')
        .filter(|word| word.starts_with("tests/"))
        .collect();
    assert!(named.len() > 25, "{named:?}");
    for name in named {
        let (file, test) = name.split_once("::").unwrap_or((name, ""));
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(
            test.is_empty() || text.contains(&format!("fn {test}(")),
            "{name}"
        );
    }
}
