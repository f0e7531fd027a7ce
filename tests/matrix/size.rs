//! The grid follows the driver who acted last; spectators, hidden pages and those who only come
//! back take nothing; without a driver it is the window's own.

use crate::support;
use crate::support::{BareAttach, Join, Service, Tmux, Viewer, Xterm, attach, until};

scenarios![
    the_driver_who_acted_last_decides,
    the_first_to_come_back_decides_if_nobody_does,
    without_a_driver_the_window_decides,
    the_other_policies,
    those_who_only_watch_decide_no_size,
];

async fn size_is(viewer: &Viewer, cols: u16, rows: u16) {
    until(&format!("the size {cols}x{rows}"), async || {
        let seen = viewer
            .events()
            .iter()
            .rev()
            .find_map(|(_, event)| match event {
                support::Event::Text(text) if text["type"] == "size" => {
                    Some((text["cols"].clone(), text["rows"].clone()))
                }
                _ => None,
            })
            .unwrap_or_default();
        if seen == (cols.into(), rows.into()) {
            Ok(())
        } else {
            Err(format!("{seen:?}\n{}", viewer.story()))
        }
    })
    .await;
}

async fn window_is(tmux: &Tmux, cols: u16, rows: u16) {
    until(&format!("the window {cols}x{rows}"), async || {
        let seen = tmux.format("main:", "#{window_width}x#{window_height}");
        if seen == format!("{cols}x{rows}") {
            Ok(())
        } else {
            Err(seen)
        }
    })
    .await;
}

async fn join(service: &Service, xterm: &Xterm, join: Join) -> Viewer {
    let viewer = Viewer::join(service, xterm, "main", join).await;
    viewer.text("hello").await;
    viewer
}

async fn the_driver_who_acted_last_decides() {
    let tmux = Tmux::start(80, 24);
    let (service, xterm) = (Service::start(&tmux), Xterm::start());
    let first = join(&service, &xterm, Join::driver(100, 30)).await;
    first.opened().await;
    size_is(&first, 100, 30).await;
    window_is(&tmux, 100, 29).await;

    let second = join(&service, &xterm, Join::driver(60, 20)).await;
    second.opened().await;
    for viewer in [&first, &second] {
        size_is(viewer, 60, 20).await;
    }
    window_is(&tmux, 60, 19).await;

    first.input(" ".as_bytes());
    for viewer in [&first, &second] {
        size_is(viewer, 100, 30).await;
    }

    // One that only comes back takes nothing.
    let back = join(
        &service,
        &xterm,
        Join {
            resume: true,
            ..Join::driver(40, 12)
        },
    )
    .await;
    back.opened().await;
    size_is(&back, 100, 30).await;
    // A spectator neither, whatever it asks for.
    let spectator = join(
        &service,
        &xterm,
        Join {
            spectator: true,
            ..Join::driver(30, 10)
        },
    )
    .await;
    spectator.opened().await;
    spectator.resize(31, 11);
    size_is(&spectator, 100, 30).await;
    window_is(&tmux, 100, 29).await;

    second.resize(70, 22);
    for viewer in [&first, &second, &back, &spectator] {
        size_is(viewer, 70, 22).await;
    }

    // The one who decides goes out of sight: another one does; and back.
    second.say(&serde_json::json!({"type": "visible", "visible": false}));
    size_is(&spectator, 100, 30).await;
    second.say(&serde_json::json!({"type": "visible", "visible": true}));
    size_is(&spectator, 70, 22).await;
    drop(second);
    size_is(&spectator, 100, 30).await;
    first.input("echo CHECK\r".as_bytes());
    for viewer in [&first, &back, &spectator] {
        viewer
            .shows("the shell", |p| {
                p.cols() == 100 && p.rows() == 30 && p.contains("CHECK\n")
            })
            .await;
    }
}

async fn the_first_to_come_back_decides_if_nobody_does() {
    let tmux = Tmux::start(80, 24);
    let (service, xterm) = (Service::start(&tmux), Xterm::start());
    let back = join(
        &service,
        &xterm,
        Join {
            resume: true,
            ..Join::driver(66, 21)
        },
    )
    .await;
    back.opened().await;
    size_is(&back, 66, 21).await;
    window_is(&tmux, 66, 20).await;
}

