//! Viewers that come and go, in bursts and in every way, leave nothing behind.

use crate::support::{Join, Scene, process, soak, until, viewer};
use futures_util::StreamExt as _;

/// Connects and leaves in one of four ways.
async fn visit(url: String, port: u16, way: usize) {
    let Ok(mut socket) = viewer::connect(&url, port, Some("muxview.v1")).await else {
        panic!("refused");
    };
    match way % 4 {
        0 => drop(socket), // the connection just ends
        1 => {
            let _ = socket.close(None).await; // says goodbye, does not wait
        }
        2 => {
            // Stays until its picture has come.
            while let Some(Ok(message)) = socket.next().await {
                if message.is_binary() {
                    break;
                }
            }
        }
        _ => {
            let _ = socket.close(None).await; // says goodbye and waits for the answer
            while let Some(Ok(_)) = socket.next().await {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_two_thousand_visits() {
    let scene = Scene::open(80, 24).await;
    let pid = scene.service.pid();
    let url = scene
        .service
        .socket_url("main", "?cols=80&rows=24&role=view");
    let burst = async || {
        let visits = (0..100).map(|way| tokio::spawn(visit(url.clone(), scene.service.port, way)));
        for visit in visits.collect::<Vec<_>>() {
            visit.await.expect("every visit is answered");
        }
    };
    burst().await; // whatever is made once is made now
    let left = || (process::descriptors(pid), process::children(pid).len());
    let alone = async || scene.live.text_where("viewers", |v| v["view"] == 0).await;
    alone().await;
    let before = until("rest", async || {
        let first = left();
        tokio::time::sleep(10 * crate::support::LOOK_AGAIN).await;
        if left() == first {
            Ok(first)
        } else {
            Err(format!("{first:?}"))
        }
    })
    .await;
    let memory = process::rss_kib(pid);
    for _ in 0..soak(20, 200) {
        burst().await;
    }
    alone().await;
    until("everything to be given back", async || {
        let now = left();
        if now.0 <= before.0 && now.1 <= before.1 {
            Ok(())
        } else {
            Err(format!(
                "(descriptors, children) {now:?}, before {before:?}"
            ))
        }
    })
    .await;
    let grown = process::rss_kib(pid).saturating_sub(memory);
    assert!(grown < 16 * 1024, "{grown} KiB more than before");
    scene.run("echo AFTER ALL").await;
    scene.same("after all", |p| p.contains("AFTER ALL\n")).await;
    let again =
        crate::support::Viewer::join(&scene.service, &scene.xterm, "main", Join::driver(80, 24))
            .await;
    again.opened().await;
}
