//! Cell by cell: what a live viewer and a viewer that joins late see is what a bare `tmux attach`
//! of the same size shows in the same terminal: text, width, every attribute, cursor and modes.
//! Where terminals disagree about a width, tmux's column is right.

use crate::support;
use crate::support::noise::{Dice, noise};
use crate::support::{Scene, Tmux, soak};
use std::fmt::Write as _;
use std::process::Stdio;

scenarios![
    every_attribute_and_color,
    editing_and_regions,
    modes_titles_and_cursor,
    widths_are_those_of_tmux,
    windows_panes_and_overlays,
    popups_menus_and_prompts,
    vim_and_less.normal(),
    resizes,
    a_busy_full_screen_program,
    a_million_lines.normal(),
    random_programs.normal(),
];

/// Clears the screen, prints a file and says so.
async fn show(scene: &Scene, name: &str, content: impl AsRef<[u8]>) {
    let path = scene.tmux.file(name, content);
    scene.run(&format!("clear; cat {path}")).await;
}

fn seen(marker: &str) -> impl Fn(&support::Picture) -> bool {
    let marker = marker.to_owned();
    move |picture| picture.contains(&marker)
}

async fn every_attribute_and_color() {
    let scene = Scene::open(80, 24).await;

    let mut page = String::new();
    for attribute in [1, 2, 3, 4, 5, 7, 8, 9, 21, 53] {
        let _ = write!(
            page,
            "\x1b[{attribute}mword {attribute}\x1b[m \x1b[{attribute};31;44mboth\x1b[m "
        );
    }
    page.push_str("\r\n");
    for style in 0..=5 {
        let _ = write!(page, "\x1b[4:{style}mstyle {style}\x1b[m ");
        let _ = write!(page, "\x1b[4:{style};58:5:{}mindexed\x1b[m ", 9 + style);
        let _ = write!(
            page,
            "\x1b[4:{style};58:2::{}:20:200mtrue\x1b[m\r\n",
            40 * style
        );
    }
    page.push_str("\x1b[1;2mbold and dim\x1b[22m none \x1b[1;3;4;5;7;9;53mall\x1b[23m less\x1b[27m less\x1b[m\r\n");
    page.push_str(
        "\x1b[8;4mhidden underlined\x1b[28m shown\x1b[m \x1b[9;31mstrike\x1b[29m not\x1b[m\r\n",
    );
    page.push_str("END attributes");
    show(&scene, "attributes", page).await;
    scene.same("attributes", seen("END attributes")).await;

    let mut page = String::new();
    for color in (30..=37).chain(90..=97) {
        let _ = write!(
            page,
            "\x1b[{color}m{color}\x1b[{}m{color}\x1b[m",
            color + 10
        );
    }
    page.push_str("\r\n");
    for color in 0..=255 {
        let _ = write!(
            page,
            "\x1b[48;5;{color}m \x1b[38;5;{};48;5;{color}mx\x1b[m",
            255 - color
        );
    }
    page.push_str("\r\n");
    for step in 0..160 {
        let _ = write!(
            page,
            "\x1b[48;2;{};{};{}m\x1b[38:2::{}:9:9m#\x1b[m",
            step,
            255 - step,
            77,
            255 - step
        );
    }
    page.push_str("\r\nEND colors");
    show(&scene, "colors", page).await;
    scene.same("colors", seen("END colors")).await;

    // Backgrounds of what was erased, not printed.
    let mut page = String::new();
    page.push_str("\x1b[44mleft of blue\x1b[K\r\n\x1b[m");
    page.push_str("\x1b[48;2;1;99;3m\x1b[2K\r\n\x1b[48;5;200m\x1b[1Kxx\x1b[5X\x1b[10C\x1b[3@inserted\x1b[m\r\n");
    page.push_str("abcdefghij\x1b[8D\x1b[45m\x1b[3P\x1b[m\r\n");
    page.push_str("\x1b[7m inverse blanks   \x1b[m\x1b[4m underlined blanks   \x1b[m\x1b[9m struck   \x1b[m\r\n");
    page.push_str("\x1b[41m\x1b[L\x1b[mEND erased");
    show(&scene, "erased", page).await;
    scene.same("erased backgrounds", seen("END erased")).await;
}

