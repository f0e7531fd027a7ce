//! Input arrives whole, in order, and exactly as a bare `tmux attach` would deliver it.

use crate::harness::at_least;
use crate::pane_input::PaneInput;
use crate::support;
use crate::support::Tmux;
use crate::support::{BareAttach, Event, Join, PATIENCE, Scene, Viewer, attach, soak, until};
use crate::watcher::{Bench, driver};
use bytes::Bytes;
use muxview::terminal::Size;
use std::path::PathBuf;
use tokio_tungstenite::tungstenite::Message;

scenarios![
    a_mebibyte_of_text_and_controls.normal(),
    characters_split_over_messages,
    characters_split_over_messages_that_are_far_apart,
    nothing_of_ours_is_typed,
    arbitrary_bytes_as_from_a_bare_attach,
    pastes_with_and_without_brackets,
    drivers_type_in_turn_and_spectators_not_at_all,
    nothing_a_spectator_sends_reaches_tmux.normal(),
];

/// Starts a program in a session that writes what it reads, as it comes, into a file.
async fn collect(scene: &Scene, session: &str, name: &str) -> PathBuf {
    let path = scene.tmux.dir().join(name);
    let line = format!(
        "stty raw -echo; tmux wait-for -S ready; exec cat > {}",
        path.display()
    );
    scene.tmux.enter(&format!("{session}:"), &line);
    scene.tmux.wait_for("ready").await;
    until("cat to run", async || {
        let command = scene
            .tmux
            .format(&format!("{session}:"), "#{pane_current_command}");
        if command == "cat" {
            Ok(())
        } else {
            Err(command)
        }
    })
    .await;
    path
}

const END: &[u8] = b"<<the end>>";

async fn collected(path: &PathBuf) -> Vec<u8> {
    let mut last = (0, std::time::Instant::now());
    loop {
        let bytes = std::fs::read(path).unwrap_or_default();
        if let Some(content) = bytes.strip_suffix(END) {
            return content.to_vec();
        }
        if bytes.len() != last.0 {
            last = (bytes.len(), std::time::Instant::now());
        }
        assert!(
            last.1.elapsed() < PATIENCE,
            "only {} bytes came, then nothing",
            bytes.len()
        );
        tokio::time::sleep(support::LOOK_AGAIN).await;
    }
}

fn random(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

/// UTF-8 of every length and every control byte but ESC, which starts keys that tmux rewrites.
fn text_and_controls(length: usize) -> Vec<u8> {
    let mut seed = 42_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut out = Vec::with_capacity(length + 4);
    let mut buffer = [0; 4];
    while out.len() < length {
        let roll = random(&mut seed);
        let char = match roll % 8 {
            0 => char::from(u8::try_from(roll >> 8 & 0x1f).unwrap()),
            1..=4 => char::from(u8::try_from(0x20 + (roll >> 8) % 0x5f).unwrap()),
            5 => ['é', 'ß', 'Я', 'ñ', '\u{7f}'][(roll >> 8) as usize % 5],
            6 => ['漢', '→', '€', '字'][(roll >> 8) as usize % 4],
            _ => ['\u{1f600}', '\u{1f44d}'][(roll >> 8) as usize % 2],
        };
        if char != '\x1b' {
            out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
        }
    }
    out
}

fn first_difference(seen: &[u8], meant: &[u8]) -> String {
    let at = seen
        .iter()
        .zip(meant)
        .position(|(a, b)| a != b)
        .unwrap_or(seen.len().min(meant.len()));
    let around = |bytes: &[u8]| {
        bytes[at.saturating_sub(10).min(bytes.len())..(at + 20).min(bytes.len())]
            .escape_ascii()
            .to_string()
    };
    format!(
        "{} bytes, meant {}; at {at}: {} meant {}",
        seen.len(),
        meant.len(),
        around(seen),
        around(meant)
    )
}

async fn a_mebibyte_of_text_and_controls() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "prefix", "None"]);
    let path = collect(&scene, "main", "collected").await;
    let meant = text_and_controls(1 << 20);
    // Cut anywhere, characters included.
    let mut seed = 7;
    let mut rest = &meant[..];
    while !rest.is_empty() {
        let most = if random(&mut seed).is_multiple_of(4) {
            64 * 1024
        } else {
            3000
        };
        let cut = (random(&mut seed) as usize % most + 1).min(rest.len());
        scene.live.input(Bytes::copy_from_slice(&rest[..cut]));
        rest = &rest[cut..];
    }
    scene.live.input(END);
    let seen = collected(&path).await;
    assert!(seen == meant, "{}", first_difference(&seen, &meant));
    assert!(scene.live.is_open());
}

async fn characters_split_over_messages() {
    let scene = Scene::open(80, 24).await;
    let path = collect(&scene, "main", "collected").await;
    let text = "漢é\u{1f600}€→x\u{1f468}\u{200d}\u{1f469}".repeat(20);
    for byte in text.as_bytes() {
        scene.live.input(vec![*byte]);
    }
    scene.live.input(END);
    let seen = collected(&path).await;
    assert!(
        seen == text.as_bytes(),
        "{}",
        first_difference(&seen, text.as_bytes())
    );
}

