//! Every rule by itself, then a model that plays both ends.

use super::*;
use crate::config::limits::{HASTY_BYTES, UNACKED_BYTES};
use crate::terminal::{Generation, Terminal, Widths};
use crate::tmux::{SessionId, StatusLine, Windows};
use proptest::prelude::*;
use std::time::Duration;

const ME: ViewerId = ViewerId(7);
const SMALL: Size = Size { cols: 20, rows: 5 };

fn state() -> State {
    State::new(Label {
        id: SessionId(1),
        name: "work".into(),
    })
}

/// A bridge's side: a terminal and the state it publishes.
struct Source {
    terminal: Terminal,
    state: State,
    squeezer: Arc<Squeezer>,
}

impl Source {
    fn new() -> Self {
        let terminal = Terminal::new(SMALL, Arc::new(Widths::default()), Generation(0));
        Self {
            terminal,
            state: state(),
            squeezer: Arc::default(),
        }
    }

    fn draw(&mut self, text: &str) -> &State {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            bytes = &bytes[self.terminal.feed(bytes)..];
        }
        self.publish()
    }

    fn publish(&mut self) -> &State {
        let screen = self.terminal.screen();
        let known = self.state.picture.as_ref();
        if known.is_none_or(|known| !Arc::ptr_eq(&known.screen, &screen)) {
            let picture = Picture::new(screen, Arc::clone(&self.squeezer));
            self.state.picture = Some(Arc::new(picture));
        }
        &self.state
    }

    fn frame(&self, shown: Option<&Arc<Screen>>) -> Output {
        Output::Frame(self.picture().frame(shown))
    }

    fn picture(&self) -> &Arc<Picture> {
        self.state.picture.as_ref().expect("published")
    }

    fn screen(&self) -> Arc<Screen> {
        self.picture().screen.clone()
    }
}

fn all(viewer: &mut Viewer, state: &State, now: Instant) -> Vec<Output> {
    std::iter::from_fn(|| viewer.next(state, now)).collect()
}

fn frames(outputs: &[Output]) -> usize {
    let frame = |output: &&Output| matches!(output, Output::Frame(_));
    outputs.iter().filter(frame).count()
}

/// A visible viewer that has the first picture of a source.
fn opened(now: Instant) -> (Source, Viewer) {
    let mut source = Source::new();
    source.draw("hello");
    let mut viewer = Viewer::new(ME, true);
    assert_eq!(frames(&all(&mut viewer, &source.state, now)), 1);
    (source, viewer)
}

#[test]
fn the_first_picture_is_size_and_repaint_and_then_the_rest() {
    let now = Instant::now();
    let mut source = Source::new();
    let mut viewer = Viewer::new(ME, true);
    source.state.drive = 1;
    assert_eq!(all(&mut viewer, &source.state, now), []);
    source.draw("\x1b]0;vim\x07hello");
    let expected = [
        Output::Size(SMALL),
        source.frame(None),
        Output::Title("vim".into()),
        Output::Viewers { drive: 1, view: 0 },
    ];
    assert_eq!(all(&mut viewer, &source.state, now), expected);
    assert_eq!(all(&mut viewer, &source.state, now), []);
    assert_eq!(viewer.wake_at(), None);
}

#[test]
fn windows_are_told_after_the_first_picture_and_when_they_change() {
    let now = Instant::now();
    let windows = |more| {
        let (status, windows) = (StatusLine::default(), vec![]);
        Arc::new(Windows {
            status,
            windows,
            more,
            extended_keys: None,
        })
    };
    for visible in [true, false] {
        let mut source = Source::new();
        let mut viewer = Viewer::new(ME, visible);
        source.state.windows = Some(windows(1));
        assert_eq!(all(&mut viewer, &source.state, now), []);
        source.draw("x");
        let told = |outputs: Vec<Output>| {
            let mut told = outputs.into_iter();
            let first = told.find(|output| matches!(output, Output::Windows(_)));
            assert!(told.all(|output| !matches!(output, Output::Frame(_) | Output::Windows(_))));
            first
        };
        let first = Some(Output::Windows(windows(1)));
        assert_eq!(told(all(&mut viewer, &source.state, now)), first);
        source.state.windows = Some(windows(1));
        assert_eq!(all(&mut viewer, &source.state, now), [], "the same again");
        source.state.windows = Some(windows(2));
        let second = Some(Output::Windows(windows(2)));
        assert_eq!(told(all(&mut viewer, &source.state, now)), second);
    }
}