async fn editing_and_regions() {
    let scene = Scene::open(80, 24).await;
    let numbered: String = (1..=22)
        .map(|n| format!("\x1b[{n};1H\x1b[3{}mline {n} abcdefghijklmnop\x1b[m", n % 8))
        .collect();
    let edits = [
        ("insert lines", "\x1b[5;3H\x1b[3L"),
        ("delete lines", "\x1b[5;3H\x1b[4M"),
        ("insert cells", "\x1b[7;6H\x1b[5@xx"),
        ("delete cells", "\x1b[7;6H\x1b[5P"),
        ("erase cells", "\x1b[8;4H\x1b[6X"),
        (
            "scroll up in a region",
            "\x1b[4;15r\x1b[15;1H\n\n\nnew\x1b[r",
        ),
        (
            "scroll down in a region",
            "\x1b[4;15r\x1b[4;1H\x1bM\x1bMnew\x1b[r",
        ),
        (
            "colored scroll",
            "\x1b[4;15r\x1b[42m\x1b[3S\x1b[2T\x1b[m\x1b[r",
        ),
        ("insert mode", "\x1b[9;3H\x1b[4hinserted\x1b[4l"),
        ("erase to the start", "\x1b[10;12H\x1b[1J"),
        ("erase to the end", "\x1b[10;12H\x1b[J"),
        ("pending wrap", "\x1b[12;75Habcdef"),
        ("cursor in the last column", "\x1b[3;80HX"),
        ("no autowrap", "\x1b[?7l\x1b[13;76Habcdefghi\x1b[?7h"),
        ("tabs and backspaces", "\x1b[14;1Ha\tb\tc\x08\x08d"),
        ("line drawing", "\x1b[15;1H\x1b(0lqqqk x\x1b(B plain"),
        ("hidden cursor", "\x1b[16;4H\x1b[?25l"),
        (
            "wide cell cut",
            "\x1b[17;1H漢字漢字\x1b[17;2Hx\x1b[17;7H\x1b[P",
        ),
        ("wide at the edge", "\x1b[18;79H漢字"),
        ("combining", "\x1b[19;1He\u{301}a\u{308}\u{323} o\u{20d7}"),
        ("alternate screen", "\x1b[?1049hinside\x1b[5;5Hhere"),
    ];
    let waits = "; IFS= read -r _";
    for (number, (what, edit)) in edits.iter().enumerate() {
        let page = format!("\x1b[2J{numbered}{edit}");
        let path = scene.tmux.file("edit", page);
        // The program stays so that no prompt moves the cursor; its title says it has drawn.
        scene.tmux.enter("main:", &format!("cat {path}; tmux wait-for -S drawn{waits}; printf '\\033[?1049l\\033[r\\033[m\\033[?25h'"));
        scene.tmux.wait_for("drawn").await;
        scene
            .same(&format!("{number} {what}"), |picture| {
                !picture.contains("cat /")
            })
            .await;
        scene.tmux.keys("main:", &["Enter"]);
    }
}

async fn modes_titles_and_cursor() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "set-titles", "on"]);
    scene
        .tmux
        .cmd(&["set-option", "-g", "set-titles-string", "#{pane_title}"]);
    let cases = [
        ("title", "\x1b]2;A title: \u{fc}\u{2192}\x07"),
        ("bracketed paste", "\x1b[?2004h"),
        ("application cursor", "\x1b[?1h"),
        ("application keypad", "\x1b="),
        ("mouse buttons", "\x1b[?1000h\x1b[?1006h"),
        ("mouse drags", "\x1b[?1002h"),
        ("mouse motion", "\x1b[?1003h"),
        ("cursor shape 2", "\x1b[2 q"),
        ("cursor shape 3", "\x1b[3 q"),
        ("cursor shape 4", "\x1b[4 q"),
        ("cursor shape 5", "\x1b[5 q"),
        ("cursor shape 6", "\x1b[6 q"),
        ("cursor color", "\x1b]12;#20c0ff\x07"),
        ("cursor color back", "\x1b]112\x07"),
        ("cursor shape back", "\x1b[0 q"),
        (
            "all off",
            "\x1b[?2004l\x1b[?1l\x1b>\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b]2;other\x07",
        ),
        ("no title", "\x1b]2;\x07"),
    ];
    for (what, sequence) in cases {
        show(&scene, "mode", format!("{sequence}MODE {what}.")).await;
        scene.same(what, seen(&format!("MODE {what}."))).await;
    }
    scene.tmux.cmd(&["set-option", "-g", "mouse", "on"]);
    scene.run("echo MOUSE ON").await;
    scene.same("tmux's own mouse", seen("MOUSE ON\n")).await;
    scene.tmux.cmd(&["set-option", "-g", "mouse", "off"]);
    scene.run("echo MOUSE OFF").await;
    scene
        .same("tmux's own mouse off", seen("MOUSE OFF\n"))
        .await;
}

