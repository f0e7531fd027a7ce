use super::super::clock;
use super::super::driver::Closed;
use super::*;
use crate::tmux::{SessionId, WindowAct};
use bytes::Bytes;
use std::pin::Pin;

const DRIVER: Join = Join {
    drive: true,
    size: Some(Size { cols: 80, rows: 24 }),
    visible: true,
    resume: false,
    outvoted: false,
    confined: false,
};
const SPECTATOR: Join = Join {
    drive: false,
    ..DRIVER
};

fn open() -> (Handle, Ends) {
    let label = Label {
        id: SessionId(1),
        name: "work".into(),
    };
    Handle::open(label, SizePolicy::Latest, clock::now())
}

async fn waits(it: Pin<&mut impl Future>) -> bool {
    tokio::select! {
        biased;
        _ = it => false,
        () = std::future::ready(()) => true,
    }
}

fn here(ends: &Ends) -> (u32, u32, bool) {
    let roster = ends.shared.roster();
    (roster.drive, roster.view, roster.empty_since.is_some())
}

#[test]
fn a_seat_leaves_however_it_is_dropped() {
    let (handle, ends) = open();
    assert_eq!(here(&ends), (0, 0, true));
    let driver = handle.join(DRIVER).expect("there is room");
    let spectator = handle.join(SPECTATOR).expect("there is room");
    assert_ne!(driver.viewer(), spectator.viewer());
    assert_eq!(here(&ends), (1, 1, false));
    drop(driver);
    assert_eq!(here(&ends), (0, 1, false));
    assert_eq!(ends.shared.roster().sizing.wish(), None);
    drop(spectator);
    assert_eq!(here(&ends), (0, 0, true));
}

#[test]
fn a_spectator_neither_types_nor_counts_for_the_size() {
    let (handle, ends) = open();
    let seat = handle.join(SPECTATOR).expect("there is room");
    seat.set_visible(true);
    assert!(seat.driver().is_none());
    assert_eq!(ends.shared.roster().sizing.wish(), None);
    assert_eq!(ends.shared.roster().sizing.leader(), None);
}

#[test]
fn a_glance_keeps_the_bridge_and_counts_for_nothing() {
    let (handle, ends) = open();
    let glance = handle.glance(false).expect("it runs");
    assert_eq!(here(&ends), (0, 0, false));
    assert!(!ends.shared.roster().close_if_empty(), "somebody is here");
    assert_eq!(ends.shared.roster().sizing.leader(), None);
    let seat = handle.join(DRIVER).expect("there is room");
    drop(glance);
    assert_eq!(here(&ends), (1, 0, false));
    let glance = handle.glance(false).expect("it runs");
    drop(seat);
    assert_eq!(here(&ends), (0, 0, false));
    drop(glance);
    assert_eq!(here(&ends), (0, 0, true));
    assert!(ends.shared.roster().close_if_empty());
    assert_eq!(handle.glance(false).err(), Some(Refused::Stopped));
}

#[test]
fn who_left_changes_no_size() {
    let (handle, ends) = open();
    let seat = handle.join(DRIVER).expect("there is room");
    let driver = seat.driver().expect("may type");
    drop(seat);
    driver.resize(Size { cols: 10, rows: 10 });
    assert_eq!(ends.shared.roster().sizing.wish(), None);
}

#[test]
fn a_closed_bridge_takes_nobody() {
    let (handle, ends) = open();
    let seat = handle.join(SPECTATOR).expect("there is room");
    assert!(!ends.shared.roster().close_if_empty(), "somebody is here");
    drop(seat);
    assert!(ends.shared.roster().close_if_empty());
    assert_eq!(handle.join(DRIVER).err(), Some(Refused::Stopped));
}

#[test]
fn no_more_viewers_than_allowed() {
    let (handle, _ends) = open();
    let seats: Vec<_> = (0..VIEWERS_PER_SESSION)
        .map(|_| handle.join(SPECTATOR).expect("there is room"))
        .collect();
    assert_eq!(handle.join(DRIVER).err(), Some(Refused::Full));
    drop(seats);
    assert!(handle.join(DRIVER).is_ok());
}

#[tokio::test]
async fn a_full_queue_holds_the_sender_back() {
    let (handle, mut ends) = open();
    let seat = handle.join(DRIVER).expect("there is room");
    let driver = seat.driver().expect("may type");
    for _ in 0..INPUT_QUEUE {
        driver.input(Bytes::from_static(b"x")).await.expect("open");
    }
    let next = driver.input(Bytes::from_static(b"y"));
    tokio::pin!(next);
    assert!(waits(next.as_mut()).await);
    ends.orders.recv().await.expect("queued");
    assert_eq!(next.await, Ok(()));
}

#[tokio::test]
async fn no_more_is_done_with_windows_than_may_wait() {
    let (handle, mut ends) = open();
    let seat = handle.join(DRIVER).expect("there is room");
    let driver = seat.driver().expect("may type");
    for _ in 0..2 * WINDOW_ACTS {
        driver.window(WindowAct::New).await.expect("open");
    }
    assert_eq!(ends.orders.len(), WINDOW_ACTS);
    drop(ends.orders.recv().await);
    driver.window(WindowAct::New).await.expect("open");
    assert_eq!(ends.orders.len(), WINDOW_ACTS, "there is room again");
}

#[tokio::test]
async fn a_huge_message_waits_for_the_room_it_needs() {
    let (handle, mut ends) = open();
    let seat = handle.join(DRIVER).expect("there is room");
    let driver = seat.driver().expect("may type");
    let huge = Bytes::from(vec![b'x'; 2 * INPUT_BYTES]);
    driver.input(huge.clone()).await.expect("open");
    let next = driver.input(huge);
    tokio::pin!(next);
    assert!(waits(next.as_mut()).await);
    drop(ends.orders.recv().await);
    assert_eq!(next.await, Ok(()));
    drop(ends);
    assert_eq!(driver.input(Bytes::from_static(b"x")).await, Err(Closed));
}