async fn characters_split_over_messages_that_are_far_apart() {
    for escape_time in ["0", "10", "500"] {
        let tmux = Tmux::start(80, 24);
        tmux.cmd(&["set-option", "-g", "escape-time", escape_time]);
        let bench = Bench::new(&tmux).await;
        let mut pane = PaneInput::of(&tmux, "main").await;
        let mut watcher = bench.watch("main", driver(80, 24)).await;
        watcher.shows("ready").await;
        let driver = watcher.driver();
        for text in ["é", "漢", "\u{1f600}"] {
            for byte in text.as_bytes() {
                driver
                    .input(Bytes::copy_from_slice(&[*byte]))
                    .await
                    .unwrap();
                // Many times as long as the shortest time that tmux waits for the rest.
                for _ in 0..20 {
                    tmux.format("main:", "#{pid}");
                }
            }
            pane.reads(text.as_bytes()).await;
        }
    }
}

/// Whatever tmux asks our terminal: the answers reach tmux and no program.
async fn nothing_of_ours_is_typed() {
    let tmux = Tmux::start(80, 24);
    let bench = Bench::new(&tmux).await;
    let mut pane = PaneInput::of(&tmux, "main").await;
    let mut watcher = bench.watch("main", driver(80, 24)).await;
    watcher.shows("ready").await;
    for round in 0..5u16 {
        let before = watcher.published().expect("shown").generation.0;
        let size = Size {
            cols: 80 + round,
            rows: 24,
        };
        watcher.driver().resize(size);
        watcher.types("a").await;
        pane.reads(b"a").await;
        tmux.cmd(&["detach-client", "-s", "main"]);
        watcher
            .follow("the picture of a new client", |watcher| {
                watcher.published().expect("shown").generation.0 > before + 64
            })
            .await;
        watcher.types("c").await;
        pane.reads(b"c").await;
    }
}

async fn arbitrary_bytes_as_from_a_bare_attach() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "prefix", "None"]);
    scene.tmux.session("bare", 80, 24);
    let options = attach::Options {
        read_only: false,
        ignore_size: true,
        xterm: None,
        record: false,
        listener: None,
    };
    let mut bare = BareAttach::open(&scene.tmux, "bare", 80, 24, options);
    until("the bare client", async || {
        let clients = scene.tmux.clients();
        if clients.len() == 3 {
            Ok(())
        } else {
            Err(format!("{clients:?}"))
        }
    })
    .await;
    let through_us = collect(&scene, "main", "through-us").await;
    let through_bare = collect(&scene, "bare", "through-bare").await;
    let mut seed = 99_991;
    for _ in 0..soak(200, 2000) {
        let length = random(&mut seed) as usize % 400 + 1;
        let mut chunk: Vec<u8> = (0..length)
            .map(|_| (random(&mut seed) >> 16) as u8)
            .collect();
        // ESC and what follows it are keys or replies of a terminal to tmux; a few known ones.
        for byte in &mut chunk {
            if *byte == 0x1b {
                *byte = b'e';
            }
        }
        chunk.extend_from_slice(
            [
                &b"\x1b[A"[..],
                b"\x1bOB",
                b"\x1b[1;5C",
                b"\x1bx",
                b"\x1b[3~",
                b"\x1b[Z",
            ][length % 6],
        );
        scene.live.input(chunk.clone());
        bare.write(&chunk);
    }
    scene.live.input(END);
    bare.write(END);
    let meant = collected(&through_bare).await;
    let seen = collected(&through_us).await;
    assert!(seen == meant, "{}", first_difference(&seen, &meant));
}

async fn pastes_with_and_without_brackets() {
    let scene = Scene::open(80, 24).await;
    // What a page sends for a paste depends on the mode its terminal was told.
    scene
        .run("clear; printf '\\033[?2004h'; echo BRACKETS")
        .await;
    let on = scene
        .same("bracketed paste on", |p| p.contains("BRACKETS\n"))
        .await;
    assert_eq!(on.modes["bracketed_paste"], true);
    let path = collect(&scene, "main", "bracketed").await;
    let paste = [
        &b"\x1b[200~"[..],
        "pasted\rtwo lines 漢\r".as_bytes(),
        b"\x1b[201~",
    ]
    .concat();
    scene.live.input(paste.clone());
    scene.live.input(END);
    assert_eq!(collected(&path).await, paste);
    drop(scene);

    let scene = Scene::open(80, 24).await;
    scene.run("clear; printf '\\033[?2004l'; echo PLAIN").await;
    let off = scene
        .same("bracketed paste off", |p| p.contains("PLAIN\n"))
        .await;
    let path = collect(&scene, "main", "plain").await;
    // From 3.4 on tmux asks its own terminal for brackets in any case, and takes them off for a program
    // that did not ask.
    let always = at_least(3, 4);
    assert_eq!(off.modes["bracketed_paste"], always);
    if always {
        scene.live.input(paste);
    } else {
        scene.live.input("pasted\rtwo lines 漢\r".as_bytes());
    }
    scene.live.input(END);
    assert_eq!(collected(&path).await, "pasted\rtwo lines 漢\r".as_bytes());
}

