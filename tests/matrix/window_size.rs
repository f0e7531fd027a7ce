//! Whose size a session has: the driver's who acted last, else the window's own.

use crate::support;
use crate::support::attach::Options;
use crate::support::{BareAttach, Tmux};
use crate::watcher::{Bench, SPECTATOR, Watcher, driver, lines};
use bytes::Bytes;
use muxview::bridge::Join;
use muxview::config::SizePolicy;
use muxview::config::limits::RESIZE_INTERVAL;
use muxview::terminal::Size;
use muxview::tmux::Event;
use muxview::viewer::Output;
use std::time::Duration;

scenarios![
    spectators_never_change_a_window,
    the_driver_who_acted_last_has_the_size_and_all_have_the_same,
    a_pointer_that_moves_over_a_page_takes_no_size,
    no_half_redrawn_picture_is_published_on_resize,
    a_human_at_a_terminal_wins_until_a_driver_acts,
    the_window_comes_back_when_the_human_leaves,
    a_refused_size_does_not_swing,
];

async fn window_is(tmux: &Tmux, size: &str) {
    support::until(&format!("a window of {size}"), async || {
        let is = tmux.format("main", "#{window_width}x#{window_height}");
        if is == size { Ok(()) } else { Err(is) }
    })
    .await;
}

async fn grid_is(watcher: &mut Watcher, cols: u16, rows: u16) {
    watcher
        .follow("the grid", |watcher| {
            let screen = watcher.terminal.screen();
            screen.size == Size { cols, rows }
        })
        .await;
}

fn human(tmux: &Tmux, cols: u16, rows: u16) -> BareAttach {
    let options = Options {
        read_only: false,
        ignore_size: false,
        xterm: None,
        record: false,
        listener: None,
    };
    BareAttach::open(tmux, "main", cols, rows, options)
}

async fn spectators_never_change_a_window() {
    let tmux = Tmux::start(132, 43);
    let bench = Bench::new(&tmux).await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    spectator.shows("$").await;
    let mut hidden = bench
        .watch(
            "main",
            Join {
                visible: false,
                ..driver(50, 20)
            },
        )
        .await;
    hidden.idle(Duration::from_millis(50)).await;
    drop(hidden);
    // The status line is a row of the picture.
    grid_is(&mut spectator, 132, 44).await;
    assert_eq!(
        tmux.format("main", "#{window_width}x#{window_height}"),
        "132x43"
    );
    drop(spectator);
    let observer = Bench::with(&tmux, SizePolicy::Observe, Duration::ZERO).await;
    let mut driver = observer.watch("main", driver(50, 20)).await;
    driver.shows("$").await;
    grid_is(&mut driver, 132, 44).await;
    assert_eq!(
        tmux.format("main", "#{window_width}x#{window_height}"),
        "132x43"
    );
}

async fn the_driver_who_acted_last_has_the_size_and_all_have_the_same() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut one = bench.watch("main", driver(100, 30)).await;
    one.shows("$").await;
    let mut two = bench.watch("main", driver(60, 20)).await;
    let mut spectator = bench.watch("main", SPECTATOR).await;
    window_is(&tmux, "60x19").await;
    grid_is(&mut one, 60, 20).await;
    grid_is(&mut two, 60, 20).await;
    one.types("x").await;
    window_is(&tmux, "100x29").await;
    grid_is(&mut two, 100, 30).await;
    two.driver().resize(Size { cols: 70, rows: 25 });
    window_is(&tmux, "70x24").await;
    two.seat.set_visible(false);
    window_is(&tmux, "100x29").await;
    let mut back = bench
        .watch(
            "main",
            Join {
                resume: true,
                ..driver(40, 40)
            },
        )
        .await;
    back.shows("$").await;
    assert_eq!(
        tmux.format("main", "#{window_width}x#{window_height}"),
        "100x29"
    );
    grid_is(&mut spectator, 100, 30).await;
}

