//! The first binary message alone is the whole picture, on a terminal left in any state, and it
//! comes third: after `hello` and `size`.

use crate::support::{Event, Join, Scene, Viewer};

/// Ways a terminal may have been left.
const DIRT: &[(&str, &str)] = &[
    (
        "a used screen",
        "\x1b[2J\x1b[31;44;1mold text all over\r\nmore\r\nand more\x1b[m",
    ),
    ("line drawing as the character set", "\x1b(0\x0f"),
    ("G1 shifted in", "\x1b)0\x0e"),
    ("margins", "\x1b[5;9r"),
    ("origin mode inside margins", "\x1b[5;9r\x1b[?6h"),
    ("hidden cursor", "\x1b[?25l"),
    (
        "another cursor shape and color",
        "\x1b[5 q\x1b]12;#ff0000\x07",
    ),
    ("alternate screen", "\x1b[?1049h\x1b[7mold alternate\x1b[m"),
    ("mouse", "\x1b[?1003h\x1b[?1006h"),
    (
        "bracketed paste, application keys and keypad",
        "\x1b[?2004h\x1b[?1h\x1b=",
    ),
    ("focus reports", "\x1b[?1004h"),
    ("old title", "\x1b]0;the old title\x07"),
    (
        "an open hyperlink",
        "\x1b]8;;https://example.invalid/\x1b\\linked",
    ),
    (
        "an open pen",
        "\x1b[1;3;4:3;58:2::1:2:3;5;7;9;53;38;2;1;2;3;48;5;99m",
    ),
    ("insert mode", "\x1b[4h"),
    ("no autowrap", "\x1b[?7l"),
    ("reverse wrap", "\x1b[?45h"),
    ("an open synchronised update", "\x1b[?2026hhalf a picture"),
    ("half a sequence", "\x1b[38;2;1"),
    ("half a string", "\x1b]0;half a ti"),
    ("half a character", "\u{0}"),
    (
        "cursor in a pending wrap",
        "\x1b[24;1H12345678901234567890123456789012345678901234567890123456789012345678901234567890",
    ),
    (
        "scrolled",
        "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whole_on_any_terminal() {
    let scene = Scene::open(80, 24).await;
    scene
        .run("clear; printf '\\033[1;33;45mcolors\\033[K\\033[m 漢字 \\033[4:3mcurly\\033[m\\n'; seq 1 30; echo READY")
        .await;
    let meant = scene.same("the picture", |p| p.contains("READY\n")).await;
    for (what, dirt) in DIRT {
        let term = scene.xterm.terminal(80, 24);
        if *what == "half a character" {
            term.write(&[0xe6, 0xbc]);
        } else {
            term.write(dirt.as_bytes());
        }
        let late = Viewer::listen(
            &scene.service,
            "main",
            Join {
                spectator: true,
                ..Join::driver(80, 24)
            },
        )
        .await;
        let first = late.opened().await;
        term.write(&first);
        let seen = term.picture().await;
        assert!(
            seen == meant,
            "after {what}:\n{}\n{:?}",
            seen.differences(&meant),
            String::from_utf8_lossy(&first)
        );
        assert_eq!(seen.aside.buffer, "normal", "after {what}");
        term.dispose();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_with_modes_set_survive_any_terminal() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "set-titles", "on"]);
    scene
        .tmux
        .cmd(&["set-option", "-g", "set-titles-string", "#{pane_title}"]);
    scene
        .run("clear; printf '\\033]2;the title\\033\\\\\\033[?25l\\033[?1002h\\033[?1006h\\033[?2004h\\033[?1h\\033=\\033[3 q'; echo READY")
        .await;
    let meant = scene
        .same("modes", |p| p.contains("READY\n") && p.title == "the title")
        .await;
    assert_eq!(meant.cursor["hidden"], true);
    for (what, dirt) in DIRT.iter().filter(|(what, _)| *what != "half a character") {
        let term = scene.xterm.terminal(80, 24);
        term.write(dirt.as_bytes());
        let late = Viewer::listen(
            &scene.service,
            "main",
            Join {
                spectator: true,
                ..Join::driver(80, 24)
            },
        )
        .await;
        term.write(&late.opened().await);
        let seen = term.picture().await;
        assert!(seen == meant, "after {what}:\n{}", seen.differences(&meant));
        term.dispose();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hello_then_size_then_the_picture() {
    let scene = Scene::open(80, 24).await;
    for join in [
        Join::driver(80, 24),
        Join::spectator(),
        Join {
            resume: true,
            ..Join::driver(80, 24)
        },
    ] {
        let viewer = Viewer::listen(&scene.service, "main", join.clone()).await;
        viewer.opened().await;
        let events: Vec<Event> = viewer
            .events()
            .into_iter()
            .map(|(_, event)| event)
            .collect();
        let Event::Text(hello) = &events[0] else {
            panic!("first came {:?}", events[0])
        };
        assert_eq!(hello["type"], "hello");
        assert_eq!(hello["protocol"], 1);
        assert_eq!(hello["session"]["name"], "main");
        assert!(
            hello["session"]["id"]
                .as_str()
                .is_some_and(|id| id.starts_with('$')),
            "{hello}"
        );
        assert_eq!(hello["role"], if join.spectator { "view" } else { "drive" });
        assert_eq!(hello["ping_ms"], 15_000);
        assert!(hello["instance"].is_string(), "{hello}");
        let Event::Text(size) = &events[1] else {
            panic!("second came {:?}", events[1])
        };
        assert_eq!(
            (&size["type"], &size["cols"], &size["rows"]),
            (&"size".into(), &80.into(), &24.into())
        );
        let Event::Binary(picture) = &events[2] else {
            panic!("third came {:?}", events[2])
        };
        assert!(
            picture.starts_with(b"\x1bc"),
            "a repaint starts with a reset"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_size_is_kept_until_its_picture() {
    let scene = Scene::open(80, 24).await;
    for cols in [90, 100, 70, 80] {
        scene.live.resize(cols, 25);
        scene
            .live
            .text_where("size", |size| size["cols"] == cols)
            .await;
        scene
            .live
            .shows("the new grid", |p| p.cols() == usize::from(cols))
            .await;
    }
    let events = scene.live.events();
    for (at, (_, event)) in events.iter().enumerate() {
        let Event::Text(text) = event else { continue };
        if text["type"] == "size" {
            let next = events[at + 1..].iter().find_map(|(_, event)| match event {
                Event::Binary(bytes) => Some(bytes),
                _ => None,
            });
            let next = next.expect("a size is followed by its picture");
            assert!(
                next.starts_with(b"\x1bc"),
                "a new size comes with a repaint: {}",
                scene.live.story()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_terminal_can_join() {
    let scene = Scene::open(80, 24).await;
    let plain = Viewer::listen(
        &scene.service,
        "main",
        Join {
            protocol: None,
            acks: false,
            ..Join::driver(80, 24)
        },
    )
    .await;
    plain.opened().await;
    // Text messages are input as well.
    plain.send(tokio_tungstenite::tungstenite::Message::text(
        "echo typed as $((40+2))\r",
    ));
    scene
        .live
        .shows("the echo", |p| p.contains("typed as 42"))
        .await;
    let events = plain.events();
    assert!(
        events
            .iter()
            .all(|(_, event)| matches!(event, Event::Binary(_))),
        "{}",
        plain.story()
    );
}