#[test]
fn a_refusal_is_told_to_who_wanted_it() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    for (to, serial, told) in [(ViewerId(8), 1, 0), (ME, 2, 1), (ME, 3, 1)] {
        let value = "no".into();
        source.state.remark = Some(Addressed { to, serial, value });
        let outputs = all(&mut viewer, &source.state, now);
        assert_eq!(outputs, vec![Output::Remark("no".into()); told]);
    }
}

#[test]
fn an_empty_title_is_told_once_too() {
    let now = Instant::now();
    let mut source = Source::new();
    let mut viewer = Viewer::new(ME, true);
    source.draw("x");
    let outputs = all(&mut viewer, &source.state, now);
    assert!(outputs.contains(&Output::Title("".into())));
    source.draw("y");
    assert_eq!(all(&mut viewer, &source.state, now).len(), 1);
}

#[test]
fn afterwards_deltas_from_what_is_shown_skip_what_is_between() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    let shown = source.screen();
    source.draw(" world");
    source.draw("!");
    let delta = source.frame(Some(&shown));
    assert_eq!(all(&mut viewer, &source.state, now), [delta]);
}

#[test]
fn a_picture_that_looks_the_same_is_not_sent() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    source.draw("x");
    source.draw("\x08\x1b[K");
    assert_eq!(all(&mut viewer, &source.state, now), []);
    let shown = source.screen();
    source.draw("z");
    let delta = source.frame(Some(&shown));
    assert_eq!(all(&mut viewer, &source.state, now), [delta]);
}

#[test]
fn who_is_far_behind_gets_a_repaint() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    for n in 0..=GENERATIONS_BEHIND {
        source.draw(&format!("\r{n}"));
    }
    let repaint = source.frame(None);
    assert_eq!(all(&mut viewer, &source.state, now), [repaint]);
}

#[test]
fn a_new_size_comes_before_its_repaint() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    let size = Size { cols: 30, rows: 6 };
    source.terminal.resize(size);
    source.draw("\x1b[Hagain");
    let expected = [Output::Size(size), source.frame(None)];
    assert_eq!(all(&mut viewer, &source.state, now), expected);
}

#[test]
fn hidden_viewers_get_messages_but_no_frames_and_no_size() {
    let now = Instant::now();
    let mut source = Source::new();
    source.draw("\x1b]0;t\x07x");
    let mut viewer = Viewer::new(ME, false);
    let outputs = all(&mut viewer, &source.state, now);
    assert_eq!(
        outputs,
        [
            Output::Title("t".into()),
            Output::Viewers { drive: 0, view: 0 }
        ]
    );
    viewer.set_visible(true);
    let expected = [Output::Size(SMALL), source.frame(None)];
    assert_eq!(all(&mut viewer, &source.state, now), expected);
    viewer.set_visible(false);
    source.draw("y");
    assert_eq!(all(&mut viewer, &source.state, now), []);
    viewer.set_visible(true);
    let later = now + REPAINT_INTERVAL;
    let repaint = source.frame(None);
    assert_eq!(all(&mut viewer, &source.state, later), [repaint]);
}

#[test]
fn showing_and_hiding_does_not_buy_more_repaints() {
    let now = Instant::now();
    let (source, mut viewer) = opened(now);
    let mut sent = 0;
    for n in 0..1000 {
        let at = now + Duration::from_millis(n);
        viewer.set_visible(false);
        viewer.set_visible(true);
        sent += frames(&all(&mut viewer, &source.state, at));
    }
    assert_eq!(sent, 10);
}

#[test]
fn resync_is_rate_limited_and_remembered() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    viewer.resync(now);
    assert_eq!(
        all(&mut viewer, &source.state, now),
        [source.frame(None)],
        "also of an equal picture"
    );
    viewer.resync(now);
    let shown = source.screen();
    source.draw("z");
    let delta = source.frame(Some(&shown));
    assert_eq!(
        all(&mut viewer, &source.state, now),
        [delta],
        "deltas go on meanwhile"
    );
    let at = viewer.wake_at().expect("the repaint is remembered");
    assert_eq!(at, now + REPAINT_INTERVAL);
    assert_eq!(all(&mut viewer, &source.state, at), [source.frame(None)]);
    assert_eq!(viewer.wake_at(), None);
}

