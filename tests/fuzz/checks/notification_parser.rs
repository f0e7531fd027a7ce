//! Arbitrary bytes as a tmux in control mode might write them: nothing panics, and how they are cut
//! makes no difference. The first byte is where to cut.

use muxview::tmux::Event;
use muxview::tmux::control::parser::Parser;

pub(crate) fn check(data: &[u8]) {
    let [step, bytes @ ..] = data else { return };
    let parse = |step: usize| {
        let mut parser = Parser::default();
        let mut events: Vec<Event> = Vec::new();
        for piece in bytes.chunks(step) {
            parser.feed(piece, |event| events.push(event));
        }
        events
    };
    assert_eq!(
        parse(usize::from(*step) + 1),
        parse(bytes.len().max(1)),
        "cuts matter"
    );
}