async fn without_a_driver_the_window_decides() {
    let tmux = Tmux::start(91, 33);
    let (service, xterm) = (Service::start(&tmux), Xterm::start());
    let spectator = join(&service, &xterm, Join::spectator()).await;
    spectator.opened().await;
    // `new-session -y` is the window's height with its status line still to come.
    let rows: u16 = tmux.format("main:", "#{window_height}").parse().unwrap();
    size_is(&spectator, 91, rows + 1).await;
    // A person at a terminal of another size.
    let options = attach::Options {
        read_only: false,
        ignore_size: false,
        xterm: None,
        record: false,
        listener: None,
    };
    let person = BareAttach::open(&tmux, "main", 77, 19, options);
    window_is(&tmux, 77, 18).await;
    size_is(&spectator, 77, 19).await;
    person.resize(88, 26);
    size_is(&spectator, 88, 26).await;
    tmux.cmd(&["set-option", "-t", "main", "status", "off"]);
    size_is(&spectator, 88, 26).await;
    drop(person);
    // A driver that has said no size yet claims none.
    let undecided = join(
        &service,
        &xterm,
        Join {
            size: None,
            ..Join::driver(0, 0)
        },
    )
    .await;
    undecided.opened().await;
    size_is(&undecided, 88, 26).await;
    undecided.resize(50, 15);
    size_is(&spectator, 50, 15).await;
    // After the last driver the window stays as it is.
    drop(undecided);
    spectator.text_where("viewers", |v| v["drive"] == 0).await;
    size_is(&spectator, 50, 15).await;
}

async fn the_other_policies() {
    for (policy, size) in [
        ("smallest", (60, 20)),
        ("largest", (100, 30)),
        ("observe", (80, 24)),
    ] {
        let tmux = Tmux::start(80, 24);
        if policy == "observe" {
            tmux.cmd(&["resize-window", "-t", "main:", "-x", "80", "-y", "23"]);
        }
        let service = Service::start_with(&tmux, &["--size-policy", policy]);
        let xterm = Xterm::start();
        let wide = join(&service, &xterm, Join::driver(100, 30)).await;
        wide.opened().await;
        let narrow = join(&service, &xterm, Join::driver(60, 20)).await;
        narrow.opened().await;
        wide.input(" ".as_bytes());
        for viewer in [&wide, &narrow] {
            size_is(viewer, size.0, size.1).await;
        }
        window_is(&tmux, size.0, size.1 - 1).await;
    }
}

/// The clients that are attached: terminals and control clients.
fn clients(tmux: &Tmux) -> (usize, usize) {
    let list = tmux.cmd(&["list-clients", "-F", "#{client_control_mode}"]);
    let controls = list.lines().filter(|line| *line == "1").count();
    (list.lines().count() - controls, controls)
}

async fn clients_are(tmux: &Tmux, terminals: usize, controls: usize) {
    until("the clients", || async {
        let seen = clients(tmux);
        if seen == (terminals, controls) {
            Ok(())
        } else {
            Err(format!("{seen:?} instead of {:?}", (terminals, controls)))
        }
    })
    .await;
}

async fn those_who_only_watch_decide_no_size() {
    let tmux = Tmux::start(80, 24);
    let (service, xterm) = (Service::start(&tmux), Xterm::start());
    let spectator = join(&service, &xterm, Join::spectator()).await;
    spectator.opened().await;
    clients_are(&tmux, 1, 1).await;
    let size = |target: &str| tmux.format(target, "#{window_width}x#{window_height}");

    // A session somebody makes, and a window of another size that somebody selects.
    let made = [
        "new-session",
        "-d",
        "-s",
        "made",
        "-x",
        "120",
        "-y",
        "40",
        "cat",
    ];
    tmux.cmd(&made);
    assert_eq!(size("made:"), "120x40");
    tmux.cmd(&["new-window", "-d", "-t", "main:", "cat"]);
    tmux.cmd(&["resize-window", "-t", "main:1", "-x", "55", "-y", "11"]);
    tmux.cmd(&["set-option", "-wu", "-t", "main:1", "window-size"]);
    tmux.cmd(&["select-window", "-t", "main:1"]);
    size_is(&spectator, 55, 12).await;
    assert_eq!(size("main:1"), "55x11");
    let clients_of = tmux.format("main:", "#{session_attached}");
    assert_eq!(clients_of, "2", "ours, and the one that guards");

    // Beside somebody's own terminal there is none, so that nothing of theirs changes.
    let person = BareAttach::open(
        &tmux,
        "made",
        77,
        19,
        attach::Options {
            read_only: false,
            ignore_size: false,
            xterm: None,
            record: false,
            listener: None,
        },
    );
    clients_are(&tmux, 2, 0).await;
    drop(person);
    clients_are(&tmux, 1, 1).await;
    // Nor where a driver decides.
    let driver = join(&service, &xterm, Join::driver(66, 21)).await;
    driver.opened().await;
    size_is(&driver, 66, 21).await;
    clients_are(&tmux, 1, 0).await;
}
