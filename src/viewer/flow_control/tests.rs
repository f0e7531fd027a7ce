use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Between two frames of a program that always draws.
const FRAME: Duration = Duration::from_millis(16);
/// The smallest step of a [`Far`].
const TICK: Duration = Duration::from_millis(1);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// When someone acks.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// There and back.
    trip: Duration,
    /// After so many bytes.
    bytes: u64,
    /// Or so long after the first that is not acked.
    wait: Option<Duration>,
    /// Bytes its line takes in a millisecond.
    line: u64,
}

impl Manner {
    /// The page of `static/connection.js`.
    const fn page(trip: Duration) -> Self {
        Self {
            trip,
            bytes: 16 * 1024,
            wait: Some(Duration::from_millis(200)),
            line: u64::MAX,
        }
    }

    /// Acks each frame.
    const fn prompt(trip: Duration) -> Self {
        Self {
            bytes: 1,
            ..Self::page(trip)
        }
    }
}

/// A viewer and the way to it.
struct Far {
    window: Window,
    now: Instant,
    manner: Manner,
    /// When what arrives, in total; frames may wait for the line.
    coming: VecDeque<(Instant, u64)>,
    line_free: Instant,
    acks: VecDeque<(Instant, u64)>,
    parsed: u64,
    told: Option<u64>,
    owes_since: Option<Instant>,
    stalled: bool,
}

impl Far {
    fn new(manner: Manner) -> Self {
        let now = Instant::now();
        Self {
            window: Window::default(),
            now,
            manner,
            coming: VecDeque::new(),
            line_free: now,
            acks: VecDeque::new(),
            parsed: 0,
            told: None,
            owes_since: None,
            stalled: false,
        }
    }

    /// Whether a frame went.
    fn offer(&mut self, bytes: u64) -> bool {
        let admitted = self.window.admits(bytes, self.now);
        if admitted {
            self.window.send(bytes, self.now);
            let millis = bytes.checked_div(self.manner.line).unwrap_or(0);
            self.line_free = self.line_free.max(self.now) + ms(millis);
            let arrives = self.line_free + self.manner.trip / 2;
            self.coming.push_back((arrives, self.window.sent()));
        }
        admitted
    }

    fn tick(&mut self) {
        self.now += TICK;
        let now = self.now;
        while let Some((_, total)) = self.acks.pop_front_if(|(at, _)| *at <= now) {
            self.window.ack(total, now);
        }
        if self.stalled {
            return;
        }
        while let Some((_, total)) = self.coming.pop_front_if(|(at, _)| *at <= now) {
            self.parsed = total;
            self.owes_since.get_or_insert(now);
            if self
                .told
                .is_none_or(|told| total - told >= self.manner.bytes)
            {
                self.ack();
            }
        }
        let wait = self.owes_since.zip(self.manner.wait);
        if wait.is_some_and(|(since, wait)| now >= since + wait) {
            self.ack();
        }
    }

    fn ack(&mut self) {
        self.told = Some(self.parsed);
        self.owes_since = None;
        let arrives = self.now + self.manner.trip / 2;
        self.acks.push_back((arrives, self.parsed));
    }

    /// Offers frames for so long; how many went, and the most that were under way.
    fn watch(&mut self, bytes: u64, every: Duration, time: Duration) -> (u64, u64) {
        let (end, mut next) = (self.now + time, self.now);
        let (mut went, mut most, mut wanted) = (0, 0, false);
        while self.now < end {
            if self.now >= next {
                (wanted, next) = (true, next + every);
            }
            // As a viewer does: the newest picture goes once it may.
            if wanted && self.offer(bytes) {
                (wanted, went) = (false, went + 1);
                most = most.max(self.window.in_flight().unwrap_or(0));
            }
            self.tick();
        }
        (went, most)
    }
}

#[test]
fn a_viewer_that_never_acks_is_not_held_back() {
    let mut window = Window::default();
    let now = Instant::now();
    window.send(10 * UNACKED_BYTES, now);
    assert!(window.admits(u64::MAX, now + ms(10_000)));
}

#[test]
fn one_large_frame_may_go_when_nothing_is_in_flight() {
    let (mut window, now) = (Window::default(), Instant::now());
    window.send(10, now);
    window.ack(10, now);
    assert!(window.admits(2 * UNACKED_BYTES, now));
    window.send(2 * UNACKED_BYTES, now);
    assert!(!window.admits(1, now));
    window.ack(10 + UNACKED_BYTES, now);
    assert!(!window.admits(1, now), "still a whole window in flight");
    window.ack(10 + 2 * UNACKED_BYTES, now);
    assert!(window.admits(1, now));
}

#[test]
fn a_lying_ack_neither_goes_back_nor_ahead() {
    let (mut window, now) = (Window::default(), Instant::now());
    window.send(100, now);
    window.ack(u64::MAX, now);
    assert_eq!(window.acked(), Some(100));
    window.ack(3, now);
    assert_eq!(window.acked(), Some(100));
}

#[test]
fn a_handed_over_window_goes_on() {
    let now = Instant::now();
    let window = Window::carried(500, Some(400));
    assert_eq!((window.sent(), window.acked()), (500, Some(400)));
    assert!(!window.admits(UNACKED_BYTES, now));
    assert!(window.admits(UNACKED_BYTES - 100, now), "nothing is late");
}

#[test]
fn a_prompt_viewer_that_stops_has_one_frame_under_way() {
    let mut far = Far::new(Manner::prompt(ms(2)));
    far.watch(2000, FRAME, ms(2000));
    far.stalled = true;
    let (went, most) = far.watch(2000, FRAME, ms(15_000));
    assert!(went <= 2 && most <= 4000, "{went} frames, {most} bytes");
}

