//! From a key to its echo: alone, and with a hundred others who see it too. The floor is a bare client,
//! asked in turn, beside a hundred bare clients; of another tmux, as every turn of tmux's loop goes over all
//! its clients. Between the two stands what copies bytes from a socket to a client and nothing else.

use crate::bare::Bare;
use crate::figure::{Figure, Goal, quantile};
use crate::first::timed;
use crate::relay::Relay;
use crate::socket::{Eyes, Socket};
use crate::stage::{Stage, Way, rest};

const KEYS: usize = 200;
const OTHERS: usize = 100;

pub(crate) fn measure() -> Vec<Figure> {
    let (mut theirs, mut ours) = (Stage::set(Way::Bare), Stage::set(Way::Plain));
    theirs.tmux.session("relayed", 80, 24);
    for (stage, session) in [(&theirs, "main:"), (&theirs, "relayed:"), (&ours, "main:")] {
        stage
            .tmux
            .enter(session, "stty raw -echo; tmux wait-for -S raw; exec cat");
        stage.tmux.cmd(&["wait-for", "raw"]);
    }
    let mut socket = Socket::open(ours.port(), "main", "cols=80&rows=24");
    socket.frame();
    let mut bare = Bare::attach(&theirs.tmux.socket(), "main");
    bare.whole();
    let relay = Relay::attach(&theirs.tmux.socket(), "relayed");
    let mut all = [Eyes::Bare(bare), Eyes::Relay(relay), Eyes::Socket(socket)];

    let alone = keys(&mut all);
    let [bare, relay, socket] = all;
    drop(relay);
    let mut both = [bare, socket];
    theirs.gather("main", OTHERS, OTHERS);
    ours.gather("main", OTHERS, OTHERS);
    let beside = keys(&mut both);

    let [floor, relay, viewer] = &alone;
    let mut figures = lines("alone", floor, viewer, Goal::Floors(1.4));
    figures.extend(lines(
        "alone, through what only copies",
        floor,
        relay,
        Goal::None,
    ));
    let [floor, viewer_beside] = &beside;
    // The same as alone, within what one run differs from the next.
    let same = quantile(viewer, 0.5) * 1.15;
    figures.extend(lines(
        "beside 100",
        floor,
        viewer_beside,
        Goal::AtMost(same),
    ));
    figures
}

/// Milliseconds from key to echo, of each.
fn keys<const N: usize>(all: &mut [Eyes; N]) -> [Vec<f64>; N] {
    let mut times = [const { Vec::new() }; N];
    rest(300);
    all.iter_mut().for_each(|eyes| _ = eyes.forget());
    for round in 0..KEYS {
        let key = [b'a' + (round % 26) as u8];
        for (eyes, times) in all.iter_mut().zip(&mut times) {
            let (time, ()) = timed(|| {
                eyes.press(&key);
                eyes.see();
            });
            times.push(time);
            eyes.drawn();
            // Out of step with any tick of 10 ms or of a frame.
            rest(20 + (round * 7 % 11) as u64);
            eyes.forget();
        }
    }
    times
}

fn lines(name: &str, floor: &[f64], ours: &[f64], goal: Goal) -> Vec<Figure> {
    let figure = |part, label: &str, goal| {
        let name = format!("key to echo, {name}, {label}");
        Figure::new(
            name,
            "ms",
            Some(quantile(floor, part)),
            quantile(ours, part),
            goal,
        )
    };
    vec![figure(0.5, "p50", goal), figure(0.95, "p95", Goal::None)]
}