#[test]
fn the_window_holds_frames_back_until_an_ack() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    viewer.acked(viewer.window().sent(), now);
    let mut before = viewer.window().sent();
    for n in 0u64.. {
        source.draw(&format!("\x1b[H{n:0100}"));
        if all(&mut viewer, &source.state, now).is_empty() {
            break;
        }
        assert!(viewer.window().sent() - before <= UNACKED_BYTES);
    }
    source.draw("\x1b]0;new title\x07");
    assert_eq!(
        all(&mut viewer, &source.state, now),
        [Output::Title("new title".into())],
        "messages are not held back"
    );
    before = viewer.window().sent();
    viewer.acked(before, now);
    assert_eq!(frames(&all(&mut viewer, &source.state, now)), 1);
}

#[test]
fn who_is_late_is_sent_no_more_until_an_ack_or_a_long_time() {
    let mut now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    let page = |n: u64| {
        format!(
            "\x1b[2J\x1b[H{}",
            "many words ".repeat(9).replace('w', &n.to_string())
        )
    };
    for n in 0..100 {
        viewer.acked(viewer.window().sent(), now);
        source.draw(&page(n));
        assert_eq!(frames(&all(&mut viewer, &source.state, now)), 1);
        now += Duration::from_millis(16);
    }
    let before = viewer.window().sent();
    for n in 100..200 {
        source.draw(&page(n));
        now += Duration::from_millis(16);
        all(&mut viewer, &source.state, now);
    }
    let more = viewer.window().sent() - before;
    assert!(more <= HASTY_BYTES, "{more} bytes: only what is small goes");
    let lapses = viewer.wake_at().expect("it is tried again");
    assert!(lapses > now);
    let early = lapses - Duration::from_millis(1);
    assert_eq!(all(&mut viewer, &source.state, early), []);
    assert_eq!(frames(&all(&mut viewer, &source.state, lapses)), 1);
    assert_eq!(viewer.wake_at(), None, "it has the newest picture");
    source.draw(&page(200));
    now = lapses + Duration::from_millis(100);
    assert_eq!(all(&mut viewer, &source.state, now), [], "late again");
    viewer.acked(viewer.window().sent(), now);
    assert_eq!(frames(&all(&mut viewer, &source.state, now)), 1);
}

#[test]
fn renames_presence_and_notices_are_told_when_they_change() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    source.state.session.name = "play".into();
    source.state.view = 3;
    source.state.notice = Some("trouble".into());
    let expected = [
        Output::Notice("trouble".into()),
        Output::Session(source.state.session.clone()),
        Output::Viewers { drive: 0, view: 3 },
    ];
    assert_eq!(all(&mut viewer, &source.state, now), expected);
    source.state.notice = None;
    assert_eq!(
        all(&mut viewer, &source.state, now),
        [Output::Notice("".into())]
    );
}

#[test]
fn trouble_before_the_first_picture_is_told() {
    let mut viewer = Viewer::new(ME, true);
    let mut state = state();
    state.notice = Some("trouble".into());
    let outputs = all(&mut viewer, &state, Instant::now());
    assert_eq!(outputs, [Output::Notice("trouble".into())]);
}

#[test]
fn what_is_addressed_to_another_is_not_mine() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    let to = |to: ViewerId, serial: u64| {
        Some(Addressed {
            to,
            serial,
            value: Arc::from("text"),
        })
    };
    source.state.clipboard = to(ViewerId(8), 1);
    assert_eq!(all(&mut viewer, &source.state, now), []);
    source.state.clipboard = to(ME, 2);
    let told = [Output::Clipboard("text".into())];
    assert_eq!(all(&mut viewer, &source.state, now), told);
    assert_eq!(all(&mut viewer, &source.state, now), []);
    source.state.clipboard = to(ME, 3);
    assert_eq!(all(&mut viewer, &source.state, now), told, "again");
    let label = Label {
        id: SessionId(2),
        name: "other".into(),
    };
    source.state.moved = Some(Addressed {
        to: ME,
        serial: 1,
        value: label.clone(),
    });
    assert_eq!(all(&mut viewer, &source.state, now), [Output::Moved(label)]);
    assert_eq!(all(&mut viewer, &source.state, now), []);
}

#[test]
fn bells_ring_at_most_once_a_second_and_the_last_is_not_lost() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    source.state.bells = 1;
    assert_eq!(all(&mut viewer, &source.state, now), [Output::Bell]);
    source.state.bells = 5;
    let soon = now + Duration::from_millis(300);
    assert_eq!(all(&mut viewer, &source.state, soon), []);
    let at = viewer.wake_at().expect("one more to ring");
    assert_eq!(at, now + BELL_INTERVAL);
    assert_eq!(all(&mut viewer, &source.state, at), [Output::Bell]);
    assert_eq!(viewer.wake_at(), None);
}