#[test]
fn a_page_that_stops_has_what_it_takes_until_it_acks_under_way() {
    let mut far = Far::new(Manner::page(ms(2)));
    far.watch(2000, FRAME, ms(5000));
    far.stalled = true;
    let (_, most) = far.watch(2000, FRAME, ms(15_000));
    assert!(most <= 48 * 1024, "{most} bytes");
}

#[test]
fn a_page_far_away_sees_every_frame() {
    for trip in [1, 50, 200, 500] {
        let mut far = Far::new(Manner::page(ms(trip)));
        let (went, most) = far.watch(2000, FRAME, ms(16_000));
        assert!(went >= 990, "{trip} ms: {went} frames of 1000");
        assert!(most <= UNACKED_BYTES);
    }
}

#[test]
fn what_is_typed_waits_for_nobody() {
    // Each key makes a line of the screen anew; acks wait for 200 ms, or do not come.
    let mut far = Far::new(Manner::page(ms(20)));
    far.watch(40_000, FRAME, ms(3000));
    let (went, _) = far.watch(60, ms(40), ms(4000));
    assert!(went >= 99, "{went} of 100 echoes");
    let mut far = Far::new(Manner::prompt(ms(1)));
    far.watch(60, ms(40), ms(4000));
    far.stalled = true;
    let (went, _) = far.watch(60, ms(40), ms(400));
    assert_eq!(went, 10);
}

#[test]
fn a_full_screen_in_every_colour_is_as_fast_as_its_line() {
    // 400 KiB take 8 ms: one goes at a time, as more than one is too much under way.
    let line = 50 * 1024;
    let mut far = Far::new(Manner {
        line,
        ..Manner::page(ms(4))
    });
    let (went, _) = far.watch(400 * 1024, FRAME, ms(1600));
    assert!(went >= 98, "{went} of 100 frames");
}

#[test]
fn a_stall_is_soon_forgotten() {
    let mut far = Far::new(Manner::prompt(ms(2)));
    far.watch(2000, FRAME, ms(2000));
    for _ in 0..5 {
        far.stalled = true;
        far.watch(2000, FRAME, ms(15_000));
        far.stalled = false;
        let (went, _) = far.watch(2000, FRAME, ms(1600));
        assert!(went >= 98, "{went} of 100 frames");
    }
    far.stalled = true;
    let (_, most) = far.watch(2000, FRAME, ms(15_000));
    assert!(most <= 4000, "{most} bytes");
}

#[test]
fn who_came_back_from_hidden_is_not_late() {
    let mut far = Far::new(Manner::prompt(ms(2)));
    far.watch(2000, FRAME, ms(1000));
    far.stalled = true;
    far.watch(2000, FRAME, ms(1000));
    assert!(!far.window.admits(2000, far.now));
    far.window.excuse();
    assert!(far.window.admits(2000, far.now));
}

#[test]
fn an_ack_that_never_comes_lets_a_frame_go_now_and_then() {
    let mut far = Far::new(Manner::prompt(ms(2)));
    far.watch(2000, FRAME, ms(1000));
    far.stalled = true;
    far.watch(2000, FRAME, ms(1000));
    let lapses = far.window.lapses_at().expect("one waits");
    assert!(!far.window.admits(2000, lapses - TICK));
    assert!(far.window.admits(2000, lapses));
    far.now = lapses;
    assert!(far.offer(2000));
    assert_eq!(far.window.lapses_at(), Some(lapses + ACK_LAPSE));
    assert!(!far.window.admits(2000, lapses + ms(100)));
}

fn manner() -> impl Strategy<Value = Manner> {
    let bytes = prop_oneof![Just(1), 1000u64..100_000];
    let wait = prop_oneof![Just(None), (0u64..1000).prop_map(|wait| Some(ms(wait)))];
    let line = prop_oneof![Just(u64::MAX), 20u64..10_000];
    (0u64..600, bytes, wait, line).prop_map(|(trip, bytes, wait, line)| Manner {
        trip: ms(trip),
        bytes,
        wait,
        line,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a viewer acks, by bytes or by time, it is sent pictures as long as it does, and never
    /// more than the contract allows.
    #[test]
    fn nobody_is_stuck(
        manner in manner(),
        scenes in prop::collection::vec((1u64..30_000, 16u64..500, 200u64..3000), 1..8),
    ) {
        let mut far = Far::new(manner);
        for (bytes, every, time) in scenes {
            let (_, most) = far.watch(bytes, ms(every), ms(time));
            prop_assert!(most <= UNACKED_BYTES);
            // What it last asked for goes within the time its line and its acks need.
            let slow = UNACKED_BYTES.checked_div(manner.line).unwrap_or(0);
            let end = far.now + ms(slow) + 3 * manner.trip + 2 * manner.wait.unwrap_or_default() + ms(100);
            while !far.window.admits(bytes, far.now) {
                prop_assert!(far.now < end, "it is stuck");
                far.tick();
            }
        }
    }
}

#[test]
fn too_early_is_remembered() {
    let now = Instant::now();
    let mut seldom = Seldom::every(Duration::from_millis(100));
    assert!(!seldom.due(now));
    seldom.want();
    assert!(seldom.due(now));
    seldom.done(now);
    seldom.want();
    let early = now + Duration::from_millis(99);
    assert!(!seldom.due(early));
    let at = seldom.wake_at().expect("it is wanted");
    assert!(seldom.due(at));
}