async fn drivers_type_in_turn_and_spectators_not_at_all() {
    let scene = Scene::open(80, 24).await;
    let second = Viewer::join(&scene.service, &scene.xterm, "main", Join::driver(80, 24)).await;
    let spectator = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    second.opened().await;
    spectator.opened().await;
    scene.live.input("echo one".as_bytes());
    scene
        .live
        .shows("the echo", |p| p.contains("echo one"))
        .await;
    spectator.input("NEVER".as_bytes());
    spectator.say(&serde_json::json!({"type": "ping", "id": 5}));
    assert_eq!(spectator.text("pong").await["id"], 5);
    second.input(" two\r".as_bytes());
    let picture = spectator.shows("both", |p| p.contains("one two\n")).await;
    assert!(!picture.contains("NEVER"), "{}", picture.text());
    assert!(
        spectator.is_open(),
        "input of a spectator is ignored, not punished"
    );
}

/// What a page says, with whatever in it; a half of it is what a driver's page would say.
fn said(seed: &mut u64, windows: &[String]) -> String {
    fn one<'a>(seed: &mut u64, of: &[&'a str]) -> &'a str {
        of[random(seed) as usize % of.len()]
    }
    let kind = one(
        seed,
        &[
            "resize", "ack", "visible", "repaint", "ping", "window", "input", "type", "paste",
        ],
    );
    let act = one(
        seed,
        &["select", "new", "close", "zoom", "scroll", "kill", ""],
    );
    let window = &windows[random(seed) as usize % windows.len()];
    let id = one(seed, &[window, "@0", "@99", "$0", "7", "#(touch x)"]);
    let (cols, rows) = (random(seed) % 300, random(seed) % 100);
    let lines = random(seed) as i8;
    let text = serde_json::json!({
        "type": kind, "do": act, "id": id, "cols": cols, "rows": rows, "lines": lines,
        "bytes": random(seed) % 100_000, "visible": random(seed).is_multiple_of(2),
        "data": "echo typed\r", "text": "echo typed\r", "role": "drive",
    });
    let mut text = text.to_string();
    if random(seed).is_multiple_of(4) {
        // Some of it no JSON any more.
        text.truncate(random(seed) as usize % text.len());
    }
    text
}

/// One random message of someone who may only watch.
fn message(seed: &mut u64, windows: &[String]) -> Message {
    match random(seed) % 8 {
        0 => Message::binary(b"echo typed\r".to_vec()),
        1 => {
            let length = random(seed) as usize % 300;
            Message::binary((0..length).map(|_| random(seed) as u8).collect::<Vec<_>>())
        }
        2 => Message::Pong(random(seed).to_be_bytes().to_vec().into()),
        _ => Message::text(said(seed, windows)),
    }
}

async fn nothing_a_spectator_sends_reaches_tmux() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["new-window", "-d", "-t", "main:", "cat"]);
    let path = collect(&scene, "main", "collected").await;
    let about = || {
        let format = "#{window_id} #{window_active} #{window_width}x#{window_height} \
                      #{window_zoomed_flag} #{pane_in_mode} #{window_panes}";
        scene
            .tmux
            .cmd(&["list-windows", "-t", "main:", "-F", format])
    };
    let before = about();
    let windows: Vec<String> = before
        .lines()
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect();
    assert_eq!(windows.len(), 2, "{before}");
    let sized = Join {
        size: Some((133, 55)),
        ..Join::spectator()
    };
    let bare = Join {
        protocol: None,
        ..Join::spectator()
    };
    let mut seed = 11;
    for join in [sized, bare] {
        let speaks = join.protocol.is_some();
        let viewer = Viewer::join(&scene.service, &scene.xterm, "main", join).await;
        viewer.opened().await;
        // One of each kind as a driver's page would send it, then whatever comes.
        for act in ["select", "close", "zoom", "new"] {
            viewer.say(&serde_json::json!({"type": "window", "do": act, "id": windows[1]}));
        }
        viewer.say(&serde_json::json!({"type": "window", "do": "scroll", "lines": -3}));
        viewer.say(&serde_json::json!({"type": "resize", "cols": 40, "rows": 10}));
        viewer.send(Message::text("echo typed\r"));
        for _ in 0..10_000 {
            viewer.send(message(&mut seed, &windows));
        }
        // Once this is answered, all before it was heard.
        if speaks {
            viewer.say(&serde_json::json!({"type": "ping", "id": "the last"}));
            viewer
                .wait("the last pong", |events| {
                    let last = |event: &Event| match event {
                        Event::Text(text) => text["type"] == "pong" && text["id"] == "the last",
                        _ => false,
                    };
                    events.iter().any(|(_, event)| last(event)).then_some(())
                })
                .await;
        } else {
            viewer.send(Message::Close(None));
            viewer.closed().await;
        }
        assert_eq!(about(), before);
    }
    scene.live.input(END);
    let seen = collected(&path).await;
    assert!(seen.is_empty(), "{}", seen.escape_ascii());
    assert_eq!(about(), before);
    scene.live_same("the end", |_| true).await;
}
