//! Windows: told to everybody as they are, whatever is done to them and whatever they are called;
//! changed by drivers only, and only those of the session that is watched.

use crate::harness::at_least;
use crate::support::{Event, Join, PATIENCE, Service, Tmux, Viewer, until};
use serde_json::{Value, json};

scenarios![
    they_are_told_after_the_first_picture_and_with_every_change,
    a_driver_opens_switches_zooms_and_closes_them,
    a_spectator_changes_nothing_and_nobody_another_session,
    whatever_they_are_called_is_text,
    hundreds_of_windows_are_told_within_bounds_and_a_flood_of_clicks_is_too.normal(),
    the_history_is_scrolled_without_a_mouse_and_left_at_its_end,
    whether_a_program_brackets_pastes_is_told_where_tmux_knows,
];

/// Waits until the last `windows` a viewer was told are such.
async fn windows(viewer: &Viewer, what: &str, good: impl Fn(&Value) -> bool) -> Value {
    let told = |event: &Event| match event {
        Event::Text(value) if value["type"] == "windows" => Some(value.clone()),
        _ => None,
    };
    viewer
        .wait(what, |events| {
            let last = events.iter().rev().find_map(|(_, event)| told(event));
            last.filter(&good)
        })
        .await
}

fn all(told: &Value) -> &[Value] {
    told["windows"].as_array().unwrap()
}

fn named<'a>(told: &'a Value, name: &str) -> Option<&'a Value> {
    all(told).iter().find(|window| window["name"] == name)
}

fn id(told: &Value, name: &str) -> String {
    let window = named(told, name).unwrap_or_else(|| panic!("no {name} in {told}"));
    window["id"].as_str().unwrap().to_owned()
}

fn act(viewer: &Viewer, act: &str, id: &str) {
    viewer.say(&json!({"type": "window", "do": act, "id": id}));
}

async fn driver(service: &Service, session: &str) -> Viewer {
    Viewer::listen(service, session, Join::driver(80, 24)).await
}

async fn they_are_told_after_the_first_picture_and_with_every_change() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["rename-window", "-t", "main:", "first"]);
    let service = Service::start(&tmux);
    let shown = driver(&service, "main").await;
    let hidden = Join {
        spectator: true,
        hidden: true,
        ..Join::driver(80, 24)
    };
    let hidden = Viewer::listen(&service, "main", hidden).await;

    let told = windows(&shown, "the windows", |told| all(told).len() == 1).await;
    assert_eq!(told["status"], json!({"at": "bottom", "rows": 1}));
    let first = id(&told, "first");
    let mut wanted = json!({"id": first, "index": 0, "name": "first", "active": true, "bell": false,
            "activity": false, "zoomed": false, "panes": 1});
    if at_least(3, 7) {
        wanted["brackets"] = false.into();
    }
    assert_eq!(all(&told)[0], wanted);
    let came: Vec<String> = shown
        .events()
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Text(value) => value["type"].as_str().map(str::to_owned),
            Event::Binary(_) => Some("picture".to_owned()),
            Event::Closed(..) => None,
        })
        .collect();
    assert_eq!(came[..3], ["hello", "size", "picture"]);

    // Each step is seen before the next, by who looks and by who does not.
    type Step<'a> = (&'a [&'a str], fn(&Value) -> bool);
    let steps: &[Step<'_>] = &[
        (&["rename-window", "-t", "main:", "one"], |told| {
            all(told)[0]["name"] == "one"
        }),
        (
            &["new-window", "-d", "-t", "main:", "-n", "two", "exec sh"],
            |told| named(told, "two").is_some_and(|two| two["active"] == false),
        ),
        (&["split-window", "-t", "main:0", "exec sh"], |told| {
            named(told, "one").is_some_and(|one| one["panes"] == 2)
        }),
        (&["resize-pane", "-Z", "-t", "main:0"], |told| {
            named(told, "one").is_some_and(|one| one["zoomed"] == true)
        }),
        (
            &["send-keys", "-t", "main:1", "printf '\\a'", "Enter"],
            |told| named(told, "two").is_some_and(|two| two["bell"] == true),
        ),
        (&["select-window", "-t", "main:1"], |told| {
            named(told, "two").is_some_and(|two| two["active"] == true && two["bell"] == false)
        }),
        (&["kill-window", "-t", "main:0"], |told| {
            all(told).len() == 1 && named(told, "two").is_some()
        }),
        (
            &["set-option", "-t", "main", "status-position", "top"],
            |told| told["status"] == json!({"at": "top", "rows": 1}),
        ),
        (&["set-option", "-t", "main", "status", "3"], |told| {
            told["status"] == json!({"at": "top", "rows": 3})
        }),
        (&["set-option", "-t", "main", "status", "off"], |told| {
            told["status"] == json!({"at": "off", "rows": 0})
        }),
        (&["set-option", "-t", "main", "status", "on"], |told| {
            told["status"] == json!({"at": "top", "rows": 1})
        }),
    ];
    for (command, good) in steps {
        tmux.cmd(command);
        for viewer in [&shown, &hidden] {
            windows(viewer, &command.join(" "), good).await;
        }
    }
    let frames = |viewer: &Viewer| viewer.binaries().len();
    assert_eq!(frames(&hidden), 0, "it is told, and shown nothing");
}