/// Samples of facts §4: widths on which tmux, vt100 and xterm.js disagree.
const SAMPLES: &[&str] = &[
    "\u{1f600}",
    "\u{2764}\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{1f44d}\u{1f3fd}",
    "\u{1f1e9}\u{1f1ea}",
    "漢字",
    "ＡＢ",
    "e\u{301}",
    "\u{b1}\u{2460}\u{25a0}\u{2605}\u{3b1}",
    "a\u{ad}b",
    "\u{3248}",
    "\u{324f}",
    "\u{2630}",
    "\u{268a}",
    "\u{1d300}",
    "\u{17a4}",
    "\u{4dc0}",
    "\u{1fae8}",
    "\u{1f6dc}",
    "\u{26a1}",
    "\u{2705}",
    "\u{2614}",
    "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
    "\u{231a}\u{fe0e}",
    "\u{0e01}\u{0e33}",
    "\u{1100}\u{1161}\u{11a8}",
    "\u{fe0f}",
    "\u{200b}x",
    "\u{1f9d1}\u{1f3fb}\u{200d}\u{1f33e}",
    "\u{2e3b}",
];

async fn widths_are_those_of_tmux() {
    let scene = Scene::open(80, 24).await;
    for (page, samples) in SAMPLES.chunks(16).enumerate() {
        let mut columns = Vec::new();
        scene.run("clear; PS1=; stty -echo").await;
        for (row, sample) in samples.iter().enumerate() {
            // Each on a row of its own: a wrong width must not hide the next.
            let text = format!(
                "\x1b[{};1H\x1b[K\x1b[32m{sample}\x1b[31m|tail {row}\x1b[m",
                row + 1
            );
            let path = scene.tmux.file("sample", text);
            scene.run(&format!("cat {path}")).await;
            let x: usize = scene.tmux.format("main:", "#{cursor_x}").parse().unwrap();
            columns.push(x - format!("|tail {row}").len());
        }
        let last = samples.len() - 1;
        let live = scene
            .live
            .shows("the samples", |p| p.contains(&format!("|tail {last}")))
            .await;
        let late = support::Viewer::join(
            &scene.service,
            &scene.xterm,
            "main",
            support::Join::driver(80, 24),
        )
        .await;
        late.opened().await;
        let late = late.picture().await;
        for (who, picture) in [("live", &live), ("late", &late)] {
            for (row, sample) in samples.iter().enumerate() {
                let at = picture.cells[row].iter().position(|cell| cell.text == "|");
                assert_eq!(
                    at,
                    Some(columns[row]),
                    "page {page}, {who}: after {} ({sample}) in row {row} {:?}",
                    sample.escape_unicode(),
                    picture.line(row)
                );
                let tail: String = picture.cells[row][columns[row]..]
                    .iter()
                    .map(|c| c.text.as_str())
                    .collect();
                assert_eq!(
                    tail.trim_end(),
                    format!("|tail {row}"),
                    "{who}: {}",
                    sample.escape_unicode()
                );
                if columns[row] > 0 && !sample.starts_with(['\u{fe0f}', '\u{200b}']) {
                    let first = &picture.cells[row][0];
                    assert!(
                        sample.starts_with(first.text.chars().next().unwrap_or(' ')),
                        "{who}: {} shows as {first:?}",
                        sample.escape_unicode()
                    );
                    assert_eq!(&*first.style, "fg=2", "{who}: {}", sample.escape_unicode());
                }
            }
        }
    }
}

