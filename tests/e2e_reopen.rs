//! Reopening at random moments while a program repaints without pause: every first picture is
//! complete and unmixed.

mod support;

use std::time::Duration;
use support::{Join, Scene, Viewer, soak};

/// Two full screens in turn, as fast as tmux shows them. What tmux itself would tear proves nothing,
/// so each is one sequence, a clear under a background (3.3a does not know synchronised updates of
/// programs, and the kernel may hand it half of anything longer), and the next waits for tmux's answer
/// to a query (tmux drops output once 15 KB for one client are due in one go). To the client each is
/// 2 KB.
const PAINTER: &str = "stty raw -echo; printf '\\033[?25l'; while :; do
printf '\\033[41m\\033[2J\\033[5n'; dd bs=1 count=4 >/dev/null 2>&1
printf '\\033[42m\\033[2J\\033[5n'; dd bs=1 count=4 >/dev/null 2>&1
done\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_first_picture_is_whole() {
    let scene = Scene::open(80, 24).await;
    scene.tmux.cmd(&["set-option", "-g", "status", "off"]);
    let path = scene.tmux.file("painter.sh", PAINTER);
    scene.tmux.enter("main:", &format!("exec sh {path}"));
    scene
        .live
        .shows("the painter", |p| !p.cells[0][0].style.is_empty())
        .await;
    drop(scene.live);

    let mut seed = 88_172_645_463_325_252_u64;
    let mut seen = [0_u32; 2];
    for round in 0..soak(200, 1000) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        tokio::time::sleep(Duration::from_micros(seed % 25_000)).await; // the moment is the point
        let join = Join {
            spectator: true,
            ..Join::driver(80, 24)
        };
        let viewer = Viewer::listen(&scene.service, "main", join).await;
        let first = viewer.opened().await;
        drop(viewer);
        let term = scene.xterm.terminal(80, 24);
        term.write(&first);
        let picture = term.picture().await;
        term.dispose();
        let corner = &picture.cells[0][0].style;
        assert!(
            ["bg=1", "bg=2"].contains(&&**corner),
            "round {round}: {corner:?}"
        );
        seen[usize::from(&**corner == "bg=2")] += 1;
        for (row, cells) in picture.cells.iter().enumerate() {
            let mixed = cells
                .iter()
                .position(|cell| cell.style != *corner || cell.text != " ");
            assert!(
                mixed.is_none(),
                "round {round}: row {row}, column {mixed:?} is {cells:?}, the corner {corner}"
            );
        }
    }
    assert!(
        seen[0] > 0 && seen[1] > 0,
        "both screens were met: {seen:?}"
    );
}