async fn a_driver_opens_switches_zooms_and_closes_them() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["rename-window", "-t", "main:", "one"]);
    // The directory of a new window is the active pane's, also one that would be a command to tmux.
    let odd = tmux.dir().join("#(touch expanded) '$x");
    std::fs::create_dir(&odd).unwrap();
    tmux.enter("main:", "cd '#'*; tmux wait-for -S there");
    tmux.wait_for("there").await;
    let service = Service::start(&tmux);
    let driver = driver(&service, "main").await;
    let told = windows(&driver, "the window", |told| all(told).len() == 1).await;
    let one = id(&told, "one");

    driver.say(&json!({"type": "window", "do": "new"}));
    let told = windows(&driver, "a new window", |told| all(told).len() == 2).await;
    assert_eq!(all(&told)[1]["active"], true);
    let two = all(&told)[1]["id"].as_str().unwrap().to_owned();
    let directory = tmux.format("main:", "#{pane_current_path}");
    assert_eq!(directory, odd.to_str().unwrap());
    assert!(!tmux.dir().join("expanded").exists() && !odd.join("expanded").exists());

    // The second of two has to wait a moment.
    act(&driver, "select", &two);
    act(&driver, "select", &one);
    // What is typed after it is for that window, however close together they come.
    driver.input("tmux rename-window -t \"$TMUX_PANE\" typed\r");
    let told = windows(&driver, "the other window", |told| {
        named(told, "typed").is_some_and(|typed| typed["active"] == true)
    })
    .await;
    assert_eq!(id(&told, "typed"), one);

    tmux.cmd(&["split-window", "-t", "main:", "exec sh"]);
    act(&driver, "zoom", &one);
    windows(&driver, "a zoom", |told| all(told)[0]["zoomed"] == true).await;
    act(&driver, "zoom", &one);
    windows(&driver, "no zoom", |told| {
        all(told)[0]["zoomed"] == false && all(told)[0]["panes"] == 2
    })
    .await;

    act(&driver, "close", &one);
    let told = windows(&driver, "the end of it", |told| all(told).len() == 1).await;
    assert_eq!(all(&told)[0]["id"], two.as_str());

    act(&driver, "close", &two);
    assert_eq!(driver.closed().await.0, 4410);
}