async fn windows_panes_and_overlays() {
    let mut scene = Scene::open(80, 24).await;
    let session = "main:";
    scene.run("seq 1 100 | paste -sd' ' | fold -w 70").await;

    scene
        .tmux
        .cmd(&["split-window", "-h", "-t", session, "exec sh"]);
    scene
        .same("split beside", |p| p.line(0).contains('│'))
        .await;
    scene.run("seq 1 200").await;
    scene.same("scrolled beside", |p| p.contains("200")).await;
    scene
        .tmux
        .cmd(&["split-window", "-v", "-t", session, "exec sh"]);
    scene.run("printf '\\033[44mblue\\033[K\\033[m\\n'").await;
    scene.same("split below", |p| p.contains("├")).await;
    scene.tmux.cmd(&["resize-pane", "-t", session, "-L", "11"]);
    scene.same("moved border", |_| true).await;
    scene.tmux.cmd(&["resize-pane", "-t", session, "-Z"]);
    scene.same("zoomed", |p| !p.line(0).contains('│')).await;
    scene.tmux.cmd(&["resize-pane", "-t", session, "-Z"]);
    scene.tmux.cmd(&["select-layout", "-t", session, "tiled"]);
    scene.same("tiled", |p| p.contains("│")).await;
    scene
        .tmux
        .cmd(&["display-panes", "-d", "1", "-t", &scene.referee.tty()]);
    scene.tmux.cmd(&["kill-pane", "-a", "-t", session]);
    scene
        .same("alone again", |p| !p.line(0).contains('│'))
        .await;

    scene.run("clear; seq 1 400").await;
    scene.tmux.cmd(&["copy-mode", "-t", session]);
    scene.same("copy mode", |p| p.line(0).contains("[0/")).await;
    // By commands: keys bound in a mode are refused while a read-only client, the referee, is there.
    for (what, count, command) in [
        ("a page up", "1", "page-up"),
        ("lines up", "7", "cursor-up"),
        ("a selection begun", "1", "begin-selection"),
        ("a selection", "3", "cursor-down"),
        ("a rectangle", "1", "rectangle-toggle"),
        ("to the right", "4", "cursor-right"),
        ("to the top", "1", "history-top"),
        ("half a page down", "1", "halfpage-down"),
    ] {
        scene
            .tmux
            .cmd(&["send-keys", "-t", session, "-N", count, "-X", command]);
        scene.same(&format!("copy mode, {what}"), |_| true).await;
    }
    scene
        .tmux
        .cmd(&["send-keys", "-t", session, "-X", "search-backward", "39"]);
    scene.same("copy mode, search", |_| true).await;
    scene
        .tmux
        .cmd(&["send-keys", "-t", session, "-X", "cancel"]);
    scene
        .same("copy mode left", |p| !p.line(0).contains("["))
        .await;

    scene.tmux.cmd(&["choose-tree", "-t", session]);
    scene.same("choose-tree", |p| p.contains("(0)")).await;
    scene.tmux.keys(session, &["Right"]);
    scene.same("choose-tree open", |_| true).await;
    scene.tmux.keys(session, &["q"]);
    scene.same("choose-tree left", |p| !p.contains("(0)")).await;
    scene.tmux.cmd(&["clock-mode", "-t", session]);
    scene.tmux.keys(session, &["q"]);

    for (what, value, rows) in [("off", "off", 24), ("two lines", "2", 22), ("on", "on", 23)] {
        scene
            .tmux
            .cmd(&["set-option", "-t", "main", "status", value]);
        scene
            .run(&format!("clear; seq 1 {}; echo STATUS", rows - 3))
            .await;
        scene
            .same(&format!("status {what}"), seen("STATUS\n"))
            .await;
    }
    scene
        .tmux
        .cmd(&["set-option", "-t", "main", "status-position", "top"]);
    scene.run("clear; echo STATUS AT THE TOP").await;
    scene.same("status at the top", seen("TOP\n")).await;
    scene.tmux.cmd(&[
        "set-option",
        "-t",
        "main",
        "status-style",
        "bg=#302040,fg=colour208,italics",
    ]);
    scene
        .tmux
        .cmd(&["new-window", "-t", session, "-n", "näxt", "exec sh"]);
    scene.same("another window", seen("näxt")).await;
    scene.tmux.cmd(&["previous-window", "-t", session]);
    scene.same("back", seen("näxt-")).await;
    scene.resize(90, 20).await;
    scene.run("clear; echo SMALLER").await;
    scene.same("resized", seen("SMALLER\n")).await;
}

