//! People at terminals of their own find tmux as it is without muxview: focus, size, activity, flags.

use crate::pane_input::PaneInput;
use crate::support::Tmux;
use crate::watcher::{Bench, driver};

scenarios![a_program_has_the_focus_of_the_driver_who_claims_the_size];

const IN: &[u8] = b"\x1b[I";
const OUT: &[u8] = b"\x1b[O";

async fn a_program_has_the_focus_of_the_driver_who_claims_the_size() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    tmux.cmd(&["set-option", "-g", "focus-events", "on"]);
    let mut pane = PaneInput::after(&tmux, "main", "\\033[?1004h").await;
    let mut first = bench.watch("main", driver(80, 24)).await;
    first.shows("ready").await;
    // A new client is taken for focused until it says that it is not.
    pane.until(&[IN, OUT].concat()).await;
    first.types("a").await;
    pane.reads(b"a").await;
    first.types("\x1b[I").await;
    pane.reads(IN).await;
    // Told again after a repaint; nothing is new in it.
    first.types("\x1b[I").await;
    first.types("\x1b[O").await;
    pane.reads(OUT).await;

    // The focus of a driver who does not claim the size counts once that one does.
    let mut second = bench.watch("main", driver(80, 24)).await;
    first.types("b").await;
    pane.reads(b"b").await;
    second.types("\x1b[I").await;
    second.types("c").await;
    // A report waits until tmux has said that its client has a session.
    let both = pane.take(4).await;
    assert!(
        both == b"\x1b[Ic" || both == b"c\x1b[I",
        "{}",
        both.escape_ascii()
    );
    first.types("\x1b[I").await;
    first.types("d").await;
    pane.reads(b"d").await;

    // A page that is hidden, or left, gives the focus up.
    first.set_visible(false);
    second.set_visible(false);
    pane.reads(OUT).await;
    first.set_visible(true);
    first.types("\x1b[I").await;
    pane.reads(IN).await;
    drop(first);
    pane.reads(OUT).await;
}