async fn a_pointer_that_moves_over_a_page_takes_no_size() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-g", "mouse", "off"]);
    let bench = Bench::new(&tmux).await;
    let mut typist = bench.watch("main", driver(100, 30)).await;
    typist.shows("$").await;
    let mut other = bench.watch("main", driver(60, 20)).await;
    other.shows("$").await;
    window_is(&tmux, "60x19").await;
    grid_is(&mut typist, 60, 20).await;
    // A program that shows what it is told of the pointer.
    typist
        .types("printf '\\033[?1003h\\033[?1006h'; stty -icanon -echo; cat -v\r")
        .await;
    window_is(&tmux, "100x29").await;
    grid_is(&mut typist, 100, 30).await;
    grid_is(&mut other, 100, 30).await;
    let sizes = |watcher: &Watcher| {
        let size = |output: &&Output| matches!(output, Output::Size(_));
        watcher.outputs.iter().filter(size).count()
    };
    let before = sizes(&typist);
    for report in [&b"\x1b[<35;7;9M"[..], b"\x1b[<35;", b"8;9M", b"\x1b[I"] {
        other
            .driver()
            .input(Bytes::from_static(report))
            .await
            .unwrap();
    }
    typist.shows("^[[<35;8;9M").await;
    // Had it taken the size, that would be seen by now.
    typist.idle(3 * RESIZE_INTERVAL).await;
    assert_eq!(
        tmux.format("main", "#{window_width}x#{window_height}"),
        "100x29"
    );
    // Two that move at once do not swing it either.
    for column in 10..30 {
        let report = Bytes::from(format!("\x1b[<35;{column};9M"));
        typist.driver().input(report.clone()).await.unwrap();
        other.driver().input(report).await.unwrap();
    }
    typist.shows("^[[<35;29;9M").await;
    typist.idle(3 * RESIZE_INTERVAL).await;
    assert_eq!(sizes(&typist), before);
    let click = Bytes::from_static(b"\x1b[<35;9;9M\x1b[<0;9;9M");
    other.driver().input(click).await.unwrap();
    window_is(&tmux, "60x19").await;
}

async fn no_half_redrawn_picture_is_published_on_resize() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    // Every row of the pane is filled, so a row that is not is half drawn.
    let script = tmux.file(
        "fill",
        "trap 'draw' WINCH\ndraw() { set -- $(stty size); printf '\\033[H'; i=1; while [ $i -le $1 ]; do printf '\\033[%d;1Hrow' $i; i=$((i+1)); done; }\ndraw\nwhile :; do sleep 0.01; done\n",
    );
    tmux.enter("main", &format!("exec sh {script}"));
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("row\nrow\nrow").await;
    for step in 0..20u16 {
        let size = Size {
            cols: 60 + step,
            rows: 10 + step,
        };
        watcher.driver().resize(size);
        grid_is(&mut watcher, size.cols, size.rows).await;
        let screen = watcher.published().expect("shown");
        assert_eq!(screen.size, size);
        let text = lines(&screen);
        assert!(
            !text.contains('·'),
            "the window is not that size yet:\n{text}"
        );
        assert!(
            text.contains("[main]"),
            "the status line is missing:\n{text}"
        );
    }
    let sizes = watcher.outputs.iter().zip(watcher.outputs.iter().skip(1));
    for (output, next) in sizes {
        if matches!(output, Output::Size(_)) {
            assert!(matches!(next, Output::Frame(frame) if frame.payload().starts_with(b"\x1bc")));
        }
    }
}

async fn a_human_at_a_terminal_wins_until_a_driver_acts() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(100, 30)).await;
    watcher.shows("$").await;
    window_is(&tmux, "100x29").await;
    let mut human = human(&tmux, 120, 40);
    window_is(&tmux, "120x39").await;
    human.write(b"y");
    grid_is(&mut watcher, 120, 40).await;
    watcher.types("x").await;
    window_is(&tmux, "100x29").await;
    grid_is(&mut watcher, 100, 30).await;
    human.write(b"z");
    window_is(&tmux, "120x39").await;
    grid_is(&mut watcher, 120, 40).await;
}

async fn the_window_comes_back_when_the_human_leaves() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(100, 30)).await;
    watcher.shows("$").await;
    window_is(&tmux, "100x29").await;
    let mut human = human(&tmux, 120, 40);
    human.write(b"y");
    grid_is(&mut watcher, 120, 40).await;
    // tmux tells of company once a second: the human has to be counted before it goes.
    let mut events = bench.server.events();
    loop {
        let Ok(Event::SessionState(states)) = events.recv().await else {
            continue;
        };
        if states.iter().any(|state| state.attached == 2) {
            break;
        }
    }
    drop(human);
    grid_is(&mut watcher, 100, 30).await;
}

async fn a_refused_size_does_not_swing() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-g", "window-size", "smallest"]);
    let _human = human(&tmux, 70, 20);
    window_is(&tmux, "70x19").await;
    let bench = Bench::new(&tmux).await;
    let mut watcher = bench.watch("main", driver(100, 30)).await;
    grid_is(&mut watcher, 70, 20).await;
    let sizes = |watcher: &Watcher| {
        let size = |output: &&Output| matches!(output, Output::Size(_));
        watcher.outputs.iter().filter(size).count()
    };
    let before = sizes(&watcher);
    for _ in 0..20 {
        watcher.types("x").await;
        watcher.idle(Duration::from_millis(20)).await;
    }
    watcher.shows("xxxxxxxxxxxxxxxxxxxx").await;
    assert_eq!(sizes(&watcher), before);
}
