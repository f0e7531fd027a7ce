//! Programs that ask for colours or the theme get the driver's: the one's who acted last.

use crate::harness::at_least;
use crate::pane_input::PaneInput;
use crate::support::{Event, Join, Service, Tmux, Viewer, process, until, viewer};
use serde_json::json;

scenarios![
    programs_are_told_the_colours_of_the_driver_who_acted_last,
    the_first_colours_tmux_learns_are_those_of_the_page,
    colours_outlive_their_driver_and_a_lost_client,
    a_restart_tells_programs_nothing,
];

const QUESTIONS: &str = "\x1b]10;?\x1b\\\x1b]11;?\x1b\\";
const DARK: (&str, &str) = ("#d0d1d2", "#101112");
const LIGHT: (&str, &str) = ("#202122", "#f0f1f2");

/// A session beside the one that our control client may sit on.
fn start() -> Tmux {
    let tmux = Tmux::start(80, 24);
    tmux.session("work", 80, 24);
    tmux
}

async fn driver(service: &Service, (foreground, background): (&str, &str)) -> Viewer {
    let viewer = Viewer::listen(service, "work", Join::driver(80, 24)).await;
    viewer.text("hello").await;
    viewer.say(&theme((foreground, background)));
    viewer.opened().await;
    viewer
}

fn theme((foreground, background): (&str, &str)) -> serde_json::Value {
    json!({"type": "theme", "foreground": foreground, "background": background})
}

/// Waits until so many drivers are here, as a viewer was told last.
async fn drivers_are(viewer: &Viewer, count: u32) {
    viewer
        .wait(&format!("{count} drivers"), |events| {
            let told = |event: &Event| match event {
                Event::Text(text) if text["type"] == "viewers" => Some(text["drive"] == count),
                _ => None,
            };
            let last = events.iter().rev().find_map(|(_, event)| told(event));
            last.filter(|is| *is)
        })
        .await;
}

/// A program that asks, in the session's pane.
struct Program {
    input: PaneInput,
    tty: String,
}

impl Program {
    async fn start(tmux: &Tmux, before: &str) -> Self {
        Self {
            input: PaneInput::after(tmux, "work", before).await,
            tty: tmux.format("work:", "#{pane_tty}"),
        }
    }

    /// What it writes to its terminal.
    fn writes(&self, text: &str) {
        std::fs::write(&self.tty, text).unwrap();
    }

    /// Asks, and must be told these colours: nothing by a tmux that has no answer.
    async fn is_told(&mut self, viewer: &Viewer, (foreground, background): (&str, &str)) {
        self.writes(QUESTIONS);
        if at_least(3, 4) {
            let answer = |number: u8, colour: &str| {
                let [red, green, blue] = [1, 3, 5].map(|at| &colour[at..at + 2]);
                format!("\x1b]{number};rgb:{red}{red}/{green}{green}/{blue}{blue}\x1b\\")
            };
            let answers = answer(10, foreground) + &answer(11, background);
            self.input.reads(answers.as_bytes()).await;
        }
        viewer.input(".");
        self.input.reads(b".").await;
    }

    /// Reads what was typed, and that the theme is another one where tmux tells of that; in any order.
    async fn hears(&mut self, typed: &str, dark: bool) {
        let news = if dark { "\x1b[?997;1n" } else { "\x1b[?997;2n" };
        let news = if at_least(3, 6) { news } else { "" };
        let seen = self.input.take(typed.len() + news.len()).await;
        let seen = String::from_utf8(seen).unwrap();
        assert!(
            seen == format!("{typed}{news}") || seen == format!("{news}{typed}"),
            "{seen:?}"
        );
    }
}

async fn programs_are_told_the_colours_of_the_driver_who_acted_last() {
    let tmux = start();
    let service = Service::start(&tmux);
    let dark = driver(&service, DARK).await;
    let mut program = Program::start(&tmux, "\\033[?2031h").await;
    program.is_told(&dark, DARK).await;
    // Who comes late changes nothing, whether to drive or to watch, nor does moving the pointer.
    let light = driver(&service, LIGHT).await;
    let spectator = Viewer::listen(&service, "work", Join::spectator()).await;
    spectator.text("hello").await;
    spectator.say(&theme(("#000000", "#ffffff")));
    spectator.opened().await;
    light.input("\x1b[<35;1;1M");
    program.is_told(&dark, DARK).await;

    light.input("l");
    program.hears("l", false).await;
    program.is_told(&light, LIGHT).await;
    dark.input("d");
    program.hears("d", true).await;
    program.is_told(&dark, DARK).await;
    // Who acted last chooses another theme; who did not changes nothing by that.
    light.say(&theme(("#303132", "#e0e1e2")));
    dark.say(&theme(LIGHT));
    dark.input("l");
    program.hears("l", false).await;
    program.is_told(&dark, LIGHT).await;
    dark.say(&theme(DARK));
    dark.input("d");
    program.hears("d", true).await;
    program.is_told(&dark, DARK).await;
    // It leaves: the other one is next.
    drivers_are(&light, 2).await;
    drop(dark);
    drivers_are(&light, 1).await;
    light.input("n");
    program.hears("n", false).await;
    program.is_told(&light, ("#303132", "#e0e1e2")).await;
}

