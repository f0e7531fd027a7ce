//! Reopening at random moments while a program repaints without pause: every first picture is
//! complete and unmixed.

mod support;

use std::fmt::Write as _;
use std::time::Duration;
use support::{Join, Scene, Viewer, soak};

/// Two full screens in turn, each in one synchronised write of the program.
fn painter(rows: usize, cols: usize) -> String {
    let screen = |letter: char, color: u8| {
        let mut out = String::from("\\033[?2026h");
        for row in 1..=rows {
            let _ = write!(
                out,
                "\\033[{row};1H\\033[4{color}m{}",
                letter.to_string().repeat(cols)
            );
        }
        out + "\\033[m\\033[?2026l"
    };
    // The marker in the last row tells the test that it runs.
    format!(
        "printf '\\033[?25l\\033[2J'\nwhile :; do\nprintf '{}'\nprintf '{}'\ndone\n",
        screen('A', 1),
        screen('B', 2)
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_first_picture_is_whole() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "status", "off"]);
    let path = scene.tmux.file("painter.sh", painter(24, 80));
    scene.tmux.enter("main:", &format!("exec sh {path}"));
    let painted =
        |p: &support::Picture| p.line(23).starts_with("AAAA") || p.line(23).starts_with("BBBB");
    scene.live.shows("the painter", painted).await;
    drop(scene.live);

    let mut seed = 88_172_645_463_325_252_u64;
    let mut seen = [0_u32; 2];
    for round in 0..soak(200, 1000) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        tokio::time::sleep(Duration::from_micros(seed % 25_000)).await; // the moment is the point
        let viewer = Viewer::listen(
            &scene.service,
            "main",
            Join {
                spectator: true,
                ..Join::driver(80, 24)
            },
        )
        .await;
        let first = viewer.opened().await;
        drop(viewer);
        let term = scene.xterm.terminal(80, 24);
        term.write(&first);
        let picture = term.picture().await;
        term.dispose();
        let first = picture.cells[0][0].clone();
        assert!(
            first.text == "A" || first.text == "B",
            "round {round}:\n{}",
            picture.text()
        );
        assert_eq!(
            &*first.style,
            if first.text == "A" { "bg=1" } else { "bg=2" },
            "round {round}"
        );
        seen[usize::from(first.text == "B")] += 1;
        for row in &picture.cells {
            for cell in row {
                assert_eq!(*cell, first, "round {round} mixes:\n{}", picture.text());
            }
        }
    }
    assert!(
        seen[0] > 0 && seen[1] > 0,
        "both screens were met: {seen:?}"
    );
}
