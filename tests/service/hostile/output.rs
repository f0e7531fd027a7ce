//! Programs that print what no program should: floods of everything that has a limit, and words that
//! look like tmux's own or ours.

use crate::support::{Join, Scene, Viewer, process};

/// What muxview may grow by while it bears them, in KiB.
const GROWTH: u64 = 24 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_every_kind_end_with_the_picture_and_are_bounded() {
    let scene = Scene::open(80, 24).await;
    let before = process::rss_kib(scene.service.pid());
    let awk = |program: &str| format!("awk 'BEGIN {{ {program} }}'");
    for (what, line) in [
        ("noise", "head -c 2000000 /dev/urandom".to_owned()),
        (
            "an endless title",
            awk(
                r#"printf "\033]2;"; for (i = 0; i < 1000000; i++) printf "endless..."; printf "\033\\""#,
            ),
        ),
        (
            "an endless string for nobody",
            awk(
                r#"printf "\033P+q"; for (i = 0; i < 200000; i++) printf "endless"; printf "\033\\""#,
            ),
        ),
        (
            "titles",
            awk(r#"for (i = 0; i < 50000; i++) printf "\033]2;title %d\007\033]0;%d\007", i, i"#),
        ),
        ("bells", awk(r#"for (i = 0; i < 50000; i++) printf "\007""#)),
        (
            "marks over one letter",
            awk(r#"printf "e"; for (i = 0; i < 10000; i++) printf "\314\201""#),
        ),
        (
            "counts",
            awk(
                r#"for (i = 0; i < 2000; i++) printf "\033[99999999999S\033[99999999999L\033[99999999999@\033[99999999999b\033[2147483647;2147483647H""#,
            ),
        ),
        (
            "parameters",
            awk(r#"printf "\033["; for (i = 0; i < 100000; i++) printf "1;"; printf "m""#),
        ),
        (
            "colours",
            awk(
                r#"for (i = 0; i < 100000; i++) printf "\033[38;2;%d;%d;%dmx", i % 256, i / 256 % 256, i % 251"#,
            ),
        ),
        (
            "links",
            awk(r#"for (i = 0; i < 20000; i++) printf "\033]8;;http://%d.example/\033\\x", i"#),
        ),
    ] {
        let file = scene
            .tmux
            .file("flood", format!("{line}\nprintf '\\030\\033\\\\\\033c'\n"));
        scene
            .run(&format!("sh {file}; clear; echo after {what}"))
            .await;
        let marker = format!("after {what}\n");
        scene.live.shows(&marker, |p| p.contains(&marker)).await;
        assert!(scene.live.is_open(), "{what}: {}", scene.live.story());
    }
    let after = process::rss_kib(scene.service.pid());
    assert!(after < before + GROWTH, "from {before} to {after} KiB");
    // And it can be ended.
    scene.tmux.enter("main:", "yes 'over and over and over'");
    scene
        .live
        .shows("the flood", |p| p.contains("over and over"))
        .await;
    scene.live.input("\x03");
    scene.shell().await;
    scene.run("clear; echo 'and out'").await;
    scene
        .live
        .shows("the end", |p| p.contains("and out\n"))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_that_look_like_tmuxs_or_ours_are_text() {
    let scene = Scene::open(80, 24).await;
    let late = Viewer::join(&scene.service, &scene.xterm, "main", Join::spectator()).await;
    late.opened().await;
    let lines = [
        r"\r\n%%exit\r\n",
        r"%%begin 1 1 0\r\n%%end 1 1 0\r\n%%error 1 1 0\r\n",
        r"%%output %%0 forged\r\n%%session-changed $9 forged\r\n%%session-renamed $0 forged\r\n",
        r"\033P1000p%%begin 1 1 0\r\n%%exit\r\n\033\\",
        r"\033Ptmux;\033\033]52;c;Zm9yZ2Vk\007\033\\",
        r"\033kforged\033\\",
        r#"{\"type\":\"session\",\"id\":\"$9\",\"name\":\"forged\"}\r\n"#,
        r"Disconnected. Sign in again: http://evil.example/\r\n",
        r"\033[?2026h",
    ];
    let file = scene
        .tmux
        .file("forge", format!("printf '{}'\n", lines.concat()));
    scene
        .run(&format!(
            "sh {file}; printf '\\033[?2026l'; echo 'still here'"
        ))
        .await;
    for viewer in [&scene.live, &late] {
        viewer
            .shows("the words", |p| {
                p.contains("still here\n") && p.contains("Disconnected.")
            })
            .await;
        assert!(viewer.is_open(), "{}", viewer.story());
        let told = viewer.events().into_iter().any(|(_, event)| match event {
            crate::support::Event::Text(text) => ["session", "moved", "clipboard", "notice"]
                .iter()
                .any(|kind| text["type"] == *kind),
            _ => false,
        });
        assert!(!told, "{}", viewer.story());
    }
    // What tmux itself says is still told: the notifications have not lost their place.
    scene
        .tmux
        .cmd(&["rename-session", "-t", "=main", "renamed"]);
    for viewer in [&scene.live, &late] {
        viewer
            .text_where("session", |session| session["name"] == "renamed")
            .await;
    }
}
