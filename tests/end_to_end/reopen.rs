//! Reopening at random moments while a program repaints without pause: every first picture is
//! complete and unmixed.

use crate::support::picture::Cell;
use crate::support::{Join, Scene, Tmux, Viewer, soak};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Two full screens in turn, as fast as tmux shows them. What tmux itself would tear proves nothing,
/// so each is one sequence, a clear under a background (3.3a does not know synchronised updates of
/// programs, and the kernel may hand it half of anything longer), and the next waits for tmux's answer
/// to a query. To the client each is 2 KB.
const PAINTER: &str = "stty raw -echo; printf '\\033[?25l'; while :; do
printf '\\033[41m\\033[2J\\033[5n'; dd bs=1 count=4 >/dev/null 2>&1
printf '\\033[42m\\033[2J\\033[5n'; dd bs=1 count=4 >/dev/null 2>&1
done\n";

/// Bytes tmux has thrown away for its clients. Once 15 KB are due to one in one go (a busy machine is
/// enough), it drops the rest of a redraw, says that it ended, and draws anew within 100 ms: a picture
/// torn by tmux, and the same in a bare client.
fn discarded(tmux: &Tmux) -> u64 {
    let all = tmux.cmd(&["list-clients", "-F", "#{client_discarded}"]);
    all.lines()
        .filter_map(|line| line.parse::<u64>().ok())
        .sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_first_picture_is_whole() {
    let Scene {
        live,
        referee,
        xterm,
        service,
        tmux,
        ..
    } = Scene::open(80, 24).await;
    drop(referee);
    tmux.cmd(&["set-option", "-g", "status", "off"]);
    let path = tmux.file("painter.sh", PAINTER);
    tmux.enter("main:", &format!("exec sh {path}"));
    live.shows("the painter", |p| !p.cells[0][0].style.is_empty())
        .await;

    let mut seed = 88_172_645_463_325_252_u64;
    let mut seen = [0_u32; 2];
    let (mut clean, mut torn_by_tmux) = (0, 0);
    let mut samples = VecDeque::from([(Instant::now(), discarded(&tmux))]);
    let wanted = soak(200, 1000);
    while clean < wanted {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        tokio::time::sleep(Duration::from_micros(seed % 25_000)).await; // the moment is the point
        let join = Join {
            spectator: true,
            ..Join::driver(80, 24)
        };
        let viewer = Viewer::listen(&service, "main", join).await;
        let first = viewer.opened().await;
        drop(viewer);
        samples.push_back((Instant::now(), discarded(&tmux)));
        while samples.len() > 2 && samples[1].0.elapsed() > Duration::from_millis(500) {
            samples.pop_front();
        }
        let lossy = samples.front().map(|s| s.1) != samples.back().map(|s| s.1);

        let term = xterm.terminal(80, 24);
        term.write(&first);
        let picture = term.picture().await;
        term.dispose();
        let corner = &picture.cells[0][0].style;
        let alike = |cells: &Vec<Cell>| {
            cells
                .iter()
                .all(|cell| cell.style == *corner && cell.text == " ")
        };
        let whole = ["bg=1", "bg=2"].contains(&&**corner) && picture.cells.iter().all(alike);
        if !whole && lossy {
            torn_by_tmux += 1;
            assert!(
                torn_by_tmux <= 10 * wanted,
                "this machine is too busy for tmux to draw a whole picture"
            );
            continue;
        }
        let rows: Vec<_> = picture
            .cells
            .iter()
            .map(|row| (&row[0].style, &row[79].style))
            .collect();
        assert!(
            whole,
            "after {clean} whole pictures one was torn, and not by tmux: {rows:?}"
        );
        seen[usize::from(&**corner == "bg=2")] += 1;
        clean += 1;
    }
    println!("{clean} whole pictures {seen:?}; {torn_by_tmux} torn by tmux itself");
    assert!(
        seen[0] > 0 && seen[1] > 0,
        "both screens were met: {seen:?}"
    );
}
