//! The promise: what fuzzing has found stays mended. Every input kept in `tests/fuzz/corpus` goes
//! through the same checks as there, without a fuzzer.

#[path = "../fuzz/checks/client_message.rs"]
mod client_message;
#[path = "../fuzz/checks/credential.rs"]
mod credential;
#[path = "../fuzz/checks/notification_parser.rs"]
mod notification_parser;
#[path = "../fuzz/checks/origin.rs"]
mod origin;
#[path = "../fuzz/checks/signed_request.rs"]
mod signed_request;
#[path = "../fuzz/checks/terminal.rs"]
mod terminal;

use std::path::{Path, PathBuf};

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let inputs = std::fs::read_dir(corpus.join(target)).expect("a corpus");
    let inputs: Vec<_> = inputs.flatten().map(|entry| entry.path()).collect();
    assert!(inputs.len() >= 5, "{target}: the corpus is gone");
    let broken = |path: &PathBuf| {
        let input = std::fs::read(path).expect("an input");
        std::panic::catch_unwind(|| check(&input)).is_err()
    };
    let broken: Vec<_> = inputs.iter().filter(|path| broken(path)).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn client_messages() {
    replay("client_message", client_message::check);
}

#[test]
fn control_mode() {
    replay("notification_parser", notification_parser::check);
}

#[test]
fn credentials() {
    replay("credential", credential::check);
}

#[test]
fn hosts_and_origins() {
    replay("origin", origin::check);
}

#[test]
fn signed_requests() {
    replay("signed_request", signed_request::check);
}

#[test]
fn terminal() {
    replay("terminal", terminal::check);
}
