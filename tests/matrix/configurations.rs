//! Configurations like those people publish (`configs/*.conf`): viewers see what a bare attach shows,
//! cell for cell, and a person at a terminal beside them finds tmux as it was.
//!
//! To add one, put its file there and its name into the list. It must be one that every version
//! accepts: with `-q`, `%if` or `if-shell`, as people write them.

use crate::figures::{Column, count};
use crate::harness::{Depth, depth};
use crate::support::{BareAttach, Scene, Tmux, until};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

macro_rules! configurations {
    ($($name:ident),* $(,)?) => {
        scenarios![$($name,)* every_configuration_is_run];

        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(async fn $name() {
            with_configuration(stringify!($name)).await;
        })*
    };
}

configurations![
    five_lines,
    hooks,
    kiosk,
    like_screen,
    line_drawing,
    many_terminals,
    panes_that_stay,
    plugins,
    powerline,
    titles_and_alerts,
    true_colour,
    vi_and_mouse,
];

async fn every_configuration_is_run() {
    let found = std::fs::read_dir(folder()).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().to_owned()
    });
    let mut found: Vec<String> = found.collect();
    found.sort_unstable();
    assert_eq!(found, NAMES);
}

/// A plugin manager as far as a plugin manager runs: commands of tmux, given by a script.
const PLUGIN_MANAGER: &str = r#"#!/bin/sh
tmux set-option -g @plugin-manager "$HOME/.tmux/plugins/tpm"
tmux bind-key I display-message "installed"
tmux bind-key U display-message "updated"
right=$(tmux show-option -gqv status-right)
tmux set-option -g status-right "$(echo "$right" | sed 's/#{prefix_highlight}/#{?client_prefix,#[reverse]P#[default],-}/')"
tmux set-option -gq history-limit 50000
tmux list-keys >/dev/null
"#;

/// Many colours and attributes, some wide cells, then a row of its own.
const PAGE: &str = "\x1b[1;31mbold\x1b[m \x1b[3;4mitalic\x1b[m \x1b[4:3;58:5:9mcurly\x1b[m \x1b[7minverse\x1b[m \
    \x1b[38;5;208m256\x1b[m \x1b[38;2;80;160;240mtrue\x1b[m \x1b[9mstruck\x1b[m \x1b[53mover\x1b[m\r\n\
    漢字 e\u{301} é ─│┌┐ \u{e0b0} ✓ ± \x1b(0lqqk x\x1b(B\r\n\
    \x1b[44mblue to the end\x1b[K\x1b[m\r\n\x1b[42m\x1b[2Kgreen\x1b[m\r\nPAGE\r\n";

async fn with_configuration(name: &str) {
    let tmux = Tmux::with_config(folder().join(format!("{name}.conf")));
    install(&tmux, ".tmux/plugins/tpm/tpm", PLUGIN_MANAGER);
    install(
        &tmux,
        ".tmux/plugins/continuum/save",
        "#!/bin/sh\necho saved\n",
    );
    let person = BareAttach::start(&tmux, 80, 24);
    until("the session", async || {
        let there = tmux.try_cmd(&["has-session", "-t", "main"]);
        if there.status.success() && tmux.clients().len() == 1 {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&there.stderr).into_owned())
        }
    })
    .await;
    // Errors of a configuration are shown in a mode of the first pane.
    let shown = tmux.cmd(&["capture-pane", "-p", "-t", "main:"]);
    assert_eq!(tmux.format("main:", "#{pane_in_mode}"), "0", "{shown}");

    // Names that change by themselves half a second later would make pictures that never rest.
    tmux.cmd(&["set-option", "-wg", "automatic-rename", "off"]);

    let before = found_by_a_person(&tmux, &person);
    let mut scene = Scene::around(tmux, 80, 24).await;
    undisturbed(
        "with a viewer",
        &before,
        &found_by_a_person(&scene.tmux, &person),
    );

    scenes(&mut scene).await;

    // What was done in the scenes is not undone; but no option, hook or variable is another.
    let lasting = |facts: &Facts| -> Facts {
        let lasting = facts.iter().filter(|(what, _)| what.starts_with("show-"));
        lasting
            .map(|(what, found)| (*what, found.clone()))
            .collect()
    };
    let before = lasting(&before);
    undisturbed(
        "after all scenes",
        &before,
        &lasting(&found_by_a_person(&scene.tmux, &person)),
    );
    assert_eq!(scene.service.terminate().await, Some(0));
    undisturbed(
        "without muxview",
        &before,
        &lasting(&found_by_a_person(&scene.tmux, &person)),
    );
}

