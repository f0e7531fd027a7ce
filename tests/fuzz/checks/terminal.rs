//! Arbitrary bytes, cut anywhere, into a terminal: nothing panics, the cuts do not matter, and at
//! each cut previous screen + delta = next screen, and a repaint alone gives it.
//!
//! The first four bytes are the grid and where to cut; the rest is what tmux "writes".

use muxview::terminal::{Generation, Screen, Size, Terminal, Widths, repaint};
use std::sync::{Arc, LazyLock};

static WIDTHS: LazyLock<Arc<Widths>> = LazyLock::new(Arc::default);

fn terminal(size: Size) -> Terminal {
    Terminal::new(size, Arc::clone(&WIDTHS), Generation(0))
}

fn viewer(size: Size) -> Terminal {
    Terminal::new(size, Widths::of_viewers(), Generation(0))
}

fn feed(terminal: &mut Terminal, mut bytes: &[u8]) -> Arc<Screen> {
    while !bytes.is_empty() {
        let taken = terminal.feed(bytes);
        bytes = &bytes[taken..];
    }
    terminal.screen()
}

pub(crate) fn check(data: &[u8]) {
    let [cols, rows, step, resize, bytes @ ..] = data else {
        return;
    };
    let size = Size::clamped(u64::from(cols % 40) + 2, u64::from(rows % 12) + 2);
    // Few enough cuts that a run stays short.
    let step = (usize::from(*step) + 1).max(bytes.len() / 24);

    let mut source = terminal(size);
    let mut viewer = viewer(size);
    let mut shown: Option<Arc<Screen>> = None;
    for piece in bytes.chunks(step) {
        let current = feed(&mut source, piece);
        let seen = feed(&mut viewer, &repaint(shown.as_deref(), &current));
        // What a frame cannot carry is sent as something else: a repaint is the measure.
        let alone = feed(&mut self::viewer(size), &repaint(None, &current));
        assert!(
            seen.shows_same(&alone),
            "delta {seen:#?}\nrepaint {alone:#?}"
        );
        shown = Some(current);
    }
    let whole = feed(&mut terminal(size), bytes);
    assert!(whole.shows_same(&source.screen()), "cuts matter");

    // Another grid, then more of the same.
    let other = Size::clamped(u64::from(resize % 50), u64::from(resize / 16));
    source.resize(other);
    let current = feed(&mut source, &bytes[..bytes.len().min(64)]);
    let alone = feed(&mut self::viewer(other), &repaint(None, &current));
    let again = feed(&mut self::viewer(other), &repaint(None, &alone));
    assert!(again.shows_same(&alone), "a repaint of a repaint differs");
}