async fn the_first_colours_tmux_learns_are_those_of_the_page() {
    let tmux = start();
    let service = Service::start(&tmux);
    let mut program = Program::start(&tmux, "\\033[?2031h").await;
    let url = service.socket_url("work", "?cols=80&rows=24&theme=202122-f0f1f2");
    let join = Join::driver(80, 24);
    let socket = viewer::connect(&url, service.port, join.protocol).await;
    let viewer = Viewer::over(socket.unwrap(), None, &join);
    viewer.opened().await;
    // A program may be told that it is light, and never that it is dark.
    let mut seen = String::new();
    for key in ["x", "y"] {
        program.writes(QUESTIONS);
        viewer.input(key);
        let all = |seen: &str| seen.contains(key) && (!at_least(3, 4) || seen.contains("]11;"));
        let mut round = String::new();
        while !all(&round) {
            round += &String::from_utf8(program.input.next().await.1).unwrap();
        }
        seen += &round;
    }
    assert!(!seen.contains("997;1n"), "{seen:?}");
    let answers = seen.matches("]11;").count();
    assert_eq!(
        answers,
        seen.matches("]11;rgb:f0f0/f1f1/f2f2").count(),
        "{seen:?}"
    );
    assert_eq!(answers, if at_least(3, 4) { 2 } else { 0 }, "{seen:?}");
}

async fn colours_outlive_their_driver_and_a_lost_client() {
    let tmux = start();
    let service = Service::start(&tmux);
    let light = driver(&service, LIGHT).await;
    let dark = driver(&service, DARK).await;
    let mut program = Program::start(&tmux, "").await;
    light.input("l");
    program.input.reads(b"l").await;
    program.is_told(&light, LIGHT).await;
    // Our client is thrown out; another one takes its place.
    let client = || {
        tmux.cmd(&[
            "list-clients",
            "-t",
            "work",
            "-F",
            "#{client_name} #{client_pid}",
        ])
    };
    let before = client();
    tmux.cmd(&["detach-client", "-t", before.split(' ').next().unwrap()]);
    until("another client", async || match client() {
        now if now.is_empty() || now == before => Err(now),
        _ => Ok(()),
    })
    .await;
    light.input("m");
    program.input.reads(b"m").await;
    program.is_told(&light, LIGHT).await;
    // Nobody drives any more.
    let spectator = Viewer::listen(&service, "work", Join::spectator()).await;
    spectator.opened().await;
    // What it is told of who is here lags behind a little.
    drivers_are(&spectator, 2).await;
    for (viewer, left) in [(dark, 1), (light, 0)] {
        drop(viewer);
        drivers_are(&spectator, left).await;
    }
    let driver = Viewer::listen(&service, "work", Join::driver(80, 24)).await;
    driver.opened().await;
    program.is_told(&driver, LIGHT).await;
}

async fn a_restart_tells_programs_nothing() {
    let tmux = start();
    let service = Service::start(&tmux);
    let light = driver(&service, LIGHT).await;
    let mut program = Program::start(&tmux, "\\033[?2031h").await;
    program.is_told(&light, LIGHT).await;
    let dark = driver(&service, DARK).await;
    process::signal(service.pid(), "HUP");
    for viewer in [&light, &dark] {
        viewer
            .wait("to be greeted again", |events| {
                let hello =
                    |event: &Event| matches!(event, Event::Text(text) if text["type"] == "hello");
                let greetings = events.iter().filter(|(_, event)| hello(event));
                (greetings.count() == 2).then_some(())
            })
            .await;
    }
    // A page says its colours whenever it is greeted.
    dark.say(&theme(DARK));
    light.say(&theme(LIGHT));
    program.is_told(&light, LIGHT).await;
    dark.input("d");
    program.hears("d", true).await;
    program.is_told(&dark, DARK).await;
}
