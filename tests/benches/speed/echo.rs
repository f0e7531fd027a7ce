//! From a key to its echo: alone, and with a hundred others who see it too. The floor is a bare client of
//! another session of the same tmux, asked in turn, beside a hundred bare clients.

use crate::bare::Bare;
use crate::figure::{Figure, Goal, quantile};
use crate::first::timed;
use crate::load::Load;
use crate::socket::{Eyes, Socket};
use crate::stage::{Stage, Way, rest};

const KEYS: usize = 200;
const OTHERS: usize = 100;

pub(crate) fn measure() -> Vec<Figure> {
    let mut stage = Stage::set(Way::Plain);
    stage.tmux.session("bare", 80, 24);
    for session in ["main:", "bare:"] {
        stage
            .tmux
            .enter(session, "stty raw -echo; tmux wait-for -S raw; exec cat");
        stage.tmux.cmd(&["wait-for", "raw"]);
    }
    let mut socket = Socket::open(stage.port(), "main", "cols=80&rows=24");
    socket.frame();
    let mut bare = Bare::attach(&stage.tmux.socket(), "bare");
    bare.whole();
    let (mut viewer, mut client) = (Eyes::Socket(socket), Eyes::Bare(bare));

    let mut figures = Vec::new();
    let alone = keys(&mut client, &mut viewer);
    figures.extend(lines("alone", &alone, Goal::Floors(1.4)));

    stage.gather("main", OTHERS, OTHERS);
    let mut crowd = Load::start();
    crowd.attach(&stage.tmux.socket(), "bare", OTHERS);
    let beside = keys(&mut client, &mut viewer);
    let (_, ours) = &alone;
    // The same as alone, within what one run differs from the next.
    let same = quantile(ours, 0.5) * 1.15;
    figures.extend(lines("beside 100", &beside, Goal::AtMost(same)));
    figures
}

/// Milliseconds from key to echo: of the bare client, and of the viewer.
fn keys(client: &mut Eyes, viewer: &mut Eyes) -> (Vec<f64>, Vec<f64>) {
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    rest(300);
    client.forget();
    viewer.forget();
    for round in 0..KEYS {
        let key = [b'a' + (round % 26) as u8];
        for (eyes, times) in [(&mut *client, &mut floor), (&mut *viewer, &mut ours)] {
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
    (floor, ours)
}

fn lines(name: &str, (floor, ours): &(Vec<f64>, Vec<f64>), goal: Goal) -> Vec<Figure> {
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
