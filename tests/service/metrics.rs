//! What is counted can be read by a machine: every meter has help and a type, its unit in its name,
//! and counts what really happens.

#![allow(clippy::unwrap_used)] // a failed step is a failed test

use crate::support::{Scene, process, until};
use std::collections::HashMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn scrape(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// The sum of a meter over its labels.
fn value(text: &str, name: &str) -> f64 {
    let samples = text.lines().filter_map(|line| {
        let (sample, value) = line.rsplit_once(' ')?;
        let (family, _) = sample.split_once('{').unwrap_or((sample, ""));
        (family == name).then(|| value.parse::<f64>().unwrap())
    });
    samples.sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_meter_has_help_and_counts() {
    let scene = Scene::open(80, 24).await;
    scene.live.input("echo cou''nted\r".as_bytes());
    scene.live.shows("typed", |p| p.contains("counted\n")).await;
    // One reattach, and one who asks for a foreign host.
    let format = "#{client_tty} #{client_pid}";
    let clients = scene.tmux.cmd(&["list-clients", "-F", format]);
    let referee = scene.referee.tty();
    let ours = clients
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(tty, _)| *tty != referee)
        .unwrap();
    process::signal(ours.1.parse().unwrap(), "KILL");
    let mut strange = TcpStream::connect(("127.0.0.1", scene.service.port))
        .await
        .unwrap();
    strange
        .write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    strange.read_to_end(&mut vec![]).await.unwrap();

    let text = until("everything to be counted", async || {
        let text = scrape(scene.service.port).await;
        let missing: Vec<&str> = [
            "muxview_viewers",
            "muxview_sockets_open",
            "muxview_bridges",
            "muxview_reattaches_total",
            "muxview_pictures_total",
            "muxview_frames_encoded_total",
            "muxview_frame_encoded_bytes_total",
            "muxview_frames_total",
            "muxview_frame_bytes_total",
            "muxview_input_bytes_total",
            "muxview_refusals_total",
            "muxview_http_requests_total",
            "muxview_tmux_query_seconds_count",
            "muxview_build_info",
        ]
        .into_iter()
        .filter(|name| value(&text, name) < 1.0)
        .collect();
        if missing.is_empty() {
            Ok(text)
        } else {
            Err(format!("{missing:?} are 0 in\n{text}"))
        }
    })
    .await;
    assert!(
        text.contains(r#"muxview_refusals_total{reason="host"} 1"#),
        "{text}"
    );
    assert!(
        text.contains(r#"muxview_viewers{role="drive"} 1"#),
        "{text}"
    );
    assert!(text.contains("muxview_tmux_query_seconds_bucket"), "{text}");

    let mut kinds: HashMap<&str, &str> = HashMap::new();
    let mut helped: HashMap<&str, &str> = HashMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            helped.insert(name, help);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            kinds.insert(name, kind);
        } else if let Some(sample) = line
            .split(['{', ' '])
            .next()
            .filter(|name| !name.is_empty())
        {
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| {
                    sample
                        .strip_suffix(end)
                        .filter(|name| kinds.contains_key(name))
                })
                .unwrap_or(sample);
            let kind = kinds
                .get(family)
                .unwrap_or_else(|| panic!("{line} has no type"));
            let help = helped
                .get(family)
                .unwrap_or_else(|| panic!("{line} has no help"));
            assert!(help.len() > 10, "{family}: {help}");
            assert!(family.starts_with("muxview_"), "{family}");
            assert_eq!(
                family.ends_with("_total"),
                *kind == "counter",
                "{family} is a {kind}"
            );
            if *kind == "histogram" {
                assert!(
                    family.ends_with("_seconds"),
                    "{family} has its unit in its name"
                );
            }
        }
    }
    assert!(kinds.len() > 12, "{kinds:?}");
}

#[test]
fn nothing_is_counted_without_help() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let helped = std::fs::read_to_string(root.join("web/gauges.rs")).unwrap();
    let (mut places, mut counted) = (vec![root], 0);
    while let Some(place) = places.pop() {
        if place.is_dir() {
            places.extend(
                std::fs::read_dir(&place)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let text = std::fs::read_to_string(&place).unwrap_or_default();
        for call in text.split("metrics::").skip(1) {
            let name = call
                .split('"')
                .nth(1)
                .filter(|name| name.starts_with("muxview_"));
            if let Some(name) = name.filter(|_| !place.ends_with("gauges.rs")) {
                counted += 1;
                assert!(
                    helped.contains(&format!("\"{name}\"")),
                    "{name} has no help"
                );
            }
        }
    }
    assert!(counted > 10, "{counted}");
}