async fn scenes(scene: &mut Scene) {
    let main = "main:";
    let page = scene.tmux.file("page", PAGE);
    scene.run(&format!("clear; cat {page}")).await;
    scene.same("a page", |p| p.contains("PAGE\n")).await;

    scene
        .tmux
        .cmd(&["split-window", "-h", "-t", main, "exec sh"]);
    scene.shell().await;
    scene.run("seq 1 60").await;
    scene.same("a split", |p| p.contains("60")).await;

    let inside = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[44mfull screen\x1b[K\x1b[3;4H\x1b[mhere";
    let path = scene.tmux.file("inside", inside);
    let program =
        format!("cat {path}; tmux wait-for -S drawn; read -r _; printf '\\033[?1049l\\033[?25h'");
    scene.tmux.enter(main, &program);
    scene.tmux.wait_for("drawn").await;
    scene
        .same("a full-screen program", |p| p.contains("full screen"))
        .await;
    scene.tmux.keys(main, &["Enter"]);
    scene.shell().await;

    scene.tmux.cmd(&["copy-mode", "-t", main]);
    scene.tmux.cmd(&["send-keys", "-t", main, "-X", "page-up"]);
    scene
        .tmux
        .cmd(&["send-keys", "-t", main, "-X", "begin-selection"]);
    scene
        .tmux
        .cmd(&["send-keys", "-t", main, "-N", "3", "-X", "cursor-up"]);
    scene.same("copy mode", |p| p.contains("/")).await;
    scene.tmux.cmd(&["send-keys", "-t", main, "-X", "cancel"]);

    // A window by the viewer's own keys.
    scene
        .live
        .input(key(&scene.tmux.cmd(&["show-options", "-gv", "prefix"])));
    // A message of its own: with the next byte it would be taken as pasted.
    scene.live.input(&b"c"[..]);
    until("another window", async || {
        match scene.tmux.format(main, "#{session_windows}").as_str() {
            "2" => Ok(()),
            other => Err(format!("{other} windows\n{}", scene.live.story())),
        }
    })
    .await;
    scene.shell().await;
    // A border that names the pane's command is not drawn anew when that changes: each client shows what
    // ran when it was drawn.
    for client in scene
        .tmux
        .cmd(&["list-clients", "-F", "#{client_tty}"])
        .lines()
    {
        scene.tmux.cmd(&["refresh-client", "-t", client]);
    }
    scene.same("another window", |_| true).await;

    if depth() > Depth::Short {
        scene.tmux.cmd(&["choose-tree", "-t", main]);
        scene.same("choose-tree", |p| p.contains("(0)")).await;
        scene.tmux.keys(main, &["q"]);
        scene.same("choose-tree left", |p| !p.contains("(0)")).await;
        scene.tmux.cmd(&["last-window", "-t", main]);
        scene.tmux.cmd(&["resize-pane", "-t", main, "-Z"]);
        scene.same("zoomed", |_| true).await;
        scene.tmux.cmd(&["resize-pane", "-t", main, "-Z"]);
        scene.tmux.enter(main, "exit");
        scene
            .same("a pane that ended", |p| p.contains("PAGE"))
            .await;
    }
    scene.resize(70, 20).await;
    scene.same("resized", |_| true).await;
}

type Facts = BTreeMap<&'static str, String>;

/// All that tmux tells of options, hooks, variables, windows, panes, buffers and the person's client.
/// That muxview's client is attached is no secret: it counts in `session_attached` and is listed.
fn found_by_a_person(tmux: &Tmux, person: &BareAttach) -> Facts {
    let mut facts = Facts::new();
    for (what, command) in [
        ("show-options -s", &["show-options", "-s"][..]),
        ("show-options -g", &["show-options", "-g"]),
        ("show-options -w", &["show-window-options", "-g"]),
        (
            "show-options of the session",
            &["show-options", "-t", "main"],
        ),
        ("show-hooks", &["show-hooks", "-g"]),
        ("show-hooks of the session", &["show-hooks", "-t", "main"]),
        ("show-environment -g", &["show-environment", "-g"]),
        ("show-environment", &["show-environment", "-t", "main"]),
        ("list-keys", &["list-keys"]),
        ("list-buffers", &["list-buffers"]),
        (
            "list-windows",
            &[
                "list-windows",
                "-a",
                "-F",
                "#{window_id} #{window_layout} #{window_flags} #{window_width}x#{window_height} #{window_bigger}",
            ],
        ),
        (
            "list-panes",
            &[
                "list-panes",
                "-a",
                "-F",
                "#{pane_id} #{pane_active} #{pane_width}x#{pane_height} #{pane_in_mode} #{pane_marked}",
            ],
        ),
    ] {
        let said = tmux.cmd(command);
        // What hooks and plugins of the configuration itself note down is theirs.
        let kept = said.lines().filter(|line| !line.starts_with('@'));
        facts.insert(what, kept.collect::<Vec<_>>().join("\n"));
    }
    let format = "#{client_tty} #{client_flags} #{client_width}x#{client_height} #{client_session} \
                  #{client_key_table} #{client_termfeatures} #{client_termname}";
    let clients = tmux.cmd(&["list-clients", "-F", format]);
    let tty = format!("{} ", person.tty());
    let own = clients.lines().find(|line| line.starts_with(&tty));
    facts.insert("the person's client", own.expect("is listed").to_owned());
    facts
}

fn undisturbed(when: &str, before: &Facts, now: &Facts) {
    let same = before
        .iter()
        .filter(|(what, found)| now.get(*what) == Some(found));
    count(Column::Neutrality, same.count() as u64, before.len() as u64);
    for (what, found) in before {
        assert_eq!(now.get(what), Some(found), "{when}, {what} differs");
    }
}

/// The bytes of a key by tmux's name, as far as the configurations use it as a prefix.
fn key(name: &str) -> Vec<u8> {
    match name.as_bytes() {
        b"C-Space" => vec![0],
        [b'C', b'-', letter] => vec![letter & 0x1f],
        [b'M', b'-', letter] => vec![0x1b, *letter],
        &[sign] => vec![sign],
        _ => panic!("{name} is no key known here"),
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/matrix/configs")
}

/// An executable in the test's home.
fn install(tmux: &Tmux, path: &str, script: &str) {
    let path = tmux.dir().join(path);
    std::fs::create_dir_all(path.parent().expect("it is in the home")).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