async fn popups_menus_and_prompts() {
    let scene = Scene::open(80, 24).await;
    scene.run("clear; seq 1 20").await;
    let clients = scene.tmux.clients();
    assert_eq!(
        clients.len(),
        2,
        "muxview's one client and the referee: {clients:?}"
    );
    // They belong to one client each: opened in both, they must look the same in both.
    let both = |arguments: &[&str]| {
        for client in &clients {
            let mut command = scene.tmux.command();
            command.args([
                arguments[0],
                if arguments[0] == "command-prompt" {
                    "-t"
                } else {
                    "-c"
                },
                client,
            ]);
            command
                .args(&arguments[1..])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let _guard = support::process::SPAWN.lock().unwrap();
            std::thread::spawn({
                let mut child = command.spawn().unwrap();
                move || child.wait()
            });
        }
    };
    let popup = scene.tmux.file(
        "popup",
        "\x1b[1;35mIn the popup\x1b[m \x1b[44m漢字\x1b[K\x1b[m\r\nsecond line",
    );
    both(&[
        "display-popup",
        "-w",
        "40",
        "-h",
        "10",
        "-E",
        &format!("cat {popup}; sleep 600"),
    ]);
    let drawn = scene
        .live_same("popup", |p| p.contains("second line"))
        .await;
    assert!(drawn.contains("In the popup"));
    both(&["display-popup", "-C"]);
    scene
        .same("popup closed", |p| !p.contains("second line"))
        .await;

    both(&[
        "display-menu",
        "-T",
        "A menu",
        "-x",
        "C",
        "-y",
        "C",
        "first",
        "f",
        "",
        "",
        "second",
        "s",
        "",
    ]);
    scene.live_same("menu", |p| p.contains("second")).await;
    both(&["display-popup", "-C"]);
}

async fn vim_and_less() {
    let mut scene = Scene::open(80, 24).await;
    let session = "main:";
    let source: String = (1..=300)
        .map(|n| {
            format!("fn number_{n}(x: u32) -> u32 {{ // the {n}th \u{2192} 漢\n    x + {n}\n}}\n")
        })
        .collect();
    let path = scene.tmux.file("source.rs", source);

    if which("vim") {
        scene.tmux.enter(
            session,
            &format!("vim -u NONE -i NONE -N -n --cmd 'set t_Co=256' {path}"),
        );
        scene.same("vim", seen("number_1(")).await;
        scene.tmux.enter(
            session,
            ":syntax on | set number cursorline hlsearch ruler laststatus=2",
        );
        scene
            .same("vim with colors", seen("  1 fn number_1("))
            .await;
        for (what, keys) in [
            ("a page", &["C-f"][..]),
            ("half pages", &["C-d", "C-d", "C-u"]),
            ("lines", &["C-e", "C-e", "C-e", "C-y"]),
            ("an insertion", &["o", "inserted", "Escape"]),
            ("deleted lines", &["3", "d", "d", "u", "2", "d", "d"]),
            ("the end", &["G"]),
        ] {
            scene.tmux.keys(session, keys);
            scene.same(&format!("vim, {what}"), |_| true).await;
        }
        scene.tmux.enter(session, "/number_2");
        scene.same("vim, search", |_| true).await;
        scene.tmux.enter(session, ":vsplit");
        scene.same("vim, split", |p| p.line(3).contains('|')).await;
        scene.resize(100, 30).await;
        scene.same("vim, resized", |p| p.cols() == 100).await;
        scene.tmux.enter(session, ":qa!");
        scene.shell().await;
    }
    scene.run("clear").await;
    if which("less") {
        scene.tmux.enter(session, &format!("less -R {path}"));
        scene.same("less", seen("number_1(")).await;
        for keys in [&["Space"][..], &["b"], &["j", "j", "j"], &["G"], &["g"]] {
            scene.tmux.keys(session, keys);
            scene.same(&format!("less, {keys:?}"), |_| true).await;
        }
        scene.tmux.enter(session, "/number_10");
        scene.same("less, search", seen("number_10")).await;
        scene.tmux.keys(session, &["q"]);
        scene.shell().await;
    }
    scene.run("echo DONE").await;
    scene.same("left", seen("DONE\n")).await;
}

