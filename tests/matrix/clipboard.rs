//! Copies to the clipboard reach the viewers.

use crate::support::Tmux;
use crate::watcher::{Bench, driver};
use muxview::config::limits::CLIPBOARD_BYTES;
use muxview::viewer::Output;

scenarios![a_long_copy_arrives_whole_and_a_loss_is_told_to_the_typist_only];

async fn a_long_copy_arrives_whole_and_a_loss_is_told_to_the_typist_only() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut typist = bench.watch("main", driver(80, 24)).await;
    typist.shows("$").await;
    let mut other = bench.watch("main", driver(80, 24)).await;
    other.shows("$").await;
    typist.types("echo re''ady\r").await;
    typist.shows("\nready").await;
    let longest = "ü\n".repeat(CLIPBOARD_BYTES / 3);
    let too_long = "x".repeat(CLIPBOARD_BYTES + 1);
    let client = tmux.clients().join("");
    for (content, text, remark) in [
        (longest.as_bytes(), Some(&*longest), None),
        (
            b"caf\xe9 \xff\xfe",
            Some("caf\u{fffd} \u{fffd}\u{fffd}"),
            Some("not UTF-8"),
        ),
        (too_long.as_bytes(), None, Some("more than 1 MiB")),
        (b"the next one", Some("the next one"), None),
    ] {
        let before = typist.outputs.len();
        let file = tmux.file("copied", content);
        tmux.cmd(&["load-buffer", "-w", "-t", &client, &file]);
        typist
            .follow("the copy or a remark", |watcher| {
                let told = &watcher.outputs[before..];
                let copied = told
                    .iter()
                    .any(|output| matches!(output, Output::Clipboard(_)));
                let remarked = told
                    .iter()
                    .any(|output| matches!(output, Output::Remark(_)));
                copied == text.is_some() && remarked == remark.is_some()
            })
            .await;
        for output in &typist.outputs[before..] {
            match output {
                Output::Clipboard(copied) => assert!(Some(&**copied) == text),
                Output::Remark(words) => assert!(words.contains(remark.unwrap()), "{words}"),
                _ => {}
            }
        }
    }
    typist.types("clear; echo do''ne\r").await;
    other.shows("done").await;
    let told = |output: &Output| matches!(output, Output::Clipboard(_) | Output::Remark(_));
    assert!(!other.outputs.iter().any(told));
}