async fn a_spectator_changes_nothing_and_nobody_another_session() {
    let tmux = Tmux::start(80, 24);
    let theirs = tmux.session("theirs", 80, 24);
    let foreign = tmux.format(&format!("{theirs}:"), "#{window_id}");
    let service = Service::start(&tmux);
    let driver = driver(&service, "main").await;
    let spectator = Viewer::listen(&service, "main", Join::spectator()).await;
    let told = windows(&driver, "the window", |told| all(told).len() == 1).await;
    let ours = all(&told)[0]["id"].as_str().unwrap().to_owned();
    windows(&spectator, "the window", |told| all(told).len() == 1).await;

    spectator.say(&json!({"type": "window", "do": "new"}));
    act(&spectator, "close", &ours);
    spectator.say(&json!({"type": "ping", "id": 1}));
    spectator.text("pong").await;

    let refused = |events: &[(_, Event)]| {
        let passing = |event: &Event| matches!(event, Event::Text(value) if value["type"] == "notice" && value["passing"] == true);
        events.iter().filter(|(_, event)| passing(event)).count()
    };
    for (number, hostile) in ["select", "zoom", "close"].iter().enumerate() {
        act(&driver, hostile, &foreign);
        driver
            .wait("a refusal", |events| {
                (refused(events) > number).then_some(())
            })
            .await;
    }
    let notice = driver.text("notice").await;
    let text = notice["text"].as_str().unwrap();
    assert!(text.starts_with("There is no such window"), "{text}");
    // None of these is an id.
    for id in [
        "",
        "@",
        "$0",
        "@1;kill-server",
        "#(touch x)",
        "main:0",
        "=main",
        "-a",
    ] {
        for act in ["select", "close", "zoom"] {
            driver.say(&json!({"type": "window", "do": act, "id": id}));
        }
    }
    driver.say(&json!({"type": "window", "do": "new"}));
    windows(&driver, "the driver's own", |told| all(told).len() == 2).await;
    let listed = tmux.cmd(&["list-windows", "-a", "-F", "#{session_name} #{window_id}"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    assert!(listed.contains(&format!("theirs {foreign}")), "{listed}");
    let to_spectator = spectator.events();
    let notices = to_spectator
        .iter()
        .filter(|(_, event)| matches!(event, Event::Text(value) if value["type"] == "notice"));
    assert_eq!(notices.count(), 0, "a refusal is for who wanted it");
}

async fn whatever_they_are_called_is_text() {
    let tmux = Tmux::start(80, 24);
    tmux.cmd(&["set-option", "-g", "allow-rename", "on"]);
    let service = Service::start(&tmux);
    let driver = driver(&service, "main").await;
    windows(&driver, "the window", |told| all(told).len() == 1).await;
    let marker = tmux.dir().join("expanded");
    let command = format!("#(touch {})", marker.display());
    let long = "n".repeat(10_000);
    // As a program names its window: tmux expands what `rename-window` is given, which is not ours.
    let names = [
        command.as_str(),
        "\"quoted\" 'twice' `and` $HOME \\ ;",
        "<img src=x onerror=alert(1)>",
        "#{pid} %H:%M #[fg=red]",
        "漢字 ─ü e\u{301}",
        "%end 1 1 1",
        long.as_str(),
    ];
    // Which signs tmux escapes or replaces in a name depends on its version; the letters stay.
    let letters = |name: &str| -> String { name.chars().filter(|c| c.is_alphanumeric()).collect() };
    for name in names {
        let path = tmux.file("name", format!("\x1bk{name}\x1b\\"));
        tmux.enter("main:", &format!("cat {path}"));
        let kept = until("tmux to take the name", async || {
            let kept = tmux.format("main:", "#{window_name}");
            if letters(&kept) == letters(name) {
                Ok(kept)
            } else {
                Err(kept)
            }
        })
        .await;
        let expected: String = kept.chars().take(64).collect();
        windows(&driver, name, |told| all(told)[0]["name"] == *expected).await;
    }
    // A line break in a name makes no window of its own; 3.7 and newer refuse such a name.
    let refused = !tmux
        .try_cmd(&["rename-window", "-t", "main:", "a\nb\tc\r\x01@9\t9"])
        .status
        .success();
    let told = windows(&driver, "no control character", |told| {
        let name = all(told)[0]["name"].as_str().unwrap();
        (refused || name.starts_with('a')) && !name.contains(char::is_control)
    })
    .await;
    assert_eq!(all(&told).len(), 1);
    assert!(!marker.exists(), "a window's name was run as a command");
}

async fn hundreds_of_windows_are_told_within_bounds_and_a_flood_of_clicks_is_too() {
    let tmux = Tmux::start(80, 24);
    tmux.enter(
        "main:",
        "for i in $(seq 300); do tmux new-window -d -n w$i 'exec cat'; done; tmux wait-for -S made",
    );
    tmux.wait_for_within("made", 3 * PATIENCE).await;
    tmux.cmd(&["select-window", "-t", "main:300"]);
    let service = Service::start(&tmux);
    let driver = driver(&service, "main").await;
    let told = windows(&driver, "them", |told| told["more"] == 45).await;
    assert_eq!(all(&told).len(), 256);
    assert_eq!(named(&told, "w300").unwrap()["active"], true);

    // More than may wait at once: some are dropped, and what is typed after them still arrives.
    for _ in 0..200 {
        driver.say(&json!({"type": "window", "do": "new"}));
    }
    driver.input("tmux wait-for -S typed\r");
    tmux.wait_for("typed").await;
    let count = async || {
        let count = tmux.format("main:", "#{session_windows}");
        Ok(count.parse::<usize>().unwrap())
    };
    let made = until("the count", count).await - 301;
    assert!((1..150).contains(&made), "{made} of 200");
}

async fn the_history_is_scrolled_without_a_mouse_and_left_at_its_end() {
    let tmux = Tmux::start(80, 24);
    let run = |program: &str| tmux.cmd(&["respawn-window", "-k", "-t", "main:", program]);
    run("seq 100; exec cat -v");
    let service = Service::start(&tmux);
    let spectator = Join {
        spectator: true,
        ..Join::driver(80, 24)
    };
    let spectator = Viewer::listen(&service, "main", spectator).await;
    let viewer = driver(&service, "main").await;
    let scroll = |viewer: &Viewer, lines: i64| {
        viewer.say(&json!({"type": "window", "do": "scroll", "lines": lines}));
    };
    let stands = async |wanted: &str| {
        until(wanted, async || {
            let at = tmux.format(
                "main:",
                "#{history_size} #{pane_in_mode} #{scroll_position}",
            );
            if at.trim() == wanted { Ok(()) } else { Err(at) }
        })
        .await;
    };
    stands("78 0").await;
    scroll(&viewer, 5);
    scroll(&spectator, -7);
    scroll(&viewer, -10);
    stands("78 1 10").await;
    scroll(&viewer, -3);
    stands("78 1 13").await;
    scroll(&viewer, 20);
    stands("78 0").await;
    // Further down there is nothing, and the program got no key of all this.
    scroll(&viewer, 20);
    viewer.input("typed\r");
    until("what was typed", async || {
        let shown = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
        if shown.trim_end().ends_with("\n100\ntyped\ntyped") {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;

    run("printf '\\033[?1049h'; exec cat");
    windows(&viewer, "a full-screen program", |told| {
        all(told)[0]["alternate"] == true
    })
    .await;
    run("exec cat");
    windows(&viewer, "none", |told| {
        all(told)[0].get("alternate").is_none()
    })
    .await;
}

async fn whether_a_program_brackets_pastes_is_told_where_tmux_knows() {
    let tmux = Tmux::start(80, 24);
    // No name in the status line follows the program.
    tmux.cmd(&["set-option", "-g", "automatic-rename", "off"]);
    let service = Service::start(&tmux);
    let viewer = driver(&service, "main").await;
    let brackets = |told: &Value| all(told)[0].get("brackets").cloned();
    let first = windows(&viewer, "them", |_| true).await;
    if !at_least(3, 7) {
        assert_eq!(brackets(&first), None);
        return;
    }
    for (mode, wanted) in [('h', true), ('l', false), ('h', true)] {
        viewer.input(format!("printf '\\033[?2004{mode}'; read line\r"));
        let what = format!("brackets {wanted}");
        windows(&viewer, &what, |told| brackets(told) == Some(wanted.into())).await;
        viewer.input("done\r");
    }
}