fn which(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).exists()))
}

async fn resizes() {
    let mut scene = Scene::open(80, 24).await;
    scene.run("seq 1 60 | paste -sd' ' ; printf '\\033[42mgreen\\033[K\\033[m\\n'; echo 漢字漢字漢字漢字漢字漢字").await;
    for (cols, rows) in [
        (100, 30),
        (60, 15),
        (61, 15),
        (20, 5),
        (132, 43),
        (2, 2),
        (200, 50),
        (80, 24),
    ] {
        scene.resize(cols, rows).await;
        scene
            .same(&format!("{cols}x{rows}"), |p| {
                (p.cols(), p.rows()) == (usize::from(cols), usize::from(rows))
            })
            .await;
    }
    // Many at once: only the last counts.
    for cols in 40..=90 {
        scene.live.resize(cols, 20);
    }
    scene.resize(90, 22).await;
    scene.run("echo AFTER").await;
    scene
        .same("after a drag", |p| p.cols() == 90 && p.contains("AFTER\n"))
        .await;
}

async fn a_busy_full_screen_program() {
    let scene = Scene::open(80, 24).await;
    let frames = soak(300, 3000);
    let script = format!(
        "printf '\\033[?1049h\\033[?25l'\nn=0\nwhile [ $n -lt {frames} ]; do n=$((n+1))\n\
         r=$((n * 7 % 22 + 1)); c=$((n * 13 % 70 + 1))\n\
         printf '\\033[%d;%dH\\033[38;5;%d;48;5;%dmbox %d\\033[m\\033[%d;%dH\\033[K' $r $c $((n % 256)) $((n * 3 % 256)) $n $((r % 20 + 2)) $((c / 2 + 1))\n\
         [ $((n % 50)) = 0 ] && printf '\\033[5;18r\\033[18;1H\\n\\n\\033[r\\033[3;3H\\033[2L'\n\
         done\nprintf '\\033[24;1HBUSY DONE'\ntmux wait-for -S busy\nIFS= read -r _\nprintf '\\033[?1049l\\033[?25h'\n"
    );
    let path = scene.tmux.file("busy.sh", script);
    scene.tmux.enter("main:", &format!("sh {path}"));
    scene
        .tmux
        .wait_for_within("busy", 6 * support::PATIENCE)
        .await;
    scene.same("busy program", seen("BUSY DONE")).await;
    scene.tmux.keys("main:", &["Enter"]);
    scene.run("echo LEFT").await;
    scene.same("busy program left", seen("LEFT\n")).await;
}

async fn a_million_lines() {
    let scene = Scene::open(80, 24).await;
    scene
        .tmux
        .enter("main:", "seq 1000000; tmux wait-for -S counted");
    scene
        .tmux
        .wait_for_within("counted", 10 * support::PATIENCE)
        .await;
    scene.same("a million lines", seen("1000000\n")).await;
}

async fn random_programs() {
    let tmux = Tmux::start(80, 24);
    let scene = Scene::around(tmux, 80, 24).await;
    scene.run("stty -echo; PS1=").await;
    let seed = std::env::var("MUXVIEW_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_122);
    let mut dice = Dice::new(seed);
    let mut excused = 0;
    let rounds = soak(40, 1000);
    for round in 0..rounds {
        let steps = 40 + dice.roll(300) as usize;
        // Scrolling down under a background leaves blanks in xterm.js that tmux has painted.
        let page = noise(&mut dice, steps, 80, 23, false).replace('T', "S");
        let path = scene.tmux.file(
            "noise",
            format!("{page}\x1b[m\x1b[r\x1b[?7h\x1b[1;1H\x1b[Kround {round}."),
        );
        scene.run(&format!("cat {path}")).await;
        let what = format!("seed {seed}, round {round}");
        let marker = format!("round {round}.");
        if !scene.same_or_drawn_anew(&what, seen(&marker)).await {
            excused += 1;
        }
    }
    println!("{rounds} rounds; in {excused} tmux had to draw anew");
    assert!(
        excused * 10 <= rounds,
        "{excused} of {rounds} rounds proved nothing"
    );
}