#[test]
fn bells_from_before_are_not_mine() {
    let mut source = Source::new();
    source.state.bells = 9;
    source.draw("x");
    let mut viewer = Viewer::new(ME, true);
    let outputs = all(&mut viewer, &source.state, Instant::now());
    assert!(!outputs.contains(&Output::Bell));
}

#[test]
fn the_end_comes_once_and_last() {
    let now = Instant::now();
    let (mut source, mut viewer) = opened(now);
    source.draw("more");
    source.state.ended = Some(End::SessionEnded);
    assert_eq!(
        all(&mut viewer, &source.state, now),
        [Output::End(End::SessionEnded)]
    );
    viewer.resync(now);
    assert_eq!(all(&mut viewer, &source.state, now), []);
    assert_eq!(viewer.wake_at(), None);
}

/// What may happen between two wake-ups.
#[derive(Debug, Clone)]
enum Act {
    Draw(String),
    Resize(u16, u16),
    Ack(u8),
    Visible(bool),
    Resync,
    Bell,
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => "[a-z \r\n]{0,30}".prop_map(Act::Draw),
        1 => Just(Act::Draw("\x1b[2J\x1b[3;3H\x1b[1;31mred\x1b[m".into())),
        1 => Just(Act::Draw("\x1b]0;title\x07".into())),
        1 => (5u16..40, 2u16..10).prop_map(|(cols, rows)| Act::Resize(cols, rows)),
        3 => (0u8..=100).prop_map(Act::Ack),
        1 => any::<bool>().prop_map(Act::Visible),
        1 => Just(Act::Resync),
        1 => Just(Act::Bell),
        3 => (0u16..400).prop_map(Act::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A viewer's terminal, fed by nothing but its outputs, shows the bridge's screen whenever
    /// there is nothing more to send and nothing in its way.
    #[test]
    fn the_viewer_ends_up_with_the_picture(acts in prop::collection::vec(act(), 0..60)) {
        let mut now = Instant::now();
        let mut source = Source::new();
        source.draw("start");
        let mut viewer = Viewer::new(ME, true);
        let mut far = Terminal::new(SMALL, Widths::of_viewers(), Generation(0));
        let (mut size, mut visible) = (None, true);
        let mut last_bell: Option<Instant> = None;
        for act in acts {
            match act {
                Act::Draw(text) => { source.draw(&text); }
                Act::Resize(cols, rows) => {
                    source.terminal.resize(Size { cols, rows });
                    source.publish();
                }
                Act::Ack(percent) => viewer.acked(viewer.window().sent() * u64::from(percent) / 100, now),
                Act::Visible(is) => { visible = is; viewer.set_visible(is); }
                Act::Resync => viewer.resync(now),
                Act::Bell => source.state.bells += 1,
                Act::Wait(ms) => now += Duration::from_millis(ms.into()),
            }
            while let Some(output) = viewer.next(&source.state, now) {
                match output {
                    Output::Size(new) => { size = Some(new); }
                    Output::Frame(frame) => {
                        prop_assert!(visible, "no frames while hidden");
                        if let Some(size) = size.take() { far.resize(size); }
                        let mut bytes = frame.payload();
                        while !bytes.is_empty() { bytes = &bytes[far.feed(bytes)..]; }
                    }
                    Output::Bell => {
                        prop_assert!(last_bell.is_none_or(|last| now >= last + BELL_INTERVAL));
                        last_bell = Some(now);
                    }
                    Output::End(_) => prop_assert!(false, "it has not ended"),
                    _ => {}
                }
            }
            prop_assert!(viewer.wake_at().is_none_or(|at| at > now), "it would spin");
            let in_flight = viewer.window().acked().map_or(0, |acked| viewer.window().sent() - acked);
            prop_assert!(in_flight <= UNACKED_BYTES);
            if visible && viewer.wake_at().is_none() {
                let (here, there) = (source.screen(), far.screen());
                prop_assert_eq!(here.size, there.size);
                let text = |screen: &Screen| screen.rows.iter().map(|row| row.text()).collect::<Vec<_>>();
                prop_assert_eq!(text(&here), text(&there));
                prop_assert_eq!((here.cursor.row, here.cursor.col), (there.cursor.row, there.cursor.col));
            }
        }
    }
}
