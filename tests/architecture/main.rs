//! The architecture, checked against the imports in the sources: which module may use which other, that no
//! files use one another in a circle, and that pure modules do no IO and read no clock.

mod graph;

use std::fs;
use std::path::{Path, PathBuf};

use graph::{Graph, Module, name};

/// Each top-level module and the others it may use, lowest first. What is not listed is forbidden.
const ALLOWED: &[(&str, &[&str])] = &[
    ("config", &[]),
    ("interleave", &[]),
    ("sys", &[]),
    ("heartbeat", &[]),
    ("net", &["config", "sys"]),
    ("terminal", &["config"]),
    ("tmux", &["config", "sys", "heartbeat", "terminal"]),
    ("viewer", &["config", "terminal", "tmux"]),
    ("access", &["config", "tmux"]),
    ("audit", &["access", "config"]),
    ("state_dir", &["access", "config"]),
    ("client", &["access", "config", "net", "state_dir"]),
    ("doctor", &["audit", "config", "tmux"]),
    ("directory", &["config", "heartbeat", "tmux"]),
    (
        "bridge",
        &[
            "config",
            "interleave",
            "heartbeat",
            "terminal",
            "tmux",
            "viewer",
        ],
    ),
    ("hub", &["bridge", "config", "heartbeat", "tmux", "viewer"]),
    (
        "web",
        &[
            "access",
            "audit",
            "bridge",
            "client",
            "config",
            "directory",
            "hub",
            "interleave",
            "net",
            "heartbeat",
            "terminal",
            "tmux",
            "state_dir",
            "viewer",
        ],
    ),
    (
        "service",
        &[
            "access",
            "audit",
            "bridge",
            "client",
            "config",
            "directory",
            "hub",
            "net",
            "sys",
            "heartbeat",
            "terminal",
            "tmux",
            "state_dir",
            "web",
        ],
    ),
];

/// No IO, no clock, no randomness and no runtime of their own, their children included. clippy checks the
/// calls (clippy.toml), this test the imports.
const PURE: &[&str] = &[
    "access",
    "audit::chain",
    "audit::event",
    "audit::rate",
    "audit::visits",
    "bridge::policy::activity",
    "bridge::policy::confined",
    "bridge::policy::session_guard",
    "bridge::policy::frame_timing",
    "bridge::policy::reattach",
    "bridge::policy::sizing",
    "bridge::policy::window_changes",
    "bridge::policy::input_log",
    "doctor::finding",
    "doctor::limits",
    "doctor::proxy",
    "doctor::server",
    "doctor::socket",
    "doctor::cgroup",
    "net::address",
    "service::handoff::state",
    "terminal",
    "tmux::server_id",
    "tmux::control::event",
    "tmux::query::fields",
    "tmux::query::measured_widths",
    "tmux::ids",
    "tmux::control::parser",
    "tmux::attach::terminal_queries",
    "tmux::query::session_state",
    "tmux::start_command",
    "tmux::version",
    "tmux::query::width_options",
    "viewer",
    "web::socket::carried",
    "web::socket::message_rate",
    "web::socket::frame_header",
    "web::socket::oversize",
    "web::socket::write_queue",
    "web::socket::tape",
];

/// What a pure module imports nothing of.
const IMPURE: &[&str] = &[
    "axum",
    "getrandom",
    "hyper",
    "nix",
    "rustix",
    "std::env",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "tokio",
    "tracing",
];

/// Which clippy checks in a pure module.
const LINTS: &str =
    "#![cfg_attr(not(test),deny(clippy::disallowed_methods,clippy::disallowed_types))]";

fn graph() -> Graph {
    Graph::read(Path::new("src/lib.rs"))
}

#[test]
fn modules_use_only_what_is_below_them() {
    let graph = graph();
    let mut wrong = Vec::new();
    for (user, used) in graph.uses() {
        let Some(top) = user.first() else { continue };
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(module, _)| module == top)
            .unwrap_or_else(|| panic!("{top} is missing from ALLOWED"));
        for used in used {
            let below = used
                .first()
                .is_some_and(|used| used == top || allowed.contains(&used.as_str()));
            if !below {
                wrong.push(format!("{} uses {}", name(user), name(used)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_goes_from_the_bottom_to_the_top() {
    for (at, (module, allowed)) in ALLOWED.iter().enumerate() {
        for used in *allowed {
            assert!(
                ALLOWED[..at].iter().any(|(below, _)| below == used),
                "{module} uses {used}"
            );
        }
    }
}

/// The tables in `src/lib.rs` and `docs/architecture.md` have a row for each module, in this order.
#[test]
fn the_maps_list_the_modules_of_the_table() {
    let modules: Vec<&str> = ALLOWED.iter().map(|(module, _)| *module).collect();
    for file in ["src/lib.rs", "docs/architecture.md"] {
        let text = fs::read_to_string(file).expect("here");
        let named = |line: &str| -> Option<String> {
            let cell = line.trim_start_matches("//! ").strip_prefix("| ")?;
            let cell = cell.split(" |").next()?;
            let name = cell.trim_start_matches('[').strip_prefix('`')?;
            Some(name.split('`').next()?.to_owned())
        };
        let named: Vec<String> = text.lines().filter_map(named).collect();
        assert_eq!(named, modules, "{file}");
    }
}

#[test]
fn no_files_use_one_another_in_a_circle() {
    let cycles = graph().cycles();
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn pure_modules_do_no_io() {
    let graph = graph();
    let mut wrong = Vec::new();
    for pure in PURE {
        let inside = |module: &&Module| {
            let name = name(&module.place);
            name == *pure || name.starts_with(&format!("{pure}::"))
        };
        let modules: Vec<&Module> = graph.modules.values().filter(inside).collect();
        let root = modules.iter().find(|module| name(&module.place) == *pure);
        let root = root.unwrap_or_else(|| panic!("{pure} is gone: mend the list in this file"));
        if !root.attributes.iter().any(|attribute| attribute == LINTS) {
            wrong.push(format!("{} lacks {LINTS}", root.file.display()));
        }
        for module in modules {
            for path in &module.external {
                let within = |area: &&&str| {
                    path.strip_prefix(**area)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                if let Some(area) = IMPURE.iter().find(within) {
                    wrong.push(format!("{} names {path} ({area})", module.file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All files below a path.
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

/// The lines of code before the file's tests.
fn code(file: &Path) -> Vec<String> {
    fs::read_to_string(file)
        .expect("a source file is readable")
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(ToOwned::to_owned)
        .collect()
}

#[test]
fn only_sys_rs_has_unsafe_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let word = |line: &str| {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        words.any(|word| word == "unsafe" || word == "unsafe_code")
    };
    let mut files: Vec<_> = [root.join("src"), root.join("static/build.rs")]
        .iter()
        .flat_map(|path| sources(path))
        .filter(|file| code(file).iter().any(|line| word(line)))
        .collect();
    files.sort();
    assert_eq!(files, [root.join("src/sys.rs")]);
}

/// SECURITY.md names the tests behind each promise, as `tests/FILE` or `tests/FILE::TEST`.
#[test]
fn tests_named_in_security_md_exist() {
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
