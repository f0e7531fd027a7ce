//! How long a key takes: a lone Escape to the program, and any key to its echo, beside a bare attach.
//! Escape is what a client waits with, in case it begins a longer key (`escape-time`, and from 3.6 on
//! while answers of its terminal are due).

use crate::figures::{Column, measured};
use crate::harness::by_depth;
use crate::support::{BareAttach, Join, PATIENCE, Service, Tmux, Viewer, attach, until};
use std::io::Read as _;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

scenarios![
    escape_reaches_the_program_at_once.alone(),
    echo_comes_back_as_from_a_bare_attach.alone().full(),
];

/// What Escape may take on any version.
const ESCAPE_TARGET: Duration = Duration::from_millis(25);

/// A busy machine only ever adds time, so the best of a few rounds is the nearest to the truth.
const ROUNDS: usize = 3;

async fn escape_reaches_the_program_at_once() {
    let tmux = Tmux::start(80, 24);
    let service = Service::start_plain(&tmux);
    let viewer = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    viewer.opened().await;
    let mut arrivals = arrivals(&tmux).await;

    let mut worst = escapes(&viewer, &mut arrivals).await;
    viewer.resize(90, 30);
    viewer.text_where("size", |size| size["cols"] == 90).await;
    worst = worst.max(escapes(&viewer, &mut arrivals).await);
    let [client] = &tmux.clients()[..] else {
        panic!("the viewer's client alone is attached")
    };
    tmux.cmd(&["detach-client", "-t", client]);
    until("another client", async || match &tmux.clients()[..] {
        [another] => Ok(another.clone()),
        clients => Err(format!("{clients:?}")),
    })
    .await;
    worst = worst.max(escapes(&viewer, &mut arrivals).await);
    measured(Column::Escape, &milliseconds(worst));
    assert!(worst <= ESCAPE_TARGET, "Escape takes {worst:?}");
}

async fn echo_comes_back_as_from_a_bare_attach() {
    let tmux = Tmux::start(80, 24);
    tmux.session("bare", 80, 24);
    for session in ["main:", "bare:"] {
        tmux.enter(session, "stty raw -echo; tmux wait-for -S raw; exec cat");
        tmux.wait_for("raw").await;
    }
    let service = Service::start_plain(&tmux);
    let viewer = Viewer::listen(&service, "main", Join::driver(80, 24)).await;
    viewer.opened().await;
    let (sender, mut drawn) = unbounded_channel();
    let mut bare = BareAttach::open(
        &tmux,
        "bare",
        80,
        24,
        attach::Options {
            read_only: false,
            ignore_size: false,
            xterm: None,
            record: false,
            listener: Some(Box::new(move |_, when| _ = sender.send(when))),
        },
    );
    drawn.recv().await.expect("it draws");

    let mut best: Option<(Duration, Duration)> = None;
    for _ in 0..ROUNDS {
        let (mut ours, mut theirs) = (vec![], vec![]);
        for number in 0..100_u64 {
            let key = [b'a' + (number % 26) as u8];
            rest(number).await;
            let before = viewer.received().0;
            let pressed = Instant::now();
            viewer.input(key.to_vec());
            let seen = viewer
                .wait("the echo", |events| {
                    (viewer_frames(events) > before).then(|| events.last().expect("it came").0)
                })
                .await;
            ours.push(seen.duration_since(pressed));

            rest(number).await;
            while drawn.try_recv().is_ok() {}
            let pressed = Instant::now();
            bare.write(&key);
            let seen = tokio::time::timeout(PATIENCE, drawn.recv()).await;
            let seen = seen.expect("the echo comes").expect("it is attached");
            theirs.push(seen.duration_since(pressed));
        }
        let round = (median(ours), median(theirs));
        if best.is_none_or(|best| round.0 < best.0) {
            best = Some(round);
        }
    }
    let (ours, theirs) = best.expect("there were rounds");
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    measured(
        Column::Echo,
        &format!(
            "{} / {} = {ratio:.2}",
            milliseconds(ours),
            milliseconds(theirs)
        ),
    );
}

/// When bytes arrive at the program of the session `main`.
async fn arrivals(tmux: &Tmux) -> UnboundedReceiver<Instant> {
    let path = tmux.dir().join("arrivals");
    let program = format!(
        "mkfifo {0}; stty raw -echo; tmux wait-for -S raw; exec cat > {0}",
        path.display()
    );
    tmux.enter("main:", &program);
    tmux.wait_for("raw").await;
    let (sender, receiver) = unbounded_channel();
    std::thread::spawn(move || {
        let mut pipe = std::fs::File::open(path).unwrap();
        let mut buffer = [0; 64];
        while let Ok(1..) = pipe.read(&mut buffer) {
            if sender.send(Instant::now()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The median of what Escape takes, in the best of a few rounds.
async fn escapes(viewer: &Viewer, arrivals: &mut UnboundedReceiver<Instant>) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let mut times = vec![];
        for number in 0..by_depth(9, 9, 25) {
            rest(number).await;
            let pressed = Instant::now();
            viewer.input(&b"\x1b"[..]);
            let arrived = tokio::time::timeout(PATIENCE, arrivals.recv()).await;
            let arrived = arrived.expect("Escape arrives").expect("cat runs");
            times.push(arrived.duration_since(pressed));
        }
        best = best.min(median(times));
        if best <= ESCAPE_TARGET {
            break;
        }
    }
    best
}

/// Some milliseconds between keys, out of step with any timer. It is the pace of the keys, not a wait.
async fn rest(number: u64) {
    tokio::time::sleep(Duration::from_millis(20 + number * 7 % 11)).await;
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn viewer_frames(events: &[(Instant, crate::support::Event)]) -> u64 {
    let frame = |(_, event): &&(Instant, _)| matches!(event, crate::support::Event::Binary(_));
    events.iter().filter(frame).count() as u64
}
