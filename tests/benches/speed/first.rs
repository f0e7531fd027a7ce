//! First pictures, one at a time: of a bare client, of the first viewer of a session, of one who comes
//! later.

use crate::bare::Bare;
use crate::clock;
use crate::figure::{Figure, Goal, quantile};
use crate::socket::Socket;
use crate::stage::{Stage, Way, rest};

const ROUNDS: usize = 40;
const QUERY: &str = "cols=80&rows=24";

/// Milliseconds that something took.
pub(crate) fn timed<T>(act: impl FnOnce() -> T) -> (f64, T) {
    let begun = clock::now();
    let result = act();
    ((clock::now() - begun) as f64 / 1e6, result)
}

pub(crate) fn measure() -> Vec<Figure> {
    let stage = Stage::set(Way::Plain);
    let names: Vec<String> = (0..ROUNDS).map(|round| format!("cold{round}")).collect();
    for name in &names {
        stage.tmux.session(name, 80, 24);
        stage.tmux.enter(&format!("{name}:"), "seq 1 200");
    }
    stage.shell("main", "seq 1 200");
    let picture = |session: &str| {
        timed(|| {
            let mut socket = Socket::open(stage.port(), session, QUERY);
            socket.frame();
            socket
        })
    };
    // tmux has drawn, muxview has asked what there is to be asked.
    drop(picture("main"));
    rest(500);
    let mut cold = Vec::new();
    let mut floor = Vec::new();
    for name in &names {
        let (time, mut bare) = timed(|| Bare::attach(&stage.tmux.socket(), name));
        let (rest_of_it, _) = timed(|| bare.whole());
        floor.push(time + rest_of_it);
        drop(bare);
        rest(40);
        cold.push(picture(name).0);
        rest(40);
    }
    let _stays = picture("main").1;
    let mut late = Vec::new();
    for _ in 0..ROUNDS * 2 {
        late.push(picture("main").0);
        rest(15);
    }
    let figure = |name: &str, ours: &[f64], part, goal| {
        Figure::new(
            format!("first picture, {name}"),
            "ms",
            Some(quantile(&floor, part)),
            quantile(ours, part),
            goal,
        )
    };
    vec![
        figure("nobody watches yet, p50", &cold, 0.5, Goal::Floors(1.2)),
        figure("nobody watches yet, p95", &cold, 0.95, Goal::None),
        figure("somebody watches, p50", &late, 0.5, Goal::AtMost(0.7)),
        figure("somebody watches, p95", &late, 0.95, Goal::None),
    ]
}
